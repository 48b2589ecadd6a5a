"""Whole events as they came, however the stream is cut."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thriftgate.wire.streaming.sse import SseBlocks, data_of

STREAMS = st.lists(
    st.sampled_from([b"data: one", b"event: x\ndata: two", b": comment", b"\n", b"\r\n", b"\r", b"\n\n", b"\r\n\r\n"]),
    max_size=20,
).map(b"".join)


@given(stream=STREAMS, cuts=st.lists(st.integers(0, 200), max_size=12))
def test_cuts_change_neither_the_events_nor_a_byte(stream: bytes, cuts: list[int]) -> None:
    places = sorted({0, *(cut for cut in cuts if cut < len(stream)), len(stream)})
    blocks = SseBlocks()
    found = [block for a, b in pairwise(places) for block in blocks.feed(stream[a:b])]
    assert blocks.waiting == len(stream) - sum(map(len, found))
    assert b"".join(found) + blocks.rest() == stream
    assert blocks.waiting == 0
    assert all(block.endswith((b"\n\n", b"\r\n\r\n", b"\r\r")) for block in found)


def test_every_event_that_is_complete_is_given_out_at_once() -> None:
    blocks = SseBlocks()
    assert blocks.feed(b"data: a\n\ndata: b\r\n") == [b"data: a\n\n"]
    assert blocks.feed(b"\r\ndata: c") == [b"data: b\r\n\r\n"]
    assert blocks.rest() == b"data: c"


@pytest.mark.parametrize(
    ("block", "data"),
    [
        (b"data: {}\n\n", b"{}"),
        (b"event: x\r\ndata:one\r\ndata: two\r\n\r\n", b"one\ntwo"),
        (b": nothing\n\n", b""),
        (b"", b""),
    ],
)
def test_data_is_all_lines_of_data(block: bytes, data: bytes) -> None:
    assert data_of(block) == data
