"""What the cascade's own work takes per request: `PYTHONPATH=. .venv/bin/python evals/cascade/speed.py`.

MMLU-Pro's recorded answers of Llama-3.1-8B, with made-up log-probabilities (the recordings have none), go through
plan, all signals, calibrated confidence and decision, as in serving. Each question is timed three times and the least
counts, since other processes' work on the machine is not ours; the percentiles are over the questions.
Writes results/speed.json.
"""

import json
import os
import platform
import time
from collections.abc import Mapping
from dataclasses import replace

# Set before numpy is loaded: see task.py.
os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1")

import numpy as np
from evals.cascade import data
from evals.cascade.data import Item, RecordedSet

from thriftgate.cascade.calibrated import CalibratedScorer
from thriftgate.cascade.calibration.calibration import Promise, calibrate
from thriftgate.cascade.calibration.report import artefact_of
from thriftgate.cascade.flow import Ask, Effect, Reply, cascade, play
from thriftgate.cascade.plan import plan
from thriftgate.cascade.scoring import scoring
from thriftgate.types import Answer

TARGET_MS = 1.0
_LABELS = 2000
_TIMES = 3
_CHARACTERS_PER_TOKEN = 4


def with_logprobs(answer: Answer, rng: np.random.Generator) -> Answer:
    """The answer with a token and its runner-up for every four characters."""
    text = answer.text
    pieces = [text[place : place + _CHARACTERS_PER_TOKEN] for place in range(0, len(text), _CHARACTERS_PER_TOKEN)]
    tokens = [
        {
            "token": piece,
            "logprob": -cost,
            "top_logprobs": [{"token": piece, "logprob": -cost}, {"token": "?", "logprob": -cost - 2.0}],
        }
        for piece, cost in zip(pieces, rng.exponential(0.3, len(pieces)).tolist(), strict=True)
    ]
    (choice,) = answer.choices
    return replace(answer, choices=(replace(choice, logprobs={"content": tokens}),))


def prepared() -> tuple[RecordedSet, CalibratedScorer, list[Item]]:
    """A scorer that was calibrated with all signals, and questions it has not seen."""
    rng = np.random.default_rng(0)
    recorded = next(iter(data.recorded_sets(["mmlu_pro"])))
    items: list[Item] = []
    places: list[int] = rng.permutation(len(recorded.items))[: 2 * _LABELS].tolist()
    for place in places:
        item = recorded.items[place]
        cheap, strong = item.answers
        assert cheap is not None
        items.append(replace(item, answers=(with_logprobs(cheap, rng), strong)))
    labels = data.labels_of(items[:_LABELS], recorded.tiers)
    calibration = calibrate(labels, Promise(0.05, 0.05), rng)
    artefact = artefact_of(calibration, tiers=recorded.tiers, rng=rng, route="speed")
    return recorded, CalibratedScorer(artefact), items[_LABELS:]


def took(recorded: RecordedSet, scorer: CalibratedScorer, item: Item) -> float:
    """Milliseconds for one request's plan, scores and decision."""
    answers = dict(zip(recorded.tiers, item.answers, strict=True))
    started = time.perf_counter()
    chosen = plan(item.request, scorer.tiers(recorded.tiers), outlook=scorer.outlook(item.request))
    play(cascade(chosen.tiers, score=scoring(scorer, item.request)), lambda effect: _recorded(answers, effect))
    return 1e3 * (time.perf_counter() - started)


def _recorded(answers: Mapping[str, Answer | None], effect: Effect) -> Reply:
    assert isinstance(effect, Ask), "nothing else was recorded"
    return Reply(answers[effect.tier.model])


def main() -> None:
    """Measure and write."""
    reason = data.absent()
    if reason:
        raise SystemExit(reason)
    recorded, scorer, items = prepared()
    for item in items[:200]:
        took(recorded, scorer, item)
    milliseconds = np.array([min(took(recorded, scorer, item) for _ in range(_TIMES)) for item in items])
    characters = [len(item.answers[0].text) for item in items if item.answers[0] is not None]
    result = {
        "n": len(items),
        "answer_characters": {"median": int(np.median(characters)), "p99": int(np.percentile(characters, 99))},
        "signals": list(scorer.artefact.signals),
        "ms": {name: round(float(np.percentile(milliseconds, q)), 3) for name, q in (("p50", 50), ("p99", 99))},
        "target_p99_ms": TARGET_MS,
        "machine": f"{platform.machine()}, Python {platform.python_version()}",
    }
    path = data.HERE / "results" / "speed.json"
    path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
