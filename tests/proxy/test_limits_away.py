"""Limits whose store is away refuse in each dialect until it is back, or hold a fraction; in shadow they only count."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from pytest_httpserver import HTTPServer
from tests.proxy.conftest import SCRAPER_TOKEN, GatewayProcess, limited_config, running
from tests.proxy.scrape import read_series, total
from tests.proxy.test_limits import PATHS, QUESTION
from tests.proxy.upstream import Upstream, says
from tests.proxy.waiting import eventually
from tests.stores.redis_process import RedisProcess

pytestmark = [pytest.mark.xdist_group("proxy-outage"), pytest.mark.timeout(300)]

RULES = [{"per": "key", "requests": {"per_minute": 60_000}}]
TIGHT = [{"per": "key", "requests": {"per_minute": 1, "burst": 1}}]


@dataclass
class World:
    """A gateway, and the Redis that counts for it."""

    gateway: GatewayProcess
    redis: RedisProcess

    def asked(self) -> int:
        """How often a provider was asked."""
        return sum(len(self.gateway.upstream.asked(model)) for model in ("small", "large", "direct"))

    def statuses(self, model: str) -> list[int]:
        return [self.gateway.post(path, {**body, "model": model}).status_code for path, body in PATHS.items()]


@pytest.fixture(scope="module")
def world(provider_server: HTTPServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Limits that are kept in a Redis of its own."""
    redis, upstream = RedisProcess(tmp_path_factory.mktemp("redis")), Upstream(provider_server)
    config = limited_config(upstream.base_url, {"rules": RULES}, "direct", redis_url=redis.url)
    with redis, running("limits-away", config, upstream) as gateway:
        for model in ("small", "large", "direct"):
            upstream.on(model, says("Five days."))
        yield World(gateway, redis)


@pytest.mark.parametrize("how", ["frozen", "gone"])
def test_while_the_store_is_away_everything_is_refused_in_the_caller_s_dialect_and_after_it_is_served(
    world: World, how: str
) -> None:
    assert world.statuses("direct") == world.statuses("support") == [200, 200, 200]
    asked = world.asked()
    if how == "frozen":
        world.redis.freeze()
    else:
        world.redis.stop()
    try:
        for model in ("direct", "support"):
            for path, body in PATHS.items():
                for stream in (False, True):
                    refused = world.gateway.post(path, {**body, "model": model, "stream": stream})
                    assert refused.status_code == 503
                    assert int(refused.headers["retry-after"]) >= 1
                    assert "limits" in refused.json()["error"]["message"]
                    assert (refused.json().get("type") == "error") == (path == "/v1/messages")
        assert world.asked() == asked, "a provider was asked for what no limit let in"
        (line,) = [one for one in world.gateway.get_status()["outages"] if one["name"] == "the store of limits"]
        assert line["since"] is not None
    finally:
        if how == "frozen":
            world.redis.thaw()
        else:
            world.redis.start()
    assert eventually(lambda: world.statuses("direct") == [200, 200, 200])
    assert world.statuses("support") == [200, 200, 200]


def test_where_the_operator_chose_a_fraction_each_worker_holds_that_much_of_a_limit_while_its_store_is_away(
    provider_server: HTTPServer, tmp_path_factory: pytest.TempPathFactory
) -> None:
    redis, upstream = RedisProcess(tmp_path_factory.mktemp("redis")), Upstream(provider_server)
    # Eight at once, and hardly any more while this runs; a quarter of it is two.
    limits = {
        "rules": [{"per": "key", "requests": {"per_minute": 0.1, "burst": 8}}],
        "on_outage": "fraction",
        "fraction": 0.25,
    }
    config = limited_config(upstream.base_url, limits, "direct", redis_url=redis.url)
    with redis, running("limits-fraction", config, upstream) as gateway:
        upstream.on("direct", says("Five days."))
        world = World(gateway, redis)
        assert world.statuses("direct") == [200, 200, 200]
        redis.stop()
        while_away = [*world.statuses("direct"), *world.statuses("direct")]
        assert while_away == [200, 200, 429, 429, 429, 429]
        assert world.asked() == 5
        redis.start()  # it has forgotten everything: the limit is full
        assert eventually(lambda: world.statuses("direct") == [200, 200, 200])


@pytest.fixture(scope="module")
def shadowed(provider_server: HTTPServer) -> Iterator[GatewayProcess]:
    """Limits that only watch."""
    upstream = Upstream(provider_server)
    config = limited_config(upstream.base_url, {"rules": TIGHT, "shadow": True}, "direct")
    with running("limits-shadow", config, upstream) as gateway:
        for model in ("small", "large", "direct"):
            upstream.on(model, says("Five days."))
        yield gateway


@pytest.mark.parametrize("model", ["direct", "support"])
def test_limits_in_shadow_let_everybody_in_and_count_whom_they_would_have_refused(
    shadowed: GatewayProcess, model: str
) -> None:
    def counted() -> float:
        found = read_series(shadowed.base_url, SCRAPER_TOKEN)
        return total(found, "thriftgate_limit_verdicts_total", verdict="would_refuse", limit="requests", per="key")

    before, key = counted(), f"sk-{model}-acme-eve"
    for path, body in PATHS.items():
        for stream in (False, True):
            answer = shadowed.post(path, {**body, "model": model, "stream": stream}, key)
            assert answer.status_code == 200
            assert "days." in answer.text
    assert eventually(lambda: counted() - before == 2 * len(PATHS) - 1), "all but the first"
    assert QUESTION[0]["content"] not in shadowed.log
