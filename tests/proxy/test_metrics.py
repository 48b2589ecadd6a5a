"""Metrics and the request log of a real proxy with two workers: whoever is scraped speaks for both."""

import json
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import (
    text_string_to_metric_families as parse_text,  # pyright: ignore[reportUnknownVariableType]
)
from pytest_httpserver import HTTPServer
from tests.proxy.conftest import (
    CLIENT_KEY,
    MASTER_KEY,
    GatewayProcess,
    deployment,
    free_port,
    gateway_config,
    route,
    start_proxy,
    stop,
    wait_until_alive,
)
from tests.proxy.upstream import Upstream, says
from tests.proxy.waiting import eventually

from thriftgate.services.metrics_catalogue import FAMILIES

pytestmark = pytest.mark.xdist_group("metrics")

TOKEN = "scraper-token-of-the-tests"
PATH = "/thriftgate/metrics"
Series = dict[tuple[str, frozenset[tuple[str, str]]], float]


@pytest.fixture(scope="module")
def two_workers(provider_server: HTTPServer) -> Iterator[GatewayProcess]:
    upstream = Upstream(provider_server)
    upstream.on("small", says("Five days."))
    folder = Path(tempfile.mkdtemp(prefix="thriftgate-metrics-"))
    folder.chmod(0o755)
    config: dict[str, Any] = gateway_config(upstream.base_url)
    ours = config["callback_settings"]["thriftgate"]
    ours |= {"metrics": {"token": TOKEN}, "logs": {"format": "json"}, "routes": {"support": ours["routes"]["support"]}}
    config["model_list"] = [*(deployment(name, upstream.base_url) for name in ("small", "large")), route("support")]
    port = free_port()
    process = start_proxy(folder, config, port, "--num_workers", "2", TIMEOUT_WORKER_HEALTHCHECK="300")
    base_url = f"http://127.0.0.1:{port}"
    try:
        wait_until_alive(process, base_url, folder)
        yield GatewayProcess(base_url, folder, upstream)
    finally:
        stop(process)
        shutil.rmtree(folder, ignore_errors=True)


def read(gateway: GatewayProcess, key: str = TOKEN, path: str = PATH) -> httpx.Response:
    return httpx.get(f"{gateway.base_url}{path}", headers={"Authorization": f"Bearer {key}"}, timeout=30)


def series(gateway: GatewayProcess) -> Series:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in parse_text(read(gateway).text)
        for sample in family.samples
    }


def total(found: Series, name: str, **labels: str) -> float:
    return sum(value for (one, pairs), value in found.items() if one == name and labels.items() <= dict(pairs).items())


def test_two_workers_count_as_one_and_name_nobody(two_workers: GatewayProcess) -> None:
    assert eventually(lambda: total(series(two_workers), "thriftgate_workers") == 2, 60), two_workers.log[-3000:]
    for number in range(8):
        body = {"model": "support", "messages": [{"role": "user", "content": f"A secret question, number {number}?"}]}
        assert two_workers.post("/v1/chat/completions", body).status_code == 200
    requests = "thriftgate_requests_total"
    assert eventually(lambda: total(series(two_workers), requests, route="support", status="ok") == 8, 15)
    looks = [series(two_workers) for _ in range(6)]
    assert [total(found, requests, status="ok") for found in looks] == [8] * 6, "whichever worker answers"
    found = looks[-1]
    assert total(found, "thriftgate_request_duration_seconds_count", route="support") == 8
    assert total(found, "thriftgate_stage_duration_seconds_count", stage="cascade") == 8
    assert total(found, "thriftgate_cost_usd_total") > 0
    assert total(found, "thriftgate_tokens_total", kind="prompt") > 0
    assert (
        total(found, "thriftgate_baseline_cost_usd_total") - total(found, "thriftgate_cost_usd_total")
    ) == pytest.approx(total(found, "thriftgate_saved_usd"))
    assert {dict(pairs)["group"] for (name, pairs) in found if name == "thriftgate_deployment_cooling_down"} == {
        "small", "large",
    }  # fmt: skip
    exposed = {family.name for family in parse_text(read(two_workers).text)}
    assert exposed == {name.removesuffix("_total") for name in FAMILIES}
    assert not re.search(r"ada|acme|secret", read(two_workers).text)


def test_only_operators_and_the_scraper_may_read_them(two_workers: GatewayProcess) -> None:
    assert httpx.get(f"{two_workers.base_url}{PATH}").status_code == 401
    assert read(two_workers, CLIENT_KEY).status_code == 403
    assert read(two_workers, MASTER_KEY).status_code == 200
    # LiteLLM's own guard stands before the usual name: it knows keys, and not our token.
    assert read(two_workers, MASTER_KEY, "/metrics").status_code == 200
    assert read(two_workers, CLIENT_KEY, "/metrics").status_code == 403
    assert read(two_workers, TOKEN, "/metrics").status_code == 401


def test_each_request_is_one_line_of_json_that_says_nothing_of_what_was_said(two_workers: GatewayProcess) -> None:
    body = {"model": "support", "messages": [{"role": "user", "content": "Another secret question?"}]}
    answer = two_workers.post("/v1/chat/completions", body)
    request_id = answer.headers["x-thriftgate-request-id"]
    assert eventually(lambda: request_id in two_workers.log)
    lines = [json.loads(line) for line in two_workers.log.splitlines() if line.startswith('{"message": "request"')]
    (said,) = [line for line in lines if line["request_id"] == request_id]
    assert said["route"] == "support"
    assert said["decision"] == answer.headers["x-thriftgate-decision"]
    assert said["cost_usd"] == pytest.approx(float(answer.headers["x-thriftgate-cost"]))
    assert said["duration"] > 0
    assert "secret question" not in two_workers.log
