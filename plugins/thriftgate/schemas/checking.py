"""Compile a schema once, then check values against it: in microseconds, bounded in time, and without any fetching.

What cannot be checked within the bound is `Unchecked`, never "valid" and never "invalid". A check holds Python's lock
while it runs, so a thread would not help others; `LIMIT` bounds it instead.

Failure behaviour: pure; a schema that is refused is a value, `Refusal`. Nothing is raised for whatever a client wrote.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast
from urllib.parse import quote

import jsonschema_rs

from thriftgate.schemas import patterns
from thriftgate.schemas.effort import UNIT, Effort
from thriftgate.schemas.references import Part, SchemaDocument, escaped
from thriftgate.schemas.refusal import Refusal, RefusalReason
from thriftgate.schemas.violation import Path, Violation
from thriftgate.schemas.wording import expected

MAX_CHARACTERS = 150_000
"""Of a schema as JSON text."""
MAX_PARTS = 2_000
"""Schemas inside a schema."""
MAX_DEPTH = 64
"""Levels of a value that are checked."""
MAX_MEASURED = 100_000
"""Characters of a value whose size is looked at more closely when its length alone does not promise a short check."""
SMALL = 1_000
"""Characters of a schema that is compiled in well under a millisecond."""
LIMIT = 0.02 / UNIT
"""Effort of one check: 20 ms at the worst that was measured; real schemas take a thousandth of it."""
_EXPLAINING = 20.0
"""How much more it costs to say what is wrong than to find out that something is."""
_CACHED = 128
_HOME = "thriftgate:/schema"

_Draft = tuple[int, type[jsonschema_rs.Validator]]
_DRAFT_7: _Draft = (jsonschema_rs.Draft7, jsonschema_rs.Draft7Validator)
_DRAFT_2020: _Draft = (jsonschema_rs.Draft202012, jsonschema_rs.Draft202012Validator)
_DRAFTS: Mapping[str, _Draft] = {
    "http://json-schema.org/draft-04/schema": (jsonschema_rs.Draft4, jsonschema_rs.Draft4Validator),
    "http://json-schema.org/draft-06/schema": (jsonschema_rs.Draft6, jsonschema_rs.Draft6Validator),
    "http://json-schema.org/draft-07/schema": _DRAFT_7,
    "https://json-schema.org/draft/2019-09/schema": (jsonschema_rs.Draft201909, jsonschema_rs.Draft201909Validator),
    "https://json-schema.org/draft/2020-12/schema": _DRAFT_2020,
}
_GUESSES = (_DRAFT_2020, _DRAFT_7)
"""Without `$schema` nobody knows the draft: the newest first, then the one whose `items` may be a list."""
_LOOSENING_MATTERS = frozenset(
    {"not", "oneOf", "if", "maxContains", "unevaluatedProperties", "unevaluatedItems", "propertyNames"}
)
"""Beside one of these, to leave a pattern out could make a valid value invalid."""


@dataclass(frozen=True, slots=True)
class Unchecked:
    """Nothing can be said about a value, and why, as a fixed phrase."""

    reason: str


class Schema:
    """A compiled schema; may be shared between threads and kept as long as one likes."""

    def __init__(self, document: SchemaDocument, effort: Effort, draft: _Draft) -> None:
        """Raises ValueError when the schema is not valid in its draft."""
        self.document = document
        self.ignored: tuple[str, ...] = ()
        """Pointers of parts whose `pattern` cannot run in linear time and is left out."""
        self._effort = effort
        self._draft = draft
        self._validator = _compiled(draft, document.root)
        self._of_part: dict[str, jsonschema_rs.Validator] = {"#": self._validator}

    @cached_property
    def names(self) -> frozenset[str]:
        """Every property name the schema has: what may be said aloud about a path."""
        found: set[str] = set()
        for part in self.document.parts.values():
            named: object = part.get("properties") if isinstance(part, Mapping) else None
            if isinstance(named, Mapping):
                found.update(cast("Mapping[str, object]", named))
        return frozenset(found)

    def check(self, value: object, *, characters: int | None = None) -> Violation | Unchecked | None:
        """The first violation of a JSON value; None when it is valid.

        `characters` is the length of the text that the value was read from, which spares a look at its size.
        """
        unchecked = self._too_costly(value, characters)
        if unchecked is not None:
            return unchecked
        try:
            if self._validator.is_valid(value):
                return None
        except (ValueError, RecursionError):
            return Unchecked("the value cannot be checked")
        return self._explained(value, self._validator)

    def fits(self, value: object, *, characters: int | None = None) -> bool:
        """Whether nothing is known to be wrong with a value; what is unchecked is not known."""
        if self._too_costly(value, characters) is not None:
            return True
        try:
            return self._validator.is_valid(value)
        except (ValueError, RecursionError):
            return True

    def affords(self, characters: int) -> bool:
        """Whether checks of a text of this length stay within the bound, whatever the text is."""
        bound = self._effort.bound(values=characters // 2 + 1, characters=characters, depth=MAX_DEPTH)
        return bound <= LIMIT

    def part_fits(self, pointer: str, value: object) -> bool:
        """Whether a value is valid under the part of the schema at `pointer`; the caller has asked `affords`."""
        validator = self._of_part.get(pointer)
        if validator is None:
            validator = self._of_part[pointer] = self._compiled_part(pointer)
        try:
            return validator.is_valid(value)
        except (ValueError, RecursionError):
            return True

    def part_violation(self, pointer: str, value: object) -> Violation:
        """What is wrong with a value under the part of the schema at `pointer`; it has been found not to fit."""
        return self._explained(value, self._of_part[pointer])

    @property
    def is_2020(self) -> bool:
        """The draft has `prefixItems`; the older ones have a list as `items`."""
        return self._draft is _DRAFT_2020

    @property
    def refs_stand_alone(self) -> bool:
        """What stands beside a `$ref` does not count: drafts 4 to 7."""
        return self._draft[0] not in (jsonschema_rs.Draft201909, jsonschema_rs.Draft202012)

    def _compiled_part(self, pointer: str) -> jsonschema_rs.Validator:
        try:
            registry = jsonschema_rs.Registry([(_HOME, self.document.root)], draft=self._draft[0])
            return _compiled(self._draft, {"$ref": f"{_HOME}#{quote(pointer[1:], safe='/~')}"}, registry)
        except ValueError:
            # A part that only makes sense from where it is referred to; the whole is checked all the same.
            return _compiled(self._draft, {})

    def _too_costly(self, value: object, characters: int | None) -> Unchecked | None:
        if characters is not None and self.affords(characters):
            return None
        if characters is not None and characters > MAX_MEASURED:
            return Unchecked("the value would take too long to check")
        size = _size(value)
        if size.depth > MAX_DEPTH:
            return Unchecked("the value is nested too deeply to be checked")
        bound = self._effort.bound(values=size.values, characters=size.characters, depth=size.depth)
        return Unchecked("the value would take too long to check") if bound > LIMIT else None

    def _explained(self, value: object, validator: jsonschema_rs.Validator) -> Violation:
        size = _size(value)
        bound = self._effort.bound(values=size.values, characters=size.characters, depth=size.depth)
        if bound * _EXPLAINING <= LIMIT:
            try:
                validator.validate(value)
            except jsonschema_rs.ValidationError as error:
                path: Path = tuple(error.instance_path)
                return Violation(path, error.kind.name, expected(error.kind))
        return Violation((), "", "does not fit the JSON schema")


def compile_schema(schema: object) -> Schema | Refusal:
    """A schema ready to check values; compiled once for equal schemas.

    A large one takes milliseconds, a hostile one some hundred: see `is_at_hand`.
    """
    text = _text_of(schema)
    return text if isinstance(text, Refusal) else schema_of_text(text)


def is_at_hand(schema: object) -> bool:
    """Whether `compile_schema` is quick enough for an event loop: the schema is small, refused, or compiled already."""
    text = _text_of(schema)
    return isinstance(text, Refusal) or len(text) <= SMALL or len(text) > MAX_CHARACTERS or text in _known


def schema_of_text(text: str) -> Schema | Refusal:
    """The schema that a JSON text is."""
    if len(text) > MAX_CHARACTERS:
        return Refusal(RefusalReason.TOO_LARGE)
    known = _known.get(text)
    if known is None:
        known = _known[text] = _from_text(text)
        while len(_known) > _CACHED:
            # Another thread may have taken it out: that is as good.
            _known.pop(next(iter(_known), ""), None)
    return known


_known: dict[str, Schema | Refusal] = {}


def _text_of(schema: object) -> str | Refusal:
    if not isinstance(schema, Mapping | bool):
        return Refusal(RefusalReason.NO_SCHEMA)
    try:
        return json.dumps(schema)
    except (RecursionError, ValueError, TypeError):
        return Refusal(RefusalReason.TOO_DEEP)


def _from_text(text: str) -> Schema | Refusal:
    try:
        root: object = json.loads(text)
    except (RecursionError, ValueError):
        return Refusal(RefusalReason.BROKEN)
    if isinstance(root, bool):
        root = {} if root else {"not": {}}
    if not isinstance(root, dict):
        return Refusal(RefusalReason.NO_SCHEMA)
    if _size(cast("object", root)).depth > MAX_DEPTH:
        return Refusal(RefusalReason.TOO_DEEP)
    return _from_root(cast("dict[str, Any]", root))


def _from_root(root: dict[str, Any]) -> Schema | Refusal:
    named = root.get("$schema")
    draft = _DRAFTS.get(named.rstrip("#")) if isinstance(named, str) else None
    if draft is None:
        root = {keyword: value for keyword, value in root.items() if keyword != "$schema"}
    document = SchemaDocument(root, max_parts=MAX_PARTS)
    ignored: tuple[str, ...] = ()
    if document.is_too_large:
        return Refusal(RefusalReason.TOO_LARGE)
    effort = Effort(document)
    if effort.refusal is not None and effort.refusal.reason is RefusalReason.PATTERN:
        ignored = _leave_out_patterns(document)
        effort = Effort(document)
    if effort.refusal is not None:
        return effort.refusal
    place = ""
    for candidate in (draft,) if draft is not None else _GUESSES:
        try:
            schema = Schema(document, effort, candidate)
        except jsonschema_rs.ValidationError as error:
            place = place or _pointer(error.instance_path)
        except (ValueError, RecursionError):
            continue
        else:
            schema.ignored = ignored
            return schema
    return Refusal(RefusalReason.BROKEN, place)


def _pointer(path: Iterable[str | int]) -> str:
    return "".join(["#", *(f"/{escaped(str(part))}" for part in path)])


def _compiled(
    draft: _Draft, schema: dict[str, Any], registry: jsonschema_rs.Registry | None = None
) -> jsonschema_rs.Validator:
    return draft[1](
        schema,
        offline=True,
        validate_formats=False,
        pattern_options=patterns.OPTIONS,
        registry=registry,
    )


def _leave_out_patterns(document: SchemaDocument) -> tuple[str, ...]:
    """Take out each `pattern` that cannot run in linear time, where that can only make more values valid."""
    schemas: list[tuple[str, Part]] = list(document.parts.items())
    if any(isinstance(schema, Mapping) and not _LOOSENING_MATTERS.isdisjoint(schema) for _, schema in schemas):
        return ()
    taken: list[str] = []
    for pointer, schema in schemas:
        if isinstance(schema, dict):
            pattern = schema.get("pattern")
            if isinstance(pattern, str) and patterns.price(pattern) is None:
                del schema["pattern"]
                taken.append(pointer)
    return tuple(taken)


@dataclass(frozen=True, slots=True)
class _Size:
    values: int
    characters: int
    depth: int


def _size(value: object) -> _Size:
    """How many values, characters of strings and digits, and levels a value has; looks no deeper than `MAX_DEPTH`."""
    values = characters = depth = 0
    level: list[object] = [value]
    while level and depth <= MAX_DEPTH:
        deeper: list[object] = []
        for one in level:
            values += 1
            if isinstance(one, str):
                characters += len(one)
            elif isinstance(one, Mapping):
                named = cast("Mapping[str, object]", one)
                characters += sum(map(len, named))
                deeper.extend(named.values())
            elif isinstance(one, list):
                deeper.extend(cast("list[object]", one))
            elif isinstance(one, int):
                characters += one.bit_length() // 3
        level = deeper
        depth += bool(level)
    return _Size(values, characters, depth)
