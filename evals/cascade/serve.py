"""The held-out half answered by the very code that serves: plan, signals, artefact, cascade flow."""

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from evals.cascade.data import Item, RecordedSet

from thriftgate.cascade import artefact as artefacts
from thriftgate.cascade.artefact import Artefact
from thriftgate.cascade.calibrated import CalibratedScorer
from thriftgate.cascade.calibration.policy import Played
from thriftgate.cascade.flow import Ask, Effect, Outcome, Reply, cascade, play
from thriftgate.cascade.plan import plan
from thriftgate.cascade.scoring import scoring
from thriftgate.types import Answer, Choice, Vector


def serve(recorded: RecordedSet, places: Sequence[int], artefact: Artefact, expected: Played | None) -> dict[str, Any]:
    """Answer the questions at `places`; the tiers chosen must be those that the replay had computed."""
    scorer = CalibratedScorer(artefacts.parse(artefact.dump()))
    tiers = scorer.tiers(recorded.tiers)
    answering: list[int] = []
    times: list[float] = []
    for place in places:
        item = recorded.items[place]
        vector = recorded.labels[place].vector
        started = time.process_time()
        outcome = _answer(item, recorded.tiers, scorer, vector)
        times.append(time.process_time() - started)
        answering.append(recorded.tiers.index(outcome.tier.model))
    agreeing = None if expected is None else float((np.array(answering) == expected.tier).mean())
    if agreeing is not None and agreeing < 0.999:
        raise AssertionError(f"serving chose another tier than the replay for {1 - agreeing:.2%} of the questions")
    quality = [recorded.labels[place].quality for place in places]
    given = float(np.mean([one[tier] for one, tier in zip(quality, answering, strict=True)]))
    return {
        "questions": len(places),
        "thresholds": [tier.accept_at for tier in tiers[:-1]],
        "guarantee": artefact.guarantee.words,
        "agrees_with_replay": agreeing,
        "cheap_share": round(float(np.mean(np.array(answering) < len(recorded.tiers) - 1)), 4),
        "quality_loss": round(float(np.mean([one[-1] for one in quality])) - given, 4),
        "own_work_ms": {
            "mean": round(1e3 * float(np.mean(times)), 3),
            "p50": round(1e3 * float(np.percentile(times, 50)), 3),
            "p99": round(1e3 * float(np.percentile(times, 99)), 3),
        },
    }


def _answer(item: Item, models: Sequence[str], scorer: CalibratedScorer, vector: Vector | None) -> Outcome:
    chosen = plan(item.request, scorer.tiers(models), outlook=scorer.outlook(item.request, vector=vector))
    score = scoring(scorer, item.request, vector=vector)

    def recorded(effect: Effect) -> Reply:
        assert isinstance(effect, Ask), "nothing else was recorded"
        model = effect.tier.model
        # Where only the correctness was published, any text stands for the answer: it is not looked at.
        return Reply(
            item.answers[models.index(model)] or Answer(choices=(Choice({"content": "A"}, "stop"),), model=model)
        )

    return play(cascade(chosen.tiers, score=score, reason=chosen.reason, earlier=item.second), recorded)
