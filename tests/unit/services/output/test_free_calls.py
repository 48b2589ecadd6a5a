"""Calls of tools that a model makes freely, on a route whose answers must have a shape, over fakes."""

from typing import Any

import pytest
from tests.fakes import Streamed, answer_of, ask, stream_of
from tests.route_setup import Client, RouteSetup
from tests.unit.services.output.trips import GOOD, SHAPE, WRONG

from thriftgate.config.sections.output import OutputConfig
from thriftgate.errors import OutputInvalidError
from thriftgate.output import requirement as requirement_module
from thriftgate.output.requirement import requirement
from thriftgate.schemas import Refusal, Schema, compile_schema
from thriftgate.schemas.wanted import offered_tools
from thriftgate.services.output.following import Follower
from thriftgate.services.output.notes import note_of
from thriftgate.services.output.reading import checked
from thriftgate.services.output.stage import OutputStage
from thriftgate.types import Answer, Choice, StreamPiece
from thriftgate.wire.turns import Dialect

TOOLS = [
    {"type": "function", "function": {"name": "plan", "parameters": SHAPE}},
    {"type": "function", "function": {"name": "stop"}},
    {"type": "function", "function": {"name": "odd", "parameters": {"$ref": "http://elsewhere.example/s"}}},
]


def setup(**cascade: Any) -> RouteSetup:
    return RouteSetup(route={"output": {}}, accept_at=0.5, **cascade)


def calling(*calls: tuple[str, str], said: str | None = None) -> Answer:
    """An answer that calls tools, which the model is free to do."""
    made = [
        {"id": f"call_{place}", "type": "function", "function": {"name": name, "arguments": arguments}}
        for place, (name, arguments) in enumerate(calls)
    ]
    choice = Choice({"role": "assistant", "content": said, "tool_calls": made}, "tool_calls")
    return answer_of("", model="large", choices=(choice,))


def arguments_of(answer: Answer) -> list[str]:
    return [call["function"]["arguments"] for call in answer.choices[0].tool_calls]


@pytest.mark.parametrize(
    ("calls", "outcome", "arguments"),
    [
        ([("plan", GOOD)], "valid", [GOOD]),
        ([("plan", GOOD[:-1] + ",}"), ("stop", "")], "repaired (commas mended)", [GOOD, ""]),
        ([("stop", "{}"), ("plan", WRONG)], "invalid", ["{}", WRONG]),
        ([("stop", "[1]")], "invalid", ["[1]"]),
        ([("stop", "null")], "valid", ["null"]),
        ([("plan", "null")], "invalid", ["null"]),
        ([("odd", WRONG)], "valid", [WRONG]),
        ([("odd", "no")], "invalid", ["no"]),
        ([("unknown", "no")], "exempt", ["no"]),
    ],
)
def test_arguments_of_calls_that_a_model_makes_freely_are_those_of_their_tools(
    calls: list[tuple[str, str]], outcome: str, arguments: list[str]
) -> None:
    required = requirement(None, offered=offered_tools({"tools": TOOLS}))
    assert required is not None
    found = checked(ask(), calling(*calls), required, may_repair=True)
    assert note_of(found.verdict).words == outcome
    assert arguments_of(found.answer) == arguments
    assert checked(ask(), answer_of("In words."), required, may_repair=True).verdict is None


async def test_a_call_with_wrong_arguments_is_answered_with_the_objection_and_at_the_end_it_is_a_422() -> None:
    one = setup()
    one.completer.standing["large"] = calling(("stop", "{}"), ("plan", GOOD))
    one.completer.enqueue("large", calling(("stop", "{}"), ("plan", WRONG), said="I look."))
    asking = ask(params={"tools": TOOLS})
    assert arguments_of(await one.answer(asking)) == ["{}", GOOD]
    assert (one.record.metadata["output"], one.record.metadata["output_reasks"]) == ("valid", 1)
    again = [*one.completer.history[-1].request.messages][-2:]
    assert [turn["role"] for turn in again] == ["tool", "tool"]
    assert "This was not called: `days` must be a whole number" in again[1]["content"]
    other = setup()
    other.completer.standing["large"] = calling(("plan", WRONG))
    with pytest.raises(OutputInvalidError, match="the JSON schema of the tool `plan`") as caught:
        await other.answer(asking)
    assert caught.value.param == "days"


