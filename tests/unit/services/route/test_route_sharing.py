"""Answers shared in time: identical questions at once, and fresh answers behind stale ones."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from tests.fakes import FakeClock, Held, ask, failure, settle
from tests.route_setup import STRONG, SURE, UNSURE, Client, RouteSetup

from thriftgate.services.route.refreshing import RefreshTurns
from thriftgate.types import Answer, Caller, ChatRequest, DecisionKind, PromptRef, Status


def prompted(request: ChatRequest) -> tuple[ChatRequest, PromptRef]:
    reference = PromptRef(name="support", variant="control", version="v1")
    return replace(request, messages=({"role": "system", "content": "Be kind."}, *request.messages)), reference


class Crowd:
    """A leader that is held up, and others that ask the same meanwhile, whole and streamed, in two workers."""

    def __init__(self, setup: RouteSetup, reply: Answer | BaseException = SURE) -> None:
        self.setup = setup
        self.upstream = Held(reply)
        setup.completer.enqueue("small", self.upstream)
        self.workers = [setup.route, setup.worker()]
        self.tasks: list[asyncio.Task[str]] = []

    async def gather(self, count: int, *, stream_leader: bool = False, **fields: Any) -> None:
        self.join("leader", stream=stream_leader, **fields)
        await self.upstream.reached.wait()
        for i in range(count):
            self.join(f"waiter-{i}", stream=i % 2 == 0, worker=i // 2 % 2, **fields)
        await self.setup.wait_for(lambda: sum(self.setup.single_flight.waiting.values()) == count)

    def join(self, name: str, *, stream: bool, worker: int = 0, **fields: Any) -> None:
        request = ask(**{"request_id": name, **fields})
        self.tasks.append(asyncio.create_task(self._ask(request, stream=stream, worker=worker)))

    async def _ask(self, request: ChatRequest, *, stream: bool, worker: int) -> str:
        route = self.workers[worker]
        if stream:
            return await Client(route).read(request)
        return (await route.answer(request, lambda _: None)).text


@pytest.mark.parametrize("stream_leader", [False, True])
async def test_identical_concurrent_requests_are_one_call_upstream(stream_leader: bool) -> None:
    setup = RouteSetup()
    crowd = Crowd(setup)
    await crowd.gather(8, stream_leader=stream_leader)
    crowd.upstream.release.set()
    assert await asyncio.gather(*crowd.tasks) == [SURE.text] * 9
    assert setup.completer.models == ["small"]
    waiters = [record for record in setup.records if record.request_id != "leader"]
    assert len(waiters) == 8
    for record in waiters:
        assert (record.decision, record.reason, record.coalesced) == (DecisionKind.EXACT_HIT, "coalesced", True)
        assert (record.cost_usd, record.tier) == (0.0, "small")
        assert record.saved_usd == pytest.approx(0.16)


async def test_waiters_of_a_stream_get_the_whole_answer_when_it_has_ended() -> None:
    setup = RouteSetup()
    crowd = Crowd(setup, UNSURE)
    await crowd.gather(4, stream_leader=True)
    crowd.upstream.release.set()
    assert await asyncio.gather(*crowd.tasks) == [STRONG.text] * 5
    assert setup.completer.models == ["small", "large"]


async def test_when_the_leader_s_client_leaves_a_waiter_asks_and_the_rest_share_its_answer() -> None:
    setup = RouteSetup()
    crowd = Crowd(setup)
    await crowd.gather(5)
    leader, *waiters = crowd.tasks
    leader.cancel()
    assert await asyncio.gather(*waiters) == [SURE.text] * 5
    assert setup.completer.models == ["small", "small"]
    assert sum(record.coalesced for record in setup.records) == 4
    assert sorted(record.status for record in setup.records) == [Status.CANCELLED] + [Status.OK] * 5


async def test_when_the_leader_fails_every_waiter_asks_for_itself() -> None:
    setup = RouteSetup()
    crowd = Crowd(setup, failure())
    setup.completer.enqueue("large", failure("large"))
    await crowd.gather(4)
    crowd.upstream.release.set()
    found = await asyncio.gather(*crowd.tasks, return_exceptions=True)
    assert isinstance(found[0], Exception)
    assert found[1:] == [SURE.text] * 4
    assert setup.completer.models == ["small", "large"] + ["small"] * 4
    assert not any(record.coalesced for record in setup.records)


async def test_who_waited_for_an_answer_that_is_the_leaders_alone_asks_at_once_and_not_one_after_the_other() -> None:
    setup = RouteSetup(on_strong_failure="serve_rejected")
    crowd = Crowd(setup, UNSURE)
    second = Held(UNSURE)
    setup.completer.standing = {"small": second, "large": failure("large")}
    await crowd.gather(6)
    crowd.upstream.release.set()
    await setup.wait_for(lambda: setup.completer.models.count("small") == 7)  # and none of the six has its answer yet
    second.release.set()
    assert await asyncio.gather(*crowd.tasks) == [UNSURE.text] * 7
    assert not any(record.coalesced for record in setup.records)


@pytest.mark.parametrize(
    "other",
    [
        {"caller": Caller(key_hash="key-2", team_id="team-2")},
        {"caller": Caller()},
        {"params": {"temperature": 0.2}},
        {"messages": ({"role": "user", "content": "another question"},)},
        {"no_cache": True},
        {"no_store": True},
    ],
    ids=["another tenant", "nobody", "other parameters", "another question", "no_cache", "no_store"],
)
async def test_who_may_not_share_an_answer_does_not_wait_for_it(other: dict[str, Any]) -> None:
    setup = RouteSetup()
    crowd = Crowd(setup)
    await crowd.gather(0)
    assert (await setup.answer(ask(**{"request_id": "other", **other}))).text == SURE.text
    assert setup.completer.models == ["small", "small"]
    crowd.upstream.release.set()
    await asyncio.gather(*crowd.tasks)


async def test_a_client_that_wants_to_be_forgotten_hands_its_answer_to_nobody() -> None:
    setup = RouteSetup()
    crowd = Crowd(setup)
    await crowd.gather(0, no_store=True)
    assert (await setup.answer(ask(request_id="other"))).text == SURE.text
    crowd.upstream.release.set()
    await asyncio.gather(*crowd.tasks)
    assert setup.completer.models == ["small", "small"]


async def test_while_the_flights_are_away_everybody_asks() -> None:
    setup = RouteSetup()
    setup.single_flight.is_away = True
    found = await asyncio.gather(*(setup.answer(ask(request_id=f"r{i}")) for i in range(5)))
    assert [answer.text for answer in found] == [SURE.text] * 5
    assert setup.completer.models == ["small"] * 5


STALE = {"ttl": 100, "stale_while_revalidate": 1000}


async def stale_setup(*, is_prompted: bool = False) -> RouteSetup:
    """A route whose only entry is stale, and whose next fresh answer is another one."""
    setup = RouteSetup(prompt=prompted if is_prompted else None, cache=STALE)
    await setup.answer(ask())
    await settle()
    setup.clock.advance(200)
    setup.records.clear()
    setup.completer.history.clear()
    setup.completer.standing["small"] = UNSURE
    return setup


@pytest.mark.parametrize("is_prompted", [False, True])
async def test_a_stale_answer_is_served_at_once_and_a_fresh_one_replaces_it(is_prompted: bool) -> None:
    setup = await stale_setup(is_prompted=is_prompted)
    assert (await setup.answer(ask())).text == SURE.text
    ((entry),) = await setup.entries()
    assert entry.choices[0].text == STRONG.text
    assert (await setup.answer(ask())).text == STRONG.text
    asked = [[message["role"] for message in one.request.messages] for one in setup.completer.history]
    assert asked == [["system", "user"] if is_prompted else ["user"]] * 2


async def test_many_stale_hits_fetch_one_fresh_answer() -> None:
    setup = await stale_setup()
    held = Held(UNSURE)
    setup.completer.enqueue("small", held)
    for i in range(10):
        assert (await setup.answer(ask(request_id=f"r{i}"))).text == SURE.text
        await settle()
    held.release.set()
    await settle()
    assert setup.completer.models == ["small", "large"]


async def test_a_fresh_answer_that_may_not_be_kept_is_not_paid_for_by_every_stale_hit() -> None:
    setup = RouteSetup(cache=STALE, on_strong_failure="serve_rejected")
    await setup.answer(ask())
    await settle()
    setup.clock.advance(200)
    setup.completer.history.clear()
    setup.completer.standing = {"small": UNSURE, "large": failure("large")}
    for i in range(10):
        assert (await setup.answer(ask(request_id=f"r{i}"))).text == SURE.text
        await settle()
    assert setup.completer.models == ["small", "large"]
    setup.clock.advance(30)
    setup.completer.standing["large"] = STRONG
    for i in range(2):
        assert (await setup.answer(ask(request_id=f"later-{i}"))).text == (STRONG if i else SURE).text
        await settle()
    assert setup.completer.models == ["small", "large"] * 2


def test_no_more_entries_are_remembered_than_said() -> None:
    turns = RefreshTurns(FakeClock(), size=2)

    def is_due(name: str) -> bool:
        with turns.turn(name) as due:
            return due

    assert [is_due(name) for name in ("a", "b", "b", "c", "c", "a")] == [True, True, False, True, False, True]


async def test_the_fresh_answer_is_a_request_of_its_own_in_the_books() -> None:
    setup = await stale_setup()
    await setup.answer(ask(request_id="r5"))
    await settle()
    stale, fresh = sorted(setup.records, key=lambda record: len(record.request_id))
    assert (stale.request_id, stale.decision, stale.cost_usd) == ("r5", DecisionKind.EXACT_HIT, 0.0)
    assert (fresh.request_id, fresh.decision) == ("r5-refresh", DecisionKind.ESCALATED)
    assert fresh.cost_usd > 0


async def test_a_fresh_answer_that_does_not_come_leaves_the_stale_one_and_is_tried_again_after_a_while() -> None:
    setup = await stale_setup()
    setup.completer.standing = {"small": failure(), "large": failure("large")}
    for name, tries in (("a", 1), ("b", 1), ("c", 2)):
        setup.clock.advance(29 if name == "b" else 2)
        assert (await setup.answer(ask(request_id=name))).text == SURE.text
        await settle()
        assert setup.background.failures == {"cache_refresh": tries}
    assert [entry.choices[0].text for entry in await setup.entries()] == [SURE.text]


async def test_a_client_that_wants_to_be_forgotten_fetches_nothing_for_others() -> None:
    setup = await stale_setup()
    assert (await setup.answer(ask(no_store=True))).text == SURE.text
    await settle()
    assert setup.completer.history == []
