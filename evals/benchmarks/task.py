"""What a route costs beside the bare LiteLLM proxy: `make bench`, or `python -m evals.benchmarks.task [--quick]`.

Both proxies run at the same time on an instant upstream, and take turns: in every round each scenario is measured right
after the bare proxy, so that what else the machine does falls on both. The headline is CPU time per request as a ratio
of the two; its interval is Student's over the rounds.
"""

import argparse
import asyncio
import json
import os
import platform
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from evals.benchmarks.load import ASKED, Questions, Sent, send
from evals.benchmarks.peers import Peer, peers
from evals.benchmarks.plot import draw
from evals.benchmarks.proxies import KEY, Proxy, bare, gateway, upstream

from thriftgate.stats import mean_interval

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True, slots=True)
class Scenario:
    """What is asked of which route."""

    route: str
    questions: Literal["different", "same", "alike"]
    decision: str
    """That every answer must have had."""
    aim: float
    """CPU of a request as a multiple of the bare proxy's for the same upstream and shape."""
    streams: bool = False


SCENARIOS = {
    "nothing on": Scenario("plain", "different", "only_tier", 1.00),
    "cascade accepted": Scenario("cascade", "different", "accepted", 1.05),
    "miss": Scenario("cached", "different", "only_tier", 1.75),
    "exact hit": Scenario("cached", "same", "exact_hit", 0.35),
    "semantic hit": Scenario("alike", "alike", "semantic_hit", 0.95),
    "nothing on, streamed": Scenario("plain", "different", "only_tier", 0.75, streams=True),
    "miss, streamed": Scenario("cached", "different", "only_tier", 1.10, streams=True),
    "exact hit, streamed": Scenario("cached", "same", "exact_hit", 0.10, streams=True),
}
_MEMORY_REQUESTS = 5_000


@dataclass(frozen=True, slots=True)
class Measured:
    """One batch. CPU in milliseconds per request."""

    cpu_ms: float
    database_cpu_ms: float
    per_second: float
    p50_ms: float
    p99_ms: float


def measure(proxy: Proxy, model: str, questions: list[str], decision: str, *, streams: bool = False) -> Measured:
    """Send a batch and read what it took. Raises RuntimeError when it was not decided as the scenario says."""
    cpu, database = proxy.cpu_seconds(), proxy.database_cpu_seconds()
    sent: Sent = asyncio.run(send(proxy.url, KEY, model, questions, streams=streams, headers=proxy.headers))
    used, used_by_database = proxy.cpu_seconds() - cpu, proxy.database_cpu_seconds() - database
    if set(sent.decisions) != {decision}:
        raise RuntimeError(f"{model}: every answer should have been '{decision}', but they were {dict(sent.decisions)}")
    n = len(questions)
    p50, p99 = (float(np.percentile(sent.latencies, share)) * 1e3 for share in (50, 99))
    return Measured(used / n * 1e3, used_by_database / n * 1e3, n / sent.wall, p50, p99)


