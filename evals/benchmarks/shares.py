"""Where the CPU of a request goes: `PYTHONPATH=. .venv/bin/python -m evals.benchmarks.shares`.

The gateway before the instant provider, as in `make bench`, with a sampler in its process (see `sampler/`). For each
scenario the share of the samples in which the innermost code of somebody's was LiteLLM's, the OpenAI SDK's, the web
server's, or ours; the same by what that code belongs to (`parts`, which add up to all of a request); and the share of
some calls with all that they call. The event loop's own work (uvloop, in C) cannot be told from what threads do while
it waits (the embedder's arithmetic). Shares of one process hardly depend on what else the machine does; its CPU time of
a request, sampling included, does a little. n is the number of samples.

Writes results/shares.json.
"""

import argparse
import asyncio
import json
import os
import signal
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from evals.benchmarks.load import ASKED, Questions, send
from evals.benchmarks.proxies import KEY, Proxy, gateway, upstream
from evals.benchmarks.task import SCENARIOS, machine

from thriftgate.stats import clopper_pearson

RESULTS = Path(__file__).parent / "results"
_PORT, _UPSTREAM_PORT = 4093, 4092
_LOOP, _LOOP_CODE = "the loop, and threads", "asyncio/runners.py:run"
_OWNERS = ("thriftgate", "litellm", "openai", "uvicorn", "starlette", "fastapi", "asyncpg")
_PARTS: Mapping[str, Mapping[str, Sequence[str]]] = {
    "LiteLLM": {
        "authentication": ["auth/user_api_key_auth.py:user_api_key_auth"],
        "before the call": ["common_request_processing.py:common_processing_pre_call_logic"],
        "price and log": ["litellm_logging.py:"],
        "wrapper of a stream": ["streaming_handler.py:"],
        "stream to the client": ["proxy_server.py:async_data_generator", "utils.py:_wrap_streaming_iterator"],
        "router and call": ["litellm/router.py:", "litellm/main.py:", "litellm/llms/"],
    },
    "ours": {
        "database": ["stores/postgres/", "stores/availability.py", "thriftgate/patience.py"],
        "ledger and traces": ["services/books/", "services/telemetry/", "thriftgate/tracing/"],
        "comparing answers": ["services/checking/"],
        "embedder": ["stores/minilm/", "stores/recent_vectors.py"],
        "where a request is looked up": ["services/cache/looking.py:_place"],
        "cache": ["services/cache/", "thriftgate/caching/"],
        "confidence": ["cascade/scoring.py"],
        "what a provider sends": ["proxy/tiers/", "proxy/books/", "proxy/dialects.py"],
        "what a client is sent": ["proxy/interception.py"],
        "reading a request": ["proxy/messages.py", "proxy/hooks.py", "proxy/endpoints/"],
        "route": ["services/"],
    },
}
"""Of whose code is a part: the innermost of these places before that of somebody else's."""
_SIDES = {"litellm": "LiteLLM", "thriftgate": "ours", "openai": "HTTP client and OpenAI's SDK",
          "httpx": "HTTP client and OpenAI's SDK", "aiohttp": "HTTP client and OpenAI's SDK", "uvicorn": "web server",
          "starlette": "web server", "fastapi": "web server", "asyncpg": "database client",
          "pgvector": "database client"}  # fmt: skip
_CALLS: Mapping[str, str] = {
    "LiteLLM's authentication": "auth/user_api_key_auth.py:user_api_key_auth",
    "LiteLLM's work before a call": "common_request_processing.py:common_processing_pre_call_logic",
    "LiteLLM's log of the request": "litellm_logging.py:async_success_handler",
    "LiteLLM's wrapper around a stream": "streaming_handler.py:__anext__",
    "the route, with all it calls": "services/route/route.py:_answer",
    "the route's stream, with all it calls": "services/route/route.py:_streamed",
    "the look-up in the cache": "services/cache/looking.py:look",
}


