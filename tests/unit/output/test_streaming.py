"""Streams checked while they flow: never a false alarm, never a miss, for any cutting."""

import json
from itertools import pairwise
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thriftgate.output.scanning import Ended, Event, Member, NotJsonError, Scanner, Started
from thriftgate.output.streaming import StreamChecker
from thriftgate.schemas import Schema, Violation, compile_schema

NAMES = st.sampled_from(["a", "b", "c/d", "é", ""])
LEAVES = st.none() | st.booleans() | st.integers(-3, 3) | st.just(0.5) | st.sampled_from(["", "x", 'q"\\\n', "ü😀"])
VALUES = st.recursive(
    LEAVES, lambda deeper: st.lists(deeper, max_size=3) | st.dictionaries(NAMES, deeper, max_size=3), max_leaves=8
)
KINDS = st.sampled_from(["string", "number", "integer", "object", "array", "boolean", "null"])
SIMPLE = st.one_of(
    st.just({}),
    KINDS.map(lambda kind: {"type": kind}),
    st.lists(KINDS, min_size=1, max_size=3, unique=True).map(lambda kinds: {"type": kinds}),
    st.lists(LEAVES, min_size=1, max_size=3).map(lambda values: {"enum": values}),
    st.integers(0, 2).map(lambda most: {"maxItems": most}),
    st.just({"required": ["a"]}),
    st.just({"$ref": "#/$defs/leaf"}),
    st.booleans(),
)


