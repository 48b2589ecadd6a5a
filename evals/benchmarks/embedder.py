"""How fast, how faithful and how considerate is the local embedder?

- latency: one call of `embed` by words, texts per call, threads and precision (nothing cached);
- company: how late the event loop gets its turn while 50 callers embed, and what they wait;
- start: what building, loading and 5,000 texts cost in time and memory, in a process of its own;
- fidelity: int8 against float32 on BANKING77: cosine, and accuracy of the nearest neighbour's intent.

Other work on the machine makes the p50 worse but hardly the p10, so both are given, with the load before.

    uv run --frozen python -m evals.benchmarks.embedder           # the tables, and results/embedder.json
    uv run --frozen python -m evals.benchmarks.embedder --quick   # without the 13,083 questions of fidelity
"""

import argparse
import asyncio
import csv
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import numpy.typing as npt

from thriftgate.stores.minilm.embedder import LocalEmbedder
from thriftgate.stores.minilm.files import find_minilm
from thriftgate.stores.minilm.model import Precision
from thriftgate.stores.wheel_files import EmbedderFiles

Matrix = npt.NDArray[np.float32]
Row = dict[str, object]
RESULTS = Path(__file__).parent / "results"
SENTENCE = "i transferred some money to a friend last week and it still has not arrived in her account what can i do"
WORDS = SENTENCE.split()
CALLERS = 50


def question(words: int, number: int) -> str:
    """A text of so many words, different for every number."""
    return " ".join([*(WORDS[place % len(WORDS)] for place in range(words - 1)), str(number)])


def quantiles(seconds: Sequence[float]) -> Row:
    """Milliseconds at the 10th, 50th and 99th per cent."""
    p10, p50, p99 = (round(float(value) * 1000, 2) for value in np.quantile(seconds, [0.1, 0.5, 0.99]))
    return {"n": len(seconds), "p10_ms": p10, "p50_ms": p50, "p99_ms": p99}


async def latency(folder: Path, *, rounds: int) -> list[Row]:
    """One caller after the other."""
    rows: list[Row] = []
    cases: list[tuple[Precision, int]] = [("int8", 1), ("int8", 2), ("fp32", 1), ("fp32", 2)]
    for precision, threads in cases:
        embedder = LocalEmbedder(folder, cache_size=0, threads=threads, precision=precision)
        await embedder.warm_up()
        for words, texts in ((5, 1), (20, 1), (60, 1), (200, 1), (20, 8), (20, 32)):
            seconds: list[float] = []
            for number in range(rounds):
                asked = [question(words, number * texts + place) for place in range(texts)]
                began = time.perf_counter()
                await embedder.embed(asked)
                seconds.append(time.perf_counter() - began)
            row: Row = {"precision": precision, "threads": threads, "words": words, "texts": texts}
            rows.append(row | quantiles(seconds))
        await embedder.close()
    return rows


async def company(folder: Path, *, requests: int) -> list[Row]:
    """How late a coroutine that wants to run every millisecond does run: alone, and beside 50 callers."""
    embedder = LocalEmbedder(folder, cache_size=0)
    await embedder.warm_up()
    rows: list[Row] = []
    for callers in (0, CALLERS):
        lags: list[float] = []
        waits: list[float] = []
        numbers = iter(range(requests))
        watch = asyncio.create_task(measure_lag(lags))
        began = time.perf_counter()
        if callers:
            await asyncio.gather(*(ask(embedder, numbers, waits) for _ in range(callers)))
        else:
            await asyncio.sleep(2.0)
        elapsed = time.perf_counter() - began
        watch.cancel()
        with suppress(asyncio.CancelledError):
            await watch
        row: Row = {"callers": callers, "loop_lag": quantiles(lags)}
        if waits:
            row |= {"wait": quantiles(waits), "texts_per_second": round(requests / elapsed, 1)}
        rows.append(row)
    await embedder.close()
    return rows


async def measure_lag(lags: list[float]) -> None:
    while True:
        began = time.perf_counter()
        await asyncio.sleep(0.001)
        lags.append(time.perf_counter() - began - 0.001)


async def ask(embedder: LocalEmbedder, numbers: Iterator[int], waits: list[float]) -> None:
    """One caller, who asks again as soon as it was answered."""
    for number in numbers:
        began = time.perf_counter()
        await embedder.embed([question(20, number)])
        waits.append(time.perf_counter() - began)


def start() -> Row:
    """Cold and warm start, and memory, in fresh processes."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "evals.benchmarks.embedder", "--probe", folder]
        cold, warm = (json.loads(subprocess.check_output(command)) for _ in range(2))
        size = sum(path.stat().st_size for path in Path(folder).rglob("*-int8-*"))
    return {"build_seconds": cold["load_seconds"], "graph_megabytes": round(size / 1e6, 1)} | warm


async def probe(folder: Path) -> Row:
    """What this fresh process needs to load the model, and to embed 5,000 different texts."""
    before = resident()
    embedder = LocalEmbedder(folder)
    began = time.perf_counter()
    await embedder.warm_up()
    row: Row = {"load_seconds": round(time.perf_counter() - began, 2), "load_megabytes": resident() - before}
    for name, numbers in (("after_1000", range(1000)), ("after_5000", range(1000, 5000))):
        for first in range(numbers.start, numbers.stop, 10):
            await embedder.embed([question(1 + number % 60, number) for number in range(first, first + 10)])
        row[f"{name}_megabytes"] = resident() - before
    await embedder.close()
    return row


def resident() -> int:
    """This process's memory now, in megabytes (its peak where /proc does not tell)."""
    with suppress(OSError):
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        return round(pages * resource.getpagesize() / 1e6)
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3)


