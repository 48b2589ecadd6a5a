"""Answers of all three dialects come back with their values, as objects and as bytes cut anywhere."""

import itertools
import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thriftgate.privacy.restoring import Restorer
from thriftgate.services.privacy.answers import EventRestorer, restored
from thriftgate.services.privacy.bytes import EventBytes, restored_json

VALUES = {"<PERSON_1>": "Alice", "<PERSON_2>": 'Bob "B" Stone'}
RESTORER = Restorer(VALUES)
SAID = "Dear <PERSON_1>, your boss is <PERSON_2>. <PERS"
SEEN = 'Dear Alice, your boss is Bob "B" Stone. <PERS'
ARGUMENTS = json.dumps({"to": "<PERSON_2>", "nested": json.dumps({"also": "<PERSON_1>"})})


def chat(pieces: list[str], name: str = "content") -> list[dict[str, Any]]:
    frame = {"id": "c", "object": "chat.completion.chunk"}
    chunks: list[dict[str, Any]] = [{**frame, "choices": [{"index": 0, "delta": {"role": "assistant"}}]}]
    chunks += [{**frame, "choices": [{"index": 0, "delta": {name: piece}, "finish_reason": None}]} for piece in pieces]
    return [*chunks, {**frame, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}]


def chat_text(events: list[dict[str, Any]]) -> str:
    return "".join(one["delta"].get("content") or "" for event in events for one in event["choices"])


