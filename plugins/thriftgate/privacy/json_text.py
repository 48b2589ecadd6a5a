"""The strings and large numbers inside JSON text, and the text with others in their place.

Everything else of the text stays as it was written: order, blanks, the spelling of numbers.

Failure behaviour: pure. `looks_like_json` is False for what does not parse; the others expect that it does.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

_TOKEN = re.compile(r'"(?P<string>(?:[^"\\]|\\.)*+)"|(?<![\w.+-])(?P<number>-?\d{9,19})(?![\w.+-])')
_KEY = re.compile(r"\s*:")


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


def tokens(text: str) -> Iterator[JsonToken]:
    """Every string and every number of nine digits or more."""
    label = ""
    for match in _TOKEN.finditer(text):
        if match["number"] is not None:
            yield JsonToken(match.start(), match.end(), match["number"], label, is_key=False)
            continue
        decoded = str(json.loads(match[0], strict=False))
        is_key = _KEY.match(text, match.end()) is not None
        if is_key:
            label = decoded
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
