import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta, betabinom, binom, multinomial

from thriftgate.stats import (
    beta_binomial_tail,
    binomial_p_value,
    design_effect,
    fixed_sequence,
    fixed_stakes_p_value,
    labels_needed,
    loss_p_value,
    trinomial_p_value,
)
from thriftgate.stats.testing import _distance, _tail  # pyright: ignore[reportPrivateUsage]

counts = st.integers(1, 200).flatmap(
    lambda n: st.integers(0, n).flatmap(lambda plus: st.tuples(st.just(plus), st.integers(0, n - plus), st.just(n)))
)


@given(st.lists(st.floats(0, 1)), st.floats(0.001, 0.5))
def test_testing_stops_at_the_first_failure(p_values: list[float], delta: float):
    passed = fixed_sequence(p_values, delta)
    assert all(p_value <= delta for p_value in p_values[:passed])
    assert passed == len(p_values) or p_values[passed] > delta


def test_a_candidate_after_a_failure_never_passes():
    assert fixed_sequence([0.01, 0.2, 0.0], 0.05) == 1
    assert fixed_sequence([float("nan"), 0.0], 0.05) == 0


@given(st.integers(1, 300).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), st.floats(0.001, 0.9))
def test_the_binomial_p_value_is_the_binomial_tail(count: tuple[int, int], limit: float):
    assert binomial_p_value(*count, limit) == pytest.approx(binom.cdf(*count, limit), rel=1e-9)


def test_where_every_case_may_be_lost_only_a_loss_of_all_is_no_evidence():
    assert binomial_p_value(9, 10, 1.0) == 0
    assert binomial_p_value(10, 10, 1.0) == 1
    assert binomial_p_value(0, 0, 1.0) == binomial_p_value(0, 10, 0.0) == 1


@settings(max_examples=40)
@given(st.integers(1, 12), st.floats(0.05, 0.99), st.floats(-0.9, 0.9), st.floats(-4, 4))
def test_the_trinomial_tail_is_the_sum_over_all_outcomes(n: int, share: float, tilt: float, distance: float):
    limit = share * tilt
    plus, minus = (share + limit) / 2, (share - limit) / 2

    def exact(most: float) -> float:
        return sum(
            float(multinomial.pmf([a, b, n - a - b], n, [plus, minus, 1 - plus - minus]))
            for a in range(n + 1)
            for b in range(n + 1 - a)
            if _distance(a - b, a + b, n, limit) <= most
        )

    # An outcome that lies at the distance itself may fall on either side of it by rounding.
    assert exact(distance - 1e-8) - 1e-9 <= _tail(distance, n, share, limit) <= exact(distance + 1e-8) + 1e-9


@settings(max_examples=60)
@given(counts, st.floats(0.005, 0.3))
def test_more_losses_are_never_more_evidence(count: tuple[int, int, int], limit: float):
    plus, minus, n = count
    p_value = trinomial_p_value(plus, minus, n, limit)
    assert 0 <= p_value <= 1
    if plus + minus < n:
        assert trinomial_p_value(plus + 1, minus, n, limit) >= p_value - 1e-3
    # A wider limit orders the outcomes anew, which few labels can feel where nothing is decided yet.
    assert trinomial_p_value(plus, minus, n, limit * 1.5) <= p_value + (1e-3 if p_value <= 0.2 else 1e-2)


def test_one_loss_more_is_no_evidence_even_where_it_says_more_of_how_often_answers_differ():
    for n in range(1, 9):
        for limit in (0.005, 0.03125, 0.1, 0.3):
            for minus in range(n):
                values = [trinomial_p_value(plus, minus, n, limit) for plus in range(n - minus + 1)]
                assert values == sorted(values)


@pytest.mark.parametrize(("share", "limit", "n"), [(0.02, 0.02, 300), (0.1, 0.02, 300), (0.3, 0.05, 200), (0.6, 0, 50)])
def test_the_trinomial_test_errs_at_most_as_often_as_promised(share: float, limit: float, n: int):
    """At the edge of the hypothesis; a one-sided normal test errs in up to 13 % of these cases."""
    plus, minus = (share + limit) / 2, (share - limit) / 2
    rng = np.random.default_rng(0)
    runs = 500
    drawn = rng.multinomial(n, [plus, minus, 1 - plus - minus], size=runs)
    wrong = sum(trinomial_p_value(int(a), int(b), n, limit) <= 0.05 for a, b, _ in drawn)
    # 0.05 and three standard errors of the simulation.
    assert wrong / runs <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / runs)


