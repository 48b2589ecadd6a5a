"""Metrics and the request log of a real proxy. That several workers count as one: see `test_start.py`."""

import json
import re

import httpx
import pytest
from prometheus_client.parser import (
    text_string_to_metric_families as parse_text,  # pyright: ignore[reportUnknownVariableType]
)
from tests.proxy.conftest import CLIENT_KEY, MASTER_KEY, SCRAPER_TOKEN, GatewayProcess
from tests.proxy.scrape import PATH, Series, read_series, total
from tests.proxy.upstream import says
from tests.proxy.waiting import eventually

from thriftgate.services.telemetry.catalogue import FAMILIES

pytestmark = pytest.mark.xdist_group("proxy")

SECRET = "A secret question, number"


def read(gateway: GatewayProcess, key: str = SCRAPER_TOKEN, path: str = PATH) -> httpx.Response:
    return httpx.get(f"{gateway.base_url}{path}", headers={"Authorization": f"Bearer {key}"}, timeout=30, verify=False)


def series(gateway: GatewayProcess) -> Series:
    return read_series(gateway.base_url, SCRAPER_TOKEN)


def ask(gateway: GatewayProcess, number: int) -> httpx.Response:
    body = {"model": "support", "messages": [{"role": "user", "content": f"{SECRET} {number}?"}]}
    return gateway.post("/v1/chat/completions", body)


def test_what_a_request_did_is_what_the_metrics_say_it_did(gateway: GatewayProcess) -> None:
    gateway.upstream.on("small", says("Five days."))
    before = series(gateway)
    answers = [ask(gateway, number) for number in range(3)]
    assert [answer.status_code for answer in answers] == [200] * 3

    def grew(name: str, **labels: str) -> float:
        return total(series(gateway), name, **labels) - total(before, name, **labels)

    assert eventually(
        lambda: grew("thriftgate_requests_total", route="support", decision="accepted", tier="small") == 3
    )
    assert grew("thriftgate_request_duration_seconds_count", route="support") == 3
    assert grew("thriftgate_stage_duration_seconds_count", stage="cascade", route="support") == 3
    assert grew("thriftgate_tokens_total", model="small", route="support", kind="prompt") == 30
    spent = sum(float(answer.headers["x-thriftgate-cost"]) for answer in answers)
    saved = sum(float(answer.headers["x-thriftgate-saved"]) for answer in answers)
    assert grew("thriftgate_cost_usd_total", route="support") == pytest.approx(spent)
    assert grew("thriftgate_saved_usd", route="support") == pytest.approx(saved)
    assert grew("thriftgate_baseline_cost_usd_total", route="support") == pytest.approx(spent + saved)


def test_a_scrape_has_every_metric_the_breakers_state_and_nobodys_name(gateway: GatewayProcess) -> None:
    gateway.upstream.on("small", says("Five days."))
    ask(gateway, 4)
    text = read(gateway).text
    assert {family.name for family in parse_text(text)} == {name.removesuffix("_total") for name in FAMILIES}
    groups = {dict(pairs)["group"] for name, pairs in series(gateway) if name == "thriftgate_deployment_cooling_down"}
    assert {"small", "large", "ha-strong"} <= groups
    assert not re.search(r"\bada\b|acme|secret", text)


def test_only_operators_and_the_scraper_may_read_them(gateway: GatewayProcess) -> None:
    assert httpx.get(f"{gateway.base_url}{PATH}").status_code == 401
    assert read(gateway, CLIENT_KEY).status_code == 403
    assert read(gateway, MASTER_KEY).status_code == 200
    # LiteLLM's own guard stands before the usual name: it knows keys, and not our token.
    assert read(gateway, MASTER_KEY, "/metrics").status_code == 200
    assert read(gateway, CLIENT_KEY, "/metrics").status_code == 403
    assert read(gateway, SCRAPER_TOKEN, "/metrics").status_code == 401


def test_the_scrapers_token_opens_nothing_else(gateway: GatewayProcess) -> None:
    assert read(gateway, SCRAPER_TOKEN, "/thriftgate/status").status_code == 401
    assert gateway.post("/v1/chat/completions", {"model": "support", "messages": []}, SCRAPER_TOKEN).status_code == 401


def test_the_status_of_a_period_has_its_figures(gateway: GatewayProcess) -> None:
    assert "figures" not in read(gateway, MASTER_KEY, "/thriftgate/status").json()
    figures = read(gateway, MASTER_KEY, "/thriftgate/status?period=24h").json()["figures"]
    assert figures["spent_usd"] == pytest.approx(figures["cost_usd"] + figures["checking_cost_usd"])
    assert "support" in figures["quality"]
    assert read(gateway, MASTER_KEY, "/thriftgate/status?period=1y").status_code == 422


def test_each_request_is_one_line_of_json_that_says_nothing_of_what_was_said(gateway: GatewayProcess) -> None:
    gateway.upstream.on("small", says("Five days."))
    answer = ask(gateway, 5)
    request_id = answer.headers["x-thriftgate-request-id"]
    assert eventually(lambda: request_id in gateway.log)
    lines = [json.loads(line) for line in gateway.log.splitlines() if line.startswith('{"message": "request"')]
    (said,) = [line for line in lines if line["request_id"] == request_id]
    assert said["route"] == "support"
    assert said["decision"] == answer.headers["x-thriftgate-decision"]
    assert said["cost_usd"] == pytest.approx(float(answer.headers["x-thriftgate-cost"]))
    assert said["duration"] > 0
    assert SECRET not in gateway.log
