import json
import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thriftgate.cascade.signals import (
    SIGNALS,
    Signal,
    SignalEvidence,
    agreement,
    form,
    logprobs,
    measure,
    self_report,
    signals_named,
    tools,
    validity,
)
from thriftgate.types import ChatRequest, Choice

TOOL = {
    "type": "function",
    "function": {
        "name": "get_order",
        "parameters": {"type": "object", "properties": {"id": {"type": "integer"}}, "required": ["id"]},
    },
}
SCHEMA = {"type": "object", "properties": {"topic": {"type": "string"}}, "required": ["topic"]}


def evidence(
    text: str | None = "Fine.",
    *,
    question: str = "How are you?",
    finish: str = "stop",
    calls: list[dict[str, Any]] | None = None,
    logs: Mapping[str, Any] | None = None,
    second: str | None = None,
    message: Mapping[str, Any] | None = None,
    **params: Any,
) -> SignalEvidence:
    request = ChatRequest(request_id="r", route="s", messages=({"role": "user", "content": question},), params=params)
    said: dict[str, Any] = {"role": "assistant", "content": text, **(message or {})}
    if calls:
        said["tool_calls"] = calls
    other = Choice({"role": "assistant", "content": second}) if second is not None else None
    return SignalEvidence(request, Choice(said, finish_reason=finish, logprobs=logs), second=other)


def call(name: str, arguments: str) -> dict[str, Any]:
    return {"id": "1", "type": "function", "function": {"name": name, "arguments": arguments}}


texts = st.text(max_size=300)


@given(texts, texts, texts, st.booleans())
def test_every_signal_takes_any_text_and_gives_exactly_the_features_it_names(
    text: str, question: str, second: str, offer: bool
):
    seen = evidence(text, question=question, second=second, tools=[TOOL] if offer else None)
    for signal in SIGNALS:
        measured = signal.measure(seen)
        if measured is not None:
            assert set(measured) == set(signal.features), signal.name
            assert all(math.isfinite(value) for value in measured.values()), signal.name


def test_feature_names_are_unique_and_signals_can_be_named():
    features = [feature for signal in SIGNALS for feature in signal.features]
    assert len(features) == len(set(features))
    assert [signal.name for signal in signals_named(["agreement", "validity"])] == ["validity", "agreement"]
    with pytest.raises(ValueError, match="no signal vibes"):
        signals_named(["vibes"])


def test_a_signal_that_throws_is_counted_and_the_others_still_speak():
    def boom(seen: SignalEvidence) -> Mapping[str, float]:
        raise KeyError

    measured = measure(evidence(), [Signal("boom", "free", ("boom",), boom), *SIGNALS])
    assert measured.errors == 1
    assert measured["refusal"] == 0


def test_signals_that_need_what_is_not_there_say_nothing():
    measured = measure(evidence())
    assert "logprob_mean" not in measured
    assert "agreement" not in measured
    assert "self_confidence" not in measured


OTHER = {"type": "function", "function": {"name": "other", "parameters": {"type": "object"}}}
NAMED = {"type": "function", "function": {"name": "other"}}


def asked(schema: dict[str, Any]) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}


@pytest.mark.parametrize(
    ("text", "feature"),
    [
        ("I'm sorry, but I can\u2019t help with that.", "refusal"),
        ("I cannot assist with this request.", "refusal"),
        ("Dabei kann ich nicht helfen.", "refusal"),
        ("Je ne peux pas répondre à cette demande.", "refusal"),
        ("Lo siento, pero no puedo ayudar con eso.", "refusal"),
        ("抱歉\uff0c我无法回答。", "refusal"),
        ("I don't know the answer.", "ignorance"),
        ("Das weiß ich nicht genau.", "ignorance"),
        ("Je ne sais pas.", "ignorance"),
        ("わかりません。", "ignorance"),
    ],
)
def test_refusals_and_ignorance_are_seen_in_several_languages(text: str, feature: str):
    assert measure(evidence(text))[feature] == 1


