"""What checking a value against a schema can cost at most, known before it is done.

A schema is a program: `allOf` twice over a chain of twenty references is a million checks of one value, a recursive
`anyOf` doubles them with every level of the value, and `enum` compares each element with each alternative. The bound
counts, for every part of the schema, the checks it causes at its own place of the value and one level below, and
follows that down as many levels as the value has.

Failure behaviour: pure; a schema that refers to itself at the same place is a `Refusal`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from thriftgate.schemas import patterns
from thriftgate.schemas.references import REFERENCES, SchemaDocument, escaped, is_schema
from thriftgate.schemas.refusal import Refusal, RefusalReason

UNIT = 50e-9
"""Seconds of one unit of effort: checking one small part of a schema against one value."""
CEILING = 1e12
"""Where counting stops."""
MAX_PATTERNS = 100
"""Different patterns in one schema: each takes memory and a fraction of a millisecond to compile."""
DEEPEST = 64
"""Levels that are looked ahead."""
MAX_LOOKED_AHEAD = 40_000
"""Parts of a schema times levels: a large schema whose effort still grows is followed less deep, and then unknown."""
_SLOW_COMPARISONS = 20.0
_FLOAT_COMPARISON = 120.0
_DIGIT = 8.0
"""Dividing a number of thousands of digits."""


@dataclass(slots=True)
class _Part:
    """One part of the schema, as far as it costs something."""

    here: list[str] = field(default_factory=list[str])
    """Parts that look at the same value."""
    one_below: list[list[str]] = field(default_factory=list[list[str]])
    """Groups of parts of which only one looks at a given value one level below."""
    each: float = 1.0
    per_character: float = 0.0
    repeats: float = 1.0
    """How often the parts at the same place may be gone through."""


class Effort:
    """The bound for one schema."""

    def __init__(self, document: SchemaDocument) -> None:
        self.refusal: Refusal | None = None
        self._parts: dict[str, _Part] = {}
        self._order: list[str] = []
        self._patterns: set[str] = set()
        self._build(document)
        self._peaks: list[tuple[float, float]] = []
        self._level: dict[str, tuple[float, float]] = {}
        self._is_steady = False
        if self.refusal is None:
            # Worked out now, which may be in a thread, and not at the first check, which is not.
            self._peak(DEEPEST)

    def bound(self, *, values: int, characters: int, depth: int) -> float:
        """The most units that checking a value takes: so many values in it, characters in its strings, levels."""
        each, per_character = self._peak(depth)
        return values * each + characters * per_character

    def _peak(self, depth: int) -> tuple[float, float]:
        """The most checks that one place of a value causes, among all places down to `depth`."""
        while len(self._peaks) <= depth and not self._is_steady:
            if len(self._peaks) * len(self._parts) > MAX_LOOKED_AHEAD:
                return CEILING, CEILING
            self._deepen()
        return self._peaks[min(depth, len(self._peaks) - 1)]

    def _deepen(self) -> None:
        """One level more: what each part costs there, from what its children cost one level less deep."""
        below, level = self._level, dict[str, tuple[float, float]]()
        for pointer in self._order:
            part = self._parts[pointer]
            if self._peaks:
                each = per_character = 0.0
                for group in part.one_below:
                    each += max((below[child][0] for child in group), default=0.0)
                    per_character += max((below[child][1] for child in group), default=0.0)
            else:
                each, per_character = part.each, part.per_character
            each += sum(level[other][0] for other in part.here)
            per_character += sum(level[other][1] for other in part.here)
            level[pointer] = (
                min(CEILING, each * part.repeats),
                min(CEILING, per_character * part.repeats),
            )
        before = self._peaks[-1] if self._peaks else (0.0, 0.0)
        here = level["#"]
        self._peaks.append((max(before[0], here[0]), max(before[1], here[1])))
        self._is_steady = level == below or before[0] >= CEILING or not any(each for each, _ in level.values())
        self._level = level

    def _build(self, document: SchemaDocument) -> None:
        """Look at every part that can be reached, and order them so that what looks at the same value comes first."""
        waiting = ["#"]
        while waiting and self.refusal is None:
            pointer = waiting.pop()
            if pointer in self._parts:
                continue
            part = self._part(document, pointer)
            if document.is_too_large:
                self.refusal = Refusal(RefusalReason.TOO_LARGE)
                return
            self._parts[pointer] = part
            waiting.extend(part.here)
            waiting.extend(child for group in part.one_below for child in group)
        if self.refusal is None:
            self._sort()

    def _part(self, document: SchemaDocument, pointer: str) -> _Part:
        part, schema = _Part(), document.parts[pointer]
        if isinstance(schema, bool):
            return part
        for keyword in REFERENCES:
            if keyword not in schema:
                continue
            target = document.target(pointer, keyword, schema[keyword])
            if isinstance(target, Refusal):
                self.refusal = target
                return part
            part.here.append(target)
            if keyword != "$ref":
                part.here.extend(other for other in document.dynamic_targets(schema[keyword]) if other != target)
        part.here.extend(f"{pointer}/{step}" for step in _same_place(schema))
        part.one_below.extend([f"{pointer}/{step}" for step in group] for group in _one_below(schema))
        if "unevaluatedProperties" in schema or "unevaluatedItems" in schema:
            part.repeats = 3.0
        part.each += _own_effort(schema)
        if "multipleOf" in schema:
            part.per_character += _DIGIT
        self._price_patterns(part, schema, pointer)
        return part

    def _price_patterns(self, part: _Part, schema: Mapping[str, Any], pointer: str) -> None:
        found = [schema["pattern"]] if isinstance(schema.get("pattern"), str) else []
        named = schema.get("patternProperties")
        if isinstance(named, dict):
            found.extend(cast("dict[str, Any]", named))
        for pattern in found:
            self._patterns.add(pattern)
            price = patterns.price(pattern) if len(self._patterns) <= MAX_PATTERNS else None
            if price is None:
                self.refusal = Refusal(RefusalReason.PATTERN, pointer)
                return
            part.per_character += price

    def _sort(self) -> None:
        """Depth first over what looks at the same value; meeting a part again on the way down is endless."""
        done: set[str] = set()
        for start in self._parts:
            trail: list[tuple[str, Iterator[str]]] = []
            on_trail: set[str] = set()
            if start not in done:
                trail.append((start, iter(self._parts[start].here)))
                on_trail.add(start)
            while trail:
                pointer, others = trail[-1]
                other = next(others, None)
                if other is None:
                    trail.pop()
                    on_trail.discard(pointer)
                    done.add(pointer)
                    self._order.append(pointer)
                elif other in on_trail:
                    self.refusal = Refusal(RefusalReason.ENDLESS, other)
                    return
                elif other not in done:
                    trail.append((other, iter(self._parts[other].here)))
                    on_trail.add(other)


def _same_place(schema: Mapping[str, Any]) -> Iterator[str]:
    """Relative pointers of the parts that look at the same value."""
    for keyword in ("not", "if", "then", "else"):
        if is_schema(schema.get(keyword)):
            yield keyword
    for keyword in ("allOf", "anyOf", "oneOf"):
        yield from _list_steps(schema, keyword)
    for keyword in ("dependentSchemas", "dependencies"):
        yield from _named_steps(schema, keyword)


def _one_below(schema: Mapping[str, Any]) -> Iterator[list[str]]:
    """Groups of relative pointers: of each group one part at most looks at a given value one level below."""
    yield [
        *_named_steps(schema, "properties"),
        *(word for word in ("additionalProperties",) if is_schema(schema.get(word))),
        *_list_steps(schema, "prefixItems"),
        *_list_steps(schema, "items"),
        *(word for word in ("items", "additionalItems") if is_schema(schema.get(word))),
    ]
    yield from ([step] for step in _named_steps(schema, "patternProperties"))
    for keyword in ("unevaluatedProperties", "unevaluatedItems", "contains", "propertyNames"):
        if is_schema(schema.get(keyword)):
            yield [keyword]


def _list_steps(schema: Mapping[str, Any], keyword: str) -> Iterator[str]:
    value = schema.get(keyword)
    if isinstance(value, list):
        for index, part in enumerate(cast("list[object]", value)):
            if is_schema(part):
                yield f"{keyword}/{index}"


def _named_steps(schema: Mapping[str, Any], keyword: str) -> Iterator[str]:
    value = schema.get(keyword)
    if isinstance(value, dict):
        for name, part in cast("dict[str, object]", value).items():
            if is_schema(part):
                yield f"{keyword}/{escaped(name)}"


def _own_effort(schema: Mapping[str, Any]) -> float:
    """What the keywords of one part cost that do not lead to other parts."""
    effort = 0.2 * len(schema)
    for keyword in ("enum", "const"):
        if keyword in schema:
            value: object = schema[keyword]
            effort += _comparisons(
                cast("list[object]", value) if keyword == "enum" and isinstance(value, list) else [value]
            )
    for keyword in ("dependentRequired", "dependencies", "dependentSchemas"):
        value = schema.get(keyword)
        if isinstance(value, dict):
            effort += sum(
                1.0 + (len(cast("list[object]", names)) if isinstance(names, list) else 0)
                for names in cast("dict[str, object]", value).values()
            )
    if schema.get("uniqueItems"):
        effort += _SLOW_COMPARISONS
    if "multipleOf" in schema:
        effort += 10.0 if isinstance(schema["multipleOf"], int) else 200.0
    return effort


def _comparisons(alternatives: list[object]) -> float:
    """Strings alone, or whole numbers alone, are looked up at once; anything else is compared one by one."""
    kinds = {type(one) for one in alternatives}
    if len(kinds) <= 1 and kinds <= {str, int, bool, type(None)}:
        return 1.0
    effort, waiting = 0.0, list(alternatives)
    while waiting:
        value = waiting.pop()
        effort += _FLOAT_COMPARISON if isinstance(value, float) else _SLOW_COMPARISONS
        if isinstance(value, dict):
            waiting.extend(cast("dict[str, object]", value).values())
        elif isinstance(value, list):
            waiting.extend(cast("list[object]", value))
    return effort
