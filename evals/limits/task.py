"""Who is served under load, by which policy: `make eval ARGS=limits`.

Plays Azure's public trace of a chat service against 20 places, at 1, 2 and 5 times what they can serve, with one greedy
tenant, and with a brown-out in the middle. The fair policy is the code that serves, with estimated tokens.

Writes results/limits.json, table.md and served.svg.
"""

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from evals.limits.simulation import Fair, Fifo, InstantRefusal, Policy, Run, by_tenant, fair_shares, jain, simulate
from evals.limits.trace import GREEDY, TraceRequest, made_trace, read_trace, trace_file, workload

from thriftgate.stats import mean_interval

RESULTS = Path(__file__).parent / "results"
SLOTS, SECONDS, DEADLINE, SEEDS = 20, 600.0, 20.0, range(5)
POLICIES: dict[str, Callable[[], Policy]] = {
    "instant 429": InstantRefusal,
    "FIFO": Fifo,
    "FIFO, late ones dropped": lambda: Fifo(DEADLINE),
    "thriftgate": lambda: Fair(slots=SLOTS, deadline=DEADLINE),
}
CASES: dict[str, tuple[float, Callable[[float], float]]] = {
    "1x": (1.0, lambda _: 1.0),
    "2x": (2.0, lambda _: 1.0),
    "5x": (5.0, lambda _: 1.0),
    "2x, brown-out": (2.0, lambda now: 2.5 if 200 <= now < 400 else 1.0),
}


def measure(requests: Sequence[TraceRequest], run: Run) -> dict[str, float]:
    """What the run was worth, for everybody and for the well-behaved tenants."""
    in_time = run.started.keys() - run.late
    good = [request for request in requests if request.tenant != GREEDY]
    waits = sorted(run.started[request.id] - request.at for request in good if request.id in run.started)
    served = by_tenant(requests, in_time)
    shares = fair_shares(by_tenant(requests, {request.id for request in requests}), SLOTS * SECONDS)
    return {
        "goodput": run.busy / (SLOTS * SECONDS),
        "served": sum(request.id in in_time for request in good) / len(good),
        "wait_p50": _quantile(waits, 0.5),
        "wait_p95": _quantile(waits, 0.95),
        "jain": jain([served.get(tenant, 0.0) / share for tenant, share in shares.items() if share > 0]),
    }


def _quantile(ordered: Sequence[float], q: float) -> float:
    return ordered[min(len(ordered) - 1, int(q * len(ordered)))] if ordered else 0.0


def main() -> int:
    """Run every policy on every case, for every seed."""
    path = trace_file()
    if path is None:
        print("Azure's trace is not there (THRIFTGATE_DATA): a made one plays instead, and nothing is written")
    trace = read_trace(path) if path else made_trace(0)
    rows: list[dict[str, Any]] = []
    for case, (load, slowdown) in CASES.items():
        for name, make in POLICIES.items():
            found: list[dict[str, float]] = []
            for seed in SEEDS:
                requests = workload(trace, load=load, slots=SLOTS, seconds=SECONDS, seed=seed)
                run = simulate(
                    requests, make(), slots=SLOTS, deadline=DEADLINE, seconds=SECONDS, slowdown=slowdown
                )  # fmt: skip
                found.append(measure(requests, run) | {"n": len(requests)})
            row: dict[str, Any] = {"case": case, "policy": name, "n": sum(one["n"] for one in found)}
            for figure in ("goodput", "served", "wait_p50", "wait_p95", "jain"):
                interval = mean_interval([one[figure] for one in found])
                row[figure] = [interval.estimate, interval.low, interval.high]
            rows.append(row)
            print(_line(row), flush=True)
    if path is not None:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / "limits.json").write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
        (RESULTS / "table.md").write_text(table(rows), encoding="utf-8")
        (RESULTS / "served.svg").write_text(picture(rows), encoding="utf-8")
    return 0


_HEAD = (
    "| load | policy | goodput / capacity | well-behaved served in time | their wait p50 | p95 | Jain |\n"
    "|---|---|---|---|---|---|---|\n"
)


def table(rows: Sequence[dict[str, Any]]) -> str:
    """As Markdown, with 95 % intervals over the seeds."""
    return _HEAD + "".join(_line(row) + "\n" for row in rows)


def _line(row: dict[str, Any]) -> str:
    def cell(name: str, digits: int) -> str:
        mean, low, high = row[name]
        return f"{mean:.{digits}f} [{max(0.0, low):.{digits}f}, {high:.{digits}f}]"

    return (
        f"| {row['case']} | {row['policy']} | {cell('goodput', 3)} | {cell('served', 3)} | {cell('wait_p50', 1)} s |"
        f" {cell('wait_p95', 1)} s | {cell('jain', 3)} |"
    )


def picture(rows: Sequence[dict[str, Any]]) -> str:
    """Bars of what the well-behaved tenants got, as SVG."""
    colours = dict(zip(POLICIES, ("#c44e52", "#8c8c8c", "#dd8452", "#55a868"), strict=True))
    bar, gap, height = 34, 40, 220
    parts: list[str] = []
    x = 50
    for case in CASES:
        begin = x
        for row in (row for row in rows if row["case"] == case):
            share, colour = row["served"][0], colours[row["policy"]]
            tall = height * share
            top = 30 + height - tall
            title = f"<title>{row['policy']}: {share:.3f}</title>"
            place = f'x="{x}" y="{top:.1f}" width="{bar - 4}" height="{tall:.1f}"'
            parts.append(f'<rect {place} fill="{colour}">{title}</rect>')
            middle = f'x="{x + bar / 2 - 2}" y="{top - 5:.1f}"'
            parts.append(f'<text {middle} font-size="10" text-anchor="middle">{share:.2f}</text>')
            x += bar
        parts.append(f'<text x="{(begin + x) / 2}" y="{height + 48}" text-anchor="middle">{case}</text>')
        x += gap
    for index, (name, colour) in enumerate(colours.items()):
        left = 50 + index * 150
        parts.append(f'<rect x="{left}" y="{height + 64}" width="12" height="12" fill="{colour}"/>')
        parts.append(f'<text x="{left + 18}" y="{height + 74}">{name}</text>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {x} {height + 90}" font-family="sans-serif" '
        f'font-size="12"><rect width="100%" height="100%" fill="white"/>'
        f'<text x="50" y="14">well-behaved tenants\' requests served within {DEADLINE:g} s</text>'
        f'<line x1="45" x2="{x - gap}" y1="{30 + height}" y2="{30 + height}" stroke="black"/>'
        + "".join(parts) + "</svg>\n"
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
