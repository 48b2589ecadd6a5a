"""Does Langfuse cost requests anything? `python -m evals.benchmarks.tracing [--rounds 20]`.

Three gateways run at the same time on an instant upstream: without tracing, with a Langfuse that takes every batch at
once, and with one that accepts connections and never answers. In every round each gets the same number of requests,
one after the other in an order that is drawn, so that what else the machine does falls on all three. Differences to the
gateway without tracing are taken within a round; their interval is the bootstrap's over the rounds, at 95 %.
"""

import argparse
import asyncio
import json
import os
import platform
import tempfile
import time
import urllib.request
from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from evals.benchmarks.load import Questions, send
from evals.benchmarks.proxies import KEY, Proxy, gateway, upstream

from thriftgate.stats import bootstrap_interval

RESULTS = Path(__file__).parent / "results" / "tracing.json"
BATCH = 100
_UPSTREAM_PORT, _FIRST_PORT = 4271, 4272
_ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"


class PlayedLangfuse:
    """Reads whatever comes, and answers at once or never."""

    def __init__(self, *, answers: bool) -> None:
        self.answers = answers
        self.batches = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                length = next(line for line in head.split(b"\r\n") if line.startswith(b"content-length:"))
                await reader.readexactly(int(length.split(b":")[1]))
                self.batches += 1
                if self.answers:
                    writer.write(_ANSWER)
                    await writer.drain()
                else:
                    await reader.read()  # until the other side gives up
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


@contextmanager
def environment(values: Mapping[str, str]) -> Generator[None]:
    """Variables that processes started meanwhile inherit."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def traced_gateway(name: str, folder: Path, upstream_url: str, port: int, langfuse: str | None) -> Generator[Proxy]:
    """A gateway whose Langfuse is at that address."""
    keys = {"LANGFUSE_PUBLIC_KEY": "pk-bench", "LANGFUSE_SECRET_KEY": "sk-bench", "LANGFUSE_HOST": langfuse or ""}
    with ExitStack() as stack:
        with environment(keys if langfuse else {}):
            proxy = stack.enter_context(gateway(folder / name, upstream_url, port))
        yield proxy


def queue_of(proxy: Proxy) -> Any:
    """What waits in the gateway, went, and was lost."""
    request = urllib.request.Request(f"{proxy.url}/thriftgate/status", headers={"Authorization": f"Bearer {KEY}"})
    with urllib.request.urlopen(request, timeout=10) as response:
        return json.load(response)["tracing"]


async def measure(folder: Path, rounds: int) -> dict[str, Any]:
    """Start everything, send, and stop it all."""
    played = {"takes": PlayedLangfuse(answers=True), "hangs": PlayedLangfuse(answers=False)}
    servers = {name: await asyncio.start_server(one.serve, "127.0.0.1", 0) for name, one in played.items()}
    addresses: dict[str, str | None] = {"off": None}
    addresses |= {name: f"http://127.0.0.1:{one.sockets[0].getsockname()[1]}" for name, one in servers.items()}
    stacks = {name: ExitStack() for name in addresses}
    result: dict[str, Any] = {"batches_taken": 0, "shutdown_s": {}}
    with upstream(_UPSTREAM_PORT) as upstream_url:
        proxies: dict[str, Proxy] = {}
        for number, (name, address) in enumerate(addresses.items()):
            started = traced_gateway(name, folder, upstream_url, _FIRST_PORT + number, address)
            proxies[name] = await asyncio.to_thread(stacks[name].enter_context, started)
        result |= await _rounds(proxies, rounds)
        result["queue"] = {name: await asyncio.to_thread(queue_of, proxies[name]) for name in played}
        result["batches_taken"] = played["takes"].batches
        for name, stack in stacks.items():
            began = time.perf_counter()
            await asyncio.to_thread(stack.close)
            result["shutdown_s"][name] = round(time.perf_counter() - began, 2)
    return result


async def _rounds(proxies: Mapping[str, Proxy], rounds: int) -> dict[str, Any]:
    questions = Questions()
    latencies: dict[str, list[list[float]]] = {name: [] for name in proxies}
    cpu: dict[str, list[float]] = {name: [] for name in proxies}
    for proxy in proxies.values():
        await send(proxy.url, KEY, "plain", questions.different(BATCH))  # warm up
    orders = np.random.default_rng(0)
    for _ in range(rounds):
        for name in orders.permutation(list(proxies)):
            before = proxies[name].cpu_seconds()
            sent = await send(proxies[name].url, KEY, "plain", questions.different(BATCH))
            cpu[name].append((proxies[name].cpu_seconds() - before) / BATCH * 1e3)
            latencies[name].append([1e3 * one for one in sent.latencies])
    return {
        "requests_each": rounds * BATCH,
        "latency_ms": {name: _quantiles([each for batch in one for each in batch]) for name, one in latencies.items()},
        "difference_to_off": {
            name: {
                "p50_ms": _difference(latencies[name], latencies["off"], 50),
                "p99_ms": _difference(latencies[name], latencies["off"], 99),
                "cpu_ms_per_request": _interval(np.array(cpu[name]) - np.array(cpu["off"])),
            }
            for name in proxies
            if name != "off"
        },
        "cpu_ms_per_request": {name: round(float(np.mean(one)), 2) for name, one in cpu.items()},
        "memory_mb": {name: round(proxy.memory_mb()) for name, proxy in proxies.items()},
    }


def _quantiles(values: list[float]) -> dict[str, float]:
    return {f"p{one}": round(float(np.percentile(values, one)), 1) for one in (50, 95, 99)}


def _difference(values: list[list[float]], off: list[list[float]], percentile: int) -> dict[str, float]:
    """Of a percentile, round by round."""
    return _interval(_percentiles(values, percentile) - _percentiles(off, percentile))


def _percentiles(rounds: list[list[float]], percentile: int) -> npt.NDArray[np.float64]:
    return np.array([float(np.percentile(one, percentile)) for one in rounds])


def _interval(values: npt.NDArray[np.float64]) -> dict[str, float]:
    found = bootstrap_interval(values, lambda sample: float(np.mean(sample)), np.random.default_rng(0))
    return {"mean": round(float(np.mean(values)), 2), "low": round(found.low, 2), "high": round(found.high, 2)}


def main() -> None:
    """Measure, print, and keep the result."""
    parser = argparse.ArgumentParser(description="Does Langfuse cost requests anything?")
    parser.add_argument("--rounds", type=int, default=20)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory(prefix="thriftgate-tracing-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        result = asyncio.run(measure(folder, rounds))
    result["machine"] = {"cpu": platform.processor() or platform.machine(), "cores": os.cpu_count()}
    result["load_average"] = os.getloadavg()[0]
    RESULTS.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
