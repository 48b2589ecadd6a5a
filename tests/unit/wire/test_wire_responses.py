"""What is particular to OpenAI's Responses."""

from typing import Any

import pytest
from tests.wire_samples.responses_answers import RESPONSES_ANSWERS, call, response, responses_stream, says, words
from tests.wire_samples.responses_requests import RESPONSES_REQUESTS, ask
from tests.wire_samples.samples import Body

from thriftgate.wire.answer import FinishKind
from thriftgate.wire.dialects import assembler, echoed, ending, replay, request_view
from thriftgate.wire.identity import Uncacheable, identity
from thriftgate.wire.responses.answer import ResponsesAnswerView
from thriftgate.wire.responses.request import ResponsesRequestView
from thriftgate.wire.turns import Dialect

BY_NAME = {sample.name: sample.body for sample in RESPONSES_REQUESTS}
answers = pytest.mark.parametrize("whole", [sample.body for sample in RESPONSES_ANSWERS])


def view(name: str) -> ResponsesRequestView:
    return ResponsesRequestView(BY_NAME[name])


@pytest.mark.parametrize(
    ("whole", "kind"),
    [
        (response(says(words("x"))), FinishKind.STOP),
        (response(call("f", "{}")), FinishKind.TOOL_CALLS),
        (response(status="incomplete", incomplete_details={"reason": "max_output_tokens"}), FinishKind.LENGTH),
        (response(status="incomplete", incomplete_details={"reason": "content_filter"}), FinishKind.FILTERED),
        (response(status="incomplete"), FinishKind.UNKNOWN),
        (response(says(words("x")), incomplete_details={"reason": "max_output_tokens"}), FinishKind.LENGTH),
        (response(says(words("x")), incomplete_details={"reason": "else"}), FinishKind.UNKNOWN),
        (response(says(words("x")), incomplete_details={}), FinishKind.STOP),
        (response(status="failed"), FinishKind.FAILED),
        (response(says(words("x")), error={"code": "server_error", "message": "x"}), FinishKind.FAILED),
        (response(says(words("x")), status="in_progress"), FinishKind.UNKNOWN),
        (response(says(words("x"), status="incomplete")), FinishKind.UNKNOWN),
        ({"output": []}, FinishKind.UNKNOWN),
    ],
)
def test_only_a_known_clean_ending_counts_as_finished(whole: Body, kind: FinishKind) -> None:
    answer = ResponsesAnswerView(whole)
    assert answer.choices[0].finish.kind is kind
    assert answer.is_finished is (kind in (FinishKind.STOP, FinishKind.TOOL_CALLS))


@pytest.mark.parametrize(
    ("name", "reasons"),
    [
        ("plain", []),
        ("who asks", []),
        ("tool turn", []),
        ("thought and tool", []),
        ("local tools", []),
        ("previous response", [(Uncacheable.PREVIOUS_RESPONSE, "previous_response_id")]),
        ("conversation", [(Uncacheable.CONVERSATION, "conversation")]),
        ("prompt template", [(Uncacheable.PROMPT_TEMPLATE, "prompt")]),
        ("background", [(Uncacheable.BACKGROUND, "background")]),
        ("item reference", [(Uncacheable.ITEM, "input[0]")]),
        ("kept thought", [(Uncacheable.ITEM, "input[1]")]),
        ("image by address", [(Uncacheable.URL, "input[0].content[1]")]),
        ("file by id", [(Uncacheable.FILE, "input[0].content[0]")]),
        ("file by address", [(Uncacheable.URL, "input[0].content[0]")]),
        ("web search", [(Uncacheable.SERVER_TOOL, "tools[0]")]),
        ("code interpreter", [(Uncacheable.SERVER_TOOL, "tools[0]")]),
        ("mcp", [(Uncacheable.SERVER_TOOL, "tools[0]")]),
    ],
)
def test_what_depends_on_more_than_the_body_is_uncacheable_and_the_place_is_named(
    name: str, reasons: list[tuple[Uncacheable, str]]
) -> None:
    assert list(identity(view(name)).uncacheable) == reasons


def test_the_conversation_that_a_question_continues_is_part_of_it() -> None:
    assert identity(view("previous response")).frame != identity(view("another previous response")).frame


