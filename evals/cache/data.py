"""The questions of this eval, with their vectors.

BANKING77 (CC-BY-4.0) and Bitext customer support (CDLA-Sharing-1.0) are read from the folder THRIFTGATE_DATA (default
`../shared/data`); our own `support.csv` is always there. Vectors come from the embedder that serves (`choose` takes
another), and are kept under the system's temporary folder.
"""

import asyncio
import csv
import hashlib
import json
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np

from thriftgate.caching.rehearsal import Labelled, Vectors
from thriftgate.config import EmbedderConfig, EmbedderName
from thriftgate.ports import LoadedEmbedder
from thriftgate.stores.embedders import embedder_of

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
DATA = Path(os.environ.get("THRIFTGATE_DATA", str(ROOT.parent / "shared" / "data")))
SCRATCH = Path(tempfile.gettempdir()) / "thriftgate-eval-cache"
_BITEXT = "Bitext_Sample_Customer_Service_{}_Dataset.csv"


_chosen: list[EmbedderName] = ["local"]


def choose(embedder: EmbedderName) -> None:
    """Take the vectors of this `embedder.model` from here on."""
    _chosen[:] = [embedder]


def chosen() -> EmbedderName:
    """Whose vectors are taken."""
    return _chosen[0]


def has_public_data() -> bool:
    """Whether the public data sets are on this machine."""
    return (DATA / "banking77" / "test.csv").exists()


def support() -> Labelled:
    """Our own support questions: 49 answers, many of them one word apart."""
    return _labelled([(row["question"], row["answer_group"]) for row in _rows(HERE / "support.csv")])


def banking77() -> tuple[Labelled, list[str]]:
    """All 13,083 questions, and for each whether it is from the "train" or the "test" file."""
    rows = [(name, row) for name in ("train", "test") for row in _rows(DATA / "banking77" / f"{name}.csv")]
    return _labelled([(row["text"], row["category"]) for _, row in rows]), [name for name, _ in rows]


def bitext() -> Labelled:
    """8,100 support utterances of 27 intents."""
    files = [DATA / "bitext_support" / _BITEXT.format(name) for name in ("Testing", "Training", "Validation")]
    return _labelled([(row["utterance"], row["intent"]) for file in files for row in _rows(file)])


def hwu64(*, slots: bool) -> Labelled:
    """11,036 utterances to a home assistant (CC-BY-4.0, Liu et al. 2019); with `slots` the values count as well."""
    rows = _rows(DATA / "hwu64" / "hwu64.csv")
    return _labelled([(row["question"], row["intent"] + (_slots(row) if slots else "")) for row in rows])


def snips() -> Labelled:
    """14,484 utterances (CC0, Coucke et al. 2018); an answer is an intent with its slot values, hardly one repeats."""
    return _labelled([(row["question"], row["intent"] + _slots(row)) for row in _rows(DATA / "snips" / "snips.csv")])


def home_assistant(language: str) -> Labelled:
    """Home Assistant's test sentences (CC-BY-4.0) in `en`, `de` or `nl`; an answer is an intent with its slots."""
    rows = [row for row in _rows(DATA / "home_assistant" / "home_assistant.csv") if row["language"] == language]
    return _labelled([(row["question"], row["intent"] + row["slots"]) for row in rows])


def tenants(parts: Sequence[Labelled]) -> Labelled:
    """Several sets as the tenants of one route."""
    return Labelled(
        [question for part in parts for question in part.questions],
        [f"{number} {group}" for number, part in enumerate(parts, 1) for group in part.groups],
        np.concatenate([part.vectors for part in parts]),
        [number for number, part in enumerate(parts, 1) for _ in part.questions],
    )


def development_intents(groups: Sequence[str]) -> frozenset[str]:
    """The 39 of BANKING77's 77 intents that features and settings were chosen on, drawn once with seed 42."""
    order = np.random.default_rng(42).permutation(np.unique(np.array(groups)))
    return frozenset(str(name) for name in order[:39])


def traps() -> list[dict[str, Any]]:
    """The adversarial pairs of another project (MIT): `cached`, `asked`, `kind`, and whether a hit is right."""
    folder = DATA / "gated_cache_traps"
    report = cast("dict[str, Any]", json.loads((folder / "banking_adversarial_report_full100.json").read_text()))
    pairs = [_trap(row, "cached_query", "query") for row in report["design"]["rows"]]
    for name in ("finance_adversarial_vector-only.json", "queries_pairs_vector-only.json"):
        report = cast("dict[str, Any]", json.loads((folder / name).read_text()))
        pairs += [_trap(row, "seed_query", "probe_query") for row in report["rows"]]
    return pairs


def vectors_of(texts: Sequence[str]) -> Vectors:
    """Unit vectors by the embedder that serves; computed once for each list of texts."""
    embedder = embedder_of(EmbedderConfig(model=chosen()), SCRATCH, remembers=False)
    name = hashlib.sha256("\0".join([embedder.fingerprint, *texts]).encode()).hexdigest()[:24]
    file = SCRATCH / f"{name}.npy"
    if not file.exists():
        SCRATCH.mkdir(parents=True, exist_ok=True)
        vectors = asyncio.run(_embed(embedder, texts))
        with file.open("wb") as handle:
            np.save(handle, vectors)
    return cast("Vectors", np.load(file))


async def _embed(embedder: LoadedEmbedder, texts: Sequence[str]) -> Vectors:
    try:
        parts = [await embedder.embed(texts[start : start + 256]) for start in range(0, len(texts), 256)]
        return np.concatenate(parts)
    finally:
        await embedder.close()


def _labelled(rows: Sequence[tuple[str, str]]) -> Labelled:
    questions = [question for question, _ in rows]
    return Labelled(questions, [group for _, group in rows], vectors_of(questions))


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def _slots(row: dict[str, str]) -> str:
    """The slot values in one form: lower case, sorted."""
    found = cast("list[list[str]]", json.loads(row["slots"]))
    return json.dumps(sorted([name, value.strip().lower()] for name, value in found))


def _trap(row: dict[str, Any], cached: str, asked: str) -> dict[str, Any]:
    return {"cached": row[cached], "asked": row[asked], "kind": row["category"], "hit": row["expected_cache_hit"]}
