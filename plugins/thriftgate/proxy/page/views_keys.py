"""The keys on the live page: whose they are, what they spent, and how one is revoked.

Failure behaviour: pure and total.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from thriftgate import wording
from thriftgate.services.books.key_use import KeyUse

MOST_KEYS = 30


@dataclass(frozen=True, slots=True)
class KeyRow:
    """One key."""

    name: str
    key_id: str
    team: str
    tier: str
    look: str
    status: str
    spent: str
    used: str
    command: str
    """Revokes it; empty where it opens nothing any more."""


def key_rows(uses: Sequence[KeyUse], *, now: float) -> list[KeyRow]:
    """The keys that spent most."""
    digits = wording.digits_for(max((one.spent_usd for one in uses), default=0.0))
    return [
        KeyRow(
            name=one.alias or one.key_id,
            key_id=one.key_id,
            team=one.team or wording.UNKNOWN,
            tier=one.tier or wording.UNKNOWN,
            look="good" if one.status == "good" else "bad",
            status=one.status,
            spent=wording.money(one.spent_usd, digits),
            used="not this month" if one.last_used_at is None else wording.ago(one.last_used_at, now),
            command="" if one.status in ("revoked", "expired") else f"thriftgate keys revoke {one.key_id}",
        )
        for one in uses[:MOST_KEYS]
    ]


def keys_note(uses: Sequence[KeyUse]) -> str:
    """What is not shown."""
    more = len(uses) - MOST_KEYS
    others = (
        f"and {wording.counted(more, 'other', 'others')} that spent less: thriftgate keys list. " if more > 0 else ""
    )
    return f"{others}Keys of identity.file stand there, and are not listed here."
