"""The real LiteLLM proxy as a process, real SDKs in front of it, and upstream providers that do what a test says."""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import anthropic
import httpx
import openai
import pytest
import yaml
from pytest_httpserver import HTTPServer
from tests.proxy.cascade_routes import artefacts, cascade_routes
from tests.proxy.forked import ForkedProcess, Forks, forks
from tests.proxy.output_routes import output_routes
from tests.proxy.upstream import Upstream

ROOT = Path(__file__).parents[2]
MASTER_KEY = "sk-master-of-the-tests-0123456789abcdef"
CLIENT_KEY = "sk-app-acme-ada"
"""Key `app` of team `acme`, whose user is `ada`; see auth.py."""
CLAUDE = "claude-sonnet-4-5"
"""What the provider behind the group `claude-large` calls its model; LiteLLM treats Anthropic's models by name."""
SCRAPER_TOKEN = "scraper-token-of-the-tests"
"""Reads the metrics, and nothing else."""
_PRICES = {"cheap": (1e-6, 2e-6), "strong": (10e-6, 20e-6)}
_START_PATIENCE = 240.0
_LITELLM = (sys.executable, "-c", "from litellm import run_server; run_server()")


@dataclass(frozen=True)
class GatewayProcess:
    """A running proxy."""

    base_url: str
    folder: Path
    upstream: Upstream

    @property
    def log(self) -> str:
        return (self.folder / "proxy.log").read_text(encoding="utf-8", errors="replace")

    def openai(self, key: str = CLIENT_KEY, **options: Any) -> openai.OpenAI:
        return openai.OpenAI(base_url=f"{self.base_url}/v1", api_key=key, max_retries=0, **options)

    def anthropic(self, key: str = CLIENT_KEY) -> anthropic.Anthropic:
        return anthropic.Anthropic(base_url=self.base_url, api_key=key, max_retries=0)

    def post(self, path: str, body: object, key: str = CLIENT_KEY, **headers: str) -> httpx.Response:
        return httpx.post(
            f"{self.base_url}{path}",
            json=body,
            headers={"Authorization": f"Bearer {key}", **headers},
            timeout=60,
            verify=False,  # there is no TLS; to read all certificates takes longer than the request
        )

    @staticmethod
    def headers(key: str = CLIENT_KEY) -> dict[str, str]:
        """What a client identifies itself by."""
        return {"Authorization": f"Bearer {key}"}

    def get_status(self) -> dict[str, Any]:
        """What `/thriftgate/status` says to the operator."""
        headers = {"Authorization": f"Bearer {MASTER_KEY}"}
        return httpx.get(f"{self.base_url}/thriftgate/status", headers=headers, timeout=60, verify=False).json()

    def cli(self, *arguments: str) -> str:
        """What a command prints beside the running proxy. Fails the test when the command does."""
        argv = [sys.executable, "-m", "thriftgate", *arguments, "--config", str(self.folder / "config.yaml")]
        done = subprocess.run(argv, capture_output=True, text=True, check=False, cwd=self.folder)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def charged(self, whose: str | None = None) -> list[dict[str, Any]]:
        """What LiteLLM charged so far, in order: for everything, for a trace, or for the key of a digest."""
        path = self.folder / "spend.jsonl"
        lines = path.read_text().splitlines() if path.exists() else []
        # Of thousands of lines a few are of one key: the others are not parsed, over and over while a test waits.
        rows = [json.loads(line) for line in lines if whose is None or whose in line]
        return [row for row in rows if whose in (None, row["trace"], row["key"])]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def deployment(name: str, upstream_url: str, *, model: str | None = None, **params: Any) -> dict[str, Any]:
    """A plain model of the test upstream; its price by the word in its name."""
    prompt, completion = _PRICES["strong" if "strong" in name or "large" in name else "cheap"]
    return {
        "model_name": name,
        "litellm_params": {
            "model": f"openai/{model or name}",
            "api_base": upstream_url,
            "api_key": "sk-upstream-secret",
            "input_cost_per_token": prompt,
            "output_cost_per_token": completion,
            **params,
        },
    }


def everywhere(name: str, upstream_url: str) -> dict[str, Any]:
    """A plain model that answers at all three endpoints: LiteLLM asks its provider by chat completions."""
    made = deployment(name, upstream_url)
    made["litellm_params"]["model"] = f"lm_studio/{name}"
    return made


