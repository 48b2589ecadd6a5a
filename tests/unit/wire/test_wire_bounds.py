"""How large and how deep JSON is, told from its bytes as by whoever parses it, and in linear time."""

import json
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thriftgate.errors import InvalidRequestError
from thriftgate.wire.bounds import MAX_BYTES, MAX_DEPTH, MAX_VALUES, Bounds, bounded, is_object

TEXTS = st.text(alphabet='[]{},"\\ab\u20ac\n', max_size=6)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=20,
)


def children(value: Any) -> list[Any]:
    return list(cast("dict[str, Any]", value).values() if isinstance(value, dict) else value)


def depth(value: Any) -> int:
    if isinstance(value, dict | list):
        inside = children(value)
        return 1 + max(map(depth, inside), default=0)
    return 0


def values(value: Any) -> int:
    """Every value behind the first one; empty lists and objects count one more, which does no harm."""
    if isinstance(value, dict | list):
        inside = children(value)
        return 1 + sum(map(values, inside)) - (1 if inside else 0) + (len(inside) if inside else 0)
    return 0


def is_within(raw: bytes, **bounds: int) -> bool:
    try:
        bounded(raw, Bounds(**bounds))
    except InvalidRequestError:
        return False
    return True


@given(JSON, st.booleans(), st.integers(0, 8))
def test_depth_is_that_of_the_parsed_value(value: Any, escapes: bool, most: int) -> None:
    raw = json.dumps(value, ensure_ascii=escapes).encode()
    assert is_within(raw, depth=most) == (depth(value) <= most)


@given(JSON)
def test_values_are_counted_without_what_stands_in_strings(value: Any) -> None:
    raw = json.dumps(value).encode()
    counted = values(value)
    assert is_within(raw, values=counted + 1)
    assert not is_within(raw, values=counted)


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"[" * 100_000, "request_too_deep"),
        (b'{"a":' * 100_000, "request_too_deep"),
        (b'{"a":' * 1000 + b"1" + b"}" * 1000, "request_too_deep"),
        (b'{"x": [' + b"0," * MAX_VALUES + b"0]}", "request_too_large"),
        (b'"' + b"x" * MAX_BYTES, "request_too_large"),
    ],
)
def test_a_body_beyond_a_bound_is_refused_in_words(raw: bytes, code: str) -> None:
    with pytest.raises(InvalidRequestError, match="send a") as refused:
        bounded(raw, Bounds(values=MAX_VALUES))
    assert refused.value.code in (code, "request_too_large")
    assert refused.value.status_code == 400


@pytest.mark.parametrize("filling", ['"', '\\"', "[", "{", ",", "\\", '"[', "[]", '\\"[{,'])
def test_a_long_text_of_brackets_is_a_text(filling: str) -> None:
    raw = json.dumps({"messages": [{"role": "user", "content": filling * 200_000}]}).encode()
    bounded(raw, Bounds())


@pytest.mark.parametrize("depth_of_it", [MAX_DEPTH, MAX_DEPTH + 1])
def test_the_last_level_that_is_taken(depth_of_it: int) -> None:
    raw = b'{"a":' * depth_of_it + b"1" + b"}" * depth_of_it
    assert is_within(raw) == (depth_of_it == MAX_DEPTH)


@given(st.binary(max_size=200))
def test_bytes_that_are_no_json_are_measured_all_the_same(raw: bytes) -> None:
    is_within(raw, depth=1, values=3, size=100)
    is_object(raw)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [(b"{}", True), (b" \n\t{", True), (b"[{}]", False), (b"5", False), (b'"{"', False), (b"", False)],
)
def test_an_object_is_told_from_its_first_letter(raw: bytes, expected: bool) -> None:
    assert is_object(raw) == expected


@pytest.mark.parametrize("offset", range(-3, 4))
@pytest.mark.parametrize("filling", ["[", '\\"[', "\\\\", '\\\\"{,', "x"])
def test_a_string_may_begin_go_on_and_end_anywhere(filling: str, offset: int) -> None:
    """What is looked at piece by piece is what is looked at whole."""
    text = filling * (3 * 32 * 1024 // len(filling) + offset)
    raw = b'{"' + b"p" * (32 * 1024 - 10 + offset) + b'":' + json.dumps([text, {"a": [text]}]).encode() + b"}"
    assert is_within(raw, depth=4, values=10)
    assert not is_within(raw, depth=3, values=10)
    assert not is_within(raw, values=5)
