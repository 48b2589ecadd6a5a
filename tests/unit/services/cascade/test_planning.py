"""Which tiers a request may go through, before anybody is asked."""

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests import cascade_labels
from tests.fakes import ask

from thriftgate.cascade.artefact import Artefact
from thriftgate.cascade.calibrated import CalibratedScorer
from thriftgate.cascade.calibration.calibration import Promise, calibrate
from thriftgate.cascade.calibration.summary import summary_of_questions
from thriftgate.cascade.flow import Tier
from thriftgate.cascade.plan import Outlook, plan
from thriftgate.cascade.scoring import StaticScorer
from thriftgate.config import CascadeConfig
from thriftgate.decisions import Reason
from thriftgate.services.cascade.planning import Planner
from thriftgate.types import Caller, PromptRef

MANY = 4_000


def planner(**settings: Any) -> Planner:
    tiers = [{"model": "small"}, {"model": "large"}]
    config = CascadeConfig.model_validate({"tiers": tiers, "accept_at": 0.7, "holdout": 0, **settings})
    return Planner(route="support", config=config, scorer=StaticScorer())


@pytest.fixture(scope="module")
def artefact() -> Artefact:
    """Proves 5 %, and other promises around it."""
    rng = np.random.default_rng(0)
    return cascade_labels.artefact(calibrate(cascade_labels.labels(3000, rng), Promise(0.05, 0.05), rng))


def calibrated(artefact: Artefact, **settings: Any) -> Planner:
    return replace(planner(max_quality_loss=0.05, **settings), scorer=CalibratedScorer(artefact))


def test_without_a_promise_the_static_threshold_decides() -> None:
    planned = planner().plan(ask())
    assert [(tier.model, tier.accept_at) for tier in planned.tiers] == [("small", 0.7), ("large", None)]
    assert planned.reason == "cascade"


def test_a_tiers_own_threshold_overrides_the_routes() -> None:
    planned = planner(tiers=[{"model": "small", "accept_at": 0.9}, {"model": "large"}]).plan(ask())
    assert planned.tiers[0].accept_at == 0.9


def test_a_promise_without_proof_asks_the_strongest_tier_and_says_so() -> None:
    one = planner(max_quality_loss=0.02, audit={"share": 0})
    planned = one.plan(ask())
    assert [tier.model for tier in planned.tiers] == ["large"]
    assert planned.reason == "uncalibrated"


def test_a_share_of_unproven_requests_collects_labels_and_accepts_nothing() -> None:
    one = planner(max_quality_loss=0.02, audit={"share": 0.1})
    plans = [one.plan(replace(ask(), request_id=f"r{index}")) for index in range(MANY)]
    reasons = Counter(planned.reason for planned in plans)
    assert set(reasons) == {"uncalibrated", "collecting_labels"}
    assert reasons[Reason.COLLECTING_LABELS] / MANY == pytest.approx(0.1, abs=0.03)
    collecting = next(planned for planned in plans if planned.reason is Reason.COLLECTING_LABELS)
    assert [tier.model for tier in collecting.tiers] == ["small", "large"]
    assert collecting.tiers[0].accept_at == float("inf")


def test_the_control_group_is_a_share_of_users_and_each_stays_in_it() -> None:
    one = planner(holdout=0.05)

    def reason(user: int, request: int) -> str:
        return one.plan(ask(caller=Caller(key_hash="k", user_id=f"u{user}"), request_id=f"{user}-{request}")).reason

    first = [reason(user, 0) for user in range(MANY)]
    assert first.count("held_out") / MANY == pytest.approx(0.05, abs=0.02)
    assert [reason(user, 1) for user in range(200)] == first[:200]


def test_a_stream_may_go_to_the_strongest_tier_at_once() -> None:
    one = planner(streaming="strong_first_token")
    assert one.plan(ask(), stream=True).reason == "strong_first_token"
    assert len(one.plan(ask(), stream=False).tiers) == 2


def test_one_tier_is_the_only_tier_whatever_is_promised() -> None:
    one = planner(tiers=[{"model": "large"}], max_quality_loss=0.02, audit={"share": 0})
    assert one.plan(ask()).reason == "only_tier"


def test_an_artefact_of_another_prompt_version_is_not_served_from(artefact: Artefact) -> None:
    one = calibrated(artefact, audit={"share": 0})
    assert one.plan(ask()).reason == "cascade"
    edited = PromptRef(name="support", variant="control", version="edited")
    planned = one.plan(ask(), prompt=edited)
    assert planned.reason == "stale_artefact"
    assert [tier.model for tier in planned.tiers] == ["large"]


def test_an_artefact_that_proves_nothing_escalates_everything(artefact: Artefact) -> None:
    unproven = replace(artefact, guarantee=replace(artefact.guarantee, holds=False))
    assert calibrated(unproven, audit={"share": 0}).plan(ask()).reason == "promise_not_proven"


@pytest.mark.parametrize(("used", "reason"), [(None, "cascade"), (0.5, "cascade"), (0.99, "budget_shift")])
def test_thresholds_loosen_only_near_the_end_of_a_budget_and_never_beyond_the_floor(
    artefact: Artefact, used: float | None, reason: str
) -> None:
    one = calibrated(artefact, budget_shift={"starts_at": 0.8, "max_quality_loss": 0.12})
    usual = one.plan(ask()).tiers[0].accept_at
    planned = one.plan(ask(caller=Caller(key_hash="k", budget_used_share=used)))
    assert planned.reason == reason
    loosest = next(row for row in artefact.promises if row["max_quality_loss"] == 0.1)["accept_at"][0]
    assert planned.tiers[0].accept_at == (loosest if reason == "budget_shift" else usual)
    assert planned.tiers[0].keep_at == usual, "what would do for everybody"


