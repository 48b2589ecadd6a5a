"""What Gemini, Bedrock, Ollama and Cohere count, and the frames that Bedrock streams in."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from thriftgate.wire.native_usage import (
    COHERE,
    CONVERSE,
    GEMINI,
    OLLAMA,
    Native,
    believable_native,
    counted_of,
    native_of,
    native_text,
    with_count,
)
from thriftgate.wire.shapes import MOST_TOKENS
from thriftgate.wire.streaming.event_stream import Frame, Frames

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["tokenCount", "x"]), inner, max_size=3)
    ),
    max_leaves=5,
)
NAMES = [
    name for one in (GEMINI, CONVERSE) for name in ("x", one.sent, one.got, one.total, *one.beside, *one.within)
]  # fmt: skip


@given(st.dictionaries(st.sampled_from(NAMES), ANYTHING), st.sampled_from([GEMINI, CONVERSE]))
@example({GEMINI.sent: 1, GEMINI.got: MOST_TOKENS}, GEMINI)
def test_every_number_is_one_of_tokens_and_what_was_read_once_stays_as_it_is(said: Any, native: Native) -> None:
    read, _ = believable_native(said, native)
    if read is None:
        return
    for name in (native.sent, native.got, *native.beside):
        assert 0 <= read.get(name, 0) <= MOST_TOKENS
        assert isinstance(read.get(name, 0), int)
    assert read.get("cachedContentTokenCount", 0) <= read.get("promptTokenCount", 0) or native is CONVERSE
    assert believable_native(read, native) == (read, False)


@pytest.mark.parametrize(("native", "usage"), [
    (GEMINI, {"promptTokenCount": 9, "totalTokenCount": 9, "trafficType": "ON_DEMAND",
              "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 9}]}),
    (CONVERSE, {"inputTokens": 9, "outputTokens": 1, "totalTokens": 10, "serverToolUsage": {},
                "cacheDetails": [{"ttl": "5m", "inputTokens": 4}]}),
])  # fmt: skip
def test_a_count_that_can_be_believed_is_not_touched(native: Native, usage: Any) -> None:
    read, is_changed = believable_native(usage, native)
    assert not is_changed
    assert {name: value for name, value in (read or {}).items() if name in usage} == usage


def test_what_was_written_is_read_of_both() -> None:
    gemini = {
        "candidates": [{"content": {"parts": [{"text": "a"}, {"functionCall": {"name": "f", "args": {"b": 1}}}]}}]
    }
    said = [{"text": "a"}, {"toolUse": {"name": "f", "input": {"b": 1}}}]
    converse = {"output": {"message": {"content": said}}, "stopReason": "tool_use"}
    assert (native_of(gemini), native_of(converse), native_of({"choices": [1]})) == (GEMINI, CONVERSE, None)
    assert native_text(gemini) == native_text(converse) == "af{'b': 1}"


@given(st.lists(st.binary(max_size=40), max_size=5), st.integers(1, 30))
def test_frames_are_read_from_pieces_of_any_size(payloads: list[bytes], size: int) -> None:
    raw = b"".join(Frame(b"", b"headers", b"").with_payload(one) for one in payloads)
    frames = Frames()
    read = [frame for start in range(0, len(raw), size) for frame in frames.feed(raw[start : start + size])]
    assert [frame.payload for frame in read] == payloads
    assert b"".join(frame.raw for frame in read) == raw
    assert b"".join(frame.with_payload(frame.payload) for frame in read) == raw


def test_what_is_no_frame_is_said_to_be_none() -> None:
    with pytest.raises(ValueError, match="no message"):
        list(Frames().feed(json.dumps({"message": "throttled"}).encode()))


OF_OLLAMA: dict[str, Any] = {"message": {"role": "assistant", "content": "a"}, "done": True}
OF_COHERE: dict[str, Any] = {"finish_reason": "COMPLETE",
                             "message": {"role": "assistant", "content": [{"type": "text", "text": "a"}]}}  # fmt: skip
ESTIMATE = (7, 3)


TWO_NUMBERS: list[tuple[Any, tuple[int, int], bool]] = [
    ((10, 4), (10, 4), False),
    (("10", "4"), (10, 4), False),
    ((10, 10**15), (10, MOST_TOKENS), True),
    ((10**15, 0), (MOST_TOKENS, 0), True),
    ((-1000, -4), ESTIMATE, True),
    ((1000, -4), ESTIMATE, True),
    ((None, 4), ESTIMATE, True),
    ((True, 4), ESTIMATE, True),
    (([1], {}), ESTIMATE, True),
    ((0, 0), ESTIMATE, True),
    (None, ESTIMATE, True),
]  # fmt: skip


@pytest.mark.parametrize(("said", "read", "is_changed"), TWO_NUMBERS)
def test_two_numbers_are_believed_bounded_or_estimated(said: Any, read: tuple[int, int], is_changed: bool) -> None:
    heard: list[str] = []

    def estimate(words: str) -> tuple[int, int]:
        heard.append(words)
        return ESTIMATE

    counts = {} if said is None else {"prompt_eval_count": said[0], "eval_count": said[1]}
    tokens = {} if said is None else {"usage": {"tokens": {"input_tokens": said[0], "output_tokens": said[1]}}}
    ollama, is_ollamas = with_count({**OF_OLLAMA, **counts}, OLLAMA, estimate)
    cohere, is_coheres = with_count({**OF_COHERE, **tokens}, COHERE, estimate)
    assert (ollama["prompt_eval_count"], ollama["eval_count"]) == read
    assert tuple(cohere["usage"]["tokens"].values()) == read
    assert is_ollamas is is_coheres is is_changed
    assert set(heard) <= {"a"}
    assert with_count(ollama, OLLAMA, estimate) == (ollama, False)


def test_whose_two_numbers_they_are_and_what_is_taken_out_where_nobody_can_estimate() -> None:
    assert (counted_of(OF_OLLAMA), counted_of(OF_COHERE)) == (OLLAMA, COHERE)
    assert counted_of({**OF_OLLAMA, "done": False}) is None
    assert counted_of({"choices": [], "usage": {}}) is None
    assert with_count({**OF_OLLAMA, "eval_count": -4}, OLLAMA, None) == (OF_OLLAMA, True)
