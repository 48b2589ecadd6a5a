"""Who gets which variant: always the same one, in the right shares, and few move when weights change."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thriftgate.prompts.experiments.assignment import Assignment, assign, choose, draw, weights_at
from thriftgate.prompts.schema import Experiment

UNITS = [f"user-{number}" for number in range(4000)]
NAMES = ["control", "concise", "warm", "terse"]
WEIGHTS = st.dictionaries(st.sampled_from(NAMES), st.floats(0, 100), min_size=1).filter(lambda w: sum(w.values()) > 1)


def shares(weights: dict[str, float]) -> dict[str, float]:
    total = sum(weights.values())
    return {name: weights.get(name, 0) / total for name in NAMES}


def distance(one: dict[str, float], other: dict[str, float]) -> float:
    """The share that must move: half of the summed differences."""
    return sum(abs(a - b) for a, b in zip(shares(one).values(), shares(other).values(), strict=True)) / 2


def moved(before: dict[str, float], after: dict[str, float], salt: str = "s") -> Counter[tuple[str | None, str | None]]:
    pairs = ((choose(before, unit, salt=salt), choose(after, unit, salt=salt)) for unit in UNITS)
    return Counter(pair for pair in pairs if pair[0] != pair[1])


@given(WEIGHTS, st.text(), st.text())
def test_the_same_unit_always_gets_the_same_variant(weights: dict[str, float], unit: str, salt: str) -> None:
    first = choose(weights, unit, salt=salt)

    assert first in weights
    assert weights[first] > 0
    assert choose(dict(reversed(list(weights.items()))), unit, salt=salt) == first


@given(WEIGHTS, st.floats(0.01, 1000))
def test_only_the_ratio_of_weights_matters(weights: dict[str, float], factor: float) -> None:
    scaled = {name: weight * factor for name, weight in weights.items()}

    differing = sum(choose(weights, unit, salt="s") != choose(scaled, unit, salt="s") for unit in UNITS[:200])
    assert differing <= 1  # two times that are equal up to rounding may change places


@settings(max_examples=25)
@given(WEIGHTS, st.integers())
def test_variants_win_their_share(weights: dict[str, float], salt: int) -> None:
    counts = Counter(choose(weights, unit, salt=str(salt)) for unit in UNITS)

    for name, share in shares(weights).items():
        # Six standard errors: beyond them once in a billion draws.
        assert abs(counts[name] / len(UNITS) - share) <= 6 * (share * (1 - share) / len(UNITS)) ** 0.5 + 1e-9


@settings(max_examples=25)
@given(WEIGHTS, st.sampled_from(NAMES), st.floats(0, 100))
def test_when_one_weight_changes_units_move_only_to_or_from_that_variant(
    weights: dict[str, float], name: str, weight: float
) -> None:
    changed = {**weights, name: weight}
    if sum(changed.values()) <= 1:
        return
    grows = shares(changed)[name] >= shares(weights)[name]

    for before, after in moved(weights, changed):
        assert (after if grows else before) == name


@settings(max_examples=25)
@given(st.floats(1, 99), st.floats(1, 99))
def test_with_two_variants_nobody_moves_without_need(before: float, after: float) -> None:
    moves = moved({"control": 100 - before, "concise": before}, {"control": 100 - after, "concise": after})

    assert len(moves) <= 1  # all in one direction
    must = abs(before - after) / 100
    assert abs(moves.total() / len(UNITS) - must) <= 6 * (must * (1 - must) / len(UNITS)) ** 0.5 + 1e-9


@settings(max_examples=25)
@given(WEIGHTS, WEIGHTS)
def test_any_change_moves_at_most_the_optimum_of_memoryless_dealing(
    before: dict[str, float], after: dict[str, float]
) -> None:
    must = distance(before, after)
    bound = 2 * must / (1 + must)

    assert moved(before, after).total() / len(UNITS) <= bound + 6 * (0.25 / len(UNITS)) ** 0.5


def test_experiments_deal_independently_of_each_other() -> None:
    weights = {"control": 1.0, "concise": 1.0}
    pairs = Counter((choose(weights, unit, salt="a"), choose(weights, unit, salt="b")) for unit in UNITS)

    assert all(abs(count / len(UNITS) - 0.25) < 0.04 for count in pairs.values())


@given(st.lists(st.text(), max_size=3))
def test_a_draw_lies_strictly_between_0_and_1(parts: list[str]) -> None:
    assert 0 < draw(*parts) < 1


def test_a_draw_is_fixed_forever() -> None:
    """A change of this number would deal every running experiment anew."""
    assert draw("support/concise", "control", "user-1") == 0.007581260549989255


def plan(**given: Any) -> Experiment:
    return Experiment.model_validate({"variants": {"control": 80, "concise": 20}, **given})


def given_to(experiment: Experiment, unit: str | None, now: float = 0.0, **more: Any) -> Assignment:
    return assign(experiment, unit, now, prompt="support", name="short", **more)


def test_outside_its_dates_an_experiment_concerns_nobody() -> None:
    experiment = plan(start="2026-07-01", stop="2026-08-01T00:00:00+02:00")
    start, stop = 1782864000.0, 1785535200.0

    assert given_to(experiment, "u", start - 1) == Assignment(None, "not_running")
    assert given_to(experiment, "u", start).reason == "assigned"
    assert given_to(experiment, "u", stop - 1).reason == "assigned"
    assert given_to(experiment, "u", stop) == Assignment(None, "not_running")


def test_who_has_no_id_is_not_part_of_it() -> None:
    assert given_to(plan(), None) == Assignment(None, "no_unit")


def test_the_holdout_is_the_same_for_every_experiment_of_a_prompt() -> None:
    held = [{u for u in UNITS if given_to(plan(holdout="10%", salt=salt), u).reason == "holdout"} for salt in "ab"]

    assert held[0] == held[1]
    assert abs(len(held[0]) / len(UNITS) - 0.1) < 0.03


def test_a_ramp_moves_units_only_towards_the_variant_that_grows() -> None:
    experiment = plan(
        variants={"control": 95, "concise": 5},
        ramp=[
            {"at": "2026-07-02", "variants": {"control": 80, "concise": 20}},
            {"at": "2026-07-03", "variants": {"control": 50, "concise": 50}},
        ],
    )
    days = [1782864000.0 + 86400 * day for day in range(3)]
    got = [{u for u in UNITS if given_to(experiment, u, day).variant == "concise"} for day in days]

    assert got[0] < got[1] < got[2]
    assert [len(part) / len(UNITS) for part in got] == pytest.approx([0.05, 0.2, 0.5], abs=0.03)


def test_units_of_a_stopped_variant_are_dealt_to_the_others_and_nobody_else_moves() -> None:
    experiment = plan(variants={"control": 60, "concise": 20, "warm": 20})

    for unit in UNITS[:500]:
        before, after = given_to(experiment, unit).variant, given_to(experiment, unit, stopped={"concise"}).variant
        assert after != "concise"
        assert before in (after, "concise")


def test_when_every_variant_is_stopped_the_control_gets_all() -> None:
    assert weights_at(plan(), 0, stopped={"control", "concise"}) == {"control": 1.0}
