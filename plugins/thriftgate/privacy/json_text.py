"""The strings and large numbers inside JSON text, and the text with others in their place.

Everything else of the text stays as it was written: order, blanks, the spelling of numbers.

Failure behaviour: pure. `looks_like_json` is False for what does not parse; the others expect that it does.
"""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from thriftgate.privacy.context import BESIDE
from thriftgate.privacy.field_names import field_kind
from thriftgate.privacy.recognizers.credential_words import names_a_secret
from thriftgate.privacy.recognizers.told_codes import is_named_code

_TOKEN = re.compile(r'"(?P<string>(?:[^"\\]|\\.)*+)"|(?<![\w.+-])(?P<number>-?\d{4,19})(?![\w.+-])')
_NUMBER = 9
"""Digits of a number that may be personal whatever it is called; a shorter one may be a PIN."""
_KEY = re.compile(r"\s*:")
_CLOSES = re.compile(r"\s*\]")
_NAMING_KEYS = frozenset({"name", "key", "label", "field", "env", "variable", "header", "question", "prompt"})
_SORT_KEYS = frozenset({"type", "kind"})
"""They say what sort of thing a value is, which tells a number, and no credential: `{"type": "token", "value": …}`."""
_VALUE_KEYS = frozenset(
    {"value", "val", "values", "data", "answer", "new", "old", "current", "previous", "before", "after"}
)
_LATER = re.compile(
    r'\s*,[^{}\[\]]{0,160}?"(?i:name|key|label|field|env|variable|header)"\s*:\s*"(?P<name>[^"\\]{1,40})"'
)
_TYPES = frozenset({"text", "string", "number", "integer", "boolean", "input", "message"})
_HEADING_KEYS = frozenset({"columns", "headers", "header", "headings", "fields", "cols"})
_ROW_KEYS = frozenset({"rows", "data", "values", "records"})
"""`{"columns": ["id", "password"], "rows": [[1, "…"]]}`, as databases answer."""
_MOST_HEADINGS = 200
_LONGEST_NAME = 40
_SORT = "type: "


@dataclass(frozen=True, slots=True)
class JsonToken:
    """A string or a whole number; `label` is the key that it stands under, or the name beside it (`name_beside`)."""

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


def naming(key: str, name: object) -> str:
    """The name that a field gives to the value beside it; empty: it gives none."""
    if isinstance(name, str) and key.lower() == "path" and name.startswith("/"):
        return name.rsplit("/", 1)[-1][:_LONGEST_NAME]  # of a JSON patch
    if not isinstance(name, str) or not 0 < len(name) <= _LONGEST_NAME or name.lower() in _TYPES:
        return ""
    return name if key.lower() in _NAMING_KEYS else f"{_SORT}{name}" if key.lower() in _SORT_KEYS else ""


def first_name(name: str, new: str) -> str:
    """The first that was given; a sort of thing gives way to a name."""
    return new if new and (not name or (name.startswith(_SORT) and not new.startswith(_SORT))) else name


def name_before(values: Sequence[object], label: str) -> str:
    """What the first of two strings is to the second: `["password", "…"]`, as maps and headers are written as pairs.

    Else the list's own label, also where that says what both are: `{"password": ["old", "new"]}`.
    """
    is_told = names_a_secret(label) or field_kind(label) is not None
    first = values[0] if len(values) == 2 and all(isinstance(one, str) for one in values) and not is_told else None
    name = naming("name", first)
    return f"{name}{BESIDE}" if name else label


def name_beside(key: str, name: str) -> str:
    """What names a value: its key, or beside `value` what stands under `name` (`{"name": "PIN", "value": "7351"}`).

    `name` is the first that a field of the same object gives (`naming`).
    """
    return f"{name}{BESIDE}" if name and key.lower() in _VALUE_KEYS else key


def tokens(text: str) -> Iterator[JsonToken]:
    """Every string, every number of nine digits or more, and shorter ones that are called a code."""
    label, last_key, name, at = "", "", "", 0
    headings, column = list[str](), 0
    opened = ""
    """The string right behind a bracket, which may be the first of a pair."""
    for match in _TOKEN.finditer(text):
        between = text[at : match.start()]
        is_second = bool(opened) and between.strip() == "," and _CLOSES.match(text, match.end()) is not None
        if any(bracket in between for bracket in "{}"):
            name = ""
        column = between.count(",", between.rfind("[") + 1) + (0 if "[" in between else column)
        is_cell = last_key.lower() in _ROW_KEYS and column < len(headings)
        at = match.end()
        if match["number"] is not None:
            opened = ""
            heading = headings[column] if is_cell else label
            if len(match["number"]) < _NUMBER and not is_named_code(heading, match["number"]):
                continue
            yield JsonToken(match.start(), match.end(), match["number"], heading, is_key=False)
            continue
        decoded = str(json.loads(match[0], strict=False))
        is_key = _KEY.match(text, match.end()) is not None
        if is_key:
            last_key, label = decoded, name_beside(decoded, name)
            headings = [] if decoded.lower() in _HEADING_KEYS else headings
        else:
            if last_key.lower() in _HEADING_KEYS and len(headings) < _MOST_HEADINGS:
                headings.append(decoded)
            name = first_name(name, naming(last_key, decoded))
        pair = name_before((opened, decoded), label) if is_second else label
        opened = decoded if between.rstrip().endswith("[") else ""
        # Two cells of a row are no pair: the column knows what the second is.
        named = headings[column] if is_cell and headings[column] else pair
        if (
            not is_key
            and (not name or name.startswith(_SORT))
            and last_key.lower() in _VALUE_KEYS
            and named in (last_key, f"{name}{BESIDE}")
        ):
            later = _LATER.match(text, match.end())
            named = name_beside(last_key, naming("name", later["name"])) if later is not None else named
        yield JsonToken(match.start(), match.end(), decoded, "" if is_key else named, is_key)


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
