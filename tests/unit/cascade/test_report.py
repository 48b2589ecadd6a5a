"""What a calibration says of itself, number by number."""

import math

import numpy as np
import pytest

from thriftgate.cascade.calibration import words
from thriftgate.cascade.calibration.calibration import Calibration, Promise, run_tests
from thriftgate.cascade.calibration.calibration import Tested as Candidate
from thriftgate.cascade.calibration.labels import Label
from thriftgate.cascade.calibration.policy import Replay, ThresholdPolicy
from thriftgate.cascade.calibration.report import artefact_of, expected_savings, with_more_labels
from thriftgate.cascade.calibration.tier_models import TierModels
from thriftgate.stats import binomial_p_value

PROMISE = Promise(0.05, 0.05)
TEST, FIT = 100, 50


def calibration(lost: int, *, clusters: list[int] | None = None, cost_share: float = 0.4) -> Calibration:
    """One that accepted everything: of a hundred test labels so many are worse, and fifty more were fitted on."""
    quality = np.ones((TEST, 2))
    quality[:lost, 0] = 0
    replay = Replay(
        np.ones((TEST, 1)), quality, np.array([[cost_share, 1.0]] * TEST), np.full(TEST, np.nan),
        None if clusters is None else np.array(clusters),
    )  # fmt: skip
    tested = Candidate(
        ThresholdPolicy((0.5,)), cost_share, 1.0, lost / TEST, lost / TEST, lost / TEST, 0.123456789, True
    )
    one = Label(group="g", quality=(1.0, 1.0), cost_usd=(0.1, 1.0))
    return Calibration(
        promise=PROMISE, fit=[one] * FIT, test=[one] * TEST, models=TierModels((None,)), replay=replay,
        tested=(tested,), chosen=None, why="because", level=0.05,
    )  # fmt: skip


@pytest.mark.parametrize("repeats", [1, 2])
def test_more_labels_lose_in_proportion_and_the_test_is_theirs(repeats: int) -> None:
    made = calibration(2, clusters=[place // repeats for place in range(TEST)])
    for more in range(0, 600, 7):
        n = round(TEST / repeats * (TEST + FIT + more) / (TEST + FIT))
        worse = n - math.ceil(0.98 * n - 0.5)
        passes = n >= 59 and binomial_p_value(worse, n, 0.05) <= 0.05
        assert with_more_labels(made, more) == (0.4 if passes else 1.0), (more, n, worse)


def test_nothing_is_projected_of_nothing_of_a_loss_beyond_the_promise_and_of_what_saves_nothing() -> None:
    assert with_more_labels(calibration(6), 100_000) == 1
    assert with_more_labels(calibration(5), 100_000) == 1
    assert with_more_labels(calibration(4), 100_000) == 0.4
    assert with_more_labels(calibration(0, cost_share=1.2), 100_000) == 1
    assert with_more_labels(calibration(0), -41 * 3 // 2) == 0.4
    assert with_more_labels(calibration(0), -63) == 1


def test_a_candidate_stands_in_the_file_with_rounded_numbers() -> None:
    made = artefact_of(calibration(2, cost_share=0.123456), tiers=("small", "large"), rng=np.random.default_rng(0))
    assert made.frontier == (
        {
            "cost_share": 0.1235, "cheap_share": 1.0, "loss": 0.02, "net": 0.02, "got_worse": 0.02,
            "p_value": 0.123457, "passed": True,
        },
    )  # fmt: skip
    assert (made.labels, made.labels_tested, made.confidences, made.outlook) == (150, 100, (), None)
    assert (made.guarantee.holds, made.guarantee.p_value, made.guarantee.words) == (False, 1.0, "because")
    assert [row["holds"] for row in made.promises] == [False] * 6
    assert {row["cost_share"] for row in made.promises} == {1.0}


def test_what_a_candidate_saved_has_its_interval() -> None:
    made = calibration(2)
    found = expected_savings(made, made.tested[0])
    assert found["cost_share"] == 0.4
    assert found["cost"] == {"low": 0.4, "estimate": 0.4, "high": 0.4}
    assert found["cheap_share"]["high"] == 1
    assert found["got_worse"]["estimate"] == 0.02
    assert found["got_better"] == {"low": 0.0, "estimate": 0.0, "high": 0.0}


def test_of_candidates_that_pass_the_cheapest_is_taken_and_one_that_saves_nothing_is_none() -> None:
    made = calibration(0)
    policies = [ThresholdPolicy((np.inf,)), ThresholdPolicy((0.5,))]
    tested, chosen, _ = run_tests(policies, made.replay, PROMISE)
    assert [one.cheap_share for one in tested] == [0, 1]
    assert [one.cost_share for one in tested] == pytest.approx([1.4, 0.4])
    assert chosen == tested[1]
    dear = calibration(0, cost_share=1.0)
    assert run_tests(policies, dear.replay, PROMISE)[1:] == (None, words.nothing_cheaper(limit=0.05))


def test_every_sentence_says_its_numbers() -> None:
    assert words.promised(
        limit=0.0251, delta=0.05, loss="net", cost_share=0.4, tested=9, net=0.0111, got_worse=0.0159
    ) == (
        "With 95% confidence at most 2.5% of quality is lost against always asking the strongest tier (net of what "
        "got better), at 40% of its cost. On 9 test labels 1.1% was lost net; answers that got worse lost 1.6%."
    )
    assert "tier (counting only answers that got worse), at 41% of" in words.promised(
        limit=0.02, delta=0.1, loss="regressions", cost_share=0.41, tested=9, net=0.0, got_worse=0.0
    )
    assert words.too_few(tested=3, needed=59, limit=0.05, delta=0.05).startswith(
        "Too few labels: 3 for testing, and even without a single bad answer 59 are needed to promise 5.0% with 95% "
    )
    assert words.nothing_passed(limit=0.05, delta=0.1, tested=7).startswith(
        "No threshold keeps the loss below 5.0% with 90% confidence on 7 labels."
    )
    assert words.nothing_cheaper(limit=0.015).startswith("Thresholds that keep the loss below 1.5% accept so little")
