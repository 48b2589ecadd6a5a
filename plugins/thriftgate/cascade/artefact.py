"""What calibration found out, as a JSON file that people can read and a route serves from.

Failure behaviour: a file that is missing, is no such artefact, or was made for other tiers, another prompt, another
embedder or a looser promise is refused with StaleArtefactError, whose message says what differs and what to run.
"""

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, cast

from thriftgate.cascade.cost_weight import CostWeight
from thriftgate.cascade.familiarity import SUMMARY_VERSION, Familiarity, QuestionSummary
from thriftgate.cascade.models import OUTLOOK, Calibrator, Confidence, Logistic, Probe
from thriftgate.cascade.signals import SIGNALS, Cost
from thriftgate.errors import ConfigurationError

KIND = "thriftgate-cascade"
VERSION = 1
_REMEDY = "run `thriftgate cascade calibrate` again"
_IN_FILE = {"outlook": "router", "cost_weight": "stake", "riskless_at": "pivot"}
"""Names of the file's format that are others than the code's."""


class StaleArtefactError(ConfigurationError):
    """The artefact does not belong to this route as it is configured now; `problems` names every reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TierConfidence:
    """How to judge the answers of one tier."""

    tier: str
    confidence: Confidence
    accept_at: float
    """The threshold for confidences weighed by cost; at most 1, and 2 for never."""
    cost_weight: CostWeight
    auroc: Mapping[str, float] = field(default_factory=dict[str, float])
    """low, high, estimate: does the score tell good answers from bad ones?"""
    calibration_error: Mapping[str, float] = field(default_factory=dict[str, float])
    """low, high, estimate of the cross-fitted confidences."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutlookModel:
    """What is decided before anybody is asked."""

    confidence: Confidence
    """Features of the question to the chance that the first tier's answer will be accepted."""
    skip_below: float
    """Below this chance the strongest tier is asked at once."""
    trust_above: float | None = None
    """From this chance, weighed by cost, the first tier's answer is given unseen; None: never."""
    cost_weight: CostWeight | None = None
    """Given where the question alone decides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Guarantee:
    """The promise, and whether it could be proved."""

    max_quality_loss: float
    delta: float
    loss: str
    """`net`: quality of always-strong minus that of the cascade; `regressions`: only what got worse."""
    holds: bool
    p_value: float
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Artefact:
    """A calibrated cascade."""

    tiers: tuple[str, ...]
    """Model groups, cheapest first."""
    signals: tuple[str, ...]
    labels: int
    labels_tested: int
    confidences: tuple[TierConfidence, ...]
    """One per tier but the last; empty when nothing could be learnt."""
    guarantee: Guarantee
    expected: Mapping[str, Any]
    """On the test labels: cost as a share of always-strong, share of cheap answers, loss with interval."""
    frontier: Sequence[Mapping[str, Any]] = ()
    """Every candidate that was tested: thresholds, cost share, loss, p-value, and whether it passed."""
    promises: Sequence[Mapping[str, Any]] = ()
    """Other promises and their thresholds, each proved by itself: max_quality_loss, holds, accept_at, cost_share."""
    outlook: OutlookModel | None = None
    probe: Probe | None = None
    summary: QuestionSummary | None = None
    """Of the labelled questions, by which unfamiliar ones are told; artefacts of before have none."""
    objections: tuple[str, ...] = ()
    """What spoke against such a cascade by its labels, in sentences: it was written with `--force` all the same."""
    deployments: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])
    """The provider's models behind each tier when it was made; empty where they were not known."""
    prompt_version: str = ""
    route: str = ""
    created_at: str = ""
    """ISO 8601, UTC."""

    @property
    def needs_embedding(self) -> bool:
        """Scores need the question's vector."""
        return self.probe is not None

    def needs(self, cost: Cost) -> bool:
        """Whether the scores of some tier need what costs so, such as another cheap answer to compare with."""
        wanted = {name for signal in SIGNALS if signal.cost == cost for name in signal.features}
        return any(wanted & set(one.confidence.model.features) for one in self.confidences)

    def dump(self) -> str:
        """The artefact as indented JSON."""
        fields = asdict(self, dict_factory=lambda pairs: {_IN_FILE.get(name, name): value for name, value in pairs})
        content = {"kind": KIND, "version": VERSION, **fields}
        return json.dumps(content, indent=1, ensure_ascii=False, default=list, allow_nan=False) + "\n"

    def check(
        self,
        *,
        tiers: Sequence[str],
        deployments: Mapping[str, Sequence[str]] | None = None,
        prompt_version: str = "",
        embedder: str = "",
        max_quality_loss: float | None = None,
        max_regressions: float | None = None,
        delta: float | None = None,
    ) -> None:
        """Raise StaleArtefactError, naming every reason at once, when the artefact does not fit the route."""
        wrong: list[str] = []
        if tuple(tiers) != self.tiers:
            wrong.append(f"it was made for the tiers {', '.join(self.tiers)}; the route has {', '.join(tiers)}")
        for tier, models in self.deployments.items():
            now = (deployments or {}).get(tier)
            if now is not None and set(now) != set(models):
                wrong.append(f"behind '{tier}' were {', '.join(models)}; now there are {', '.join(now)}")
        if prompt_version != self.prompt_version:
            wrong.append(f"it was made for prompt version '{self.prompt_version}'; the route has '{prompt_version}'")
        if self.probe is not None and embedder != self.probe.embedder:
            wrong.append(f"it was made with the embedder '{self.probe.embedder}'; now it is '{embedder}'")
        wrong += self._promise_objections(max_quality_loss, max_regressions)
        if delta is not None and self.guarantee.delta > delta + 1e-12:
            wrong.append(f"its promise may fail with a chance of {self.guarantee.delta:g}; the route allows {delta:g}")
        known = {name for signal in SIGNALS for name in signal.features} | {OUTLOOK}
        needed = {name for one in self.confidences for name in one.confidence.model.features}
        if needed - known:
            wrong.append(f"it needs signals that this version does not have: {', '.join(sorted(needed - known))}")
        if wrong:
            raise StaleArtefactError([f"the cascade's artefact is stale: {reason}; {_REMEDY}" for reason in wrong])

    def _promise_objections(self, max_quality_loss: float | None, max_regressions: float | None) -> Iterator[str]:
        """A bound on what gets worse bounds the net loss too, but not the other way round."""
        proved = self.guarantee.max_quality_loss
        if max_quality_loss is not None and proved > max_quality_loss + 1e-12:
            yield f"it promises a quality loss of at most {proved:g}; the route promises {max_quality_loss:g}"
        if max_regressions is not None and self.guarantee.loss != "regressions":
            yield (
                "it promises a quality loss net of what gets better; the route promises `max_regressions`, which "
                "counts only what gets worse"
            )
        elif max_regressions is not None and proved > max_regressions + 1e-12:
            yield f"it promises that what gets worse loses at most {proved:g}; the route promises {max_regressions:g}"


