"""The end of a gateway has one time, however many things hang, and says which did."""

import asyncio
import logging
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.virtual_time import run_in_virtual_time

from thriftgate.services.upkeep.jobs import Job, Upkeep
from thriftgate.services.upkeep.shutdown import Shutdown


async def hang(_: float = 0.0) -> None:
    await asyncio.Event().wait()


async def ignore_being_cancelled(_: float = 0.0) -> None:
    """Ends when it is told to a second time: what is left over at a loop's end is."""
    try:
        await hang()
    except asyncio.CancelledError:
        await hang()


@given(
    patience=st.floats(0.01, 600),
    stages=st.lists(st.tuples(st.floats(0, 1), st.lists(st.floats(0, 1000), max_size=4)), max_size=4),
)
def test_all_stages_together_take_no_longer_than_the_patience_and_each_ending_has_its_own_time(
    patience: float, stages: list[tuple[float, list[float]]]
) -> None:
    ended: list[tuple[int, float]] = []

    async def take(told: float, *, number: int, seconds: float) -> None:
        assert 0 <= told <= patience
        await asyncio.sleep(seconds)
        ended.append((number, seconds))

    async def end() -> float:
        loop = asyncio.get_running_loop()
        shutdown = Shutdown(patience)
        for number, (share, durations) in enumerate(stages):
            began = loop.time()
            works = {
                str(place): partial(take, number=number, seconds=seconds) for place, seconds in enumerate(durations)
            }
            await shutdown.stage(works, by=share)
            room = share * patience - began
            for seconds in durations:
                assert seconds >= room * 0.999 - 1e-6 or (number, seconds) in ended
        return loop.time()

    assert run_in_virtual_time(end()) <= patience * 1.001 + 1e-6


def test_what_hangs_is_named_and_what_does_not_has_ended(caplog: pytest.LogCaptureFixture) -> None:
    ended: list[str] = []

    async def end() -> float:
        shutdown = Shutdown(5.0)
        await shutdown.stage(
            {
                "hanging": hang,
                "deaf": ignore_being_cancelled,
                "at once": lambda _: ended.append("at once"),
                "slow": lambda seconds: asyncio.sleep(seconds, ended.append("slow")),
            },
            by=0.6,
        )
        await shutdown.stage({"next": lambda _: ended.append("next")})
        await shutdown.stage({})
        return asyncio.get_running_loop().time()

    with caplog.at_level(logging.WARNING):
        assert run_in_virtual_time(end()) == pytest.approx(3.0)
    assert sorted(caplog.messages) == [f"{name} did not end in time and was left" for name in ("deaf", "hanging")]
    assert ended == ["at once", "slow", "next"]


def test_what_fails_is_named_without_its_words_and_keeps_nobody_from_its_turn(caplog: pytest.LogCaptureFixture) -> None:
    ended: list[str] = []

    def fail(_: float) -> None:
        raise OSError("what the user said")

    async def end() -> float:
        shutdown = Shutdown(5.0)
        await shutdown.stage({"broken": fail, "whole": lambda _: ended.append("whole")}, by=0.5)
        await shutdown.stage({"next": lambda _: ended.append("next")})
        return asyncio.get_running_loop().time()

    with caplog.at_level(logging.WARNING):
        assert run_in_virtual_time(end()) == 0
    assert caplog.messages == ["broken could not be ended: OSError"]
    assert ended == ["whole", "next"]


def test_each_is_told_less_than_it_has_so_that_it_can_say_itself_what_it_lost() -> None:
    told: list[float] = []

    async def end() -> None:
        shutdown = Shutdown(10.0)
        await asyncio.sleep(1.0)
        await shutdown.stage({"first": told.append}, by=0.5)
        await shutdown.stage({"late": told.append}, by=0.1)
        await shutdown.stage({"last": told.append})

    run_in_virtual_time(end())
    assert told == pytest.approx([3.5, 0.0, 8.5])


def test_a_job_that_does_not_heed_the_end_is_named_and_left(caplog: pytest.LogCaptureFixture) -> None:
    async def end() -> float:
        upkeep = Upkeep([Job("deaf", 1.0, ignore_being_cancelled), Job("good", 1.0, hang)])
        upkeep.start()
        await asyncio.sleep(1.0)
        await upkeep.stop(patience=3.0)
        return asyncio.get_running_loop().time()

    with caplog.at_level(logging.WARNING):
        assert run_in_virtual_time(end()) == pytest.approx(4.0)
    assert caplog.messages == ["thriftgate:deaf did not end in time and was left"]
