"""A stand-in for Redis's query engine, as far as the answer cache uses it: a proxy before a plain Redis.

FT.* commands are answered here, by brute force over the hashes that are really in the server behind; all other
commands and their replies pass through untouched. A script that calls `redis.call(unpack(ARGV))` runs in the real
Redis, which gives that command back instead of running it; it is answered here and put in its place. It takes exactly
the syntax that we send and refuses the rest, so it shows that our side fits together; that the real engine agrees is
shown by running the same contract suite against one (THRIFTGATE_TEST_REDIS_URL).
"""

import asyncio
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import numpy as np

Reply = bytes | int | None | list["Reply"]
Hash = dict[bytes, bytes]

_CLAUSE = re.compile(rb"\(-@(\w+):\{(\w+)\}\)|@(\w+):\{(\w+)\}")
_KNN = re.compile(rb"\((.*)\)=>\[KNN (\d+) @(\w+) \$vector EF_RUNTIME \$EF AS vector_distance\]")
_CALLED, _GIVEN_BACK = b"redis.call(unpack(ARGV))", b"{'called', unpack(ARGV)}"


class QueryError(Exception):
    """An error reply."""


@dataclass
class Index:
    """One index: which keys it covers, and the type of each field."""

    prefix: bytes
    fields: dict[bytes, bytes] = field(default_factory=dict[bytes, bytes])
    sortable: set[bytes] = field(default_factory=set[bytes])
    dimensions: int = 0


