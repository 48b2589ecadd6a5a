"""The strings and large numbers inside JSON text, and the text with others in their place.

Everything else of the text stays as it was written: order, blanks, the spelling of numbers.

Failure behaviour: pure. `looks_like_json` is False for what does not parse; the others expect that it does.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

_TOKEN = re.compile(r'"(?P<string>(?:[^"\\]|\\.)*+)"|(?<![\w.+-])(?P<number>-?\d{9,19})(?![\w.+-])')
_KEY = re.compile(r"\s*:")
_NAMING_KEYS = frozenset({"name", "key", "type", "label", "field", "kind", "title", "env", "variable", "header"})
_VALUE_KEYS = frozenset({"value", "val", "values", "content", "text", "data", "answer"})
_TYPES = frozenset({"text", "string", "number", "integer", "boolean", "input", "message"})
_LONGEST_NAME = 40


@dataclass(frozen=True, slots=True)
class JsonToken:
    """A string or a whole number; `label` is the key that it stands under."""

    start: int
    end: int
    text: str
    label: str
    is_key: bool


def looks_like_json(text: str) -> bool:
    """True for the text of a JSON object or list."""
    trimmed = text.strip()
    if not trimmed or trimmed[0] + trimmed[-1] not in ("{}", "[]") or len(trimmed) < 4:
        return False
    try:
        json.loads(trimmed)
    except (ValueError, RecursionError):
        return False
    return True


def name_beside(key: str, siblings: Mapping[str, object]) -> str:
    """What names a value: its key, or beside `value` what stands under `name` (`{"name": "PIN", "value": "7351"}`)."""
    if key.lower() not in _VALUE_KEYS:
        return key
    for other, name in siblings.items():
        is_name = other.lower() in _NAMING_KEYS and isinstance(name, str) and 0 < len(name) <= _LONGEST_NAME
        if is_name and str(name).lower() not in _TYPES:
            return str(name)
    return key


def tokens(text: str) -> Iterator[JsonToken]:
    """Every string and every number of nine digits or more."""
    label, last_key, at = "", "", 0
    siblings: dict[str, object] = {}
    for match in _TOKEN.finditer(text):
        if any(bracket in text[at : match.start()] for bracket in "{}"):
            siblings.clear()
        at = match.end()
        if match["number"] is not None:
            yield JsonToken(match.start(), match.end(), match["number"], label, is_key=False)
            continue
        decoded = str(json.loads(match[0], strict=False))
        is_key = _KEY.match(text, match.end()) is not None
        if is_key:
            last_key, label = decoded, name_beside(decoded, siblings)
        else:
            siblings[last_key] = decoded
        yield JsonToken(match.start(), match.end(), decoded, "" if is_key else label, is_key)


def rewritten(text: str, replace: Callable[[JsonToken], str]) -> str:
    """The JSON text with what `replace` gives for each token; a number that is replaced becomes a string."""
    out: list[str] = []
    at = 0
    for token in tokens(text):
        new = replace(token)
        if new != token.text:
            out += [text[at : token.start], json.dumps(new, ensure_ascii=False)]
            at = token.end
    out.append(text[at:])
    return "".join(out)
