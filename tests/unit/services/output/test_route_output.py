"""A route whose answers must have a shape, over fakes."""

import json
import threading
from dataclasses import replace
from typing import Any

import pytest
from tests.clocks import FakeClock
from tests.fakes import FakeCompleter, FakePricer, Streamed, answer_of, ask, failure, stream_of
from tests.route_setup import Client, RouteSetup
from tests.unit.services.output.trips import GOOD, SHAPE, WRONG

from thriftgate.config.sections.output import OutputConfig
from thriftgate.errors import AllTiersFailedError, OutputInvalidError
from thriftgate.output.requirement import Requirement
from thriftgate.output.verdicts import Change, Invalid, Repaired, Valid
from thriftgate.schemas import Schema, compile_schema
from thriftgate.services.output.asking import ShapedAsker
from thriftgate.services.output.following import Follower
from thriftgate.services.output.reading import CheckedAnswer, checked
from thriftgate.services.request.asking import Asker
from thriftgate.services.request.journal import Journal
from thriftgate.types import Answer, Choice, DecisionKind, StreamPiece
from thriftgate.wire.turns import Dialect

FENCED = f"```json\n{GOOD}\n```"


def setup(*, output: dict[str, Any] | None = None, **cascade: Any) -> RouteSetup:
    settings = {"json_schema": SHAPE} if output is None else output
    made = RouteSetup(route={"output": settings}, accept_at=0.5, **cascade)
    made.completer.standing = {
        "small": answer_of(GOOD, logprob=-0.01),
        "large": answer_of(GOOD, model="large"),
    }
    return made


async def test_the_routes_schema_is_asked_for_natively_and_named_valid() -> None:
    one = setup()
    told: list[Any] = []
    answer = await one.route.answer(ask(), told.append)
    assert answer.text == GOOD
    assert told[-1]["output"] == "valid"
    (asked,) = one.completer.history
    assert asked.request.body is not None
    assert asked.request.body["response_format"]["json_schema"]["schema"] == SHAPE
    assert "response_format" in asked.request.added, "a provider that does not know it may be asked without"


async def test_a_tier_without_the_parameter_is_asked_in_words() -> None:
    one = setup()
    one.completer.without_logprobs.add("small")
    await one.answer(ask())
    (asked,) = one.completer.history
    assert asked.request.body is not None
    assert "response_format" not in asked.request.body
    assert '"days"' in asked.request.messages[0]["content"]


class Noting(dict[str, Any]):
    """A message that notes in which threads it is read."""

    read_by: set[int]

    def get(self, key: str, default: Any = None, /) -> Any:
        self.read_by.add(threading.get_ident())
        return super().get(key, default)


@pytest.mark.parametrize(("characters", "is_beside"), [(10, False), (200_000, True)], ids=["light", "heavy"])
async def test_a_heavy_request_is_put_into_words_beside_the_loop_and_once_for_all_tiers(
    characters: int, is_beside: bool
) -> None:
    message = Noting(role="user", content="x" * characters)
    body = {"messages": [message], "max_tokens": 9, "tools": []}
    request = ask(dialect="messages", body=body)
    completer = FakeCompleter()
    completer.without_logprobs |= {"small", "large"}
    schema = compile_schema(SHAPE)
    assert isinstance(schema, Schema)
    journal = Journal(request, clock=FakeClock(), stream=False, capture_content=False)
    asker = ShapedAsker(Asker(completer, FakePricer(), journal), Requirement("route", schema), OutputConfig())
    message.read_by = set()
    worded = await asker.formatted("small", request)
    assert "days" in str((worded.body or {})["system"])
    assert (threading.get_ident() not in message.read_by) is is_beside
    assert await asker.formatted("large", request) is worded