def test_a_refusal_field_counts_and_a_late_cannot_does_not():
    assert measure(evidence("", message={"refusal": "No."}))["refusal"] == 1
    assert measure(evidence("Open the settings. " * 30 + "Note that I cannot help with billing."))["refusal"] == 0


def test_hedges_and_corrections_are_counted():
    doubtful = measure(evidence("Maybe it is 4, or perhaps 5. Wait, actually, I think it is 6."))
    assert doubtful["hedges"] > measure(evidence("Perhaps it is 4."))["hedges"] > 0
    assert doubtful["corrections"] > 0


def entry(token: str, value: float, *tops: float) -> dict[str, Any]:
    return {"token": token, "logprob": value, "top_logprobs": [{"token": "?", "logprob": top} for top in tops]}


def test_log_probabilities_are_taken_from_words_not_punctuation():
    measured = logprobs.summarise([entry("Yes", -1.0, -1.0, -3.0), entry("!!", -0.0, 0.0, -9.0), entry("Tom", -2.0)])
    assert measured is not None
    assert measured["logprob_mean"] == -1.5
    assert measured["logprob_min"] == -2.0
    assert measured["margin_min"] == 2.0


def test_of_a_very_long_answer_only_the_end_is_read():
    long = [entry("doubt", -9.0, -9.0, -9.5)] * 5000 + [entry("sure", -0.1, -0.1, -4.1)] * 600
    measured = logprobs.summarise(long)
    assert measured is not None
    assert measured["logprob_min"] == -0.1
    assert measured["margin_min"] == pytest.approx(4.0)


def test_impossible_tokens_stay_finite():
    measured = logprobs.summarise([entry("x", -math.inf, -9999.0, -9999.0)])
    assert measured is not None
    assert all(map(math.isfinite, measured.values()))


@given(st.lists(st.floats(-50, 0), min_size=1, max_size=40), st.floats(0, 5))
def test_less_probable_tokens_never_look_better(values: list[float], drop: float):
    before = logprobs.summarise([entry("w", value) for value in values])
    after = logprobs.summarise([entry("w", value - drop) for value in values])
    assert before is not None
    assert after is not None
    for name in ("logprob_mean", "logprob_min", "logprob_q10", "logprob_q25"):
        assert after[name] <= before[name]
    assert after["logprob_stretched"] >= before["logprob_stretched"] - 1e-9


@pytest.mark.parametrize(
    ("seen", "objection"),
    [
        (evidence("ok"), None),
        (evidence(""), "empty_answer"),
        (evidence(None), "empty_answer"),
        (evidence(" \n"), "empty_answer"),
        (evidence("half an ans", finish="length"), "cut_off"),
        (evidence("half an ans", finish="length", max_tokens=5), None),
        (evidence("x", finish="content_filter"), "content_filter"),
        (evidence(None, calls=[call("get_order", "{}")], finish="tool_calls"), None),
        (evidence("{}", response_format={"type": "json_object"}), None),
        (evidence("```json\n{}\n```", response_format={"type": "json_object"}), None),
        (evidence("Sure! {}", response_format={"type": "json_object"}), "invalid_json"),
        (evidence('{"topic": "x"}', response_format={"type": "json_schema", "json_schema": {"schema": SCHEMA}}), None),
        (
            evidence('{"topic": 3}', response_format={"type": "json_schema", "json_schema": {"schema": SCHEMA}}),
            "schema_invalid",
        ),
        (
            evidence("[]", response_format={"type": "json_schema", "json_schema": {"schema": {"type": "nonsense"}}}),
            None,
        ),
        (evidence("anything", response_format={"type": "text"}), None),
        (evidence("[" * 100_000, response_format={"type": "json_object"}), "invalid_json"),
        (evidence('{"a": 1}', response_format=asked({"properties": {"a": {"$ref": "http://127.0.0.1:1/x"}}})), None),
        (evidence('{"a": 1}', response_format=asked({"properties": {"a": {"$ref": "file:///etc/passwd"}}})), None),
    ],
)
def test_answers_of_the_wrong_shape_are_objected_to(seen: SignalEvidence, objection: str | None):
    assert validity.objection(seen) == objection


