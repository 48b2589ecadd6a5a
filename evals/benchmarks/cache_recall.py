"""Does the PostgreSQL cache find the neighbours that are there, and how fast?

Stores real questions (BANKING77 and Bitext, embedded by the local MiniLM, with phrases around them as people
write them) through the very code that serves, and compares each look-up with a brute-force search of its scope:
- `100 scopes of 1,000`, and `1 scope of 100,000` beside them: many small tenants, and one large;
- `10 scopes of 10,000`: tenants in between, in a database of their own.

A neighbour counts as found when it is as near as the true one of its rank (people repeat themselves). Recall is the
mean over queries of the share of the true eight that were found. Look-ups run one by one and bring entries along.

    uv run --frozen python -m evals.benchmarks.cache_recall            # the table, and results/cache_recall.json
    uv run --frozen python -m evals.benchmarks.cache_recall --compare  # also what the design was chosen against
"""

import argparse
import asyncio
import csv
import json
import os
import platform
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from thriftgate.caching.entries import CacheEntry
from thriftgate.stores.embedded.database import prepare_embedded, release_database
from thriftgate.stores.minilm.embedder import LocalEmbedder
from thriftgate.stores.postgres.cache.answers import PostgresAnswerCache
from thriftgate.stores.postgres.cache.sql import EF_CONSTRUCTION
from thriftgate.stores.postgres.connection.database import Database, open_connection
from thriftgate.types import Choice, Usage

Matrix = npt.NDArray[np.float32]
NEIGHBOURS = 8
RESULTS = Path(__file__).parent / "results"
PHRASES = (
    "{}",
    "Hi, {}",
    "{} Thanks!",
    "Quick question: {}",
    "{} Please help me.",
    "Hello there. {}",
    "{} Kind regards",
)
Row = dict[str, object]
TIE = 1e-5
"""Cosines this close are the same to single precision."""


@dataclass
class Layout:
    """Scopes of equal size, and where each one's vectors are in the matrix."""

    name: str
    scopes: Mapping[str, Matrix]
    latencies: list[float] = field(default_factory=list[float])
    recalls: list[float] = field(default_factory=list[float])

    def row(self, *, variant: str) -> Row:
        """What was measured."""
        recall, n = np.array(self.recalls), len(self.recalls)
        error = 1.96 * recall.std(ddof=1) / np.sqrt(n)
        return {
            "layout": self.name,
            "variant": variant,
            "queries": n,
            "recall": round(float(recall.mean()), 5),
            "recall_95_low": round(float(recall.mean() - error), 5),
            "worst_query": round(float(recall.min()), 3),
            "p50_ms": round(float(np.quantile(self.latencies, 0.5)) * 1000, 2),
            "p99_ms": round(float(np.quantile(self.latencies, 0.99)) * 1000, 2),
        }


def questions(data: Path) -> list[str]:
    """Every distinct question of the two support data sets."""

    def read() -> Iterator[str]:
        for name in ("train", "test"):
            with (data / "banking77" / f"{name}.csv").open(encoding="utf-8") as file:
                yield from (row["text"] for row in csv.DictReader(file))
        for path in sorted((data / "bitext_support").glob("*.csv")):
            with path.open(encoding="utf-8") as file:
                yield from (row["utterance"] for row in csv.DictReader(file))

    return list(dict.fromkeys(text.strip() for text in read()))


def variations(texts: Sequence[str], count: int) -> list[str]:
    """`count` distinct texts: first all questions as they are, then with phrases around them."""
    made = dict.fromkeys(phrase.format(text) for phrase in PHRASES for text in texts)
    if len(made) < count:
        raise SystemExit(f"{len(texts)} questions make only {len(made)} texts; {count} were asked for")
    return list(made)[:count]


async def embedded(texts: Sequence[str], folder: Path) -> Matrix:
    """The vectors of the texts, kept in `folder` for the next run."""
    embedder = LocalEmbedder(folder, cache_size=0, threads=2)
    kept = folder / f"{embedder.fingerprint}-{len(texts)}.npy"
    if kept.exists():
        return np.load(kept)
    parts: list[Matrix] = []
    for start in range(0, len(texts), 512):
        parts.append(await embedder.embed(texts[start : start + 512]))
        print(f"\rembedding {start + len(parts[-1]):,} of {len(texts):,}", end="", flush=True)
    print()
    await embedder.close()
    vectors = np.concatenate(parts)
    np.save(kept, vectors)
    return vectors


