"""Where the threshold of attacks is set, by the harmless texts of many sets."""

import numpy as np
from evals.safety.thresholds import ALLOWED, FOLDS, SET_NONE, fold_of, threshold_of
from hypothesis import given
from hypothesis import strategies as st

_SCORES = st.lists(st.floats(-8, 8), min_size=1, max_size=120)
_SETS = st.fixed_dictionaries(
    {"BANKING77": _SCORES, "NotInject": _SCORES, "XSTest safe": _SCORES, "passages": _SCORES, "tasks": _SCORES}
)
_GROUPS = {
    "BANKING77": "support", "NotInject": "NotInject", "XSTest safe": "XSTest safe", "passages": "longer",
    "tasks": "others",
}  # fmt: skip


def _over(scores: list[float], at: float) -> int:
    return sum(score >= at for score in scores)


@given(_SETS)
def test_of_no_group_more_than_its_share_is_over_the_threshold_and_no_lower_one_does_that(
    sets: dict[str, list[float]],
) -> None:
    at = threshold_of(sets)
    lower = float(np.nextafter(at, -np.inf))
    assert all(_over(some, at) <= ALLOWED[_GROUPS[name]] * len(some) for name, some in sets.items())
    assert any(_over(some, lower) > ALLOWED[_GROUPS[name]] * len(some) for name, some in sets.items())


@given(_SETS, _SCORES)
def test_sets_that_set_none_change_nothing(sets: dict[str, list[float]], scores: list[float]) -> None:
    assert threshold_of(sets | dict.fromkeys(SET_NONE, scores)) == threshold_of(sets)


@given(st.text(st.characters()))
def test_every_text_has_a_fold_also_one_with_half_a_character(text: str) -> None:
    assert {fold_of(text), fold_of(text + "\ud800")} <= set(range(FOLDS))
