"""What the answer cache asks of Redis, one step below the port, page by page; and its indexes, kept in place.

Failure behaviour: as `redis_connection`, except that a missing index is made and the command repeated once. Of two
gateways that make an index at the same time the one that comes second finds it there. A look-up whose script is
refused sends its commands one by one in the same round trip, from then on.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, cast

from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError
from redisvl.exceptions import RedisVLError
from redisvl.index import AsyncSearchIndex
from redisvl.query.filter import FilterExpression

from thriftgate.caching.entries import CacheEntry
from thriftgate.stores.redis import cache_codec as codec
from thriftgate.stores.redis import cache_schema as schema
from thriftgate.stores.redis.cache_schema import Names, schemas
from thriftgate.stores.redis.connection import RedisServer, decoded_text, is_unknown_command

_KEYS = 1_000
_CURSOR_IDLE = 60

_LOOK_UP = """
local answer = redis.call('HGETALL', KEYS[1])
local hits = redis.call('HGET', KEYS[2], 'hits')
if #answer > 0 or #ARGV == 0 then return {answer, hits} end
return {answer, hits, redis.call(unpack(ARGV))}
"""
"""The entry, or else the search: one round trip, and no search where there is an exact answer."""


class CacheCommands:
    """Runs the commands of one cache."""

    def __init__(self, server: RedisServer, names: schema.Names, *, dimensions: int) -> None:
        self.deadlines = server.deadlines
        self._server = server
        self._names = names
        self._dimensions = dimensions
        self._is_prepared = False
        self._runs_scripts = True

    async def prepare(self, *, deadline: float) -> None:
        """Make the indexes where they are missing."""

        async def nothing(_client: Redis) -> None:
            """For the sake of what is done before it."""

        self._is_prepared = False
        await self.run(nothing, deadline=deadline)

    async def run(self, work: Callable[[Redis], Awaitable[Any]], *, deadline: float) -> Any:
        """The result of `work`, with the indexes made before it where they are missing."""

        async def prepared(client: Redis) -> Any:
            if not self._is_prepared:
                await prepare_indexes(client, self._names, dimensions=self._dimensions)
                self._is_prepared = True
            try:
                return await work(client)
            except ResponseError as error:
                if not is_missing_index(error):
                    raise
            await prepare_indexes(client, self._names, dimensions=self._dimensions)
            return await work(client)

        return await self._server.run(prepared, deadline=deadline)

    async def look_up(
        self, client: Redis, identity: str, search: Sequence[schema.Argument]
    ) -> tuple[Mapping[bytes, bytes], bytes | None, Sequence[Any] | None]:
        """An entry's hash and its hits, and what `search` (may be empty) found; None where nothing was searched for.

        Where there is the entry, it need not have searched.
        """
        keys = self._names.answer(identity), self._names.use(identity)
        if self._runs_scripts:
            try:
                # EVAL and not EVALSHA: a restarted server knows no script, and this one is short.
                flat, hits, *found = await cast("Any", client.eval(_LOOK_UP, 2, *keys, *cast("Any", search)))
                return codec.fields_of(flat), hits, found[0] if found else None
            except ResponseError as error:
                if is_missing_index(error) or is_unknown_command(error):
                    raise
        # The user may not run scripts, or the engine blocks its client while it searches, in threads or on other nodes,
        # which nothing in a script may. Remembered only when the same does without a script.
        pipeline = client.pipeline(transaction=False)
        pipeline.hgetall(keys[0])
        pipeline.hget(keys[1], "hits")
        if search:
            pipeline.execute_command(*search)
        fields, hits, *found = await pipeline.execute()
        self._runs_scripts = False
        return fields, hits, found[0] if found else None

    async def command(self, *arguments: schema.Argument) -> Any:
        """The plain reply to one command."""

        async def work(client: Redis) -> Any:
            return await cast("Any", client.execute_command(*arguments))

        return await self.run(work, deadline=self.deadlines.report)

    def identities(self, rows: Sequence[Sequence[bytes]]) -> Sequence[str]:
        """The identities in the rows of an aggregation over `@__key`."""
        keys = (codec.fields_of(row).get(b"__key") for row in rows)
        return [self._names.identity_of(key) for key in keys if key is not None]

    async def all_identities(self, what: FilterExpression) -> Sequence[str]:
        """The identities of all entries that pass a filter."""
        found: dict[str, None] = {}  # a cursor may give a key twice
        rows, cursor = await self.command(*schema.every_key(self._names, what, page=_KEYS, max_idle=_CURSOR_IDLE))
        while True:
            found.update(dict.fromkeys(self.identities(rows[1:])))
            if not cursor:
                return list(found)
            rows, cursor = await self.command("FT.CURSOR", "READ", self._names.uses, cursor)

    async def load(self, identities: Sequence[str]) -> Sequence[CacheEntry]:
        """The entries that are still there, with their present hits."""

        async def work(client: Redis) -> Sequence[Any]:
            pipeline = client.pipeline(transaction=False)
            for identity in identities:
                pipeline.hgetall(self._names.answer(identity))
                pipeline.hget(self._names.use(identity), "hits")
            return await pipeline.execute()

        found = await self.run(work, deadline=self.deadlines.report)
        pairs = zip(found[::2], found[1::2], strict=True)
        entries = (codec.decode_entry(fields, hits=None if hits is None else int(hits)) for fields, hits in pairs)
        return [entry for entry in entries if entry is not None]

    async def forget(self, identities: Sequence[str]) -> int:
        """Delete entries with all that belongs to them; how many were still there."""

        async def work(client: Redis) -> int:
            pipeline = client.pipeline(transaction=False)
            for identity in identities:
                pipeline.hget(self._names.use(identity), "entry")
            named = await pipeline.execute()
            for identity, entry in zip(identities, named, strict=True):
                pipeline.delete(self._names.use(identity))
                pointers = [] if entry is None else [self._names.pointer(entry.decode())]
                pipeline.delete(self._names.answer(identity), *pointers)
            return sum((await pipeline.execute())[::2])

        return await self.run(work, deadline=self.deadlines.report) if identities else 0

    async def routes(self) -> dict[bytes, str]:
        """The names of all routes that ever kept or observed something, by digest."""

        async def work(client: Redis) -> dict[bytes, bytes]:
            return await cast("Any", client.hgetall(self._names.routes))

        found = await self.run(work, deadline=self.deadlines.report)
        return {route: name.decode("utf-8", "surrogatepass") for route, name in found.items()}

    async def outcome_counts(self, route: str) -> tuple[int, int]:
        """How many verified outcomes of a route (its digest) are kept, and how many of them are wrong."""

        async def work(client: Redis) -> Any:
            return await client.xrange(self._names.seen(route))

        rows = await self.run(work, deadline=self.deadlines.report)
        return len(rows), sum(fields[b"is_correct"] == b"0" for _, fields in rows)


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