class QueryEngine:
    """Serves clients at `url`; `commands` is every FT.* command it was sent.

    While `is_lost`, the plain Redis behind it answers everything. `in_scripts` refuses to search in a script.
    """

    def __init__(self, port: int) -> None:
        self._upstream_port = port
        self._indexes: dict[bytes, Index] = {}
        self._cursors: dict[int, list[Reply]] = {}
        self._server: asyncio.Server | None = None
        self._clients: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self.commands: list[list[bytes]] = []
        self.url = ""
        self.is_lost = False
        self.in_scripts: str | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"redis://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/0"

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for writer in self._clients.values():
            writer.close()
        await asyncio.gather(*self._clients)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = cast("asyncio.Task[None]", asyncio.current_task())
        self._clients[task] = writer
        upstream: Upstream | None = None
        try:
            upstream = Upstream(*await asyncio.open_connection("127.0.0.1", self._upstream_port))
            while True:
                raw, command = await read_command(reader)
                if self.is_lost:
                    writer.write(await upstream.relay(raw))
                elif command[0].upper().startswith(b"FT."):
                    self.commands.append(command)
                    writer.write(await self._answer(command, upstream))
                elif command[0].upper() == b"EVAL" and _CALLED in command[1]:
                    writer.write(await self._evaluated(command, upstream))
                else:
                    writer.write(await upstream.relay(raw))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # one of the two is gone, and so is this
        finally:
            if upstream is not None:
                upstream.close()
            writer.close()
            del self._clients[task]

    async def _answer(self, command: list[bytes], upstream: "Upstream") -> bytes:
        name, *arguments = command
        await upstream.ask(b"PING")  # it does not outlive the server behind it
        try:
            match name.upper():
                case b"FT._LIST":
                    return encode(list(self._indexes))
                case b"FT.INFO":
                    self._index(arguments[0])
                    return encode([b"index_name", arguments[0], b"num_docs", 0])
                case b"FT.CREATE":
                    return encode(self._create(arguments))
                case b"FT.DROPINDEX":
                    self._index(arguments[0])
                    del self._indexes[arguments[0]]
                    return encode(b"OK")
                case b"FT.SEARCH":
                    index = self._index(arguments[0])
                    return encode(search(index, await documents(index, upstream), arguments[1:]))
                case b"FT.AGGREGATE":
                    index = self._index(arguments[0])
                    return encode(self._aggregate(index, await documents(index, upstream), arguments[1:]))
                case b"FT.CURSOR":
                    return encode(self._page(int(arguments[2])))
                case _:
                    raise QueryError(f"ERR unknown command '{name.decode()}'")
        except QueryError as error:
            return b"-%s\r\n" % str(error).encode()

    async def _evaluated(self, command: list[bytes], upstream: "Upstream") -> bytes:
        name, script, *arguments = command
        raw, reply = await upstream.given(name, script.replace(_CALLED, _GIVEN_BACK), *arguments)
        match reply:
            case [*before, [b"called", *called]]:
                if self.in_scripts is not None:
                    return b"-%s\r\n" % self.in_scripts.encode()
                search = [part for part in called if isinstance(part, bytes)]
                self.commands.append(search)
                found = await self._answer(search, upstream)
                return (
                    found if found.startswith(b"-") else b"*%d\r\n" % len(reply) + b"".join(map(encode, before)) + found
                )
            case _:
                return raw

    def _index(self, name: bytes) -> Index:
        if name not in self._indexes:
            raise QueryError(f"SEARCH_INDEX_NOT_FOUND Index not found: {name.decode()}")
        return self._indexes[name]

    def _create(self, arguments: list[bytes]) -> Reply:
        if arguments[0] in self._indexes:
            raise QueryError("Index already exists")
        head = arguments.index(b"SCHEMA")
        if arguments[1:5] != [b"ON", b"HASH", b"PREFIX", b"1"]:
            raise QueryError(f"unexpected definition {arguments[1:head]!r}")
        index, rest = Index(arguments[5]), arguments[head + 1 :]
        while rest:
            name, kind, *rest = rest
            index.fields[name] = kind
            match kind:
                case b"TAG":
                    rest = rest[2:]  # SEPARATOR ,
                case b"NUMERIC":
                    pass
                case b"VECTOR":
                    size = int(rest[1])
                    options = dict(zip(rest[2 : 2 + size : 2], rest[3 : 3 + size : 2], strict=False))
                    if (options[b"TYPE"], options[b"DISTANCE_METRIC"]) != (b"FLOAT32", b"COSINE"):
                        raise QueryError(f"unexpected vector {options!r}")
                    index.dimensions = int(options[b"DIM"])
                    rest = rest[2 + size :]
                case _:
                    raise QueryError(f"unexpected type {kind!r}")
            if rest[:1] == [b"SORTABLE"]:
                index.sortable.add(name)
                rest = rest[1:]
        self._indexes[arguments[0]] = index
        return b"OK"

    def _aggregate(self, index: Index, found: dict[bytes, Hash], arguments: list[bytes]) -> Reply:
        keys = matching(index, found, arguments[0])
        if arguments[1:3] != [b"SCORER", b"TFIDF"]:  # redis-py always names one
            raise QueryError(f"unexpected aggregation {arguments!r}")
        match arguments[3:]:
            case [b"WITHCURSOR", b"COUNT", size, b"MAXIDLE", idle, b"LOAD", b"1", b"@__key", b"DIALECT", b"2"]:
                assert idle.isdigit()
                rows: list[Reply] = [[b"__key", key] for key in keys]
                pages: list[Reply] = [[1, *rows[i : i + int(size)]] for i in range(0, len(rows), int(size))]
                self._cursors[cursor := len(self._cursors) + 1] = pages or [[0]]
                return self._page(cursor)
            case [
                b"LOAD", b"1", b"@__key", b"DIALECT", b"2",
                b"SORTBY", b"4", b"@hits", b"ASC", b"@used_at", b"ASC", b"MAX", most, b"LIMIT", b"0", limit,
            ] if most == limit:  # fmt: skip
                keys.sort(key=lambda key: (float(found[key][b"hits"]), float(found[key][b"used_at"])))
                return [len(keys), *([b"__key", key] for key in keys[: int(limit)])]
            case [
                b"DIALECT", b"2", b"GROUPBY", b"1", b"@route",
                b"REDUCE", b"COUNT", b"0", b"AS", b"entries",
                b"REDUCE", b"SUM", b"1", b"@hits", b"AS", b"hits",
                b"REDUCE", b"COUNT_DISTINCT", b"1", b"@scope", b"AS", b"scopes",
                b"LIMIT", b"0", b"10000",
            ]:  # fmt: skip
                if not {b"route", b"hits", b"scope"} <= index.sortable:
                    raise QueryError("grouping needs sortable fields")
                return grouped([found[key] for key in keys])
            case unexpected:
                raise QueryError(f"unexpected aggregation {unexpected!r}")

    def _page(self, cursor: int) -> Reply:
        if not self._cursors.get(cursor):
            raise QueryError("Cursor not found")
        page = self._cursors[cursor].pop(0)
        return [page, cursor if self._cursors[cursor] else 0]


