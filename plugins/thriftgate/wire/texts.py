"""All texts of a request: every string of a turn or a tool is one, but the few things below.

Whoever looks for what must not be there gets what nobody foresaw as well: a block of an unknown type, a field beside
the known ones, what a tool gave back in a shape of its own. A key alone hides nothing: clients name the fields of
tools' inputs and schemas as they like. Left out is only what cannot be prose where it stands:

- ids and words of the protocol (`id`, `type`, `role`, a tool's `name` …) in an object of the protocol itself, as long
  as they have the letters of an id, without blanks; what a signature seals is written so too;
- the words for types in a schema (`"string"`), where a schema has them;
- data that is base64 to its end, in a data URL that is no text's or where the protocol has bytes;
- addresses that have only the characters of URLs;
- what an MCP server is sent as credentials: `authorization`, `authorization_token` and `headers` beside its type;
- the keys of objects.

Failure behaviour: pure and total; linear in the size of the body, without recursion.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, cast

from thriftgate.wire.paths import INSIDE, Path, string_leaves
from thriftgate.wire.shapes import Json, items, mapping, text
from thriftgate.wire.turns import Part, PartKind, TextKind, TextPlace, Turn

_OF_TURNS = frozenset(
    {
        "type", "id", "role", "status", "object", "media_type", "mime_type", "format", "detail", "signature",
        "encrypted_content", "encrypted_index", "file_id", "call_id", "tool_call_id", "tool_use_id", "item_id",
        "container_id", "approval_request_id", "error_code", "phase", "ttl", "server_label",
    }
)  # fmt: skip
_IN_TURNS = frozenset(
    {
        "content", "source", "image_url", "video_url", "file", "input_audio", "audio", "image", "document",
        "cache_control", "function", "custom", "function_call", "tool_calls", "tool_references", "action", "operation",
        "outcome", "output", "outputs", "results", "summary", "citations", "annotations", "caller", "thinking_blocks",
        "reasoning_details", "pending_safety_checks", "acknowledged_safety_checks",
    }
)  # fmt: skip
"""Fields of a turn in which the protocol goes on."""
_UNTYPED = frozenset(
    {"source", "image_url", "video_url", "file", "input_audio", "audio", "function", "custom", "function_call",
     "tool_calls", "pending_safety_checks", "acknowledged_safety_checks"}
)  # fmt: skip
"""Those that need no type; any other object without one is a tool's or a client's own."""
_OF_DEFINITIONS = frozenset(
    {
        "type", "name", "format", "id", "server_label", "connector_id", "vector_store_ids", "syntax", "container",
        "mode", "ttl",
    }
)  # fmt: skip
_IN_DEFINITIONS = frozenset(
    {"function", "custom", "json_schema", "format", "grammar", "container", "tools", "cache_control", "user_location"}
)  # fmt: skip
_CREDENTIALS = frozenset({"authorization", "authorization_token", "headers"})
_SERVERS = frozenset({"mcp", "url"})
_SCHEMA = frozenset({"parameters", "input_schema", "output_schema", "schema"})
_OF_SCHEMAS = frozenset({"$ref", "$id", "$schema", "$anchor", "format"})
_IN_SCHEMAS = frozenset(
    {
        "items", "prefixItems", "additionalProperties", "anyOf", "allOf", "oneOf", "not", "if", "then", "else",
        "contains", "propertyNames",
    }
)  # fmt: skip
_NAMED_SCHEMAS = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"})
_TYPES = frozenset({"string", "number", "integer", "boolean", "object", "array", "null"})
_BYTES = frozenset({"data", "file_data", "b64_json", "result"})
_ID = re.compile(r"[A-Za-z0-9_.:/+=|~@#$-]*+")
_ADDRESS = re.compile(r"https?://[A-Za-z0-9_.~:/?#\[\]@!$&'()*+,;=%-]*+")
_DATA_URL = re.compile(r"data:([a-z]{1,20}/[A-Za-z0-9.+-]{1,100})(?:;(?:charset|codecs)=[A-Za-z0-9.-]{1,40})?;base64,")
_BASE64 = re.compile(r"(?:[A-Za-z0-9+/_-]{60,}+\r?\n)*+[A-Za-z0-9+/_-]*+={0,2}(?:\r?\n)?")
_WRITTEN = frozenset({"text", "content", "output", "stdout", "stderr", "logs", "result", "data"})
"""Fields of a tool's result that hold its own words, and may hold others."""
_CALLED = frozenset({"input", "arguments", "function", "custom", "action", "code", "queries", "operation"})
"""What a model wrote of a call; the rest of one is what came back."""
CARRIED = ("extra_body", "documents")
"""Fields of no dialect that reach models all the same: the first is laid over the provider's body."""
Known = Callable[[Part], Iterator[TextPlace]]