def compare(one: Proxy, other: Proxy, beside: Sequence[Peer], rounds: int, batch: int) -> dict[str, Any]:
    """All scenarios, `rounds` times, each beside the bare proxy `one`; what others take (`beside`) too."""
    questions = Questions()
    # The entries that the hits will find, and every code path once.
    for streams in (False, True):
        measure(one, "small", questions.different(batch), "none", streams=streams)
        for route in ("plain", "cached"):
            measure(other, route, questions.different(batch // 2), "only_tier", streams=streams)
    measure(other, "cascade", questions.different(batch // 2), "accepted")
    for route in ("cached", "alike"):
        measure(other, route, [ASKED], "only_tier")
    for peer in beside:
        measure(peer.proxy, "small", getattr(questions, peer.questions)(batch), "none")
    names = [*SCENARIOS, *(peer.name for peer in beside)]
    rows: dict[str, list[tuple[Measured, Measured]]] = {name: [] for name in names}
    for number in range(rounds):
        for name, it in SCENARIOS.items():
            base = measure(one, "small", questions.different(batch), "none", streams=it.streams)
            ours = measure(other, it.route, getattr(questions, it.questions)(batch), it.decision, streams=it.streams)
            rows[name].append((base, ours))
        for peer in beside:
            base = measure(one, "small", questions.different(batch), "none")
            asked = getattr(questions, peer.questions)(batch)
            rows[peer.name].append((base, measure(peer.proxy, "small", asked, "none")))
        print(f"round {number + 1} of {rounds}", flush=True)
    return {name: summary(pairs, SCENARIOS[name].aim if name in SCENARIOS else None) for name, pairs in rows.items()}


def summary(pairs: list[tuple[Measured, Measured]], aim: float | None) -> dict[str, Any]:
    """Means over the rounds, and the ratios with their 95 % intervals."""

    def mean(values: list[float]) -> float:
        return round(float(np.mean(values)), 3)

    made: dict[str, Any] = {"rounds": len(pairs), "aim_cpu": aim}
    for side, place in (("bare", 0), ("ours", 1)):
        for field in Measured.__slots__:
            made[f"{side}_{field}"] = mean([getattr(pair[place], field) for pair in pairs])
    for field in ("cpu_ms", "p50_ms"):
        interval = mean_interval([getattr(ours, field) / getattr(base, field) for base, ours in pairs])
        made[f"ratio_{field}"] = [round(value, 3) for value in (interval.estimate, interval.low, interval.high)]
    return made


def memory(proxy: Proxy, model: str, requests: int) -> dict[str, float]:
    """Resident megabytes before and after so many requests."""
    questions = Questions(seed=1)
    before = proxy.memory_mb()
    asyncio.run(send(proxy.url, KEY, model, questions.different(requests // 2)))
    halfway = proxy.memory_mb()
    asyncio.run(send(proxy.url, KEY, model, questions.different(requests - requests // 2)))
    return {"start_mb": round(before), "halfway_mb": round(halfway), "after_mb": round(proxy.memory_mb())}


def run(folder: Path, *, rounds: int, batch: int, starts: int, requests: int) -> dict[str, Any]:
    """Everything, as plain values."""
    found: dict[str, Any] = {"machine": machine(), "rounds": rounds, "batch": batch, "memory": {}}
    seconds: dict[str, list[float]] = {"bare": [], "thriftgate": []}
    with upstream(4099) as address:
        for _ in range(starts - 1):
            for name, start in (("bare", bare), ("thriftgate", gateway)):
                with start(folder / name, address, 4097) as proxy:
                    seconds[name].append(round(proxy.start_seconds, 2))
        with (
            bare(folder / "bare", address, 4097) as one,
            peers(folder, address, 4100) as beside,
            gateway(folder / "thriftgate", address, 4098) as other,
        ):
            seconds["bare"].append(round(one.start_seconds, 2))
            seconds["thriftgate"].append(round(other.start_seconds, 2))
            found["start_seconds"] = seconds
            found["memory"]["start"] = {one.name: round(one.memory_mb()), other.name: round(other.memory_mb())}
            found["scenarios"] = compare(one, other, beside, rounds, batch)
            found["machine"]["load_after"] = round(os.getloadavg()[0], 1)
            print(json.dumps(found), flush=True)
            found["memory"][f"{requests} requests"] = {
                "bare": memory(one, "small", requests),
                "thriftgate, misses": memory(other, "cached", requests),
            }
    return found


def machine() -> dict[str, Any]:
    """Where this was measured, and how busy it was."""
    return {
        "processor": platform.machine(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "load_before": round(os.getloadavg()[0], 1),
    }


def table(found: dict[str, Any]) -> str:
    """The results in Markdown."""
    lines = [
        "| scenario | CPU / request | of the bare proxy's [95 %] | aim | database CPU | p50 | p99 | requests/s |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, row in found["scenarios"].items():
        ratio, low, high = row["ratio_cpu_ms"]
        aim = f"{row['aim_cpu']:.2f}x" if row["aim_cpu"] else "-"
        lines.append(
            f"| {name} | {row['ours_cpu_ms']:.2f} ms | {ratio:.2f}x [{low:.2f}, {high:.2f}] | {aim} "
            f"| {row['ours_database_cpu_ms']:.2f} ms | {row['ours_p50_ms']:.1f} ms | {row['ours_p99_ms']:.1f} ms "
            f"| {row['ours_per_second']:.0f} |"
        )
    for label, name in (("bare", "nothing on"), ("bare, streamed", "nothing on, streamed")):
        base = found["scenarios"][name]
        lines.append(
            f"| {label} | {base['bare_cpu_ms']:.2f} ms | 1 | - | - | {base['bare_p50_ms']:.1f} ms "
            f"| {base['bare_p99_ms']:.1f} ms | {base['bare_per_second']:.0f} |"
        )
    starts = {name: f"{np.mean(values):.1f} s" for name, values in found["start_seconds"].items()}
    lines += ["", f"Start-up: {starts}. Memory: {json.dumps(found['memory'])}."]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure, print, and write results/gateway.json, gateway.md and gateway.png."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="see that it works, in 2 rounds; writes nothing")
    parser.add_argument("--rounds", type=int, default=8, help="how often every scenario is measured")
    parser.add_argument("--batch", type=int, default=150, help="requests of a scenario per round")
    parser.add_argument("--starts", type=int, default=3, help="how often each proxy is started")
    parser.add_argument("--requests", type=int, default=_MEMORY_REQUESTS, help="requests between readings of memory")
    given = parser.parse_args()
    quick: bool = given.quick
    with tempfile.TemporaryDirectory(prefix="thriftgate-bench-") as name:
        found = run(
            Path(name),
            rounds=2 if quick else given.rounds,
            batch=60 if quick else given.batch,
            starts=1 if quick else given.starts,
            requests=200 if quick else given.requests,
        )
    print(table(found))
    if not quick:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / "gateway.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        (RESULTS / "gateway.md").write_text(table(found), encoding="utf-8")
        draw(found, RESULTS / "gateway.png")


if __name__ == "__main__":
    main()