def load_artefact(path: Path) -> Artefact:
    """Read an artefact. Raises StaleArtefactError with the reason when it cannot be used."""
    try:
        return parse(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise StaleArtefactError([f"cannot read '{path}': {error.strerror}"]) from None
    except StaleArtefactError as error:
        raise StaleArtefactError([f"'{path}': {problem}" for problem in error.problems]) from None


def parse(text: str) -> Artefact:
    """An artefact from its JSON. Raises StaleArtefactError."""
    try:
        content: Any = json.loads(text)
    except ValueError:
        raise StaleArtefactError(["this is no JSON"]) from None
    if not isinstance(content, dict) or cast("Any", content).get("kind") != KIND:
        raise StaleArtefactError(["this is no artefact of `thriftgate cascade calibrate`"])
    fields = cast("dict[str, Any]", content)
    if fields.get("version") != VERSION:
        words = f"it has format version {fields.get('version')}; this thriftgate reads {VERSION}: {_REMEDY}"
        raise StaleArtefactError([words])
    try:
        return _artefact(fields)
    except (KeyError, TypeError, ValueError) as error:
        raise StaleArtefactError([f"it is damaged ({type(error).__name__}: {error}): {_REMEDY}"]) from None


def _artefact(fields: Mapping[str, Any]) -> Artefact:
    plain = {name: fields[name] for name in ("labels", "labels_tested", "expected", "prompt_version", "route")}
    return Artefact(
        **plain,
        created_at=fields["created_at"],
        tiers=tuple(fields["tiers"]),
        signals=tuple(fields["signals"]),
        frontier=tuple(fields["frontier"]),
        promises=tuple(fields["promises"]),
        deployments=fields["deployments"],
        guarantee=Guarantee(**fields["guarantee"]),
        confidences=tuple(_tier_confidence(one) for one in fields["confidences"]),
        outlook=_optional(_outlook_model, fields["router"]),
        probe=_optional(_probe, fields["probe"]),
        summary=_optional(_summary, fields.get("summary")),
        objections=tuple(map(str, fields.get("objections", ()))),
    )


def _optional(make: Callable[[Any], Any], fields: Any) -> Any:
    return None if fields is None else make(fields)


def _tier_confidence(fields: Mapping[str, Any]) -> TierConfidence:
    return TierConfidence(
        tier=str(fields["tier"]),
        confidence=_confidence(fields["confidence"]),
        accept_at=_finite(fields["accept_at"]),
        cost_weight=_cost_weight(fields["stake"]),
        auroc=fields["auroc"],
        calibration_error=fields["calibration_error"],
    )


def _outlook_model(fields: Mapping[str, Any]) -> OutlookModel:
    return OutlookModel(
        confidence=_confidence(fields["confidence"]),
        skip_below=_finite(fields["skip_below"]),
        trust_above=_optional(_finite, fields["trust_above"]),
        cost_weight=_optional(_cost_weight, fields["stake"]),
    )


def _cost_weight(fields: Mapping[str, Any]) -> CostWeight:
    names = {in_file: name for name, in_file in _IN_FILE.items()}
    return CostWeight(**{names.get(name, name): _finite(value) for name, value in fields.items()})


def _probe(fields: Mapping[str, Any]) -> Probe:
    return Probe(fields["embedder"], tuple(map(_finite, fields["weights"])), _finite(fields["intercept"]))


def _summary(fields: Mapping[str, Any]) -> QuestionSummary:
    if fields["version"] != SUMMARY_VERSION:
        raise ValueError(f"its summary of questions has version {fields['version']}, not {SUMMARY_VERSION}")
    summary = QuestionSummary(
        embedder=str(fields["embedder"]),
        dimensions=int(fields["dimensions"]),
        centres=str(fields["centres"]),
        distances=tuple(map(_finite, fields["distances"])),
        usual_lengths=_optional(_pair, fields.get("usual_lengths")),
    )
    return Familiarity(summary).summary


def _pair(fields: Sequence[Any]) -> tuple[float, float]:
    low, high = map(_finite, fields)
    return low, high


def _confidence(fields: Mapping[str, Any]) -> Confidence:
    model, calibrator = fields["model"], fields["calibrator"]
    logistic = Logistic(
        features=tuple(map(str, model["features"])),
        means=tuple(map(_finite, model["means"])),
        scales=tuple(map(_finite, model["scales"])),
        weights=tuple(map(_finite, model["weights"])),
        intercept=_finite(model["intercept"]),
    )
    if not len(logistic.features) == len(logistic.means) == len(logistic.scales) == len(logistic.weights):
        raise ValueError("a model's lists differ in length")
    knots, values = tuple(map(_finite, calibrator["knots"])), tuple(map(_finite, calibrator["values"]))
    if len(knots) != len(values) or list(knots) != sorted(set(knots)) or list(values) != sorted(values):
        raise ValueError("a calibrator's steps do not ascend")
    return Confidence(
        logistic, Calibrator(_finite(calibrator["slope"]), _finite(calibrator["intercept"]), knots, values)
    )


def _finite(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError("a number is not finite")
    return number
