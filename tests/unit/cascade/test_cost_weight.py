"""What money weighs, on questions few enough to count by hand."""

import math

import numpy as np
import pytest

from thriftgate.cascade.calibration.fit import fit_probe, ridge_logistic
from thriftgate.cascade.cost_weight import CostWeight, choose_cost_weight, fit_cost_weight, saving_within

DEAR, CHEAP = {"answer_length": math.log1p(100)}, {"answer_length": math.log1p(1)}
BY_LENGTH = CostWeight(fixed=0.0, per_answer_character=0.1)


@pytest.mark.parametrize(
    ("characters", "multiple"), [(0, 0.1), (0.5, 0.1), (1, 0.1), (2, 0.2), (99, 9.9), (100, 10), (101, 10)]
)
def test_a_question_costs_between_a_tenth_and_ten_times_the_usual(characters: float, multiple: float) -> None:
    assert BY_LENGTH.of({"answer_length": math.log1p(characters)}) == pytest.approx(multiple)


def test_a_risk_is_divided_by_what_it_would_save_to_a_power() -> None:
    weight = CostWeight(4.0, power=0.5, riskless_at=0.9)
    assert weight.weigh(0.5, {}) == pytest.approx(0.9 - 0.4 / 2)
    assert weight.weigh(0.9, {}) == 0.9
    assert weight.weigh(0.95, {}) == 0.95
    assert CostWeight(4.0, power=1.0).weigh(0.5, {}) == pytest.approx(1 - 0.5 / 4)
    assert CostWeight(4.0).weigh(0.5, {}) == 0.5


def test_weights_are_least_squares_that_never_fall_with_length() -> None:
    rows = [
        {"question_length": math.log1p(one), "context_length": math.log1p(other), "answer_length": math.log1p(said)}
        for one, other, said in ((10, 0, 0), (0, 30, 0), (0, 0, 20), (5, 5, 40))
    ]
    found = fit_cost_weight(rows, [1 + 0.1 * 10, 1 + 0.1 * 30, 1 + 0.2 * 20, 1 + 0.1 * 10 + 0.2 * 40])
    mean = (2 + 4 + 5 + 10) / 4
    assert (found.fixed, found.per_prompt_character, found.per_answer_character) == pytest.approx(
        (1 / mean, 0.1 / mean, 0.2 / mean)
    )
    falling = fit_cost_weight(rows, [4, 2, 5, 5])
    assert falling.per_prompt_character == 0
    assert fit_cost_weight(rows, [0, 0, 0, 0]) == fit_cost_weight([], []) == CostWeight()
    assert fit_cost_weight([{}, {}], [2, 4]).fixed == pytest.approx(1)


@pytest.mark.parametrize(("saved", "power"), [((1.0, 99.0), 0.0), ((1.01, 98.99), 0.5), ((50.0, 50.0), 0.5)])
def test_weighing_has_to_save_more_than_a_hundredth(saved: tuple[float, float], power: float) -> None:
    """The dear question loses nothing and comes first only where money weighs; the cheap one would lose all."""
    chosen, weighed = choose_cost_weight(BY_LENGTH, [DEAR, CHEAP], [0.7, 0.8], np.array([0.0, 1.0]), saved, limit=0.02)
    assert (chosen.power, chosen.riskless_at) == (power, 1.0)
    expected = [1 - 0.3 / 10**power, 1 - 0.2 / 0.1**power]
    assert weighed.tolist() == pytest.approx(expected)


def test_what_is_won_makes_a_part_of_the_risk_none() -> None:
    chosen, _ = choose_cost_weight(
        BY_LENGTH, [DEAR, CHEAP] * 2, [0.7, 0.8, 0.7, 0.8], np.array([0.0, 1.0, -1.0, 1.0]), [1.0] * 4, limit=0.02
    )
    assert chosen.riskless_at == 0.75


def test_savings_count_within_half_the_whole_and_twice_the_limit() -> None:
    """Half of the losses fit the double limit alone: a third of what it saves there is the mean, and more than 1 %."""
    rows, losses = [DEAR, CHEAP], np.array([0.08, 1.0])
    for limit, saved, power in ((0.02, (4.0, 96.0), 0.5), (0.02, (2.9, 97.1), 0.0), (0.0199, (4.0, 96.0), 0.0)):
        assert choose_cost_weight(BY_LENGTH, rows, [0.7, 0.8], losses, saved, limit=limit)[0].power == power
    # A limit of 8 % pays for it in half, 4 % in full: two and three of three.
    for limit, least in ((0.04, 1.51), (0.08, 1.01)):
        assert (
            choose_cost_weight(BY_LENGTH, rows, [0.7, 0.8], losses, (least, 100 - least), limit=limit)[0].power == 0.5
        )
        below = least - 0.02
        assert choose_cost_weight(BY_LENGTH, rows, [0.7, 0.8], losses, (below, 100 - below), limit=limit)[0].power == 0


def test_what_is_accepted_from_the_top_saves_while_the_loss_stays_in_the_limit() -> None:
    scores, losses = np.array([0.9, 0.8, 0.8, 0.1]), np.array([0.0, 0.0, 1.0, -1.0])
    saved = np.array([1.0, 2.0, 3.0, 4.0])
    assert saving_within(scores, losses, saved, 0.25) == 1.0
    assert saving_within(scores, losses, saved, 0.0) == 1.0, "the last one wins back what the third lost"
    assert saving_within(scores[:3], losses[:3], saved[:3], 1 / 3) == 1.0
    assert saving_within(scores[:3], losses[:3], saved[:3], 0.33) == pytest.approx(1 / 6), "equal scores come together"
    assert saving_within(scores[2:3], losses[2:3], saved[2:3], 0.5) == 0


@pytest.mark.parametrize("dimensions", [3, 60])
def test_a_probe_reads_the_main_directions_standardised_and_cut_at_six(dimensions: int) -> None:
    rng = np.random.default_rng(4)
    vectors = rng.normal(size=(120, dimensions)) * np.linspace(1, 2, dimensions)
    vectors[0] *= 50
    vectors[1] *= -40
    outcomes = (rng.uniform(size=120) < 0.4).astype(float)
    found = fit_probe(vectors, outcomes, embedder="e", penalty=3.0)
    centre = vectors.mean(axis=0)
    _, sizes, directions = np.linalg.svd(vectors - centre, full_matrices=False)
    kept = (directions.T / (sizes / math.sqrt(120)))[:, :48][:, ::-1]
    standard = np.clip((vectors - centre) @ kept, -6, 6)
    assert standard.max() == 6
    assert standard.min() == -6
    weights = ridge_logistic(standard, outcomes, 3.0)
    along = kept @ weights[1:]
    assert found.weights == pytest.approx(along.tolist(), rel=1e-4, abs=1e-7)
    assert found.intercept == pytest.approx(weights[0] - centre @ along, rel=1e-4)
    assert found.embedder == "e"