@answers
def test_pieces_alone_make_the_same_output_where_the_last_event_has_none(whole: Body) -> None:
    growing = assembler(Dialect.RESPONSES)
    for event in responses_stream(whole, lambda text: list(text)):
        if event["type"].startswith("response.output_item.done"):
            continue
        if event["type"] == f"response.{whole['status']}":
            event = {**event, "response": {**whole, "output": list[Body]()}}
        growing.feed(event)
    got = growing.finish()
    # what is neither streamed in pieces nor there at an item's beginning is only in `output_item.done`
    late = ("status", "outputs", "result", "output")
    bare = [{name: value for name, value in item.items() if name not in late} for item in whole["output"]]
    assert [{name: value for name, value in item.items() if name not in late} for item in got["output"]] == bare


@answers
def test_a_replay_numbers_its_events_and_ends_as_the_response_did(whole: Body) -> None:
    events = list(replay(request_view(Dialect.RESPONSES, ask()), whole))
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    assert [event["type"] for event in events[:2]] == ["response.created", "response.in_progress"]
    assert events[-1]["type"] == f"response.{whole['status']}"
    assert not events[0]["response"]["output"]


@answers
def test_a_replay_says_what_the_provider_would_have_said(whole: Body) -> None:
    """Cut alike, replay and provider differ in nothing but where the provider spreads log-probabilities."""
    mine = list(replay(request_view(Dialect.RESPONSES, ask()), whole))
    theirs = list(responses_stream(whole, lambda text: [text] if text else []))
    assert skeleton(mine) == skeleton(theirs)


def skeleton(events: list[Body]) -> list[Any]:
    kinds: list[Any] = []
    for event in events:
        stage = (event["type"], event.get("output_index"), event.get("content_index"), event.get("item_id"))
        is_stage = event["type"].split(".")[1] in ("file_search_call", "mcp_call", "code_interpreter_call")
        if kinds[-1:] != [stage] and not is_stage and "mcp_list" not in event["type"] and "image" not in event["type"]:
            kinds.append(stage)
    return kinds


def test_a_hit_repeats_this_clients_metadata_and_instructions_and_nobody_elses() -> None:
    kept = response(says(words("Hi")), metadata={"ticket": "7"}, user="u-1", instructions="The route's own prompt.")
    mine = request_view(Dialect.RESPONSES, ask(metadata={"ticket": "9"}, instructions="Be brief."))
    shown = echoed(mine, kept)
    assert (shown["metadata"], shown["user"], shown["instructions"]) == ({"ticket": "9"}, None, "Be brief.")
    bare = echoed(request_view(Dialect.RESPONSES, ask()), kept)
    assert (bare["metadata"], bare["user"], bare["instructions"]) == ({}, None, None)


def test_a_streams_own_prompt_is_shown_to_no_client() -> None:
    whole = response(says(words("Hi")), instructions="The route's own prompt.")
    holder = ending(request_view(Dialect.RESPONSES, ask()))
    events = [shown for event in replay(request_view(Dialect.RESPONSES, ask()), whole) for shown in holder.feed(event)]
    assert "own prompt" not in str(events + holder.end())


def test_a_stream_shows_the_words_of_a_template_that_its_client_named() -> None:
    request = request_view(Dialect.RESPONSES, ask(prompt={"id": "pmpt_1"}, metadata={"ticket": "9"}))
    told = [{"type": "message", "role": "developer", "content": "Be brief."}]
    whole = response(says(words("Hi")), instructions=told, metadata={"ticket": "made up"})
    holder = ending(request, is_own=True)
    events = [shown for event in replay(request, whole) for shown in holder.feed(event)] + holder.end()
    shown = [event["response"] for event in events if "response" in event]
    assert [(one["instructions"], one["metadata"]) for one in shown] == [(told, {"ticket": "9"})] * len(shown)


def test_asking_for_log_probabilities_keeps_what_the_client_includes() -> None:
    body = ResponsesRequestView(ask(include=["reasoning.encrypted_content"])).with_logprobs(2)
    assert body["include"] == ["reasoning.encrypted_content", "message.output_text.logprobs"]
    assert body["top_logprobs"] == 2
    assert view("logprobs").with_logprobs(1) == BY_NAME["logprobs"]
