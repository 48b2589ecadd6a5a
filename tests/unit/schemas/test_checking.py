"""JSON schemas of strangers: what is checked, what is refused, and what a check may cost."""

import json
import os
import socket
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thriftgate.schemas import (
    Refusal,
    RefusalReason,
    Schema,
    Unchecked,
    Violation,
    compile_schema,
    is_at_hand,
    schema_of_text,
)
from thriftgate.schemas.checking import MAX_DEPTH, MAX_PARTS
from thriftgate.schemas.effort import Effort
from thriftgate.schemas.references import SchemaDocument

DATA = Path(os.environ.get("THRIFTGATE_DATA", "../shared/data"))


def compiled(schema: object) -> Schema:
    result = compile_schema(schema)
    assert isinstance(result, Schema), result
    return result


def refusal(schema: object) -> Refusal:
    result = compile_schema(schema)
    assert isinstance(result, Refusal)
    return result


ORDER = {
    "type": "object",
    "properties": {
        "id": {"type": "integer", "minimum": 1},
        "items": {"type": "array", "items": {"$ref": "#/$defs/item"}, "maxItems": 3},
        "state": {"enum": ["open", "sent"]},
    },
    "required": ["id"],
    "additionalProperties": False,
    "$defs": {"item": {"type": "object", "properties": {"price": {"type": "number"}}, "required": ["price"]}},
}


@pytest.mark.parametrize(
    ("value", "words"),
    cast(
        "list[tuple[object, str]]",
        [
            ({"id": "7"}, "`id` must be a whole number"),
            ({"id": 0}, "`id` must be at least 1"),
            ({"id": 1, "items": [{"price": 2}, {"price": None}]}, "`items[1].price` must be a number"),
            ({"id": 1, "items": [{}]}, "`items[0]` must have `price`"),
            ({"id": 1, "state": "lost"}, '`state` must be one of ["open", "sent"]'),
            ({}, "the answer must have `id`"),
            ({"id": 1, "secret": 3}, "the answer must have no property beside those of the JSON schema"),
            ([], "the answer must be an object"),
        ],
    ),
)
def test_a_violation_names_the_path_and_what_was_expected(value: object, words: str) -> None:
    schema = compiled(ORDER)
    found = schema.check(value)
    assert isinstance(found, Violation)
    assert found.words(schema.names) == words
    assert not schema.fits(value)


def test_names_that_the_schema_does_not_have_are_not_said() -> None:
    schema = compiled({"additionalProperties": {"type": "object", "additionalProperties": {"type": "integer"}}})
    found = schema.check({"my password is": {"hunter2": "x"}})
    assert isinstance(found, Violation)
    assert found.words(schema.names) == "`*.*` must be a whole number"


def test_what_fits_is_valid() -> None:
    assert compiled(ORDER).check({"id": 1, "items": [{"price": 2.5}], "state": "open"}) is None
    assert compiled(True).check(3) is None
    assert isinstance(compiled(False).check(3), Violation)


def test_the_draft_named_is_the_draft_used_and_without_one_an_old_form_still_works() -> None:
    old = {"items": [{"type": "string"}], "additionalItems": False}
    assert isinstance(
        compiled({"$schema": "http://json-schema.org/draft-07/schema#", **old}).check(["a", 1]), Violation
    )
    assert isinstance(compiled(old).check(["a", 1]), Violation)
    assert compiled({"$schema": "http://127.0.0.1:1/own", "type": "string"}).check("a") is None


@pytest.mark.parametrize(
    ("schema", "reason"),
    cast(
        "list[tuple[object, RefusalReason]]",
        [
            ("text", RefusalReason.NO_SCHEMA),
            (None, RefusalReason.NO_SCHEMA),
            ({"type": "nonsense"}, RefusalReason.BROKEN),
            ({"$ref": 3}, RefusalReason.BROKEN),
            ({"properties": {"a": {"$ref": "http://127.0.0.1:4101/x.json"}}}, RefusalReason.OUTSIDE),
            ({"$ref": "file:///etc/passwd"}, RefusalReason.OUTSIDE),
            ({"$ref": "/etc/passwd"}, RefusalReason.OUTSIDE),
            ({"$ref": "other.json#/a"}, RefusalReason.OUTSIDE),
            ({"$ref": "//host/x"}, RefusalReason.OUTSIDE),
            ({"$dynamicRef": "http://127.0.0.1:1/x#node"}, RefusalReason.OUTSIDE),
            ({"$id": "http://127.0.0.1:1/", "items": {"$ref": "x"}}, RefusalReason.OUTSIDE),
            ({"$ref": "#/$defs/missing"}, RefusalReason.MISSING),
            ({"$ref": "#missing"}, RefusalReason.MISSING),
            ({"$ref": "#"}, RefusalReason.ENDLESS),
            ({"$defs": {"a": {"anyOf": [{"$ref": "#/$defs/a"}]}}, "$ref": "#/$defs/a"}, RefusalReason.ENDLESS),
            ({"not": {"pattern": "(?=a)b"}}, RefusalReason.PATTERN),
            ({"patternProperties": {"(a)\\1": {}}}, RefusalReason.PATTERN),
            ({"properties": {f"p{i}": {} for i in range(MAX_PARTS)}}, RefusalReason.TOO_LARGE),
            ({"description": "x" * 200_000}, RefusalReason.TOO_LARGE),
            ({"allOf": [{"pattern": f"^{i}(a|b){{30}}$"} for i in range(101)]}, RefusalReason.PATTERN),
        ],
    ),
)
def test_what_cannot_be_trusted_is_refused_by_name(schema: object, reason: RefusalReason) -> None:
    assert refusal(schema).reason is reason


