"""What `embedder: fast` saves: both embedders beside each other, the same text by one and then by the other.

- latency: CPU and wall time of one call of `embed` by words, nothing remembered; CPU is the process's, all threads;
- start: loading and memory, each in a process of its own whose imports are done before;
- requests: two gateways on the same instant upstream, one of each embedder, which take turns: CPU of a whole request,
  the ratio of `fast` to `local` with Student's interval over the rounds.

The machine's other work makes wall time worse, and CPU time by what it takes out of the caches: both are given, the
load beside them, and the ratio of the two is taken text by text.

    PYTHONPATH=. .venv/bin/python -m evals.benchmarks.embedders           # the table, and results/embedders.json
    PYTHONPATH=. .venv/bin/python -m evals.benchmarks.embedders --quick   # fewer rounds, no file
    PYTHONPATH=. .venv/bin/python -m evals.benchmarks.embedders --requests 8   # and embedders_requests.json
"""

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, get_args

import numpy as np
from evals.benchmarks.embedder import RESULTS, Row, machine, question, resident
from evals.benchmarks.load import ASKED, Questions
from evals.benchmarks.proxies import Proxy, gateway, gateway_config, upstream
from evals.benchmarks.task import measure

from thriftgate.config import EmbedderConfig, EmbedderName
from thriftgate.ports import LoadedEmbedder
from thriftgate.stats import mean_interval
from thriftgate.stores.embedders import embedder_of

NAMES: Sequence[EmbedderName] = get_args(EmbedderName)
WORDS = (5, 12, 20, 60, 200)


async def latency(folder: Path, *, rounds: int) -> list[Row]:
    """For each length of text: milliseconds of both, and how many times the CPU of `fast` the other takes."""
    made = {name: embedder_of(EmbedderConfig(model=name), folder, remembers=False) for name in NAMES}
    for embedder in made.values():
        await embedder.warm_up()
        await embedder.embed([question(20, 0)])
    rows: list[Row] = []
    for words in WORDS:
        spent: dict[str, list[tuple[float, float]]] = {name: [] for name in NAMES}
        for number in range(rounds):
            for name in NAMES if number % 2 else reversed(NAMES):
                spent[name].append(await timed(made[name], question(words, number)))
        row: Row = {"words": words, "n": rounds}
        for name in NAMES:
            cpu, wall = np.array(spent[name]).T * 1000
            for kind, values in (("cpu", cpu), ("wall", wall)):
                row[f"{name}_{kind}_ms"] = [round(float(one), 3) for one in np.quantile(values, [0.1, 0.5, 0.9])]
        ratios = np.array(spent["local"])[:, 0] / np.array(spent["fast"])[:, 0]
        row["cpu_ratio"] = [round(float(one), 1) for one in np.quantile(ratios, [0.1, 0.5, 0.9])]
        rows.append(row)
    for embedder in made.values():
        await embedder.close()
    return rows


async def timed(embedder: LoadedEmbedder, text: str) -> tuple[float, float]:
    """CPU and wall seconds of one text."""
    cpu, wall = time.process_time(), time.perf_counter()
    await embedder.embed([text])
    return time.process_time() - cpu, time.perf_counter() - wall


async def probe(name: EmbedderName, folder: Path) -> Row:
    """What this fresh process needs to load the model."""
    embedder = embedder_of(EmbedderConfig(model=name), folder)
    before, cpu, began = resident(), time.process_time(), time.perf_counter()
    await embedder.warm_up()
    await embedder.embed([question(20, 0)])
    row: Row = {
        "embedder": name,
        "load_seconds": round(time.perf_counter() - began, 2),
        "load_cpu_seconds": round(time.process_time() - cpu, 2),
        "load_megabytes": resident() - before,
    }
    for number in range(1, 5_000, 10):
        await embedder.embed([question(1 + place % 60, place) for place in range(number, number + 10)])
    row["after_5000_texts_megabytes"] = resident() - before
    await embedder.close()
    return row


def start(folder: Path) -> list[Row]:
    """Both, with MiniLM's graph already built."""
    command = [sys.executable, "-m", "evals.benchmarks.embedders", "--folder", str(folder), "--probe"]
    subprocess.check_output([*command, "local"])
    return [json.loads(subprocess.check_output([*command, name])) for name in NAMES]


def requests(folder: Path, *, rounds: int, batch: int) -> dict[str, object]:
    """What the embedder makes of a whole request."""
    asked = Questions()
    spent: dict[str, list[tuple[float, float]]] = {name: [] for name in ("miss", "semantic hit")}
    with ExitStack() as open_ones:
        address = open_ones.enter_context(upstream(4099))
        proxies: list[Proxy] = []
        for place, name in enumerate(NAMES):
            config: dict[str, Any] = gateway_config(address)
            config["callback_settings"]["thriftgate"]["embedder"] = {"model": name}
            made = gateway(folder / name, address, 4097 + place, config=config)
            proxies.append(open_ones.enter_context(made))
        for proxy in proxies:
            measure(proxy, "cached", asked.different(batch), "only_tier")
            measure(proxy, "alike", [ASKED], "only_tier")
            measure(proxy, "alike", asked.alike(batch), "semantic_hit")
        for number in range(rounds):
            for scenario, pairs in spent.items():
                route, decision = ("cached", "only_tier") if scenario == "miss" else ("alike", "semantic_hit")
                cpu: dict[str, float] = {}
                for proxy, name in list(zip(proxies, NAMES, strict=True))[:: 1 if number % 2 else -1]:
                    questions = asked.different(batch) if scenario == "miss" else asked.alike(batch)
                    cpu[name] = measure(proxy, route, questions, decision).cpu_ms
                pairs.append((cpu["local"], cpu["fast"]))
    return {
        "command": f"python -m evals.benchmarks.embedders --requests {rounds}", "machine": machine(), "batch": batch,
        **{name: beside(pairs) for name, pairs in spent.items()},
    }  # fmt: skip


def beside(pairs: Sequence[tuple[float, float]]) -> Row:
    """Means of both, and the ratio over the rounds."""
    ratio = mean_interval([fast / local for local, fast in pairs])
    local, fast = (round(float(one), 2) for one in np.mean(pairs, axis=0))
    shown = [round(one, 3) for one in (ratio.estimate, ratio.low, ratio.high)]
    return {"rounds": len(pairs), "local_cpu_ms": local, "fast_cpu_ms": fast, "ratio": shown}


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer rounds, no file")
    parser.add_argument("--requests", type=int, help="so many rounds of whole requests, and nothing else")
    parser.add_argument("--probe", choices=NAMES, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.probe is not None:
        print(json.dumps(asyncio.run(probe(options.probe, options.folder))))
        return
    if options.requests is not None:
        with tempfile.TemporaryDirectory(prefix="thriftgate-bench-") as folder:
            found = requests(Path(folder), rounds=options.requests, batch=150)
        text = json.dumps(found, indent=2) + "\n"
        print(text)
        (RESULTS / "embedders_requests.json").write_text(text, encoding="utf-8")
        return
    with tempfile.TemporaryDirectory() as folder:
        report: dict[str, object] = {"command": "python -m evals.benchmarks.embedders", "machine": machine()}
        starts = start(Path(folder))
        rows = asyncio.run(latency(Path(folder), rounds=40 if options.quick else 300))
    report |= {"latency": rows, "start": starts}
    for row in (*rows, *starts):
        print(row)
    if not options.quick:
        (RESULTS / "embedders.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