async def test_a_repair_is_named_in_the_answer_the_ledger_and_the_trace() -> None:
    one = setup()
    one.completer.enqueue("small", answer_of(FENCED, logprob=-0.01))
    answer = await one.answer(ask())
    assert json.loads(answer.text) == json.loads(GOOD)
    assert one.record.metadata["output"] == "repaired"
    assert one.record.metadata["output_changes"] == ["code fence removed"]
    (stage,) = [stage for stage in one.record.stages if stage.name == "output"]
    assert stage.attributes["outcome"] == "repaired"
    assert one.record.signals["output_repaired"] == 1.0


async def test_without_repair_the_same_answer_is_asked_for_once_more() -> None:
    one = setup(output={"json_schema": SHAPE, "repair": False})
    one.completer.enqueue("small", answer_of(FENCED, logprob=-0.01))
    answer = await one.answer(ask())
    assert answer.text == GOOD
    assert one.completer.models == ["small", "small"]
    assert one.record.metadata["output_reasks"] == 1
    assert one.record.signals["output_reasked"] == 1.0


async def test_the_reasks_are_for_the_whole_request_and_then_the_next_tier_is_asked() -> None:
    one = setup()
    one.completer.standing["small"] = answer_of(WRONG, logprob=-0.01)
    await one.answer(ask())
    assert one.completer.models == ["small", "small", "large"]
    assert (one.record.decision, one.record.reason) == (DecisionKind.ESCALATED, "output_invalid")


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_when_no_tier_finds_the_shape_it_is_a_422_that_names_the_path_and_quotes_nothing(stream: bool) -> None:
    one = setup()
    one.completer.standing = {"small": answer_of(WRONG, logprob=-0.01), "large": answer_of(WRONG, model="large")}
    with pytest.raises(OutputInvalidError) as caught:
        await (Client(one.route).read(ask()) if stream else one.answer(ask()))
    assert caught.value.param == "days"
    assert "three" not in caught.value.message
    assert one.record.metadata["output"] == "invalid"
    assert one.completer.models == ["small", "small", "large"]


async def test_a_last_tier_that_is_away_is_a_failure_of_the_tiers_and_no_matter_of_shape() -> None:
    one = setup()
    one.completer.standing = {"small": answer_of(WRONG, logprob=-0.01), "large": failure("large")}
    with pytest.raises(AllTiersFailedError):
        await one.answer(ask())


async def test_a_cheap_answer_of_the_right_shape_is_served_where_the_strong_one_is_not_and_the_operator_wants_it() -> (
    None
):
    one = setup(on_strong_failure="serve_rejected")
    one.completer.standing = {"small": answer_of(GOOD, logprob=-3.0), "large": answer_of(WRONG, model="large")}
    assert (await one.answer(ask())).text == GOOD
    assert one.record.metadata["output"] == "valid"


@pytest.mark.parametrize("last", ["breaks off", "is blank"])
async def test_of_a_stream_that_ends_before_its_first_words_nothing_was_shown_and_the_rejected_answer_is_served(
    last: str,
) -> None:
    one = setup(on_strong_failure="serve_rejected", streaming="optimistic")
    events = stream_of(answer_of("  ", model="large"))
    one.completer.standing["small"] = answer_of(GOOD, logprob=-3.0)
    one.completer.standing["large"] = Streamed([*events[:3], failure("large")] if last == "breaks off" else events)
    assert await Client(one.route).read(ask()) == GOOD
    assert one.record.metadata["output"] == "valid"


async def test_an_answer_that_calls_a_tool_or_refuses_is_no_answer_of_a_shape() -> None:
    one = setup(output={"json_schema": SHAPE})
    refusal = Choice({"role": "assistant", "content": None, "refusal": "I must not."}, "stop")
    one.completer.standing = {"small": failure(), "large": answer_of("", model="large", choices=(refusal,))}
    answer = await one.answer(ask())
    assert answer.choices[0].message["refusal"] == "I must not."
    assert one.record.metadata["output"] == "exempt"