def anthropic_deployment(name: str, upstream: str, model: str) -> dict[str, Any]:
    """A plain model that speaks Anthropic's messages; `upstream` is the address without the version."""
    made = deployment(name, upstream.removesuffix("/v1"))
    return {**made, "litellm_params": {**made["litellm_params"], "model": f"anthropic/{model}"}}


def route(name: str) -> dict[str, Any]:
    return {"model_name": name, "litellm_params": {"model": f"thriftgate/{name}"}}


def gateway_config(upstream_url: str) -> dict[str, Any]:
    """The shipped configuration's own settings, with the models and routes that the tests need."""
    shipped = yaml.safe_load((ROOT / "litellm_config.yaml").read_text())
    dead = f"http://127.0.0.1:{free_port()}/v1"
    models = [
        *(deployment(name, upstream_url) for name in ("small", "large", "fragile-small", "fragile-large")),
        *(deployment(name, upstream_url) for name in ("tool-small", "tool-large", "judge")),
        deployment("lost-large", upstream_url),
        deployment("gpt-large", upstream_url),
        deployment("reasoner-large", upstream_url, model="gpt-5-mini"),
        anthropic_deployment("claude-large", upstream_url, CLAUDE),
        deployment("impatient-small", upstream_url, timeout=1),
        deployment("impatient-large", upstream_url),
        deployment("ha-strong", upstream_url, model="ha-primary", order=1),
        deployment("ha-strong", upstream_url, model="ha-backup", order=2),
        deployment("dead-strong", dead, model="dead-primary", order=1),
        deployment("dead-strong", upstream_url, model="dead-backup", order=2),
        deployment("hang-strong", upstream_url, model="hang-primary", order=1, timeout=0.5),
        deployment("hang-strong", upstream_url, model="hang-backup", order=2),
        deployment("garbled-strong", upstream_url, model="garbled-primary", order=1),
        deployment("garbled-strong", upstream_url, model="garbled-backup", order=2),
        deployment("upset-strong", upstream_url, model="upset-primary", order=1),
        deployment("upset-strong", upstream_url, model="upset-backup", order=2),
        deployment("limited-strong", upstream_url, model="limited-primary", order=1),
        deployment("limited-strong", upstream_url, model="limited-backup", order=2),
    ]
    two: dict[str, Any] = {
        "cascade": {
            "tiers": [{"model": "small"}, {"model": "large"}],
            "accept_at": 0.8,
            # No call by chance: tests count calls and money.
            "audit": {"share": 0},
            "holdout": 0,
        }
    }
    routes: dict[str, Any] = {
        "support": two,
        "optimistic": {"cascade": {**two["cascade"], "streaming": "optimistic"}},
        "plain": {"cascade": {"tiers": [{"model": "large"}]}},
        "cached": {**two, "cache": {"max_error": 0.01, "ttl": "10m", "min_similarity": 0.9, "verify": {"share": 0}}},
        "prompted": {**two, "prompt": {"name": "support"}},
        "fragile": {"cascade": {"tiers": [{"model": "fragile-small"}, {"model": "fragile-large"}], "holdout": 0}},
        "tools": {"cascade": {"tiers": [{"model": "tool-small"}, {"model": "tool-large"}], "holdout": 0}},
        "gpt": {"cascade": {"tiers": [{"model": "gpt-large"}]}},
        "reasoner": {"cascade": {"tiers": [{"model": "reasoner-large"}]}},
        "claude": {"cascade": {"tiers": [{"model": "claude-large"}]}},
        "lost": {"cascade": {"tiers": [{"model": "lost-large"}]}},
        "impatient": {"cascade": {"tiers": [{"model": "impatient-small"}, {"model": "impatient-large"}]}},
        "ha": {"cascade": {"tiers": [{"model": "ha-strong"}]}},
        "dead": {"cascade": {"tiers": [{"model": "dead-strong"}]}},
        "garbled": {"cascade": {"tiers": [{"model": "garbled-strong"}]}},
        "upset": {"cascade": {"tiers": [{"model": "upset-strong"}]}},
        "limited": {"cascade": {"tiers": [{"model": "limited-strong"}]}},
        "hanging": {"cascade": {"tiers": [{"model": "hang-strong"}]}},
        **cascade_routes(),
        **output_routes(),
    }
    return {
        "model_list": [*models, *(route(name) for name in routes)],
        "router_settings": shipped["router_settings"],
        "litellm_settings": {**shipped["litellm_settings"], "callbacks": ["spend.recorder"]},
        "general_settings": {
            **shipped["general_settings"],
            "master_key": MASTER_KEY,
            "custom_auth": "auth.authenticate",
            "background_health_checks": False,
        },
        "callback_settings": {
            "thriftgate": {
                "prompts_dir": str(ROOT / "prompts"),
                "ledger": {"flush_interval": "50ms"},
                "metrics": {"token": SCRAPER_TOKEN},
                "logs": {"format": "json"},
                "routes": routes,
            }
        },
    }


