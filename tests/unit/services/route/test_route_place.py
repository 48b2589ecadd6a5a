"""A route holds its place while models are asked, and only then."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from tests.fakes import FakeClock, Held, ask, failure, settle
from tests.route_setup import STRONG, SURE, UNSURE, Client, RouteSetup

from thriftgate.errors import AllTiersFailedError, OverloadedError
from thriftgate.types import DecisionKind, Status


class NotedPlace:
    """Notes what a request does with it, and what of the models had been asked by then."""

    def __init__(self, setup: RouteSetup, waited: float = 0.0) -> None:
        self.events: list[str] = []
        self._setup = setup
        self._waited = waited

    @asynccontextmanager
    async def held(self) -> AsyncGenerator[float]:
        clock = self._setup.clock
        assert isinstance(clock, FakeClock)
        clock.advance(self._waited)
        self.note("held")
        try:
            yield self._waited
        finally:
            self.leave()

    def lend(self) -> None:
        self.note("lent")

    def leave(self) -> None:
        self.note("left")

    def note(self, what: str) -> None:
        self.events.append(f"{what} {len(self._setup.completer.history)}")


class Places:
    """A place for each request, in the order in which they came."""

    def __init__(self, setup: RouteSetup, waited: float = 0.0) -> None:
        self.made: list[NotedPlace] = []
        self._setup = setup
        self._waited = waited
        setup.place = self

    def __call__(self) -> NotedPlace:
        self.made.append(NotedPlace(self._setup, self._waited))
        return self.made[-1]


async def ask_it(setup: RouteSetup, *, is_stream: bool, name: str = "r") -> str:
    if is_stream:
        return await Client(setup.route).read(ask(request_id=name))
    return (await setup.answer(ask(request_id=name))).text


@pytest.mark.parametrize("is_stream", [False, True])
async def test_one_place_is_held_over_every_call_of_a_cascade(is_stream: bool) -> None:
    setup = RouteSetup()
    setup.completer.standing["small"] = UNSURE
    places = Places(setup)
    assert await ask_it(setup, is_stream=is_stream) == STRONG.text
    assert places.made[0].events[0] == "held 0"
    assert set(places.made[0].events[1:]) == {"left 2"}


@pytest.mark.parametrize("is_stream", [False, True])
async def test_a_hit_takes_none(is_stream: bool) -> None:
    setup = RouteSetup()
    await setup.answer(ask())
    await settle()
    places = Places(setup)
    assert await ask_it(setup, is_stream=is_stream) == SURE.text
    assert places.made[0].events == ["left 1"]


async def test_an_answer_that_was_held_back_is_shown_without_one() -> None:
    setup = RouteSetup()
    places = Places(setup)
    client = Client(setup.route)
    await client.read(ask(), at_most=1)
    assert places.made[0].events[:2] == ["held 0", "left 1"]
    assert len(client.chunks) == 1


async def test_whoever_waits_for_the_same_answer_lends_its_own() -> None:
    setup = RouteSetup()
    upstream = Held(SURE)
    setup.completer.enqueue("small", upstream)
    places = Places(setup)
    leader = asyncio.create_task(ask_it(setup, is_stream=False, name="leader"))
    await upstream.reached.wait()
    follower = asyncio.create_task(ask_it(setup, is_stream=True, name="follower"))
    await setup.wait_for(lambda: sum(setup.single_flight.waiting.values()) == 1)
    assert places.made[1].events == ["lent 1"]
    upstream.release.set()
    assert await asyncio.gather(leader, follower) == [SURE.text] * 2
    assert places.made[1].events == ["lent 1", "left 1"]


async def test_whoever_must_ask_after_all_takes_one() -> None:
    setup = RouteSetup()
    upstream = Held(failure("small"))
    setup.completer.enqueue("small", upstream)
    setup.completer.enqueue("large", failure("large"))
    places = Places(setup)
    leader = asyncio.create_task(ask_it(setup, is_stream=False, name="leader"))
    await upstream.reached.wait()
    follower = asyncio.create_task(ask_it(setup, is_stream=False, name="follower"))
    await setup.wait_for(lambda: sum(setup.single_flight.waiting.values()) == 1)
    upstream.release.set()
    with pytest.raises(AllTiersFailedError):
        await leader
    assert await follower == SURE.text
    assert [event.split()[0] for event in places.made[1].events] == ["lent", "held", "left"]


async def test_whoever_goes_away_while_its_model_works_leaves_it() -> None:
    setup = RouteSetup()
    upstream = Held(SURE)
    setup.completer.enqueue("small", upstream)
    places = Places(setup)
    asking = asyncio.create_task(ask_it(setup, is_stream=False))
    await upstream.reached.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert places.made[0].events[-1] == "left 1"
    assert setup.record.status is Status.CANCELLED


async def test_a_stale_hit_is_renewed_beside_the_places() -> None:
    setup = RouteSetup(cache={"ttl": 100, "stale_while_revalidate": 1000})
    await setup.answer(ask())
    await settle()
    setup.clock.advance(200)
    places = Places(setup)
    await setup.answer(ask(request_id="later"))
    await setup.wait_for(lambda: len(setup.completer.history) == 2)
    await settle()
    assert [place.events for place in places.made] == [["left 1"]]


async def test_the_wait_for_a_place_is_a_stage_of_its_own_and_none_of_our_time() -> None:
    setup = RouteSetup()
    Places(setup, waited=2.5)
    await setup.answer(ask())
    (stage,) = [one for one in setup.record.stages if one.name == "queue"]
    assert stage.duration == pytest.approx(2.5)
    assert setup.record.metadata["overhead_ms"] == pytest.approx(0, abs=1)


async def test_no_place_is_an_error_before_anybody_is_asked() -> None:
    class Full(NotedPlace):
        @asynccontextmanager
        async def held(self) -> AsyncGenerator[float]:
            raise OverloadedError("no place", retry_after=1.0)
            yield 0.0

    setup = RouteSetup()
    setup.place = lambda: Full(setup)
    with pytest.raises(OverloadedError):
        await setup.answer(ask())
    assert not setup.completer.history
    assert setup.record.decision is DecisionKind.FAILED
    setup.place = RouteSetup().place
    assert (await setup.answer(replace(ask(), request_id="next"))).text == SURE.text
