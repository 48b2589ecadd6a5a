"""Whose failures close a deployment to whom, over any course of failures and successes."""

from hypothesis import given
from hypothesis import strategies as st
from tests.fakes import FakeClock

from thriftgate.proxy.tiers.failings import MOST_CALLERS, Failings

CALLERS = st.sampled_from("abc")
EVENTS = st.lists(st.tuples(st.sampled_from(("failed", "succeeded", "waited")), CALLERS), max_size=40)


def told(events: list[tuple[str, str]]) -> Failings:
    clock = FakeClock()
    failings = Failings(clock.monotonic)
    for kind, caller in events:
        if kind == "failed":
            failings.failed("one", caller, within=30)
        elif kind == "succeeded":
            failings.succeeded("one", caller)
        else:
            clock.advance(10)
    return failings


@given(EVENTS)
def test_what_one_caller_fails_at_closes_nothing_to_others(events: list[tuple[str, str]]) -> None:
    failings = told([(kind, "a" if kind == "failed" else caller) for kind, caller in events] + [("failed", "a")])
    assert not failings.spares("one", "a")
    assert failings.spares("one", "b")
    assert not failings.spares("another", "b")


@given(EVENTS)
def test_what_two_callers_fail_at_is_closed_until_somebody_was_served(events: list[tuple[str, str]]) -> None:
    events = [event for event in events if event[0] != "succeeded"]
    both = [*events, ("failed", "a"), ("failed", "b")]
    assert not told(both).spares("one", "d")
    # What they go on failing at is shown to be their own.
    again = [("succeeded", "d"), ("failed", "b"), ("failed", "a"), ("waited", "d"), ("failed", "b")]
    assert told([*both, *again]).spares("one", "d")
    assert not told([*both, *again]).spares("one", "b")


@given(EVENTS)
def test_a_failure_is_forgotten_in_time(events: list[tuple[str, str]]) -> None:
    failings = told([*events, ("waited", "a"), ("waited", "a"), ("waited", "a")])
    assert not any(failings.has_failed("one", caller) for caller in "abc")


def test_no_more_callers_are_remembered_than_there_is_room_for() -> None:
    failings = told([("failed", str(place)) for place in range(MOST_CALLERS + 10)])
    assert not failings.has_failed("one", "9")
    assert failings.has_failed("one", "10")
    assert not failings.spares("one", "9")