@pytest.mark.parametrize(
    ("seen", "objection"),
    [
        (evidence("Your order has shipped.", tools=[TOOL]), None),
        (evidence("Let me check that for you.", tools=[TOOL]), "tool_missing"),
        (evidence("Let me check that for you."), None),
        (evidence("Let me check that for you.", tools=[TOOL], tool_choice="none"), None),
        (evidence("Einen Moment, ich schaue nach.", tools=[TOOL]), "tool_missing"),
        (evidence("It is 12.", tools=[TOOL], tool_choice="required"), "tool_missing"),
        (evidence('{"name": "get_order", "arguments": {"id": 1}}', tools=[TOOL]), "tool_missing"),
        (evidence('{"name": "Tom", "arguments": "none"}', tools=[TOOL]), None),
        (evidence("You could use get_order for this.", tools=[TOOL]), "tool_missing"),
        (evidence(None, calls=[call("get_order", '{"id": 1}')], tools=[TOOL]), None),
        (evidence(None, calls=[call("get_order", '{"id": "one"}')], tools=[TOOL]), "tool_arguments_invalid"),
        (evidence(None, calls=[call("get_order", '{"id": ')], tools=[TOOL]), "tool_arguments_invalid"),
        (evidence(None, calls=[call("get_order", "[1]")], tools=[TOOL]), "tool_arguments_invalid"),
        (evidence(None, calls=[call("delete_order", "{}")], tools=[TOOL]), "tool_unknown"),
        (evidence(None, calls=[call("get_order", "{}")], tools=[TOOL, OTHER], tool_choice=NAMED), "tool_unknown"),
        (evidence(None, calls=[call("other", "{}")], tools=[TOOL, OTHER], tool_choice=NAMED), None),
        (evidence(None, calls=[call("get_order", "[" * 100_000)], tools=[TOOL]), "tool_arguments_invalid"),
    ],
)
def test_wrong_and_missing_tool_calls_are_caught(seen: SignalEvidence, objection: str | None):
    assert tools.objection(seen) == objection


@pytest.mark.parametrize(
    ("text", "confidence"),
    [
        ('{"answer": "x", "confidence": 0.8}', 0.8),
        ('{"answer": "x", "confidence": 80}', 0.8),
        ('{"answer": "x", "confidence": 1}', 1.0),
        ('{"answer": "x", "confidence": 1.5}', 0.015),
        ('{"answer": "x", "confidence": 0}', 0.0),
        ('{"answer": "x", "confidence": "80%"}', 0.8),
        ('{"answer": "x", "certainty": "High"}', 0.8),
        ("It is Rome.\nConfidence: 85%", 0.85),
        ("It is Rome. **Confidence:** 7/10", 0.7),
        ("Confidence: 20%\nNo, wait.\nConfidence: 90%", 0.9),
        ('{"answer": "x", "confidence": true}', None),
        ('{"answer": "x", "confidence": 8000}', None),
        ('{"answer": "x", "confidence": "sky-high"}', None),
        ("I have confidence in you.", None),
    ],
)
def test_a_stated_confidence_is_read(text: str, confidence: float | None):
    measured = self_report.measure(evidence(text))
    assert (measured and measured["self_confidence"]) == (confidence and pytest.approx(confidence))


