"""Structured output over HTTP: three dialects, whole and streamed."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

import pytest
from tests.proxy.asked import Asked
from tests.proxy.conftest import SCRAPER_TOKEN, GatewayProcess
from tests.proxy.output_routes import SHAPE
from tests.proxy.scrape import read_series, total
from tests.proxy.upstream import Reply, breaks_off, calls_tool, cuts_call, drips, gives, says, says_and_calls
from tests.proxy.waiting import eventually, settle
from werkzeug import Response

from thriftgate.wire.dialects import answer_view, assembler
from thriftgate.wire.shapes import mapping
from thriftgate.wire.streaming.sse import SseDecoder
from thriftgate.wire.turns import Dialect

pytestmark = pytest.mark.xdist_group("proxy")

GOOD = '{"city": "Bern", "days": 3}'
FENCED = f"```json\n{GOOD}\n```"
WRONG = '{"city": "Bern", "days": "three"}'
_PATHS = {Dialect.CHAT: "/v1/chat/completions", Dialect.MESSAGES: "/v1/messages", Dialect.RESPONSES: "/v1/responses"}
_NUMBERS = count()
both = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
everywhere = pytest.mark.parametrize("dialect", list(Dialect))


@dataclass
class Got:
    """What a client got."""

    status: int
    text: str
    arguments: list[Any]
    told: Mapping[str, Any]
    error: str
    events: Sequence[Mapping[str, Any]] = ()


def ask(gateway: GatewayProcess, dialect: Dialect, route: str, *, stream: bool, **params: Any) -> Got:
    question = f"Where to, and how long? {next(_NUMBERS)}"
    if dialect is Dialect.RESPONSES:
        body: dict[str, Any] = {"model": route, "input": question, **params}
    else:
        body = {"model": route, "messages": [{"role": "user", "content": question}], **params}
    if dialect is Dialect.MESSAGES:
        body.setdefault("max_tokens", 99)
    response = gateway.post(_PATHS[dialect], {**body, "stream": stream} if stream else body)
    if response.status_code != 200:
        return Got(response.status_code, "", [], dict(response.headers), response.text)
    if not stream:
        whole = response.json()
        told = {name.removeprefix("x-thriftgate-"): value for name, value in response.headers.items()}
        view = answer_view(dialect, whole)
        return Got(200, view.text, [json.loads(call.arguments) for call in view.tool_calls], told, "")
    events = [event.body for event in SseDecoder().feed(response.content) if event.body]
    whole = assembler(dialect)
    for event in events:
        whole.feed(event)
    told = next((found for event in events if (found := _told(event))), mapping(None))
    view = answer_view(dialect, whole.finish())
    arguments = [json.loads(call.arguments) for call in view.tool_calls]
    return Got(200, view.text, arguments, told, str(events[-1]), events)


def _told(event: Mapping[str, Any]) -> Mapping[str, Any]:
    return mapping(event.get("thriftgate")) or mapping(mapping(event.get("response")).get("thriftgate"))


def first_then(*replies: Reply) -> Reply:
    left = list(replies)

    def reply(body: Asked) -> Response:
        return (left.pop(0) if len(left) > 1 else left[0])(body)

    return reply


@everywhere
@both
def test_a_fence_is_taken_off_before_anything_is_shown_and_the_repair_is_named(
    gateway: GatewayProcess, dialect: Dialect, stream: bool
) -> None:
    gateway.upstream.on("small", says(FENCED))
    got = ask(gateway, dialect, "shaped", stream=stream)
    assert json.loads(got.text) == json.loads(GOOD), got
    assert got.told["output"] == "repaired (code fence removed)"
    (asked,) = gateway.upstream.asked("small")
    assert "days" in json.dumps({name: asked.get(name) for name in ("response_format", "text", "output_config")})


@everywhere
@both
def test_a_wrong_answer_is_asked_for_once_more_with_the_objection(
    gateway: GatewayProcess, dialect: Dialect, stream: bool
) -> None:
    gateway.upstream.on("small", first_then(says(WRONG), says(GOOD)))
    got = ask(gateway, dialect, "shaped", stream=stream)
    assert json.loads(got.text) == json.loads(GOOD), got
    assert (got.told["output"], str(got.told["output_reasks" if stream else "output-reasks"])) == ("valid", "1")
    _, again = gateway.upstream.asked("small")
    words = json.dumps(again.prompt)
    assert "must be a whole number" in words
    assert "three" in words


@everywhere
@both
def test_where_a_tier_does_not_find_the_shape_the_next_one_is_asked_and_at_the_end_it_is_a_422(
    gateway: GatewayProcess, dialect: Dialect, stream: bool
) -> None:
    gateway.upstream.on("small", says(WRONG))
    gateway.upstream.on("large", says(GOOD))
    got = ask(gateway, dialect, "shaped", stream=stream)
    assert json.loads(got.text) == json.loads(GOOD), got
    assert (got.told["decision"], got.told["reason"]) == ("escalated", "output_invalid")

    gateway.upstream.on("large", says(WRONG))
    before = total(read_series(gateway.base_url, SCRAPER_TOKEN), "thriftgate_outputs_total", outcome="invalid")
    got = ask(gateway, dialect, "shaped", stream=stream)
    assert got.status == 422, got
    assert "days" in got.error
    assert "three" not in got.error
    after = total(read_series(gateway.base_url, SCRAPER_TOKEN), "thriftgate_outputs_total", outcome="invalid")
    assert after == before + 1


@everywhere
@both
def test_what_was_cut_never_passes_as_complete(gateway: GatewayProcess, dialect: Dialect, stream: bool) -> None:
    cut = says('{"city": "Bern", "days": 3, "rest": [', finish_reason="length")
    gateway.upstream.on("small", cut)
    gateway.upstream.on("large", cut)
    got = ask(gateway, dialect, "shaped", stream=stream)
    assert got.status == 422, got


@everywhere
def test_a_violation_stops_the_call_while_it_is_written(gateway: GatewayProcess, dialect: Dialect) -> None:
    long = '{"days": "three", "city": "' + "Bern " * 500 + '"}'
    gateway.upstream.on("small", first_then(says(long), says(GOOD)))
    got = ask(gateway, dialect, "shaped", stream=True)
    assert json.loads(got.text) == json.loads(GOOD), got
    again = gateway.upstream.asked("small")[1]
    assert json.dumps(again.prompt).count("Bern ") < 400, "the rest was not waited for"
    slowly = drips(gateway.upstream, ['{"days": "three", ', *['"city": "Bern", '] * 9], 0.2)
    gateway.upstream.on("small", first_then(slowly, says(GOOD)))
    assert json.loads(ask(gateway, dialect, "shaped", stream=True).text) == json.loads(GOOD)
    assert eventually(lambda: gateway.upstream.closed_early == ["small"]), "the provider writes no further"


@everywhere
def test_what_is_shown_while_it_flows_ends_with_an_error_at_the_violation(
    gateway: GatewayProcess, dialect: Dialect
) -> None:
    gateway.upstream.on("large", says('{"city": "Bern", "days": "three hundred and some", "more": 1}'))
    got = ask(gateway, dialect, "shaped-shown", stream=True)
    assert "days" in got.error, got
    assert "error" in got.error, got
    assert ("invalid_request_error" if dialect is Dialect.MESSAGES else "output_invalid") in got.error, got
    gateway.upstream.on("large", says(GOOD))
    got = ask(gateway, dialect, "shaped-shown", stream=True)
    assert (json.loads(got.text), got.told["output"]) == (json.loads(GOOD), "valid"), got
    gateway.upstream.on("large", says("Sorry, no idea."))
    assert ask(gateway, dialect, "shaped-shown", stream=True).status == 422


@both
def test_a_callers_own_shape_is_kept_in_each_dialect(gateway: GatewayProcess, stream: bool) -> None:
    gateway.upstream.on("large", first_then(says(WRONG), says(GOOD)))
    wanted = {"type": "json_schema", "json_schema": {"name": "trip", "schema": SHAPE}}
    got = ask(gateway, Dialect.CHAT, "shaped-by-caller", stream=stream, response_format=wanted)
    assert json.loads(got.text)["days"] == 3, got
    gateway.upstream.on("large", first_then(says(WRONG), says(GOOD)))
    text = {"format": {"type": "json_schema", "name": "trip", "schema": SHAPE}}
    got = ask(gateway, Dialect.RESPONSES, "shaped-by-caller", stream=stream, text=text)
    assert json.loads(got.text)["days"] == 3, got
    gateway.upstream.on("large", first_then(says(WRONG), says(GOOD)))
    config = {"format": {"type": "json_schema", "schema": SHAPE}}
    got = ask(gateway, Dialect.MESSAGES, "shaped-by-caller", stream=stream, output_config=config)
    assert json.loads(got.text)["days"] == 3, got


@both
def test_the_arguments_of_a_forced_tool_are_checked_and_the_objection_is_the_calls_result(
    gateway: GatewayProcess, stream: bool
) -> None:
    replies = (calls_tool("plan", {"city": "Bern", "days": "three"}), calls_tool("plan", {"city": "Bern", "days": 3}))
    gateway.upstream.on("large", first_then(*replies))
    tool = {"type": "function", "function": {"name": "plan", "parameters": SHAPE}}
    forced = {"tools": [tool], "tool_choice": {"type": "function", "function": {"name": "plan"}}}
    got = ask(gateway, Dialect.CHAT, "shaped-by-caller", stream=stream, **forced)
    assert got.arguments == [{"city": "Bern", "days": 3}], got
    again = gateway.upstream.asked("large")[1]
    assert again.prompt[-1]["role"] == "tool"
    gateway.upstream.on("large", first_then(*replies))
    forced = {"tools": [{"name": "plan", "input_schema": SHAPE}], "tool_choice": {"type": "tool", "name": "plan"}}
    got = ask(gateway, Dialect.MESSAGES, "shaped-by-caller", stream=stream, **forced)
    assert got.arguments == [{"city": "Bern", "days": 3}], got


@everywhere
@both
def test_a_call_that_the_model_makes_freely_has_the_arguments_that_its_tool_takes(
    gateway: GatewayProcess, dialect: Dialect, stream: bool
) -> None:
    wrong, good = {"city": "Bern", "days": "three"}, {"city": "Bern", "days": 3}
    gateway.upstream.on("large", first_then(calls_tool("plan", wrong), calls_tool("plan", good)))
    tool: dict[str, Any] = {"name": "plan", "input_schema": SHAPE}
    if dialect is not Dialect.MESSAGES:
        named = {"name": "plan", "parameters": SHAPE}
        tool = {"type": "function", **(named if dialect is Dialect.RESPONSES else {"function": named})}
    got = ask(gateway, dialect, "shaped-by-caller", stream=stream, tools=[tool])
    assert (got.arguments, got.told["output"]) == ([good], "valid"), got
    _, again = gateway.upstream.asked("large")
    assert "This was not called" in json.dumps(again.prompt)


@both
@pytest.mark.parametrize("is_forced", [False, True])
def test_a_call_of_the_old_functions_is_seen_again_by_whoever_made_it_wrong(
    gateway: GatewayProcess, stream: bool, is_forced: bool
) -> None:
    gateway.upstream.on("large", first_then(calls_of_old("plan", WRONG), calls_of_old("plan", GOOD)))
    old: dict[str, Any] = {"functions": [{"name": "plan", "parameters": SHAPE}]}
    if is_forced:
        old["function_call"] = {"name": "plan"}
    got = ask(gateway, Dialect.CHAT, "shaped-by-caller", stream=stream, **old)
    assert (got.arguments, got.told["output"]) == ([json.loads(GOOD)], "valid"), got
    _, again = gateway.upstream.asked("large")
    assert [turn["role"] for turn in again.prompt] == ["user", "assistant", "function"]
    assert again.prompt[1]["function_call"] == {"name": "plan", "arguments": WRONG}
    assert (again.prompt[2]["name"], "must be a whole number" in again.prompt[2]["content"]) == ("plan", True)


def calls_of_old(name: str, written: str) -> Reply:
    """An answer that asks for a call as OpenAI's first models did."""
    said = {"role": "assistant", "content": None, "function_call": {"name": name, "arguments": written}}
    usage = {"prompt_tokens": 10, "completion_tokens": 4, "total_tokens": 14}
    return gives({"id": "chatcmpl-up", "object": "chat.completion", "created": 1_700_000_000, "model": "large",
                  "choices": [{"index": 0, "message": said, "finish_reason": "function_call"}],
                  "usage": usage})  # fmt: skip


