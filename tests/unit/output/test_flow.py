"""The way to an answer of the right shape: what applies, the verdicts, the generator, the words."""

import json
from typing import Any

import pytest

from thriftgate.errors import InvalidRequestError
from thriftgate.output.flow import AskAnew, OutputReply, ask_tier, invalid
from thriftgate.output.judging import judge
from thriftgate.output.requirement import Requirement, in_words, once_more, requirement, response_format
from thriftgate.output.verdicts import Change, Invalid, Repaired, Unfinished, Unreadable, Valid, Verdict
from thriftgate.schemas import Schema, compile_schema
from thriftgate.schemas.wanted import wanted_by

TICKET: dict[str, Any] = {
    "type": "object",
    "properties": {"topic": {"type": "string"}, "tags": {"type": "array", "items": {"enum": ["a", "b"]}}},
    "required": ["topic"],
}
COMPILED = compile_schema(TICKET)
assert isinstance(COMPILED, Schema)
ROUTE = Requirement("route", COMPILED)
TOOL = {"type": "function", "function": {"name": "ticket", "parameters": TICKET}}
OTHER = {"type": "function", "function": {"name": "other"}}
BY_SCHEMA = {"type": "json_schema", "json_schema": {"name": "mine", "schema": {"type": "array"}}}


@pytest.mark.parametrize(
    ("params", "route", "source", "name", "tool"),
    [
        ({}, None, None, None, None),
        ({}, COMPILED, "route", "answer", None),
        ({"response_format": {"type": "text"}}, None, None, None, None),
        ({"response_format": {"type": "json_object"}}, None, "caller", "answer", None),
        ({"response_format": {"type": "json_object"}}, COMPILED, "route", "answer", None),
        ({"response_format": BY_SCHEMA}, COMPILED, "caller", "mine", None),
        ({"tools": [TOOL, OTHER]}, None, None, None, None),
        ({"tools": [TOOL], "tool_choice": "required"}, None, "caller", "ticket", "ticket"),
        ({"tools": [OTHER], "tool_choice": {"type": "tool", "name": "other"}}, COMPILED, "caller", "other", "other"),
    ],
)
def test_the_callers_own_shape_goes_before_the_routes(
    params: dict[str, Any], route: Schema | None, source: str | None, name: str | None, tool: str | None
) -> None:
    found = requirement(wanted_by(params), route=route)
    assert (found.source, found.name, found.tool) == (source, name, tool) if found else source is None


def test_a_callers_schema_that_cannot_be_checked_is_a_400_with_its_place() -> None:
    outside = {"type": "json_schema", "json_schema": {"schema": {"items": {"$ref": "http://127.0.0.1:1/x"}}}}
    with pytest.raises(InvalidRequestError, match=r"refers to something outside itself \(at #/items/\$ref\)") as caught:
        requirement(wanted_by({"response_format": outside}))
    assert caught.value.param == "response_format"
    assert caught.value.code == "invalid_json_schema"


@pytest.mark.parametrize(
    ("text", "finish_reason", "kind"),
    [
        ('{"topic": "x"}', "stop", Valid),
        ('{"topic": "x"}', "length", Valid),
        ("{'topic': 'x'}", "stop", Repaired),
        ("{'topic': 'x'}", "length", Unfinished),
        ("{'topic': 'x'}", None, Unfinished),
        ('{"topic": "x", "tags": ["a"', "stop", Unfinished),
        ('{"topic": 3}', "stop", Invalid),
        ("{'topic': 3}", "stop", Invalid),
        ('{"topic": NaN}', "stop", Unreadable),
        ("I would rather not.", "stop", Unreadable),
        ("[" * 100_000, "stop", Unreadable),
        ("x" * 2_000_000, "stop", Unreadable),
    ],
)
def test_an_answer_is_what_it_is(text: str, finish_reason: str | None, kind: type) -> None:
    assert isinstance(judge(text, ROUTE, finish_reason=finish_reason), kind)


def test_without_repair_almost_json_is_unreadable() -> None:
    verdict = judge("{'topic': 'x'}", ROUTE, may_repair=False)
    assert isinstance(verdict, Unreadable)
    assert verdict.words() == "the answer is not JSON (line 1, column 2)"


@pytest.mark.parametrize(
    "text",
    [
        '{"topic": "law", "topic": "law"}',
        '{"topic": 3, "topic": "law"}',
        '```json\n{"topic": "law", "topic": 3}\n```',
        '{"topic": "law", "more": [{"a": 1, "a": 2}]}',
    ],
)
def test_a_key_that_comes_twice_makes_an_answer_unreadable_since_readers_differ_in_which_they_take(text: str) -> None:
    assert isinstance(judge(text, ROUTE), Unreadable)
    assert isinstance(judge(text, Requirement("caller", None)), Unreadable)


