"""Which tiers a request may go through, by everything that is known before anybody is asked.

Failure behaviour: a route that promises a quality loss but has no artefact that proves it, or one made for another
prompt version, sends everything to the strongest tier, and says so in its reason. A share of these requests still
goes through all tiers, unaccepted, so that labels for a calibration come together.
"""

import math
from collections.abc import Collection
from dataclasses import dataclass, replace

from thriftgate.cascade.calibrated import CalibratedScorer
from thriftgate.cascade.flow import Tier
from thriftgate.cascade.holdout import is_audited, is_held_out
from thriftgate.cascade.plan import Plan, accept_at_for, allowed_loss, eased, plan
from thriftgate.cascade.scoring import StaticScorer
from thriftgate.cascade.signals.question import features as question_features
from thriftgate.config import CascadeConfig
from thriftgate.decisions import Reason
from thriftgate.types import ChatRequest, PromptRef, Vector


@dataclass(frozen=True, slots=True, kw_only=True)
class Planner:
    """Plans the requests of one route."""

    route: str
    config: CascadeConfig
    scorer: StaticScorer | CalibratedScorer

    @property
    def needs_vector(self) -> bool:
        """The question's embedding is part of the evidence."""
        if not isinstance(self.scorer, CalibratedScorer):
            return False
        return self.scorer.artefact.needs_embedding or self.looks_for_unfamiliar

    @property
    def looks_for_unfamiliar(self) -> bool:
        """Questions are ranked among the labelled ones: the artefact has a summary of them, and proves its promise."""
        scorer = self.scorer
        if not isinstance(scorer, CalibratedScorer) or not self.config.unfamiliar.escalate:
            return False
        return scorer.familiarity is not None and scorer.artefact.guarantee.holds

    def plan(
        self,
        request: ChatRequest,
        *,
        prompt: PromptRef | None = None,
        vector: Vector | None = None,
        stream: bool = False,
    ) -> Plan:
        """The tiers in question, and why not all of them."""
        if stream and self.config.streaming == "strong_first_token":
            return self._strongest(Reason.STRONG_FIRST_TOKEN)
        scorer = self.scorer
        if not isinstance(scorer, CalibratedScorer):
            return self._uncalibrated(request)
        if (prompt.version if prompt else "") != scorer.artefact.prompt_version:
            return self._without_proof(request, Reason.STALE_ARTEFACT)
        return self._calibrated(request, scorer, vector)

    def _uncalibrated(self, request: ChatRequest) -> Plan:
        if self.config.promised is not None:
            return self._without_proof(request, Reason.UNCALIBRATED)
        return plan(request, self._static_tiers(), tools=self.config.tools, is_held_out=self._is_held_out(request))

    def _calibrated(self, request: ChatRequest, scorer: CalibratedScorer, vector: Vector | None) -> Plan:
        if not scorer.artefact.guarantee.holds:
            return self._without_proof(request, Reason.PROMISE_NOT_PROVEN)
        models = [tier.model for tier in self.config.tiers]
        strict = scorer.tiers(models)
        tiers = self._shifted(request, scorer, strict)
        familiarity = self._familiarity(request, scorer, vector)
        planned = plan(
            request,
            tiers,
            tools=self.config.tools,
            is_held_out=self._is_held_out(request),
            is_unfamiliar=familiarity is not None and familiarity <= self.config.unfamiliar.share,
            outlook=scorer.outlook(request, vector=vector),
        )
        planned = replace(planned, familiarity=familiarity)
        if planned.reason is Reason.UNFAMILIAR and is_audited(request.request_id, share=self.config.audit.share):
            # Nothing is accepted, but the next calibration gets labels of what is new.
            return replace(planned, tiers=self._never_accepted())
        is_shifted = tiers != strict and planned.reason is Reason.CASCADE
        return replace(planned, reason=Reason.BUDGET_SHIFT) if is_shifted else planned

    def _familiarity(self, request: ChatRequest, scorer: CalibratedScorer, vector: Vector | None) -> float | None:
        """The question's rank among the labelled ones; None where nobody looks, or there is no vector."""
        if vector is None or scorer.familiarity is None or not self.looks_for_unfamiliar:
            return None
        return scorer.familiarity.p_value(vector, question_features(request)["question_length"])

    def _shifted(self, request: ChatRequest, scorer: CalibratedScorer, strict: tuple[Tier, ...]) -> tuple[Tier, ...]:
        """The tiers with looser thresholds for a caller whose budget runs low; as they are for everybody else."""
        shift, promised = self.config.budget_shift, scorer.artefact.guarantee.max_quality_loss
        used = request.caller.budget_used_share
        if shift is None or used is None or used <= shift.starts_at:
            return strict
        loss = allowed_loss(used, starts_at=shift.starts_at, promised=promised, floor=shift.max_quality_loss)
        loose = accept_at_for(scorer.artefact.promises, loss, promised=promised)
        return (
            strict if loose is None or loose == tuple(tier.accept_at for tier in strict[:-1]) else eased(strict, loose)
        )

    def _without_proof(self, request: ChatRequest, reason: Reason) -> Plan:
        if not is_audited(request.request_id, share=self.config.audit.share):
            return self._strongest(reason)
        planned = plan(request, self._never_accepted(), tools=self.config.tools)
        return replace(planned, reason=Reason.COLLECTING_LABELS) if planned.reason is Reason.CASCADE else planned

    def _strongest(self, reason: Reason) -> Plan:
        last = Tier(self.config.tiers[-1].model)
        return Plan((last,), reason if len(self.config.tiers) > 1 else Reason.ONLY_TIER)

    def _never_accepted(self) -> tuple[Tier, ...]:
        """All tiers, of which only the last one's answer is given."""
        *cheaper, last = self._static_tiers()
        return (*(replace(tier, accept_at=math.inf) for tier in cheaper), last)

    def _static_tiers(self) -> tuple[Tier, ...]:
        config = self.config
        cheaper = (
            Tier(tier.model, config.accept_at if tier.accept_at is None else tier.accept_at)
            for tier in config.tiers[:-1]
        )
        return (*cheaper, Tier(config.tiers[-1].model))

    def _is_held_out(self, request: ChatRequest) -> bool:
        caller = request.caller
        unit = caller.person or caller.session_id or caller.key_hash or request.request_id
        return is_held_out(unit, route=self.route, share=self.config.holdout)


def asking_only(models: Collection[str], config: CascadeConfig) -> CascadeConfig:
    """The cascade without second samples and judges of other models."""
    sample, judge = config.second_sample, config.judge
    others = {
        **({"second_sample": None} if sample and sample.model not in (None, *models) else {}),
        **({"judge": None} if judge and judge.model not in models else {}),
    }
    return config.model_copy(update=others)