async def test_what_was_cut_is_not_repaired_into_something_complete() -> None:
    one = setup(output={"json_schema": SHAPE, "reasks": 0})
    cut = Choice({"role": "assistant", "content": '{"city": "Bern", "days": 3, "more": ['}, "length")
    one.completer.standing = {"small": answer_of("", choices=(cut,)), "large": answer_of("", choices=(cut,))}
    with pytest.raises(OutputInvalidError, match="breaks off"):
        await one.answer(ask())


async def test_a_held_stream_is_repaired_before_its_first_event() -> None:
    one = setup()
    one.completer.standing["small"] = answer_of(FENCED, logprob=-0.01)
    client = Client(one.route)
    assert json.loads(await client.read(ask())) == json.loads(GOOD)
    assert client.told_at_first_chunk is not None
    assert client.told_at_first_chunk["output"] == "repaired (code fence removed)"


@pytest.mark.parametrize(
    "said", [FENCED, *(words + GOOD for words in ("As you wish: ", "3 days: ", "1. ", "- ", "the answer: "))]
)
async def test_what_does_not_begin_as_json_is_held_and_repaired_however_early_a_stream_is_shown(said: str) -> None:
    one = setup(streaming="strong_first_token")
    one.completer.standing["large"] = answer_of(said, model="large")
    assert json.loads(await Client(one.route).read(ask())) == json.loads(GOOD)
    assert one.record.metadata["output"] == "repaired"
    assert one.completer.models == ["large"]


@pytest.mark.parametrize("first", ["No idea.", "", '{"days":"x"}', "nothing here", '"ok": no {x', "12", "\u00a0{"])
async def test_an_answer_of_which_nothing_was_shown_is_asked_for_once_more(first: str) -> None:
    one = setup(streaming="strong_first_token")
    one.completer.enqueue("large", answer_of(first, model="large"))
    assert await Client(one.route).read(ask()) == GOOD
    assert one.completer.models == ["large", "large"]
    assert one.record.metadata["output_reasks"] == 1


@pytest.mark.parametrize(
    ("schema", "said", "is_shown_early"),
    [
        ({"type": "string"}, '"three days in Bern"', True),
        ({"anyOf": [{"type": "object"}, {"$ref": "#/$defs/s"}], "$defs": {"s": {"type": "string"}}}, '"in Bern"', True),
        ({"type": "number"}, "12", False),
        ({"type": ["object", "null"]}, "null", False),
        ({"required": ["a"]}, '"in Bern"', False),
    ],
)
async def test_of_a_schema_of_no_object_a_string_is_shown_as_it_is_written_and_all_else_when_it_is_whole(
    schema: dict[str, Any], said: str, is_shown_early: bool
) -> None:
    compiled = compile_schema(schema)
    assert isinstance(compiled, Schema)
    follower = Follower(Requirement("route", compiled), Dialect.CHAT)
    events = [StreamPiece(event) for event in stream_of(answer_of(said))]
    shown = [one for event in events for one in follower.passed(event)]
    assert follower.objection is None
    assert bool(shown) is is_shown_early
    assert [*shown, *follower.rest()] == events
    one = setup(output={"json_schema": schema}, streaming="strong_first_token")
    one.completer.standing["large"] = answer_of(said, model="large")
    assert await Client(one.route).read(ask()) == said
    assert one.completer.models == ["large"]


async def test_a_held_stream_is_closed_at_the_first_violation() -> None:
    one = setup()
    one.completer.enqueue("small", answer_of('{"days": "three", "city": "' + "Bern " * 200 + '"}', logprob=-0.01))
    assert await Client(one.route).read(ask()) == GOOD
    assert one.completer.cancelled == ["small"]
    assert one.completer.chunks_sent["small"] < 50
    assert [call.status.value for call in one.record.calls] == ["cancelled", "ok"]