def entry(scope: str, number: int, vector: Matrix) -> CacheEntry:
    """An entry as large as real ones are."""
    now = time.time()
    return CacheEntry(
        entry_id=f"{scope}-{number}",
        scope=scope,
        key=str(number),
        route="bench",
        question="What do I do if I still have not received my new card?",
        embedding=vector,
        choices=(Choice({"role": "assistant", "content": "An answer of some length. " * 20}, "stop"),),
        model="small",
        usage=Usage(100, 120),
        created_at=now,
        expires_at=now + 86_400,
    )


async def fill(cache: PostgresAnswerCache, layout: Layout, *, writers: int = 4) -> list[float]:
    """Store all vectors of a layout in a shuffled order; seconds of each store."""
    work = [(scope, i) for scope, vectors in layout.scopes.items() for i in range(len(vectors))]
    order = iter(np.random.default_rng(1).permutation(len(work)))
    seconds: list[float] = []

    async def write() -> None:
        for place in order:
            scope, i = work[int(place)]
            start = time.perf_counter()
            await cache.store(entry(scope, i, layout.scopes[scope][i]))
            seconds.append(time.perf_counter() - start)
            if len(seconds) % 1000 == 0:
                print(f"\rstoring {layout.name}: {len(seconds):,} of {len(work):,}", end="", flush=True)

    await asyncio.gather(*(write() for _ in range(writers)))
    print()
    return seconds


async def measure(cache: PostgresAnswerCache, layout: Layout, asked: Matrix) -> None:
    """Ask every query of one scope after the other."""
    layout.latencies, layout.recalls = [], []
    names = list(layout.scopes)
    for warm in range(100):
        await cache.lookup(names[warm % len(names)], "", asked[warm])
    for i, vector in enumerate(asked):
        scope = names[i % len(names)]
        start = time.perf_counter()
        found = await cache.lookup(scope, "no such key", vector, limit=NEIGHBOURS)
        layout.latencies.append(time.perf_counter() - start)
        true = np.sort(layout.scopes[scope] @ vector)[::-1][:NEIGHBOURS]
        got = np.array([neighbour.similarity for neighbour in found.neighbours])
        layout.recalls.append(float(np.mean([np.any(got[k:] >= true[k] - TIE) for k in range(NEIGHBOURS)])))


async def compare(dsn: str, layouts: Sequence[Layout], asked: Matrix) -> list[Row]:
    """The same look-ups (vectors only) as the design would be without its two parts."""
    connection = await open_connection(dsn, server_settings={"search_path": "thriftgate, public"})
    for name, value in {"hnsw.ef_search": "100", "hnsw.iterative_scan": "relaxed_order", "jit": "off"}.items():
        await connection.execute(f"SET {name} = {value}")
    print("building one index for all scopes …")
    await connection.execute(
        "CREATE INDEX one_for_all ON cache_vectors USING hnsw ((embedding::halfvec(384)) halfvec_ip_ops)"
        f" WITH (m = 16, ef_construction = {EF_CONSTRUCTION})"
    )
    nearest = "SELECT -(embedding <#> $1::real[]::vector) FROM cache_vectors WHERE"
    variants = {
        "all compared": f"{nearest} scope = $2 ORDER BY (embedding <#> $1::real[]::vector) + 0 LIMIT 8",
        "one index for all scopes": (
            f"{nearest} scope || '' = $2 ORDER BY embedding::halfvec(384) <#> $1::real[]::vector::halfvec(384) LIMIT 8"
        ),
    }
    rows: list[Row] = []
    for variant, statement in variants.items():
        for layout in layouts:
            layout.latencies, layout.recalls = [], []
            names = list(layout.scopes)
            for i, vector in enumerate(asked[:200]):
                scope = names[i % len(names)]
                start = time.perf_counter()
                found = await connection.fetch(statement, vector.tolist(), scope)
                layout.latencies.append(time.perf_counter() - start)
                true = np.sort(layout.scopes[scope] @ vector)[::-1][:NEIGHBOURS]
                got = np.array([row[0] for row in found])
                layout.recalls.append(float(np.mean([np.any(got[k:] >= true[k] - TIE) for k in range(NEIGHBOURS)])))
            rows.append(layout.row(variant=variant))
    await connection.close()
    return rows


