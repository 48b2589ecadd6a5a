"""Trains and measures the classifiers: `python -m evals.safety.train` (`--write` puts the weights into the package).

Of injection there are two: by words and phrases, and one over Defender's vectors, of whose logit a part is added to
that by words (the vectors of twenty-four thousand windows are kept between runs). `--toxicity` trains that of toxicity
and nothing else. What is not trained anew keeps its weights and figures.

Leave one set out: for each source of attacks, and of `WIDER`, a classifier that never saw it, at its own threshold;
the attacks of `own` are always in it. Of every harmless set a quarter is the test (of `LONGER` a half), and the rest is
trained on and sets the threshold, by models that never saw the text (`evals.safety.thresholds`); BANKING77's and
Bitext's test halves are never trained on, and what is in `TRAINED_ONLY` is nothing else. A long attack counts by its
most suspect window.
"""

import hashlib
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from evals.safety.fitting import Fitted, Rows, Spoken, Table, balanced
from evals.safety.own import own_attacks, own_handling, own_harmless, own_requests
from evals.safety.sets import LONGER, data_folder, read_attacks, read_benign, read_toxicity, some_windows
from evals.safety.thresholds import FOLDS, SET_NONE, fold_of, threshold_of
from evals.safety.vectors import vectors_of
from evals.safety.wider import MORE, WIDER, read_more, read_wider

from thriftgate.guards.classifier import Classifier, VectorWeights
from thriftgate.guards.hashing import hashed
from thriftgate.guards.injection import features_of
from thriftgate.guards.phrases import phrases_in
from thriftgate.guards.texts.readings import readings
from thriftgate.guards.toxicity import toxicity_features
from thriftgate.stats import wilson_interval
from thriftgate.stores.defender.files import find_defender
from thriftgate.stores.defender.model import fingerprint_of_defender

RESULTS = Path(__file__).parent / "results"
PACKAGE = Path(__file__).parents[2] / "plugins" / "thriftgate" / "guards" / "weights"
ONLY_TESTED = frozenset({"BANKING77 test", "Bitext test", "news"})
_STRENGTH, _VECTOR_STRENGTH = 5.0, 0.02
"""Regularisation of words and of vectors."""
_PART, _MOST = 0.75, 8 / 3
"""How much of the logit by vectors stands beside that by words, and of how much at most, either way: words that are
farther from the threshold than the product need no vector."""
_TOXIC_STRENGTH, _WORDS = 0.1, 0.5
_LEXICONS = (3.0, 4.0, 4.0, 4.0, 4.0, 2.0)
"""Of profanity, slurs, threats, contempt, insults, harsh words, against words of a spread of `_WORDS`."""
TRAINED_ONLY = MORE | {"own attacks", "own twins", "own requests", "own handling"}
_OWN_ATTACKS, _OWN_TWINS, _OWN_REQUESTS, _OWN_HANDLING = 2_500, 3_500, 1_500, 1_100
_KNOWN_TO_DEFENDER = frozenset({"JailbreakBench", "deepset"})
"""Its maker names these among what it was trained on: left out here, they are not left out for it."""
_IMPORTANCE: Mapping[str, float] = {
    "own attacks": 2.5, "own twins": 2.5, "NotInject": 20.0, "XSTest safe": 2.0, "knowledge base": 6.0, "e-mails": 4.0,
    "tasks": 2.0, "other languages": 2.0, "security, own": 2.0, "own requests": 0.5, "own handling": 1.0,
    **dict.fromkeys(MORE, 0.25), "more of S-Labs": 0.5, "more of neuralchemy": 0.5, "more languages": 0.2,
}  # fmt: skip
"""How much a source counts against the others, which count 1; chosen on the sources left out."""


@dataclass(frozen=True)
class Data:
    """Windows with the text and the source that they come from."""

    windows: list[str]
    of_text: npt.NDArray[np.int64]
    sources: list[str]
    labels: Rows
    part: list[str]
    """test, or what is trained on: train or set (which the classifier of toxicity keeps apart)."""
    texts: list[str]
    text_source: list[str]


def part_of(source: str, text: str, *, is_attack: bool) -> str:
    """Drawn by the text itself, so that it stays where it is."""
    if source in TRAINED_ONLY:
        return "train"
    if source in ONLY_TESTED:
        return "test"
    draw = int(hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:6], 16) % 4
    if is_attack:
        return "test" if draw == 0 else "train"
    if source in WIDER:
        return "test" if draw == 3 else "train"
    return ("train", "train", "test" if source in LONGER else "set", "test")[draw]