async def fidelity(folder: Path, data: Path) -> Row:
    """Int8 against float32: vectors, neighbours, and the intents they lead to."""
    train, test = (read(data / "banking77" / f"{name}.csv") for name in ("train", "test"))
    vectors: dict[str, tuple[Matrix, Matrix]] = {}
    precisions: tuple[Precision, Precision] = ("int8", "fp32")
    for precision in precisions:
        embedder = LocalEmbedder(folder, cache_size=0, threads=2, precision=precision)
        vectors[precision] = (
            await embedder.embed([text for text, _ in train]),
            await embedder.embed([text for text, _ in test]),
        )
        await embedder.close()
    nearest = {name: (asked @ kept.T).argmax(axis=1) for name, (kept, asked) in vectors.items()}
    intents, truth = np.array([intent for _, intent in train]), np.array([intent for _, intent in test])
    right = {name: intents[found] == truth for name, found in nearest.items()}
    cosines = (vectors["int8"][1] * vectors["fp32"][1]).sum(axis=1)
    similarities = [(asked * kept[nearest["fp32"]]).sum(axis=1) for kept, asked in vectors.values()]
    moved = np.abs(similarities[0] - similarities[1])
    return {
        "questions": len(test),
        "cosine_mean": round(float(cosines.mean()), 5),
        "cosine_min": round(float(cosines.min()), 5),
        "same_nearest": round(float((nearest["int8"] == nearest["fp32"]).mean()), 4),
        "accuracy_int8": round(float(right["int8"].mean()), 4),
        "accuracy_fp32": round(float(right["fp32"].mean()), 4),
        "only_int8_right": int((right["int8"] & ~right["fp32"]).sum()),
        "only_fp32_right": int((right["fp32"] & ~right["int8"]).sum()),
        "similarity_moved_mean": round(float(moved.mean()), 4),
        "similarity_moved_p99": round(float(np.quantile(moved, 0.99)), 4),
    }


def read(path: Path) -> list[tuple[str, str]]:
    """Questions with their intents."""
    with path.open(encoding="utf-8", newline="") as file:
        return [(row["text"], row["category"]) for row in csv.DictReader(file)]


def machine() -> Row:
    """Where it was measured."""
    return {
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "load_before": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
    }


def print_tables(report: dict[str, object], rows: Sequence[Row], beside: Sequence[Row]) -> None:
    """For people."""
    print(f"\n{'precision':<11}{'threads':>8}{'words':>7}{'texts':>7}{'n':>6}{'p10 ms':>9}{'p50 ms':>9}{'p99 ms':>9}")
    for row in rows:
        print(
            f"{row['precision']:<11}{row['threads']:>8}{row['words']:>7}{row['texts']:>7}{row['n']:>6}"
            f"{row['p10_ms']:>9}{row['p50_ms']:>9}{row['p99_ms']:>9}"
        )
    for row in beside:
        print(f"\n{row['callers']} callers at once: " + ", ".join(f"{k} {v}" for k, v in row.items() if k != "callers"))
    for name in ("start", "fidelity", "machine"):
        print(f"\n{name}: {report.get(name)}")


def measure(folder: Path, files: EmbedderFiles, *, quick: bool) -> None:
    """Everything, printed and written."""
    report: dict[str, object] = {"command": "python -m evals.benchmarks.embedder", "machine": machine()}
    report["weights"] = files.weights_hash
    rows = asyncio.run(latency(folder, rounds=50 if quick else 200))
    beside = asyncio.run(company(folder, requests=500 if quick else 2000))
    report |= {"latency": rows, "company": beside, "start": start()}
    data = Path(os.environ.get("THRIFTGATE_DATA", Path(__file__).parents[3] / "shared" / "data"))
    if quick or not (data / "banking77").exists():
        print(f"without fidelity: {'--quick' if quick else f'THRIFTGATE_DATA ({data}) has no banking77'}")
    else:
        report["fidelity"] = asyncio.run(fidelity(folder, data))
    print_tables(report, rows, beside)
    RESULTS.mkdir(exist_ok=True)
    if not quick:
        (RESULTS / "embedder.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


def main() -> None:
    """Parse, measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer rounds, no fidelity, no file")
    parser.add_argument("--probe", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.probe is not None:
        print(json.dumps(asyncio.run(probe(options.probe))))
        return
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder), find_minilm(), quick=options.quick)


if __name__ == "__main__":
    main()