def sampled(proxy: Proxy, file: Path, name: str, questions: Questions, n: int) -> dict[str, Any]:
    """Ask, with the sampler on, and add up. Raises RuntimeError when an answer was not decided as the scenario says."""
    it = SCENARIOS[name]

    def ask(count: int) -> None:
        asked = getattr(questions, it.questions)(count)
        decisions = set(asyncio.run(send(proxy.url, KEY, it.route, asked, streams=it.streams)).decisions)
        if decisions != {it.decision}:
            raise RuntimeError(f"{name}: every answer should have been '{it.decision}', but they were {decisions}")

    ask(n // 4)
    os.kill(proxy.process.pid, signal.SIGUSR2)
    before = proxy.cpu_seconds()
    ask(n)
    used = proxy.cpu_seconds() - before
    file.unlink(missing_ok=True)
    os.kill(proxy.process.pid, signal.SIGUSR2)
    ask(1)  # the signal has been handled when this is answered
    return {"cpu_ms": round(used / n * 1e3, 2), **shares(file.read_text(encoding="utf-8"))}


def shares(samples: str) -> dict[str, Any]:
    """Shares by owner, by part and by call, each with its interval (binomial, at 95 %)."""
    owners, parts, calls, total = Counter[str](), Counter[str](), Counter[str](), 0
    for line in samples.splitlines():
        *stack, seen = line.split("\t")
        n = int(seen)
        total += n
        owners[_LOOP if stack[-1].endswith(_LOOP_CODE) else _innermost(stack)] += n
        parts[_part(stack)] += n
        for call, code in _CALLS.items():
            if any(one.endswith(code) for one in stack):
                calls[call] += n
    found = {name: clopper_pearson(n, total) for name, n in (owners + parts + calls).items()}
    rows = {name: [round(value, 3) for value in (one.estimate, one.low, one.high)] for name, one in found.items()}
    return {
        "samples": total,
        "owners": {name: rows[name] for name, _ in owners.most_common()},
        "parts": {name: rows[name] for name, _ in parts.most_common()},
        "calls": {name: rows[name] for name in _CALLS if name in rows},
    }


def _innermost(stack: list[str]) -> str:
    owners = (owner for code in reversed(stack) for owner in _OWNERS if f"/{owner}/" in code)
    return next(owners, "others")


def _part(stack: Sequence[str]) -> str:
    """What the sampled code belongs to; the frames from the process's start to its loop are nobody's."""
    start = max((place for place, code in enumerate(stack) if code.endswith(_LOOP_CODE)), default=-1)
    side = ""
    for code in reversed(stack[start + 1 :]):
        found = next((side for owner, side in _SIDES.items() if f"/{owner}/" in code), "")
        if side and found and found != side:
            break
        side = side or found
        for part, places in _PARTS.get(found, {}).items():
            if any(place in code for place in places):
                return f"{side}: {part}"
    return f"{side}: the rest" if side in _PARTS else side or _LOOP


def main() -> None:
    """Sample every scenario, print, and write results/shares.json."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--requests", type=int, default=300)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="thriftgate-shares-") as folder:
        file = Path(folder) / "samples.txt"
        os.environ["THRIFTGATE_SAMPLES"] = str(file)
        os.environ["PYTHONPATH"] = os.pathsep.join(
            [str(Path(__file__).parent / "sampler"), *filter(None, [os.environ.get("PYTHONPATH")])]
        )
        with upstream(_UPSTREAM_PORT) as address, gateway(Path(folder) / "gateway", address, _PORT) as proxy:
            for route in ("cached", "alike"):
                asyncio.run(send(proxy.url, KEY, route, [ASKED]))
            questions = Questions(seed=3)
            found = {name: sampled(proxy, file, name, questions, options.requests) for name in SCENARIOS}
    made = {"machine": machine(), "requests": options.requests, "scenarios": found}
    (RESULTS / "shares.json").write_text(json.dumps(made, indent=2) + "\n", encoding="utf-8")
    print(table(found))
    print(parts_table(found))


def table(found: Mapping[str, Mapping[str, Any]]) -> str:
    """The shares by owner, in Markdown."""
    lines = ["| scenario | samples | LiteLLM | OpenAI's SDK | web server | database client | loop, threads | ours |"]
    lines.append("|" + "---|" * 8)
    for name, row in found.items():
        owners: Mapping[str, list[float]] = row["owners"]
        columns = (
            ("litellm",),
            ("openai",),
            ("uvicorn", "starlette", "fastapi"),
            ("asyncpg",),
            (_LOOP,),
            ("thriftgate",),
        )
        by_column = (sum(owners.get(one, [0.0])[0] for one in names) for names in columns)
        cells = " | ".join(f"{100 * share:.0f} %" for share in by_column)
        lines.append(f"| {name} | {row['samples']} | {cells} |")
    return "\n".join(lines)


def parts_table(found: Mapping[str, Mapping[str, Any]]) -> str:
    """Milliseconds of CPU per request and shares by part, in Markdown."""
    total = Counter[str]()
    for row in found.values():
        total.update({name: share[0] for name, share in row["parts"].items()})
    lines = [f"| ms of CPU per request (share) | {' | '.join(found)} |", "|" + "---|" * (len(found) + 1)]
    for name in sorted(total, key=lambda part: (part.split(":")[0], -total[part])):
        cells = (
            f"{row['cpu_ms'] * row['parts'][name][0]:.1f} ({row['parts'][name][0]:.0%})"
            if name in row["parts"]
            else "-"
            for row in found.values()
        )
        lines.append(f"| {name} | {' | '.join(cells)} |")
    lines.append("| **all** | " + " | ".join(f"{row['cpu_ms']:.1f}" for row in found.values()) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
