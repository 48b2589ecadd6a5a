"""A gateway that is stopped: requests in flight end, and every answer is in the ledger and in Langfuse."""

import asyncio
import json
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from pytest_httpserver import HTTPServer
from tests.proxy.conftest import (
    CLIENT_KEY,
    GatewayProcess,
    Proxy,
    free_port,
    gateway_config,
    start_proxy,
    wait_until_alive,
)
from tests.proxy.langfuse_intake import LangfuseIntakeServer
from tests.proxy.test_limits import PATHS
from tests.proxy.upstream import Upstream, drips, says, slow
from tests.proxy.waiting import eventually

from thriftgate.services.telemetry.catalogue import REQUESTS
from thriftgate.services.telemetry.metrics import Samples
from thriftgate.stores.embedded.database import prepare_embedded, release_database
from thriftgate.stores.postgres.connection.database import open_connection

pytestmark = [pytest.mark.xdist_group("proxy-shutdown"), pytest.mark.timeout(400)]

_ENDS_WITHIN = 60.0
_CHAT = {"model": "plain", "messages": [{"role": "user", "content": "How long does a refund take?"}]}


@dataclass(frozen=True)
class Stoppable:
    """A proxy of one test's own, whose books are read after its end."""

    gateway: GatewayProcess
    process: Proxy
    langfuse: LangfuseIntakeServer

    @property
    def upstream(self) -> Upstream:
        return self.gateway.upstream

    def end(self, number: int) -> None:
        self.process.send_signal(number)
        self.process.wait(_ENDS_WITHIN)

    def readiness(self) -> int:
        return httpx.get(f"{self.gateway.base_url}/health/readiness", timeout=30, verify=False).status_code

    def statuses(self) -> dict[str, str]:
        """The status of each request in the ledger; call it after the end."""
        data_dir = self.gateway.folder / ".thriftgate"
        dsn = prepare_embedded(None, data_dir)
        try:
            return asyncio.run(_statuses(dsn))
        finally:
            release_database(data_dir)

    def judged(self) -> dict[str, bool | None]:
        """The verdict of each audit in the ledger; call it after the end."""
        data_dir = self.gateway.folder / ".thriftgate"
        dsn = prepare_embedded(None, data_dir)
        try:
            return asyncio.run(_verdicts(dsn))
        finally:
            release_database(data_dir)

    def counted(self, route: str) -> float:
        """Requests to a route by the metrics that its workers left at their end."""
        files = (self.gateway.folder / ".thriftgate" / "metrics").glob("*.json")
        samples = [Samples.from_json(json.loads(file.read_text())) for file in files]
        return sum(
            value
            for one in samples
            for (name, labels), value in one.numbers.items()
            if name == REQUESTS.name and labels[0] == route
        )

    def traced(self) -> set[str]:
        return {root.about("request_id") for root in self.langfuse.roots()}


async def _statuses(dsn: str) -> dict[str, str]:
    connection = await open_connection(dsn)
    try:
        rows = await connection.fetch("SELECT request_id, status FROM thriftgate.requests")
    finally:
        await connection.close()
    return {row["request_id"]: row["status"] for row in rows}


async def _verdicts(dsn: str) -> dict[str, bool | None]:
    connection = await open_connection(dsn)
    try:
        rows = await connection.fetch("SELECT request_id, is_acceptable FROM thriftgate.audits")
    finally:
        await connection.close()
    return {row["request_id"]: row["is_acceptable"] for row in rows}


@pytest.fixture
def servers() -> Iterator[tuple[HTTPServer, HTTPServer]]:
    both = HTTPServer(threaded=True), HTTPServer(threaded=True)
    for server in both:
        server.start()
    yield both
    for server in both:
        server.clear()
        server.stop()


@dataclass(frozen=True)
class Start:
    """How a test's proxy differs from the others'."""

    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])
    options: Sequence[str] = ()


