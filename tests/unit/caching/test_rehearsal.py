"""A stream of labelled questions played through the cache, and an artefact fitted to what came of it."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from thriftgate.caching.artefact import CacheModel
from thriftgate.caching.calibration import calibrate_cache, fit, shuffled
from thriftgate.caching.decision import Decision, Explore, Hit, Miss, MissReason
from thriftgate.caching.entries import CacheEntry, Neighbour, Observation
from thriftgate.caching.evidence import FEATURES
from thriftgate.caching.policy import FixedThreshold
from thriftgate.caching.rehearsal import Conditions, Labelled, RehearsedQuestion, collect, rehearse
from thriftgate.services.cache.deciding import FixedDecider

NOUNS = ("card", "parcel", "invoice", "password", "refund", "account", "order", "limit")


def at(degrees: float) -> list[float]:
    return [math.cos(math.radians(degrees)), math.sin(math.radians(degrees))]


def stream(*asked: tuple[str, str, float], tenants: Sequence[int] = ()) -> Labelled:
    """Questions with their answer and the direction of their vector."""
    vectors = np.array([at(degrees) for _, _, degrees in asked], dtype=np.float32)
    return Labelled([one for one, _, _ in asked], [group for _, group, _ in asked], vectors, tenants)


class Watching:
    """Decides as it is told, in turn, about the nearest entry; remembers what it saw and learnt."""

    def __init__(self, *kinds: str) -> None:
        self._kinds = list(kinds)
        self.seen: list[list[tuple[str, float]]] = []
        self.draws: list[float] = []
        self.tenants: list[float] = []
        self.learnt: list[Observation] = []
        self.outcomes: list[int] = []
        self.groups: list[str] = []
        self.entries: list[CacheEntry] = []
        self.begun = 0

    def decide(self, question: str, neighbours: Sequence[Neighbour], *, draw: float, tenant: float = 0.0) -> Decision:
        self.seen.append([(one.entry.question, round(one.similarity, 3)) for one in neighbours])
        self.entries = [one.entry for one in neighbours]
        self.draws.append(draw)
        self.tenants.append(tenant)
        kind = self._kinds.pop(0)
        if kind == "miss" or not neighbours:
            return Miss(reason=MissReason.TOO_FAR)
        entry, similarity = neighbours[0].entry, neighbours[0].similarity
        self.outcomes.append(len(entry.outcomes))
        self.groups.append(entry.answer_group)
        features = {"x": 1.0}
        if kind == "explore":
            return Explore(entry=entry, similarity=similarity, confidence=None, features=features)
        must = kind == "must"
        return Hit(entry=entry, similarity=similarity, confidence=None, features=features, must_be_checked=must)

    def check_begun(self) -> None:
        self.begun += 1

    def update(self, observation: Observation) -> None:
        self.learnt.append(observation)


def play(data: Labelled, decider: Watching, **conditions: Any) -> list[RehearsedQuestion]:
    return list(rehearse(data, decider, conditions=Conditions(**conditions), seed=1))


def test_what_was_asked_before_is_found_nearest_first_and_a_hit_is_not_kept_again() -> None:
    data = stream(("a", "g", 0), ("b", "g", 60), ("c", "h", 10), ("d", "g", 0), ("e", "g", 200))
    decider = Watching("miss", "miss", "hit", "hit", "miss")
    steps = play(data, decider, verify_share=0.0)
    assert decider.seen == [
        [], [("a", 0.5)], [("a", 0.985), ("b", 0.643)], [("a", 1.0), ("b", 0.5)], [("b", 0.0), ("a", 0.0)],
    ]  # fmt: skip
    assert [step.is_right for step in steps] == [False, False, False, True, False]
    assert [step.is_wrong_hit for step in steps] == [False, False, True, False, False]
    assert decider.learnt == []
    assert all(0 <= draw < 1 for draw in decider.draws)
    assert len(set(decider.draws)) == 5


def test_no_more_than_sixteen_neighbours_are_seen_and_the_nearest_are_among_them() -> None:
    data = stream(*((str(place), "g", float(place)) for place in range(20)), ("asked", "g", 0.0))
    decider = Watching(*["miss"] * 21)
    play(data, decider)
    assert [question for question, _ in decider.seen[-1]] == [str(place) for place in range(16)]


@pytest.mark.parametrize(
    ("kind", "verify_share", "learns"),
    [("hit", 1.0, True), ("hit", 0.0, False), ("must", 0.0, True), ("explore", 0.0, True), ("miss", 1.0, False)],
)
def test_checked_hits_and_explored_entries_teach(kind: str, verify_share: float, learns: bool) -> None:
    for group, is_correct in (("g", True), ("h", False)):
        decider = Watching("miss", kind)
        play(stream(("a", "g", 0), ("b", group, 10)), decider, verify_share=verify_share)
        assert [one.is_correct for one in decider.learnt] == ([is_correct] if learns else [])
        assert decider.begun == (kind == "must")
        for one in decider.learnt:
            assert (one.entry_id, one.features, round(one.similarity, 3)) == ("0", {"x": 1.0}, 0.985)


def test_an_entry_keeps_its_latest_64_outcomes() -> None:
    decider = Watching("miss", *["hit"] * 70)
    play(stream(("a", "g", 0), *[("b", "g", 0.0)] * 70), decider, verify_share=1.0)
    assert decider.outcomes == [min(place, 64) for place in range(70)]


def test_a_fresh_answer_joins_the_group_that_it_was_found_to_equal() -> None:
    data = stream(("a", "g", 0), ("b", "g", 10), ("c", "h", 5), ("d", "g", 10), ("e", "h", 5))
    decider = Watching("miss", "miss", "miss", "hit", "hit")
    play(data, decider)
    assert decider.groups == ["0", ""], "b says the same as a, c as nobody"
    alone = Watching("miss", "miss", "hit")
    play(stream(("a", "g", 0), ("b", "g", 10), ("c", "g", 10)), alone, comparisons=0)
    assert alone.groups == [""], "with nothing is compared"


def test_only_so_many_neighbours_are_compared_with() -> None:
    # The nearest says something else, the second the same.
    data = stream(("a", "g", 0), ("b", "h", 20), ("c", "g", 15), ("d", "g", 15))
    for comparisons, group in ((1, ""), (2, "0")):
        decider = Watching("miss", "miss", "miss", "hit")
        play(data, decider, comparisons=comparisons)
        assert decider.groups == [group]


@pytest.mark.parametrize(
    ("conditions", "group", "verdicts"),
    [
        ({"missed_agreement": 1.0}, "g", [False]), ({"missed_agreement": 1.0}, "h", [False]),
        ({"false_agreement": 1.0}, "h", [True]), ({"false_agreement": 1.0}, "g", [True]), ({"untold": 1.0}, "g", []),
        ({}, "g", [True]), ({}, "h", [False]),
    ],
)  # fmt: skip
def test_comparisons_may_be_mistaken_or_come_to_nothing(
    conditions: dict[str, float], group: str, verdicts: list[bool]
) -> None:
    decider = Watching("miss", "hit")
    play(stream(("a", "g", 0), ("b", group, 10)), decider, verify_share=1.0, **conditions)
    assert [one.is_correct for one in decider.learnt] == verdicts


def test_mistakes_happen_as_often_as_they_are_said_to() -> None:
    data = stream(("a", "g", 0), *[("b", "g", 0.0)] * 1_000)
    decider = Watching("miss", *["hit"] * 1_000)
    play(data, decider, verify_share=0.5, missed_agreement=0.2, untold=0.1)
    assert 0.5 * 0.9 - 0.06 < len(decider.learnt) / 1_000 < 0.5 * 0.9 + 0.06
    assert 0.14 < np.mean([not one.is_correct for one in decider.learnt]) < 0.26
    assert Conditions() == Conditions(
        verify_share=0.02, missed_agreement=0.0, false_agreement=0.0, untold=0.0, comparisons=16
    )


def test_a_second_look_at_two_kept_answers_is_no_second_opinion() -> None:
    """Two that could not be compared stay apart, though a third agrees with both: their texts are what they were."""
    data = stream(("a", "g", 0), ("b", "g", 10), ("c", "g", 20), ("d", "g", 30))
    apart = 0
    for seed in range(200):
        decider = Watching(*["miss"] * 4)
        list(rehearse(data, decider, conditions=Conditions(untold=0.5), seed=seed))
        first, second, third = sorted(decider.entries, key=lambda entry: entry.entry_id)
        apart += first.group != second.group
        assert third.joined == ()
    assert 70 <= apart <= 130


def test_nobody_finds_the_answers_of_another() -> None:
    data = stream(("a", "g", 0), ("b", "g", 0), ("c", "g", 0), tenants=(1, 2, 1))
    decider = Watching("miss", "miss", "miss")
    play(data, decider)
    assert decider.seen == [[], [], [("a", 1.0)]]
    assert decider.tenants == [1, 2, 1]
    some = data.take([2, 0])
    assert (some.questions, some.groups, some.tenants, len(some)) == (["c", "a"], ["g", "g"], [1, 1], 2)
    assert stream(("a", "g", 0)).take([0]).tenants == ()


def test_the_same_seed_plays_the_same_and_a_fixed_threshold_learns_nothing() -> None:
    data = stream(("How do I pay?", "g", 0), ("How can I pay?", "g", 10), ("How could I pay?", "h", 30))
    fixed = FixedDecider(FixedThreshold(0.95))
    runs = [list(rehearse(data, fixed, conditions=Conditions(), seed=1)) for _ in range(2)]
    assert runs[0] == runs[1]
    assert [type(step.decision) for step in runs[0]] == [Miss, Hit, Miss]


# Fitting


def world(n: int, *, seed: int = 0) -> Labelled:
    """Questions around a few answers, half of them asked in a direction that lies between two."""
    rng = np.random.default_rng(seed)
    asked: list[tuple[str, str, float]] = []
    for place in range(n):
        group = int(rng.integers(len(NOUNS)))
        asked.append((f"the {NOUNS[group]} {NOUNS[(group + place) % 8]}", NOUNS[group], 40 * group + rng.normal(0, 14)))
    return stream(*asked)


def test_evidence_is_collected_of_every_question_with_a_candidate_as_if_served_by_similarity() -> None:
    data = stream(("my red card", "g", 0), ("my blue card", "g", 50), ("my card", "h", 1), ("my green card", "g", 2))
    rows, labels = collect(data, conditions=Conditions(), seed=0, min_similarity=0.9)
    assert all(len(row) == len(FEATURES) for row in rows)
    assert len(rows) == len(labels) <= 3
    similarities = [round(row[0], 3) for row in rows]
    assert similarities == sorted(set(similarities), key=similarities.index)
    played = world(120)
    rows, labels = collect(played, conditions=Conditions(), seed=0)
    assert {True, False} == set(labels)
    near = [right for row, right in zip(rows, labels, strict=True) if row[0] > 0.99]
    far = [right for row, right in zip(rows, labels, strict=True) if row[0] < 0.95]
    assert np.mean(near) > np.mean(far)


def test_weights_are_fitted_on_standardised_evidence() -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(3.0, 2.0, (400, len(FEATURES)))
    rows[:, 5] = 0.25
    labels = (rows[:, 0] + rng.normal(size=400) > 3).astype(float)
    model = fit(rows, labels, calibrated_on="here")
    assert (model.calibrated_on, model.examples) == ("here", 400)
    assert model.mean["similarity"] == pytest.approx(rows[:, 0].mean(), abs=1e-6)
    assert model.scale["similarity"] == pytest.approx(rows[:, 0].std(), abs=1e-6)
    assert (model.scale[FEATURES[5]], model.weights[FEATURES[5]]) == (1.0, 0.0)
    assert model.weights["similarity"] > 2
    assert max(abs(model.weights[name]) for name in FEATURES[1:]) < 0.6
    scales = [(model.mean[name], model.scale[name]) for name in FEATURES]
    standard = np.column_stack([(rows[:, place] - mean) / scale for place, (mean, scale) in enumerate(scales)])
    weights = np.array([model.weights[name] for name in FEATURES])
    chances = 1 / (1 + np.exp(-(model.intercept + standard @ weights)))
    gradient = standard.T @ (labels - chances) - weights
    assert gradient == pytest.approx(np.zeros(len(FEATURES)), abs=1e-2)
    assert (labels - chances).sum() == pytest.approx(model.intercept, abs=1e-2)


def test_a_prior_keeps_its_scales_and_pulls_the_weights_to_its_own() -> None:
    ones: dict[str, float] = dict.fromkeys(FEATURES, 1.0)
    prior = CacheModel(
        calibrated_on="before", examples=1, intercept=0.5, weights=dict.fromkeys(FEATURES, 2.0), mean=ones,
        scale=dict.fromkeys(FEATURES, 4.0), prior_precision=1e9,
    )  # fmt: skip
    rng = np.random.default_rng(0)
    rows, labels = rng.normal(size=(50, len(FEATURES))), (rng.uniform(size=50) < 0.5).astype(float)
    held = fit(rows, labels, calibrated_on="now", prior=prior)
    assert (held.mean, held.scale) == (prior.mean, prior.scale)
    assert held.weights == pytest.approx(dict(prior.weights), abs=1e-5)
    assert held.intercept == pytest.approx(0.5, abs=1e-5)


def test_streams_of_several_lengths_are_played_in_random_orders() -> None:
    rng = np.random.default_rng(0)
    assert sorted(shuffled(9, rng)) == list(range(9))
    assert shuffled(9, np.random.default_rng(1)) != shuffled(9, np.random.default_rng(2))
    data = world(150)
    model = calibrate_cache([data], calibrated_on="a world", lengths=(60, 1_000), seed=3)
    assert model == calibrate_cache([data], calibrated_on="a world", lengths=(60, 1_000), seed=3)
    assert 100 < model.examples < 210
    assert model.weights["margin"] + model.weights["vote"] + model.weights["similarity"] > 0
    with pytest.raises(ValueError, match="some where it is wrong"):
        calibrate_cache([stream(("a", "g", 0), ("b", "g", 1))], calibrated_on="x", lengths=(2,))
