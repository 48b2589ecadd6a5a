"""Requests of Azure's public LLM trace, at any load and from any number of tenants."""

import csv
import os
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

GREEDY = "greedy"
WELL_BEHAVED_SHARE = 0.7
"""Of what can be served, what the well-behaved tenants ask for together; one greedy tenant asks for all the rest."""
N_TENANTS = 20
FIXED_SECONDS, SECONDS_PER_TOKEN = 0.4, 0.015
"""How long an answer takes: until its first token, and for each."""


@dataclass(frozen=True, slots=True)
class TraceRequest:
    """One request, with what nobody knows before it is answered."""

    id: int
    at: float
    tenant: str
    prompt_tokens: int
    completion_tokens: int

    @property
    def seconds(self) -> float:
        """How long it takes when nothing is wrong."""
        return FIXED_SECONDS + SECONDS_PER_TOKEN * self.completion_tokens


def trace_file() -> Path | None:
    """The trace, where there is one."""
    path = Path(os.environ.get("THRIFTGATE_DATA", "../shared/data")) / "azure_llm_2023/AzureLLMInferenceTrace_conv.csv"
    return path if path.is_file() else None


def read_trace(path: Path) -> list[tuple[float, int, int]]:
    """Seconds since its begin, prompt tokens and answer tokens of every request."""
    with path.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    times = [datetime.fromisoformat(row["TIMESTAMP"][:26]).timestamp() for row in rows]
    return [
        (at - times[0], int(row["ContextTokens"]), max(1, int(row["GeneratedTokens"])))
        for at, row in zip(times, rows, strict=True)
    ]


def made_trace(seed: int, n: int = 4000) -> list[tuple[float, int, int]]:
    """Something like it, for tests: Poisson arrivals, lognormal lengths."""
    draw, at, rows = random.Random(seed), 0.0, list[tuple[float, int, int]]()
    for _ in range(n):
        at += draw.expovariate(5.0)
        rows.append((at, int(draw.lognormvariate(6.5, 1.0)) + 1, int(draw.lognormvariate(5.0, 0.8)) + 1))
    return rows


def workload(
    trace: Sequence[tuple[float, int, int]], *, load: float, slots: int, seconds: float, seed: int
) -> list[TraceRequest]:
    """A stretch of the trace, played so fast that it asks for `load` times what `slots` can serve.

    Where the stretch begins, and whose each request is, is drawn with `seed`.
    """
    draw = random.Random(seed)
    mean = sum(FIXED_SECONDS + SECONDS_PER_TOKEN * answer for _, _, answer in trace) / len(trace)
    wanted = load * slots / mean
    """Requests a second."""
    own = len(trace) / (trace[-1][0] - trace[0][0])
    speed = wanted / own
    greedy_share = max(0.0, 1 - WELL_BEHAVED_SHARE / load)
    first = draw.randrange(len(trace))
    requests: list[TraceRequest] = []
    at, index = 0.0, first
    while at < seconds:
        row = trace[index % len(trace)]
        tenant = GREEDY if draw.random() < greedy_share else f"tenant-{draw.randrange(N_TENANTS - 1)}"
        requests.append(TraceRequest(len(requests), at, tenant, row[1], row[2]))
        following = trace[(index + 1) % len(trace)][0]
        at += max(0.0, following - row[0]) / speed
        index += 1
    return requests