def turn_texts(turn: Turn, spoken_as: TextKind, known: Known) -> Iterator[TextPlace]:
    """Every text of a turn in order; those that its dialect `known` have their kinds from it."""
    parts: dict[Path, Part] = {}
    places: dict[Path, list[TextPlace]] = {}
    for part in turn.parts:
        parts[part.path] = part
        if part.text_path is not None:
            places[part.text_path] = []
        for place in known(part):
            at = place.path[: place.path.index(INSIDE)] if INSIDE in place.path else place.path
            places.setdefault(at, []).append(place)
    for leaf in _leaves(turn.value, turn.path, _Level.TURN, parts):
        if leaf.path in places:
            yield from places[leaf.path]
        elif not _is_left_out(leaf):
            # Bytes are nobody's words, also where they are shown: marks around them would spoil a picture.
            kind = _kind(leaf.path, leaf.part, turn, spoken_as)
            is_data = kind is TextKind.TOOL_RESULT and leaf.key in _BYTES and _is_encoded(leaf.holder)
            yield TextPlace(leaf.path, leaf.words, TextKind.DATA if is_data else kind)


def definition_texts(value: object, path: Path) -> Iterator[TextPlace]:
    """The texts of a tool or of an answer's form, descriptions deep in its schema among them."""
    for leaf in _leaves(value, path, _Level.DEFINITION, {}):
        if not _is_left_out(leaf):
            yield TextPlace(leaf.path, leaf.words, TextKind.DEFINITION)


def unturned_texts(value: object, path: Path) -> Iterator[TextPlace]:
    """The texts of a conversation that are in no turn, for it or one of its messages has not the shape of one."""
    listed = isinstance(value, list | tuple)
    for place, item in enumerate(items(value) if listed else [value]):
        if not isinstance(item, dict | Mapping) or not listed:
            for where, words in string_leaves(cast("object", item), (*path, place) if listed else path):
                yield TextPlace(where, words, TextKind.USER)


def free_texts(value: object, path: Path = ()) -> Iterator[str]:
    """The texts of what has no dialect of ours: every string, for nobody knows which are read."""
    for _, words in string_leaves(value, path):
        yield words


def _kind(path: Path, part: Part | None, turn: Turn, spoken_as: TextKind) -> TextKind:
    if part is None:
        return TextKind.DATA if turn.role == "tool" else spoken_as
    if part.in_tool_result or part.kind is PartKind.TOOL_RESULT:
        return TextKind.TOOL_RESULT if path[-1] in _WRITTEN or path == part.path else TextKind.DATA
    if part.kind is PartKind.TOOL_CALL:
        is_called = len(path) > len(part.path) and path[len(part.path)] in _CALLED
        return TextKind.TOOL_ARGUMENTS if is_called else TextKind.DATA
    if part.kind is PartKind.THINKING:
        return TextKind.THINKING
    if part.kind in (PartKind.DOCUMENT, PartKind.FILE):
        return TextKind.DOCUMENT
    return TextKind.DATA if part.kind is PartKind.OTHER and turn.role == "assistant" else spoken_as


class _Level(Enum):
    """What the object around a string is."""

    TURN = "turn"
    DEFINITION = "definition"
    SCHEMA = "schema"
    SCHEMAS = "schemas"
    """Schemas by names that the client gave."""
    FREE = "free"
    """Whatever a client, a tool or a model made of it."""
    CREDENTIALS = "credentials"


@dataclass(frozen=True, slots=True)
class _Leaf:
    """A string, the key under which it or its list stands, and what is around it."""

    path: Path
    words: str
    key: object
    holder: Json
    level: _Level
    part: Part | None


