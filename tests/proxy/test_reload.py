"""A changed configuration is taken while the gateway serves: no request fails, and a broken one changes nothing."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from pytest_httpserver import HTTPServer
from tests.proxy.conftest import ROOT, free_port, route
from tests.proxy.upstream import Upstream, drips, says
from tests.proxy.waiting import eventually
from tests.slow import SLOW

pytestmark = [pytest.mark.xdist_group("start"), pytest.mark.timeout(1500), SLOW]

_PATIENCE = 300.0
RATE = float(os.environ.get("THRIFTGATE_TEST_RELOAD_RATE", "4"))
"""Requests per second during the reloads."""
RELOADS = int(os.environ.get("THRIFTGATE_TEST_RELOADS", "2"))


@dataclass
class Load:
    """Whole and streamed requests at a steady rate on kept-alive connections, without a retry."""

    url: str
    key: str
    done: Counter[str] = field(default_factory=Counter[str])
    failures: list[str] = field(default_factory=list[str])
    _stop: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> "Load":
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stop.set()
        self._thread.join()

    async def _run(self) -> None:
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=20)
        async with httpx.AsyncClient(base_url=self.url, timeout=120, limits=limits) as client:
            tasks: list[asyncio.Task[None]] = []
            number = 0
            while not self._stop.is_set():
                number += 1
                tasks.append(asyncio.create_task(self._ask(client, number, is_stream=number % 4 == 0)))
                await asyncio.sleep(1 / RATE)
            await asyncio.gather(*tasks)

    async def _ask(self, client: httpx.AsyncClient, number: int, *, is_stream: bool) -> None:
        model = "slow" if is_stream else "support"
        body = {"model": model, "messages": [{"role": "user", "content": f"Question {number}"}], "stream": is_stream}
        headers = {"Authorization": f"Bearer {self.key}"}
        try:
            if is_stream:
                async with client.stream("POST", "/v1/chat/completions", json=body, headers=headers) as answer:
                    said = "".join([line async for line in answer.aiter_lines()])
                    is_whole = "end." in said and said.endswith("data: [DONE]")
            else:
                answer = await client.post("/v1/chat/completions", json=body, headers=headers)
                said, is_whole = answer.text, "An answer." in answer.text
        except httpx.HTTPError as error:
            self.failures.append(f"{number} ({model}): {error!r}")
            return
        if answer.status_code != 200 or not is_whole:
            self.failures.append(f"{number} ({model}): {answer.status_code} {said[-300:]}")
        self.done[model] += 1


@dataclass(frozen=True)
class Changing:
    """A gateway whose configuration a test changes."""

    folder: Path
    url: str
    key: str
    port: int
    up: subprocess.Popen[bytes]
    upstream: Upstream

    def change(self, **settings: Any) -> None:
        """Add a route of each name, or change the settings of our section."""
        path = self.folder / "litellm_config.yaml"
        config = yaml.safe_load(path.read_text())
        section = config["callback_settings"]["thriftgate"]
        for name, value in settings.items():
            if name == "add":
                config["model_list"].append(route(value))
                section["routes"][value] = {"cascade": {"tiers": [{"model": "large"}]}}
            else:
                section[name] = value
        path.write_text(yaml.safe_dump(config))

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        argv = [sys.executable, "-m", "thriftgate", *arguments]
        return subprocess.run(argv, cwd=self.folder, capture_output=True, text=True, check=False, timeout=_PATIENCE)

    def ask(self, model: str, **options: Any) -> httpx.Response:
        body = {"model": model, "messages": [{"role": "user", "content": "Hello?"}], **options}
        headers = {"Authorization": f"Bearer {self.key}"}
        return httpx.post(f"{self.url}/v1/chat/completions", json=body, headers=headers, timeout=120)

    def status(self) -> dict[str, Any]:
        """What `/thriftgate/status` says of the configuration."""
        return self._look("/thriftgate/status").json()["configuration"]

    def page(self) -> str:
        """The live page."""
        return self._look("/thriftgate").text

    def _look(self, path: str) -> httpx.Response:
        answer = httpx.get(f"{self.url}{path}", headers={"Authorization": f"Bearer {self.key}"}, timeout=120)
        assert answer.status_code == 200, answer.text
        return answer

    def booked(self) -> int:
        """Requests in the ledger."""
        total = json.loads(self.command("report", "--json").stdout)["total"]
        return total["requests"] if total else 0

    def state(self) -> dict[str, Any]:
        (path,) = (self.folder / ".thriftgate" / "gateways").glob("*.json")
        return json.loads(path.read_text())


@contextmanager
def changing(server: HTTPServer, *options: str) -> Generator[Changing]:
    folder = Path(tempfile.mkdtemp(prefix="thriftgate-reload-"))
    folder.chmod(0o755)
    upstream = Upstream(server)
    config = yaml.safe_load((ROOT / "litellm_config.yaml").read_text())
    deployments = [
        {
            "model_name": name,
            "litellm_params": {
                "model": f"openai/{name}", "api_base": upstream.base_url, "api_key": "sk-upstream",
                "input_cost_per_token": 1e-6, "output_cost_per_token": 1e-6,
            },
        }
        for name in ("small", "large", "slow-large")
    ]  # fmt: skip
    config["model_list"] = [*deployments, route("support"), route("slow")]
    config["general_settings"]["background_health_checks"] = False
    section = config["callback_settings"]["thriftgate"]
    section["routes"] = {
        "support": {"cascade": {"tiers": [{"model": "large"}]}},
        "slow": {"cascade": {"tiers": [{"model": "slow-large"}]}},
    }
    (folder / "litellm_config.yaml").write_text(yaml.safe_dump(config))
    upstream.on("large", says("An answer."))
    upstream.on("slow-large", drips(upstream, ["An ", "answer ", "that ", "takes ", "time ", "to ", "end."], 0.5))
    port = free_port()
    log = folder / "up.log"
    argv = [sys.executable, "-m", "thriftgate", "up", "--port", str(port), *options]
    environ = {name: value for name, value in os.environ.items() if not name.endswith("MASTER_KEY")}
    with log.open("wb") as out:
        up = subprocess.Popen(argv, cwd=folder, env=environ, stdout=out, stderr=subprocess.STDOUT)
    try:
        welcome = "the gateway answers on" if "stdout" in options else "Ctrl-C stops it"
        eventually(lambda: welcome in log.read_text() or up.poll() is not None, _PATIENCE)
        assert welcome in log.read_text(), log.read_text()
        key = (folder / ".thriftgate" / "master_key").read_text().strip()
        yield Changing(folder, f"http://localhost:{port}", key, port, up, upstream)
    finally:
        up.send_signal(signal.SIGINT)
        up.wait(90)
        upstream.forget()
        shutil.rmtree(folder, ignore_errors=True)


def test_under_steady_load_no_request_fails_across_reloads_and_a_broken_file_keeps_the_old_proxy(
    provider_server: HTTPServer,
) -> None:
    with changing(provider_server) as gateway:
        with Load(gateway.url, gateway.key) as load:
            for number in range(RELOADS):
                gateway.change(add=f"extra-{number}")
                done = gateway.command("reload")
                assert done.returncode == 0, done.stderr
                assert "serves the new configuration" in done.stdout
                # Who connects now may still meet nobody but the new proxy.
                assert gateway.ask(f"extra-{number}").status_code == 200
            good = (gateway.folder / "litellm_config.yaml").read_text()
            (gateway.folder / "litellm_config.yaml").write_text(good.replace("model: large", "model: larg", 1))
            refused = gateway.command("reload")
        assert refused.returncode == 2
        assert "no entry of model_list is named 'larg' (did you mean 'large'?)" in refused.stderr
        assert gateway.ask("extra-0").status_code == 200
        assert load.failures == []
        assert load.done["slow"] > 10
        assert gateway.state()["generation"] == RELOADS + 1
        (gateway.folder / "litellm_config.yaml").write_text(good)
        assert eventually(lambda: gateway.booked() == sum(load.done.values()) + RELOADS + 1, 60)


def test_doctor_page_and_status_say_that_the_file_changed_until_the_gateway_has_taken_it(
    provider_server: HTTPServer,
) -> None:
    with changing(provider_server) as gateway:
        first = gateway.status()
        assert (first["changed"], first["command"]) == ([], "thriftgate reload")
        assert "changed since the gateway read it" not in gateway.page()
        port = ("--port", str(gateway.port))
        as_it_stands = "the gateway serves the configuration as it stands in its files"
        assert as_it_stands in gateway.command("doctor", *port).stdout
        gateway.change(add="extra")
        told = gateway.command("doctor", *port).stdout
        assert "litellm_config.yaml changed since the gateway read it" in told
        assert "`thriftgate reload`" in told
        assert gateway.status() == {**first, "changed": ["litellm_config.yaml"]}
        assert "litellm_config.yaml changed since the gateway read it less than a minute ago" in gateway.page()
        assert gateway.command("reload").returncode == 0
        after = gateway.status()
        assert after["changed"] == []
        assert after["read_at"] > first["read_at"]
        assert "changed since the gateway read it" not in gateway.page()
        assert as_it_stands in gateway.command("doctor", *port).stdout


def test_with_logs_on_standard_output_every_line_is_one_json_object_without_colours(
    provider_server: HTTPServer,
) -> None:
    with changing(provider_server, "--log", "stdout") as gateway:
        assert gateway.ask("support").status_code == 200
        log = gateway.folder / "up.log"
        assert eventually(lambda: '"message": "request"' in log.read_text(), 30)
        lines: list[dict[str, Any]] = [json.loads(line) for line in log.read_text().splitlines()]
    assert not [line for line in lines if not {"message", "level", "timestamp"} <= set(line)]
    assert not [line for line in lines if "\x1b" in line["message"]]


def test_what_the_drain_bound_cuts_is_told_its_client_and_stands_in_the_books(provider_server: HTTPServer) -> None:
    with changing(provider_server, "--workers", "2") as gateway:
        upstream = gateway.upstream
        upstream.on("slow-large", drips(upstream, [f"word{n} " for n in range(600)], 1.0))
        gateway.change(drain="1s", add="extra")
        assert gateway.command("reload").returncode == 0
        said: list[str] = []
        thread = threading.Thread(target=lambda: said.append(gateway.ask("slow", stream=True).text))
        thread.start()
        assert eventually(lambda: bool(upstream.asked("slow-large")), 60)
        os.kill(gateway.up.pid, signal.SIGHUP)
        thread.join(_PATIENCE)
        assert "the gateway is being stopped; ask again" in said[0]
        assert gateway.ask("extra").status_code == 200
        assert eventually(lambda: gateway.state()["generation"] == 3, 60)
        assert eventually(lambda: gateway.booked() == 2, 60)
