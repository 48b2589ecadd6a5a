"""`thriftgate up` beside a Redis that cannot do what is asked of it: said at the start, and what requests meet then."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from redis import Redis
from redis.exceptions import OutOfMemoryError
from tests.proxy.conftest import ROOT, free_port
from tests.proxy.scrape import read_series, total
from tests.proxy.waiting import eventually
from tests.slow import SLOW
from tests.stores.redis_process import RedisProcess
from tests.stores.redis_query_engine import engine_beside

pytestmark = [pytest.mark.xdist_group("start"), pytest.mark.timeout(300)]

LIMITS = {"rules": [{"per": "key", "requests": {"per_minute": 60_000}}]}
QUESTION = "How do I change my e-mail address?"


@dataclass
class Started:
    """A gateway that is up."""

    base_url: str
    folder: Path

    @property
    def said(self) -> list[str]:
        return (self.folder / "up.log").read_text().splitlines()

    @property
    def key(self) -> str:
        return (self.folder / ".thriftgate" / "master_key").read_text().strip()

    def ask(self) -> httpx.Response:
        body = {"model": "support", "messages": [{"role": "user", "content": QUESTION}]}
        return httpx.post(f"{self.base_url}/v1/chat/completions", json=body, headers=self._headers, timeout=60)

    def outage(self, name: str) -> dict[str, Any]:
        status = httpx.get(f"{self.base_url}/thriftgate/status", headers=self._headers, timeout=60).json()
        return {one["name"]: one for one in status["outages"]}.get(name, {"why": None})

    def missed(self, cause: str) -> float:
        return total(read_series(self.base_url, self.key), "thriftgate_cache_unavailable_total", cause=cause)

    @property
    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}


@contextmanager
def up(redis_url: str, **section: Any) -> Generator[Started]:
    """What an operator starts, with the shipped configuration and this Redis."""
    folder = Path(tempfile.mkdtemp(prefix="thriftgate-up-redis-"))
    folder.chmod(0o755)  # the embedded database runs as a system user of its own when we are root
    config = yaml.safe_load((ROOT / "litellm_config.yaml").read_text())
    config["callback_settings"]["thriftgate"] |= {"redis_url": redis_url, **section}
    (folder / "litellm_config.yaml").write_text(yaml.safe_dump(config))
    shutil.copytree(ROOT / "prompts", folder / "prompts")
    port = free_port()
    argv = [sys.executable, "-m", "thriftgate", "up", "--port", str(port), "--demo-port", str(free_port())]
    with (folder / "up.log").open("wb") as log:
        process = subprocess.Popen(argv, cwd=folder, stdout=log, stderr=subprocess.STDOUT, env=os.environ)
    started = Started(f"http://127.0.0.1:{port}", folder)
    try:
        assert eventually(lambda: "Until that is put right" in "".join(started.said) or process.poll() is not None, 240)
        assert process.poll() is None, started.said
        yield started
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisProcess]:
    with RedisProcess(tmp_path) as redis:
        yield redis


def test_a_wrong_password_is_said_and_without_counted_limits_everybody_is_refused(redis: RedisProcess) -> None:
    with Redis(port=redis.port) as client:
        client.config_set("requirepass", "hunter2")
    with up(redis.url.replace("//", "//:wrong@"), limits=LIMITS) as started:
        assert started.said[-1] == (
            "Redis refuses the user or password of redis_url. Until that is put right, requests are refused, because"
            " nobody can count what limits allow them."
        )
        assert started.ask().status_code == 503
        assert started.outage("the store of limits")["why"] == "it refuses our user or password"


def fill(client: Redis) -> None:
    """Until it takes no more."""
    for number in range(4096):
        client.set(f"filler {number}", "x" * 4096)


def test_a_full_redis_is_said_and_requests_are_answered_though_nothing_is_kept(redis: RedisProcess) -> None:
    with Redis(port=redis.port) as client, ExitStack() as at_the_end:
        client.config_set("maxmemory", "4mb")
        with pytest.raises(OutOfMemoryError):
            fill(client)
        started = at_the_end.enter_context(up(at_the_end.enter_context(engine_beside(redis.port))))
        assert started.said[-1] == (
            "Redis: its 4 MiB are full and it takes no new answers (noeviction): raise maxmemory, or let volatile-lru"
            " make room. Until that is put right, no new answer is kept; those that are there are given again."
        )
        assert [started.ask().status_code for _ in range(3)] == [200] * 3
        assert eventually(lambda: started.outage("room in the cache")["why"] == "it is full and takes nothing new")
        since = started.outage("room in the cache")["since"]
        assert since is not None
        assert started.ask().headers["x-thriftgate-decision"] != "exact_hit"
        cost = "of 4 requests the answer was not kept; those that are there are given again"
        assert eventually(lambda: started.outage("room in the cache")["cost"] == cost)
        assert started.outage("room in the cache")["since"] == since, "it is away since it was first noticed"
        client.config_set("maxmemory", 0)
        assert eventually(lambda: started.ask().headers["x-thriftgate-decision"] == "exact_hit")
        assert started.outage("room in the cache")["since"] is None


@SLOW
@pytest.mark.parametrize(
    ("fault", "said", "cause"),
    [
        ("away", "Redis: there is no answer: see that redis_url is right, and that Redis runs", "unreachable"),
        ("no query engine", "has no query engine: this build lacks the module, as Debian's does", "no_query_engine"),
        ("silent", "Redis does not answer in time: see that redis_url is right", "time_out"),
    ],
)
def test_what_leaves_the_cache_away_is_said_and_counted_under_its_cause(
    redis: RedisProcess, fault: str, said: str, cause: str
) -> None:
    if fault == "away":
        redis.stop()
    if fault == "silent":
        redis.freeze()
    try:
        with up(redis.url) as started:
            assert said in started.said[-1]
            assert started.said[-1].endswith("Until that is put right, requests are answered without the cache.")
            answers = [started.ask() for _ in range(3)]
            assert [(one.status_code, one.headers["x-thriftgate-cache"]) for one in answers] == [
                (200, "unavailable")
            ] * 3
            assert eventually(lambda: started.missed(cause) == 3)
    finally:
        if fault == "silent":
            redis.thaw()