def test_of_a_key_that_comes_twice_the_model_is_told() -> None:
    verdict = judge('{"topic": 3, "topic": "law"}', ROUTE)
    assert isinstance(verdict, Unreadable)
    assert verdict.words() == "an object of the answer has the same key twice"


def test_any_object_is_an_object() -> None:
    any_object = Requirement("caller", None)
    assert isinstance(judge("{}", any_object), Valid)
    assert isinstance(judge("[]", any_object), Invalid)


def verdict_of(reply: OutputReply) -> Any:
    return judge(reply.text, ROUTE, finish_reason=reply.finish_reason)


def drive(*replies: str | None, reasks: int = 1) -> tuple[list[Verdict], list[AskAnew[str]]]:
    """Run a tier with these replies; what came of it, and what was asked."""
    flow = ask_tier("small", verdict_of, ROUTE, reasks=reasks)
    asked = [next(flow)]
    for text in replies:
        try:
            asked.append(flow.send(None if text is None else OutputReply(text)))
        except StopIteration as end:
            return end.value, asked
    raise AssertionError("the flow wants more replies")


GOOD, BAD = '{"topic": "x"}', '{"topic": "x", "tags": ["a", "secret"]}'


def test_a_good_answer_settles_it() -> None:
    assert drive(GOOD) == ([Valid({"topic": "x"})], [AskAnew("small")])


def test_a_repair_is_named_in_what_is_settled() -> None:
    (verdict,), _ = drive(f"```json\n{GOOD}\n```")
    assert isinstance(verdict, Repaired)
    assert verdict.changes == (Change.FENCE,)


@pytest.mark.parametrize(("text", "ending", "is_cut"), [
    ('{"topic": "x"', "length", True), ("", "length", True), ("no JSON", "max_tokens", True),
    ('{"topic": "x"', "stop", False), ('{"topic": "x"', None, False), ("no JSON", "stop", False),
])  # fmt: skip
def test_what_was_cut_at_a_limit_is_not_asked_for_again_and_the_error_says_so(
    text: str, ending: str | None, is_cut: bool
) -> None:
    required = Requirement("caller", None)

    def judged(reply: OutputReply) -> Verdict:
        return judge(reply.text, required, finish_reason=reply.finish_reason)

    asking = ask_tier("a", judged, required, reasks=1)
    next(asking)
    if not is_cut:
        assert asking.send(OutputReply(text, ending)).objection
        return
    with pytest.raises(StopIteration) as stop:
        asking.send(OutputReply(text, ending))
    last = stop.value.value[-1]
    error = invalid(required, last, limit="max_tokens")
    assert (error.code, error.param, error.status_code) == ("output_truncated", "max_tokens", 422)
    assert "the model's own limit" in str(invalid(required, last))


@pytest.mark.parametrize(("text", "ending", "is_whole"), [
    ("12", "length", False), (" -3.1", "max_tokens", False), ("12", "stop", True), ("12", None, True),
    ("12 ", "length", True), ("[12]", "length", True), ("true", "length", True),
])  # fmt: skip
def test_a_number_alone_that_was_cut_may_be_the_beginning_of_another(
    text: str, ending: str | None, is_whole: bool
) -> None:
    schema = compile_schema({"type": ["number", "array", "boolean"]})
    assert isinstance(schema, Schema)
    verdict = judge(text, Requirement("route", schema), finish_reason=ending)
    assert isinstance(verdict, Valid if is_whole else Unfinished)


def test_a_tier_is_asked_once_more_with_the_objection() -> None:
    verdicts, asked = drive(BAD, GOOD)
    assert [type(verdict) for verdict in verdicts] == [Invalid, Valid]
    assert asked[1] == AskAnew("small", '`tags[1]` must be one of ["a", "b"]', OutputReply(BAD))


@pytest.mark.parametrize("reasks", [0, 1, 2])
def test_a_tier_is_asked_again_so_often_and_no_more(reasks: int) -> None:
    verdicts, asked = drive(*[BAD] * (reasks + 1), reasks=reasks)
    assert len(verdicts) == len(asked) == reasks + 1


def test_a_tier_that_does_not_answer_has_no_verdict() -> None:
    assert drive(None) == ([], [AskAnew("small")])


def test_when_none_is_usable_the_error_names_the_path_and_quotes_nothing() -> None:
    (verdict,), _ = drive(BAD, reasks=0)
    assert isinstance(verdict, Invalid)
    error = invalid(ROUTE, verdict)
    assert (error.status_code, error.param) == (422, "tags[1]")
    assert "`tags[1]`" in error.message
    assert "secret" not in error.message


def test_models_are_asked_natively_or_in_words() -> None:
    assert response_format(ROUTE)["json_schema"]["schema"] == TICKET
    assert response_format(Requirement("caller", None)) == {"type": "json_object"}
    assert json.dumps(TICKET) in in_words(ROUTE)
    assert "JSON object" in in_words(Requirement("caller", None))
    assert "`topic` must be a string" in once_more("`topic` must be a string")
