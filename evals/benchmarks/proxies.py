"""Starts the bare LiteLLM proxy and thriftgate side by side, and reads what they use from the operating system.

CPU time is that of the proxy's own process and its children: of all measures it depends least on what else the machine
is doing. The embedded database is counted apart.
"""

import os
import secrets
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import yaml

KEY = f"sk-{secrets.token_hex(24)}"
_PATIENCE = 400.0
_ALIVE = "/health/liveliness"


@dataclass(frozen=True, slots=True)
class Proxy:
    """A running proxy."""

    name: str
    url: str
    process: psutil.Process
    """The process that serves; not the command that started it."""
    database: psutil.Process | None
    start_seconds: float
    """From the command to the first answer."""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    """What it wants to be told with each request."""

    def cpu_seconds(self) -> float:
        """User and system time since its start, with its children's."""
        return _cpu_of(self.process)

    def database_cpu_seconds(self) -> float:
        """The same for the embedded database; 0 where there is none."""
        return _cpu_of(self.database) if self.database else 0.0

    def memory_mb(self) -> float:
        """Resident memory of the process and its children."""
        return sum(one.memory_info().rss for one in [self.process, *self.process.children(recursive=True)]) / 1e6


def _cpu_of(process: psutil.Process) -> float:
    total = 0.0
    for one in [process, *process.children(recursive=True)]:
        times = one.cpu_times()
        # The second pair is of children that have ended.
        total += times.user + times.system + times.children_user + times.children_system
    return total


def models(upstream: str) -> list[dict[str, object]]:
    """The plain models, the same for both."""
    return [
        {
            "model_name": name,
            "litellm_params": {"model": f"openai/{name}", "api_base": upstream, "api_key": "none"},
            "model_info": {"input_cost_per_token": 1e-6, "output_cost_per_token": 5e-6},
        }
        for name in ("small", "large")
    ]


def bare_config(upstream: str) -> dict[str, object]:
    """LiteLLM as one would deploy it without us: a master key and two models."""
    return {
        "model_list": models(upstream),
        "litellm_settings": {"turn_off_message_logging": True},
        "general_settings": {"master_key": "os.environ/LITELLM_MASTER_KEY"},
    }


def caching_config(upstream: str, params: Mapping[str, object]) -> dict[str, object]:
    """LiteLLM with one of its own caches."""
    config = bare_config(upstream)
    settings = {"turn_off_message_logging": True, "cache": True, "cache_params": dict(params)}
    return {**config, "litellm_settings": settings}


def gateway_config(upstream: str) -> dict[str, object]:
    """The same with one route for each thing that is measured."""
    quiet = {"audit": {"share": 0.0}, "holdout": 0.0}
    only = {"tiers": [{"model": "small"}], **quiet}
    verify = {"verify": {"share": 0.0}}
    routes = {
        "plain": {"cascade": only},
        "cached": {"cascade": only, "cache": {"max_error": 0.01, **verify}},
        "alike": {"cascade": only, "cache": {"min_similarity": 0.6, **verify}},
        "cascade": {"cascade": {"tiers": [{"model": "small"}, {"model": "large"}], "accept_at": 0.5, **quiet}},
    }
    names = [{"model_name": name, "litellm_params": {"model": f"thriftgate/{name}"}} for name in routes]
    config = bare_config(upstream)
    provider = {"provider": "thriftgate", "custom_handler": "thriftgate.proxy.plugin.routes"}
    return {
        **config,
        "model_list": [*models(upstream), *names],
        "litellm_settings": {"turn_off_message_logging": True, "custom_provider_map": [provider]},
        "callback_settings": {"thriftgate": {"routes": routes}},
    }


@contextmanager
def upstream(port: int) -> Generator[str]:
    """The instant provider's address."""
    with running([sys.executable, "-m", "evals.benchmarks.instant_upstream", "--port", str(port)], Path.cwd(), {}):
        time.sleep(1.0)
        yield f"http://127.0.0.1:{port}/v1"


