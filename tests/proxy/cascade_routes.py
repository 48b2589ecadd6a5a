"""Routes that try the cascade's own settings, and an artefact that was calibrated on made-up labels."""

import asyncio
import json
import math
import tempfile
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from thriftgate.cascade.artefact import Artefact
from thriftgate.cascade.calibration.calibration import Promise, calibrate
from thriftgate.cascade.calibration.label_file import TierPrice, read_labels
from thriftgate.cascade.calibration.report import artefact_of
from thriftgate.cascade.calibration.summary import summary_of_questions
from thriftgate.cascade.familiarity import QuestionSummary
from thriftgate.stores.minilm.embedder import LocalEmbedder

TIERS = ("small", "large")
CLEAN = "It takes five days."
HEDGED = "I think it probably takes five days."
DOUBTFUL = "Maybe, perhaps, I am not sure, I think it could possibly take five days."
_GOOD = {CLEAN: 0.998, HEDGED: 0.85, DOUBTFUL: 0.1}
_USUAL = (0.5, 0.3, 0.2)
_LABELS = 2000
_SUMMED_UP = 200


def cascade_routes() -> dict[str, Any]:
    """By name; nothing happens by chance."""
    usual: dict[str, Any] = {
        "tiers": [{"model": "small"}, {"model": "large"}],
        "audit": {"share": 0},
        "holdout": 0,
    }
    proven = {**usual, "max_quality_loss": 0.02, "artefact": "proven.json"}
    static = {**usual, "accept_at": 0.8}
    routes = {
        "unproven": {**usual, "max_quality_loss": 0.02},
        "proven": {**proven, "budget_shift": {"starts_at": 0.8, "max_quality_loss": 0.12}},
        "summarised": {**usual, "max_quality_loss": 0.02, "artefact": "summarised.json"},
        "audited": {**static, "audit": {"share": 1, "judge": "judge"}},
        "rated": {**static, "judge": {"model": "judge"}},
        "hasty": {**static, "hold_limit": "300ms"},
        "helpers": {**static, "tools": "cascade"},
        "watched": {**static, "streaming": "optimistic", "optimistic": {"floor": 0.5, "until": 8, "window": 4}},
    }
    return {name: {"cascade": cascade} for name, cascade in routes.items()}


@cache
def artefacts() -> dict[str, str]:
    """What the routes' artefacts hold, by the names of their files."""
    proven = _proven_artefact()
    return {"proven.json": proven.dump(), "summarised.json": replace(proven, summary=_summary()).dump()}


def _question(place: int) -> str:
    return f"How long does refund {place} take?"


def _summary() -> QuestionSummary | None:
    """Of some labelled questions, by the embedder that serves."""
    questions = [_question(place) for place in range(1000, 1000 + _SUMMED_UP)]

    async def embed() -> tuple[npt.NDArray[np.float32], str]:
        with tempfile.TemporaryDirectory() as folder:
            embedder = LocalEmbedder(Path(folder), cache_size=0)
            try:
                return await embedder.embed(questions), embedder.fingerprint
            finally:
                await embedder.close()

    vectors, embedder = asyncio.run(embed())
    lengths = [math.log1p(len(question)) for question in questions]
    return summary_of_questions(vectors, lengths, questions, np.random.default_rng(0), embedder=embedder)


def _proven_artefact() -> Artefact:
    """Proves 2 % with answers that do not hedge, and 10 % with those that hedge a little as well."""
    rng = np.random.default_rng(0)
    lines: list[str] = []
    for place in range(1000, 1000 + _LABELS):
        cheap = str(rng.choice(list(_GOOD), p=_USUAL))
        label = bool(rng.uniform() < _GOOD[cheap])
        question = _question(place)
        lines.append(json.dumps({"question": question, "cheap": cheap, "strong": CLEAN, "label": label}))
    prices = {"small": TierPrice(1e-6, 2e-6), "large": TierPrice(10e-6, 20e-6)}
    found = read_labels(lines, tiers=TIERS, prices=prices)
    calibration = calibrate(found.labels, Promise(0.02, 0.05), rng)
    return artefact_of(calibration, tiers=TIERS, rng=rng, route="proven", created_at="2026-01-01T00:00:00Z")
