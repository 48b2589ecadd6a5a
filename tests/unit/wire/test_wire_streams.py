"""Streams of every dialect: assembling, replaying, holding the ending, and the bytes."""

import copy
import itertools
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.wire_samples.chat_answers import Cut, chat_stream, choice, completion, said
from tests.wire_samples.dialects import ANSWERS, SAMPLES, DialectSamples, request_id
from tests.wire_samples.samples import Body, Sample

from thriftgate.wire.dialects import answer_view, assembler, ending, replay, request_view
from thriftgate.wire.shapes import Json, items, mapping
from thriftgate.wire.streaming.sse import SseDecoder, encode
from thriftgate.wire.turns import Dialect

ASKS: dict[Dialect, Body] = {
    Dialect.CHAT: {"messages": [], "stream": True, "stream_options": {"include_usage": True}},
    Dialect.MESSAGES: {"messages": [], "stream": True},
    Dialect.RESPONSES: {"input": "x", "stream": True},
}

answers = pytest.mark.parametrize(("one", "sample"), ANSWERS, ids=request_id)


SIZES = st.lists(st.integers(1, 9), min_size=1, max_size=5)


def cutter(sizes: list[int]) -> Cut:
    """Cuts every text into pieces of the sizes, over and over."""
    turn = itertools.cycle(sizes)

    def cut(text: str) -> list[str]:
        found: list[str] = []
        while text:
            size = next(turn)
            found.append(text[:size])
            text = text[size:]
        return found

    return cut


def assembled(dialect: Dialect, events: Iterable[Json]) -> Body:
    growing = assembler(dialect)
    for event in events:
        before = copy.deepcopy(event)
        growing.feed(event)
        assert event == before, "an assembler changes no event"
    assert growing.is_complete
    return growing.finish()


@answers
@settings(max_examples=10)
@given(sizes=SIZES)
def test_a_stream_cut_anywhere_assembles_to_the_whole_answer(
    one: DialectSamples, sample: Sample, sizes: list[int]
) -> None:
    assert assembled(one.dialect, one.stream(sample.body, cutter(sizes))) == sample.body


@answers
def test_a_replay_assembles_to_the_answer_it_was_made_of(one: DialectSamples, sample: Sample) -> None:
    kept = copy.deepcopy(sample.body)
    view = request_view(one.dialect, ASKS[one.dialect])
    assert assembled(one.dialect, list(replay(view, sample.body))) == sample.body
    assert sample.body == kept


@answers
def test_what_grows_is_what_the_whole_answer_shows(one: DialectSamples, sample: Sample) -> None:
    growing = assembler(one.dialect)
    for event in one.stream(sample.body, lambda text: list(text)):
        growing.feed(event)
    whole = answer_view(one.dialect, sample.body)
    if sample.name != "content in parts":
        assert growing.text == whole.text
    for call in whole.tool_calls if sample.name != "shell call" else ():
        compact = [call.arguments] if sample.name.startswith("custom") else [
            call.arguments, json.dumps(json.loads(call.arguments or "{}"), separators=(",", ":"))
        ]  # fmt: skip
        assert any(written in growing.generated for written in compact) or compact[-1] == "{}"


@answers
@settings(max_examples=10)
@given(data=st.data())
def test_bytes_cut_anywhere_decode_to_the_same_events(one: DialectSamples, sample: Sample, data: st.DataObject) -> None:
    events = list(one.stream(sample.body, lambda text: [text]))
    sent = b"".join(encode(one.dialect, event) for event in events) + (
        b"data: [DONE]\n\n" if one.dialect is Dialect.CHAT else b""
    )
    places = sorted(data.draw(st.sets(st.integers(0, len(sent)), max_size=12)))
    decoder = SseDecoder()
    got = [
        event
        for a, b in zip([0, *places], [*places, len(sent)], strict=True)
        for event in decoder.feed(sent[a:b])
    ]  # fmt: skip
    got += decoder.flush()
    if one.dialect is Dialect.CHAT:
        assert got[-1].is_done
        got.pop()
    assert [event.body for event in got] == events
    if one.dialect is not Dialect.CHAT:
        assert [event.event for event in got] == [event["type"] for event in events]