async def test_a_hit_says_what_was_repaired_when_the_answer_was_new() -> None:
    one = setup()
    one.completer.enqueue("small", answer_of(FENCED, logprob=-0.01))
    told: list[Any] = []
    await one.route.answer(ask(), told.append)
    (entry,) = await one.entries()
    assert entry.tags == ("output:repaired:fence",)
    await one.route.answer(ask(request_id="r2"), told.append)
    assert told[-1]["decision"] == "exact_hit"
    assert told[-1]["output"] == told[0]["output"] == "repaired (code fence removed)"


async def test_another_schema_is_another_scope() -> None:
    one = setup()
    await one.answer(ask())
    await one.entries()
    wanted = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}}
    await one.answer(ask(request_id="r2", params={"response_format": wanted}))
    assert one.completer.models == ["small", "small"]


async def test_an_empty_section_enforces_only_what_callers_ask_for() -> None:
    one = setup(output={})
    one.completer.standing["small"] = answer_of("three days, in Bern, as I said", logprob=-0.01)
    assert (await one.answer(ask())).text.startswith("three days")
    assert "output" not in one.record.metadata


def forced(*arguments: str) -> Answer:
    """An answer that calls the tool `plan`."""
    calls = [{"id": f"c{place}", "type": "function", "function": {"name": "plan", "arguments": text}}
             for place, text in enumerate(arguments)]  # fmt: skip
    message = {"role": "assistant", "content": None, "tool_calls": calls}
    return answer_of("", choices=(Choice(message, "tool_calls"),))


def judged(answer: Answer, *, tool: str | None = None, dialect: str = "chat") -> CheckedAnswer:
    schema = compile_schema(SHAPE)
    assert isinstance(schema, Schema)
    return checked(ask(dialect=dialect), answer, Requirement("route", schema, tool=tool), may_repair=True)


def test_every_call_of_the_tool_that_is_the_answers_form_is_checked() -> None:
    assert isinstance(judged(forced(GOOD, GOOD), tool="plan").verdict, Valid)
    assert isinstance(judged(forced(GOOD, WRONG), tool="plan").verdict, Invalid)


def test_a_repaired_call_leaves_the_other_calls_of_its_tool_as_they_are() -> None:
    other = '{"city": "Basel", "days": 9}'
    came = judged(forced('{"city": "Bern", "days": 3,}', other), tool="plan")
    assert isinstance(came.verdict, Repaired)
    texts = [call["function"]["arguments"] for call in came.answer.choices[0].message["tool_calls"]]
    assert list(map(json.loads, texts)) == [json.loads(GOOD), json.loads(other)]


COMMA = '{"city": "Bern", "days": 3,}'


@pytest.mark.parametrize("first", [[], ['{"city": "Basel", "days": 9}']], ids=["alone", "beside another call"])
def test_a_call_of_old_is_repaired_where_it_stands(first: list[str]) -> None:
    message = dict(forced(*first).choices[0].message)
    if not first:
        del message["tool_calls"]
    message["function_call"] = {"name": "plan", "arguments": COMMA}
    came = judged(answer_of("", choices=(Choice(message, "function_call"),)), tool="plan")
    assert isinstance(came.verdict, Repaired)
    given = came.answer.choices[0].message
    assert json.loads(given["function_call"]["arguments"]) == json.loads(GOOD)
    assert given.get("tool_calls") == message.get("tool_calls")


def test_a_custom_tool_of_the_same_name_is_free_text_and_stays_as_it_is() -> None:
    custom = {"type": "custom_tool_call", "id": "u", "call_id": "c1", "name": "plan", "input": "three days, Bern"}
    call = {"type": "function_call", "id": "f", "call_id": "c2", "name": "plan", "arguments": COMMA}
    answer = replace(answer_of(""), body={"id": "r", "status": "completed", "output": [custom, call]}, choices=())
    came = judged(answer, tool="plan", dialect="responses")
    assert isinstance(came.verdict, Repaired)
    assert came.answer.body is not None
    first, second = came.answer.body["output"]
    assert first == custom
    assert json.loads(second["arguments"]) == json.loads(GOOD)