@everywhere
@both
@pytest.mark.parametrize("written", ['{"city": "Be', ""], ids=["in the middle", "before its arguments"])
def test_a_call_that_was_cut_is_said_to_be_cut_and_not_paid_for_again_at_the_same_limit(
    gateway: GatewayProcess, dialect: Dialect, stream: bool, written: str
) -> None:
    gateway.upstream.on("large", cuts_call("plan", written))
    limit = "max_output_tokens" if dialect is Dialect.RESPONSES else "max_tokens"
    for schema in (SHAPE, {"type": "object"}):
        gateway.upstream.forget()
        tools = [tool_of(dialect, schema)]
        got = ask(gateway, dialect, "shaped-by-caller", stream=stream, tools=tools, **{limit: 40})
        assert got.status == 422, got
        assert "the arguments of a call of a tool break off" in got.error
        assert "the request's limit of tokens" in got.error
        assert dialect is Dialect.MESSAGES or ("output_truncated" in got.error and limit in got.error)
        assert len(gateway.upstream.asked("large")) == 1, "the same model would be cut at the same place"


@everywhere
@both
def test_where_a_call_was_cut_the_next_tier_may_come_to_its_end(
    gateway: GatewayProcess, dialect: Dialect, stream: bool
) -> None:
    gateway.upstream.on("small", cuts_call("plan", '{"city": "Be'))
    gateway.upstream.on("large", calls_tool("plan", {"city": "Bern", "days": 3}))
    got = ask(gateway, dialect, "shaped", stream=stream, tools=[tool_of(dialect, SHAPE)], **forced(dialect))
    assert got.arguments == [{"city": "Bern", "days": 3}], got
    assert len(gateway.upstream.asked("small")) == 1


