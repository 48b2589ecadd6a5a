"""A late alarm of our own is no silence of somebody else's, however long the time that is given."""

import asyncio
import threading
from collections.abc import Iterator, Sequence

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.cascade_setup import SURE, Client, Setup
from tests.fakes import Held

from thriftgate.patience import LONG_STEP, Silence, listening
from thriftgate.privacy.findings import Text
from thriftgate.privacy.spans import TextSpan
from thriftgate.stores.files import issuer_keys
from thriftgate.stores.files.clock import SystemClock
from thriftgate.stores.files.issuer_keys import FetchedIssuerKeys
from thriftgate.stores.presidio.analyzer import PresidioAnalyzer
from thriftgate.types import DecisionKind, Status


def stand_still(seconds: float) -> None:
    """Nothing of this process runs: it has no processor, or a thread holds it."""
    threading.Event().wait(seconds)


@given(
    st.sampled_from([1.0, 2.0, 10.0, 60.0]),
    st.lists(st.floats(0.0, 2.0), min_size=1, max_size=200),
)
def test_no_server_is_silent_before_its_time_is_over_by_the_clock(deadline: float, blocks: list[float]) -> None:
    silence, now = Silence(deadline, 0.0), 0.0
    for block in blocks:
        now += silence.step + block
        if silence.look(now):
            assert now >= deadline * 0.998
            return


@given(st.floats(0.05, 1.0))
def test_a_loop_that_is_late_in_every_turn_waits_no_longer_than_the_time_and_forty_turns(block: float) -> None:
    silence, now = Silence(2.0, 0.0), 0.0
    while not silence.look(now := now + silence.step + block):
        assert now < 2.0 + 41 * (silence.step + block)


def test_however_many_look_the_same_time_is_counted_once() -> None:
    silence, now = Silence(10.0, 0.0, LONG_STEP), 0.0
    while not silence.look(now := now + 0.01):
        pass
    assert now == pytest.approx(10.0, abs=0.1)


async def answer_in_a_late_turn(answer: "asyncio.Future[str]") -> None:
    def block() -> None:
        stand_still(0.3)
        asyncio.get_running_loop().call_soon(answer.set_result, "there")

    asyncio.get_running_loop().call_later(0.02, block)


async def test_an_answer_that_is_there_when_our_own_alarm_comes_late_is_taken() -> None:
    answer = asyncio.get_running_loop().create_future()
    await answer_in_a_late_turn(answer)
    async with listening(0.1):
        assert await answer == "there"


async def test_who_says_nothing_while_we_listen_is_given_up_in_time() -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    with pytest.raises(TimeoutError):
        async with listening(0.05):
            await asyncio.Event().wait()
    assert loop.time() - began >= 0.049


async def test_who_waits_without_an_end_waits_without_an_alarm() -> None:
    async with listening(None):
        await asyncio.sleep(0)


async def test_what_is_raised_in_time_is_raised() -> None:
    with pytest.raises(ValueError, match="of its own"):
        async with listening(10.0):
            raise ValueError("of its own")


async def test_a_cheap_answer_that_came_while_we_did_not_run_is_not_paid_for_twice() -> None:
    setup, held = Setup(hold_limit=0.1), Held(SURE)
    setup.completer.enqueue("small", held)
    reading = asyncio.create_task(Client(setup.run).read())
    await held.reached.wait()
    loop = asyncio.get_running_loop()

    def block() -> None:
        stand_still(0.3)
        loop.call_soon(held.release.set)

    loop.call_soon(block)
    await reading
    assert setup.outcome.decision is DecisionKind.ACCEPTED
    assert setup.booked == [("small", Status.OK)]


async def test_a_text_is_not_taken_for_stuck_because_the_process_stood_still() -> None:
    is_let_go = threading.Event()

    def find(text: Text) -> Iterator[Sequence[TextSpan]]:
        is_let_go.wait(30.0)
        yield ()

    analyzer = PresidioAnalyzer(lambda: find, timeout=0.4)
    analysing = asyncio.create_task(analyzer.analyze([Text("Ada wrote")]))
    await asyncio.sleep(0.05)
    stand_still(1.0)
    asyncio.get_running_loop().call_later(0.05, is_let_go.set)
    try:
        assert await analysing == [()]
    finally:
        is_let_go.set()
        analyzer.close()


async def test_the_issuers_keys_that_came_while_we_did_not_run_are_kept(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(issuer_keys, "_PATIENCE", 0.1)
    answer = asyncio.get_running_loop().create_future()
    await answer_in_a_late_turn(answer)

    async def serve(request: httpx.Request) -> httpx.Response:
        await answer
        return httpx.Response(200, json={"keys": []})

    await FetchedIssuerKeys("http://issuer", SystemClock(), transport=httpx.MockTransport(serve)).fetch()
    assert "ValueError" in caplog.text, "it answered, with nothing of use"
    assert "TimeoutError" not in caplog.text
