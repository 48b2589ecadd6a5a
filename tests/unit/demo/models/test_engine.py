"""What the two demo models answer, asked through the same door as the provider asks them."""

import json
import math
import statistics
from collections import Counter
from random import Random
from typing import Any

import jsonschema
import pytest

from thriftgate.demo.judge import Truth, check_facts
from thriftgate.demo.knowledge import Entry, EntryKind, Weakness, load_knowledge
from thriftgate.demo.models.conversation import KNOWN_ABOVE, Comprehension
from thriftgate.demo.models.engine import MANNERS, MODELS, DraftReply, Engine, Manner
from thriftgate.demo.models.matcher import Matcher
from thriftgate.demo.provider.logprobs import draw_logprobs
from thriftgate.demo.request import parse_call
from thriftgate.demo.tokens import IDENTIFIER, tokenize
from thriftgate.services.checking.judges import RANKING

KNOWLEDGE = load_knowledge()
ENGINE = Engine(KNOWLEDGE)
COMPREHENSION = Comprehension(KNOWLEDGE)
STAND_ALONE = [entry for entry in KNOWLEDGE.entries.values() if entry.kind is not EntryKind.FOLLOW_UP]
UNSEEN = [(wording, entry) for entry in STAND_ALONE for wording in entry.held_out]
ORDER_TOOL = {
    "type": "function",
    "function": {
        "name": "get_order_status",
        "parameters": {"type": "object", "properties": {"order_id": {"type": "string"}}, "required": ["order_id"]},
    },
}
OFF_TOPIC = [
    "What is the capital of France?", "Can you write me a poem about cats?", "Do you sell coffee machines?",
    "How tall is Mount Everest?", "Who won the world cup in 1998?", "asdf qwer zxcv",
]  # fmt: skip


def ask(model: str, *messages: dict[str, Any] | str, **params: Any) -> DraftReply:
    turns = [{"role": "user", "content": turn} if isinstance(turn, str) else turn for turn in messages]
    (reply,) = ENGINE.reply(parse_call({"model": model, "messages": turns, **params}, MODELS))
    return reply


def is_right(reply: DraftReply, entry: Entry) -> bool:
    return check_facts(Truth(entry.facts), reply.text).is_right


def share_right(model: str, pairs: list[tuple[str, Entry]]) -> float:
    return statistics.mean(is_right(ask(model, wording), entry) for wording, entry in pairs)


def test_the_strong_model_is_right_on_wordings_it_has_never_seen():
    assert len(UNSEEN) > 200
    assert share_right("demo-large", UNSEEN) >= 0.95
    assert share_right("demo-large-backup", UNSEEN) >= 0.95


def test_the_weak_model_is_right_where_it_is_easy_and_mostly_wrong_where_it_is_hard():
    easy = [(wording, entry) for wording, entry in UNSEEN if entry.weakness is Weakness.KNOWS]
    hard = [(wording, entry) for wording, entry in UNSEEN if entry.weakness is not Weakness.KNOWS]
    assert share_right("demo-small", easy) > 0.85
    assert share_right("demo-small", hard) < 0.4


def test_every_known_wording_finds_its_entry():
    for entry in STAND_ALONE:
        for wording in entry.wordings:
            assert COMPREHENSION.find(wording) is entry, wording


@pytest.mark.parametrize("question", OFF_TOPIC)
def test_off_topic_questions_get_an_honest_answer(question: str):
    assert COMPREHENSION.find(question) is None
    strong, weak = ask("demo-large", question), ask("demo-small", question)
    assert "not have any information" in strong.text
    assert "not sure" in weak.text
    assert strong.manner is weak.manner is Manner.UNKNOWN


def test_known_and_unknown_are_apart_from_the_threshold():
    matcher = Matcher({entry.id: entry.wordings for entry in STAND_ALONE})
    off_topic = [match.score for question in OFF_TOPIC if (match := matcher.find(question))]
    assert max(off_topic) < KNOWN_ABOVE - 0.03
    scores = [match.score for wording, _ in UNSEEN if (match := matcher.find(wording))]
    assert min(scores) > KNOWN_ABOVE + 0.03


