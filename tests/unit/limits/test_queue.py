"""The fair queue: bounded differences between tenants, nobody forgotten, and nothing beyond its bounds."""

from collections import defaultdict, deque
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thriftgate.limits.queue import FairQueue, Waiting

WORKS = st.lists(st.integers(1, 30), min_size=1, max_size=40)


def waiting(request_id: str, tenant: str = "a", work: float = 1.0, **fields: object) -> Waiting:
    defaults: dict[str, object] = {"deadline": 100.0}
    return Waiting(request_id, tenant, work, **(defaults | fields))  # pyright: ignore[reportArgumentType]


def filled(*requests: Waiting, quantum: float = 1.0) -> FairQueue:
    queue = FairQueue(quantum=quantum, most=1000, most_per_tenant=1000)
    for request in requests:
        queue.add(request)
    return queue


def order(queue: FairQueue) -> str:
    taken: list[str] = []
    while (one := queue.take()) is not None:
        taken.append(one.id)
    return " ".join(taken)


@given(
    st.dictionaries(st.sampled_from("abcdef"), st.tuples(WORKS, st.integers(1, 4)), min_size=2),
    st.integers(1, 40),
)
def test_the_work_done_for_two_tenants_that_always_wait_differs_by_a_quantum_and_a_request_of_each(
    tenants: dict[str, tuple[list[int], int]], quantum: int
) -> None:
    queue = FairQueue(quantum=quantum, most=1000, most_per_tenant=1000)
    numbers, left = count(), {name: deque(works) for name, (works, _) in tenants.items()}
    for name, works in left.items():
        for work in (works.popleft(), *(works.popleft() for _ in range(min(1, len(works))))):
            queue.add(waiting(str(next(numbers)), name, work, weight=tenants[name][1]))
    done: defaultdict[str, float] = defaultdict(float)
    largest = {name: max(works) for name, (works, _) in tenants.items()}
    while all(queue.waiting_of(name) for name in tenants):
        served = queue.take()
        assert served is not None
        done[served.tenant] += served.work
        if left[served.tenant]:
            queue.add(
                waiting(
                    str(next(numbers)), served.tenant, left[served.tenant].popleft(), weight=tenants[served.tenant][1]
                )
            )
        for one in tenants:
            for other in tenants:
                w_one, w_other = tenants[one][1], tenants[other][1]
                difference = abs(done[one] / w_one - done[other] / w_other)
                assert difference <= quantum + largest[one] / w_one + largest[other] / w_other


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.integers(1, 50), st.integers(0, 2)), max_size=60))
def test_everyone_who_waits_is_served_once_and_in_the_order_of_their_tenant(
    requests: list[tuple[str, int, int]],
) -> None:
    queue = filled(
        *(waiting(str(n), tenant, work, band=band) for n, (tenant, work, band) in enumerate(requests)), quantum=7
    )
    assert len(queue) == len(requests)
    served: list[Waiting] = []
    while (one := queue.take()) is not None:
        served.append(one)
    assert sorted(int(one.id) for one in served) == list(range(len(requests)))
    assert [one.band for one in served] == sorted(one.band for one in served)
    for tenant in "abcd":
        for band in range(3):
            ids = [int(one.id) for one in served if one.tenant == tenant and one.band == band]
            assert ids == sorted(ids)
    assert len(queue) == 0


@given(st.integers(2, 12), st.integers(2, 60), st.floats(1, 50), st.lists(st.floats(-30, 60), max_size=60))
def test_settled_work_keeps_the_bound_also_where_the_estimates_were_wrong(
    quantum: int, rounds: int, estimate: float, errors: list[float]
) -> None:
    """Tenant `a` is estimated wrongly by the errors; `b` rightly. Actual work differs by no more than it would."""
    queue = FairQueue(quantum=quantum, most=1000, most_per_tenant=1000)
    numbers, done = count(), {"a": 0.0, "b": 0.0}
    wrong = deque(errors)
    worst = max([estimate, *(max(0.5, estimate + error) for error in errors)])
    for tenant in ("a", "b", "a", "b"):
        queue.add(waiting(str(next(numbers)), tenant, estimate))
    for _ in range(rounds):
        served = queue.take()
        assert served is not None
        actual = max(0.5, estimate + wrong.popleft()) if served.tenant == "a" and wrong else estimate
        done[served.tenant] += actual
        queue.settle(served.tenant, actual - estimate)
        queue.add(waiting(str(next(numbers)), served.tenant, estimate))
        assert abs(done["a"] - done["b"]) <= quantum + 2 * worst + estimate