def is_whole(events: Sequence[Mapping[str, Any]]) -> bool:
    """Whether what begins ends, once, and the events are numbered one after the other."""
    numbers = [event["sequence_number"] for event in events if "sequence_number" in event]
    kinds = [(event.get("type"), event.get("output_index", event.get("index"))) for event in events]
    begun = [place for kind, place in kinds if kind in ("content_block_start", "response.output_item.added")]
    ended = [place for kind, place in kinds if kind in ("content_block_stop", "response.output_item.done")]
    return numbers == [*range(len(numbers))] and begun == sorted(set(begun)) == sorted(ended)


@pytest.mark.parametrize(
    ("dialect", "stream"),
    # As a whole LiteLLM makes `{}` of arguments that it cannot read on the way to Anthropic's form.
    [(dialect, stream) for dialect in Dialect for stream in (False, True) if stream or dialect is not Dialect.MESSAGES],
)
def test_a_call_behind_words_that_are_shown_is_repaired_and_the_words_stay(
    gateway: GatewayProcess, dialect: Dialect, stream: bool
) -> None:
    almost = GOOD[:-1] + ",}"
    gateway.upstream.on("large", says_and_calls("Let me look that up for you.", "plan", almost))
    got = ask(gateway, dialect, "calls-shown", stream=stream, tools=[tool_of(dialect, SHAPE)])
    assert got.status == 200, got
    assert (got.text, got.arguments) == ("Let me look that up for you.", [json.loads(GOOD)]), got
    assert got.told["output"] == "repaired (commas mended)"
    assert is_whole(got.events), got.events
    assert len(gateway.upstream.asked("large")) == 1
    gateway.upstream.on("large", says_and_calls("Let me look that up for you.", "plan", WRONG))
    got = ask(gateway, dialect, "calls-shown", stream=stream, tools=[tool_of(dialect, SHAPE)])
    assert "days" in got.error, "what is wrong cannot be put right without asking, and the words are out"
    assert (got.status == 422) is not stream


