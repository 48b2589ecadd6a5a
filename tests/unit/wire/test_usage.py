"""A provider's count of tokens as it can be believed."""

import json
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thriftgate.wire.shapes import MOST_TOKENS
from thriftgate.wire.turns import Dialect
from thriftgate.wire.usage import NAMES, believable, input_of, kind_of_answer

ODD = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.integers().map(str),
    st.lists(st.integers(), max_size=2), st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)  # fmt: skip
PARTS = st.dictionaries(st.sampled_from(["cached_tokens", "audio_tokens", "reasoning_tokens"]), ODD)
COUNTS = [
    "prompt_tokens", "completion_tokens", "input_tokens", "output_tokens", "total_tokens", "cache_read_input_tokens",
    "cache_creation_input_tokens", "service_tier",
]  # fmt: skip
DETAILS = ["prompt_tokens_details", "output_tokens_details", "cache_creation"]
COUNTED = st.dictionaries(st.sampled_from(COUNTS), ODD)
DETAILED = st.dictionaries(st.sampled_from(DETAILS), PARTS | ODD)


def both(counts: dict[str, Any], details: dict[str, Any]) -> dict[str, Any]:
    return {**counts, **details}


USAGES: st.SearchStrategy[dict[str, Any]] = st.builds(both, COUNTED, DETAILED)


def counted(usage: dict[str, Any]) -> list[Any]:
    """Every count in a usage, however deep."""
    found: list[Any] = []
    for name, value in usage.items():
        if name.endswith("_tokens"):
            found.append(value)
        elif isinstance(value, dict):
            found += counted(cast("dict[str, Any]", value))
    return found


@given(st.dictionaries(st.just("usage"), USAGES | ODD), st.sampled_from(list(Dialect)))
def test_what_is_read_is_numbers_of_tokens_or_nothing(body: dict[str, Any], dialect: Dialect) -> None:
    usage, _ = believable(body.get("usage"), dialect)
    if usage is None:
        return
    total = usage.pop("total_tokens", 0)
    assert type(total) is int
    assert 0 <= total <= max(MOST_TOKENS, sum(usage[name] for name in NAMES[dialect]))
    assert all(one is None or (type(one) is int and 0 <= one <= MOST_TOKENS) for one in counted(usage))
    assert all(type(usage[name]) is int for name in NAMES[dialect])
    if dialect is not Dialect.CHAT:
        assert input_of(usage) <= MOST_TOKENS or usage["input_tokens"] == MOST_TOKENS


@given(USAGES, st.sampled_from(list(Dialect)))
def test_what_was_read_once_is_read_as_it_is(said: dict[str, Any], dialect: Dialect) -> None:
    usage, _ = believable(said, dialect)
    if usage is not None:
        assert believable(usage, dialect) == (usage, False)


@given(st.integers(1, 10**6), st.integers(0, 10**6), st.data())
def test_what_can_be_believed_stays(sent: int, got: int, data: st.DataObject) -> None:
    dialect = data.draw(st.sampled_from(list(Dialect)))
    names = NAMES[dialect]
    said: dict[str, Any] = {names[0]: sent, names[1]: got, "service_tier": "flex", "cost": 0.5}
    said |= {f"{names[0]}_details": {"cached_tokens": data.draw(st.integers(0, sent)), "audio_tokens": None}}
    said |= {f"{names[1]}_details": None, "total_tokens": sent + got}
    assert believable(said, dialect) == (said, False)


@pytest.mark.parametrize(
    ("said", "read", "is_changed"),
    [
        ({"prompt_tokens": -5, "completion_tokens": 4}, {"prompt_tokens": 0, "completion_tokens": 4}, True),
        ({"prompt_tokens": "10", "completion_tokens": 4}, {"prompt_tokens": 10, "completion_tokens": 4}, False),
        ({"prompt_tokens": 10}, {"prompt_tokens": 10, "completion_tokens": 0}, False),
        ({"prompt_tokens": 10, "completion_tokens": None}, {"prompt_tokens": 10, "completion_tokens": 0}, True),
        ({"prompt_tokens": 10**20, "completion_tokens": 4, "total_tokens": 10**20},
         {"prompt_tokens": MOST_TOKENS, "completion_tokens": 4, "total_tokens": MOST_TOKENS + 4}, True),
        ({"prompt_tokens": 1, "completion_tokens": MOST_TOKENS, "total_tokens": MOST_TOKENS + 1},
         {"prompt_tokens": 1, "completion_tokens": MOST_TOKENS, "total_tokens": MOST_TOKENS + 1}, False),
        ({"prompt_tokens": 1, "completion_tokens": 4, "total_tokens": None},
         {"prompt_tokens": 1, "completion_tokens": 4, "total_tokens": 5}, False),
        ({"prompt_tokens": 1, "completion_tokens": 4, "total_tokens": 9},
         {"prompt_tokens": 1, "completion_tokens": 4, "total_tokens": 9}, False),
        ({"prompt_tokens": 1, "completion_tokens": 4, "total_tokens": -9},
         {"prompt_tokens": 1, "completion_tokens": 4, "total_tokens": 5}, True),
        ({"prompt_tokens": 10, "completion_tokens": 4, "prompt_tokens_details": {"cached_tokens": 99}},
         {"prompt_tokens": 10, "completion_tokens": 4, "prompt_tokens_details": {"cached_tokens": 10}}, True),
        ({"prompt_tokens": 10, "completion_tokens": 4, "prompt_tokens_details": [99]},
         {"prompt_tokens": 10, "completion_tokens": 4}, True),
        ({"prompt_tokens": -10, "completion_tokens": True}, None, True),
        ({"prompt_tokens": 0, "completion_tokens": 0}, None, False),
        ("14 tokens", None, False),
    ],
)  # fmt: skip
def test_what_cannot_be_believed_is_read_as_what_it_may_be(said: Any, read: Any, is_changed: bool) -> None:
    assert believable(said, Dialect.CHAT) == (read, is_changed)


def test_an_answer_is_told_by_what_it_holds() -> None:
    assert kind_of_answer({"choices": [{}]}) is Dialect.CHAT
    assert kind_of_answer({"output": [{}]}) is Dialect.RESPONSES
    assert kind_of_answer({"content": [{}]}) is Dialect.MESSAGES
    assert kind_of_answer(json.loads('{"data": [{"embedding": [0.5]}], "usage": {"prompt_tokens": 5}}')) is None