def test_the_trinomial_test_is_nearly_as_sharp_as_the_normal_one():
    plus, minus, n, limit = 40, 20, 2000, 0.02
    mean = (plus - minus) / n
    z = (limit - mean) / math.sqrt(((plus + minus) / n - mean**2) / n)
    normal = 0.5 * math.erfc(z / math.sqrt(2))
    assert trinomial_p_value(plus, minus, n, limit) < 2 * normal


def test_the_test_is_chosen_by_the_kind_of_losses():
    assert loss_p_value([0] * 190 + [1] * 2, 0.05) == binomial_p_value(2, 192, 0.05)
    assert loss_p_value([0] * 190 + [1, -1], 0.05) == trinomial_p_value(1, 1, 192, 0.05)
    assert loss_p_value([0.0] * 190 + [0.5, -0.5], 0.05) < 0.05
    assert loss_p_value([0.0] * 30 + [0.5, -0.5], 0.05) > 0.05
    assert loss_p_value([], 0.05) == 1
    with pytest.raises(ValueError, match="-1, 1"):
        loss_p_value([2.0], 0.05)


def test_graded_losses_at_the_limit_are_seldom_called_smaller():
    rng = np.random.default_rng(1)
    wrong = 0
    for _ in range(300):
        losses = np.where(rng.uniform(size=300) < 0.2, rng.uniform(-0.5, 0.7, size=300), 0.0)
        wrong += loss_p_value(losses, 0.02) <= 0.05
    assert wrong / 300 <= 0.05


def test_learn_then_test_keeps_its_promise_where_picking_the_best_threshold_does_not():
    """Twenty thresholds whose true loss crosses the limit in the middle; what was chosen is compared with the truth."""
    rng = np.random.default_rng(2)
    true_losses = np.linspace(0.0, 0.08, 20)
    limit, n, runs = 0.04, 250, 300
    broken = naive_broken = 0
    for _ in range(runs):
        draws = rng.uniform(size=n)
        losses = [(draws < loss).astype(float) for loss in true_losses]
        passed = fixed_sequence((loss_p_value(loss, limit) for loss in losses), 0.05)
        broken += bool(passed) and true_losses[passed - 1] > limit
        naive = max(place for place, loss in enumerate(losses) if loss.mean() <= limit)
        naive_broken += true_losses[naive] > limit
    assert broken / runs <= 0.05
    assert naive_broken / runs > 0.3


@pytest.mark.parametrize(
    ("limit", "delta", "n"), [(0.02, 0.1, 114), (0.01, 0.1, 230), (0.005, 0.1, 460), (0.02, 0.05, 149)]
)
def test_the_least_number_of_labels_is_known(limit: float, delta: float, n: int):
    assert labels_needed(limit, delta) == n
    assert binomial_p_value(0, n, limit) <= delta < binomial_p_value(0, n - 1, limit)


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=60), st.floats(0.005, 0.5), st.randoms(use_true_random=False))
def test_no_p_value_depends_on_the_order_of_the_labels(losses: list[float], limit: float, shuffled: random.Random):
    other = list(losses)
    shuffled.shuffle(other)
    assert loss_p_value(other, limit) == loss_p_value(losses, limit)


def test_losses_that_come_last_are_not_forgotten():
    """900 graded labels whose first 540 lose nothing: at a loss of 4 %, no order of the file proves 2 %."""
    losses = [0.0] * 540 + [0.5 if place % 5 == 0 else 0.0 for place in range(360)]
    assert np.mean(losses) == pytest.approx(0.04)
    assert loss_p_value(losses, 0.02) == 1


@given(st.lists(st.floats(-1, 0.9), min_size=1, max_size=50), st.floats(0, 0.1))
def test_a_larger_excess_is_never_more_evidence(excesses: list[float], more: float):
    assert fixed_stakes_p_value([one + more for one in excesses], most=1) >= fixed_stakes_p_value(excesses, most=1)


def test_the_fixed_stakes_test_errs_at_most_as_often_as_promised():
    rng = np.random.default_rng(3)
    runs = 600
    drawn = np.where(rng.uniform(size=(runs, 500)) < 0.3, rng.uniform(-0.4, 0.4, size=(runs, 500)), 0.0)
    assert sum(fixed_stakes_p_value(one, most=0.98) <= 0.05 for one in drawn) / runs <= 0.05
    assert fixed_stakes_p_value([], most=1) == 1
    with pytest.raises(ValueError, match="at most"):
        fixed_stakes_p_value([2.0], most=1)