def test_of_several_choices_every_repair_is_named_and_the_wrong_one_is_objected_to() -> None:
    def several(*texts: str) -> Answer:
        return answer_of("", choices=tuple(Choice({"role": "assistant", "content": text}, "stop") for text in texts))

    came = judged(several(FENCED, GOOD, '{"city": "Bern", "days": 3,}'))
    assert isinstance(came.verdict, Repaired)
    assert came.verdict.changes == (Change.FENCE, Change.COMMAS)
    assert [json.loads(choice.text) for choice in came.answer.choices] == [json.loads(GOOD)] * 3
    assert judged(several(GOOD, WRONG)).place == 1


async def test_the_model_is_shown_the_choice_that_is_objected_to() -> None:
    one = setup()
    both = tuple(Choice({"role": "assistant", "content": text}, "stop") for text in (GOOD, WRONG))
    one.completer.enqueue("small", answer_of("", choices=both))
    await one.answer(ask(params={"n": 2}))
    again = one.completer.history[1].request.body
    assert again is not None
    assert [turn["content"] for turn in again["messages"] if turn["role"] == "assistant"] == [WRONG]


async def test_an_objection_to_the_whole_answer_names_no_path() -> None:
    one = setup(output={"json_schema": SHAPE, "reasks": 0})
    one.completer.standing = {"small": answer_of("[]"), "large": answer_of("[]", model="large")}
    with pytest.raises(OutputInvalidError, match="the answer must be an object") as caught:
        await one.answer(ask())
    assert caught.value.param is None


async def test_a_number_that_is_held_behind_thoughts_that_were_shown_comes_at_its_end() -> None:
    one = setup(output={"json_schema": {"type": "number"}}, streaming="strong_first_token")
    first, *events = stream_of(answer_of("12", model="large"))
    thought = {"index": 0, "delta": {"reasoning_content": "hm"}, "finish_reason": None}
    one.completer.standing["large"] = Streamed([first, *[{**first, "choices": [thought]}] * 10, *events])
    assert await Client(one.route).read(ask()) == "12"
    assert one.completer.models == ["large"]


UNSURE = stream_of(answer_of(GOOD, logprob=-3.0))


@pytest.mark.parametrize(
    "reply",
    [Streamed(UNSURE), Streamed(UNSURE[:2]), Streamed([*UNSURE[:2], failure("small")]), Streamed([]), answer_of(""),
     replace(answer_of("{"), choices=(Choice({"role": "assistant", "content": "{"}, "content_filter"),))],
    ids=["looks bad", "has no ending", "breaks off", "sends nothing", "says nothing", "filtered"],
)  # fmt: skip
async def test_an_optimistic_stream_that_comes_to_nothing_is_answered_by_the_next_tier(reply: Any) -> None:
    """With a shape to keep, nothing of a cheap answer is shown before it is judged, so nothing was."""
    output = {"json_schema": SHAPE, "reasks": 0}
    one = setup(output=output, streaming="optimistic", optimistic={"floor": 0.5, "until": 3, "window": 2})
    one.completer.enqueue("small", reply)
    assert await Client(one.route).read(ask()) == GOOD
    assert one.completer.models == ["small", "large"]
    assert one.record.decision is DecisionKind.ESCALATED


async def test_a_format_that_one_providers_api_lacks_is_asked_for_in_words_and_kept_by_the_gateway() -> None:
    one = setup(output={})
    one.completer.losing["small"] = ("response_format.type",)
    answer = await one.answer(ask(params={"response_format": {"type": "json_object"}}))
    assert answer.text == GOOD
    (asked,) = one.completer.history
    assert (asked.model, "response_format" in (asked.request.body or {})) == ("small", False)
    assert "JSON" in asked.request.messages[0]["content"]
