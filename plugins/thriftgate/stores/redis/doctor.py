"""What a Redis lacks to serve the answer cache, in words an operator can act on.

Failure behaviour: never raises for what Redis does; what cannot be found out (a managed service may forbid INFO or
MODULE LIST) is a note. No remark quotes the URL, which may hold a password.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

from redis.asyncio import Redis
from redis.exceptions import AuthenticationError, BusyLoadingError, NoPermissionError, RedisError, ResponseError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from thriftgate.stores.redis.connection import RedisServer, decoded_text, is_unknown_command

_EVICTS_BY_USE = ("volatile-lru", "volatile-lfu")
_RIGHTS = " (docs/operating.md lists its rights)"
_FULL = 0.99
"""Of the memory allowed: one that has just refused an answer has a little left, which its clients' buffers had."""


@dataclass(frozen=True, slots=True)
class Remark:
    """One thing found out: `ok`, a `note` to think about, or `failed` when the cache cannot work like this."""

    level: Literal["ok", "note", "failed"]
    words: str
    """Without an end, so that more can be said behind them."""
    lost: Literal["everything", "writes", "search", "counts", "limits"] = "everything"
    """What cannot be done there when it has failed."""


async def explain_redis(url: str, *, patience: float = 5.0, has_limits: bool = False) -> list[Remark]:
    """Look at a Redis the way the answer cache will, and limits where there are any.

    Raises ConfigurationError when the URL is none.
    """
    server = RedisServer(url)
    try:
        async with asyncio.timeout(patience):
            return await _examine(server.client(), has_limits=has_limits)
    except (RedisError, OSError, TimeoutError) as error:
        return [Remark("failed", _why_unreachable(error))]
    finally:
        await server.close()


async def _examine(client: Redis, *, has_limits: bool) -> list[Remark]:
    await cast("Any", client.ping())
    try:
        info: Mapping[str, Any] = await client.info("everything")
    except ResponseError:
        return [
            Remark("note", "INFO is not allowed here, so version and memory stay unknown"),
            await _query_engine(client, "Redis"),
            *await _scripts(client, has_limits=has_limits),
        ]
    name = f"Redis {info.get('redis_version', '(version unknown)')}"
    return [
        await _query_engine(client, name),
        *await _scripts(client, has_limits=has_limits),
        *remarks_on(info, saves_to_disk=await _saves_to_disk(client, info)),
    ]


async def _query_engine(client: Redis, name: str) -> Remark:
    try:
        await cast("Any", client.execute_command("FT._LIST"))
    except NoPermissionError:
        return Remark("failed", f"{name}: this user may not use the query engine (its FT.* commands)", "search")
    except ResponseError as error:
        if is_unknown_command(error):
            words = "this build lacks the module, as Debian's does; the official image redis:8 has it, and redis-stack"
            return Remark("failed", f"{name} has no query engine: {words}", "search")
        return Remark("failed", f"{name}: the query engine refuses to list its indexes", "search")
    version = await _engine_version(client)
    return Remark("ok", f"{name} with the query engine{version}")


async def _scripts(client: Redis, *, has_limits: bool) -> Sequence[Remark]:
    """What this user may not do of what scripts take: limits send them by their digests, everything else whole."""
    found: list[Remark] = []
    if await _refused(client, "EVAL", "return 1", 0):
        words = "this user may not run EVAL, which coalescing and counting hits need"
        found.append(Remark("failed", f"{words}{_RIGHTS}", "counts"))
    if has_limits and (
        await _refused(client, "EVALSHA", "0" * 40, 0) or await _refused(client, "SCRIPT", "LOAD", "return 1")
    ):
        words = "this user may not run EVALSHA or SCRIPT LOAD, and limits need both"
        found.append(Remark("failed", f"{words}{_RIGHTS}", "limits"))
    return found


async def _refused(client: Redis, *command: str | int) -> bool:
    try:
        await cast("Any", client.execute_command(*command))
    except NoPermissionError:
        return True
    except ResponseError:
        pass  # it does not know that script
    return False


