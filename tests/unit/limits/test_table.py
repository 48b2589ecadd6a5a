"""Nested limits: all of them grant, or none is charged; and reservations come back when their owner dies."""

from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thriftgate.limits.bucket import TokenBucket
from thriftgate.limits.demand import Charge, Demand, Refused, Settlement, Slot, Taken
from thriftgate.limits.table import LimitTable

BUCKETS = {"key": TokenBucket(5, 1), "team": TokenBucket(8, 2), "gateway": TokenBucket(20, 4)}
STEPS = st.lists(
    st.tuples(
        st.integers(0, 16),
        st.sets(st.sampled_from(sorted(BUCKETS)), min_size=1),
        st.integers(1, 6),
        st.integers(0, 9),
    ),
    max_size=50,
)
"""Eighths of a second, the limits of a request, what is reserved of each, and what is used in the end."""


def demand(name: str, **n: float) -> Demand:
    return Demand(name, tuple(Charge(limit, BUCKETS[limit], amount) for limit, amount in n.items()))


@given(STEPS)
def test_all_limits_grant_or_none_is_charged(steps: list[tuple[int, set[str], int, int]]) -> None:
    table, now = LimitTable(), 0.0
    levels = {name: bucket.capacity for name, bucket in BUCKETS.items()}
    for number, (pause, names, n, used) in enumerate(steps):
        now += pause / 8
        levels = {
            name: min(BUCKETS[name].capacity, level + pause / 8 * BUCKETS[name].refill_per_second)
            for name, level in levels.items()
        }
        asked = demand(str(number), **dict.fromkeys(sorted(names), float(n)))
        verdict = table.take(asked, lease=1000.0, now=now)
        assert isinstance(verdict, Taken) == all(levels[name] >= n for name in names)
        if isinstance(verdict, Taken):
            for name in names:
                levels[name] = min(BUCKETS[name].capacity, levels[name] - used)
            table.settle(Settlement(asked, (float(used),) * len(names)), now=now)


@given(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 3)), max_size=60))
def test_never_more_run_at_once_than_there_are_slots(steps: list[tuple[int, int]]) -> None:
    """Each step: so many seconds pass, then one begins and as many as the second number end."""
    table, now, lease = LimitTable(), 0.0, 10.0
    running: dict[str, tuple[Demand, float]] = {}
    for number, (pause, n_ending) in enumerate(steps):
        now += pause
        running = {name: (one, ends_at) for name, (one, ends_at) in running.items() if ends_at > now}
        asked = Demand(str(number), (), (Slot("s", 3),))
        verdict = table.take(asked, lease=lease, now=now)
        assert isinstance(verdict, Taken) == (len(running) < 3)
        if isinstance(verdict, Taken):
            running[asked.id] = asked, now + lease
            assert verdict.running == (len(running),)
        for name in list(running)[:n_ending]:
            table.settle(Settlement(running.pop(name)[0], ()), now=now)


def test_the_limit_that_is_waited_for_the_longest_is_named_with_its_time() -> None:
    table = LimitTable()
    assert isinstance(table.take(demand("a", key=5.0, gateway=20.0), lease=60, now=0), Taken)
    refused = table.take(demand("b", key=4.0, gateway=4.0), lease=60, now=0)
    assert isinstance(refused, Refused)
    assert (refused.limit, refused.remaining) == ("key", (0.0, 0.0))
    assert refused.retry_after == pytest.approx(4.0, abs=0.01)


def test_a_full_slot_says_no_time_since_nobody_knows_it() -> None:
    table, slots = LimitTable(), (Slot("s", 1),)
    assert isinstance(table.take(Demand("a", (), slots), lease=60, now=0), Taken)
    assert table.take(Demand("b", (), slots), lease=60, now=0) == Refused("s", None, ())


def test_reservations_of_a_dead_owner_come_back_with_their_lease_and_those_renewed_do_not() -> None:
    table = LimitTable()
    dead, alive = demand("dead", gateway=8.0), demand("alive", gateway=8.0)
    for one in (dead, alive):
        table.take(one, lease=10, now=0)
    table.renew((alive,), lease=20, now=5)
    assert table.sweep(now=10) == 1
    taken = table.take(demand("c", gateway=1.0), lease=10, now=10)
    assert isinstance(taken, Taken)
    assert taken.remaining == (19.0,), "20 at most: 4 left, 40 refilled, 8 come back, 1 taken"
    table.settle(Settlement(alive, (0.0,)), now=10)
    assert table.sweep(now=19) == 0


def test_a_lease_that_has_ended_cannot_be_renewed() -> None:
    table, one = LimitTable(), Demand("a", (), (Slot("s", 1),))
    table.take(one, lease=10, now=0)
    table.renew((one,), lease=10, now=10)
    assert isinstance(table.take(Demand("b", (), (Slot("s", 1),)), lease=10, now=10), Taken)


def test_what_is_settled_after_its_reservation_was_given_back_is_charged_in_full() -> None:
    table, one = LimitTable(), demand("a", gateway=10.0)
    table.take(one, lease=1, now=0)
    table.sweep(now=100)
    table.settle(Settlement(one, (6.0,)), now=100)
    taken = table.take(demand("b", gateway=1.0), lease=1, now=100)
    assert isinstance(taken, Taken)
    assert taken.remaining == (13.0,)


