r"""Any text and any JSON in and out of PostgreSQL, which refuses NUL bytes and half surrogates.

Models and users send both. An answer must not be lost for one odd character, and two different scopes must never
become the same, so the escape is reversible: `\` becomes `\\`, NUL becomes `\0`, a lone surrogate `\udXXX`.
Text without them, which is nearly all there is, is stored as it stands.

Failure behaviour: NaN and infinities, which JSON lacks, become null; a value of an unknown class is stored as its text.
"""

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

_UNSAFE = re.compile("[\\\\\x00\ud800-\udfff]")
_ESCAPED = re.compile(r"\\(\\|0|u[0-9a-f]{4})")
_REPLACED = re.compile("[\x00\ud800-\udfff]")


def to_text(text: str) -> str:
    """The text as PostgreSQL takes it."""
    return _UNSAFE.sub(_escape, text)


def from_text(stored: str) -> str:
    """The text as it was given to `to_text`."""
    return _ESCAPED.sub(_unescape, stored) if "\\" in stored else stored


def to_json(value: object) -> str:
    """JSON for a `json` column, which keeps every text; numbers that JSON has not (NaN, infinities) become null."""
    return _dump(value)


def to_jsonb(value: object) -> str:
    """JSON for a `jsonb` column; characters it refuses become U+FFFD."""
    dumped = _dump(value)
    return _dump(_cleaned(value, text=True)) if "\\u0000" in dumped or "\\ud" in dumped else dumped


def from_json(stored: str) -> Any:
    """The value of a `json` or `jsonb` column."""
    return json.loads(stored)


def finite(number: float | None) -> float | None:
    """The number, or None in place of NaN and infinities, which would spoil every sum they enter."""
    return number if number is not None and math.isfinite(number) else None


def _dump(value: object) -> str:
    try:
        return json.dumps(value, allow_nan=False, separators=(",", ":"), default=_plain)
    except ValueError:
        return json.dumps(_cleaned(value, text=False), separators=(",", ":"), default=_plain)


def _plain(value: object) -> object:
    """What the JSON encoder does not know: other mappings and sequences as such, the rest as text."""
    if isinstance(value, Mapping):
        return dict(cast("Mapping[Any, Any]", value))
    if isinstance(value, (Sequence, set, frozenset)) and not isinstance(value, (str, bytes)):
        return list(cast("Sequence[Any]", value))
    return str(value)


def _cleaned(value: object, *, text: bool) -> object:
    """The same value without numbers that are not finite and, with `text`, without refused characters."""
    if isinstance(value, str):
        return _REPLACED.sub("\ufffd", value) if text else value
    if isinstance(value, float):
        return finite(value)
    if isinstance(value, Mapping):
        items = cast("Mapping[Any, Any]", value).items()
        return {_cleaned(key, text=text) if isinstance(key, str) else key: _cleaned(v, text=text) for key, v in items}
    if isinstance(value, (list, tuple)):
        return [_cleaned(item, text=text) for item in cast("Sequence[Any]", value)]
    return value


def _escape(found: re.Match[str]) -> str:
    character = found.group()
    if character == "\\":
        return "\\\\"
    return "\\0" if character == "\x00" else f"\\u{ord(character):04x}"


def _unescape(found: re.Match[str]) -> str:
    name = found.group(1)
    if name == "\\":
        return "\\"
    return "\x00" if name == "0" else chr(int(name[1:], 16))
