import io
import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from thriftgate.demo.bill import Bill, make_bill
from thriftgate.demo.driver import RequestOutcome, priced
from thriftgate.demo.judge import Truth
from thriftgate.demo.view import print_bill, wrong_in_words
from thriftgate.demo.workload import Case, CaseKind


def outcome(number: int, *, kind: CaseKind = CaseKind.QUESTION, **told: object) -> RequestOutcome:
    case = Case(
        id=str(number), kind=kind, entry_id="free-trial", is_hard=False, messages=(), truth=Truth(("21 day",)),
        user="user-1", team="retail",
    )  # fmt: skip
    plain = RequestOutcome(case=case, is_right=True, latency=0.5, decision="accepted", cost_usd=0.001, prompt_tokens=10)
    return replace(plain, **told)  # pyright: ignore[reportArgumentType]


def bill(outcomes: list[RequestOutcome], baseline: list[RequestOutcome] | None = None) -> Bill:
    return make_bill(outcomes, baseline or [], np.random.default_rng(0))


def shown(what: Bill) -> str:
    page = io.StringIO()
    print_bill(what, Console(file=page, width=100), model="support", baseline_model="large")
    return page.getvalue()


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0.01, 1)), min_size=2, max_size=30))
def test_what_is_saved_is_measured_on_pairs_and_lies_in_its_interval(costs: list[tuple[float, float]]):
    ours = [outcome(number, cost_usd=mine) for number, (mine, _) in enumerate(costs)]
    theirs = [outcome(number, cost_usd=other) for number, (_, other) in enumerate(costs)]
    comparison = bill(ours, theirs[::-1]).comparison
    assert comparison is not None
    saved = comparison.saved_share
    assert saved is not None
    assert saved.low <= saved.estimate <= saved.high
    assert saved.estimate == pytest.approx(1 - sum(mine for mine, _ in costs) / sum(other for _, other in costs))


def test_only_requests_that_were_answered_on_both_sides_are_compared():
    ours = [outcome(1), outcome(2, error="APITimeoutError"), outcome(3)]
    theirs = [outcome(1, cost_usd=0.01), outcome(2, cost_usd=0.01), outcome(3, error="InternalServerError 500")]
    made = bill(ours, theirs)
    assert made.comparison is not None
    assert made.comparison.n == 1
    assert made.failures == {"APITimeoutError": 1}
    assert made.baseline_failures == {"InternalServerError 500": 1}
    assert "1 failed without thriftgate: 1 InternalServerError 500" in shown(made)


def test_wrong_answers_that_the_cache_gave_again_are_told_from_new_ones() -> None:
    made = bill(
        [
            outcome(1, is_right=False, said="a"),
            outcome(2, decision="exact_hit", is_right=False, said="a"),
            outcome(3, decision="semantic_hit", is_right=False, said="a"),
            outcome(4, is_right=False, said="b"),
            outcome(5, is_right=False, said="b"),
            outcome(6, decision="exact_hit", said="c"),
        ]
    )
    assert (made.wrong.n, made.wrong.repeats, made.wrong.repeated) == (5, 2, 1)
    assert "5 of 6 answers were wrong; 2 of them were the cache giving one answer again" in wrong_in_words(made)
    assert wrong_in_words(bill([outcome(1)])) == "No answer was wrong."


@given(st.lists(st.tuples(st.integers(1, 4), st.booleans(), st.booleans()), min_size=1, max_size=30))
def test_the_days_add_up_to_the_whole(answers: list[tuple[int, bool, bool]]) -> None:
    def of_day(number: int, day: int, is_right: bool) -> RequestOutcome:
        one = outcome(number, is_right=is_right)
        return replace(one, case=replace(one.case, day=day))

    ours = [of_day(number, day, mine) for number, (day, mine, _) in enumerate(answers)]
    theirs = [of_day(number, day, other) for number, (day, _, other) in enumerate(answers)]
    made = bill(ours, theirs)
    assert made.comparison is not None
    assert sum(day.n for day in made.days) == len(answers)
    assert sum(day.right for day in made.days) == made.comparison.quality.right
    assert sum(day.baseline_right for day in made.days) == made.comparison.baseline_quality.right
    assert all(-1 <= day.lost <= 1 for day in made.days)


def test_a_cost_that_nobody_told_is_not_zero():
    made = bill([outcome(1), outcome(2, cost_usd=None)], [outcome(1, cost_usd=0.01), outcome(2, cost_usd=0.01)])
    assert made.cost_usd is None
    assert made.comparison is not None
    assert made.comparison.saved_share is None
    assert "not told" in shown(made)


def test_an_untold_cost_is_tokens_times_price_and_a_told_one_stays():
    first, second = priced([outcome(1, cost_usd=None, completion_tokens=4), outcome(2)], (0.1, 0.5))
    assert first.cost_usd == pytest.approx(10 * 0.1 + 4 * 0.5)
    assert second.cost_usd == 0.001
    assert priced([outcome(1, cost_usd=None)], None)[0].cost_usd is None


def test_false_hits_are_wrong_answers_to_traps_from_the_cache():
    made = bill(
        [
            outcome(1, kind=CaseKind.TRAP, decision="semantic_hit", is_right=False),
            outcome(2, kind=CaseKind.TRAP, decision="semantic_hit"),
            outcome(3, kind=CaseKind.TRAP, decision="accepted", is_right=False),
            outcome(4, decision="semantic_hit", is_right=False),
            outcome(5, kind=CaseKind.TRAP, decision="exact_hit", is_right=False),
        ]
    )
    assert (made.traps, made.trap_hits, made.false_hits) == (4, 2, 1)
    assert made.quality_by_decision["semantic_hit"].right == 1


def test_a_run_in_which_everything_failed_still_makes_a_bill():
    made = bill([outcome(1, error="APIConnectionError")], [outcome(1, error="APIConnectionError")])
    assert made.failed == 1
    assert made.comparison is None
    document = json.loads(json.dumps(made.as_json(), allow_nan=False))
    assert document["latency"] == {"n": 0, "p50": None, "p95": None}
    assert "1 failed: 1 APIConnectionError" in shown(made)