@answers
def test_an_ending_that_is_not_touched_passes_every_event_in_order(one: DialectSamples, sample: Sample) -> None:
    view = request_view(one.dialect, {**ASKS[one.dialect], "n": len(sample.body.get("choices", [0]))})
    events = list(one.stream(sample.body, lambda text: [text]))
    holder = ending(view)
    passed = [shown for event in events for shown in holder.feed(event)]
    assert passed != events, "something is held"
    assert passed + holder.end() == events


@answers
def test_late_facts_stand_in_the_last_events_and_nothing_else_differs(one: DialectSamples, sample: Sample) -> None:
    view = request_view(one.dialect, {**ASKS[one.dialect], "n": len(sample.body.get("choices", [0]))})
    events = list(one.stream(sample.body, lambda text: [text]))
    holder = ending(view)
    shown = [passed for event in events for passed in holder.feed(event)] + holder.end({"thriftgate": {"tier": "x"}})
    assert len(shown) == len(events)
    whole = assembled(one.dialect, shown)
    assert whole.pop("thriftgate") == {"tier": "x"}
    assert whole == sample.body


@answers
def test_private_log_probabilities_are_in_no_event(one: DialectSamples, sample: Sample) -> None:
    view = request_view(one.dialect, {**ASKS[one.dialect], "n": len(sample.body.get("choices", [0]))})
    holder = ending(view, hide_logprobs=True)
    events = one.stream(sample.body, lambda text: [text])
    shown = [passed for event in events for passed in holder.feed(event)] + holder.end()
    hidden = answer_view(one.dialect, sample.body).without_logprobs()
    assert assembled(one.dialect, shown) == hidden
    assert '"logprob"' not in json.dumps(shown)


@pytest.mark.parametrize("most", [0, 1])
@answers
def test_surplus_alternatives_are_in_no_event(one: DialectSamples, sample: Sample, most: int) -> None:
    view = request_view(one.dialect, {**ASKS[one.dialect], "n": len(sample.body.get("choices", [0]))})
    holder = ending(view, alternatives=most)
    events = one.stream(sample.body, lambda text: [text])
    shown = [passed for event in events for passed in holder.feed(event)] + holder.end()
    assert assembled(one.dialect, shown) == answer_view(one.dialect, sample.body).with_alternatives(most)
    lengths = [len(mapping(each)["top_logprobs"]) for each in _objects(shown) if "top_logprobs" in each
               and isinstance(each["top_logprobs"], list)]  # fmt: skip
    assert max(lengths, default=0) <= most


def _objects(value: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, Mapping):
        yield mapping(cast("object", value))
    below = cast("Mapping[str, Any]", value).values() if isinstance(value, Mapping) else items(value)
    for one in below:
        yield from _objects(one)


@pytest.mark.parametrize("choices", [[], [{"index": 0, "delta": {}}], [{"index": 0, "delta": {"content": None}}]])
def test_a_usage_that_only_we_asked_for_is_shown_to_nobody(choices: list[Body]) -> None:
    whole = completion(choice(said("Lima is the capital")))
    *events, last = chat_stream(whole, lambda text: list(text))
    holder = ending(request_view(Dialect.CHAT, {"messages": [], "stream": True}), hide_usage=True)
    shown = [passed for event in [*events, {**last, "choices": choices}] for passed in holder.feed(event)]
    shown += holder.end({"thriftgate": {"tier": "x"}})
    assert not any("usage" in event for event in shown)
    assert shown[-1]["choices"][0]["finish_reason"] == "stop"
    assert shown[-1]["thriftgate"] == {"tier": "x"}