def test_tenants_take_turns_however_many_requests_one_of_them_has() -> None:
    queue = filled(*(waiting(f"a{n}") for n in range(4)), waiting("b0", "b"), waiting("c0", "c"))
    assert order(queue) == "a0 b0 c0 a1 a2 a3"


def test_a_tenant_of_three_times_the_weight_gets_three_times_the_work() -> None:
    queue = filled(*(waiting(f"a{n}") for n in range(3)), *(waiting(f"b{n}", "b", weight=3.0) for n in range(7)))
    assert order(queue) == "a0 b0 b1 b2 a1 b3 b4 b5 a2 b6"


def test_a_request_larger_than_many_quanta_comes_when_its_tenant_has_saved_for_it() -> None:
    queue = filled(waiting("a0", "a", 3.0), *(waiting(f"b{n}", "b") for n in range(4)))
    assert order(queue) == "b0 b1 a0 b2 b3"


def test_a_band_is_served_only_when_nothing_of_those_before_it_is_ready() -> None:
    queue = filled(waiting("later", band=1), waiting("blocked", "b", band=0), waiting("first", "c", band=0))
    ready = [queue.take(lambda one: one.id != "blocked") for _ in range(3)]
    assert [one.id if one else None for one in ready] == ["first", "later", None]
    assert "blocked" in queue


def test_what_may_not_run_is_passed_over_and_gathers_no_credit() -> None:
    queue = filled(*(waiting(f"a{n}", "a", 2.0) for n in range(4)), *(waiting(f"b{n}", "b", 2.0) for n in range(4)))
    for _ in range(3):
        one = queue.take(lambda each: each.tenant == "b")
        assert one is not None
        assert one.tenant == "b"
    assert [one.id for one in (queue.take(), queue.take()) if one] in (["a0", "b3"], ["b3", "a0"])


def test_a_request_that_is_put_back_waits_before_the_others_of_its_tenant_and_has_paid_nothing() -> None:
    queue = filled(*(waiting(f"a{n}") for n in range(3)), waiting("b0", "b"))
    taken = queue.take()
    assert taken is not None
    queue.put_back(taken)
    assert taken.id in queue
    assert order(queue).split().index("a0") < order(filled(taken, waiting("a1"))).split().index("a1")


def test_a_request_that_leaves_is_no_longer_there() -> None:
    queue = filled(waiting("a0"), waiting("a1"), waiting("b0", "b"))
    assert queue.remove("a0") == waiting("a0")
    assert queue.remove("a0") is None
    assert order(queue) == "a1 b0"


def test_whose_deadline_has_passed_is_taken_out() -> None:
    queue = filled(waiting("a0", deadline=1.0), waiting("a1", deadline=3.0), waiting("b0", "b", deadline=1.5))
    assert [one.id for one in queue.overdue(2.0)] == ["a0", "b0"]
    assert order(queue) == "a1"


def test_a_queue_holds_no_more_than_it_may_in_all_and_of_a_tenant() -> None:
    queue = FairQueue(quantum=1, most=3, most_per_tenant=2)
    queue.add(waiting("a0"))
    queue.add(waiting("a1"))
    assert not queue.has_room("a")
    assert queue.has_room("b")
    queue.add(waiting("b0", "b"))
    assert not queue.has_room("c")
    with pytest.raises(ValueError, match="no room"):
        queue.add(waiting("c0", "c"))


def test_an_id_waits_once_and_work_and_weight_are_positive() -> None:
    queue = filled(waiting("a0"))
    with pytest.raises(ValueError, match="no room"):
        queue.add(waiting("a0"))
    with pytest.raises(ValueError, match="above 0"):
        waiting("x", work=0.0)
    with pytest.raises(ValueError, match="above 0"):
        waiting("x", weight=0.0)


def test_a_tenant_that_went_idle_keeps_its_debts_while_others_wait_and_no_longer() -> None:
    queue = filled(waiting("a0"), *(waiting(f"b{n}", "b") for n in range(6)))
    assert queue.take() == waiting("a0")
    queue.settle("a", 3.0)
    queue.add(waiting("a1"))
    assert order(queue) == "b0 b1 b2 b3 a1 b4 b5"
    queue.settle("a", 3.0)
    queue.add(waiting("a2"))
    queue.add(waiting("b6", "b"))
    assert order(queue) == "a2 b6"