@pytest.mark.parametrize("graded", [False, True])
def test_the_same_label_many_times_is_evidence_once(graded: bool):
    losses = [0.0] * 198 + ([0.5, 0.25] if graded else [1.0, 1.0])
    again = [loss for loss in losses for _ in range(4)]
    clusters = [place for place in range(len(losses)) for _ in range(4)]
    assert design_effect(clusters) == 4
    assert loss_p_value(again, 0.05, clusters) == pytest.approx(loss_p_value(losses, 0.05))
    assert loss_p_value(again, 0.05) < loss_p_value(losses, 0.05)
    assert loss_p_value(losses, 0.05, range(len(losses))) == loss_p_value(losses, 0.05)


def test_repeats_of_unequal_number_are_seldom_called_better_than_they_are():
    rng = np.random.default_rng(4)
    wrong = wrong_alone = 0
    for _ in range(500):
        sizes = rng.integers(1, 8, size=150)
        losses = np.repeat((rng.uniform(size=150) < 0.05).astype(float), sizes)
        wrong += loss_p_value(losses, 0.05, np.repeat(np.arange(150), sizes)) <= 0.05
        wrong_alone += loss_p_value(losses, 0.05) <= 0.05
    assert wrong / 500 <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 500)
    assert wrong_alone / 500 > 0.1


def test_a_limit_of_everything_is_refuted_by_one_case_without_a_loss():
    assert binomial_p_value(9, 10, 1.0) == 0.0
    assert binomial_p_value(10, 10, 1.0) == 1.0


@given(
    st.integers(1, 200).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))),
    st.floats(0.1, 20),
    st.floats(0.1, 20),
)
def test_the_beta_binomial_tail_is_scipys_above_the_mean(count: tuple[int, int], a: float, b: float):
    successes, n = count
    expected = float(betabinom.sf(successes - 1, n, a, b)) if successes > n * a / (a + b) else 1.0
    assert beta_binomial_tail(successes, n, a, b) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(("count", "n", "a", "b"), [(-1, 3, 1, 1), (4, 3, 1, 1), (1, 3, 0, 1), (1, 3, 1, 0)])
def test_a_tail_of_no_distribution_is_a_mistake(count: int, n: int, a: float, b: float):
    with pytest.raises(ValueError, match="no such"):
        beta_binomial_tail(count, n, a, b)


@pytest.mark.parametrize("delta", [0.0, 1.0, -0.1])
def test_a_delta_that_is_no_chance_is_a_mistake(delta: float):
    with pytest.raises(ValueError, match="between 0 and 1"):
        fixed_sequence([0.01], delta)


def test_a_p_value_of_delta_itself_passes():
    assert fixed_sequence([0.05, 0.05, 0.0500001], 0.05) == 2


@pytest.mark.parametrize("limit", [0.0, 1.0, -0.5])
def test_no_number_of_labels_proves_a_limit_that_is_no_share(limit: float):
    with pytest.raises(ValueError, match="between 0 and 1"):
        labels_needed(limit, 0.1)


@pytest.mark.parametrize(
    ("excesses", "most", "wealth"),
    [
        # A gambler in three parts stakes 0.12, 0.3 and 0.75 of what cannot ruin her.
        ([-1.0], 1.0, (1.12 + 1.3 + 1.75) / 3),
        ([-1.0, -0.5], 1.0, (1.12 * 1.06 + 1.3 * 1.15 + 1.75 * 1.375) / 3),
        ([-1.0], 0.5, (1.24 + 1.6 + 2.5) / 3),
        ([0.5, -1.0], 1.0, (0.94 * 1.12 + 0.85 * 1.3 + 0.625 * 1.75) / 3),
    ],
)
def test_a_bet_pays_what_its_stakes_say(excesses: list[float], most: float, wealth: float):
    assert fixed_stakes_p_value(excesses, most=most) == pytest.approx(min(1, 1 / wealth))
    assert fixed_stakes_p_value(excesses * 3, most=most, repeats=3) == pytest.approx(min(1, 1 / wealth))


def test_a_bet_that_is_lost_or_won_beyond_measure_is_certain():
    assert fixed_stakes_p_value([0.9] * 9000, most=1.0) == 1
    assert fixed_stakes_p_value([-1.0] * 9000, most=1.0) == 0
    assert fixed_stakes_p_value([0.0], most=0.0) == 1
    assert fixed_stakes_p_value([-1.0], most=-0.5) == 0
    assert fixed_stakes_p_value([1.0 + 1e-13], most=1.0) == 1
    assert 0 < fixed_stakes_p_value([-0.001], most=0.5) < 1


