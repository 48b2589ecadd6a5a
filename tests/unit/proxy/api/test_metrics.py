"""Who may read the metrics, under which names, and what a scrape says of workers it did not ask."""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import pytest
from fastapi import FastAPI, Request
from fastapi.responses import PlainTextResponse
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.routing import Route
from tests.fakes import FakeClock

from thriftgate.config import MetricsConfig
from thriftgate.proxy.api.metrics import MetricsReader, metrics_api
from thriftgate.services.books.standing import RouteStanding
from thriftgate.services.request.background import BackgroundTasks
from thriftgate.services.telemetry.metrics import Metrics
from thriftgate.services.telemetry.state import StandingWatch
from thriftgate.stores.files.metrics import MetricFiles
from thriftgate.types import DecisionKind, RequestRecord

TOKEN = "scraper-token-0123456789"
BOTH = ("/thriftgate/metrics", "/metrics")


@dataclass(frozen=True)
class OneDeployment:
    group: str
    model: str
    deployment_id: str
    is_cooling_down: bool


class Deployments:
    def __init__(self, *cooling: bool) -> None:
        self.cooling = cooling

    async def states(self) -> Sequence[OneDeployment]:
        return [OneDeployment("large", "openai/gpt-5", str(place), cold) for place, cold in enumerate(self.cooling)]


async def no_standings() -> Sequence[RouteStanding]:
    return ()


def board(
    folder: Path, metrics: Metrics | None = None, *cooling: bool, deployments: Deployments | None = None
) -> MetricsReader:
    background = BackgroundTasks()
    return MetricsReader(
        metrics or Metrics(),
        MetricFiles(folder),
        queues={},
        background=background,
        deployments=deployments or Deployments(*cooling),  # pyright: ignore[reportArgumentType]  the proxy's own class needs litellm
        standings=StandingWatch(no_standings, background, FakeClock()),
    )


async def is_operator(key: str, request: Request) -> bool:
    return key == "sk-admin"


def litellms_own(request: Request) -> PlainTextResponse:
    return PlainTextResponse("litellm's own")


def client(config: MetricsConfig, folder: Path, *, mounted: bool = False) -> httpx.AsyncClient:
    app, one = FastAPI(), board(folder)
    app.include_router(metrics_api(lambda: one, config, is_operator))
    if mounted:
        theirs = Starlette(routes=[Route("/{rest:path}", litellms_own)])
        app.mount("/metrics", theirs)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://proxy", follow_redirects=True)


@pytest.mark.parametrize("path", BOTH)
@pytest.mark.parametrize(
    ("config", "key", "status"),
    [
        (MetricsConfig(), None, 401),
        (MetricsConfig(), "sk-somebody", 403),
        (MetricsConfig(), "sk-admin", 200),
        (MetricsConfig(), TOKEN, 403),
        (MetricsConfig(token=TOKEN), TOKEN, 200),
        (MetricsConfig(token=TOKEN), TOKEN + "x", 403),
        (MetricsConfig(token=TOKEN), None, 401),
        (MetricsConfig(token=TOKEN), "sk-admin", 200),
        (MetricsConfig(public=True), None, 200),
    ],
)
async def test_only_operators_the_token_and_whom_the_operator_lets_may_read(
    path: str, config: MetricsConfig, key: str | None, status: int, tmp_path: Path
) -> None:
    async with client(config, tmp_path) as http:
        answer = await http.get(path, headers={"Authorization": f"Bearer {key}"} if key else {})
    assert answer.status_code == status
    assert ("thriftgate_workers" in answer.text) == (status == 200)


async def test_where_litellm_serves_its_own_metrics_ours_keep_their_path(tmp_path: Path) -> None:
    async with client(MetricsConfig(public=True), tmp_path, mounted=True) as http:
        assert (await http.get("/metrics")).text == "litellm's own"
        assert "thriftgate_workers 1.0" in (await http.get("/thriftgate/metrics")).text


def request(route: str) -> RequestRecord:
    return RequestRecord(request_id="x", route=route, started_at=0, duration=1, decision=DecisionKind.ACCEPTED)


async def test_a_scrape_of_one_worker_speaks_for_all(tmp_path: Path) -> None:
    counts = Metrics(), Metrics()
    one, other = board(tmp_path, counts[0], False), board(tmp_path, counts[1], False, True)
    counts[0].submit(request("support"))
    for _ in range(2):
        counts[1].submit(request("support"))
    await one.share()
    await other.share()
    for each in (one, other):
        body = (await each.exposition(""))[0].decode()
        assert 'thriftgate_requests_total{decision="accepted",route="support",status="ok",tier="none"} 3.0' in body
        assert "thriftgate_workers 2.0" in body
        assert 'cooling_down{deployment="openai/gpt-5",group="large"} 1.0' in body
    other.close()
    body = (await one.exposition(""))[0].decode()
    assert 'status="ok",tier="none"} 3.0' in body
    assert "thriftgate_workers 1.0" in body


@given(st.lists(st.tuples(st.integers(0, 1), st.sampled_from(["request", "scrape", "share"])), max_size=40))
async def test_no_counter_falls_whichever_worker_is_asked_next(steps: list[tuple[int, str]]) -> None:
    """Prometheus would take it for a restart, and add all that was counted once more."""
    with TemporaryDirectory() as folder:
        counts = Metrics(), Metrics()
        workers = [board(Path(folder), one) for one in counts]
        told, asked = 0.0, 0
        for worker in workers:
            await worker.share()
        for place, step in steps:
            if step == "request":
                counts[place].submit(request("support"))
                asked += 1
            elif step == "share":
                await workers[place].share()
            else:
                body = (await workers[place].exposition(""))[0].decode()
                found = re.search(r"^thriftgate_requests_total\{.*\} (\S+)$", body, re.MULTILINE)
                now = float(found[1]) if found else 0.0
                assert told <= now <= asked
                told = now
        for worker in workers:
            worker.close()


async def test_scrapes_at_the_same_time_leave_the_last_word_in_the_file(tmp_path: Path) -> None:
    counts = Metrics(), Metrics()
    one, other = board(tmp_path, counts[0]), board(tmp_path, counts[1])
    scrapes: list[asyncio.Task[tuple[bytes, str]]] = []
    for _ in range(20):
        counts[0].submit(request("support"))
        scrapes.append(asyncio.create_task(one.exposition("")))
        await asyncio.sleep(0)
    await asyncio.gather(*scrapes)
    assert 'tier="none"} 20.0' in (await other.exposition(""))[0].decode()


async def test_before_the_proxy_knows_its_deployments_there_are_metrics_without_them(tmp_path: Path) -> None:
    class Unknown(Deployments):
        async def states(self) -> Sequence[OneDeployment]:
            raise RuntimeError

    early = board(tmp_path, deployments=Unknown())
    await early.share()
    body = (await early.exposition(""))[0].decode()
    assert "thriftgate_workers 1.0" in body
    assert "cooling_down{" not in body


async def test_without_its_folder_a_worker_answers_for_itself(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").touch()
    metrics = Metrics()
    alone = board(tmp_path / "file" / "metrics", metrics)
    metrics.submit(request("support"))
    await alone.share()
    await alone.share()
    body = (await alone.exposition(""))[0].decode()
    assert 'thriftgate_requests_total{decision="accepted"' in body
    assert "thriftgate_metrics_problems_total 2.0" in body
    assert len(caplog.records) == 1, "said once, not every two seconds"