@pytest.fixture
def stoppable(servers: tuple[HTTPServer, HTTPServer], request: pytest.FixtureRequest) -> Iterator[Stoppable]:
    """A running proxy; an `indirect` parameter is its `Start`."""
    start = cast("Start", getattr(request, "param", Start()))
    upstream, langfuse = Upstream(servers[0]), LangfuseIntakeServer()
    config = gateway_config(upstream.base_url)
    section: dict[str, Any] = config["callback_settings"]["thriftgate"]
    # Nothing would be written in the life of a test: what is found was written at the end.
    section |= {"ledger": {"flush_interval": "10m"}, "tracing": {"langfuse": {"flush_interval": "60s"}}}
    section |= {"drain": "30s", "shutdown_timeout": "20s", **start.settings}
    folder = Path(tempfile.mkdtemp(prefix="thriftgate-stop-"))
    folder.chmod(0o755)
    port = free_port()
    process = start_proxy(folder, config, port, *start.options, **langfuse.serve(servers[1]))
    base_url = f"http://127.0.0.1:{port}"
    try:
        wait_until_alive(process, base_url, folder)
        yield Stoppable(GatewayProcess(base_url, folder, upstream), process, langfuse)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        release_database(folder / ".thriftgate")
        shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.parametrize("stoppable", [Start({"ledger": {"flush_interval": "1s"}})], indirect=True)
def test_who_is_killed_loses_no_more_than_was_not_flushed_yet(stoppable: Stoppable) -> None:
    stoppable.upstream.on("large", says("Ten days."))
    flushed = {_request_id(stoppable.gateway.post("/v1/chat/completions", _CHAT)) for _ in range(5)}
    assert eventually(lambda: flushed <= stoppable.statuses().keys(), 30)
    last = {_request_id(stoppable.gateway.post("/v1/chat/completions", _CHAT)) for _ in range(3)}
    stoppable.end(signal.SIGKILL)
    assert flushed <= stoppable.statuses().keys() <= flushed | last


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_what_was_answered_and_what_is_in_flight_is_booked_and_traced(stoppable: Stoppable, number: int) -> None:
    stoppable.upstream.on("large", says("Ten days."))
    asked = [_request_id(stoppable.gateway.post("/v1/chat/completions", _CHAT)) for _ in range(10)]
    stoppable.upstream.on("large", slow(3, says("Ten days.")))
    with ThreadPoolExecutor(5) as threads:
        late = [threads.submit(stoppable.gateway.post, "/v1/chat/completions", _CHAT) for _ in range(5)]
        assert eventually(lambda: len(stoppable.upstream.asked("large")) == 15, 30)
        stoppable.process.send_signal(number)
        assert eventually(lambda: stoppable.readiness() == 503)
        refused = stoppable.gateway.post("/v1/messages", {**_CHAT, "max_tokens": 9})
        answers = [one.result() for one in late]
    stoppable.process.wait(_ENDS_WITHIN)
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
    assert refused.json()["error"]["type"] == "overloaded_error"
    assert [answer.status_code for answer in answers] == [200] * 5
    asked += map(_request_id, answers)
    assert stoppable.statuses() == dict.fromkeys(asked, "ok")
    assert stoppable.traced() == set(asked)


def test_streams_that_end_within_the_drain_are_whole_and_what_was_learned_and_counted_is_kept(
    stoppable: Stoppable,
) -> None:
    upstream = stoppable.upstream
    upstream.on("small", says("Ten days."))
    upstream.on("judge", slow(1, says("SAME")))
    upstream.on("large", says("Ten days."))
    learning = _request_id(stoppable.gateway.post("/v1/chat/completions", {**_CHAT, "model": "audited"}))
    assert eventually(lambda: len(upstream.asked("judge")) == 1)
    upstream.on("large", drips(upstream, ["word "] * 20, pause=0.1))
    with ThreadPoolExecutor(3) as threads:
        body = {**_CHAT, "stream": True}
        streams = [threads.submit(stoppable.gateway.post, "/v1/chat/completions", body) for _ in range(3)]
        assert eventually(lambda: len(upstream.asked("large")) == 4)
        stoppable.process.send_signal(signal.SIGTERM)
        answers = [one.result() for one in streams]
    stoppable.process.wait(_ENDS_WITHIN)
    for answer in answers:
        assert answer.text.count("word ") == 20
        assert answer.text.rstrip().endswith("data: [DONE]")
    assert stoppable.statuses() == dict.fromkeys([learning, *map(_request_id, answers)], "ok")
    assert stoppable.judged() == {learning: True}
    assert (stoppable.counted("audited"), stoppable.counted("plain")) == (1, 3)


_ONE_AT_A_TIME = {"concurrency": {"plain": {"most": 1, "adaptive": False}}, "queue": {"max_wait": "10s"}}


