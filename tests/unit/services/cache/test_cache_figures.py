"""How often the cache was wrong is estimated from checked hits, over all answers, with an interval."""

from dataclasses import replace

import pytest

from thriftgate.caching.entries import CacheStats
from thriftgate.services.books.standing import RoutePromise, standing_of
from thriftgate.services.cache.figures import cache_figures_of
from thriftgate.types import Audit, AuditKind, DecisionKind, SummaryRow

STATS = CacheStats(route="support", entries=10, hits=30, scopes=2, observations=7, wrong_observations=1)
SUMMARY = SummaryRow(
    group="support", requests=102, failures=2,
    decisions={DecisionKind.EXACT_HIT: 30, DecisionKind.SEMANTIC_HIT: 20, DecisionKind.ACCEPTED: 50},
    cost_usd=1.0, baseline_cost_usd=2.0, duration_p50=0.1, duration_p95=0.2,
)  # fmt: skip


def audit(*, is_acceptable: bool | None, route: str = "support") -> Audit:
    return Audit(
        request_id="r", kind=AuditKind.CACHE, route=route, tier="small", judged_at=0.0, is_acceptable=is_acceptable,
        score=None,
    )  # fmt: skip


def test_the_error_is_the_share_of_wrong_hits_times_the_share_of_hits() -> None:
    audits = [audit(is_acceptable=True)] * 9 + [audit(is_acceptable=False), audit(is_acceptable=None)]
    (found,) = cache_figures_of(
        {"support": 0.01}, [STATS], [SUMMARY], [*audits, audit(is_acceptable=False, route="other")]
    )
    assert (found.answers, found.exact_hits, found.semantic_hits, found.entries) == (100, 30, 20, 10)
    assert found.hit_rate == pytest.approx(0.5)
    assert (found.checked, found.wrong) == (10, 1)
    assert found.error is not None
    assert found.error.estimate == pytest.approx(0.02)
    assert 0 < found.error.low < 0.02 < found.error.high < 0.2


def test_without_checks_or_requests_nothing_is_claimed() -> None:
    first, second = cache_figures_of({"support": 0.01, "new": None}, [STATS], [SUMMARY], [])
    assert first.error is None
    assert (second.entries, second.answers, second.hit_rate, second.error) == (0, 0, None, None)


def test_what_cache_stats_says_was_wrong_is_what_report_and_page_say() -> None:
    audits = [replace(audit(is_acceptable=place > 0), holdout=True) for place in range(22)]
    (found,) = cache_figures_of({"support": 0.01}, [STATS], [SUMMARY], audits)
    decided = {(kind, ""): n for kind, n in SUMMARY.decisions.items()}
    standing = standing_of("support", RoutePromise(max_error=0.01), audits, decided=decided, current=decided)
    assert found.error == standing.wrong_share
    assert found.error_of_hits == standing.hits.wrong