@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 900, 15_000])
def test_deep_nesting_is_refused_not_followed(depth: int) -> None:
    result = schema_of_text('{"not":' * depth + "{}" + "}" * depth)
    assert isinstance(result, Refusal)
    assert result.reason in (RefusalReason.TOO_DEEP, RefusalReason.BROKEN)


def test_what_is_large_is_at_hand_once_it_has_been_compiled() -> None:
    large = {"properties": {f"name of a property {i}": {"type": "string"} for i in range(100)}}
    assert is_at_hand({"type": "string"})
    assert is_at_hand("no schema")
    assert is_at_hand({"description": "x" * 200_000})
    assert not is_at_hand(large)
    assert compile_schema(large) is compile_schema(dict(large))
    assert is_at_hand(large)


def test_nothing_is_fetched_whatever_the_schema_names() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.05)
        url = f"http://127.0.0.1:{server.getsockname()[1]}/x.json"
        schemas: list[dict[str, Any]] = [
            {"$ref": url},
            {"$schema": url, "type": "object"},
            {"$id": url, "properties": {"a": {"$ref": "y.json"}}},
            {"allOf": [{"$dynamicRef": url}]},
            {"$vocabulary": {url: True}, "type": "object"},
            {"contentSchema": {"$ref": url}, "x-unknown": {"$ref": url}},
        ]
        for schema in schemas:
            result = compile_schema(schema)
            if isinstance(result, Schema):
                result.check({"a": 1})
        with pytest.raises(TimeoutError):
            server.accept()


def test_references_inside_are_followed_by_pointer_anchor_and_id() -> None:
    inside: dict[str, Any] = {
        "$id": "https://schemas.example/root",
        "properties": {
            "a": {"$ref": "#/x-own/number"},
            "b": {"$ref": "#text"},
            "c": {"$ref": "part"},
            "d": {"$ref": "https://schemas.example/part#/$defs/flag"},
        },
        "x-own": {"number": {"type": "number"}},
        "$defs": {
            "text": {"$anchor": "text", "type": "string"},
            "part": {"$id": "part", "type": "array", "$defs": {"flag": {"type": "boolean"}}},
        },
    }
    schema = compiled(inside)
    assert schema.check({"a": 1, "b": "x", "c": [], "d": True}) is None
    for name, wrong in (("a", "x"), ("b", 1), ("c", 3), ("d", 0)):
        found = schema.check({name: wrong})
        assert isinstance(found, Violation)
        assert found.path == (name,)


def test_a_pattern_without_a_linear_form_is_left_out_where_that_only_loosens() -> None:
    schema = compiled({"properties": {"a": {"type": "string", "pattern": "^(?=.*[0-9]).{8,}$"}}})
    assert schema.ignored == ("#/properties/a",)
    assert schema.check({"a": "x"}) is None
    assert isinstance(schema.check({"a": 1}), Violation)


def doubling(levels: int) -> dict[str, Any]:
    parts: dict[str, Any] = {f"a{i}": {"allOf": [{"$ref": f"#/$defs/a{i + 1}"}] * 2} for i in range(levels)}
    return {"$defs": {**parts, f"a{levels}": {}}, "$ref": "#/$defs/a0"}


def alternatives() -> dict[str, Any]:
    node = [{"properties": {"a": {"$ref": "#/$defs/n"}, "k": {"const": i}}, "required": ["k"]} for i in range(2)]
    return {"$defs": {"n": {"anyOf": node}}, "$ref": "#/$defs/n"}