@pytest.mark.parametrize(
    ("text", "checked", "wrong"),
    [
        ("16 - 3 = 13 and 13 - 4 = 9", 2, 0),
        ("She makes 9 * $2 = $19 a day.", 1, 1),
        ("$80,000 + $50,000 = $130,000", 1, 0),
        ("2/3 = 0.67, 1/3 = 0.3", 2, 0),
        ("(3 + 4) * 2 = 14", 1, 0),
        ("50% x 200 = 100", 1, 0),
        ("x = 4 and f(2) = 7", 0, 0),
        ("5 / 0 = 1", 0, 0),
        ("3 + 4 = 7 * 2 = 14", 1, 0),
        ("no numbers here", 0, 0),
        ("1, " * 3000 + "= 4", 0, 0),
        ("= 1" * 3000, 0, 0),
    ],
)
def test_written_sums_are_checked(text: str, checked: int, wrong: int):
    assert form.check_sums(text) == (checked, wrong)


@given(st.integers(0, 999), st.integers(0, 999))
def test_right_sums_are_right_and_others_wrong(one: int, other: int):
    assert form.check_sums(f"{one} + {other} = {one + other}") == (1, 0)
    assert form.check_sums(f"{one} + {other} = {one + other + 1}") == (1, 1)


def test_loops_and_torn_ends_are_seen():
    assert measure(evidence("again and again and " * 40))["repetition"] > 0.9
    assert measure(evidence("The quick brown fox jumps over the lazy dog."))["repetition"] == 0
    assert measure(evidence("It costs 12 and then the"))["ends_cleanly"] == 0
    assert measure(evidence("It costs 12."))["ends_cleanly"] == 1


def test_support_is_the_share_of_specifics_found_in_what_was_given():
    given_text = "Plan: Premium costs 30 euros. What does it cost?"
    assert measure(evidence("Premium costs 30.", question=given_text))["support"] == 1
    assert measure(evidence("Enterprise costs 99.", question=given_text))["support"] == 0


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("so 3 + 4 = 7. #### 7", "The result is 7", True),
        ("#### 1,200", "it is $1200.00", True),
        ("The answer is (B).", "… hence the answer is B", True),
        ("The answer is (B).", "The answer is (C).", False),
        ("B", "the answer is (B)", True),
        ("\\boxed{42}", "42", True),
        ('{"a": 1, "b": 2}', '{"b": 2, "a": 1}', True),
        ('{"a": 1}', '{"a": 2}', False),
        ("Reset the password in settings", "Reset your password in the settings", True),
        ("Reset the password in settings", "Call the hotline", False),
        ("Call the hotline", "It costs 5", False),
    ],
)
def test_agreement_is_about_the_conclusion(one: str, other: str, same: bool):
    assert agreement.agrees(one, other) is same
    assert agreement.agrees(other, one) is same


@given(texts)
def test_every_answer_agrees_with_itself(text: str):
    assert agreement.agrees(text, text)
    assert agreement.word_overlap(text, text) == 1


def test_question_features_see_code_pictures_and_depth():
    picture: dict[str, Any] = {
        "role": "user",
        "content": [{"type": "text", "text": "what?"}, {"type": "image_url", "image_url": {}}],
    }
    seen = evidence("x", question="```python\ndef f(): pass\n```")
    plain = measure(seen)
    assert plain["question_code"] == 1
    assert plain["pictures"] == 0
    deeper = replace(seen.request, messages=(*seen.request.messages, {"role": "assistant", "content": "?"}, picture))
    measured = measure(SignalEvidence(deeper, seen.choice))
    assert measured["pictures"] == 1
    assert measured["turns"] > plain["turns"]
    assert measured["question_code"] == 0


def test_a_long_json_answer_is_parsed_once_and_whole():
    long = json.dumps({"items": list(range(9000)), "confidence": 0.4})
    assert measure(evidence(long))["self_confidence"] == 0.4


def test_a_question_without_a_word_is_covered_by_nothing():
    found = measure(evidence("Fine.", question="?!"))
    assert (found["question_covered"], found["answer_from_question"]) == (0.0, 0.0)
