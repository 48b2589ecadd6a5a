"""What sums of requests say."""

import pytest

from thriftgate.decisions import DecisionKind
from thriftgate.stats.tallies import MoneySums, RequestTally

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