@pytest.mark.parametrize("is_proven", [True, False])
def test_where_the_looser_promises_thresholds_are_no_looser_nothing_is_shifted(
    artefact: Artefact, is_proven: bool
) -> None:
    usual = calibrated(artefact).plan(ask())
    same = {"max_quality_loss": 0.1, "holds": is_proven, "accept_at": [usual.tiers[0].accept_at]}
    stricter = {"max_quality_loss": 0.03, "holds": True, "accept_at": [1.0]}
    one = calibrated(
        replace(artefact, promises=(stricter, same)), budget_shift={"starts_at": 0.8, "max_quality_loss": 0.12}
    )
    assert one.plan(ask(caller=Caller(key_hash="k", budget_used_share=0.99))) == usual
    assert usual.reason == "cascade"


def test_a_promise_about_regressions_without_proof_asks_the_strongest_tier() -> None:
    one = planner(max_regressions=0.02, audit={"share": 0})
    assert one.plan(ask()).reason == "uncalibrated"


def test_an_artefact_made_with_a_prompt_does_not_serve_a_request_without_one(artefact: Artefact) -> None:
    one = replace(
        calibrated(artefact, audit={"share": 0}), scorer=CalibratedScorer(replace(artefact, prompt_version="v1"))
    )
    assert one.plan(ask()).reason == "stale_artefact"
    assert one.plan(ask(), prompt=PromptRef(name="support", variant="control", version="v1")).reason == "cascade"


def test_an_outlook_at_the_threshold_is_trusted_and_not_skipped() -> None:
    tiers = (Tier("small", 0.5), Tier("large"))
    at = Outlook(0.6, skip_below=0.6, trust_above=0.6)
    assert plan(ask(), tiers, outlook=at).reason == "good_outlook"
    assert plan(ask(), tiers, outlook=replace(at, chance=0.5999)).reason == "poor_outlook"
    assert plan(ask(), tiers, outlook=Outlook(0.6, skip_below=0.6)).reason == "cascade"


def summarised(artefact: Artefact) -> Artefact:
    """The artefact with a summary of two hundred questions that all point one way."""
    rng = np.random.default_rng(4)
    rows = np.eye(6)[0] + 0.1 * rng.normal(size=(200, 6))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    # As long as the question that `ask` makes, or nearly so.
    lengths = np.log1p(len("How long does a refund take?")) + 0.1 * rng.normal(size=200)
    found = summary_of_questions(rows, lengths, [str(place) for place in range(200)], rng, embedder="e")
    return replace(artefact, summary=found)


NEAR, FAR = np.eye(6, dtype=np.float32)[0], np.eye(6, dtype=np.float32)[5]


def test_a_question_far_from_every_label_goes_to_the_strongest_tier(artefact: Artefact) -> None:
    one = calibrated(summarised(artefact), audit={"share": 0})
    assert one.needs_vector
    strange, usual = one.plan(ask(), vector=FAR), one.plan(ask(), vector=NEAR)
    assert ([tier.model for tier in strange.tiers], strange.reason) == (["large"], "unfamiliar")
    assert (usual.reason, len(usual.tiers)) == ("cascade", 2)
    assert strange.familiarity == pytest.approx(1 / 101)


def test_a_share_of_unfamiliar_questions_brings_labels_and_accepts_nothing(artefact: Artefact) -> None:
    one = calibrated(summarised(artefact), audit={"share": 0.1})
    plans = [one.plan(replace(ask(), request_id=f"r{index}"), vector=FAR) for index in range(MANY)]
    assert {planned.reason for planned in plans} == {"unfamiliar"}
    labelled = [planned for planned in plans if len(planned.tiers) == 2]
    assert len(labelled) / MANY == pytest.approx(0.1, abs=0.03)
    assert {planned.tiers[0].accept_at for planned in labelled} == {float("inf")}


@pytest.mark.parametrize("how", ["no vector", "another length", "off", "another embedder", "no summary"])
def test_where_familiarity_cannot_be_told_or_is_not_wanted_the_cascade_goes_on(artefact: Artefact, how: str) -> None:
    made = artefact if how == "no summary" else summarised(artefact)
    one = calibrated(made, audit={"share": 0}, unfamiliar={"escalate": how != "off"})
    if how == "another embedder":
        one = replace(one, scorer=CalibratedScorer(made, embedder="another"))
    vector = {"no vector": None, "another length": FAR[:3]}.get(how, FAR)
    planned = one.plan(ask(), vector=vector)
    assert (planned.reason, planned.familiarity) == ("cascade", None)
    assert one.needs_vector is (how in ("no vector", "another length"))


def test_tools_and_the_control_group_come_before_familiarity(artefact: Artefact) -> None:
    planned = plan(
        ask(params={"tools": [{"type": "function"}]}), (Tier("small", 0.5), Tier("large")), is_unfamiliar=True
    )
    assert planned.reason == "tools_offered"
    held = plan(ask(), (Tier("small", 0.5), Tier("large")), is_held_out=True, is_unfamiliar=True)
    assert held.reason == "held_out"
