"""Logistic regression over hashed words, phrases and an embedding; weights are numbers in a JSON file.

Failure behaviour: pure. A file of another form raises ValueError.
"""

import base64
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from thriftgate.guards.hashing import BUCKETS

_Row = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class LinearWeights:
    """One linear model."""

    bias: float
    words: _Row
    """Shape (BUCKETS,)."""
    phrases: _Row
    vector: _Row | None
    """Shape (dimensions of the embedder,); None for the model that does without."""
    threshold: float
    """The score that at most 1 % of the harmless texts it was set on reach."""

    def score(self, words: Mapping[int, float], phrases: Sequence[float], vector: _Row | None = None) -> float:
        """The probability of the class, in [0, 1]."""
        total = self.bias + float(np.dot(self.phrases, np.asarray(phrases, dtype=np.float32)))
        if words:
            places = np.fromiter(words.keys(), dtype=np.int64, count=len(words))
            values = np.fromiter(words.values(), dtype=np.float32, count=len(words))
            total += float(self.words[places] @ values)
        if self.vector is not None and vector is not None:
            total += float(self.vector @ vector)
        return 1.0 / (1.0 + math.exp(-max(-60.0, min(60.0, total))))


@dataclass(frozen=True, slots=True, eq=False)
class Classifier:
    """With the embedder's vector, and without for texts of which there is none."""

    name: str
    embedder: str
    """The fingerprint of the embedder whose vectors it was trained on."""
    with_vector: LinearWeights
    without: LinearWeights
    anchors: _Row
    """Shape (n, dimensions): centres of known examples; empty where there are none."""

    def dump(self) -> str:
        """The file's text. Arrays are base64 of 16-bit floats, little-endian."""
        return json.dumps(
            {
                "name": self.name,
                "embedder": self.embedder,
                "with_vector": _dumped(self.with_vector),
                "without": _dumped(self.without),
                "anchors": [_packed(row) for row in self.anchors],
            }
        )


def read_classifier(text: str) -> Classifier:
    """The reverse of `dump`. Raises ValueError."""
    try:
        raw = cast("Mapping[str, Any]", json.loads(text))
        rows = [_unpacked(row) for row in raw["anchors"]]
        made = Classifier(
            name=str(raw["name"]),
            embedder=str(raw["embedder"]),
            with_vector=_weights(raw["with_vector"]),
            without=_weights(raw["without"]),
            anchors=np.stack(rows) if rows else np.empty((0, 0), dtype=np.float32),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError("this is no classifier") from error
    if any(one.words.shape != (BUCKETS,) for one in (made.with_vector, made.without)):
        raise ValueError("a classifier of another size")
    return made


@cache
def shipped_classifier(name: str) -> Classifier:
    """The classifier `injection` or `toxicity` that comes with the package."""
    return read_classifier((files("thriftgate.guards") / "weights" / f"{name}.json").read_text(encoding="utf-8"))


def _dumped(weights: LinearWeights) -> dict[str, Any]:
    return {
        "bias": round(weights.bias, 5),
        "words": _packed(weights.words),
        "phrases": [round(float(one), 5) for one in weights.phrases],
        "vector": None if weights.vector is None else _packed(weights.vector),
        "threshold": round(weights.threshold, 5),
    }


def _weights(raw: Mapping[str, Any]) -> LinearWeights:
    return LinearWeights(
        bias=float(raw["bias"]),
        words=_unpacked(raw["words"]),
        phrases=np.asarray(raw["phrases"], dtype=np.float32),
        vector=None if raw["vector"] is None else _unpacked(raw["vector"]),
        threshold=float(raw["threshold"]),
    )


def _packed(row: _Row) -> str:
    return base64.b64encode(row.astype("<f2").tobytes()).decode("ascii")


def _unpacked(text: str) -> _Row:
    return np.frombuffer(base64.b64decode(text), dtype="<f2").astype(np.float32)
