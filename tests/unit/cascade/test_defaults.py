"""What holds where nobody says otherwise: each number that a cascade gets without asking for it."""

from dataclasses import asdict

import numpy as np
import pytest
from tests.fakes import answer_of, ask

from thriftgate.cascade.artefact import KIND, VERSION
from thriftgate.cascade.calibration.calibration import Promise
from thriftgate.cascade.calibration.labels import Label
from thriftgate.cascade.calibration.policy import ThresholdPolicy
from thriftgate.cascade.calibration.report import LIMITS, NEVER
from thriftgate.cascade.cost_weight import POWERS, CostWeight
from thriftgate.cascade.drift import AS_GOOD, BETTER, WORSE, drift_of
from thriftgate.cascade.familiarity import SUMMARY_VERSION
from thriftgate.cascade.flow import MoreEvidence, Reply, Scored, Tier, cascade
from thriftgate.cascade.plan import accept_at_for, plan
from thriftgate.cascade.running import RunningConfidence
from thriftgate.cascade.scoring import TOP_LOGPROBS, static_confidence
from thriftgate.cascade.signals import Features
from thriftgate.decisions import Reason
from thriftgate.errors import AllTiersFailedError, TierFailedError


def test_a_promise_is_of_two_per_cent_at_a_risk_of_five_net_of_what_gets_better() -> None:
    assert asdict(Promise()) == {"max_quality_loss": 0.02, "delta": 0.05, "loss": "net"}
    for wrong in (
        {"max_quality_loss": -0.1},
        {"max_quality_loss": 0.0},
        {"max_quality_loss": 1.0},
        {"delta": 0.0},
        {"delta": 1.0},
        {"loss": "x"},
    ):
        with pytest.raises(ValueError, match="no such promise"):
            Promise(**wrong)  # pyright: ignore[reportArgumentType]


def test_money_weighs_nothing_and_no_question_is_skipped() -> None:
    assert asdict(CostWeight()) == {
        "fixed": 1, "per_prompt_character": 0, "per_answer_character": 0, "power": 0, "riskless_at": 1,
    }  # fmt: skip
    policy = ThresholdPolicy((0.5,))
    assert (policy.skip_below, policy.trust_above) == (-np.inf, np.inf)
    assert POWERS == (0.0, 0.5, 1.0)
    assert LIMITS == (0.005, 0.01, 0.02, 0.03, 0.05, 0.1)
    assert NEVER > 1


def test_a_reply_is_unseen_a_tier_accepts_everything_and_evidence_is_wanted_at_every_confidence() -> None:
    reply = Reply(answer_of("a"))
    assert (reply.is_shown, reply.veto, reply.refusal, reply.evidence) == (False, None, None, {})
    assert (Tier("m").accept_at, Tier("m").strict_at, Tier("m").keep_at) == (None, None, None)
    assert MoreEvidence(None).only_between == (0.0, 1.0)
    assert MoreEvidence(None).may_settle(Scored(0.0))
    assert MoreEvidence(None).may_settle(Scored(1.0))
    assert Features().errors == 0


def test_a_drift_counts_losses_alone_and_is_wrong_once_in_twenty() -> None:
    losses = [WORSE, BETTER, AS_GOOD, WORSE] * 9
    plain = drift_of(losses, accepted_share=0.5, max_quality_loss=0.1)
    assert plain == drift_of(losses, accepted_share=0.5, max_quality_loss=0.1, alpha=0.05, is_net=False)
    assert plain.evidence != drift_of(losses, accepted_share=0.5, max_quality_loss=0.1, is_net=True).evidence
    assert (WORSE, AS_GOOD, BETTER) == (1, 0, -1)
    # Evidence of 19.5 after six, and of 35.5 after seven: twenty to one is between them.
    rings = [drift_of([WORSE] * n, accepted_share=0.5, max_quality_loss=0.1).is_drifting for n in (6, 7)]
    assert rings == [False, True]


def test_a_stream_is_settled_after_64_tokens_and_looked_at_by_its_latest_sixteen() -> None:
    running = RunningConfidence(floor=0.5)
    assert running.until == 64
    running.feed("a", [{"logprob": 0.0}] * 7)
    assert running.confidence is None
    running.feed("a", [{"logprob": 0.0}] * 9)
    assert running.confidence == 1
    running.feed("a", [{"logprob": -0.16}])
    assert running.confidence == pytest.approx(np.exp(-0.01))


def test_a_plan_has_no_control_group_and_nothing_unfamiliar_unless_told() -> None:
    tiers = (Tier("small", 0.5), Tier("large"))
    assert plan(ask("Why?"), tiers).reason is Reason.CASCADE
    assert accept_at_for([{"max_quality_loss": 1e-9, "holds": True, "accept_at": [0.5]}], 0.1) == (0.5,)
    assert accept_at_for([{"max_quality_loss": 0.0, "holds": True, "accept_at": [0.5]}], 0.1) is None


def test_two_log_probabilities_are_asked_for_and_an_answer_without_any_is_worth_nine_tenths() -> None:
    assert TOP_LOGPROBS == 2
    assert static_confidence({}) == 0.9
    assert (KIND, VERSION, SUMMARY_VERSION) == ("thriftgate-cascade", 1, 1)


def test_a_label_says_nothing_but_its_qualities_and_costs_unless_told() -> None:
    label = Label(group="g", quality=(1.0, 1.0), cost_usd=(1.0, 2.0))
    assert (label.features, label.vetoes, label.question, label.vector) == ((), (), {}, None)


def test_a_rejected_answer_is_served_only_where_a_route_asks_for_it() -> None:
    flow = cascade((Tier("small", 0.5), Tier("large")), score=lambda answer, second, rating: Scored(0.1))
    next(flow)
    flow.send(Reply(answer_of("small")))
    with pytest.raises(AllTiersFailedError):
        flow.send(TierFailedError("large", "away"))
