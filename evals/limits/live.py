"""The live gateway under Azure's trace: `PYTHONPATH=. .venv/bin/python -m evals.limits.live`.

`thriftgate up` with everything on (keys of 20 teams, limits, fair queue, ladder, cache, cascade, privacy, guards,
budgets), before a provider whose answers take as long as the trace says. 30 s of warm-up; 240 s at 600 requests a
minute, which is what the places can serve; 120 s at five times that, all of the rest from one greedy team; 240 s at 600
a minute again. Half of the requests are streams; chat completions, messages and responses take turns. The client is an
open loop: it asks when the trace says, whoever waits, and asks nothing again.

In time is who had a whole answer and waited for a place at most `DEADLINE` seconds: its latency without the time that
its answer takes. Goodput is the share of the places' seconds within a phase that went into such answers, whenever they
were asked for; an escalated answer takes its place for both of its calls. Everything (client, provider, gateway,
database) is on this one machine.

Writes results/live.json and live.md.
"""

import argparse
import asyncio
import csv
import hashlib
import itertools
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any

import aiohttp
import yaml
from evals.benchmarks.proxies import Proxy, gateway, models
from evals.limits.provider import case, seconds_of
from evals.limits.trace import GREEDY, N_TENANTS, TraceRequest, read_trace, trace_file, workload

from thriftgate.stats import clopper_pearson, percentile

RESULTS = Path(__file__).parent / "results"
DEADLINE = 20.0
PER_MINUTE = 600.0
PHASES = (("warm-up", 30.0, 0.2), ("before", 240.0, 1.0), ("burst", 120.0, 5.0), ("after", 240.0, 1.0))
_PORT, _UPSTREAM_PORT = 4097, 4096
_POPULAR, _POPULAR_TOKENS = 40, 120
_NUMBERS = re.compile(r"[0-9a-f]*[0-9][0-9a-f.]*")
_REPEATED_SHARE = 0.2
_HISTORY = [f"{opener} {text}" for opener, text in itertools.product(
    ("Before that I had asked.", "As I said."),
    ("The parcel with the scanner came two days late and its label was torn, so that the shop could not read it. " * 3,
     "The invoice of the last month names a plan which our team has left in spring, and its tax is not ours. " * 3,
     "The export of the warehouse ends after some thousand rows and says nothing of why, on each of our tills. " * 3),
)]  # fmt: skip
"""Earlier turns, about 75 tokens each: what is said again with each request of a conversation."""


@dataclass(slots=True)
class Outcome:
    """What one request came to."""

    request: TraceRequest
    phase: str
    status: int = 0
    """Of HTTP; 0: the connection broke, 1: a stream ended early."""
    asked: float = 0.0
    """Seconds after the run's begin."""
    latency: float = 0.0
    decision: str = "none"
    said: str = ""
    """Begin of what a refusal said."""

    @property
    def work(self) -> float:
        """Seconds of a place that its answers take: none for a hit, those of two for an escalated one."""
        answers = 0 if self.decision.endswith("hit") else 2 if self.decision == "escalated" else 1
        return answers * self.request.seconds

    @property
    def wait(self) -> float:
        """Seconds that the client waited beyond what its answers take."""
        return max(0.0, self.latency - self.work)

    @property
    def is_in_time(self) -> bool:
        """A whole answer, begun before the deadline."""
        return self.status == 200 and self.wait <= DEADLINE

    def work_between(self, begin: float, end: float) -> float:
        """What of its work lies between two moments; it is the last that happens to a request."""
        ended = self.asked + self.latency
        return max(0.0, min(end, ended) - max(begin, ended - self.work))


@dataclass(slots=True)
class Watched:
    """What the gateway used, sampled."""

    memory_mb: list[float] = field(default_factory=list[float])
    cpu: dict[str, float] = field(default_factory=dict[str, float])
    """Seconds of CPU by phase, the database's included."""