def test_follow_ups_are_resolved_from_the_conversation():
    for entry in KNOWLEDGE.of_kind(EntryKind.FOLLOW_UP):
        topic = KNOWLEDGE.entries[entry.topic]
        for wording in (*entry.wordings, *entry.held_out):
            history = (topic.question, {"role": "assistant", "content": topic.answer})
            reply = ask("demo-large", {"role": "system", "content": "Be kind."}, *history, wording)
            assert is_right(reply, entry), (entry.id, wording)


def test_the_same_follow_up_has_another_answer_in_another_conversation():
    first = ask("demo-large", "How long do I have to get a refund for a subscription?", "And for yearly plans?")
    second = ask("demo-large", "Which payment methods do you accept?", "And for yearly plans?")
    assert first.text != second.text


def test_a_change_of_subject_is_no_follow_up():
    for topic in KNOWLEDGE.of_kind(EntryKind.TOPIC):
        reply = ask("demo-large", "How long does standard shipping take?", topic.question)
        assert is_right(reply, topic), topic.id


def test_a_system_prompt_does_not_change_the_answer_but_costs_tokens():
    question = {"role": "user", "content": "How long is the free trial?"}
    plain = parse_call({"model": "demo-large", "messages": [question]}, MODELS)
    system = {"role": "system", "content": "Answer like a pirate."}
    prompted = parse_call({"model": "demo-large", "messages": [system, question]}, MODELS)
    assert ENGINE.reply(plain)[0].text == ENGINE.reply(prompted)[0].text
    assert prompted.count_prompt_tokens() > plain.count_prompt_tokens() + 4


def test_a_question_beside_an_image_is_understood():
    parts = [
        {"type": "text", "text": "What do I do if a scanner arrives damaged?"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
    ]
    reply = ask("demo-large", {"role": "user", "content": parts})
    assert is_right(reply, KNOWLEDGE.entries["damaged-on-arrival"])


def test_the_weak_model_is_less_sure_where_it_is_wrong_but_not_always():
    doubts: dict[bool, list[float]] = {True: [], False: []}
    for wording, entry in UNSEEN:
        reply = ask("demo-small", wording)
        doubts[is_right(reply, entry)].append(reply.doubt)
    assert statistics.median(doubts[False]) > 4 * statistics.median(doubts[True])
    # Wrong and sure of it: what no cascade by confidence can see.
    assert any(doubt < statistics.quantiles(doubts[True], n=10)[-1] for doubt in doubts[False])


def test_the_manners_are_distributions():
    for manners in MANNERS.values():
        assert math.isclose(sum(weight for _, weight in manners), 1.0)


def test_without_temperature_the_same_question_gets_the_same_answer():
    question = "How many API requests can I send per minute?"
    assert {ask("demo-small", question).text for _ in range(5)} == {ask("demo-small", question.upper()).text}


def test_samples_waver_where_the_model_guesses_and_agree_where_it_knows():
    def texts(question: str) -> Counter[str]:
        replies = [ask("demo-small", question, temperature=1.0, seed=seed) for seed in range(40)]
        return Counter(reply.manner for reply in replies)

    assert texts("How long is the free trial?")[Manner.RIGHT] > 30
    guesses = texts("What is the rate limit of the API?")
    assert len(guesses) >= 3
    assert guesses[Manner.WRONG] > guesses[Manner.SHAKY]


def test_a_seed_repeats_a_sample_and_a_low_temperature_rarely_leaves_the_usual_answer():
    question = "What is the rate limit of the API?"
    assert ask("demo-small", question, temperature=1.0, seed=3) == ask("demo-small", question, temperature=1.0, seed=3)
    usual = ask("demo-small", question)
    same = sum(ask("demo-small", question, temperature=0.2, seed=seed).seed == usual.seed for seed in range(100))
    assert 65 <= same <= 95


def test_the_choices_of_one_request_are_different_draws():
    question = {"role": "user", "content": "Which roles and permissions are there?"}
    replies = ENGINE.reply(parse_call({"model": "demo-small", "messages": [question], "n": 16}, MODELS))
    assert len({reply.seed for reply in replies}) == 16
    assert len({reply.manner for reply in replies}) > 1


def test_a_tool_is_called_with_the_number_from_the_text():
    reply = ask("demo-large", "Has order BB-77123 shipped yet?", tools=[ORDER_TOOL])
    assert reply.tool_call is not None
    assert (reply.tool_call.name, reply.tool_call.arguments) == ("get_order_status", {"order_id": "BB-77123"})


def test_a_missing_number_is_asked_for_and_understood_when_it_comes():
    question = "What is the status of my order?"
    asked = ask("demo-large", question, tools=[ORDER_TOOL])
    assert asked.tool_call is None
    assert "order id" in asked.text
    reply = ask(
        "demo-large", question, {"role": "assistant", "content": asked.text}, "It is BB-55555", tools=[ORDER_TOOL]
    )
    assert reply.tool_call is not None
    assert reply.tool_call.arguments == {"order_id": "BB-55555"}


def test_tool_choice_is_obeyed():
    assert ask("demo-large", "Has order BB-77123 shipped?", tools=[ORDER_TOOL], tool_choice="none").tool_call is None
    forced = ask("demo-small", "How long is the free trial?", tools=[ORDER_TOOL], tool_choice="required")
    assert forced.tool_call is not None
    assert forced.tool_call.arguments == {"order_id": "unknown"}
    named = {"type": "function", "function": {"name": "get_order_status"}}
    reply = ask("demo-small", "Track BB-12345", tools=[ORDER_TOOL], tool_choice=named)
    assert reply.tool_call is not None
    assert reply.tool_call.arguments == {"order_id": "BB-12345"}


def test_a_question_that_needs_no_tool_gets_none():
    assert ask("demo-large", "How long is the free trial?", tools=[ORDER_TOOL]).tool_call is None


def tool_turn(content: str) -> tuple[dict[str, Any], ...]:
    function = {"name": "get_order_status", "arguments": '{"order_id": "BB-77123"}'}
    call = {"id": "call_1", "type": "function", "function": function}
    return (
        {"role": "user", "content": "Has order BB-77123 shipped yet?"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": content},
    )


def test_the_result_of_a_tool_is_told_with_its_values():
    result = {"status": "shipped", "carrier": "PostNL", "expected_delivery": "2026-03-14"}
    text = ask("demo-small", *tool_turn(json.dumps(result)), tools=[ORDER_TOOL]).text
    assert all(word in text for word in ("BB-77123", "shipped", "PostNL", "2026-03-14"))


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ('{"weight_kg": 2, "tags": ["a", "b"], "signed": true}', "weight kg: 2; tags: a, b; signed: yes"),
        ('{"error": "no such order"}', "no such order"),
        ("It left yesterday", "It left yesterday"),
        ("", "empty"),
    ],
)
def test_an_unexpected_tool_result_is_told_too(content: str, told: str):
    assert told in ask("demo-large", *tool_turn(content), tools=[ORDER_TOOL]).text