def test_full_buckets_and_empty_slots_take_no_memory() -> None:
    table = LimitTable()
    for number in range(100):
        one = Demand(str(number), (Charge(f"key-{number}", TokenBucket(5, 1), 1),), (Slot(f"slot-{number}", 1),))
        table.take(one, lease=1, now=0)
    assert len(table) == 100
    assert table.sweep(now=100) == 100
    table.sweep(now=200)
    assert len(table) == 0


def test_a_demand_names_each_limit_once_and_a_settlement_every_charge() -> None:
    charge = Charge("key", BUCKETS["key"], 1)
    with pytest.raises(ValueError, match="once"):
        Demand("a", (charge, charge))
    with pytest.raises(ValueError, match="each charge"):
        Settlement(Demand("a", (charge,)), ())


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 5), st.integers(0, 8)), max_size=40))
def test_what_is_used_in_the_long_run_is_what_was_settled(steps: list[tuple[str, int, int]]) -> None:
    """No refill to speak of: what is missing in each bucket at the end is what was used."""
    table = LimitTable()
    buckets = {name: TokenBucket(1000, 1e-9) for name in "abc"}
    used_of: defaultdict[str, float] = defaultdict(float)
    for number, (name, n, used) in enumerate(steps):
        asked = Demand(str(number), (Charge(name, buckets[name], n),))
        assert isinstance(table.take(asked, lease=10, now=0), Taken)
        table.settle(Settlement(asked, (float(used),)), now=0)
        used_of[name] += used
    for name in "abc":
        taken = table.take(Demand("last", (Charge(name, buckets[name], 1),)), lease=10, now=0)
        assert isinstance(taken, Taken)
        assert taken.remaining[0] == pytest.approx(1000 - used_of[name] - 1, abs=1e-6)
        table.settle(Settlement(Demand("last", (Charge(name, buckets[name], 1),)), (0.0,)), now=0)


def test_of_equal_waits_and_of_several_full_slots_the_first_is_named() -> None:
    table = LimitTable()
    table.take(demand("a", key=5.0, team=8.0, gateway=20.0), lease=60, now=0)
    refused = table.take(demand("b", gateway=4.0, key=1.0), lease=60, now=0)
    assert isinstance(refused, Refused)
    assert refused.limit == "gateway"
    slots = (Slot("s", 1), Slot("t", 1), Slot("u", 2))
    assert table.take(Demand("c", (), slots), lease=60, now=0) == Taken((), (1, 1, 1))
    assert table.take(Demand("d", (), slots), lease=60, now=0) == Refused("s", None, ())
    assert table.take(Demand("e", (), slots[2:]), lease=60, now=0) == Taken((), (2,))
    mixed = Demand("f", (Charge("key", BUCKETS["key"], 5.0),), slots[:1])
    assert isinstance(refused := table.take(mixed, lease=60, now=0), Refused)
    assert refused.limit == "key", "a slot says no time, a bucket does"


def test_a_renewed_lease_holds_its_slot_and_its_tickets_as_long_and_no_longer() -> None:
    table, one = LimitTable(), Demand("a", (Charge("key", TokenBucket(5, 1e-6), 5.0),), (Slot("s", 1),))
    other = Demand("b", (), (Slot("s", 1),))
    table.take(one, lease=10, now=0)
    assert table.sweep(now=9.9) == 0
    table.renew((one,), lease=10, now=9.9)
    assert isinstance(table.take(other, lease=10, now=19.8), Refused)
    assert table.sweep(now=19.8) == 0
    assert isinstance(table.take(other, lease=10, now=19.9), Taken)
    assert table.sweep(now=19.9) == 1
    taken = table.take(Demand("c", one.charges), lease=10, now=19.9)
    assert isinstance(taken, Taken)
    assert taken.remaining[0] == pytest.approx(0, abs=1e-3)


def test_a_slot_that_was_lost_is_not_renewed() -> None:
    table, slots = LimitTable(), (Slot("s", 1),)
    one, other = Demand("a", (), slots), Demand("b", (), slots)
    table.take(one, lease=10, now=0)
    table.settle(Settlement(one, ()), now=1)
    table.take(other, lease=10, now=1)
    table.renew((one,), lease=100, now=2)
    assert isinstance(table.take(Demand("c", (), slots), lease=10, now=11), Taken)


def test_a_clock_that_goes_back_brings_nobody_back() -> None:
    table, slots = LimitTable(), (Slot("s", 1),)
    one = Demand("a", (), slots)
    table.take(one, lease=10, now=0)
    assert isinstance(table.take(Demand("b", (), slots), lease=10, now=10), Taken)
    table.settle(Settlement(Demand("b", (), slots), ()), now=10)
    table.renew((one,), lease=10, now=5)
    assert table.take(Demand("c", (), slots), lease=10, now=5) == Taken((), (1,))


def test_a_bucket_is_forgotten_a_minute_after_it_was_full() -> None:
    table, one = LimitTable(), Demand("a", (Charge("key", TokenBucket(5, 1), 3.0),), (Slot("s", 1),))
    table.take(one, lease=5, now=0)
    table.settle(Settlement(one, (3.0,)), now=0)
    for now, remembered in ((62.9, 1), (63.0, 1), (63.1, 0)):
        table.sweep(now=now)
        assert len(table) == remembered