def test_the_work_before_a_request_counts_its_tenants_own_and_a_fair_share_of_the_others() -> None:
    queue = filled(
        *(waiting(f"a{n}", "a", 10.0) for n in range(9)),
        waiting("b0", "b", 10.0),
        waiting("urgent", "c", 5.0, band=0),
    )
    newcomer = waiting("d0", "d", 10.0, band=0)
    assert queue.work_before(newcomer) == 10 + 10 + 10 + 5
    assert queue.work_before(waiting("b1", "b", 10.0)) == 20 + 20 + 5
    assert queue.work_before(waiting("later", "d", 1.0, band=1)) == 90 + 10 + 5 + 1
    assert queue.work_before(newcomer, of=lambda one: one.tenant == "b") == 20


def test_a_position_counts_those_who_are_served_before() -> None:
    queue = filled(*(waiting(f"a{n}") for n in range(9)), waiting("b0", "b"))
    assert queue.position_of(waiting("c0", "c")) == 3
    assert queue.position_of(waiting("a9", "a")) == 11
    assert queue.position_of(waiting("b1", "b")) == 4


@given(st.lists(st.sampled_from(["add", "take", "remove", "put_back", "overdue", "settle"]), max_size=80), st.data())
def test_whatever_happens_the_queue_knows_how_many_wait(steps: list[str], data: st.DataObject) -> None:
    queue, numbers, held = FairQueue(quantum=3, most=12, most_per_tenant=6), count(), set[str]()
    taken: list[Waiting] = []
    for now, step in enumerate(steps):
        tenant = data.draw(st.sampled_from("abc"))
        if step == "add" and queue.has_room(tenant):
            number = next(numbers)
            one = waiting(str(number), tenant, 1 + number % 7, deadline=now + number % 9, band=number % 2)
            queue.add(one)
            held.add(one.id)
        elif step == "take" and (one := queue.take()) is not None:
            held.remove(one.id)
            taken.append(one)
        elif step == "remove" and held:
            name = data.draw(st.sampled_from(sorted(held)))
            assert queue.remove(name) is not None
            held.remove(name)
        elif step == "put_back" and taken:
            one = taken.pop()
            queue.put_back(one)
            held.add(one.id)
        elif step == "overdue":
            held -= {one.id for one in queue.overdue(now)}
        elif step == "settle":
            queue.settle(tenant, data.draw(st.floats(-5, 5)), band=0)
        assert len(queue) == len(held)
        assert {one.id for one in queue} == held


def test_the_fair_share_of_others_grows_with_their_weight_in_fractions_too() -> None:
    queue = filled(*(waiting(f"b{n}", "b", 10.0, weight=1.5) for n in range(9)))
    assert queue.work_before(waiting("d0", "d", 5.0, weight=2.0)) == 5 + 2.5 * 1.5


def test_requests_of_one_tenant_that_wait_have_places_one_after_the_other() -> None:
    first, second, third = waiting("z"), waiting("m"), waiting("b")
    queue = filled(first, second, third)
    assert [queue.position_of(one) for one in (first, second, third)] == [1, 2, 3]
    assert [queue.work_before(one) for one in (first, second, third)] == [1, 2, 3]


def test_who_has_left_the_queue_owes_what_it_used_beyond_its_estimate_but_is_given_no_credit() -> None:
    def next_of_both(difference: float) -> str:
        queue = filled(waiting("stays", "other", 3))
        queue.settle("gone", difference)
        for name in ("1", "2", "3"):
            queue.add(waiting(f"g{name}", "gone", 3))
            queue.add(waiting(f"o{name}", "other", 3))
        return order(queue)

    assert next_of_both(-9) == next_of_both(0)
    assert next_of_both(9) != next_of_both(0)


def test_room_ends_at_the_most_and_a_band_counts_for_its_tenant() -> None:
    queue = FairQueue(quantum=1, most=3, most_per_tenant=3)
    queue.add(waiting("a0"))
    queue.add(waiting("a1", band=1))
    assert (queue.waiting_of("a"), queue.waiting_of("b")) == (2, 0)
    queue.add(waiting("a2"))
    assert not queue.has_room("b")
    assert [one.id for one in queue] == ["a0", "a2", "a1"]


def test_a_deadline_itself_is_over() -> None:
    queue = filled(waiting("a0", deadline=2.0), waiting("a1", deadline=2.1))
    assert [one.id for one in queue.overdue(2.0)] == ["a0"]


