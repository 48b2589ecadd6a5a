"""The indexes of the answer cache: made where they are missing, and cleared away when nothing is in them any more.

Failure behaviour: whatever goes wrong is a RedisError, as if Redis had been asked directly. Two gateways that start
at the same time may both try to make an index; the one that comes second finds it there.
"""

from typing import Any, cast

from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError
from redisvl.exceptions import RedisVLError
from redisvl.index import AsyncSearchIndex

from thriftgate.stores.redis.cache_schema import Names, schemas
from thriftgate.stores.redis.connection import decoded_text

_MISSING = ("unknown index name", "no such index", "search_index_not_found", "index not found")
"""How the versions of the query engine say it."""


def is_missing_index(error: Exception) -> bool:
    """Whether Redis refused a command because its index does not exist."""
    message = str(error).lower()
    return any(words in message for words in _MISSING)


async def prepare_indexes(client: Redis, names: Names, *, dimensions: int) -> None:
    """Make both indexes where they are missing, and drop empty ones of other layouts and embedders."""
    existing = {decoded_text(name) for name in await cast("Any", client.execute_command("FT._LIST"))}
    for wanted in schemas(names, dimensions=dimensions):
        if wanted.index.name not in existing:
            await _create(AsyncSearchIndex(wanted, redis_client=client))
    for name in sorted(existing):
        if names.is_outdated(name):
            await _drop_when_empty(client, name)


async def _create(index: AsyncSearchIndex) -> None:
    try:
        await index.create(overwrite=False)
    except RedisVLError as error:
        cause = error.__cause__
        if not isinstance(cause, RedisError):
            raise RedisError("RedisVL could not make the index") from error
        if "already exists" not in str(cause).lower():
            raise cause from None


async def _drop_when_empty(client: Redis, name: str) -> None:
    try:
        found = await cast("Any", client.execute_command("FT.SEARCH", name, "*", "NOCONTENT", "LIMIT", 0, 0))
        if found[0] == 0:
            await cast("Any", client.execute_command("FT.DROPINDEX", name))
    except ResponseError as error:
        if not is_missing_index(error):  # another gateway was quicker
            raise