def configuration(upstream: str, places: int) -> dict[str, object]:
    """Everything on."""
    provider = {"provider": "thriftgate", "custom_handler": "thriftgate.proxy.plugin.routes"}
    limits: dict[str, object] = {
        "rules": [{"per": "team", "requests": {"per_minute": 60000}}],
        "queue": {"max_wait": f"{DEADLINE:g}s", "most": 400, "most_per_tenant": 100, "tenant": "team"},
        "concurrency": {"support": {"most": places, "adaptive": False}},
        "ladder": {},
    }
    cascade: dict[str, object] = {"tiers": [{"model": "small"}, {"model": "large"}], "accept_at": 0.5}
    return {
        "model_list": [*models(upstream), {"model_name": "support", "litellm_params": {"model": "thriftgate/support"}}],
        "litellm_settings": {"turn_off_message_logging": True, "custom_provider_map": [provider]},
        "general_settings": {"master_key": "os.environ/LITELLM_MASTER_KEY", "cancel_on_disconnect": True},
        "callback_settings": {
            "thriftgate": {
                "identity": {"file": "keys.yaml"},
                "limits": limits,
                "budgets": {"routes": {"support": [{"usd": 10000, "per": "day"}]}},
                "privacy": {"key": "a-key-that-is-long-enough-for-a-live-run"},
                "guards": {},
                "routes": {"support": {"cache": {"max_error": 0.01}, "cascade": cascade}},
            }
        },
    }


def keys(tenants: Sequence[str], folder: Path) -> dict[str, str]:
    """A key for each tenant, whose digest stands in the operator's file."""
    made = {tenant: f"sk-live-{hashlib.sha256(tenant.encode()).hexdigest()}" for tenant in tenants}
    entries = [
        {"sha256": hashlib.sha256(key.encode()).hexdigest(), "alias": tenant, "team": tenant}
        for tenant, key in made.items()
    ]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "keys.yaml").write_text(yaml.safe_dump({"teams": {tenant: {} for tenant in tenants}, "keys": entries}))
    return made


def plan(trace: Sequence[tuple[float, int, int]], scale: float) -> tuple[list[tuple[str, TraceRequest]], int]:
    """Every request with its phase, and the places that can serve `PER_MINUTE` at the trace's mean length."""
    mean = sum(seconds_of(answer) for _, _, answer in trace) / len(trace)
    places = round(PER_MINUTE / 60 * mean)
    begin, planned = 0.0, list[tuple[str, TraceRequest]]()
    for number, (phase, seconds, load) in enumerate(PHASES):
        for request in workload(trace, load=load, slots=places, seconds=seconds * scale, seed=number):
            planned.append((phase, replace(request, id=len(planned), at=begin + request.at)))
        begin += seconds * scale
    return planned, places


def support_questions() -> list[str]:
    """What customers of a bank asked (BANKING77's test set)."""
    path = trace_file()
    assert path is not None, "who plays has the data"
    with (path.parents[1] / "banking77" / "test.csv").open(encoding="utf-8", newline="") as lines:
        return [row["text"] for row in csv.DictReader(lines)]