def tool_of(dialect: Dialect, schema: Mapping[str, Any]) -> dict[str, Any]:
    """The tool `plan` as a client offers it."""
    if dialect is Dialect.MESSAGES:
        return {"name": "plan", "input_schema": schema}
    named = {"name": "plan", "parameters": schema}
    return {"type": "function", **(named if dialect is Dialect.RESPONSES else {"function": named})}


def forced(dialect: Dialect) -> dict[str, Any]:
    """Which has to be called."""
    choice: dict[Dialect, Any] = {
        Dialect.CHAT: {"type": "function", "function": {"name": "plan"}},
        Dialect.RESPONSES: {"type": "function", "name": "plan"},
        Dialect.MESSAGES: {"type": "tool", "name": "plan"},
    }
    return {"tool_choice": choice[dialect]}


def test_text_is_text_where_nobody_asks_for_a_shape(gateway: GatewayProcess) -> None:
    gateway.upstream.on("large", says("It takes three days."))
    got = ask(gateway, Dialect.CHAT, "shaped-by-caller", stream=False)
    assert got.text == "It takes three days."
    assert "output" not in got.told


def test_a_callers_schema_that_cannot_be_checked_is_a_400_that_names_the_place(gateway: GatewayProcess) -> None:
    wanted = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"$ref": "http://evil.example/s"}}}
    got = ask(gateway, Dialect.CHAT, "shaped-by-caller", stream=False, response_format=wanted)
    assert got.status == 400
    assert "outside itself" in got.error


def test_a_hit_names_the_repair_of_the_answer_that_was_kept(gateway: GatewayProcess) -> None:
    gateway.upstream.on("small", says(FENCED))
    body = {"model": "shaped-cached", "messages": [{"role": "user", "content": "Which canton, exactly?"}]}
    first = gateway.post("/v1/chat/completions", body)
    assert first.status_code == 200, first.text
    settle(0.5)
    again = gateway.post("/v1/chat/completions", body)
    assert again.headers["x-thriftgate-decision"] == "exact_hit"
    assert again.headers["x-thriftgate-output"] == first.headers["x-thriftgate-output"]
    assert again.headers["x-thriftgate-output"].startswith("repaired")


def test_a_stream_that_breaks_off_is_no_answer(gateway: GatewayProcess) -> None:
    gateway.upstream.on("small", breaks_off(['{"city": ', '"Bern", ']))
    gateway.upstream.on("large", says(GOOD))
    got = ask(gateway, Dialect.CHAT, "shaped", stream=True)
    assert json.loads(got.text) == json.loads(GOOD), got