def limited_config(upstream_url: str, limits: Mapping[str, Any], *plain: str, **section: Any) -> dict[str, Any]:
    """`gateway_config` with limits, plain models that answer everywhere, and more of our section."""
    config = gateway_config(upstream_url)
    config["model_list"] += [everywhere(name, upstream_url) for name in plain]
    config["callback_settings"]["thriftgate"] |= {"limits": limits, **section}
    return config


Proxy = subprocess.Popen[bytes] | ForkedProcess
FROM_PYTHON = {"THRIFTGATE_TEST_FROM_PYTHON": "1"}
"""In the environment of a proxy: it is not forked."""
_forks: list[Forks] = []
_running = ExitStack()


@pytest.fixture(scope="session", autouse=True)
def ended_forks() -> Iterator[None]:
    """The process that proxies were forked from ends with the run, if any was."""
    with _running:
        yield
        _forks.clear()


def forked(argv: Sequence[str], environ: Mapping[str, str], folder: Path, log: IO[bytes]) -> ForkedProcess:
    """`litellm` in a process that has imported it already: of the ten seconds of a start those are seven."""
    if not _forks:
        _forks.append(_running.enter_context(forks()))
    return _forks[0].start(argv, environ, folder, log)


def start_proxy(folder: Path, config: Mapping[str, Any], port: int, *options: str, **environ: str) -> Proxy:
    """`litellm --config …` as an operator would start it, its log in the folder.

    It begins with Python itself if `FROM_PYTHON` is in its environment, as several workers of one proxy always do.
    """
    for name in ("auth.py", "spend.py"):
        shutil.copy(Path(__file__).with_name(name), folder / name)
    for name, artefact in artefacts().items():
        (folder / name).write_text(artefact)
    (folder / "config.yaml").write_text(yaml.safe_dump(dict(config)))
    argv = ["--config", str(folder / "config.yaml"), "--host", "127.0.0.1", "--port", str(port), *options]
    env = {**os.environ, "THRIFTGATE_TEST_SPEND": str(folder / "spend.jsonl"), **environ}
    with (folder / "proxy.log").open("wb") as log:
        if not environ.keys() & FROM_PYTHON:
            return forked(argv, env, folder, log)
        return subprocess.Popen(
            [*_LITELLM, *argv], env=env, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
        )


def wait_until_alive(process: Proxy, base_url: str, folder: Path) -> None:
    deadline = time.monotonic() + _START_PATIENCE
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            if httpx.get(f"{base_url}/health/liveliness", timeout=2, verify=False).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.3)
    pytest.fail("the proxy did not start:\n" + (folder / "proxy.log").read_text(errors="replace")[-4000:])


def stop(process: Proxy) -> None:
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@pytest.fixture(scope="session")
def provider_server() -> Iterator[HTTPServer]:
    server = HTTPServer(threaded=True)
    server.start()
    yield server
    server.clear()
    server.stop()


@contextmanager
def running(
    name: str, config: dict[str, Any], upstream: Upstream, *modules: str, **environ: str
) -> Generator[GatewayProcess]:
    """A proxy in a folder of its own, with modules of this one beside it; ended and removed afterwards."""
    folder = Path(tempfile.mkdtemp(prefix=f"thriftgate-{name}-"))
    folder.chmod(0o755)  # the embedded database runs as a system user of its own when we are root
    for module in modules:
        shutil.copy(Path(__file__).with_name(module), folder / module)
    port = free_port()
    process = start_proxy(folder, config, port, **environ)
    base_url = f"http://127.0.0.1:{port}"
    try:
        wait_until_alive(process, base_url, folder)
        yield GatewayProcess(base_url, folder, upstream)
    finally:
        stop(process)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def gateway_process(provider_server: HTTPServer) -> Iterator[GatewayProcess]:
    """One proxy for the whole run, which begins with Python itself: it takes up to 40 seconds to start."""
    upstream = Upstream(provider_server)
    with running("proxy", gateway_config(upstream.base_url), upstream, **FROM_PYTHON) as gateway:
        yield gateway


@pytest.fixture
def gateway(gateway_process: GatewayProcess) -> GatewayProcess:
    """The running proxy, with nothing asked yet."""
    gateway_process.upstream.forget()
    return gateway_process
