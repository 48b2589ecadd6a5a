"""The file that a calibrated cascade is kept in: it says what was tested, and is refused where it does not fit."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests.cascade_labels import TIERS, artefact, labels

from thriftgate.cascade import artefact as artefacts
from thriftgate.cascade.artefact import Artefact, Guarantee, StaleArtefactError, TierConfidence
from thriftgate.cascade.calibration.calibration import Calibration, Promise, calibrate
from thriftgate.cascade.cost_weight import CostWeight
from thriftgate.cascade.flow import Scored, why_not
from thriftgate.cascade.models import Calibrator, Confidence, Logistic, Probe
from thriftgate.cascade.signals import Cost


@pytest.fixture(scope="module")
def calibration() -> Calibration:
    rng = np.random.default_rng(0)
    return calibrate(labels(3000, rng), Promise(0.02, 0.05), rng)


@pytest.fixture(scope="module")
def made(calibration: Calibration) -> Artefact:
    return artefact(calibration)


def test_an_artefact_survives_its_file_unchanged(made: Artefact):
    read = artefacts.parse(made.dump())
    assert read.dump() == made.dump()
    assert read.confidences == made.confidences
    assert read.guarantee == made.guarantee
    assert read.confidences[0].auroc["estimate"] > 0.6
    assert read.confidences[0].calibration_error["high"] < 0.15


def test_the_file_keeps_the_names_of_its_format(made: Artefact):
    fields = json.loads(made.dump())
    assert "router" in fields
    assert {"stake", "accept_at"} <= fields["confidences"][0].keys()
    assert "pivot" in fields["confidences"][0]["stake"]
    assert not {"outlook", "cost_weight"} & (fields.keys() | fields["confidences"][0].keys())


def test_the_artefacts_confidence_accepts_exactly_what_was_tested(calibration: Calibration, made: Artefact):
    assert calibration.chosen is not None
    tier = artefacts.parse(made.dump()).confidences[0]
    threshold = calibration.chosen.policy.accept_at[0]
    for label, score in zip(calibration.test, calibration.replay.scores[:, 0], strict=True):
        confidence = tier.confidence.of(label.features[0])
        assert confidence is not None
        scored = Scored(confidence=confidence, weighed=tier.cost_weight.weigh(confidence, label.features[0]))
        assert (why_not(tier.accept_at, scored) is None) == (score >= threshold)


@pytest.mark.parametrize(
    ("fits", "words"),
    [
        ({"tiers": ("tiny", "large")}, "made for the tiers small, large; the route has tiny, large"),
        ({"tiers": TIERS, "prompt_version": "abc"}, "prompt version"),
        (
            {"tiers": TIERS, "max_quality_loss": 0.01},
            "promises a quality loss of at most 0.02; the route promises 0.01",
        ),
        ({"tiers": TIERS, "delta": 0.01}, "chance of 0.05"),
    ],
)
def test_a_stale_artefact_is_refused_with_its_reason(made: Artefact, fits: dict[str, Any], words: str):
    made.check(tiers=TIERS, max_quality_loss=0.02, delta=0.05)
    with pytest.raises(StaleArtefactError, match=words) as refused:
        made.check(**fits)
    assert "thriftgate cascade calibrate" in str(refused.value)


def test_every_reason_is_named_at_once(made: Artefact):
    with pytest.raises(StaleArtefactError) as refused:
        made.check(tiers=("a", "b"), prompt_version="new", max_quality_loss=0.001)
    assert len(refused.value.problems) == 3


def test_signals_of_another_version_make_an_artefact_stale(made: Artefact):
    changed = json.loads(made.dump())
    changed["confidences"][0]["confidence"]["model"]["features"][0] = "aura"
    with pytest.raises(StaleArtefactError, match="does not have: aura"):
        artefacts.parse(json.dumps(changed)).check(tiers=TIERS)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "no JSON"),
        ("[]", "no artefact"),
        ('{"kind": "thriftgate-cascade", "version": 99}', "format version 99"),
        ('{"kind": "thriftgate-cascade", "version": 1}', "damaged"),
    ],
)
def test_what_is_no_artefact_is_refused(text: str, words: str):
    with pytest.raises(StaleArtefactError, match=words):
        artefacts.parse(text)


@pytest.mark.parametrize("where", ["knots", "weights"])
def test_a_damaged_artefact_is_refused(made: Artefact, where: str):
    changed = json.loads(made.dump())
    confidence = changed["confidences"][0]["confidence"]
    if where == "knots":
        confidence["calibrator"]["knots"].reverse()
    else:
        confidence["model"]["weights"][0] = float("nan")
    with pytest.raises(StaleArtefactError, match="damaged"):
        artefacts.parse(json.dumps(changed))


def test_a_missing_file_is_named(tmp_path: Any):
    with pytest.raises(StaleArtefactError, match="cannot read"):
        artefacts.load_artefact(tmp_path / "none.json")
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(StaleArtefactError, match=r"bad\.json': this is no JSON"):
        artefacts.load_artefact(tmp_path / "bad.json")


def test_a_net_promise_is_no_promise_about_what_gets_worse():
    rng = np.random.default_rng(0)
    found = calibrate(labels(600, rng), Promise(0.05, 0.05), rng)
    net = artefact(found)
    strict = replace(net, guarantee=replace(net.guarantee, loss="regressions"))
    strict.check(tiers=TIERS, max_regressions=0.05)
    strict.check(tiers=TIERS, max_quality_loss=0.05)
    with pytest.raises(StaleArtefactError, match="net of what gets better"):
        net.check(tiers=TIERS, max_regressions=0.05)
    with pytest.raises(StaleArtefactError, match=r"gets worse loses at most 0.05; the route promises 0.01"):
        strict.check(tiers=TIERS, max_regressions=0.01)


@pytest.mark.parametrize(
    ("now", "words"),
    [
        (None, None), ({}, None), ({"small": ["a", "b"]}, None), ({"small": ["b", "a"], "large": ["c"]}, None),
        ({"small": ["a"]}, "behind 'small' were a, b; now there are a"), ({"small": []}, "behind 'small'"),
    ],
)  # fmt: skip
def test_other_models_behind_a_tier_make_an_artefact_stale_where_they_are_known(
    made: Artefact, now: dict[str, list[str]] | None, words: str | None
):
    served = replace(made, deployments={"small": ["a", "b"]})
    if words is None:
        served.check(tiers=TIERS, deployments=now)
    else:
        with pytest.raises(StaleArtefactError, match=words):
            served.check(tiers=TIERS, deployments=now)


def test_a_promise_that_is_just_the_routes_own_and_the_embedder_of_a_probe_fit(made: Artefact):
    probed = replace(made, probe=Probe("e", (1.0,), 0.0))
    probed.check(tiers=TIERS, embedder="e", max_quality_loss=0.02 - 1e-13, delta=0.05 - 1e-13)
    with pytest.raises(StaleArtefactError, match="made with the embedder 'e'; now it is 'f'"):
        probed.check(tiers=TIERS, embedder="f")
    with pytest.raises(StaleArtefactError, match="quality loss"):
        made.check(tiers=TIERS, max_quality_loss=0.02 - 1e-9)
    with pytest.raises(StaleArtefactError, match="chance"):
        made.check(tiers=TIERS, delta=0.05 - 1e-9)


@pytest.mark.parametrize(
    ("feature", "cost"),
    [("agreement", "second_sample"), ("judge_score", "judge"), ("logprob_mean", "logprobs"), ("hedges", "free")],
)
def test_an_artefact_needs_what_the_features_of_any_tier_cost(feature: str, cost: Cost) -> None:
    def tier(name: str) -> TierConfidence:
        model = Logistic((name,), (0.0,), (1.0,), (1.0,), 0.0)
        return TierConfidence(
            tier=name, confidence=Confidence(model, Calibrator(1.0, 0.0)), accept_at=0.5, cost_weight=CostWeight()
        )

    made = Artefact(
        tiers=("a", "b", "c"), signals=(), labels=1, labels_tested=1, confidences=(tier("lines"), tier(feature)),
        guarantee=Guarantee(max_quality_loss=0.1, delta=0.1, loss="net", holds=True, p_value=0.0, words=""),
        expected={},
    )  # fmt: skip
    costs: tuple[Cost, ...] = ("second_sample", "judge", "logprobs")
    assert [one for one in costs if made.needs(one)] == [one for one in costs if one == cost]
    assert made.needs("free")
    assert not replace(made, confidences=()).needs("free")