def gathered() -> Data:
    """All sets as windows."""
    folder = data_folder()
    assert folder is not None, "THRIFTGATE_DATA is not there"
    data = Data([], np.empty(0, np.int64), [], np.empty(0), [], [], [])
    owners: list[int] = []
    labels: list[float] = []
    attacks, harmless = read_attacks(folder), read_benign(folder)
    passages = [
        text
        for name in ("knowledge base", "e-mails")
        for text in harmless[name]
        if part_of(name, text, is_attack=False) == "train"
    ]
    attacks["own attacks"] = own_attacks(passages, _OWN_ATTACKS)
    harmless["own twins"] = own_harmless(_OWN_TWINS)
    known = {text for sets in (attacks, harmless) for texts in sets.values() for text in texts}
    harmless |= read_more(folder, known) | read_wider(folder)
    harmless |= {"own requests": own_requests(_OWN_REQUESTS), "own handling": own_handling(_OWN_HANDLING)}
    for label, sets in ((1.0, attacks), (0.0, harmless)):
        for source, texts in sets.items():
            for text in texts:
                data.texts.append(text)
                data.text_source.append(source)
                for window in some_windows(text):
                    data.windows.append(window)
                    owners.append(len(data.texts) - 1)
                    data.sources.append(source)
                    labels.append(label)
                    data.part.append(part_of(source, text, is_attack=label == 1.0))
    return Data(data.windows, np.array(owners), data.sources, np.array(labels), data.part, data.texts, data.text_source)


def table_of(data: Data) -> Table:
    """The features of every window, as the guard reads it, and its vector."""
    features: list[tuple[Mapping[int, float], Sequence[float]]] = []
    texts: list[str] = []
    for window in data.windows:
        read, hidden = readings(window)
        features.append(features_of(read[0].text, hidden=bool(hidden)))
        texts.append(read[0].text)
    return Table(features, vectors_of(texts))


@dataclass(frozen=True)
class Model:
    """Both parts."""

    words: Fitted
    vectors: Spoken

    def logits(self, table: Table) -> tuple[Rows, Rows]:
        """Of every window by words alone, and with what its vector says beside them."""
        assert table.vectors is not None, "a table without vectors"
        alone = self.words.logits(table)
        return alone, alone + self.vectors.logits(table.vectors)


def trained(data: Data, table: Table, rows: npt.NDArray[np.int64]) -> Model:
    """A classifier of some windows.

    Two models and not one: in one the vector explains most of what it is trained on, and carries over less than words.
    """
    spread = np.ones(len(data.labels))
    spread[rows] = balanced([data.sources[int(row)] for row in rows], data.labels[rows], _IMPORTANCE)
    vectors = table.fit_vectors(rows, data.labels, spread, strength=_VECTOR_STRENGTH)
    return Model(table.fit(rows, data.labels, spread, strength=_STRENGTH), vectors.share(_PART, _MOST))


Ways = tuple[Rows, Rows]


def crossed(data: Data, table: Table, rows: npt.NDArray[np.int64]) -> tuple[Model, Ways, Ways]:
    """The classifier of some windows, its logits both ways, and the same where no harmless text was seen in training.

    The second are by one classifier for each fold of the harmless sets, which is trained without it.
    """
    model = trained(data, table, rows)
    logits = model.logits(table)
    unseen = logits[0].copy(), logits[1].copy()
    folds = np.array([fold_of(text) for text in data.texts])[data.of_text]
    held = (data.labels == 0) & ~np.isin(data.sources, tuple(TRAINED_ONLY | SET_NONE)) & (np.array(data.part) != "test")
    for fold in range(FOLDS):
        out = held & (folds == fold)
        for way, said in zip(unseen, trained(data, table, rows[~out[rows]]).logits(table), strict=True):
            way[out] = said[out]
    return model, logits, unseen


def limit_of(data: Data, unseen: Rows, parts: Sequence[str]) -> float:
    """The threshold: set on the harmless texts that are no test, by those that never saw them."""
    attacks = {s for s, label in zip(data.sources, data.labels, strict=True) if label == 1.0} | TRAINED_ONLY
    scores: dict[str, list[float]] = {}
    for source, part, score in zip(data.text_source, parts, by_text(data, unseen), strict=True):
        if part != "test" and source not in attacks:
            scores.setdefault(source, []).append(float(score))
    return threshold_of(scores)


def by_text(data: Data, logits: Rows) -> Rows:
    """The highest logit of each text's windows."""
    found = np.full(len(data.texts), -np.inf)
    np.maximum.at(found, data.of_text, logits)
    return found


def share(hits: int, of: int) -> dict[str, float]:
    """A share with its interval."""
    interval = wilson_interval(hits, max(1, of))
    return {
        "share": round(hits / max(1, of), 4),
        "low": round(interval.low, 4),
        "high": round(interval.high, 4),
        "n": of,
    }


