"""Finds what a free question is about: TF-IDF over words, word pairs and letter triples, compared by cosine.

A text's score is its own cosine blended with that of its owner's centroid, so that an owner whose wordings share the
question's words wins over one that has a single similar sentence. A small thesaurus stands in for what a language
model knows of words.

Failure behaviour: pure and total; a question that shares nothing with what is known scores 0.
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from thriftgate.demo.models.lexicon import FILLERS, NEGATIONS, PHRASES, SYNONYMS

_WORD = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)*|[$€£%]")
_IDENTIFIER = re.compile(r"#?\b[a-z]{2,4}-\d{3,}\b|[\w.+-]+@[\w-]+(?:\.[\w-]+)+|#\d{4,}\b")
# Letter triples catch inflection and typing errors; pairs of words catch order. Words carry the most.
_PAIR_WEIGHT = 0.5
_TRIPLE_WEIGHT = 0.35
_FILLER_WEIGHT = 0.25
_CENTROID_SHARE = 0.35
# One number or one "not" makes another question out of the same words.
_TELLING_WEIGHT = 2.0
_REMEMBERED_QUESTIONS = 8192


@dataclass(frozen=True, slots=True)
class Match:
    """The best known text's owner, and its cosine in [0, 1]."""

    owner: str
    score: float


class Matcher:
    """Answers `find(question)` with the owner of the closest known text.

    Attributes:
        size: how many texts are known.
    """

    def __init__(self, texts: Mapping[str, Sequence[str]]) -> None:
        """`texts` has the known wordings by owner."""
        owned = [(owner, Counter(_features(text))) for owner, wordings in texts.items() for text in wordings]
        self.size = len(owned)
        self._owners = [owner for owner, _ in owned]
        documents = Counter(feature for _, counts in owned for feature in counts)
        self._columns = {feature: column for column, feature in enumerate(documents)}
        self._unseen_idf = math.log(1 + self.size)
        self._idf = {feature: math.log((1 + self.size) / (0.5 + count)) for feature, count in documents.items()}
        # By feature, not by text: a question then reads only the rows of its own features.
        weights = np.zeros((len(documents), self.size), dtype=np.float32)
        for place, (_, counts) in enumerate(owned):
            features = self._weigh(counts)
            length = _length(features)
            for feature, weight in features.items():
                weights[self._columns[feature], place] = weight / length
        self._weights = (1 - _CENTROID_SHARE) * weights + _CENTROID_SHARE * self._centroids(weights)
        self.find: Callable[[str], Match | None] = lru_cache(_REMEMBERED_QUESTIONS)(self._find)

    def rank(self, question: str, owners: Sequence[str] | None = None) -> list[Match]:
        """The best match of each owner (of those given), best first."""
        wanted = None if owners is None else set(owners)
        best: dict[str, float] = {}
        for owner, score in zip(self._owners, self._scores(question), strict=True):
            if wanted is None or owner in wanted:
                best[owner] = max(best.get(owner, 0.0), float(score))
        return sorted((Match(owner, score) for owner, score in best.items()), key=lambda match: -match.score)

    def _centroids(self, weights: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """For each text the unit mean of its owner's texts, shape (features, size)."""
        owners = np.asarray(self._owners)
        centroids = np.empty_like(weights)
        for owner in set(self._owners):
            mean = weights[:, owners == owner].mean(axis=1, keepdims=True)
            centroids[:, owners == owner] = mean / (np.linalg.norm(mean) or 1.0)
        return centroids

    def _find(self, question: str) -> Match | None:
        if not self._owners:
            return None
        scores = self._scores(question)
        best = int(scores.argmax())
        return Match(self._owners[best], float(scores[best]))

    def _scores(self, question: str) -> npt.NDArray[np.float32]:
        """The score of every known text, shape (size,)."""
        weights = self._weigh(Counter(_features(question)))
        known = [(self._columns[feature], weight) for feature, weight in weights.items() if feature in self._columns]
        if not known:
            return np.zeros(self.size, dtype=np.float32)
        rows, values = zip(*known, strict=True)
        # What nobody knows still makes the question longer: off-topic words push every cosine down.
        cosines = np.asarray(values, dtype=np.float32) @ self._weights[list(rows)] / _length(weights)
        return cosines.astype(np.float32, copy=False)

    def _weigh(self, counts: Mapping[str, int]) -> dict[str, float]:
        return {
            feature: (1 + math.log(count)) * self._idf.get(feature, self._unseen_idf) * _kind_weight(feature)
            for feature, count in counts.items()
            # An unknown pair or triple is mere wording; an unknown word may be another subject.
            if feature in self._columns or feature[0] == "w"
        }


def normalize(text: str) -> str:
    """Lower case, one space between words, no punctuation: what two spellings of one question share."""
    return " ".join(_words(text))


def _words(text: str) -> list[str]:
    plain = _IDENTIFIER.sub(" identifier ", text.lower())
    for phrase, word in PHRASES:
        plain = phrase.sub(word, plain)
    return [word.replace("\u2019", "'").removesuffix("'s") for word in _WORD.findall(plain)]


def _features(text: str) -> Iterator[str]:
    words = _words(text)
    for word in words:
        yield "w" + _canonical(word)
        if word.isascii():
            padded = f" {word} "
            if len(word) > 3:
                yield from ("t" + padded[start : start + 3] for start in range(len(padded) - 2))
        else:
            # Scripts without spaces: pairs of characters stand for words.
            yield from ("t" + word[start : start + 2] for start in range(len(word) - 1))
    yield from (f"p{_canonical(first)} {_canonical(second)}" for first, second in pairwise(words))


def _kind_weight(feature: str) -> float:
    kind, body = feature[0], feature[1:]
    if kind == "p":
        return _PAIR_WEIGHT
    if kind == "t":
        return _TRIPLE_WEIGHT
    if body in FILLERS:
        return _FILLER_WEIGHT
    return _TELLING_WEIGHT if body.isdigit() or body in NEGATIONS or body.endswith("n't") else 1.0


def _length(weights: Mapping[str, float]) -> float:
    return math.sqrt(sum(weight * weight for weight in weights.values())) or 1.0


def _canonical(word: str) -> str:
    return SYNONYMS.get(word) or SYNONYMS.get(stem := _stem(word), stem)


def _stem(word: str) -> str:
    for suffix in ("ing", "ies", "ied", "ed", "es", "s"):
        if word.endswith(suffix) and len(word) - len(suffix) >= 3 and not word.endswith("ss"):
            stem = word.removesuffix(suffix)
            return stem + "y" if suffix in ("ies", "ied") else stem.removesuffix("e")
    return word.removesuffix("e") if len(word) > 3 else word