SCHEMAS: list[dict[str, Any]] = [
    {"type": "object", "properties": {"answer": {"type": "string"}}, "required": ["answer"]},
    {
        "type": "object",
        "properties": {
            "category": {"enum": ["shipping", "billing", "other"]},
            "reply": {"type": "string", "maxLength": 40},
            "confidence": {"type": "number", "minimum": 0, "maximum": 1},
            "priority": {"type": "integer", "minimum": 2, "maximum": 5},
            "escalate": {"type": "boolean"},
            "steps": {"type": "array", "items": {"type": "string"}, "minItems": 2},
            "note": {"type": ["string", "null"]},
            "kind": {"const": "answer"},
        },
        "required": ["category", "reply", "confidence", "priority", "escalate", "steps", "note", "kind"],
    },
    {"$defs": {"node": {"type": "object", "properties": {"child": {"$ref": "#/$defs/node"}}}}, "$ref": "#/$defs/node"},
    {"type": "object", "properties": {"x": {"anyOf": [{"type": "integer"}, {"type": "null"}]}}, "required": ["x"]},
    {"type": "array", "items": {"allOf": [{"type": "string", "minLength": 60}]}, "minItems": 1},
]  # fmt: skip


@pytest.mark.parametrize("schema", SCHEMAS)
@pytest.mark.parametrize("question", ["How long does standard shipping take?", "Who was Napoleon?"])
def test_a_structured_answer_is_valid_under_its_schema(schema: dict[str, Any], question: str):
    wanted = {"type": "json_schema", "json_schema": {"name": "ticket", "schema": schema}}
    for model in MODELS:
        jsonschema.validate(json.loads(ask(model, question, response_format=wanted).text), schema)