def test_a_chat_stream_ends_when_its_last_choice_does_and_not_before() -> None:
    whole = completion(choice(said("One")), choice(said("Two and more"), "length", index=1))
    holder = ending(request_view(Dialect.CHAT, {"messages": [], "n": 2}))
    events = list(chat_stream(whole, lambda text: list(text)))
    shown = [passed for event in events for passed in holder.feed(event)]
    assert [one["finish_reason"] for event in shown for one in event["choices"] if one["finish_reason"]] == ["stop"]


def test_a_stream_that_broke_off_is_passed_on_as_far_as_it_came() -> None:
    events = list(chat_stream(completion(choice(said("One two"))), lambda text: [text]))[:-1]
    holder = ending(request_view(Dialect.CHAT, {"messages": []}))
    assert [passed for event in events for passed in holder.feed(event)] + holder.flush() == events
    assert holder.end({"x": 1}) == []


CALL_PIECES: list[list[Body]] = [
    [{"id": "a", "function": {"name": "f", "arguments": "{}"}}, {"id": "b", "function": {"name": "g"}}],
    [{"index": 0, "id": "a", "function": {"name": "f"}}, {"index": 0, "id": "b", "function": {"name": "g"}}],
    [{"index": 0, "id": "a", "function": {"name": "f"}}, {"index": 1, "id": "b", "function": {"name": "g"}},
     {"index": 1, "id": "b", "type": "function", "function": {"name": "g", "arguments": "1"}}],
    [{"index": 0, "id": "a", "function": {"name": "f"}},
     {"index": 0, "id": "", "function": {"name": "", "arguments": "1"}},
     {"index": 1, "id": "b", "function": {"name": "g"}}],
]  # fmt: skip


@pytest.mark.parametrize("pieces", CALL_PIECES)
def test_providers_that_count_or_repeat_badly_are_understood(pieces: list[Body]) -> None:
    growing = assembler(Dialect.CHAT)
    for piece in pieces:
        growing.feed({"choices": [{"index": 0, "delta": {"tool_calls": [piece]}}]})
    made = growing.finish()["choices"][0]["message"]["tool_calls"]
    assert [(one["id"], one["function"]["name"]) for one in made] == [("a", "f"), ("b", "g")]


FIELDS = [
    "choices",
    "delta",
    "index",
    "tool_calls",
    "function",
    "arguments",
    "id",
    "type",
    "content",
    "message",
    "usage",
    "text",
    "logprobs",
    "item",
    "output_index",
    "part",
    "response",
    "content_block",
    "thinking_blocks",
    "thinking",
    "signature",
    "audio",
    "error",
    "status",
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(FIELDS),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@pytest.mark.parametrize("dialect", [one.dialect.value for one in SAMPLES])
@given(events=st.lists(st.dictionaries(st.text(max_size=2), JSON) | JSON.filter(lambda v: isinstance(v, dict))))
def test_no_event_is_fatal(dialect: str, events: list[Body]) -> None:
    one = Dialect(dialect)
    growing, holder = assembler(one), ending(request_view(one, ASKS[one]), hide_logprobs=True)
    for event in events:
        growing.feed(event)
        holder.feed(event)
    view = answer_view(one, growing.finish())
    assert isinstance(growing.text, str)
    assert isinstance(growing.generated, str)
    assert view.is_empty in (True, False)
    holder.end({"x": 1})


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
@given(size=st.integers(1, 9))
def test_lines_may_end_in_any_way(ends: str, size: int) -> None:
    sent = ends.join([": hello", "event: a", "data: 1", "data:2", "id: 7", "", "", "data: é", ""]).encode()
    decoder = SseDecoder()
    got = [event for at in range(0, len(sent), size) for event in decoder.feed(sent[at : at + size])]
    got += decoder.flush()
    assert [(event.event, event.data, event.id) for event in got] == [("a", "1\n2", "7"), (None, "é", None)]
