"""Identical misses of all workers call upstream once: the first leads, the others wait for its answer.

A call is a row with a lease. The leader's outcome is written into the row, and a NOTIFY wakes the waiters of all
workers; a slow poll behind it finds what a lost notification or a pooler in between would hide. Time is the
database's, so that workers whose clocks differ agree on when a lease ends.

Failure behaviour: every method raises StoreUnavailableError when the database does not answer; the caller then
makes its own call. A leader that dies is noticed when its lease ends, and its waiters are told so (None).
"""

import asyncio
import hashlib
from collections import defaultdict
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

from thriftgate.errors import StoreUnavailableError
from thriftgate.stores.postgres.connection.database import Connection, Database, Row
from thriftgate.stores.postgres.connection.text import from_json, to_json, to_text

_POLL_LISTENING = 1.0
_POLL_DEAF = 0.05
"""Seconds between looks, with notifications and without."""

# The table keeps the name that running gateways of other versions ask for: to rename it would break those meanwhile.
_LEAD = """
INSERT INTO flights AS f (key, owner, ends_at)
VALUES ($1, $2, clock_timestamp() + make_interval(secs => $3))
ON CONFLICT (key) DO UPDATE SET owner = excluded.owner, ends_at = excluded.ends_at, outcome = NULL
    WHERE f.ends_at <= clock_timestamp() OR (f.owner = excluded.owner AND f.outcome IS NULL)
RETURNING true
"""

_RENEW = """
UPDATE flights SET ends_at = clock_timestamp() + make_interval(secs => $3)
WHERE key = $1 AND owner = $2 AND outcome IS NULL AND ends_at > clock_timestamp()
RETURNING true
"""

# One who lost the lease to another must not answer in its place. Nobody else sweeps, so each outcome takes a few
# old rows along; those that just ended stay for the waiters who are reading them.
_PUBLISH = """
WITH published AS (
    INSERT INTO flights AS f (key, owner, ends_at, outcome)
    VALUES ($1, $2, clock_timestamp() + make_interval(secs => $3), $4)
    ON CONFLICT (key) DO UPDATE SET owner = excluded.owner, ends_at = excluded.ends_at, outcome = excluded.outcome
        WHERE f.owner = excluded.owner OR f.ends_at <= clock_timestamp()
    RETURNING is_awaited
), swept AS (
    DELETE FROM flights WHERE key IN (
        SELECT key FROM flights WHERE ends_at < clock_timestamp() - interval '1 minute' AND key <> $1
        LIMIT 50 FOR UPDATE SKIP LOCKED
    )
)
SELECT pg_notify($5, $6) FROM published WHERE is_awaited
"""

# An UPDATE, to see what an outcome that is being published has written, and for it to see that somebody waits.
_JOIN = """
UPDATE flights SET is_awaited = true WHERE key = $1
RETURNING outcome, extract(epoch FROM ends_at - clock_timestamp())::float8 AS remaining
"""

_LOOK = (
    "SELECT outcome, extract(epoch FROM ends_at - clock_timestamp())::float8 AS remaining FROM flights WHERE key = $1"
)


class PostgresSingleFlight:
    """One call upstream for identical concurrent misses of all workers (implements `ports.SingleFlight`)."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._channel = f"{database.schema}_flights"
        self._arrivals: WeakKeyDictionary[asyncio.AbstractEventLoop, _Arrivals] = WeakKeyDictionary()

    async def lead(self, key: str, *, owner: str, lease: float) -> bool:
        """True when `owner` now leads; False when somebody else does, or has just published."""
        lead = partial(self._database.fetchval, _LEAD, to_text(key), to_text(owner), lease)
        return bool(await self._database.promptly(lead))

    async def renew(self, key: str, *, owner: str, lease: float) -> bool:
        """Prolong the lease of a leader that is still at work; False when it was lost."""
        return bool(await self._database.fetchval(_RENEW, to_text(key), to_text(owner), lease))

    async def publish(self, key: str, *, owner: str, outcome: Mapping[str, Any], keep: float) -> None:
        """Publish the outcome to every waiter, and keep it for `keep` seconds for late ones.

        Does nothing when the lease was lost to another owner.
        """
        await self._database.execute(
            _PUBLISH, to_text(key), to_text(owner), keep, to_json(outcome), self._channel, _digest(key)
        )

    async def wait(self, key: str, *, patience: float) -> Mapping[str, Any] | None:
        """The leader's outcome; None when it died (its lease ran out) or `patience` seconds passed.

        Where another leader has taken a dead one's place, its outcome is waited for.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + patience
        arrivals = self._arrivals.setdefault(loop, _Arrivals(self._database, self._channel))
        with arrivals.expected(key) as arrival:
            is_listening = await self._database.promptly(arrivals.listen)
            row = await self._row(_JOIN, key)
            if row is not None and row["outcome"] is not None and row["remaining"] <= 0:
                return None  # published for others, and its time is over
            while row is not None and row["outcome"] is None and row["remaining"] > 0:
                pause = min(row["remaining"], _POLL_LISTENING if is_listening else _POLL_DEAF, deadline - loop.time())
                if pause <= 0:
                    return None
                await arrival.within(pause)
                row = await self._row(_LOOK, key)
            return None if row is None or row["outcome"] is None else from_json(row["outcome"])

    async def _row(self, query: str, key: str) -> Row | None:
        return await self._database.promptly(partial(self._database.fetchrow, query, to_text(key)))


class _Arrival:
    """Set when the leader has published."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def set(self) -> None:
        self._event.set()

    async def within(self, seconds: float) -> None:
        """Wait for it, but not longer than this."""
        try:
            async with asyncio.timeout(seconds):
                await self._event.wait()
        except TimeoutError:
            pass
        self._event.clear()


class _Arrivals:
    """The notifications of one event loop, and who waits for them."""

    def __init__(self, database: Database, channel: str) -> None:
        self._database = database
        self._channel = channel
        self._connection: Connection | None = None
        self._connecting = asyncio.Lock()
        self._expected: defaultdict[str, set[_Arrival]] = defaultdict(set)

    @contextmanager
    def expected(self, key: str) -> Generator[_Arrival]:
        """Somebody waits for this call as long as the block runs."""
        digest, arrival = _digest(key), _Arrival()
        self._expected[digest].add(arrival)
        try:
            yield arrival
        finally:
            self._expected[digest].discard(arrival)
            if not self._expected[digest]:
                del self._expected[digest]

    async def listen(self) -> bool:
        """True when notifications arrive; opens the connection for them when there is none."""
        async with self._connecting:
            if self._connection is None or self._connection.is_closed():
                try:
                    connection = await self._database.own_connection()
                    await connection.add_listener(self._channel, self._on_notify)
                except (StoreUnavailableError, OSError):
                    return False
                self._connection = connection
            return True

    def _on_notify(self, _connection: object, _pid: int, _channel: str, payload: object) -> None:
        for arrival in self._expected.get(str(payload), ()):
            arrival.set()


def _digest(key: str) -> str:
    """A notification's payload is limited, and a key may be long."""
    return hashlib.sha256(to_text(key).encode()).hexdigest()