class Texts:
    """What is asked: a fifth of it has been asked before by somebody of the same team."""

    def __init__(self, questions: Sequence[str]) -> None:
        self._draw = Random(7)
        self._questions = self._draw.sample(questions, len(questions))
        self._popular = [
            f"{text} Thanks, {case(_POPULAR_TOKENS + number, number)}"
            for number, text in enumerate(self._questions[:_POPULAR])
        ]

    def conversation(self, request: TraceRequest) -> tuple[TraceRequest, list[dict[str, str]]]:
        """The turns of one request, as long as the trace says, in steps of a turn.

        One that has been asked before has an answer as long as it had then: the request is returned with that length.
        """
        if self._draw.random() < _REPEATED_SHARE:
            number = self._draw.randrange(_POPULAR)
            asked = replace(request, completion_tokens=_POPULAR_TOKENS + number)
            return asked, [{"role": "user", "content": self._popular[number]}]
        turns = min(request.prompt_tokens // 75, 40) // 2 * 2
        history = [
            {"role": "assistant" if number % 2 else "user", "content": _HISTORY[number % len(_HISTORY)]}
            for number in range(turns)
        ]
        text = self._questions[request.id % len(self._questions)]
        question = f"{text} Thanks, {case(request.completion_tokens, request.id)}"
        return request, [*history, {"role": "user", "content": question}]


def call(request: TraceRequest, turns: list[dict[str, str]]) -> tuple[str, dict[str, Any], str]:
    """Path, body, and what a whole stream of it holds near its end."""
    stream = request.id % 2 == 1
    match request.id // 2 % 3:
        case 0:
            return "/v1/chat/completions", {"model": "support", "messages": turns, "stream": stream}, "[DONE]"
        case 1:
            body = {"model": "support", "messages": turns, "max_tokens": 4096, "stream": stream}
            return "/v1/messages", body, "message_stop"
        case _:
            return "/v1/responses", {"model": "support", "input": turns, "stream": stream}, "response.completed"


async def ask(
    session: aiohttp.ClientSession, url: str, key: str, outcome: Outcome, turns: list[dict[str, str]]
) -> Outcome:
    """Send one request and read its answer to the end."""
    path, body, ending = call(outcome.request, turns)
    started = time.perf_counter()
    try:
        async with session.post(url + path, json=body, headers={"authorization": f"Bearer {key}"}) as response:
            text = await response.text()
            outcome.status = response.status
            outcome.decision = response.headers.get("x-thriftgate-decision", "none")
            if response.status == 200 and body["stream"]:
                if ending not in text[-4000:]:
                    outcome.status = 1
                if '"decision":"escalated"' in text.replace(" ", "")[-6000:]:
                    outcome.decision = "escalated"
            if response.status != 200:
                outcome.said = _NUMBERS.sub("#", text)[:160]
            if outcome.status not in (200, 429, 503):
                print(f"{path} {outcome.status}: {text[:300]} … {text[-200:]}", file=sys.stderr)
    except (aiohttp.ClientError, TimeoutError) as error:
        print(f"{path} {error!r}", file=sys.stderr)
    outcome.latency = time.perf_counter() - started
    return outcome


async def play(
    proxy: Proxy, planned: Sequence[tuple[str, TraceRequest]], made: dict[str, str], watched: Watched
) -> list[Outcome]:
    """Ask at the trace's times."""
    texts, tasks = Texts(support_questions()), list[asyncio.Task[Outcome]]()
    # Shorter than the server's five seconds: no request meets a connection that is just being closed.
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=3.0)
    timeout = aiohttp.ClientTimeout(total=300)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        started, phase, cpu, sampled = time.perf_counter(), "", 0.0, 0.0
        for now_in, request in planned:
            if now_in != phase:
                used = proxy.cpu_seconds() + proxy.database_cpu_seconds()
                if phase:
                    watched.cpu[phase] = used - cpu
                phase, cpu = now_in, used
            request, turns = texts.conversation(request)
            await asyncio.sleep(max(0.0, request.at - (time.perf_counter() - started)))
            if request.at >= sampled:
                watched.memory_mb.append(proxy.memory_mb())
                sampled += 10.0
            outcome = Outcome(request, phase, asked=time.perf_counter() - started)
            one = ask(session, proxy.url, made[request.tenant], outcome, turns)
            tasks.append(asyncio.create_task(one))
        done = await asyncio.gather(*tasks)
        watched.cpu[phase] = proxy.cpu_seconds() + proxy.database_cpu_seconds() - cpu
        watched.memory_mb.append(proxy.memory_mb())
    return done


