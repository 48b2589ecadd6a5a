"""Draws that are random to the world and fixed for a unit: hold-out users, and answers to audit."""

import hashlib


def holdout_draw(*parts: str) -> float:
    """A number in [0, 1) that is the same whenever the same parts are given, in every process."""
    digest = hashlib.blake2b("\x1f".join(parts).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


def is_held_out(unit_id: str, *, route: str, share: float) -> bool:
    """Whether this unit's requests (a user's, else a key's) always go to the strongest tier.

    Sticky, so that the group is a real control group; raising `share` only adds units.
    """
    return holdout_draw("cascade-holdout", route, unit_id) < share


def is_audited(request_id: str, *, share: float) -> bool:
    """Whether this request's accepted answer is also asked of the strongest tier; `max_per_minute` is the caller's."""
    return holdout_draw("cascade-audit", request_id) < share