def combined(deeper: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    lists = st.lists(deeper, min_size=1, max_size=3)
    return st.one_of(
        st.dictionaries(NAMES, deeper, max_size=3).map(lambda named: {"properties": named}),
        st.tuples(st.dictionaries(NAMES, deeper, max_size=2), deeper).map(
            lambda both: {"properties": both[0], "additionalProperties": both[1]}
        ),
        st.tuples(deeper, deeper).map(
            lambda both: {"patternProperties": {"^a": both[0]}, "additionalProperties": both[1]}
        ),
        deeper.map(lambda items: {"items": items}),
        st.tuples(lists, deeper).map(lambda both: {"prefixItems": both[0], "items": both[1]}),
        lists.map(lambda some: {"allOf": some}),
        lists.map(lambda some: {"anyOf": some}),
        lists.map(lambda some: {"oneOf": some}),
        deeper.map(lambda one: {"not": one}),
        st.tuples(deeper, deeper, deeper).map(lambda three: {"if": three[0], "then": three[1], "else": three[2]}),
        deeper.map(lambda one: {"contains": one}),
        st.tuples(deeper, deeper).map(lambda both: {"anyOf": [both[0]], "unevaluatedProperties": both[1]}),
    )


SCHEMAS = st.recursive(SIMPLE, combined, max_leaves=8)


def compiled(schema: Any, **more: Any) -> Schema:
    whole = {"allOf": [schema], "$defs": {"leaf": {"type": ["integer", "string"]}}, **more}
    result = compile_schema(whole)
    assert isinstance(result, Schema)
    return result


def pieces(text: str, cuts: list[int]) -> list[str]:
    places = [0, *sorted({cut % (len(text) + 1) for cut in cuts}), len(text)]
    return [text[start:end] for start, end in pairwise(places)]


CUTS = st.lists(st.integers(0, 500), max_size=12)


@settings(max_examples=400)
@given(SCHEMAS, VALUES, CUTS, st.booleans())
def test_a_stream_is_objected_to_exactly_when_the_whole_is_invalid(
    schema: Any, value: Any, cuts: list[int], is_old: bool
) -> None:
    """No beginning of a valid document is ever rejected, and no invalid one gets through to its end."""
    draft = {"$schema": "http://json-schema.org/draft-07/schema#"} if is_old else {}
    known = compiled(schema, **draft)
    checker = StreamChecker(known)
    text = json.dumps(value, ensure_ascii=False)
    for piece in pieces(text, cuts):
        checker.feed(piece)
    found = checker.flush()
    assert checker.is_on or not known.affords(8 * len(text) + 256)
    if checker.is_on:
        assert (found is None) == known.fits(value)
    else:
        assert found is None


ORDER = {
    "type": "object",
    "properties": {
        "id": {"type": "integer"},
        "lines": {"type": "array", "maxItems": 2, "items": {"$ref": "#/$defs/line"}},
        "pay": {
            "anyOf": [
                {"properties": {"card": {"type": "string"}}, "required": ["card"], "additionalProperties": False},
                {"properties": {"cash": {"type": "number"}}, "required": ["cash"], "additionalProperties": False},
            ]
        },
    },
    "additionalProperties": False,
    "$defs": {"line": {"type": "object", "properties": {"price": {"type": "number"}}}},
}


@pytest.mark.parametrize(
    ("beginning", "words"),
    [
        ('{"id": "', "`id` must be a whole number"),
        ('{"id": 1.5,', "`id` must be a whole number"),
        ('{"surprise"', "`*` must not be there"),
        ('{"lines": [{"price": 1}, {"price": n', "`lines[1].price` must be a number"),
        ('{"lines": [{}, {}, {', "`lines` has more elements than the JSON schema allows"),
        ('{"pay": {"cheque"', "`pay.*` must not be there"),
        ('{"pay": {"card": 1', "`pay.card` must be a string"),
        ("[", "the answer must be an object"),
    ],
)
def test_a_violation_is_found_at_the_first_character_that_makes_it_certain(beginning: str, words: str) -> None:
    known = compile_schema(ORDER)
    assert isinstance(known, Schema)
    checker = StreamChecker(known)
    assert checker.feed(beginning[:-1]) is None
    found = checker.feed(beginning[-1])
    assert isinstance(found, Violation)
    assert found.words(known.names) == words


def test_keys_in_another_order_than_the_schemas_are_fine() -> None:
    known = compile_schema(ORDER)
    assert isinstance(known, Schema)
    checker = StreamChecker(known)
    for char in '{"pay": {"cash": 2}, "lines": [], "id": 1}':
        assert checker.feed(char) is None
    assert checker.flush() is None
    assert checker.is_on


@pytest.mark.parametrize("text", ["Sure! {", '{"id": 1}}', "{'id'", "[" * 80, '{"id": 01', '{"id": NaN,', '{"id" 1'])
def test_text_that_is_no_json_turns_the_checking_off(text: str) -> None:
    known = compile_schema({"properties": {"id": {"type": "integer"}}})
    assert isinstance(known, Schema)
    checker = StreamChecker(known)
    assert checker.feed(text) is None
    assert checker.flush() is None
    assert not checker.is_on


def test_a_schema_that_would_take_too_long_is_not_followed() -> None:
    node = [{"properties": {"a": {"$ref": "#/$defs/n"}, "k": {"const": i}}, "required": ["k"]} for i in range(2)]
    known = compile_schema({"$defs": {"n": {"anyOf": node}}, "$ref": "#/$defs/n"})
    assert isinstance(known, Schema)
    checker = StreamChecker(known)
    assert checker.feed('{"a":' * 30) is None
    assert not checker.is_on


def read(text: str, cuts: list[int]) -> list[Event]:
    scanner, events = Scanner(), list[Event]()
    for piece in pieces(text, cuts):
        events.extend(scanner.feed(piece))
    events.extend(scanner.feed("", is_last=True))
    return events


@given(VALUES, CUTS, st.sampled_from([None, 1]))
def test_events_do_not_depend_on_where_the_text_is_cut(value: Any, cuts: list[int], indent: int | None) -> None:
    text = json.dumps(value, indent=indent)
    events = read(text, cuts)
    assert events == read(text, [])
    assert events[-1] == Ended(value)
    assert sum(isinstance(event, Started) for event in events) == sum(isinstance(event, Ended) for event in events)
    assert [event.step for event in events if isinstance(event, Member)] == keys(value)


def keys(value: Any) -> list[str]:
    if isinstance(value, dict):
        named = cast("dict[str, Any]", value)
        return [name for key, inner in named.items() for name in (key, *keys(inner))]
    return [name for inner in cast("list[Any]", value) for name in keys(inner)] if isinstance(value, list) else []


@given(st.text(alphabet='{}[]":,\\ntf1-.e a', max_size=30), CUTS)
def test_whatever_is_read_to_its_end_is_json(text: str, cuts: list[int]) -> None:
    try:
        events = read(text, cuts)
    except NotJsonError:
        return
    starts = sum(isinstance(event, Started) for event in events)
    ends = sum(isinstance(event, Ended) for event in events)
    if starts and starts == ends:
        last = events[-1]
        assert isinstance(last, Ended)
        assert json.loads(text) == last.value


@pytest.mark.parametrize("before", ["Here you are: ", "3 days: ", "true that. ", "- ", "nothing but this:\n", "'"])
def test_words_around_a_document_are_no_violation_for_any_cutting(before: str) -> None:
    """They can be taken away; which is said of the whole text and not of its first word."""
    text = before + '{"a": 3} ' + before
    for size in range(1, len(text) + 1):
        checker = StreamChecker(compiled({"type": "object", "properties": {"a": {"type": "integer"}}}))
        assert not any(checker.feed(text[at : at + size]) for at in range(0, len(text), size))


@pytest.mark.parametrize("text", ['{"a": True}', "{\"a\": 'x'}", '{"a": /* why */ true}', '{"a": “x”}'])
def test_a_value_that_can_be_repaired_is_no_violation(text: str) -> None:
    checker = StreamChecker(compiled({"properties": {"a": {"type": ["boolean", "string"]}}}))
    assert not any(map(checker.feed, text))