def measure(outcomes: Sequence[Outcome], watched: Watched, places: int, scale: float) -> dict[str, Any]:
    """The figures of the run, by phase."""
    phases: dict[str, Any] = {}
    begin = 0.0
    for phase, seconds, load in PHASES:
        own = [one for one in outcomes if one.phase == phase]
        good = [one for one in own if one.request.tenant != GREEDY]
        greedy = [one for one in own if one.request.tenant == GREEDY]
        in_time = sum(one.is_in_time for one in good)
        waits = sorted(one.wait for one in good if one.status == 200)
        end = begin + seconds * scale
        served = sum(one.work_between(begin, end) for one in outcomes if one.is_in_time)
        begin = end
        share = clopper_pearson(in_time, len(good))
        phases[phase] = {
            "load": load,
            "requests": len(own),
            "well_behaved": len(good),
            "in_time": [in_time / len(good), share.low, share.high],
            "wait": {f"p{q}": percentile(waits, q) for q in (50, 95, 99)} if waits else {},
            "greedy": {"requests": len(greedy), "served": sum(one.status == 200 for one in greedy)},
            "goodput": served / (places * seconds * scale),
            "statuses": {
                name: dict(Counter(str(one.status) for one in group))
                for name, group in (("well_behaved", good), ("greedy", greedy))
            },
            "decisions": dict(Counter(one.decision for one in own)),
            "refusals": dict(Counter(one.said for one in own if one.said).most_common(8)),
            "cpu_seconds": watched.cpu[phase],
            "cpu_share_of_a_core": watched.cpu[phase] / (seconds * scale),
        }
    return {
        "places": places,
        "deadline": DEADLINE,
        "n": len(outcomes),
        "phases": phases,
        "memory_mb": watched.memory_mb,
        "load_average_after": os.getloadavg()[0],
    }


def table(found: dict[str, Any]) -> str:
    """As Markdown."""
    lines = [
        "| phase | load | n | well-behaved in time [95 %] | their wait p50 | p95 | p99 | greedy served"
        " | goodput / capacity | CPU |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for phase, row in found["phases"].items():
        share, low, high = row["in_time"]
        wait = [f"{row['wait'].get(name, float('nan')):.1f} s" for name in ("p50", "p95", "p99")]
        greedy = f"{row['greedy']['served']} of {row['greedy']['requests']}"
        lines.append(
            f"| {phase} | {row['load']:g}x | {row['requests']} |"
            f" {share:.4f} [{low:.4f}, {high:.4f}] of {row['well_behaved']} |"
            f" {' | '.join(wait)} | {greedy} | {row['goodput']:.3f} | {100 * row['cpu_share_of_a_core']:.0f} % |"
        )
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str]) -> int:
    """Play the ten minutes, or a `--scale` of them, which is printed and not kept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0, help="how much of each phase is played")
    parser.add_argument("--folder", type=Path, help="an empty folder that keeps the gateway's logs and its database")
    options = parser.parse_args(arguments)
    scale: float = options.scale
    path = trace_file()
    if path is None:
        print("Azure's trace is not there (THRIFTGATE_DATA): nothing to play")
        return 0
    planned, places = plan(read_trace(path), scale)
    tenants = [GREEDY, *(f"tenant-{number}" for number in range(N_TENANTS - 1))]
    watched = Watched()
    before = os.getloadavg()[0]
    provider = subprocess.Popen([sys.executable, "-m", "evals.limits.provider", "--port", str(_UPSTREAM_PORT)])
    try:
        with tempfile.TemporaryDirectory(prefix="thriftgate-live-") as name:
            folder = options.folder or Path(name)
            made = keys(tenants, folder)
            upstream = f"http://127.0.0.1:{_UPSTREAM_PORT}/v1"
            with gateway(folder, upstream, _PORT, config=configuration(upstream, places)) as proxy:
                outcomes = asyncio.run(play(proxy, planned, made, watched))
            log = (folder / "process.log").read_text(encoding="utf-8", errors="replace")
    finally:
        provider.terminate()
        provider.wait(10)
    found: dict[str, Any] = {"load_average_before": before, **measure(outcomes, watched, places, scale)}
    print(json.dumps(found))
    print(table(found))
    if scale == 1.0:
        (RESULTS / "live.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        (RESULTS / "live.md").write_text(table(found), encoding="utf-8")
    else:
        print(log[-3000:])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
