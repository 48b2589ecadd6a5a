"""A score that nobody has fitted: its order is known before any label, and every label tests."""

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.cascade_labels import labels

from thriftgate.cascade.calibration.calibration import Promise, calibrate
from thriftgate.cascade.calibration.labels import Label
from thriftgate.cascade.calibration.policy import replay_of
from thriftgate.cascade.calibration.raw import (
    FAMILIES,
    WORDING,
    has_direct_evidence,
    raw_candidates,
    raw_tier_models,
    raw_weights,
)
from thriftgate.cascade.signals import SIGNALS
from thriftgate.cascade.signals.logprobs import summarise


def sure(n: int, rng: np.random.Generator, *, sharpness: float = 2.5) -> list[Label]:
    """Traffic in which the log-probability tells how likely the cheap answer is right, beside noise in the words."""
    made: list[Label] = []
    for place in range(n):
        doubt = abs(rng.normal())
        good = rng.uniform() < 1 / (1 + np.exp(sharpness * (2 * doubt - 2.2)))
        features = {"logprob_mean": -doubt, "hedges": rng.normal(), "digit_share": rng.normal()}
        made.append(
            Label(
                group=str(place), quality=(float(good), 1.0), cost_usd=(0.05, 1.0), features=(features,), vetoes=(None,)
            )
        )
    return made


def test_every_signal_of_the_raw_score_is_one_that_is_measured() -> None:
    known = {name for signal in SIGNALS for name in signal.features}
    assert {name for family in (*FAMILIES, WORDING) for name in family} <= known


@given(st.lists(st.sampled_from([name for family in (*FAMILIES, WORDING) for name in family] + ["lines"]), unique=True))
def test_each_family_counts_once_and_what_has_no_known_sign_not_at_all(names: list[str]) -> None:
    weights = raw_weights(names)
    assert "lines" not in weights
    assert not (weights.keys() & WORDING.keys() and any(weights.keys() & family.keys() for family in FAMILIES))
    for family in (*FAMILIES, WORDING):
        total = sum(abs(weights[name]) for name in family if name in weights)
        assert total == 0 or abs(total - 1) < 1e-9
        assert all(weights[name] * sign > 0 for name, sign in family.items() if name in weights)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1_000), st.integers(40, 150))
def test_what_a_raw_threshold_accepts_does_not_depend_on_any_outcome(seed: int, n: int) -> None:
    made = sure(n, np.random.default_rng(seed))
    flipped = [replace(label, quality=(1 - label.quality[0], 1.0)) for label in made]
    accepted: list[list[list[bool]]] = []
    for world in (made, flipped):
        _, scores = raw_tier_models(world)
        replay = replay_of(world, scores)
        accepted.append([(replay.play(policy).tier == 0).tolist() for policy in raw_candidates(replay)])
    assert accepted[0] == accepted[1]


def test_how_far_the_runner_up_is_behind_counts_as_much_as_how_likely_the_words_are() -> None:
    weights = raw_weights(["logprob_mean", "logprob_min", "margin_min", "margin_q10"])
    assert weights == {"logprob_mean": 0.5, "logprob_min": 0.5, "margin_min": 0.5, "margin_q10": 0.5}


def test_where_a_provider_names_no_alternatives_the_margin_decides_nothing() -> None:
    made = sure(80, np.random.default_rng(3))
    unknown = [replace(one, features=({**one.features[0], "margin_min": 20.0},)) for one in made]
    (_, scores), (models, same) = raw_tier_models(made), raw_tier_models(unknown)
    assert models.models[0] is not None
    assert models.models[0].confidence.model.features == ("logprob_mean",)
    assert np.allclose(scores, same)


def test_an_answer_whose_client_asked_for_no_alternatives_has_no_confidence() -> None:
    """`logprobs: true` alone goes to the provider as it is; the answer would be the surest of all, whatever it says."""
    rng = np.random.default_rng(3)
    made = [replace(one, features=({**one.features[0], "margin_min": rng.uniform(0, 8)},)) for one in sure(80, rng)]
    confidence = raw_tier_models(made)[0].models[0]
    answered = summarise([{"token": "no", "logprob": -0.5, "top_logprobs": []}])
    named = summarise([{"token": "no", "logprob": -0.5, "top_logprobs": [{"logprob": -0.5}, {"logprob": -1.0}]}])
    assert confidence is not None
    assert answered is not None
    assert named is not None
    assert confidence.weighed(answered) is None
    assert confidence.weighed(named) is not None


def test_with_log_probabilities_and_few_labels_the_raw_score_saves_more_than_the_fitted_one() -> None:
    promise = Promise(0.02, 0.05)
    costs: dict[str, list[float]] = {"split": [], "auto": []}
    for seed in range(12):
        made = sure(450, np.random.default_rng(seed))
        assert has_direct_evidence(made)
        for method, found in costs.items():
            one = calibrate(made, promise, np.random.default_rng(seed), method=method)  # pyright: ignore[reportArgumentType]
            found.append(one.chosen.cost_share if one.chosen else 1.0)
    assert np.mean(costs["auto"]) < np.mean(costs["split"]) - 0.02


def test_the_two_tests_together_spend_no_more_than_delta() -> None:
    few, many = (sure(n, np.random.default_rng(0)) for n in (600, 1_800))
    for made in (few, many):
        rng = np.random.default_rng(0)
        levels = {calibrate(made, Promise(0.05, 0.05), rng, method=method).level for method in ("raw", "split")}
        assert levels == {0.05}
        assert 0 < calibrate(made, Promise(0.05, 0.05), rng, method="auto").level < 0.05


def test_on_words_alone_the_fitted_score_has_all_of_delta() -> None:
    made = labels(400, np.random.default_rng(0))
    assert not has_direct_evidence(made)
    assert calibrate(made, Promise(0.05, 0.05), np.random.default_rng(0), method="auto").level == 0.05


def test_a_raw_promise_is_broken_no_more_often_than_it_says() -> None:
    rng = np.random.default_rng(7)
    world = sure(20_000, rng)
    models, scores = raw_tier_models(world)
    assert models.models[0] is not None
    false = 0
    for _ in range(120):
        places: list[int] = rng.integers(0, len(world), 250).tolist()
        drawn = [world[place] for place in places]
        found = calibrate(drawn, Promise(0.05, 0.1), rng, method="raw")
        if found.chosen is not None:
            replay = replay_of(world, found.models.scores(world))
            false += bool(replay.play(found.chosen.policy).losses(replay).mean() > 0.05)
    assert false <= 20  # 12 are expected at most; 20 and more happen with a chance of 2 %
    assert np.isfinite(scores).all()


def test_a_tier_whose_answers_are_unknown_has_no_model_and_those_behind_it_have_theirs() -> None:
    made = sure(60, np.random.default_rng(4))
    three = [
        replace(
            one,
            quality=(1.0, *one.quality),
            cost_usd=(0.01, *one.cost_usd),
            features=({}, *one.features),
            vetoes=(None, None),
        )
        for one in made
    ]
    models, scores = raw_tier_models(three)
    assert models.models[0] is None
    assert models.models[1] is not None
    assert np.isnan(scores[:, 0]).all()
    assert np.isfinite(scores[:, 1]).all()