@pytest.mark.parametrize(("arguments", "is_given"), [(GOOD, True), (WRONG, False)])
async def test_words_flow_where_calls_alone_have_a_shape_and_a_call_waits_until_it_is_known_to_fit(
    arguments: str, is_given: bool
) -> None:
    one = setup(streaming="strong_first_token")
    call = {"index": 0, "id": "call_0", "type": "function", "function": {"name": "plan", "arguments": arguments}}
    said, called, ended = stream_of(answer_of("Looking.", model="large"))[1:4]
    delta = {"index": 0, "delta": {"tool_calls": [call]}, "finish_reason": None}
    end: dict[str, Any] = {"index": 0, "delta": {}, "finish_reason": "tool_calls"}
    chunks: list[Any] = [said, {**called, "choices": [delta]}, {**called, "choices": [end]}, ended]
    one.completer.standing["large"] = Streamed(chunks)
    client = Client(one.route)
    if is_given:
        await client.read(ask(params={"tools": TOOLS}))
    else:
        with pytest.raises(OutputInvalidError):
            await client.read(ask(params={"tools": TOOLS}))
    assert client.text == "Looking."
    shown = [choice["delta"] for chunk in client.chunks for choice in chunk["choices"]]
    assert bool([delta for delta in shown if delta.get("tool_calls")]) is is_given


async def test_of_several_answers_no_call_is_put_right_behind_words_that_would_be_said_again() -> None:
    one = setup(streaming="strong_first_token")
    function = {"name": "plan", "arguments": GOOD[:-1] + ",}"}
    deltas: list[tuple[int, dict[str, Any], str | None]] = [
        (0, {"role": "assistant", "content": "Looking."}, None), (1, {"role": "assistant", "content": "Words."}, None),
        (0, {"tool_calls": [{"index": 0, "id": "call_0", "type": "function", "function": function}]}, None),
        (0, {}, "tool_calls"), (1, {}, "stop"),
    ]  # fmt: skip
    chunk = stream_of(answer_of("", model="large"))[1]
    one.completer.standing["large"] = Streamed(
        [{**chunk, "choices": [{"index": at, "delta": delta, "finish_reason": end}]} for at, delta, end in deltas]
    )
    client = Client(one.route)
    with pytest.raises(OutputInvalidError):
        await client.read(ask(params={"tools": TOOLS, "n": 2}))
    shown = [choice for chunk in client.chunks for choice in chunk["choices"]]
    words = ["".join(one["delta"].get("content") or "" for one in shown if one["index"] == at) for at in (0, 1)]
    assert words == ["Looking.", "Words."]
    assert not any(one["delta"].get("tool_calls") for one in shown)


async def test_of_many_tools_only_the_schemas_of_those_that_are_called_are_compiled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two hundred schemas held up the event loop for 60 ms with every request: more than are kept."""
    compiled: list[object] = []

    def compile_noted(schema: object) -> Schema | Refusal:
        compiled.append(schema)
        return compile_schema(schema)

    monkeypatch.setattr(requirement_module, "compile_schema", compile_noted)
    many = [{"type": "function", "function": {"name": f"t{at}", "parameters": {"title": str(at)}}} for at in range(200)]
    stage = OutputStage.of(OutputConfig())
    assert stage is not None
    _, required = await stage.apply(ask(params={"tools": [*many, *TOOLS]}))
    assert required is not None
    assert not compiled
    assert checked(ask(), calling(("plan", WRONG)), required, may_repair=True).objection is not None
    assert compiled == [SHAPE]
    assert required.names == {"city", "days"}


def test_once_thoughts_are_shown_the_next_come_as_they_are_thought() -> None:
    """They came nine at a time: eight events wait for the first words, which can be far away."""
    required = requirement(None, offered=offered_tools({"tools": TOOLS}))
    assert required is not None
    follower = Follower(required, Dialect.MESSAGES)
    thought = {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "hm"}}
    assert [len(follower.passed(StreamPiece(thought))) for _ in range(12)] == [*[0] * 8, 9, 1, 1, 1]
