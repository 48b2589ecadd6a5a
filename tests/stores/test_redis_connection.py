"""A Redis that is refused, hung, back again, or not the one we need: against a real server that is really stopped."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.asyncio import Redis
from redis.exceptions import OutOfMemoryError, ResponseError
from tests.stores.redis_process import RedisProcess

from thriftgate.errors import ConfigurationError, StoreUnavailableError
from thriftgate.stores.breaker import CircuitBreaker
from thriftgate.stores.redis.connection import RedisServer, cause_of, reason_of
from thriftgate.stores.redis.keys import key_digest

# The breaker: pure.


def test_every_failed_try_doubles_the_pause_up_to_the_longest() -> None:
    breaker, now, pauses = CircuitBreaker(first_pause=1.0, longest_pause=5.0), 0.0, list[float]()
    for _ in range(5):
        breaker.failed(started_at=now, now=now)
        pauses.append(breaker.pause)
        now += breaker.pause
    assert pauses == [1.0, 2.0, 4.0, 5.0, 5.0]


def test_calls_that_fail_together_count_as_one_failure() -> None:
    one, many = CircuitBreaker(first_pause=1.0), CircuitBreaker(first_pause=1.0)
    one.failed(started_at=0.0, now=1.0)
    for late in range(50):
        many.failed(started_at=0.0 + late / 100, now=1.0)
    assert many == one


def test_a_success_closes_it_and_forgets_how_long_the_pauses_were() -> None:
    breaker = CircuitBreaker(first_pause=1.0)
    for now in (0.0, 10.0, 20.0):
        breaker.failed(started_at=now, now=now)
    breaker.succeeded()
    assert not breaker.is_open
    breaker.failed(started_at=30.0, now=30.0)
    assert breaker.pause == 1.0


# A real server.


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def process(tmp_path: Path) -> Iterator[RedisProcess]:
    """A server that a test may stop."""
    process = RedisProcess(tmp_path)
    yield process
    process.stop()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def server(process: RedisProcess, clock: Clock) -> AsyncIterator[RedisServer]:
    server = RedisServer(process.url, clock=clock)
    yield server
    await server.close()


async def echo(server: RedisServer, text: str = "hello", *, deadline: float = 5.0) -> str:
    async def work(client: Redis) -> bytes:
        return cast("bytes", await cast("Any", client.echo(text)))

    return (await server.run(work, deadline=deadline)).decode()


async def back(server: RedisServer) -> str:
    """The first answer after an outage, which nobody but the server's own probe looks for."""
    for _ in range(400):
        try:
            return await echo(server)
        except StoreUnavailableError:
            await asyncio.sleep(0.025)
    raise AssertionError("the server was never found again")


async def refused(server: RedisServer, *, deadline: float = 0.05) -> str:
    with pytest.raises(StoreUnavailableError) as caught:
        await echo(server, "what a user said", deadline=deadline)
    return str(caught.value)


async def test_a_stopped_server_is_unavailable_then_skipped_then_found_again(
    server: RedisServer, process: RedisProcess, clock: Clock
) -> None:
    assert "does not answer (ConnectionError)" in await refused(server)
    assert await refused(server) == "Redis did not answer a moment ago"
    process.start()
    assert await refused(server) == "Redis did not answer a moment ago"
    assert await back(server) == "hello"


async def test_a_server_that_stops_between_two_calls_is_noticed_and_its_return_too(
    server: RedisServer, process: RedisProcess, clock: Clock
) -> None:
    for _ in range(3):
        process.start()
        assert await back(server) == "hello"
        process.stop()
        assert "does not answer" in await refused(server)


async def test_a_frozen_server_is_unavailable_and_no_late_reply_reaches_another_call(
    server: RedisServer, process: RedisProcess, clock: Clock
) -> None:
    process.start()
    assert await echo(server) == "hello"
    process.freeze()
    found = await asyncio.gather(*(echo(server, f"lost {i}", deadline=0.05) for i in range(20)), return_exceptions=True)
    assert {type(error) for error in found} == {StoreUnavailableError}
    process.thaw()
    assert await back(server) == "hello"
    texts = [f"text {i}" for i in range(50)]
    assert await asyncio.gather(*(echo(server, text) for text in texts)) == texts


async def test_a_refused_command_does_not_open_the_breaker(server: RedisServer, process: RedisProcess) -> None:
    process.start()

    async def search(client: Redis) -> object:
        return await cast("Any", client.execute_command("FT.SEARCH", "index", "what a user said"))

    with pytest.raises(StoreUnavailableError) as caught:
        await server.run(search, deadline=5.0)
    assert str(caught.value) == ("Redis refused a command (it has no query engine: this build lacks the module)")
    assert await echo(server) == "hello"


def test_one_server_object_serves_event_loops_that_come_one_after_the_other(process: RedisProcess) -> None:
    process.start()
    server = RedisServer(process.url)

    async def use() -> str:
        answer = await echo(server)
        await server.close()
        return answer

    assert [asyncio.run(use()) for _ in range(3)] == ["hello"] * 3


@pytest.mark.parametrize("url", ["", "localhost:6379", "http://x", "redis://host:notaport"])
def test_what_is_no_redis_url_is_a_configuration_error_without_its_password(url: str) -> None:
    with pytest.raises(ConfigurationError, match="redis_url: expected something like redis://"):
        RedisServer(url)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ResponseError("WRONGTYPE Operation against a key holding the wrong kind of value"), "WRONGTYPE"),
        (ResponseError("Invalid filter: what a user said"), "ResponseError"),
        (OutOfMemoryError("command not allowed when used memory > 'maxmemory'"), "OutOfMemoryError"),
        (
            ResponseError("unknown command 'FT.INFO'"),
            "it has no query engine: this build lacks the module",
        ),
        (
            ResponseError("Unknown Redis command called from script script: 6d7e6d0c40, on @user_script:1."),
            "it has no query engine: this build lacks the module",
        ),
        (
            ResponseError("Error running script (call to f_6d7e): Unknown Redis command called from Lua script"),
            "it has no query engine: this build lacks the module",
        ),
    ],
)
def test_a_reason_names_the_kind_of_error_and_not_what_was_sent(error: ResponseError, reason: str) -> None:
    assert reason_of(error) == reason


@pytest.mark.parametrize(
    ("message", "cause"),
    [
        ("Unknown Redis command called from script script: 6d7e6d0c40, on @user_script:1.", "no_query_engine"),
        ("ACL failure in script: User u has no permissions to run the 'FT.SEARCH' command script: a7", "password"),
        ("The user executing the script can't run this command or subcommand", "password"),
        ("Cannot perform `FT.SEARCH`: Cannot block", "refused"),
    ],
)
def test_what_a_script_was_refused_for_has_the_cause_of_the_command_alone(message: str, cause: str) -> None:
    assert cause_of(ResponseError(message)) == cause


# Names.


@given(st.lists(st.text(max_size=5), max_size=4), st.lists(st.text(max_size=5), max_size=4))
def test_different_names_have_different_digests(one: list[str], other: list[str]) -> None:
    assert (key_digest(*one) == key_digest(*other)) == (one == other)


def test_a_digest_is_hexadecimal_whatever_the_name() -> None:
    assert set(key_digest("{a}|b*, \ud800\x00")) <= set("0123456789abcdef")
    assert key_digest("ab", "c") != key_digest("a", "bc")