async def run(
    dsn: str, vectors: Matrix, asked: Matrix, *, with_comparison: bool
) -> tuple[list[Row], dict[str, dict[str, float]]]:
    """All layouts."""
    database = Database(dsn)
    cache = PostgresAnswerCache(database, dimensions=vectors.shape[1])
    draw = np.random.default_rng(0)
    count = len(vectors)

    def scopes(many: int, prefix: str) -> dict[str, Matrix]:
        return {f"{prefix}-{i}": vectors[draw.choice(count, count // many, replace=False)] for i in range(many)}

    small = Layout(f"100 scopes of {count // 100:,}", scopes(100, "small"))
    large = Layout(f"1 scope of {count:,}", scopes(1, "large"))
    medium = Layout(f"10 scopes of {count // 10:,}", scopes(10, "medium"))
    stores: dict[str, dict[str, float]] = {}
    rows: list[Row] = []
    for together in ((small, large), (medium,)):
        async with database.connection() as connection:
            await connection.fetch("TRUNCATE cache_entries CASCADE", timeout=60)
        for layout in together:
            seconds = await fill(cache, layout)
            stores[layout.name] = {
                "stores": len(seconds),
                "p50_ms": round(float(np.quantile(seconds, 0.5)) * 1000, 2),
                "p99_ms": round(float(np.quantile(seconds, 0.99)) * 1000, 2),
            }
        for layout in together:
            await measure(cache, layout, asked)
            rows.append(layout.row(variant="as shipped"))
        if with_comparison and together[0] is small:
            rows += await compare(dsn, together, asked)
    await database.close()
    return rows, stores


def machine() -> dict[str, object]:
    """Where it was measured."""
    return {
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "load_before": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
    }


def print_table(rows: Sequence[Row]) -> None:
    """The look-ups, aligned."""
    print(f"\n{'layout':<24}{'variant':<28}{'n':>6}{'recall@8':>10}{'95 % ≥':>9}{'p50 ms':>9}{'p99 ms':>9}")
    for row in rows:
        print(
            f"{row['layout']:<24}{row['variant']:<28}{row['queries']:>6}{row['recall']:>10}"
            f"{row['recall_95_low']:>9}{row['p50_ms']:>9}{row['p99_ms']:>9}"
        )


def main() -> None:
    """Fill, ask, compare, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, default=100_000)
    parser.add_argument("--queries", type=int, default=1000)
    parser.add_argument("--compare", action="store_true")
    args = parser.parse_args()
    data = Path(os.environ.get("THRIFTGATE_DATA", Path(__file__).parents[3] / "shared" / "data"))
    if not (data / "banking77").exists():
        raise SystemExit(f"no questions: THRIFTGATE_DATA ({data}) has no banking77")
    before = machine()
    texts = variations(questions(data), args.entries + args.queries)
    # The queries are drawn from all texts and never stored: most have near neighbours, as real questions do.
    order = np.random.default_rng(7).permutation(len(texts))
    kept = Path(tempfile.gettempdir()) / "thriftgate-benchmark-vectors"
    kept.mkdir(exist_ok=True)
    vectors = asyncio.run(embedded(texts, kept))[order]
    folder = Path(tempfile.mkdtemp(prefix="thriftgate-benchmark-"))
    try:
        dsn = prepare_embedded(None, folder)
        lookups, stores = asyncio.run(
            run(dsn, vectors[args.queries :], vectors[: args.queries], with_comparison=args.compare)
        )
    finally:
        release_database(folder)
        shutil.rmtree(folder, ignore_errors=True)
    print_table(lookups)
    report = {"command": "python -m evals.benchmarks.cache_recall", "options": vars(args), "machine": before}
    report |= {"lookups": lookups, "stores": stores}
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "cache_recall.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
