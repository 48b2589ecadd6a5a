"""What a miss waits for before it goes upstream: embedding a question of 20 words, and one look-up among 100,000.

One scope holds all 100,000 entries, the worst case. Every question is new to the embedder. Asked one after the other,
and by 50 callers at once, while a watch asks every millisecond how late the event loop is.

    uv run --frozen python -m evals.benchmarks.cache_lookup     # the table, and results/cache_lookup.json
"""

import argparse
import asyncio
import json
import os
import shutil
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from evals.benchmarks.cache_recall import Layout, Matrix, embedded, fill, machine, questions, variations
from evals.benchmarks.embedder import measure_lag

from thriftgate.caching.evidence import NEIGHBOURS
from thriftgate.stores.embedded.database import prepare_embedded, release_database
from thriftgate.stores.minilm.embedder import LocalEmbedder
from thriftgate.stores.postgres.cache.answers import PostgresAnswerCache
from thriftgate.stores.postgres.connection.database import Database

RESULTS = Path(__file__).parent / "results"
WORDS = 20
CALLERS = 50


def long_questions(texts: Sequence[str], count: int) -> list[str]:
    """`count` texts of exactly 20 words, made of questions that follow each other."""
    words = " ".join(texts).split()
    return [" ".join(words[start * WORDS : (start + 1) * WORDS]) for start in range(count)]


async def look_up(cache: PostgresAnswerCache, embedder: LocalEmbedder, question: str) -> tuple[float, float]:
    """Seconds until the vector was there, and until the neighbours were."""
    started = time.perf_counter()
    vector = (await embedder.embed([question]))[0]
    embedded_at = time.perf_counter()
    found = await cache.lookup("large-0", "no such key", vector, limit=NEIGHBOURS)
    if len(found.neighbours) != NEIGHBOURS:
        raise RuntimeError(f"{len(found.neighbours)} neighbours instead of {NEIGHBOURS}")
    return embedded_at - started, time.perf_counter() - started


async def one_by_one(cache: PostgresAnswerCache, embedder: LocalEmbedder, asked: Sequence[str]) -> dict[str, float]:
    """Each question alone."""
    for question in asked[:50]:
        await look_up(cache, embedder, question)
    times = np.array([await look_up(cache, embedder, question) for question in asked[50:]]) * 1e3
    return {
        "n": len(times),
        "embedding_p50_ms": round(float(np.quantile(times[:, 0], 0.5)), 2),
        "p50_ms": round(float(np.quantile(times[:, 1], 0.5)), 2),
        "p99_ms": round(float(np.quantile(times[:, 1], 0.99)), 2),
    }


async def all_at_once(cache: PostgresAnswerCache, embedder: LocalEmbedder, asked: Sequence[str]) -> dict[str, float]:
    """50 callers, and how late the event loop was meanwhile."""
    lags: list[float] = []
    waiting = iter(asked)

    async def call() -> list[float]:
        return [(await look_up(cache, embedder, question))[1] for question in waiting]

    watch = asyncio.create_task(measure_lag(lags))
    started = time.perf_counter()
    waits = [wait for waits in await asyncio.gather(*(call() for _ in range(CALLERS))) for wait in waits]
    seconds = time.perf_counter() - started
    watch.cancel()
    return {
        "n": len(waits),
        "callers": CALLERS,
        "per_second": round(len(waits) / seconds, 1),
        "p50_ms": round(float(np.quantile(waits, 0.5)) * 1e3, 1),
        "loop_lag_p50_ms": round(float(np.quantile(lags, 0.5)) * 1e3, 2),
        "loop_lag_p99_ms": round(float(np.quantile(lags, 0.99)) * 1e3, 2),
    }


async def run(dsn: str, vectors: Matrix, asked: Sequence[str], folder: Path) -> dict[str, object]:
    """Fill, then ask."""
    database = Database(dsn)
    cache = PostgresAnswerCache(database, dimensions=vectors.shape[1])
    await fill(cache, Layout("1 scope", {"large-0": vectors}))
    embedder = LocalEmbedder(folder, cache_size=0)
    half = len(asked) // 2
    found: dict[str, object] = {
        "one by one": await one_by_one(cache, embedder, asked[:half]),
        "50 callers": await all_at_once(cache, embedder, asked[half:]),
    }
    await embedder.close()
    await database.close()
    return found


def main() -> None:
    """Fill, ask, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, default=100_000)
    parser.add_argument("--queries", type=int, default=1_000)
    args = parser.parse_args()
    data = Path(os.environ.get("THRIFTGATE_DATA", Path(__file__).parents[3] / "shared" / "data"))
    if not (data / "banking77").exists():
        raise SystemExit(f"no questions: THRIFTGATE_DATA ({data}) has no banking77")
    before, texts = machine(), questions(data)
    kept = Path(tempfile.gettempdir()) / "thriftgate-benchmark-vectors"
    kept.mkdir(exist_ok=True)
    vectors = asyncio.run(embedded(variations(texts, args.entries), kept))
    folder = Path(tempfile.mkdtemp(prefix="thriftgate-benchmark-"))
    try:
        dsn = prepare_embedded(None, folder)
        found = asyncio.run(run(dsn, vectors, long_questions(texts, args.queries), folder))
    finally:
        release_database(folder)
        shutil.rmtree(folder, ignore_errors=True)
    report = {"command": "python -m evals.benchmarks.cache_lookup", "options": vars(args), "machine": before, **found}
    print(json.dumps(report, indent=2))
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "cache_lookup.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
