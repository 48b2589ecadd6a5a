"""Judges answers with a calibrated artefact.

Failure behaviour: an answer of a tier that the artefact does not know, a missing feature (no log-probabilities, no
second sample, no judge's rating, no vector where the artefact needs them) or a signal that throws gives no confidence:
it escalates.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from thriftgate.cascade.artefact import Artefact
from thriftgate.cascade.familiarity import Familiarity
from thriftgate.cascade.flow import Scored, Tier
from thriftgate.cascade.models import OUTLOOK
from thriftgate.cascade.plan import Outlook
from thriftgate.cascade.scoring import worst_choice
from thriftgate.cascade.signals import signals_named
from thriftgate.cascade.signals.question import features as question_features
from thriftgate.types import Answer, ChatRequest, Vector


class CalibratedScorer:
    """The scorer of a calibrated route (scoring.Scorer)."""

    def __init__(self, artefact: Artefact, *, embedder: str | None = None) -> None:
        """`embedder` is the fingerprint of what makes the vectors; None: the one that the artefact was made with."""
        self.artefact = artefact
        summary = artefact.summary
        is_readable = summary is not None and embedder in (None, summary.embedder)
        self.familiarity = Familiarity(summary) if summary is not None and is_readable else None
        """Ranks questions among the labelled ones; None where the artefact has no summary that these vectors fit."""
        self._signals = signals_named(artefact.signals)
        self._tiers = {one.tier: one for one in artefact.confidences}

    def score(
        self,
        request: ChatRequest,
        answer: Answer,
        *,
        second: Answer | None = None,
        rating: float | None = None,
        vector: Vector | None = None,
    ) -> Scored:
        """The calibrated chance that the answer is no worse than the strongest tier's would be."""
        tier = self._tiers.get(answer.model)
        outlook = self._outlook_feature(vector)

        def confidence_of(features: Mapping[str, float]) -> float | None:
            return None if tier is None else tier.confidence.of({**features, **outlook})

        scored = worst_choice(request, answer, confidence_of, self._signals, second=second, rating=rating)
        if tier is None or scored.confidence is None:
            return scored
        return replace(scored, weighed=tier.cost_weight.weigh(scored.confidence, scored.signals))

    def outlook(self, request: ChatRequest, *, vector: Vector | None = None) -> Outlook | None:
        """What can be said before anybody is asked; None when the artefact decides nothing there."""
        model = self.artefact.outlook
        if model is None:
            return None
        features = {**question_features(request), **self._outlook_feature(vector)}
        chance = model.confidence.of(features)
        if chance is not None and model.cost_weight is not None:
            chance = model.cost_weight.weigh(chance, features)
        return Outlook(chance, skip_below=model.skip_below, trust_above=model.trust_above)

    def tiers(self, models: Sequence[str]) -> tuple[Tier, ...]:
        """The tiers with their calibrated thresholds."""
        never = 2.0
        *cheaper, last = models
        known = (Tier(model, self._tiers[model].accept_at if model in self._tiers else never) for model in cheaper)
        return (*known, Tier(last))

    def explain(self, tier: str, signals: Mapping[str, float]) -> dict[str, float]:
        """What each feature added to the log-odds of the tier's answer, the strongest first."""
        known = self._tiers.get(tier)
        parts = known.confidence.model.contributions(signals) if known else {}
        return dict(sorted(parts.items(), key=lambda part: -abs(part[1])))

    def _outlook_feature(self, vector: Vector | None) -> dict[str, float]:
        probe = self.artefact.probe
        return {} if probe is None or vector is None else {OUTLOOK: probe.outlook(vector)}
