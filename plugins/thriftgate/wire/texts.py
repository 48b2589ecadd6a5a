"""All texts of a request: every string of a turn or a tool is one, but what the protocols say themselves.

Whoever looks for what must not be there gets what nobody foresaw as well: a block of an unknown type, a field beside
the known ones, what a tool gave back in a shape of its own.

Failure behaviour: pure and total; linear in the size of the body.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

from thriftgate.wire.paths import INSIDE, Path
from thriftgate.wire.shapes import Json, mapping, text
from thriftgate.wire.turns import Part, PartKind, TextKind, TextPlace, Turn

_PROTOCOLS = frozenset(
    {
        "type", "id", "role", "status", "object", "media_type", "mime_type", "format", "detail", "signature",
        "encrypted_content", "encrypted_index", "file_id", "call_id", "tool_call_id", "tool_use_id", "item_id",
        "container_id", "approval_request_id", "error_code", "phase",
    }
)  # fmt: skip
_DEFINITIONS_OWN = frozenset(
    {
        "type", "name", "format", "pattern", "required", "$ref", "$id", "$schema", "$anchor", "id",
        "authorization", "authorization_token", "server_label", "connector_id", "vector_store_ids",
        "syntax", "container", "mode",
    }
)  # fmt: skip
_WHOLLY = frozenset({"cache_control", "headers"})
"""These with all that is in them."""
_BYTES = frozenset({"data", "file_data", "b64_json", "result"})
_WRITTEN = frozenset({"text", "content", "output", "stdout", "stderr", "logs", "result", "data"})
"""Fields of a tool's result that hold its own words, and may hold others."""
_CALLED = frozenset({"input", "arguments", "function", "custom", "action", "code", "queries", "operation"})
"""What a model wrote of a call; the rest of one is what came back."""
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
    for path, words in _leaves(turn.value, turn.path, _PROTOCOLS, frozenset(places)):
        if path in places:
            yield from places[path]
            continue
        part = _holder(path, parts)
        # A tool's name is no prose: providers take letters and digits.
        if part is None or part.kind is not PartKind.TOOL_CALL or path[-1] != "name":
            yield TextPlace(path, words, _kind(path, part, turn, spoken_as))


def definition_texts(value: object, path: Path) -> Iterator[TextPlace]:
    """The texts of a tool or of an answer's form, descriptions deep in its schema among them."""
    for where, words in _leaves(value, path, _DEFINITIONS_OWN, frozenset()):
        yield TextPlace(where, words, TextKind.DEFINITION)


def free_texts(value: object, path: Path = ()) -> Iterator[str]:
    """The texts of what has no dialect of ours."""
    for _, words in _leaves(value, path, _PROTOCOLS, frozenset()):
        yield words


def _holder(path: Path, parts: Mapping[Path, Part]) -> Part | None:
    """The innermost part around a place."""
    return next((parts[path[:end]] for end in range(len(path), 0, -1) if path[:end] in parts), None)


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


def _leaves(value: object, base: Path, left_out: frozenset[str], wanted: frozenset[Path]) -> Iterator[tuple[Path, str]]:
    """The strings in a value but those under keys to leave out, bytes and addresses; what is `wanted` in any case."""
    stack: list[tuple[Path, Any, Json]] = [(base, value, {})]
    while stack:
        path, here, holder = stack.pop()
        if isinstance(here, str):
            if path in wanted or not _is_opaque(here, path[-1] if path else None, holder):
                yield path, here
        elif isinstance(here, dict | Mapping):
            fields = mapping(cast("object", here))
            for name in reversed(list(fields)):
                inner = fields[name]
                is_protocols = name in _WHOLLY or (name in left_out and not _is_object(inner))
                if not is_protocols or (*path, name) in wanted:
                    stack.append(((*path, name), inner, fields))
        elif isinstance(here, list | tuple):
            listed = cast("list[object]", here)
            stack.extend(((*path, place), listed[place], holder) for place in range(len(listed) - 1, -1, -1))


def _is_object(value: object) -> bool:
    return isinstance(value, dict | Mapping)


def _is_opaque(words: str, key: object, holder: Json) -> bool:
    """Bytes of what is no text, and addresses: nobody reads them."""
    if words.startswith("data:") and ";base64," in words[:128]:
        return not words.startswith("data:text/")
    if words.startswith(("http://", "https://")) and not any(mark in words for mark in " \n\t"):
        return True
    if key not in _BYTES:
        return False
    kind, media_type = text(holder.get("type")), text(holder.get("media_type"))
    is_bytes = kind in ("base64", "redacted_thinking", "image_generation_call") or "format" in holder
    return is_bytes and not media_type.startswith("text/")