@pytest.mark.parametrize("stoppable", [Start({"limits": _ONE_AT_A_TIME})], indirect=True)
def test_whoever_waits_in_the_queue_when_a_gateway_is_stopped_is_served(stoppable: Stoppable) -> None:
    stoppable.upstream.on("large", slow(0.5, says("Five days.")))
    ways = [(path, stream) for path in PATHS for stream in (False, True)]
    with ThreadPoolExecutor(len(ways)) as threads:
        asked = [
            threads.submit(stoppable.gateway.post, path, {**PATHS[path], "model": "plain", "stream": stream})
            for path, stream in ways
        ]
        assert eventually(lambda: len(stoppable.upstream.asked("large")) == 2), "the others wait"
        stoppable.process.send_signal(signal.SIGTERM)
        answers = [one.result() for one in asked]
    stoppable.process.wait(_ENDS_WITHIN)
    assert [answer.status_code for answer in answers] == [200] * len(ways)
    assert all("days." in answer.text for answer in answers)


@pytest.mark.parametrize("stoppable", [Start({"drain": "1s"})], indirect=True)
def test_streams_that_outlive_the_drain_are_cut_with_an_error_event_and_booked(stoppable: Stoppable) -> None:
    stoppable.upstream.on("large", drips(stoppable.upstream, ["word "] * 200, pause=0.1))
    begun = threading.Barrier(4)

    def read() -> tuple[str, str]:
        body, headers = {**_CHAT, "stream": True}, {"Authorization": f"Bearer {CLIENT_KEY}"}
        url = f"{stoppable.gateway.base_url}/v1/chat/completions"
        with httpx.stream("POST", url, json=body, headers=headers, timeout=60) as response:
            lines = response.iter_lines()
            next(lines)
            begun.wait(30)
            return response.headers["x-thriftgate-request-id"], "\n".join(lines)

    with ThreadPoolExecutor(3) as threads:
        streams = [threads.submit(read) for _ in range(3)]
        begun.wait(30)
        stoppable.end(signal.SIGTERM)
        told = dict(one.result() for one in streams)
    assert all("overloaded_error" in text for text in told.values())
    assert stoppable.statuses() == dict.fromkeys(told, "cancelled")
    assert stoppable.traced() == set(told)


@pytest.mark.parametrize("stoppable", [Start(options=("--num_workers", "2"))], indirect=True)
def test_every_worker_writes_what_it_knows(stoppable: Stoppable) -> None:
    stoppable.upstream.on("large", says("Ten days."))
    with ThreadPoolExecutor(8) as threads:
        asking = [threads.submit(stoppable.gateway.post, "/v1/chat/completions", _CHAT) for _ in range(24)]
        answers = [one.result() for one in asking]
    stoppable.end(signal.SIGTERM)
    asked = [_request_id(answer) for answer in answers]
    assert stoppable.statuses() == dict.fromkeys(asked, "ok")
    assert stoppable.traced() == set(asked)


@pytest.mark.parametrize("stoppable", [Start({"shutdown_timeout": "2s"})], indirect=True)
def test_traces_that_nobody_took_at_the_end_are_said_with_the_command_that_sends_them_again(
    stoppable: Stoppable,
) -> None:
    stoppable.upstream.on("large", says("Ten days."))
    stoppable.langfuse.status = 503
    asked = [_request_id(stoppable.gateway.post("/v1/chat/completions", _CHAT)) for _ in range(3)]
    stoppable.end(signal.SIGTERM)
    (line,) = [line for line in stoppable.gateway.log.splitlines() if "thriftgate langfuse backfill --since 20" in line]
    assert "traces and scores could not be sent before the end; the ledger has them" in line
    assert stoppable.statuses() == dict.fromkeys(asked, "ok")
    assert stoppable.traced() == set()


@pytest.mark.parametrize("stoppable", [Start({"shutdown_timeout": "2s"})], indirect=True)
def test_a_ledger_that_is_away_at_the_end_is_said_with_what_was_lost(stoppable: Stoppable) -> None:
    stoppable.upstream.on("large", says("Ten days."))
    for _ in range(3):
        assert stoppable.gateway.post("/v1/chat/completions", _CHAT).status_code == 200
    pid_file = stoppable.gateway.folder / ".thriftgate" / "postgres" / "postmaster.pid"
    subprocess.run(["kill", "-QUIT", pid_file.read_text().split()[0]], check=True)
    assert eventually(lambda: not pid_file.exists())
    stoppable.end(signal.SIGTERM)
    assert "lost: 3 ledger records could not be written before the end" in stoppable.gateway.log
    assert len(stoppable.traced()) == 3


def _request_id(response: httpx.Response) -> str:
    assert response.status_code == 200, response.text
    return response.headers["x-thriftgate-request-id"]