def test_a_turn_is_worth_a_quantum_for_each_of_a_weight() -> None:
    queue = filled(
        *(waiting(f"a{n}", "a", 2.0, weight=2.0) for n in range(4)), *(waiting(f"b{n}", "b", 2.0) for n in range(4))
    )
    assert order(queue) == "a0 a1 b0 a2 a3 b1 b2 b3"


def test_credit_that_was_not_used_is_kept_for_the_next_turn_and_lost_with_the_last_request() -> None:
    # Of two in each turn `a` saves for three: it has 2, then 4, then 1 + 2, then 2.
    queue = filled(
        *(waiting(f"a{n}", "a", 3.0) for n in range(3)), *(waiting(f"b{n}", "b", 2.0) for n in range(4)), quantum=2.0
    )
    assert order(queue) == "b0 a0 b1 a1 b2 b3 a2"


def test_the_debts_of_a_thousand_tenants_are_remembered_and_the_oldest_forgotten() -> None:
    queue = filled(waiting("stays", "other", 100.0))
    for number in range(1001):
        queue.settle(f"gone {number}", 5.0)
    queue.settle("gone 1", 5.0)
    for number in (0, 1, 2):
        queue.add(waiting(f"g{number}", f"gone {number}"))
    # Quanta of 1: nothing owed, ten owed, five owed.
    assert order(queue) == "g0 g2 g1 stays"


def test_a_position_counts_whole_turns_of_others_by_their_weight() -> None:
    queue = filled(*(waiting(f"a{n}", weight=2.0) for n in range(9)), waiting("first", "z", band=0))
    assert queue.position_of(waiting("b0", "b")) == 1 + 2 + 1
    assert queue.position_of(waiting("b0", "b", weight=2.0)) == 1 + 1, "half a turn of each"
    later = waiting("later", "b", band=1)
    assert queue.position_of(later) == 11
    queue.add(waiting("l0", "b", band=1))
    assert queue.position_of(later) == 12
    assert queue.position_of(waiting("b0", "b")) == 4, "a later band is not before it"


def test_the_work_of_later_bands_and_of_those_behind_in_ones_own_is_not_before() -> None:
    queue = filled(waiting("a0", "a", 3.0), waiting("a1", "a", 5.0), waiting("late", "c", 7.0, band=1))
    assert queue.work_before(waiting("a0", "a", 3.0)) == 3
    assert queue.work_before(waiting("a1", "a", 5.0)) == 8
    assert queue.work_before(waiting("late", "c", 7.0, band=1)) == 15
    assert queue.work_before(waiting("a1", "a", 5.0), of=lambda one: one.id != "a0") == 5


def test_a_tenant_that_goes_idle_keeps_a_debt_and_no_credit_however_small() -> None:
    queue = filled(waiting("a1", "a", 0.5), waiting("b1", "b"), waiting("b2", "b"), waiting("b3", "b"))
    assert [one.id for one in (queue.take(), queue.take()) if one] == ["a1", "b1"]
    queue.add(waiting("a2", "a", 1.5))
    assert order(queue) == "b2 a2 b3", "with half a credit it would come first"
    in_debt = filled(waiting("a1", "a"), waiting("b1", "b"), waiting("b2", "b"), waiting("b3", "b"))
    assert in_debt.take()
    in_debt.settle("a", 0.5)
    assert in_debt.take()
    in_debt.add(waiting("a2", "a"))
    assert order(in_debt) == "b2 a2 b3", "without its debt it would come first"


@pytest.mark.parametrize(("debt", "expected"), [(0.0, "b1 a2 b2 b3"), (0.5, "b1 b2 a2 b3"), (1.5, "b1 b2 b3 a2")])
def test_a_debt_made_while_it_waited_is_kept_when_its_last_request_is_taken_out(debt: float, expected: str) -> None:
    queue = filled(waiting("a1", "a"), waiting("b1", "b"), waiting("b2", "b"), waiting("b3", "b"))
    queue.settle("a", debt)
    assert queue.remove("a1")
    queue.add(waiting("a2", "a"))
    assert order(queue) == expected


def test_of_a_heavy_tenant_no_more_requests_are_counted_before_one_than_wait() -> None:
    queue = filled(waiting("b1", "b", weight=3.0), waiting("b2", "b", weight=3.0))
    assert queue.position_of(waiting("a1", "a")) == 3