@contextmanager
def bare(folder: Path, upstream_url: str, port: int, *, cache: Mapping[str, object] | None = None) -> Generator[Proxy]:
    """LiteLLM alone, in `folder`, as it ships: `httptools`, which our installation brings, is hidden from it."""
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "config.yaml"
    made = bare_config(upstream_url) if cache is None else caching_config(upstream_url, cache)
    config.write_text(yaml.safe_dump(made), encoding="utf-8")
    start = "import sys; sys.modules['httptools'] = None; from litellm import run_server; run_server()"
    argv = [sys.executable, "-c", start, "--config", str(config)]
    argv += ["--host", "127.0.0.1", "--port", str(port), "--num_workers", "1"]
    name = "bare" if cache is None else f"bare, {cache['type']} cache"
    with one_process(name, argv, folder, port, environ={"LITELLM_LOCAL_MODEL_COST_MAP": "True"}) as proxy:
        yield proxy


@contextmanager
def one_process(
    name: str, argv: list[str], folder: Path, port: int, *, environ: Mapping[str, str], path: str = _ALIVE
) -> Generator[Proxy]:
    """A proxy of one process, once it answers at `path`."""
    started = time.monotonic()
    with running(argv, folder, environ) as process:
        _wait(port, process, path)
        seconds = time.monotonic() - started
        yield Proxy(name, f"http://127.0.0.1:{port}", psutil.Process(process.pid), None, seconds)


@contextmanager
def gateway(
    folder: Path,
    upstream_url: str,
    port: int,
    *,
    config: dict[str, object] | None = None,
    checkout: Path | None = None,
) -> Generator[Proxy]:
    """`thriftgate up` in `folder`, as a user starts it; by default of this checkout, with the benchmark's routes."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = gateway_config(upstream_url) if config is None else config
    (folder / "litellm_config.yaml").write_text(yaml.safe_dump(wanted), encoding="utf-8")
    started = time.monotonic()
    python, environ = sys.executable, dict[str, str]()
    if checkout is not None:
        python = str(checkout / ".venv/bin/python")
        environ["PYTHONPATH"] = os.pathsep.join([str(checkout), str(checkout / "plugins")])
    argv = [python, "-m", "thriftgate", "up", "--no-demo", "--port", str(port)]
    with running(argv, folder, environ) as process:
        _wait(port, process)
        seconds = time.monotonic() - started
        yield Proxy("thriftgate", f"http://127.0.0.1:{port}", _server(process.pid), _database(folder), seconds)


def _server(pid: int) -> psutil.Process:
    """The proxy among the children of `thriftgate up`."""
    children = psutil.Process(pid).children(recursive=True)
    return next(
        one
        for one in children
        if any(known in word for word in one.cmdline() for known in ("run_server", "thriftgate.proxy.serving"))
    )


def _database(folder: Path) -> psutil.Process | None:
    """The embedded PostgreSQL whose data lie in `folder`."""
    for path in folder.glob(".thriftgate/**/postmaster.pid"):
        return psutil.Process(int(path.read_text(encoding="utf-8").split()[0]))
    return None


@contextmanager
def running(argv: list[str], folder: Path, extra: Mapping[str, str]) -> Generator[subprocess.Popen[bytes]]:
    """A process that ends with the block; what it says is in the folder's process.log."""
    environ = {**os.environ, **extra, "LITELLM_MASTER_KEY": KEY}
    with (folder / "process.log").open("wb") if folder != Path.cwd() else open(os.devnull, "wb") as log:
        process = subprocess.Popen(argv, cwd=folder, env=environ, stdout=log, stderr=subprocess.STDOUT)
        try:
            yield process
        finally:
            process.terminate()
            process.wait(30)


def _wait(port: int, process: subprocess.Popen[bytes], path: str = _ALIVE) -> None:
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"the proxy on port {port} ended with {process.returncode}; see its process.log")
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise RuntimeError(f"the proxy on port {port} does not answer")
