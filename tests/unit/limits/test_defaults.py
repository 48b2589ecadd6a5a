"""What holds where nobody says otherwise: each number that a deployment gets without asking for it."""

from dataclasses import asdict

from thriftgate.limits.bucket import CLOCK_TOLERANCE, MARGIN
from thriftgate.limits.concurrency import CallOutcome, ConcurrencyPolicy, ConcurrencyState
from thriftgate.limits.estimate import COMPLETION_WEIGHT, Experience
from thriftgate.limits.fading import FadingMean
from thriftgate.limits.ladder import LadderPolicy, LadderState
from thriftgate.limits.negative_cache import NegativeCache
from thriftgate.limits.queue import FairQueue, Waiting
from thriftgate.limits.table import FORGET_AFTER


def test_policies_and_states_begin_where_their_documents_say() -> None:
    assert asdict(ConcurrencyPolicy()) == {"least": 1, "most": 1000, "backoff": 0.7, "tolerance": 2.0}
    assert asdict(LadderPolicy(())) == {
        "steps": (), "climb_at": 0.8, "descend_at": 0.4, "climb_after": 2.0, "descend_after": 10.0,
    }  # fmt: skip
    assert asdict(LadderState()) == {"height": 0, "high_since": None, "low_since": None}
    assert asdict(Experience()) == {"bytes_per_token": 4.0, "completion": 200.0, "deviation": 100.0, "n": 0}
    assert asdict(FadingMean()) == {"total": 0.0, "n": 0.0}
    assert not CallOutcome(0.0, 1.0, 1.0, 1).is_overload
    assert ConcurrencyState(2.0).shrunk_at == float("-inf")
    waiting = Waiting("r", "t", 1.0, 9.0)
    assert (waiting.weight, waiting.band, waiting.limits) == (1.0, 0, frozenset())
    assert (CLOCK_TOLERANCE, MARGIN, COMPLETION_WEIGHT, FORGET_AFTER) == (1.0, 0.001, 4.0, 60.0)


def test_a_caller_is_remembered_from_the_ninth_refusal_of_ten_seconds_for_one() -> None:
    known = NegativeCache[str]()
    for _ in range(8):
        known.note("c", "t", "no", now=0.0, retry_after=99.0)
    assert not known.holds("c", now=0.0)
    known.note("c", "t", "no", now=10.0, retry_after=99.0)
    assert known.refusal("c", "t", now=10.99) == "no"
    assert known.refusal("c", "t", now=11.0) is None
    assert known.refusal("c", "t", now=19.99, is_still=lambda _: True) == "no"
    assert known.refusal("c", "t", now=20.0, is_still=lambda _: True) is None
    late = NegativeCache[str]()
    for place in range(9):
        late.note("c", "t", "no", now=0.0 if place < 8 else 10.01, retry_after=99.0)
    assert not late.holds("c", now=10.01)


def test_four_thousand_and_ninety_six_callers_are_known() -> None:
    known = NegativeCache[str]()
    for place in range(4097):
        known.note(place, "t", "no", now=0.0, retry_after=1.0)
    assert len(known) == 4096


def test_work_is_corrected_in_the_first_band_and_any_request_is_ready_where_none_is_named() -> None:
    queue = FairQueue(quantum=1.0, most=9, most_per_tenant=9)
    queue.add(Waiting("a", "one", 1.0, 9.0))
    queue.add(Waiting("b", "two", 1.0, 9.0))
    queue.settle("one", 1.0)
    assert [one.id for one in (queue.take(), queue.take()) if one] == ["b", "a"]
    assert queue.take() is None
    queue.add(Waiting("c", "one", 3.0, 9.0))
    assert queue.work_before(Waiting("d", "one", 2.0, 9.0)) == 5.0
    assert queue.work_before(Waiting("d", "one", 2.0, 9.0), of=lambda one: one.id != "c") == 2.0