@contextmanager
def engine_beside(port: int) -> Generator[str]:
    """The URL of one in a process of its own, before the Redis at this port: for gateways in other processes.

    A thread of a busy test would be late, and a late Redis is a silent one.
    """
    argv = [sys.executable, "-m", __name__, str(port)]
    with subprocess.Popen(argv, cwd=Path(__file__).parents[2], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.kill()


async def serve_until_killed(port: int) -> None:
    engine = QueryEngine(port)
    await engine.start()
    sys.stdout.write(f"{engine.url}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


def search(index: Index, found: dict[bytes, Hash], arguments: list[bytes]) -> Reply:
    query, *options = arguments
    if knn := _KNN.fullmatch(query):
        return nearest(index, found, knn, options)
    keys = matching(index, found, query)
    match options:
        case [b"NOCONTENT", b"DIALECT", b"2", b"LIMIT", b"0", limit] | [b"NOCONTENT", b"LIMIT", b"0", limit]:
            return [len(keys), *keys[: int(limit)]]
        case unexpected:
            raise QueryError(f"unexpected search {unexpected!r}")


def nearest(index: Index, found: dict[bytes, Hash], knn: re.Match[bytes], options: list[bytes]) -> Reply:
    size = int(knn[2])
    fixed = [
        b"RETURN", b"4", b"body", b"outcomes", b"embedding", b"vector_distance", b"SORTBY", b"vector_distance", b"ASC",
        b"DIALECT", b"2", b"LIMIT", b"0", knn[2], b"PARAMS", b"4", b"vector",
    ]  # fmt: skip
    if options[:-3] != fixed or options[-2] != b"EF":
        raise QueryError(f"unexpected search {options!r}")
    asked = np.frombuffer(options[-3], dtype="<f4")
    if asked.shape != (index.dimensions,):
        raise QueryError(f"query vector blob size ({len(options[-3])}) does not match index")
    distances: list[tuple[float, bytes]] = []
    for key in matching(index, found, knn[1]):
        if (stored := found[key].get(knn[3])) is not None:
            kept = np.frombuffer(stored, dtype="<f4").astype(np.float64)
            cosine = kept @ asked / (np.linalg.norm(kept) * np.linalg.norm(asked))
            distances.append((float(1 - cosine), key))
    rows: list[Reply] = []
    for distance, key in sorted(distances)[:size]:
        given: list[Reply] = [b"vector_distance", repr(distance).encode()]
        for name in (b"body", b"outcomes", b"embedding"):
            if name in found[key]:
                given += [name, found[key][name]]
        rows += [key, given]
    return [len(distances), *rows]


def grouped(rows: Sequence[Hash]) -> Reply:
    groups: defaultdict[bytes, list[Hash]] = defaultdict(list)
    for row in rows:
        groups[row[b"route"]].append(row)
    found: list[Reply] = [len(groups)]
    for route, members in groups.items():
        hits = str(sum(float(member[b"hits"]) for member in members)).removesuffix(".0").encode()
        scopes = str(len({member[b"scope"] for member in members})).encode()
        count = str(len(members)).encode()
        found.append([b"route", route, b"entries", count, b"hits", hits, b"scopes", scopes])
    return found


def matching(index: Index, found: dict[bytes, Hash], query: bytes) -> list[bytes]:
    """The keys that pass a filter: `*`, or tag clauses that must all hold."""
    clauses = _CLAUSE.findall(query)
    left_over = _CLAUSE.sub(b"", query).strip(b"() *")
    if left_over:
        raise QueryError(f"Syntax error near {left_over.decode()}")
    for absent, _, present, _ in clauses:
        if index.fields.get(absent or present) != b"TAG":
            raise QueryError(f"Unknown field {absent or present!r}")
    return [
        key
        for key, row in found.items()
        if all(
            (absent_value not in row.get(absent, b"").split(b","))
            if absent
            else (present_value in row.get(present, b"").split(b","))
            for absent, absent_value, present, present_value in clauses
        )
    ]


async def documents(index: Index, upstream: "Upstream") -> dict[bytes, Hash]:
    """All hashes under the index's prefix, as they are now."""
    cursor, keys = b"0", list[bytes]()
    while True:
        reply = await upstream.ask(b"SCAN", cursor, b"MATCH", index.prefix + b"*", b"COUNT", b"1000")
        assert isinstance(reply, list)
        assert isinstance(reply[0], bytes)
        assert isinstance(reply[1], list)
        keys += [key for key in reply[1] if isinstance(key, bytes)]
        if (cursor := reply[0]) == b"0":
            break
    found: dict[bytes, Hash] = {}
    for key in dict.fromkeys(keys):
        flat = await upstream.ask(b"HGETALL", key)
        assert isinstance(flat, list)
        parts = [part for part in flat if isinstance(part, bytes)]
        if parts:
            found[key] = dict(zip(parts[::2], parts[1::2], strict=True))
    return found


class Upstream:
    """One connection to the real server."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def relay(self, raw: bytes) -> bytes:
        """Send a command as it came; the reply as it came."""
        self._writer.write(raw)
        raw_reply, _ = await read_reply(self._reader)
        return raw_reply

    async def ask(self, *command: bytes) -> Reply:
        return (await self.given(*command))[1]

    async def given(self, *command: bytes) -> tuple[bytes, Reply]:
        """A reply as it came, and read."""
        self._writer.write(encode(list(command)))
        return await read_reply(self._reader)

    def close(self) -> None:
        self._writer.close()


async def read_command(reader: asyncio.StreamReader) -> tuple[bytes, list[bytes]]:
    raw, reply = await read_reply(reader)
    assert isinstance(reply, list)
    return raw, [part for part in reply if isinstance(part, bytes)]


async def read_reply(reader: asyncio.StreamReader) -> tuple[bytes, Reply]:
    """One RESP2 value, as bytes and as a value."""
    line = await reader.readuntil(b"\r\n")
    kind, rest = line[:1], line[1:-2]
    match kind:
        case b"$" if rest == b"-1":
            return line, None
        case b"$":
            body = await reader.readexactly(int(rest) + 2)
            return line + body, body[:-2]
        case b"*" if rest == b"-1":
            return line, None
        case b"*":
            parts = [await read_reply(reader) for _ in range(int(rest))]
            return line + b"".join(raw for raw, _ in parts), [value for _, value in parts]
        case b":":
            return line, int(rest)
        case _:
            return line, rest


def encode(value: Reply) -> bytes:
    match value:
        case None:
            return b"$-1\r\n"
        case bytes():
            return b"$%d\r\n%s\r\n" % (len(value), value)
        case int():
            return b":%d\r\n" % value
        case list():
            return b"*%d\r\n%s" % (len(value), b"".join(map(encode, value)))


if __name__ == "__main__":
    asyncio.run(serve_until_killed(int(sys.argv[1])))