def test_a_json_object_has_the_answer_in_it():
    answer = json.loads(ask("demo-large", "Where is our data stored?", response_format={"type": "json_object"}).text)
    assert "Frankfurt" in answer["answer"]
    assert answer["topic"] == "data-location"


def test_a_schema_without_end_is_ended():
    endless = {"type": "object", "properties": {"again": {"$ref": "#"}}, "required": ["again"]}
    wanted = {"type": "json_schema", "json_schema": {"name": "endless", "schema": endless}}
    assert json.loads(ask("demo-large", "How long is the free trial?", response_format=wanted).text)


def test_logprobs_show_the_doubt():
    tokens = tokenize("Standard shipping takes 4 to 6 business days in Europe.") * 20
    sure = draw_logprobs(tokens, doubt=0.03, rng=Random(1))
    unsure = draw_logprobs(tokens, doubt=0.4, rng=Random(1))
    assert all(value < 0 for value in sure + unsure)
    assert statistics.mean(sure) == pytest.approx(-0.03, rel=0.15)
    assert statistics.mean(unsure) == pytest.approx(-0.4, rel=0.15)
    numbers = [value for token, value in zip(tokens, unsure, strict=True) if token.strip().isdigit()]
    assert statistics.mean(numbers) < 1.5 * statistics.mean(unsure)


def test_the_identifiers_of_the_wordings_are_identifiers():
    tools = [entry for entry in KNOWLEDGE.of_kind(EntryKind.TOPIC) if entry.tool]
    assert {tool.tool.name for tool in tools if tool.tool} == {"get_order_status", "cancel_subscription"}
    for entry in tools:
        assert any(IDENTIFIER.search(wording) for wording in entry.wordings)
        assert any(IDENTIFIER.search(wording) for wording in entry.held_out)


def compared(one: str, other: str) -> str:
    instruction = {"role": "system", "content": "Compare the answers. Reply with one word: SAME or DIFFERENT."}
    return ask("demo-large", instruction, json.dumps({"answer_1": one, "answer_2": other}), max_tokens=5).text


@pytest.mark.parametrize("entry", KNOWLEDGE.of_kind(EntryKind.TOPIC), ids=lambda entry: entry.id)
def test_a_model_that_is_asked_to_compare_answers_tells_right_from_wrong(entry: Entry):
    for said in ("Happy to help. {}", "I think it works like this, though I may be mistaken: {}"):
        assert compared(entry.answer, said.format(entry.answer)) == "SAME"
    assert compared(entry.answer, entry.wrong) == "DIFFERENT"


def ranked(question: str, one: str, other: str) -> str:
    """What a demo model says to the instruction that audits of the cascade give their judge."""
    compared = {"question": question, "answer_1": one, "answer_2": other}
    asked = [{"role": "system", "content": RANKING}, {"role": "user", "content": json.dumps(compared)}]
    return ask("demo-large", *asked, max_tokens=5).text


@pytest.mark.parametrize("entry", KNOWLEDGE.of_kind(EntryKind.TOPIC), ids=lambda entry: entry.id)
def test_a_model_that_is_asked_which_answer_is_better_names_the_right_one(entry: Entry):
    shaky = f"I think it works like this, though I may be mistaken: {entry.answer}"
    assert ranked(entry.question, entry.answer, entry.wrong) == "FIRST"
    assert ranked(entry.question, entry.wrong, shaky) == "SECOND"
    assert ranked(entry.question, shaky, entry.answer) == "SAME"


def test_of_what_a_model_knows_nothing_it_says_only_whether_two_answers_differ():
    question = "Who painted the ceiling of the Sistine Chapel?"
    assert ranked(question, "Michelangelo painted it.", "It was painted by Michelangelo.") == "SAME"
    assert ranked(question, "Michelangelo painted it.", "Raphael, in 1509.") == "DIFFERENT"


def test_a_question_in_json_is_no_comparison_unless_a_system_message_says_so():
    question = json.dumps({"question": "How long is the free trial?", "language": "en"})
    assert "21 days" in ask("demo-large", question).text
