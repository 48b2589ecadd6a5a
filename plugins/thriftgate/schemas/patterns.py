"""Regular expressions of a schema: only what a linear-time engine takes, with what each costs a character.

The engine is the one inside jsonschema-rs (Rust's `regex`): no backtracking, no look-around, no back references. Its
time is at worst proportional to the text times the compiled pattern, so the compiled size is bounded and priced.
"""

from functools import lru_cache

import jsonschema_rs

MAX_LENGTH = 1_000
"""Characters of one pattern."""
_SIZES_AND_PRICES = ((1_024, 2.0), (2_048, 8.0), (4_096, 18.0), (8_192, 24.0), (16_384, 45.0), (32_768, 90.0))
"""Bytes of a compiled pattern, and effort (`effort.UNIT`) for each character at the worst that was measured."""

OPTIONS = jsonschema_rs.RegexOptions(size_limit=_SIZES_AND_PRICES[-1][0], dfa_size_limit=16_384)
"""What every validator is compiled with; the second bound is the memory of one pattern's automaton."""


@lru_cache(maxsize=1024)
def price(pattern: str) -> float | None:
    """The worst effort for one character; None when the pattern cannot run in linear time or is too large."""
    if len(pattern) > MAX_LENGTH:
        return None
    for size, price in _SIZES_AND_PRICES:
        options = jsonschema_rs.RegexOptions(size_limit=size, dfa_size_limit=16_384)
        try:
            jsonschema_rs.Draft202012Validator({"pattern": pattern}, pattern_options=options, offline=True)
        except ValueError:
            continue
        return price
    return None
