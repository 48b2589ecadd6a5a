"""Questions whose answers are known to be good or bad: what calibration learns from, and whether a cascade can pay.

Asking a cheap model first costs its price on every question and saves the strong one's on those whose cheap answer is
accepted: it pays only where the accepted share exceeds cheap price / strong price.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from thriftgate.cascade.prices import Payoff, objections_to
from thriftgate.types import Audit, AuditKind, Vector


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """One question with every tier's quality and cost, and what the signals saw in the cheaper tiers' answers."""

    group: str
    """Labels of one group may repeat each other: they are kept together when labels are split, and count as fewer.

    Where labels are random draws each is a group of its own, also where a question was drawn twice.
    """
    quality: tuple[float, ...]
    """Of each tier's answer, in [0, 1], cheapest first; the last is what losses are counted against."""
    cost_usd: tuple[float, ...]
    """Of asking each tier once, second samples included."""
    features: tuple[Mapping[str, float], ...] = ()
    """Per tier but the last; empty when the answers themselves are unknown."""
    vetoes: tuple[str | None, ...] = ()
    """Per tier but the last: an objection for which the answer escalates whatever its confidence."""
    question: Mapping[str, float] = field(default_factory=dict[str, float])
    """What could be known before anybody was asked."""
    vector: Vector | None = None
    """The question's embedding, where there is one."""


def labels_from_audits(
    audits: Iterable[Audit],
    *,
    tiers: Sequence[str],
    cost_usd: Sequence[float],
    costs: Mapping[str, Sequence[float]] | None = None,
    unbiased_only: bool = True,
) -> list[Label]:
    """Labels out of the ledger's verdicts on cascaded answers of a route with two tiers.

    An audit says whether the cheap answer was as good as the strongest tier's; that is the loss itself, so the
    strong answer counts as 1. `costs` has what each tier took by request id, and `cost_usd` stands in for
    requests that are not there. Audits that were drawn
    because of their score, or of answers that had been accepted, would bias what is learnt: only those of the
    random draw (`holdout`) are taken, unless `unbiased_only` is off. Verdicts that the judge left open and audits
    of tiers that are gone are left out.

    Each audit of the random draw is a group of its own. Whether a request is audited is drawn by its own id,
    whatever it asks and whatever else is audited, so that for any policy that was chosen without these audits every
    one of them has the mean loss of all requests that such an audit can settle, however often a question came: a
    question asked by a tenth of the traffic is a tenth of the audits and a tenth of what is promised. To count its
    audits as one, or to keep them on one side of a split, would speak of other traffic. (`max_per_minute` cuts
    bursts short, and what the judge leaves open or the strongest tier does not answer is no label: no grouping
    mends that.) A file says nothing of how its lines were chosen: somebody may have copied one, so lines that ask
    the same are one group (`label_file`), and so are audits that were not drawn.
    """
    if len(tiers) != 2 or len(cost_usd) != 2:
        raise ValueError("audits compare one cheaper tier with the strongest: two tiers and two prices are needed")
    labels: list[Label] = []
    for audit in audits:
        features: Mapping[str, float] = audit.details.get("signals") or {}
        if audit.kind is not AuditKind.CASCADE or audit.is_acceptable is None or audit.tier != tiers[0]:
            continue
        if (unbiased_only and not audit.holdout) or not features:
            continue
        labels.append(
            Label(
                group=audit.request_id if audit.holdout else str(audit.details.get("group") or audit.request_id),
                quality=(float(audit.is_acceptable), 1.0),
                cost_usd=tuple((costs or {}).get(audit.request_id, cost_usd)),
                features=(features,),
                vetoes=(audit.details.get("veto"),),
                question=features,
            )
        )
    return labels


_SHORT = float(np.log1p(8.0))
"""Median `answer_length` (log of 1 + characters) of answers that are a letter or a word: their text tells nothing."""


def payoff_of(labels: Sequence[Label]) -> Payoff | None:
    """The break-even of labelled calls, and what speaks against a cascade; None without labels or prices."""
    cheap = sum(label.cost_usd[0] for label in labels)
    strong = sum(label.cost_usd[-1] for label in labels)
    if strong <= 0:
        return None
    ratio = strong / cheap if cheap > 0 else float("inf")
    objections = list(objections_to(ratio))
    rows = [label.features[0] for label in labels if label.features]
    lengths = [row["answer_length"] for row in rows if "answer_length" in row]
    if lengths and float(np.median(lengths)) <= _SHORT and not any("logprob_mean" in row for row in rows):
        objections.append(
            "The cheap answers are a letter or a word and come without log-probabilities: nothing in them tells good "
            "ones from bad ones. Ask the provider for log-probabilities, or for a line of reasoning before the answer."
        )
    return Payoff(price_ratio=ratio, break_even=1 / ratio, objections=tuple(objections))