def test_repeats_count_at_their_worst():
    """Clusters of 2, 1, 1, …: three labels do the work of two. Losses are rounded up, wins and their number down."""
    clusters = [0, 0, 1, 2, 3, 3, 4, 5] * 40
    clusters = [6 * (place // 8) + one for place, one in enumerate(clusters)]
    assert design_effect(clusters) == pytest.approx(1.5)
    losses = [1.0] * 5 + [-1.0] * 4 + [0.0] * (320 - 9)
    assert loss_p_value(losses, 0.05, clusters) == trinomial_p_value(4, 2, 213, 0.05)
    assert loss_p_value([abs(loss) for loss in losses], 0.05, clusters) == binomial_p_value(6, 213, 0.05)
    assert loss_p_value([1.0] * 4, 0.5, [0, 0, 1, 2]) == binomial_p_value(2, 2, 0.5)
    assert loss_p_value([1.0, -1.0, -1.0, -1.0], 0.9, [0, 0, 1, 2]) == trinomial_p_value(1, 1, 2, 0.9)
    assert design_effect([]) == 1
    assert design_effect([1, 2, 2, 3, 3, 3]) == pytest.approx(14 / 6)


def test_where_hardly_an_answer_differs_only_the_price_of_not_knowing_how_many_is_left():
    assert trinomial_p_value(0, 1, 10_000, 0.5) == 0.001
    assert trinomial_p_value(0, 1, 3, 1.0) == 0
    assert trinomial_p_value(0, 0, 0, 1.0) == trinomial_p_value(0, 0, 0, 0.5) == 1
    assert trinomial_p_value(3, 1, 100, 0.02) == 1
    assert 0.001 < trinomial_p_value(2, 1, 100, 0.02) < 1
    assert trinomial_p_value(0, 5, 100, -0.1) == 1
    assert trinomial_p_value(0, 30, 100, -0.1) < 0.01


@pytest.mark.parametrize("share", [0.001, 0.3, 0.999])
def test_of_many_labels_no_outcome_is_left_out(share: float):
    assert _tail(1e6, 5000, share, 0.0005) == pytest.approx(1, abs=1e-9)
    assert _tail(-1e6, 5000, share, 0.0005) == pytest.approx(0, abs=1e-9)
    assert _tail(0.0, 5000, share, 0.0) == pytest.approx(0.5, abs=0.1 if share < 0.01 else 0.02)


@pytest.mark.parametrize(("total", "differing", "distance"), [(1, 8, (1 - 2) / 3), (1, 1, (1 - 2) / math.sqrt(3))])
def test_a_distance_is_in_standard_errors_of_at_least_the_hypothesis(total: int, differing: int, distance: float):
    assert _distance(total, differing, 100, 0.02) == pytest.approx(distance)


@pytest.mark.parametrize("losses", [[-1.1], [1.1], [math.nan]])
def test_a_loss_outside_its_range_is_a_mistake(losses: list[float]):
    with pytest.raises(ValueError, match="-1, 1"):
        loss_p_value(losses, 0.05)


def trinomial_by_hand(plus: int, minus: int, n: int, limit: float) -> float:
    """The p-value summed over every outcome, at each of 24 shares of differing answers that cannot be ruled out."""
    differing = plus + minus
    high = 1.0 if differing == n else float(beta.ppf(0.9995, differing + 1, n - differing))
    low = 0.0 if differing == 0 else float(beta.ppf(0.0005, differing, n - differing + 1))
    least = max(low, abs(limit))
    if high < least:
        return 0.001

    def distance(a: int, b: int) -> float:
        return (a - b - n * limit) / math.sqrt(max(a + b, n * abs(limit)) + 1)

    tails: list[float] = []
    for step in range(24):
        share = min(least * (high / least) ** (step / 23), 1 - 1e-12)
        better, worse = (share + limit) / 2, (share - limit) / 2
        tails.append(
            sum(
                float(multinomial.pmf([a, b, n - a - b], n, [better, max(worse, 0.0), 1 - better - max(worse, 0.0)]))
                for a in range(n + 1)
                for b in range(n + 1 - a)
                if distance(a, b) <= distance(plus, minus) + 1e-9
            )
        )
    return min(1.0, max(tails) + 0.001)


@pytest.mark.parametrize(
    ("plus", "minus", "n", "limit"),
    [
        (0, 2, 9, 0.1),
        (1, 2, 9, 0.05),
        (0, 0, 9, 0.3),
        (1, 1, 8, 0.2),
        (0, 6, 9, -0.1),
        (0, 9, 9, 0.02),
        (0, 0, 9, 0.6),
        (0, 1, 1, 0.3),
    ],
)
def test_the_trinomial_p_value_is_that_of_the_worst_share_of_differing_answers(
    plus: int, minus: int, n: int, limit: float
):
    assert trinomial_p_value(plus, minus, n, limit) == pytest.approx(trinomial_by_hand(plus, minus, n, limit), rel=1e-6)
