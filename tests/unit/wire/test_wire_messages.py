"""What is particular to Anthropic's messages."""

from typing import Any

import pytest
from tests.wire_samples.messages_answers import message, thought, use, words
from tests.wire_samples.messages_requests import BILLING, MESSAGES_REQUESTS, ask, user
from tests.wire_samples.messages_requests import words as block
from tests.wire_samples.samples import Body, changed

from thriftgate.wire.answer import FinishKind
from thriftgate.wire.dialects import assembler, ending, replay, request_view
from thriftgate.wire.identity import IdentityRules, Uncacheable, identity, pattern
from thriftgate.wire.messages.answer import MessagesAnswerView
from thriftgate.wire.messages.request import MessagesRequestView
from thriftgate.wire.turns import Dialect

BY_NAME = {sample.name: sample.body for sample in MESSAGES_REQUESTS}


def view(name: str) -> MessagesRequestView:
    return MessagesRequestView(BY_NAME[name])


@pytest.mark.parametrize(
    ("stop_reason", "kind"),
    [
        ("end_turn", FinishKind.STOP),
        ("stop_sequence", FinishKind.STOP),
        ("tool_use", FinishKind.TOOL_CALLS),
        ("max_tokens", FinishKind.LENGTH),
        ("model_context_window_exceeded", FinishKind.LENGTH),
        ("refusal", FinishKind.REFUSED),
        ("pause_turn", FinishKind.PAUSED),
        ("error", FinishKind.UNKNOWN),
        (None, FinishKind.UNKNOWN),
        (7, FinishKind.UNKNOWN),
    ],
)
def test_only_a_known_clean_ending_counts_as_finished(stop_reason: Any, kind: FinishKind) -> None:
    answer = MessagesAnswerView(message(words("Half"), stop_reason=stop_reason))
    assert answer.choices[0].finish.kind is kind
    assert answer.is_finished is (kind in (FinishKind.STOP, FinishKind.TOOL_CALLS))


def test_all_input_is_counted_and_the_cache_writes_are_told_apart() -> None:
    usage = MessagesAnswerView(message(words("x"))).usage
    assert usage is not None
    assert (usage.input_tokens, usage.cached_tokens, usage.cache_write_tokens, usage.cache_write_1h_tokens) == (
        170, 50, 100, 60,
    )  # fmt: skip
    assert usage.service_tier == "standard"


def test_one_signed_thought_stays_one_block_when_streamed() -> None:
    growing = assembler(Dialect.MESSAGES)
    for event in replay(request_view(Dialect.MESSAGES, ask()), message(thought("A long thought. " * 20, "c2ln"))):
        growing.feed(event)
    assert growing.finish()["content"] == [thought("A long thought. " * 20, "c2ln")]


def test_a_replay_starts_no_block_that_the_answer_has_not() -> None:
    events = list(replay(request_view(Dialect.MESSAGES, ask()), message(use("f", {"a": 1}), stop_reason="tool_use")))
    assert [event["content_block"]["type"] for event in events if event["type"] == "content_block_start"] == [
        "tool_use"
    ]
    assert [event["type"] for event in events][-2:] == ["message_delta", "message_stop"]


def test_broken_off_arguments_are_kept_as_they_are() -> None:
    growing = assembler(Dialect.MESSAGES)
    growing.feed({"type": "content_block_start", "index": 0, "content_block": use("f", {})})
    growing.feed(
        {"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": "{"}}
    )
    assert growing.finish()["content"][0]["input"] == "{"
    assert not growing.is_complete


def test_an_error_in_mid_stream_is_known_and_passed_on_as_it_came() -> None:
    event: Body = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    growing, holder = assembler(Dialect.MESSAGES), ending(request_view(Dialect.MESSAGES, ask()))
    growing.feed(event)
    assert growing.error == event["error"]
    assert not growing.is_complete
    assert holder.feed(event) == []
    assert holder.flush() == [event]


