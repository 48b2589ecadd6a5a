"""Two gateways on one store grant what one would."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from pytest_httpserver import HTTPServer
from tests.proxy.conftest import GatewayProcess, limited_config, running
from tests.proxy.test_limits import PATHS
from tests.proxy.upstream import Upstream, says, slow
from tests.stores.redis_process import RedisProcess

pytestmark = [pytest.mark.xdist_group("proxy-shared"), pytest.mark.timeout(300)]

ALICE, BOB = "sk-app-acme-alice", "sk-app-acme-bob"


@pytest.fixture(scope="module")
def two(provider_server: HTTPServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[GatewayProcess]]:
    """Gateways whose limits lie in one Redis: ten requests of a team, and hardly any refill."""
    redis, upstream = RedisProcess(tmp_path_factory.mktemp("redis")), Upstream(provider_server)
    rules = [{"per": "team", "model": "direct", "requests": {"per_minute": 0.1, "burst": 10}}]
    config = limited_config(upstream.base_url, {"rules": rules}, "direct", redis_url=redis.url)
    with redis, ExitStack() as both:
        yield [both.enter_context(running(f"shared-{name}", config, upstream)) for name in "ab"]


def test_a_team_gets_ten_requests_of_both_together_however_they_come(two: list[GatewayProcess]) -> None:
    two[0].upstream.on("direct", slow(0.1, says("Five days.")))
    ways = [(gateway, path, who) for gateway in two for path in PATHS for who in (ALICE, BOB) for _ in range(3)]

    def ask(way: tuple[GatewayProcess, str, str]) -> int:
        gateway, path, who = way
        return gateway.post(path, {**PATHS[path], "model": "direct"}, who).status_code

    with ThreadPoolExecutor(12) as threads:
        assert Counter(threads.map(ask, ways)) == {200: 10, 429: len(ways) - 10}