def measured_sets(data: Data, worst: Rows, at: float, parts: Sequence[str], names: Sequence[str]) -> dict[str, Any]:
    """How many of each set's test texts are over the threshold."""
    found: dict[str, Any] = {}
    for name in names:
        rows = [i for i, one in enumerate(data.text_source) if one == name and parts[i] == "test"]
        found[name] = share(int((worst[rows] >= at).sum()), len(rows))
    return found


def parts_of(data: Data) -> list[str]:
    """The part of each text."""
    parts = [""] * len(data.texts)
    for owner, part in zip(data.of_text, data.part, strict=True):
        parts[owner] = part
    return parts


WAYS = ("words and phrases", "with the vector")


def run_injection(data: Data, table: Table) -> tuple[dict[str, Any], Classifier]:
    """The classifier of all sets, and what it does on the test part of each, both ways."""
    parts = parts_of(data)
    train = np.array([row for row, part in enumerate(data.part) if part != "test"])
    model, both, unseen = crossed(data, table, train)
    attacks = sorted({s for s, label in zip(data.sources, data.labels, strict=True) if label == 1.0} - TRAINED_ONLY)
    benign = sorted({s for s, label in zip(data.sources, data.labels, strict=True) if label == 0.0} - TRAINED_ONLY)
    results: dict[str, Any] = {}
    limits: list[float] = []
    for way, logits, held in zip(WAYS, both, unseen, strict=True):
        worst = by_text(data, logits)
        at = limit_of(data, held, parts)
        limits.append(at)
        results[way] = {
            "seen": measured_sets(data, worst, at, parts, attacks),
            "harmless": measured_sets(data, worst, at, parts, benign),
        }
    by_words = by_text(data, both[0]) - limits[1]
    needed = np.where(np.abs(by_words) <= model.vectors.most, 1.0, 0.0)
    results["a vector can matter"] = measured_sets(data, needed, 0.5, parts, [*benign, *attacks])
    return results, _classifier(model, *limits)


def _classifier(model: Model, alone_at: float, beside_at: float) -> Classifier:
    said = VectorWeights(
        encoder=fingerprint_of_defender(find_defender()),
        shift=alone_at - beside_at,
        bias=model.vectors.bias,
        row=model.vectors.row.astype(np.float32),
        most=model.vectors.most,
    )
    return Classifier("injection", model.words.weights(alone_at), said)


def left_out(data: Data, table: Table) -> dict[str, Any]:
    """What a classifier that never saw a set makes of it, set by set, both ways: of attacks, and of `WIDER`."""
    parts = parts_of(data)
    train = np.array([row for row, part in enumerate(data.part) if part != "test"])
    found: dict[str, dict[str, dict[str, float]]] = {way: {} for way in WAYS}
    attacks = {s for s, label in zip(data.sources, data.labels, strict=True) if label == 1.0} - TRAINED_ONLY
    for name in (*sorted(attacks), *sorted(WIDER)):
        rows = np.array([row for row in train if data.sources[row] != name])
        texts = [i for i, one in enumerate(data.text_source) if one == name]
        _, both, unseen = crossed(data, table, rows)
        for way, logits, held in zip(WAYS, both, unseen, strict=True):
            scores, limit = by_text(data, logits), limit_of(data, held, parts)
            found[way][name] = share(int((scores[texts] >= limit).sum()), len(texts))
        print(name, *(one[name]["share"] for one in found.values()), flush=True)
    results: dict[str, Any] = {}
    for way, sets in found.items():
        results[f"left out, {way}"] = _summary({name: one for name, one in sets.items() if name in attacks})
        results[f"harmless, left out, {way}"] = {name: sets[name] for name in sorted(WIDER)}
    return results


def _summary(sets: Mapping[str, Mapping[str, float]]) -> dict[str, Any]:
    shares = {name: one["share"] for name, one in sets.items()}
    unknown = [one for name, one in shares.items() if name not in _KNOWN_TO_DEFENDER]
    return {
        "sets": sets,
        "mean": round(float(np.mean(list(shares.values()))), 4),
        "mean of those that Defender was not trained on by name": round(float(np.mean(unknown)), 4),
        "worst": min(shares.values()),
    }