def _leaves(value: object, base: Path, level: _Level, parts: Mapping[Path, Part]) -> Iterator[_Leaf]:
    """Every string in a value, in order, with the innermost part around it."""
    stack: list[tuple[Path, Any, object, Json, _Level, Part | None]] = [(base, value, None, {}, level, None)]
    while stack:
        path, here, key, holder, level, part = stack.pop()
        part = parts.get(path, part) if parts else part
        if isinstance(here, str):
            yield _Leaf(path, here, key, holder, level, part)
        elif isinstance(here, dict | Mapping):
            fields = mapping(cast("object", here))
            if level is _Level.TURN and path != base and key not in _UNTYPED and not text(fields.get("type")):
                level = _Level.FREE
            stack.extend(
                ((*path, name), fields[name], name, fields, _below(level, name, fields), part)
                for name in reversed(list(fields))
            )
        elif isinstance(here, list | tuple):
            listed = cast("list[object]", here)
            stack.extend(
                ((*path, place), listed[place], key, holder, level, part) for place in range(len(listed) - 1, -1, -1)
            )


def _below(level: _Level, name: str, fields: Json) -> _Level:
    """What the value of a field is; a string, or strings in a list, are of the object that has the field."""
    value = fields[name]
    match level:
        case _Level.TURN if name == "tools" and items(value):
            return _Level.DEFINITION
        case _Level.TURN:
            return level if name in _IN_TURNS or _is_words(value) else _Level.FREE
        case _Level.DEFINITION if name in _CREDENTIALS and text(fields.get("type")) in _SERVERS:
            return _Level.CREDENTIALS
        case _Level.DEFINITION if name in _SCHEMA:
            return _Level.SCHEMA
        case _Level.DEFINITION:
            return level if name in _IN_DEFINITIONS or _is_words(value) else _Level.FREE
        case _Level.SCHEMA if name in _NAMED_SCHEMAS:
            return _Level.SCHEMAS
        case _Level.SCHEMA:
            return level if name in _IN_SCHEMAS or _is_words(value) else _Level.FREE
        case _Level.SCHEMAS:
            return _Level.FREE if _is_words(value) else _Level.SCHEMA
        case _Level.FREE | _Level.CREDENTIALS:
            return level


def _is_words(value: object) -> bool:
    return isinstance(value, str) or all(isinstance(one, str) for one in items(value) or [None])


def _is_left_out(leaf: _Leaf) -> bool:
    """Whether a string is one of the few things that are no texts; see above."""
    match leaf.level:
        case _Level.CREDENTIALS:
            return True
        case _Level.TURN if leaf.key in _OF_TURNS or _is_tools_name(leaf):
            return _is_id(leaf.words)
        case _Level.TURN if leaf.key in _BYTES and _is_bytes(leaf.holder):
            return _is_base64(leaf.words) or (leaf.holder.get("type") == "redacted_thinking" and _is_id(leaf.words))
        case _Level.DEFINITION if leaf.key in _OF_DEFINITIONS:
            return _is_id(leaf.words)
        case _Level.SCHEMA if leaf.key == "type":
            return leaf.words in _TYPES
        case _Level.SCHEMA if leaf.key in _OF_SCHEMAS:
            return _is_id(leaf.words)
        case _:
            return _is_data_url(leaf.words) or _ADDRESS.fullmatch(leaf.words) is not None


def _is_id(words: str) -> bool:
    return _ID.fullmatch(words) is not None


def _is_tools_name(leaf: _Leaf) -> bool:
    """No prose: providers take letters and digits."""
    return leaf.key == "name" and leaf.part is not None and leaf.part.kind is PartKind.TOOL_CALL


def _is_bytes(holder: Json) -> bool:
    return _is_encoded(holder) and not text(holder.get("media_type")).startswith("text/")


def _is_encoded(holder: Json) -> bool:
    return text(holder.get("type")) in ("base64", "redacted_thinking", "image_generation_call") or "format" in holder


def _is_base64(words: str) -> bool:
    is_whole = (len(words) - words.count("\n") - words.count("\r")) % 4 == 0
    return is_whole and _BASE64.fullmatch(words) is not None


def _is_data_url(words: str) -> bool:
    begun = _DATA_URL.match(words)
    return begun is not None and not begun[1].startswith("text/") and _is_base64(words[begun.end() :])