def nested(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {"k": 5}
    for _ in range(levels):
        value = {"a": value, "k": 5}
    return value


@pytest.mark.parametrize(
    ("schema", "value"),
    cast(
        "list[tuple[dict[str, Any], object]]",
        [
            (doubling(30), {}),
            (alternatives(), nested(40)),
            ({"items": {"enum": [{"e": i} for i in range(5000)]}}, [{"e": 4999}] * 5000),
            ({"items": {"enum": [i + 0.5 for i in range(5000)]}}, [4999.5] * 5000),
            ({"items": {"dependentRequired": {f"p{i}": ["a"] for i in range(5000)}}}, [{}] * 10_000),
            ({"pattern": "(a|b)*a(a|b){30}c"}, "ab" * 100_000),
            ({"items": {"multipleOf": 1e-300}}, [1e300] * 10_000),
            ({"items": {"multipleOf": 0.01}}, [10**4000] * 1000),
            ({}, [[]] * 500_000),
        ],
    ),
)
def test_what_would_take_too_long_is_left_unchecked(schema: dict[str, Any], value: object) -> None:
    result = compiled(schema)
    assert isinstance(result.check(value), Unchecked)
    assert result.fits(value)


def test_the_same_schemas_check_small_values() -> None:
    assert isinstance(compiled(alternatives()).check(nested(3)), Violation)
    assert compiled(doubling(8)).check({}) is None
    assert compiled({"items": {"multipleOf": 0.01}}).check([1.5, 2.25]) is None


def test_a_value_too_deep_is_left_unchecked() -> None:
    value: list[Any] = []
    for _ in range(MAX_DEPTH + 1):
        value = [value]
    recursive = compiled({"items": {"$ref": "#"}})
    assert isinstance(recursive.check(value), Unchecked)
    assert recursive.check(value[0]) is None


LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8)
VALUES = st.recursive(
    LEAVES, lambda deeper: st.lists(deeper, max_size=4) | st.dictionaries(st.text(max_size=4), deeper, max_size=4)
)
KEYWORDS = st.sampled_from(
    ["type", "$ref", "properties", "items", "allOf", "anyOf", "not", "enum", "pattern", "$id", "$anchor", "const", "if"]
)
HOSTILE = st.recursive(
    LEAVES | st.sampled_from(["#", "#/properties/a", "http://127.0.0.1:1/x", "string", "object", "(a+)+$"]),
    lambda deeper: st.lists(deeper, max_size=3) | st.dictionaries(KEYWORDS, deeper, max_size=4),
    max_leaves=20,
)


@given(HOSTILE, VALUES)
def test_nothing_is_raised_whatever_is_sent(schema: object, value: object) -> None:
    result = compile_schema(schema)
    assert isinstance(result, Schema | Refusal)
    if isinstance(result, Schema):
        found = result.check(value)
        assert found is None or isinstance(found, Violation | Unchecked)
        assert result.fits(value) == (not isinstance(found, Violation))


@given(st.integers(1, 40), st.integers(0, 12))
def test_more_to_check_never_costs_less(size: int, levels: int) -> None:
    effort = Effort(SchemaDocument(alternatives(), max_parts=100))
    bound = effort.bound(values=size, characters=size, depth=levels)
    assert bound <= effort.bound(values=size + 1, characters=size, depth=levels)
    assert bound <= effort.bound(values=size, characters=size + 1, depth=levels)
    assert bound <= effort.bound(values=size, characters=size, depth=levels + 1)


@pytest.mark.parametrize(
    ("draft", "uri"),
    [
        ("draft2020-12", "https://json-schema.org/draft/2020-12/schema"),
        ("draft7", "http://json-schema.org/draft-07/schema#"),
    ],
)
def test_the_official_suite_agrees_wherever_the_schema_stays_inside_itself(draft: str, uri: str) -> None:
    folder = DATA / "json_schema_test_suite" / draft
    if not folder.is_dir():
        pytest.skip(f"no JSON schema suite at {folder}; set THRIFTGATE_DATA")
    wrong: list[str] = []
    checked = 0
    for file in sorted(folder.glob("*.json")):
        for group in cast("list[dict[str, Any]]", json.loads(file.read_text())):
            schema: dict[str, Any] | bool = group["schema"]
            result = compile_schema(schema if isinstance(schema, bool) else {"$schema": uri, **schema})
            for test in group["tests"] if isinstance(result, Schema) else ():
                assert isinstance(result, Schema)
                checked += 1
                if (result.check(test["data"]) is None) != test["valid"]:
                    wrong.append(f"{file.name}: {group['description']}: {test['description']}")
    assert checked > 850
    assert [name.partition(":")[0] for name in wrong] in ([], ["pattern.json", "vocabulary.json"])


def test_a_schema_that_is_not_valid_says_where() -> None:
    broken = compile_schema({"properties": {"a/b": {"type": "strin"}}})
    assert isinstance(broken, Refusal)
    assert broken.words == "the JSON schema is not valid (at #/properties/a~1b/type)"
