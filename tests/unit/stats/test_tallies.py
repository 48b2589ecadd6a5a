"""What sums of requests say."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thriftgate.decisions import DecisionKind
from thriftgate.stats import mean_interval, ratio_interval
from thriftgate.stats.tallies import MoneySums, RequestTally, Tallies

TALLY = RequestTally(
    group="support",
    failures=1,
    decisions={
        DecisionKind.EXACT_HIT: 2,
        DecisionKind.SEMANTIC_HIT: 3,
        DecisionKind.ACCEPTED: 6,
        DecisionKind.ESCALATED: 2,
        DecisionKind.ONLY_TIER: 7,
    },
    money=MoneySums(n=21, baseline=5.0, cost=2.0),
)


def test_all_requests_count_also_those_that_failed() -> None:
    assert TALLY.requests == 21


def test_what_is_saved_is_what_the_baseline_would_have_cost_beyond_the_cost() -> None:
    assert TALLY.saved_usd == 3.0


def test_hits_are_a_share_of_all_answers_and_escalations_of_those_that_a_cheaper_tier_gave_first() -> None:
    assert TALLY.hit_share.estimate == pytest.approx(5 / 20)
    assert TALLY.escalated_share.estimate == pytest.approx(2 / 8)


REQUESTS = st.lists(st.tuples(st.floats(0, 10), st.floats(0.01, 10)), min_size=2, max_size=30)
"""Cost and baseline of each."""


def sums(requests: list[tuple[float, float]]) -> MoneySums:
    return MoneySums(
        n=len(requests),
        cost=sum(cost for cost, _ in requests),
        baseline=sum(baseline for _, baseline in requests),
        cost_squared=sum(cost**2 for cost, _ in requests),
        baseline_squared=sum(baseline**2 for _, baseline in requests),
        product=sum(cost * baseline for cost, baseline in requests),
    )


@given(REQUESTS, st.sampled_from([0.8, 0.95]))
def test_sums_alone_tell_what_the_requests_one_by_one_would(
    requests: list[tuple[float, float]], confidence: float
) -> None:
    costs, baselines = (np.array(column) for column in zip(*requests, strict=True))
    share, dollars = sums(requests).saved_share(confidence), sums(requests).saved_usd(confidence)
    assert share is not None
    assert dollars is not None
    ratio = ratio_interval(costs, baselines, confidence)
    assert (share.low, share.estimate, share.high) == pytest.approx(
        (1 - ratio.high, 1 - ratio.estimate, 1 - ratio.low), abs=1e-5
    )
    mean = mean_interval(baselines - costs, confidence)
    n = len(requests)
    assert (dollars.low, dollars.estimate, dollars.high) == pytest.approx(
        (n * mean.low, n * mean.estimate, n * mean.high), abs=1e-4
    )


def test_two_requests_are_needed_and_something_to_save_from() -> None:
    one, two = sums([(1.0, 2.0)]), sums([(1.0, 2.0), (1.0, 2.0)])
    assert (one.saved_share(), one.saved_usd()) == (None, None)
    assert str(two.saved_share()) == "0.5 [0.5, 0.5]"
    assert str(two.saved_usd()) == "2 [2, 2]"
    assert MoneySums(n=2, cost=1.0).saved_share() is None
    small = sums([(0.1, 0.2), (0.1, 0.2)]).saved_share()
    assert small is not None
    assert small.estimate == pytest.approx(0.5)


def test_tallies_of_no_requests_are_equal_and_empty() -> None:
    assert Tallies() == Tallies(total=None, sizes={})
    assert Tallies(sizes={"route": 1}) != Tallies()