@pytest.mark.parametrize(
    ("name", "reasons"),
    [
        ("plain", []),
        ("apples", []),
        ("tool result", []),
        ("bash and editor", []),
        ("inline image", []),
        ("image by address", [(Uncacheable.URL, "messages[0].content[0]")]),
        ("image by id", [(Uncacheable.FILE, "messages[0].content[0]")]),
        ("pdf by id", [(Uncacheable.FILE, "messages[0].content[0]")]),
        ("container", [(Uncacheable.CONTAINER, "container")]),
        ("container upload", [(Uncacheable.CONTAINER, "messages[0].content[0]")]),
        ("web search", [(Uncacheable.SERVER_TOOL, "tools[0]")]),
        ("code execution", [(Uncacheable.SERVER_TOOL, "tools[0]")]),
        ("mcp", [(Uncacheable.SERVER_TOOL, "mcp_servers[0]")]),
    ],
)
def test_what_depends_on_more_than_the_body_is_uncacheable_and_the_place_is_named(
    name: str, reasons: list[tuple[Uncacheable, str]]
) -> None:
    assert list(identity(view(name)).uncacheable) == reasons


def test_an_address_may_be_declared_stable() -> None:
    assert identity(view("image by address"), IdentityRules(urls_are_stable=True)).uncacheable == ()


def test_a_billing_line_that_changes_with_each_request_can_be_declared_immaterial() -> None:
    rules = IdentityRules(immaterial=(pattern("system[*].text ^ x-anthropic-billing-header:"),))

    def framed(line: str, rest: str) -> Any:
        return identity(MessagesRequestView(ask(system=[block(line), block(rest)])), rules).frame

    assert framed(BILLING, "Be brief.") == framed(BILLING.replace("abc12", "9f9f9"), "Be brief.")
    assert framed(BILLING, "Be brief.") != framed(BILLING, "Be rude.")
    assert identity(view("billing line")).frame != identity(view("billing line"), rules).frame


def test_cache_marks_are_immaterial_where_they_are_marks_and_content_where_they_are_content() -> None:
    def used(given: Body) -> Any:
        talk = [user(), {"role": "assistant", "content": [use("f", given)]}, user([{"type": "tool_result"}])]
        return identity(MessagesRequestView(ask(*talk))).frame

    assert used({"cache_control": "a"}) != used({"cache_control": "b"})


def test_beta_headers_are_part_of_what_was_asked() -> None:
    plain, beta = (MessagesRequestView(ask(), headers) for headers in ({}, {"anthropic-beta": "context-1m-2025-08-07"}))
    assert identity(plain).frame != identity(beta).frame
    assert identity(plain).frame == identity(MessagesRequestView(ask(), {"user-agent": "x"})).frame


def test_a_message_of_nothing_but_tool_results_is_a_tools_turn_and_no_question() -> None:
    assert [turn.role for turn in view("tool result").turns] == ["user", "assistant", "tool"]
    assert view("tool result").question == "Weather?"
    assert view("result and question").question == "And tomorrow?"


@pytest.mark.parametrize(
    ("name", "forced"),
    [
        ("the only tool", "weather"),
        ("named tool", "time"),
        ("choice any", None),
        ("choice auto", None),
        ("tools", None),
    ],
)
def test_a_single_forced_tool_is_known(name: str, forced: str | None) -> None:
    tool, wanted = view(name).forced_tool, view(name).answer_format
    assert (tool.name if tool else None) == forced
    assert (wanted.kind if wanted else None) == ("forced_tool" if forced else None)


def test_masking_reaches_what_tools_gave_back_what_they_were_given_and_documents() -> None:
    talk = changed(view("tool result"), lambda text: text.replace("Lima", "<CITY>"))
    assert talk["messages"][1]["content"][1]["input"] == {"city": "<CITY>", "days": [1, 2]}
    failed = changed(view("failed tool"), str.upper)
    assert failed["messages"][2]["content"][0]["content"] == "NO SUCH CITY"
    assert failed["messages"][2]["content"][0]["is_error"] is True
    assert changed(view("apples"), str.upper)["messages"][0]["content"][0]["source"]["data"] == "APPLES ARE RED"