def tools(pieces: list[str]) -> list[dict[str, Any]]:
    return [
        {"choices": [{"index": 0, "delta": {"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}}]}
        for piece in pieces
    ] + [{"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}]


def tools_text(events: list[dict[str, Any]]) -> str:
    deltas = [one["delta"] for event in events for one in event["choices"]]
    calls: list[dict[str, Any]] = []
    for delta in deltas:
        calls += delta.get("tool_calls") or []
    return "".join(str(call["function"]["arguments"]) for call in calls)


def messages(pieces: list[str]) -> list[dict[str, Any]]:
    return [
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        *({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": one}} for one in pieces),
        {"type": "content_block_stop", "index": 0},
    ]


def messages_text(events: list[dict[str, Any]]) -> str:
    assert events[-1]["type"] == "content_block_stop"
    return "".join(event["delta"]["text"] for event in events if event["type"] == "content_block_delta")


def tool_input(pieces: list[str]) -> list[dict[str, Any]]:
    deltas = ({"type": "input_json_delta", "partial_json": piece} for piece in pieces)
    return [
        *({"type": "content_block_delta", "index": 1, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": 1},
    ]


def tool_input_text(events: list[dict[str, Any]]) -> str:
    return "".join(event["delta"]["partial_json"] for event in events if event["type"] == "content_block_delta")


def responses(pieces: list[str]) -> list[dict[str, Any]]:
    at = {"item_id": "m", "output_index": 0, "content_index": 0}
    events: list[dict[str, Any]] = [
        *({"type": "response.output_text.delta", **at, "delta": piece} for piece in pieces),
        {"type": "response.output_text.done", **at, "text": "".join(pieces)},
    ]
    return [{**event, "sequence_number": number} for number, event in enumerate(events)]


def responses_text(events: list[dict[str, Any]]) -> str:
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    joined = "".join(event["delta"] for event in events if event["type"].endswith(".delta"))
    assert events[-1]["text"] == joined
    return joined


def pieces_of(text: str, cuts: list[int]) -> list[str]:
    places = sorted({0, len(text), *(cut % (len(text) + 1) for cut in cuts)})
    return [text[first:last] for first, last in itertools.pairwise(places)]


Make = Callable[[list[str]], list[dict[str, Any]]]
Read = Callable[[list[dict[str, Any]]], str]
TEXTS: dict[str, tuple[Make, Read]] = {
    "chat": (chat, chat_text),
    "messages": (messages, messages_text),
    "responses": (responses, responses_text),
}
JSON_TEXTS: dict[str, tuple[Make, Read]] = {"chat": (tools, tools_text), "messages": (tool_input, tool_input_text)}
CUTS = st.lists(st.integers(0, 200), max_size=40)


def fed(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    restorer = EventRestorer(RESTORER)
    out = [shown for event in events for shown in restorer.feed(event)]
    return [*out, *restorer.flush()]


@pytest.mark.parametrize("dialect", TEXTS)
@given(cuts=CUTS)
def test_a_streamed_text_has_its_values_for_every_chunking(dialect: str, cuts: list[int]) -> None:
    make, read = TEXTS[dialect]
    assert read(fed(make(pieces_of(SAID, cuts)))) == SEEN


@pytest.mark.parametrize("dialect", JSON_TEXTS)
@given(cuts=CUTS)
def test_streamed_arguments_stay_json_for_every_chunking(dialect: str, cuts: list[int]) -> None:
    make, read = JSON_TEXTS[dialect]
    found = json.loads(read(fed(make(pieces_of(ARGUMENTS, cuts)))))
    assert found["to"] == 'Bob "B" Stone'
    assert json.loads(found["nested"]) == {"also": "Alice"}


@pytest.mark.parametrize("dialect", TEXTS)
@given(cuts=CUTS, byte_cuts=CUTS)
def test_the_bytes_of_a_stream_may_be_cut_anywhere_too(dialect: str, cuts: list[int], byte_cuts: list[int]) -> None:
    make, read = TEXTS[dialect]
    sent = b"".join(b"event: x\ndata: " + json.dumps(event).encode() + b"\n\n" for event in make(pieces_of(SAID, cuts)))
    stream = EventBytes(RESTORER, lambda _: None)
    places = sorted({0, len(sent), *(cut * 11 % (len(sent) + 1) for cut in byte_cuts)})
    out = b"".join(stream.feed(sent[first:last]) for first, last in itertools.pairwise(places))
    out += stream.flush()
    events = [json.loads(line[5:]) for line in out.decode().splitlines() if line.startswith("data:")]
    assert read(events) == SEEN


def test_a_stream_without_placeholders_is_passed_on_byte_by_byte() -> None:
    sent = b': ping\n\nevent: ping\ndata: {"type": "ping"}\n\ndata: {"choices": []}\n\ndata: [DONE]\n\n'
    stream = EventBytes(RESTORER, lambda _: None)
    assert stream.feed(sent) + stream.flush() == sent


def test_what_a_stream_holds_when_it_breaks_off_still_comes() -> None:
    restorer = EventRestorer(RESTORER)
    assert restorer.feed(chat(["Hello <PERS"])[1])[0]["choices"][0]["delta"]["content"] == "Hello "
    assert chat_text(restorer.flush()) == "<PERS"


def test_a_whole_answer_has_its_values_and_signed_thinking_stays() -> None:
    answer = {
        "id": "msg_PERSON_1",
        "content": [
            {"type": "thinking", "thinking": "<PERSON_1>", "signature": "s"},
            {"type": "text", "text": SAID},
            {"type": "tool_use", "input": {"<PERSON_1>": ["<PERSON_2>"]}},
        ],
        "choices": [{"message": {"tool_calls": [{"function": {"arguments": ARGUMENTS}}]}}],
    }
    seen: list[Mapping[str, Any]] = []
    out = json.loads(restored_json(json.dumps(answer).encode(), RESTORER, seen.append))
    assert seen == [answer]
    assert out["id"] == "msg_PERSON_1"
    assert out["content"][0]["thinking"] == "<PERSON_1>"
    assert out["content"][1]["text"] == SEEN
    assert out["content"][2]["input"] == {"Alice": ['Bob "B" Stone']}
    assert json.loads(out["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"])["to"] == 'Bob "B" Stone'


def test_what_is_no_json_passes_through() -> None:
    assert restored_json(b"<html>", RESTORER, lambda _: None) == b"<html>"
    assert restored({"n": 1, "x": None}, RESTORER) == {"n": 1, "x": None}


@pytest.mark.parametrize("last", ["completed", "incomplete", "failed", "cancelled"])
def test_what_is_held_back_comes_before_the_event_that_ends_a_response(last: str) -> None:
    started = {"type": "response.output_text.delta", "item_id": "m", "output_index": 0, "content_index": 0}
    stream = EventRestorer(RESTORER)
    events = stream.feed({**started, "delta": "See <PERS"}) + stream.feed({"type": f"response.{last}", "response": {}})
    assert "".join(event.get("delta", "") for event in events) == "See <PERS"
    assert [event["type"] for event in events][-1] == f"response.{last}"
    assert stream.flush() == []


def test_what_is_held_back_comes_before_the_end_of_a_message_whose_block_was_never_ended() -> None:
    stream = EventRestorer(RESTORER)
    delta = {"type": "text_delta", "text": "See <PERS"}
    events = stream.feed({"type": "content_block_delta", "index": 0, "delta": delta})
    events += stream.feed({"type": "message_stop"})
    assert "".join(event["delta"]["text"] for event in events[:-1]) == "See <PERS"
    assert events[-1] == {"type": "message_stop"}


def test_keys_that_a_protocol_has_elsewhere_hide_nothing_in_what_a_model_made_up() -> None:
    made_up = dict.fromkeys(("id", "data", "type", "model", "role", "call_id", "logprobs", "signature"), "<PERSON_1>")
    wanted = dict.fromkeys(made_up, "Alice")
    blocks = [{"type": kind, "id": "toolu_1", "input": {"deep": [made_up]}} for kind in ("tool_use", "mcp_tool_use")]
    assert restored(blocks, RESTORER) == [{**one, "input": {"deep": [wanted]}} for one in blocks]
    pictures = {"data": [{"b64_json": "PERSON_1+/=", "revised_prompt": "A cat of <PERSON_1>"}]}
    assert restored(pictures, RESTORER)["data"] == [{"b64_json": "PERSON_1+/=", "revised_prompt": "A cat of Alice"}]
    shell = {"type": "local_shell_call", "id": "ls_1", "action": {"type": "exec", "env": {"id": "<PERSON_1>"}}}
    assert restored(shell, RESTORER)["action"]["env"] == {"id": "Alice"}


def test_what_comes_whole_in_a_chunk_has_its_values_too() -> None:
    restorer = EventRestorer(RESTORER)
    cited = [{"type": "url_citation", "url_citation": {"title": "<PERSON_1>", "url": "https://a.example"}}]
    (event,) = restorer.feed({"choices": [{"index": 0, "delta": {"annotations": cited}, "finish_reason": None}]})
    assert event["choices"][0]["delta"]["annotations"][0]["url_citation"]["title"] == "Alice"


def test_the_text_of_a_choice_goes_on_behind_an_ending_that_was_anothers() -> None:
    """LiteLLM says of the first choice that it ended when any of them did."""

    def said(place: int, piece: str | None, reason: str | None = None) -> dict[str, Any]:
        delta = {"content": piece} if piece is not None else {}
        return {"choices": [{"index": place, "delta": delta, "finish_reason": reason}]}

    restorer = EventRestorer(RESTORER)
    events = [said(0, "To <PER"), said(1, "<PERSON_2>"), said(0, None, "stop"), said(0, "SON_1> <PERS")]
    shown = [*itertools.chain.from_iterable(map(restorer.feed, events)), *restorer.flush()]
    first = [one for event in shown for one in event["choices"] if one["index"] == 0]
    assert "".join(one["delta"].get("content") or "" for one in first) == "To Alice <PERS"


CITING = "Dear <PERSON_1>, see <PERSON_2> [1] and more."
CITED = CITING.index("<PERSON_2>"), CITING.index(" and more")


def citation(place: tuple[int, int] = CITED) -> dict[str, Any]:
    return {"type": "url_citation", "start_index": place[0], "end_index": place[1], "title": "<PERSON_1>", "index": 3}


def test_a_citation_points_to_the_same_words_once_values_stand_there() -> None:
    part = restored({"type": "output_text", "text": CITING, "annotations": [citation()]}, RESTORER)
    (one,) = part["annotations"]
    assert part["text"][one["start_index"] : one["end_index"]] == 'Bob "B" Stone [1]'
    assert (one["title"], one["index"]) == ("Alice", 3)
    message = restored({"content": CITING, "annotations": [{"url_citation": citation()}]}, RESTORER)
    place = message["annotations"][0]["url_citation"]
    assert message["content"][place["start_index"] : place["end_index"]] == 'Bob "B" Stone [1]'


@given(cuts=st.lists(st.integers(1, len(CITING) - 1), unique=True))
def test_a_streamed_citation_too_for_every_chunking(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(CITING)]
    pieces = [CITING[start:end] for start, end in itertools.pairwise(edges)]
    restorer = EventRestorer(RESTORER)
    events = list(itertools.chain.from_iterable(map(restorer.feed, chat(pieces)[:-1])))
    (last,) = restorer.feed({"choices": [{"index": 0, "delta": {"annotations": [{"url_citation": citation()}]}}]})
    place = last["choices"][0]["delta"]["annotations"][0]["url_citation"]
    assert chat_text(events)[place["start_index"] : place["end_index"]] == 'Bob "B" Stone [1]'

    where = {"output_index": 0, "content_index": 0}
    restorer = EventRestorer(RESTORER)
    said = [{"type": "response.output_text.delta", **where, "delta": piece} for piece in pieces]
    events = list(itertools.chain.from_iterable(map(restorer.feed, said)))
    (last,) = restorer.feed({"type": "response.output_text.annotation.added", **where, "annotation": citation()})
    text = "".join(one["delta"] for one in events)
    assert text[last["annotation"]["start_index"] : last["annotation"]["end_index"]] == 'Bob "B" Stone [1]'


@pytest.mark.parametrize(("place", "is_end", "moved"), [
    (0, False, 0), (5, False, 5), (8, False, 5), (8, True, 10), (15, True, 10), (15, False, 10), (16, True, 11),
])  # fmt: skip
def test_a_place_inside_of_a_placeholder_is_an_end_of_its_value(place: int, is_end: bool, moved: int) -> None:
    stream = RESTORER.stream()
    assert stream.feed("Dear <PERSON_1>!") + stream.flush() == "Dear Alice!"
    assert stream.moves.moved(place, is_end=is_end) == moved


@given(cuts=st.lists(st.integers(1, len(SAID) - 1), unique=True))
def test_a_stream_of_geminis_own_has_its_values_for_every_chunking(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(SAID)]
    parts: list[dict[str, Any]] = [{"text": SAID[start:end]} for start, end in itertools.pairwise(edges)]
    call = {"functionCall": {"name": "send", "args": {"id": "<PERSON_1>", "<PERSON_1>": 1}}}
    contents = [{"role": "model", "parts": [one]} for one in (*parts, call)]
    events: list[dict[str, Any]] = [{"candidates": [{"index": 0, "content": one}]} for one in contents]
    events[-1]["candidates"][0]["finishReason"] = "STOP"
    restorer = EventRestorer(RESTORER)
    shown = [*itertools.chain.from_iterable(map(restorer.feed, events)), *restorer.flush()]
    said = [part for event in shown for one in event["candidates"] for part in one["content"]["parts"]]
    assert "".join(part.get("text", "") for part in said) == SEEN
    assert said[-1] == {"functionCall": {"name": "send", "args": {"id": "Alice", "Alice": 1}}}
    assert shown[-1]["candidates"][0]["finishReason"] == "STOP"
