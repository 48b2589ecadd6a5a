"""Logistic regression over hashed words and phrases, and one over an encoder's vector; weights are numbers in JSON.

    logit = classifier.words.logit(words, phrases)                      by words alone
    logit + classifier.vector.shift + classifier.vector.said(vector)    with what the vector says beside them

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
_FARTHEST = 60.0


def probability(logit: float) -> float:
    """The score of a logit, in [0, 1]."""
    return 1.0 / (1.0 + math.exp(-max(-_FARTHEST, min(_FARTHEST, logit))))


@dataclass(frozen=True, slots=True, eq=False)
class WordWeights:
    """A linear model of words and phrases; at a logit of 0 what it looks for is found."""

    bias: float
    words: _Row
    """Shape (BUCKETS,)."""
    phrases: _Row

    def logit(self, words: Mapping[int, float], phrases: Sequence[float]) -> float:
        """How much speaks for the class."""
        total = self.bias + float(np.dot(self.phrases, np.asarray(phrases, dtype=np.float32)))
        if words:
            places = np.fromiter(words.keys(), dtype=np.int64, count=len(words))
            values = np.fromiter(words.values(), dtype=np.float32, count=len(words))
            total += float(self.words[places] @ values)
        return total

    def score(self, words: Mapping[int, float], phrases: Sequence[float]) -> float:
        """The probability of the class, in [0, 1]."""
        return probability(self.logit(words, phrases))


@dataclass(frozen=True, slots=True, eq=False)
class VectorWeights:
    """What a vector adds to the logit by words."""

    encoder: str
    """The fingerprint of the encoder by whose vectors it was trained."""
    shift: float
    """Added to the logit by words where a vector stands beside them: a model of two parts has another threshold."""
    bias: float
    row: _Row
    """Shape (dimensions of the encoder,)."""
    most: float
    """It never says more than this for the class or against it: words that are farther from the threshold decide."""

    def said(self, vector: _Row) -> float:
        """How much a vector speaks for the class, or against it: at most `most`."""
        return max(-self.most, min(self.most, self.bias + float(self.row @ vector)))


@dataclass(frozen=True, slots=True, eq=False)
class Classifier:
    """By words, and where it has a part for vectors, with them."""

    name: str
    words: WordWeights
    vector: VectorWeights | None = None

    def dump(self) -> str:
        """The file's text. Arrays are base64 of 16-bit floats, little-endian."""
        vector = self.vector
        return json.dumps(
            {
                "name": self.name,
                "bias": round(self.words.bias, 5),
                "words": _packed(self.words.words),
                "phrases": [round(float(one), 5) for one in self.words.phrases],
                "vector": None
                if vector is None
                else {
                    "encoder": vector.encoder,
                    "shift": round(vector.shift, 5),
                    "bias": round(vector.bias, 5),
                    "row": _packed(vector.row),
                    "most": vector.most,
                },
            }
        )


def read_classifier(text: str) -> Classifier:
    """The reverse of `dump`. Raises ValueError."""
    try:
        raw = cast("Mapping[str, Any]", json.loads(text))
        words = WordWeights(float(raw["bias"]), _unpacked(raw["words"]), np.asarray(raw["phrases"], dtype=np.float32))
        made = Classifier(str(raw["name"]), words, _vector(raw["vector"]))
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError("this is no classifier") from error
    if made.words.words.shape != (BUCKETS,):
        raise ValueError("a classifier of another size")
    return made


@cache
def shipped_classifier(name: str) -> Classifier:
    """The classifier `injection` or `toxicity` that comes with the package."""
    return read_classifier((files("thriftgate.guards") / "weights" / f"{name}.json").read_text(encoding="utf-8"))


def _vector(raw: Mapping[str, Any] | None) -> VectorWeights | None:
    if raw is None:
        return None
    return VectorWeights(
        encoder=str(raw["encoder"]),
        shift=float(raw["shift"]),
        bias=float(raw["bias"]),
        row=_unpacked(raw["row"]),
        most=float(raw["most"]),
    )


def _packed(row: _Row) -> str:
    return base64.b64encode(row.astype("<f2").tobytes()).decode("ascii")


def _unpacked(text: str) -> _Row:
    return np.frombuffer(base64.b64decode(text), dtype="<f2").astype(np.float32)
