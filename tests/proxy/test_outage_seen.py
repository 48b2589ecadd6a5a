"""A cache that is away is seen wherever somebody looks: header, ledger, trace, metrics, status, page, doctor, log."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator

import httpx
import pytest
from pytest_httpserver import HTTPServer
from tests.proxy.conftest import MASTER_KEY, SCRAPER_TOKEN
from tests.proxy.scrape import read_series, total
from tests.proxy.stored import stored
from tests.proxy.traced import TracedGateway, traced_gateway
from tests.proxy.upstream import says
from tests.proxy.waiting import eventually
from tests.stores.redis_process import RedisProcess

pytestmark = [pytest.mark.xdist_group("proxy-outage"), pytest.mark.timeout(400)]

REASON = "this build of Redis lacks the query engine; the official image has it"
ASKED = 6


@pytest.fixture(scope="module")
def traced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TracedGateway]:
    """A gateway whose Redis is there and cannot do what a cache takes."""
    redis, langfuse = RedisProcess(tmp_path_factory.mktemp("redis")), HTTPServer(threaded=True)
    langfuse.start()
    try:
        with redis, traced_gateway(langfuse, redis_url=redis.url) as traced:
            traced.upstream.on("small", says("Ten days."))
            yield traced
    finally:
        langfuse.clear()
        langfuse.stop()


def test_requests_go_on_and_everybody_says_why_they_cost_more(traced: TracedGateway) -> None:
    answers = [traced.ask("cached") for _ in range(ASKED)]
    assert [answer.status_code for answer in answers] == [200] * ASKED
    assert {answer.headers["x-thriftgate-cache"] for answer in answers} == {"unavailable"}

    (stage,) = [span for span in traced.traced(answers[-1]) if span.name == "cache"]
    assert stage.about("outcome") == "unavailable"

    def counted() -> float:
        found = read_series(traced.process.base_url, SCRAPER_TOKEN)
        return total(found, "thriftgate_cache_unavailable_total", route="cached", cause="no_query_engine")

    assert eventually(lambda: counted() == ASKED)

    (line,) = [one for one in traced.process.get_status()["outages"] if one["name"] == "the cache"]
    assert line["why"] == REASON
    assert line["since"] is not None
    assert f"{ASKED} requests went on without it" in line["cost"]

    page = httpx.get(f"{traced.process.base_url}/thriftgate", headers=traced.process.headers(MASTER_KEY), timeout=60)
    assert REASON in page.text

    rows = asyncio.run(stored(traced.process.folder))["table thriftgate.requests"]
    assert rows.count("no_query_engine") >= ASKED

    argv = [
        sys.executable,
        "-m",
        "thriftgate",
        "doctor",
        "config.yaml",
        "--base-url",
        traced.process.base_url,
        "--json",
    ]
    environment = {**os.environ, "LITELLM_MASTER_KEY": MASTER_KEY}
    done = subprocess.run(
        argv, cwd=traced.process.folder, env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    findings = json.loads(done.stdout)
    assert done.returncode == 1
    outages = [one["words"] for one in findings if one["subject"] == "outages"]
    assert any(REASON in words and f"{ASKED} requests" in words for words in outages), outages
    redis = [one["words"] for one in findings if (one["subject"], one["status"]) == ("Redis", "failed")]
    assert len(redis) == 1
    assert "has no query engine" in redis[0]

    # One a minute for requests and background jobs together, of which one alone tries every two seconds.
    warnings = [line for line in traced.process.log.splitlines() if REASON in line]
    assert 0 < len(warnings) < ASKED, warnings
