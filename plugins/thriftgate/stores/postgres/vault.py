"""One sealed row per conversation, shared by all workers and gateways of a database (ports.PseudonymVault).

Failure behaviour: every method raises StoreUnavailableError when the database does not answer or a row cannot be
opened; privacy fails closed, so the request is refused.
"""

import json
from collections.abc import Sequence
from typing import Any

from thriftgate.ports import KeptPseudonyms
from thriftgate.privacy.pseudonyms import Pseudonym
from thriftgate.stores.postgres.connection.database import Database
from thriftgate.stores.postgres.sealing import Sealer

_LOAD = """
SELECT version, sealed FROM pseudonyms WHERE conversation = $1 AND expires_at > clock_timestamp()
"""
_INSERT = """
INSERT INTO pseudonyms AS p (conversation, version, sealed, expires_at)
VALUES ($1, 1, $2, clock_timestamp() + make_interval(secs => $3))
ON CONFLICT (conversation) DO UPDATE
    SET version = 1, sealed = excluded.sealed, expires_at = excluded.expires_at
    WHERE p.expires_at <= clock_timestamp()
RETURNING true
"""
_UPDATE = """
UPDATE pseudonyms SET version = version + 1, sealed = $2, expires_at = clock_timestamp() + make_interval(secs => $3)
WHERE conversation = $1 AND version = $4 AND expires_at > clock_timestamp()
RETURNING true
"""
_EXPIRE = "DELETE FROM pseudonyms WHERE expires_at <= clock_timestamp()"


class PostgresVault:
    """Keeps pseudonyms for `keep` seconds after a conversation's last new value."""

    def __init__(self, database: Database, sealer: Sealer, *, keep: float) -> None:
        self._database = database
        self._sealer = sealer
        self._keep = keep

    async def load(self, conversation: str) -> KeptPseudonyms | None:
        """What is kept of a conversation; None when there is nothing, or it has expired."""
        row = await self._database.fetchrow(_LOAD, conversation)
        if row is None:
            return None
        content = self._sealer.open(bytes(row["sealed"]), bound_to=conversation.encode())
        entries: list[list[Any]] = json.loads(content)
        return KeptPseudonyms(tuple(Pseudonym(*entry) for entry in entries), int(row["version"]))

    async def save(self, conversation: str, entries: Sequence[Pseudonym], *, after: int) -> bool:
        """Keep these instead of version `after` (0: of nothing); False when somebody else was faster."""
        content = json.dumps([[one.entity_type, one.number, one.variant, one.value] for one in entries]).encode()
        sealed = self._sealer.seal(content, bound_to=conversation.encode())
        if after == 0:
            return bool(await self._database.fetchval(_INSERT, conversation, sealed, self._keep))
        return bool(await self._database.fetchval(_UPDATE, conversation, sealed, self._keep, after))

    async def expire(self) -> None:
        """Delete what has expired."""
        await self._database.execute(_EXPIRE)