async def _engine_version(client: Redis) -> str:
    try:
        return engine_version(await cast("Any", client.execute_command("MODULE", "LIST")))
    except ResponseError:
        return ""


def engine_version(modules: Sequence[object]) -> str:
    """The query engine's version out of MODULE LIST, as text to append; empty where it is not told."""
    for module in modules:
        fields = _fields(module)
        if decoded_text(fields.get("name", "")) in ("search", "searchlight"):
            number = int(fields.get("ver", 0))
            return f" {number // 10_000}.{number // 100 % 100}.{number % 100}"
    return ""


def _fields(module: object) -> dict[str, Any]:
    """A module by its fields: Redis tells them as a map to a client of RESP3, and as a flat list to one of RESP2."""
    if isinstance(module, Mapping):
        return {decoded_text(name): value for name, value in cast("Mapping[Any, Any]", module).items()}
    flat = cast("Sequence[Any]", module)
    return {decoded_text(name): value for name, value in zip(flat[::2], flat[1::2], strict=True)}


async def _saves_to_disk(client: Redis, info: Mapping[str, Any]) -> bool | None:
    """Whether anything survives a restart; None where that is not told."""
    if info.get("aof_enabled"):
        return True
    try:
        found = await client.config_get("save")
    except ResponseError:
        return None
    return any(decoded_text(value) for value in found.values())


def remarks_on(info: Mapping[str, Any], *, saves_to_disk: bool | None) -> Iterator[Remark]:
    """What INFO tells: role, memory, persistence."""
    if info.get("cluster_enabled"):
        yield Remark("failed", "it runs as a Redis Cluster, which is not supported: name a single Redis")
    if info.get("role", "master") != "master":
        yield Remark("failed", "it is a replica, which takes no writes: name the primary", "writes")
    yield from _memory(info)
    if saves_to_disk is False:
        yield Remark("note", "it saves nothing to disk: a restart empties the cache")


def _memory(info: Mapping[str, Any]) -> Iterator[Remark]:
    policy, limit = str(info.get("maxmemory_policy", "noeviction")), int(info.get("maxmemory", 0))
    if not limit:
        yield Remark("note", "no maxmemory is set: only TTLs and `cache.max_entries` keep it from growing")
    elif policy in _EVICTS_BY_USE:
        yield Remark("ok", f"when its {_mebibytes(limit)} are full, {policy} drops the answers least used")
    elif policy == "noeviction" and int(info.get("used_memory", 0)) >= _FULL * limit:
        words = "raise maxmemory, or let volatile-lru make room"
        full = f"its {_mebibytes(limit)} are full and it takes no new answers (noeviction): {words}"
        yield Remark("failed", full, "writes")
    elif policy == "noeviction":
        yield Remark(
            "note",
            f"when its {_mebibytes(limit)} are full it refuses new answers (noeviction); volatile-lru would make room",
        )
    else:
        yield Remark(
            "note",
            f"when its {_mebibytes(limit)} are full, {policy} may drop what was learned about hits;"
            " volatile-lru drops answers only",
        )


def _mebibytes(size: int) -> str:
    return f"{max(1, round(size / 2**20)):,} MiB"


def _why_unreachable(error: Exception) -> str:
    if isinstance(error, AuthenticationError) and "required" in str(error):
        return "Redis wants a password: put it into redis_url"
    if isinstance(error, AuthenticationError):
        return "Redis refuses the user or password of redis_url"
    if isinstance(error, BusyLoadingError):
        return "Redis is still loading its data; try again in a moment"
    if isinstance(error, TimeoutError | RedisTimeoutError):
        return "Redis does not answer in time: see that redis_url is right, and that this machine may reach it"
    if isinstance(error, RedisConnectionError | OSError):
        return "there is no answer: see that redis_url is right, and that Redis runs"
    return f"Redis refuses to answer ({type(error).__name__})"
