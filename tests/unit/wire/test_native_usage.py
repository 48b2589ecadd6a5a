"""What Gemini and Bedrock count, and the frames that Bedrock streams in."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thriftgate.wire.event_stream import Frame, Frames
from thriftgate.wire.native_usage import CONVERSE, GEMINI, Native, believable_native, native_of, native_text
from thriftgate.wire.shapes import MOST_TOKENS

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