def run_toxicity() -> tuple[dict[str, Any], Classifier]:
    """Words from tweets and HateCheck; what lexicons weigh was chosen on one half of Surge, and the other is the test.

    Fitted to tweets, lexicons weigh what tweets are full of (`bitch`), and contempt nothing: that does not carry over.
    """
    folder = data_folder()
    assert folder is not None
    texts = [(text[:600], float(label), name, _half(name, text)) for name, rows in read_toxicity(folder).items()
             for text, label in rows]  # fmt: skip
    texts += [(text[:600], 0.0, name, part_of(name, text, is_attack=False))
              for name, rows in read_benign(folder).items() if name not in LONGER for text in rows]  # fmt: skip
    labels = np.array([label for _, label, _, _ in texts])
    names, parts = [name for _, _, name, _ in texts], np.array([part for _, _, _, part in texts])
    table = Table([(hashed(text), toxicity_features(text)) for text, _, _, _ in texts], None)
    train = np.flatnonzero(parts == "train")
    weights = np.ones(len(texts))
    weights[train] = balanced([names[row] for row in train], labels[train], {})
    fitted = table.fit(train, labels, weights, strength=_TOXIC_STRENGTH)
    words = np.where(np.arange(len(fitted.coefficients)) < len(fitted.coefficients) - table.phrases, 1.0, 0.0)
    spread = float((table.matrix @ (fitted.coefficients * words))[train].std())
    weighed = fitted.coefficients * words * _WORDS / spread
    weighed[-table.phrases :] = _LEXICONS
    model = Fitted(weighed, 0.0, table.phrases)
    logits = model.logits(table)
    is_surge = np.array([name == "Surge" for name in names])
    chosen, test = is_surge & (parts == "set"), is_surge & (parts == "test")
    at = max(_quantile(logits[chosen & (labels == 0)], 0.98), _quantile(logits[~is_surge & (parts == "set")], 0.995))
    own = _quantile(logits[test & (labels == 0)], 0.98)
    bad, good = logits[test & (labels == 1)], logits[test & (labels == 0)]
    one: dict[str, Any] = {
        "auc": round(_auc(logits[test], labels[test]), 4),
        "n": int(test.sum()),
        "auc of the half that was chosen on": round(_auc(logits[chosen], labels[chosen]), 4),
        "recall_at_2_percent": share(int((bad >= own).sum()), len(bad)),
        "flagged of Surge toxic": share(int((bad >= at).sum()), len(bad)),
        "flagged of Surge harmless": share(int((good >= at).sum()), len(good)),
    }
    for name in sorted({name for name, part in zip(names, parts, strict=True) if part == "test"} - {"Surge"}):
        rows = np.array([row for row, part in enumerate(parts) if names[row] == name and part == "test"])
        one[f"flagged of {name}"] = share(int((logits[rows] >= at).sum()), len(rows))
    print(json.dumps(one, indent=1), flush=True)
    return {"words alone": one}, Classifier("toxicity", model.weights(at))


def _half(name: str, text: str) -> str:
    """Everything is trained on but Surge: of it one half is for choosing, and one for the test."""
    if name != "Surge":
        return "train"
    return ("set", "test")[int(hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:4], 16) % 2]


def _quantile(scores: Rows, share_below: float) -> float:
    return float(np.nextafter(np.quantile(scores, share_below, method="higher"), np.inf))


def _auc(scores: Rows, labels: Rows) -> float:
    good, bad = scores[labels == 0], scores[labels == 1]
    return float(np.mean([(bad > one).mean() + 0.5 * (bad == one).mean() for one in good]))


def keywords(data: Data) -> dict[str, Any]:
    """What a list of phrases alone would block: `orders to forget rules`, `asks for hidden text` and their like."""
    parts = parts_of(data)
    hits = np.array([1.0 if phrases_in(text) else 0.0 for text in data.texts])
    names = [name for name in dict.fromkeys(data.text_source) if name not in TRAINED_ONLY]
    return measured_sets(data, hits, 0.5, parts, names)


def main() -> int:
    """Train, measure, and with `--write` keep."""
    if data_folder() is None:
        print("evals/safety: THRIFTGATE_DATA is not there; nothing was measured")
        return 0
    results: dict[str, Any] = json.loads((RESULTS / "safety.json").read_text(encoding="utf-8"))
    if "--toxicity" in sys.argv:
        results["toxicity"], toxicity = run_toxicity()
        _keep(results, [toxicity])
        return 0
    data = gathered()
    results["sets"] = {name: data.text_source.count(name) for name in dict.fromkeys(data.text_source)}
    table = table_of(data)
    found, classifier = run_injection(data, table)
    results |= found
    results["keywords, as a baseline"] = keywords(data)
    print(json.dumps(results, indent=1), flush=True)
    results |= left_out(data, table)
    _keep(results, [classifier])
    return 0


def _keep(results: Mapping[str, Any], made: Sequence[Classifier]) -> None:
    """The figures; with `--write` the weights too."""
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "safety.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    for one in made if "--write" in sys.argv else ():
        (PACKAGE / f"{one.name}.json").write_text(one.dump() + "\n", encoding="utf-8")
        print(f"written: {one.name}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
