"""Five seconds in which Redis says nothing, at twenty requests a second through the real proxy.

Nobody fails, everybody is told, and the answers that are kept there are given again as soon as it is back.
"""

import asyncio
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from pytest_httpserver import HTTPServer
from tests.proxy.conftest import SCRAPER_TOKEN
from tests.proxy.scrape import read_series, total
from tests.proxy.stored import stored
from tests.proxy.traced import TracedGateway, traced_gateway
from tests.proxy.upstream import says
from tests.proxy.waiting import eventually, settle
from tests.stores.redis_process import BINARY, WITH_ENGINE, RedisProcess
from tests.stores.redis_query_engine import engine_beside

pytestmark = [pytest.mark.xdist_group("proxy-outage"), pytest.mark.timeout(300)]

PER_SECOND, FROZEN = 20, 5
QUESTION = "How long is the return window for shoes?"


@dataclass
class World:
    """A gateway that keeps its answers in a Redis of its own."""

    gateway: TracedGateway
    redis: RedisProcess
    answers: list[httpx.Response] = field(default_factory=list[httpx.Response])

    def asked_for(self, seconds: float) -> list[httpx.Response]:
        """What became of requests at a steady rate, all of the same question, in the order they were sent."""
        with ThreadPoolExecutor(4 * PER_SECOND) as callers:
            asked: list[Future[httpx.Response]] = []
            for _ in range(int(seconds * PER_SECOND)):
                asked.append(callers.submit(self.gateway.ask, "cached", QUESTION))
                settle(1 / PER_SECOND)
        answers = [one.result() for one in asked]
        self.answers += answers
        return answers

    def missed(self) -> float:
        """How many requests the metrics say went on without the cache, since it was silent."""
        found = read_series(self.gateway.process.base_url, SCRAPER_TOKEN)
        return total(found, "thriftgate_cache_unavailable_total", route="cached", cause="time_out")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    # With its real query engine where there is one (scripts/query_engine.sh), else behind a stand-in for it.
    redis = RedisProcess(tmp_path_factory.mktemp("redis"), binary=WITH_ENGINE or BINARY)
    langfuse = HTTPServer(threaded=True)
    langfuse.start()
    try:
        with (
            redis,
            nullcontext(redis.url) if WITH_ENGINE else engine_beside(redis.port) as url,
            traced_gateway(langfuse, redis_url=url) as gateway,
        ):
            gateway.upstream.on("small", says("Ten days."))
            yield World(gateway, redis)
    finally:
        langfuse.clear()
        langfuse.stop()


def told(answer: httpx.Response) -> str:
    """`unavailable`, or how the request was answered."""
    return answer.headers.get("x-thriftgate-cache", answer.headers["x-thriftgate-decision"])


def hits_come_back(world: World) -> bool:
    """Whether four of five requests of a second are hits, soon: a machine that others keep busy has its bad seconds."""
    return eventually(lambda: [told(one) for one in world.asked_for(1)].count("exact_hit") >= 0.8 * PER_SECOND, 20)


def cache_line(world: World) -> dict[str, Any]:
    """What the status says of the cache."""
    (line,) = [one for one in world.gateway.process.get_status()["outages"] if one["name"] == "the cache"]
    return line


def away_since(world: World) -> float | None:
    return cache_line(world)["since"]


def test_a_frozen_redis_fails_nobody_is_told_and_counted_and_gives_its_hits_again_when_it_is_back(world: World) -> None:
    assert hits_come_back(world)
    world.redis.freeze()
    try:
        frozen = world.asked_for(FROZEN)
    finally:
        world.redis.thaw()
    # Nobody asks now; who looks at the status sees all the same that it is back.
    assert eventually(lambda: away_since(world) is None, 20)
    assert hits_come_back(world)

    assert {answer.status_code for answer in world.answers} == {200}
    assert len(frozen) == FROZEN * PER_SECOND
    assert {told(answer) for answer in frozen} == {"unavailable"}
    (stage,) = [span for span in world.gateway.traced(frozen[-1]) if span.name == "cache"]
    assert (stage.about("outcome"), stage.about("cause")) == ("unavailable", "time_out")

    silent = sum(told(answer) == "unavailable" for answer in world.answers)
    assert eventually(lambda: world.missed() == silent)
    rows = asyncio.run(stored(world.gateway.process.folder))["table thriftgate.requests"]
    assert rows.count('"time_out"') >= silent
    line = cache_line(world)
    assert line["since"] is None
    assert f"{silent} requests went on without it" in line["cost"]
