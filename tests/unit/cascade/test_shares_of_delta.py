"""Who gets which part of the allowed risk, and what a score that nobody fitted is made of."""

import numpy as np
import pytest

from thriftgate.cascade.calibration.calibration import Promise, calibrate
from thriftgate.cascade.calibration.labels import Label
from thriftgate.cascade.calibration.raw import FAMILIES, WORDING, has_direct_evidence, raw_weights


def hopeless(n: int) -> list[Label]:
    rng = np.random.default_rng(0)
    return [
        Label(
            group=str(place), quality=(float(place % 2), 1.0), cost_usd=(0.1, 1.0), vetoes=(None,),
            features=({"logprob_mean": doubt},),
        )
        for place, doubt in enumerate((-rng.uniform(size=n)).tolist())
    ]  # fmt: skip


@pytest.mark.parametrize(("n", "level"), [(40, 0.04), (1499, 0.04), (1500, 0.01)])
def test_of_few_labels_the_raw_score_gets_four_fifths_of_delta_and_of_many_one(n: int, level: float) -> None:
    """Nothing passes here, and where neither does the raw score is told, which tests on more labels."""
    found = calibrate(hopeless(n), Promise(0.05, 0.05), np.random.default_rng(0), method="auto")
    assert found.level == pytest.approx(level)
    assert (found.chosen, len(found.fit), len(found.test)) == (None, 0, n)


def test_direct_evidence_is_a_log_probability_of_every_cheaper_tier() -> None:
    assert has_direct_evidence(hopeless(3))
    assert not has_direct_evidence([])
    middle = [
        Label(group="g", quality=(1.0, 1.0, 1.0), cost_usd=(1.0, 2.0, 3.0), features=rows)
        for rows in [({"logprob_mean": -1.0}, {"hedges": 1.0})] * 3
    ]
    assert not has_direct_evidence(middle)


def test_signals_that_speak_for_an_answer_and_against_it() -> None:
    assert [dict(family) for family in FAMILIES] == [
        {"logprob_mean": 1, "logprob_min": 1, "logprob_q10": 1}, {"margin_min": 1, "margin_q10": 1},
        {"self_confidence": 1}, {"judge_score": 1}, {"agreement": 2, "word_overlap": 1},
    ]  # fmt: skip
    against = {name for name, sign in WORDING.items() if sign == -1}
    assert {name for name, sign in WORDING.items() if sign == 1} == {"concludes", "ends_cleanly"}
    assert len(against) + 2 == len(WORDING) == 10
    assert raw_weights(["logprob_mean", "logprob_min", "logprob_q10", "judge_score"]) == pytest.approx(
        {"logprob_mean": 1 / 3, "logprob_min": 1 / 3, "logprob_q10": 1 / 3, "judge_score": 1}
    )
