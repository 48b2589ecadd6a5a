"""The calibrated starting point of the learned decision, as a JSON file a person can read.

`thriftgate cache tune --write` makes one from an operator's own questions; one for each embedder is shipped. Two
embedders measure similarity on two scales: weights of one mean nothing to the other.

Failure behaviour: a file that cannot be used raises ConfigurationError with every problem; nothing is guessed.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib import resources
from typing import Any, cast

from thriftgate.caching.evidence import FEATURES
from thriftgate.errors import ConfigurationError

FORMAT = 1
_SHIPPED = {"local": "default_policy.json", "fast": "fast_policy.json", "multilingual": "multilingual_policy.json"}
_FIRST_EMBEDDER = "local"
"""Made every artefact that names none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheModel:
    """A logistic model of "this answer is right", with the numbers needed to go on learning from it."""

    calibrated_on: str
    """In words: which questions, how many, when."""
    examples: int
    """Labelled candidate answers behind the weights."""
    intercept: float
    weights: Mapping[str, float]
    """For each feature: log-odds per standard deviation."""
    mean: Mapping[str, float]
    scale: Mapping[str, float]
    """Standard deviation of each feature."""
    prior_precision: float = 20.0
    """How strongly a route's own observations are held to these weights: 1 / variance of a weight between domains."""
    entry_variance: float = 2.0
    """Variance of the log-odds between entries: how fast a single entry departs from the rest."""
    threshold: float = 0.985
    """Confidence from which a route serves hits before it has seen enough requests to set its own threshold."""
    embedder: str = _FIRST_EMBEDDER
    """`embedder.model` of the configuration that measured the similarities."""

    def to_json(self) -> str:
        """The file's text."""
        return json.dumps({"format": FORMAT, **asdict(self)}, indent=2) + "\n"

    @staticmethod
    def from_json(text: str, *, source: str = "cache artefact") -> "CacheModel":
        """Read what `to_json` wrote. Raises ConfigurationError, each problem beginning with `source`."""
        try:
            raw: object = json.loads(text)
        except ValueError as error:
            raise ConfigurationError([f"{source}: is no JSON ({error})"]) from None
        if not isinstance(raw, dict):
            raise ConfigurationError([f"{source}: must be a JSON object"])
        data = cast("dict[str, Any]", raw)
        problems = [f"{source}: {problem}" for problem in _problems(data)]
        if problems:
            raise ConfigurationError(problems)
        return CacheModel(**{name: value for name, value in data.items() if name != "format"})

    def check(self, *, embedder: str, source: str) -> None:
        """Raise ConfigurationError when similarities are measured by another embedder now."""
        if self.embedder != embedder:
            raise ConfigurationError(
                [
                    f"{source}: it was made with the embedder '{self.embedder}', and embedder.model is '{embedder}': "
                    f"make it again with `thriftgate cache tune --embedder {embedder} --write`"
                ]
            )


def shipped(embedder: str = _FIRST_EMBEDDER) -> CacheModel:
    """The artefact that comes with the package for this `embedder.model`. Raises KeyError where there is none."""
    name = _SHIPPED[embedder]
    text = resources.files("thriftgate.caching").joinpath(name).read_text(encoding="utf-8")
    return CacheModel.from_json(text, source=name)


def _problems(data: Mapping[str, Any]) -> list[str]:
    if data.get("format") != FORMAT:
        return [f"format {data.get('format')!r} is not {FORMAT}; make it again with `thriftgate cache tune --write`"]
    fields = set(CacheModel.__dataclass_fields__)
    optional = {"prior_precision", "entry_variance", "threshold", "embedder"}
    problems = [f"'{name}' is missing" for name in sorted(fields - optional - set(data))]
    problems += [f"'{name}' is unknown" for name in sorted(set(data) - fields - {"format"})]
    for name in ("weights", "mean", "scale"):
        problems += _table_problems(name, data.get(name))
    for name in ("intercept", "examples", "prior_precision", "entry_variance", "threshold"):
        if name in data and not _is_number(data[name]):
            problems.append(f"'{name}' must be a finite number")
    if not isinstance(data.get("embedder", ""), str):
        problems.append("'embedder' must be a string")
    if problems:
        return problems
    if min(data["scale"].values()) <= 0:
        problems.append("every 'scale' must be above 0")
    if data.get("prior_precision", 1.0) <= 0 or data.get("entry_variance", 0.0) < 0:
        problems.append("'prior_precision' must be above 0 and 'entry_variance' at least 0")
    if not 0 < data.get("threshold", 1) <= 1:
        problems.append("'threshold' must be above 0 and at most 1")
    return problems


def _table_problems(name: str, table: object) -> list[str]:
    if not isinstance(table, dict):
        return [f"'{name}' must map feature names to numbers"]
    entries = cast("dict[str, object]", table)
    if set(entries) != set(FEATURES):
        return [f"'{name}' must have exactly the features {', '.join(FEATURES)}"]
    return [f"'{name}.{key}' must be a finite number" for key, value in entries.items() if not _is_number(value)]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
