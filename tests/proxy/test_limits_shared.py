"""Two gateways on one store grant what one would; one that is stopped serves or refuses by name whoever waits."""

import os
import signal
import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer
from tests.proxy.conftest import (
    GatewayProcess,
    everywhere,
    free_port,
    gateway_config,
    running,
    start_proxy,
    wait_until_alive,
)
from tests.proxy.test_limits import PATHS
from tests.proxy.upstream import Upstream, says, slow
from tests.proxy.waiting import eventually
from tests.stores.redis_process import BINARY, RedisProcess

pytestmark = [pytest.mark.xdist_group("proxy-shared"), pytest.mark.timeout(300)]

ALICE, BOB = "sk-app-acme-alice", "sk-app-acme-bob"


@pytest.fixture(scope="module")
def two(provider_server: HTTPServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[GatewayProcess]]:
    """Gateways whose limits lie in one Redis: ten requests of a team, and hardly any refill."""
    if BINARY is None:
        pytest.skip("there is no redis-server on this machine (apt-get install redis-server)")
    redis, upstream = RedisProcess(tmp_path_factory.mktemp("redis")), Upstream(provider_server)
    redis.start()
    config = gateway_config(upstream.base_url)
    config["model_list"].append(everywhere("direct", upstream.base_url))
    rules = [{"per": "team", "model": "direct", "requests": {"per_minute": 0.1, "burst": 10}}]
    config["callback_settings"]["thriftgate"] |= {"redis_url": redis.url, "limits": {"rules": rules}}
    try:
        with ExitStack() as both:
            yield [both.enter_context(running(f"shared-{name}", config, upstream)) for name in "ab"]
    finally:
        redis.stop()


def test_a_team_gets_ten_requests_of_both_together_however_they_come(two: list[GatewayProcess]) -> None:
    two[0].upstream.on("direct", slow(0.1, says("Five days.")))
    ways = [(gateway, path, who) for gateway in two for path in PATHS for who in (ALICE, BOB) for _ in range(3)]

    def ask(way: tuple[GatewayProcess, str, str]) -> int:
        gateway, path, who = way
        return gateway.post(path, {**PATHS[path], "model": "direct"}, who).status_code

    with ThreadPoolExecutor(12) as threads:
        assert Counter(threads.map(ask, ways)) == {200: 10, 429: len(ways) - 10}


def test_whoever_waits_when_a_gateway_is_stopped_is_served_or_told(provider_server: HTTPServer) -> None:
    upstream = Upstream(provider_server)
    config = gateway_config(upstream.base_url)
    config["callback_settings"]["thriftgate"] |= {
        "drain": "20s",
        "limits": {"concurrency": {"plain": {"most": 1, "adaptive": False}}, "queue": {"max_wait": "10s"}},
    }
    upstream.on("large", slow(0.5, says("Five days.")))
    folder = Path(tempfile.mkdtemp(prefix="thriftgate-waiting-"))
    folder.chmod(0o755)
    port = free_port()
    process = start_proxy(folder, config, port)
    gateway = GatewayProcess(f"http://127.0.0.1:{port}", folder, upstream)
    try:
        wait_until_alive(process, gateway.base_url, folder)
        with ThreadPoolExecutor(6) as threads:
            ways = [(path, stream) for path in PATHS for stream in (False, True)]
            asked = [
                threads.submit(gateway.post, path, {**PATHS[path], "model": "plain", "stream": stream}, ALICE)
                for path, stream in ways
            ]
            assert eventually(lambda: len(upstream.asked("large")) == 2), "the others wait"
            os.kill(process.pid, signal.SIGTERM)
            answers = [one.result() for one in asked]
        process.wait(60)
        assert [answer.status_code for answer in answers] == [200] * len(ways)
        assert all("days." in answer.text for answer in answers)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
