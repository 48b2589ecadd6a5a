"""What limits and keys add to a request: the check of its key and a grant of its tickets, on each store.

One caller after the other: `identify` (a key in PostgreSQL, looked at anew every second) and `admit` (requests and
tokens of the key, tokens of its team: one round trip), then `settle` beside the next. Redis and PostgreSQL run on this
machine. CPU is this process's own, user and system, and depends least on what else the machine does.

    PYTHONPATH=. .venv/bin/python -m evals.benchmarks.limiter    # the table, and results/limiter.json
"""

import asyncio
import json
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from thriftgate.config.sections.limits import LimitsConfig
from thriftgate.identity.records import Identity
from thriftgate.limits.estimate import TokenEstimate
from thriftgate.ports import Limiter
from thriftgate.services.identity.administration import IdentityAdministration
from thriftgate.services.identity.authentication import Authenticator
from thriftgate.services.limits.admission import Admission
from thriftgate.services.limits.rules import Arrival, Limited
from thriftgate.services.telemetry.metrics import Samples
from thriftgate.stores.embedded.database import EmbeddedPostgres, prepare_embedded
from thriftgate.stores.files.clock import SystemClock
from thriftgate.stores.postgres.connection.database import Database
from thriftgate.stores.postgres.identity import PostgresIdentityStore
from thriftgate.stores.postgres.limits import PostgresLimiter
from thriftgate.stores.redis.connection import Deadlines, RedisServer
from thriftgate.stores.redis.limits import RedisLimiter

RESULTS = Path(__file__).parent / "results" / "limiter.json"
N, WARM_UP = 3_000, 200
PATIENT = Deadlines(lookup=30.0, write=30.0)
"""A busy machine ends no run: what took long is in the p99."""
RULES = [
    {"per": "key", "requests": {"per_minute": 6_000_000}, "tokens": {"per_minute": 600_000_000}},
    {"per": "team", "tokens": {"per_minute": 600_000_000}},
]


@contextmanager
def redis_url() -> Generator[str]:
    """A Redis of our own."""
    binary = shutil.which("redis-server")
    if binary is None:
        raise SystemExit("there is no redis-server on the PATH")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    argv = [binary, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    with tempfile.TemporaryDirectory() as folder, subprocess.Popen(argv, cwd=folder, stdout=subprocess.DEVNULL) as one:
        try:
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            one.terminate()


async def measured(limiter: Limiter, authenticator: Authenticator, key: str) -> dict[str, object]:
    """Milliseconds of each part, and of both together."""
    clock = SystemClock()
    admission = Admission(LimitsConfig.model_validate({"rules": RULES}), limiter, clock=clock, samples=Samples())
    found = np.empty((N, 2))
    started = 0.0
    for number in range(-WARM_UP, N):
        if number == 0:
            started = time.process_time()
        began = time.perf_counter()
        identity = await authenticator.identify(key)
        known = time.perf_counter()
        if not isinstance(identity, Identity):
            raise TypeError("the key is good")
        asker = Limited(key="k", team=identity.team_id)
        passed = await admission.admit(Arrival(f"r{number}", asker, "support", prompt_bytes=400))
        granted = time.perf_counter()
        admission.settle(passed, spent=TokenEstimate(100, 50))
        if number >= 0:
            found[number] = known - began, granted - known
    cpu = (time.process_time() - started) / N
    await admission.aclose()
    parts = {"key": found[:, 0], "grant": found[:, 1], "both": found.sum(axis=1)}
    return {
        "n": N,
        **{
            name: {f"p{q}_ms": round(float(np.percentile(values, q)) * 1e3, 3) for q in (10, 50, 99)}
            for name, values in parts.items()
        },
        "cpu_ms_with_settlement": round(cpu * 1e3, 3),
    }


async def run(dsn: str, redis: str) -> dict[str, object]:
    """Both stores."""
    database, clock = Database(dsn), SystemClock()
    store = PostgresIdentityStore(database)
    administration = IdentityAdministration(store, clock, entropy=secrets.token_bytes)
    await administration.create_owner("team", "acme", {})
    _, made = await administration.create_key({"team": "acme"})
    authenticator = Authenticator(store, clock)
    try:
        return {
            "redis": await measured(RedisLimiter(RedisServer(redis, deadlines=PATIENT)), authenticator, made.text),
            "postgres": await measured(PostgresLimiter(database), authenticator, made.text),
        }
    finally:
        await database.close()


def main() -> None:
    """Measure, print and keep."""
    before = os.getloadavg()
    folder = Path(tempfile.mkdtemp(prefix="thriftgate-limiter-"))
    folder.chmod(0o755)
    server = EmbeddedPostgres(folder)
    try:
        dsn = prepare_embedded(server.start(), folder)
        with redis_url() as redis:
            found = asyncio.run(run(dsn, redis))
    finally:
        server.release()
        shutil.rmtree(folder, ignore_errors=True)
    about = {"cores": os.cpu_count(), "load_before": before[0], "load_after": os.getloadavg()[0]}
    text = json.dumps({**about, **found}, indent=2)
    RESULTS.write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
