"""What a worker keeps of what it has served: `PYTHONPATH=. .venv/bin/python -m evals.benchmarks.memory`.

`thriftgate up` before the instant provider, asked 10,000 different questions of 20 words by 8 clients, twice: with the
cache, and with everything on that keeps something of a text (cache, cascade, privacy, guards). The worker's resident
memory, without the one process that starts and watches it, after each thousand. Memory depends little on what else the
machine does; the time does.

Writes results/memory.json.
"""

import argparse
import asyncio
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from evals.benchmarks.load import Questions, send
from evals.benchmarks.proxies import KEY, gateway, gateway_config, upstream

RESULTS = Path(__file__).parent / "results"
QUESTIONS = 10_000
_STEP = 1_000
_PORT, _UPSTREAM_PORT = 4095, 4094


def everything_on(upstream_url: str) -> dict[str, object]:
    """The benchmark's routes, behind privacy and guards."""
    config: dict[str, Any] = gateway_config(upstream_url)
    ours = config["callback_settings"]["thriftgate"]
    ours |= {"privacy": {"key": "a-key-that-is-long-enough-for-a-benchmark"}, "guards": {}}
    ours["routes"]["cached"]["cascade"] = {"tiers": [{"model": "small"}, {"model": "large"}], "accept_at": 0.5}
    return config


def measure(config: dict[str, object], upstream_url: str, questions: int) -> list[float]:
    """Megabytes at the start, and after each thousand."""
    asked = Questions(seed=5)
    with (
        tempfile.TemporaryDirectory(prefix="thriftgate-memory-") as folder,
        gateway(Path(folder), upstream_url, _PORT, config=config) as proxy,
    ):
        found = [proxy.process.memory_info().rss / 1e6]
        for _ in range(questions // _STEP):
            asyncio.run(send(proxy.url, KEY, "cached", asked.different(_STEP)))
            found.append(proxy.process.memory_info().rss / 1e6)
            print(f"{found[-1]:.0f} MB", file=sys.stderr, flush=True)
    return found


def main(arguments: Sequence[str]) -> int:
    """Ask all questions, or `--questions` of them, which is printed and not kept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--questions", type=int, default=QUESTIONS)
    wanted: int = parser.parse_args(arguments).questions
    with upstream(_UPSTREAM_PORT) as url:
        found = {
            "questions": wanted,
            "step": _STEP,
            "cache": measure(gateway_config(url), url, wanted),
            "everything_on": measure(everything_on(url), url, wanted),
        }
    print(json.dumps(found))
    if wanted == QUESTIONS:
        (RESULTS / "memory.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
