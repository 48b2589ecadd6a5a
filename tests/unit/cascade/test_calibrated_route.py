"""What a route does whose cascade was calibrated on texts."""

from dataclasses import replace

import numpy as np
import pytest
from tests.cascade_labels import TIERS, artefact

from thriftgate.cascade import artefact as artefacts
from thriftgate.cascade.artefact import Artefact
from thriftgate.cascade.calibrated import CalibratedScorer
from thriftgate.cascade.calibration.calibration import (
    Promise,
    calibrate,
)
from thriftgate.cascade.calibration.labels import Label
from thriftgate.cascade.calibration.report import NEVER
from thriftgate.cascade.cost_weight import CostWeight
from thriftgate.cascade.flow import Ask, CascadeFlow, Effect, Outcome, Reply, Tier, cascade, play
from thriftgate.cascade.models import OUTLOOK, Calibrator, Confidence, Logistic, Probe, probability_of
from thriftgate.cascade.plan import eased, plan
from thriftgate.cascade.scoring import scoring
from thriftgate.types import Answer, ChatRequest, Choice


@pytest.fixture(scope="module")
def made_from_texts() -> Artefact:
    return real_artefact()


def request(text: str = "What is 2 + 2?") -> ChatRequest:
    return ChatRequest(request_id="r", route="s", messages=({"role": "user", "content": text},))


def said(text: str, model: str = "small") -> Answer:
    return Answer(choices=(Choice({"role": "assistant", "content": text}, "stop"),), model=model)


def drive(flow: CascadeFlow, answers: dict[str, Answer]) -> tuple[list[str], Outcome]:
    names: list[str] = []

    def perform(effect: Effect) -> Reply:
        assert isinstance(effect, Ask)
        names.append(effect.tier.model)
        return Reply(answers[effect.tier.model])

    outcome = play(flow, perform)
    return names, outcome


def real_artefact() -> Artefact:
    """Calibrated on features measured from real texts: hedged answers are worse."""
    from thriftgate.cascade.signals import SignalEvidence, measure

    rng = np.random.default_rng(0)
    made: list[Label] = []
    for place in range(1200):
        hedged = rng.uniform() < 0.4
        text = "Maybe it is 4, perhaps, I think." if hedged else "It is 4."
        good = rng.uniform() < (0.3 if hedged else 0.99)
        features = measure(SignalEvidence(request(), said(text).choices[0]))
        made.append(
            Label(
                group=str(place), quality=(float(good), 1.0), cost_usd=(0.1, 1.0), features=(features,), vetoes=(None,)
            )
        )
    found = calibrate(made, Promise(0.03, 0.05), rng)
    assert found.chosen is not None
    return artefacts.parse(artefact(found).dump())


def test_a_calibrated_route_accepts_plain_answers_and_escalates_hedged_ones(made_from_texts: Artefact):
    scorer = CalibratedScorer(made_from_texts)
    tiers = scorer.tiers(TIERS)
    for text, asked in (("It is 4.", ["small"]), ("Maybe it is 4, perhaps, I think.", ["small", "large"])):
        flow = cascade(tiers, score=scoring(scorer, request()))
        names, outcome = drive(flow, {"small": said(text), "large": said("4", "large")})
        assert names == asked
        assert outcome.confidence is not None
        parts = scorer.explain("small", outcome.signals)
        assert abs(parts[next(iter(parts))]) == max(map(abs, parts.values()))


def test_an_unknown_tier_is_never_accepted(made_from_texts: Artefact):
    scorer = CalibratedScorer(made_from_texts)
    assert scorer.score(request(), said("It is 4.", "other")).confidence is None
    assert scorer.tiers(("other", "large"))[0].accept_at == NEVER
    with pytest.raises(ValueError, match="shorter"):
        eased(scorer.tiers(("small", "other", "large")), [0.5])


def test_looser_promises_come_with_lower_thresholds(made_from_texts: Artefact):
    proven = [row for row in made_from_texts.promises if row["holds"]]
    assert proven
    levels = [row["accept_at"][0] for row in proven]
    assert levels == sorted(levels, reverse=True)


def test_a_calibrated_router_plans_before_anybody_is_asked():
    rng = np.random.default_rng(0)
    from thriftgate.cascade.signals.question import features

    made: list[Label] = []
    for place in range(2500):
        hard = rng.uniform() < 0.5
        asked = request("Prove that the integral of x^2 + 3 = 7 holds for 12 and 13." if hard else "Hello there")
        good = rng.uniform() < (0.3 if hard else 0.995)
        made.append(Label(group=str(place), quality=(float(good), 1.0), cost_usd=(0.1, 1.0), question=features(asked)))
    scorer = CalibratedScorer(artefact(calibrate(made, Promise(0.02, 0.05), rng)))
    tiers = scorer.tiers(TIERS)
    easy, hard = request("Hello there"), request("Prove that the integral of x^2 + 3 = 7 holds for 12 and 13.")
    assert plan(easy, tiers, outlook=scorer.outlook(easy)).reason == "good_outlook"
    assert plan(easy, tiers, outlook=scorer.outlook(easy)).tiers[0] == Tier("small")
    assert plan(hard, tiers, outlook=scorer.outlook(hard)).reason == "poor_outlook"
    assert plan(hard, tiers, outlook=scorer.outlook(hard)).tiers == (Tier("large"),)
    assert plan(easy, tiers, is_held_out=True).reason == "held_out"


def test_what_the_questions_vector_says_counts_where_there_is_one(made_from_texts: Artefact):
    only = Confidence(Logistic((OUTLOOK,), (0.0,), (1.0,), (1.0,), 0.0), Calibrator(1.0, 0.0))
    known = replace(made_from_texts.confidences[0], confidence=only, cost_weight=CostWeight())
    probed = replace(made_from_texts, confidences=(known,), probe=Probe("m", (2.0, 0.0), 0.5))
    vector = np.array([1.0, 9.0], dtype=np.float32)
    scorer = CalibratedScorer(probed)
    assert scorer.score(request(), said("It is 4."), vector=vector).confidence == pytest.approx(probability_of(2.5))
    assert scorer.score(request(), said("It is 4.")).confidence is None, "without a vector nothing is known"
    blind = CalibratedScorer(replace(probed, probe=None))
    assert blind.score(request(), said("It is 4."), vector=vector).confidence is None
