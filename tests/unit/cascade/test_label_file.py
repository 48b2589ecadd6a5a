import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thriftgate.cascade.calibration.label_file import LabelFile, TierPrice, read_labels

TIERS = ("small", "large")
PRICES = {"small": TierPrice(1e-6, 2e-6), "large": TierPrice(1e-5, 2e-5), "middle": TierPrice(1e-6, 1e-6)}
GOOD: dict[str, Any] = {"question": "Why?", "cheap": "Because.", "strong": "Since.", "label": True}


def read(*rows: object, tiers: tuple[str, ...] = TIERS, prices: Any = PRICES) -> LabelFile:
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    return read_labels(lines, tiers=tiers, prices=prices)


def test_a_plain_line_becomes_a_label():
    found = read(GOOD)
    assert not found.problems
    label = found.labels[0]
    assert label.quality == (1.0, 1.0)
    assert label.features[0]["hedges"] == 0
    assert label.question["question_marks"] == 1
    assert label.cost_usd[1] == pytest.approx(label.cost_usd[0] * 10, rel=0.1)
    assert found.questions == ["Why?"]


def test_log_probabilities_vetoes_and_second_answers_are_read():
    logprobs = [{"token": "x", "logprob": -0.5, "top_logprobs": [{"token": "x", "logprob": -0.5}]}]
    found = read(
        {**GOOD, "cheap": {"content": "Because.", "logprobs": logprobs}, "second": "Because."},
        {**GOOD, "cheap": {"content": "Because.", "logprobs": {"content": logprobs}}, "label": 1, "question": "How?"},
        {**GOOD, "cheap": {"content": "", "finish_reason": "length"}, "question": "When?"},
    )
    assert not found.problems
    assert found.labels[0].features[0]["logprob_mean"] == found.labels[1].features[0]["logprob_mean"] == -0.5
    assert found.labels[0].features[0]["agreement"] == 1
    assert found.labels[2].vetoes == ("empty_answer",)


def test_what_a_judge_said_of_the_cheapest_answer_is_read():
    tiers = ("small", "middle", "large")
    answers = {"small": "Five.", "middle": "Five.", "large": "Five."}
    row = {"question": "Why?", "answers": answers, "quality": dict.fromkeys(tiers, 1), "judge": 0.85}
    found = read(row, {**row, "question": "How?", "judge": 85}, {**GOOD, "judge": "sure"}, tiers=tiers)
    assert [one.get("judge_score") for one in found.labels[0].features] == [0.85, None]
    assert found.problems[0] == "line 2: `judge` must be true, false or a number from 0 to 1"
    assert len(found.problems) == 2


def test_several_tiers_and_graded_qualities_are_read():
    found = read(
        {
            "messages": [{"role": "user", "content": "Why?"}],
            "params": {"response_format": {"type": "json_object"}},
            "answers": {"small": "not json", "middle": "{}", "large": None},
            "quality": {"small": 0, "middle": 0.5, "large": 1},
            "cost_usd": {"small": 0.1, "middle": 0.2, "large": 1},
        },
        tiers=("small", "middle", "large"),
    )
    assert not found.problems
    assert found.labels[0].quality == (0.0, 0.5, 1.0)
    assert found.labels[0].cost_usd == (0.1, 0.2, 1.0)
    assert found.labels[0].vetoes == ("invalid_json", None)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("{broken", "no JSON"),
        ("[1]", "not a JSON object"),
        ({"cheap": "a", "label": True}, "needs `question`"),
        ({**GOOD, "messages": [], "question": None}, "needs `question`"),
        ({**GOOD, "messages": ["hi"]}, "needs `question`"),
        ({**GOOD, "params": 3}, "`params` must be an object"),
        ({**GOOD, "cheap": None}, "no answer of small"),
        ({**GOOD, "cheap": 7}, "answer of small must be a text or an object"),
        ({**GOOD, "cheap": {"content": "a", "logprobs": [0.1]}}, "logprobs of small are not OpenAI's"),
        ({**GOOD, "cheap": {"content": "a", "logprobs": "high"}}, "logprobs of small are not OpenAI's"),
        ({**GOOD, "label": "yes"}, "`label` must be true, false or a number"),
        ({**GOOD, "label": 3}, "`label` must be"),
        ({**GOOD, "label": float("nan")}, "`label` must be"),
        ({"question": "Why?", "cheap": "a", "strong": "b"}, "has no `label`"),
        ({**GOOD, "label": False, "cheap_quality": 1, "strong_quality": 1}, "contradicts itself"),
        ({**GOOD, "cost_usd": 3}, "must name each tier's cost"),
        ({**GOOD, "cost_usd": {"small": -1}}, "number of US dollars"),
        ({**GOOD, "answers": ["a", "b"]}, "`answers` must be an object"),
    ],
)
def test_a_bad_line_is_named_with_its_number_and_why(row: object, words: str):
    found = read(GOOD, "", row)
    assert len(found.labels) == 1
    assert len(found.problems) == 1
    assert found.problems[0].startswith("line 3: ")
    assert words in found.problems[0]


def test_contradicting_lines_are_named_both():
    found = read(GOOD, {**GOOD, "question": "How?"}, {**GOOD, "label": False})
    assert found.problems == ["line 3: contradicts line 1: same question and answers, other label"]
    assert len(found.labels) == 2


def test_the_same_line_twice_is_no_contradiction_and_stays_in_one_group():
    found = read(GOOD, GOOD)
    assert not found.problems
    assert found.labels[0].group == found.labels[1].group


def test_an_unknown_price_is_asked_for():
    assert "has no cost of small" in read(GOOD, prices={}).problems[0]
    assert not read({**GOOD, "cost_usd": {"small": 0.1, "large": 1}}, prices={}).problems


def test_more_than_two_tiers_need_answers_by_name():
    assert "needs `answers`" in read(GOOD, tiers=("small", "middle", "large")).problems[0]


@given(st.text(max_size=80))
def test_any_line_is_read_or_named_and_never_quoted(line: str):
    found = read_labels([line], tiers=TIERS, prices=PRICES)
    assert len(found.labels) == 0
    assert len(found.problems) == (1 if line.strip() else 0)
    if len(line) > 30:
        assert line not in "".join(found.problems)


MADE_WITH = {"prompt_version": "v1", "deployments": {"small": ["openai/s"], "large": ["openai/l", "azure/l"]}}


def made_with(**changes: object) -> str:
    row = {"question": "q", "cheap": "a", "strong": "b", "label": True, "cost_usd": {"small": 1, "large": 2}}
    return json.dumps({**row, **changes})


def test_lines_may_say_what_their_answers_were_made_with() -> None:
    found = read_labels(
        [made_with(**MADE_WITH), made_with(question="r"), made_with(question="s", **MADE_WITH)], tiers=TIERS
    )
    assert found.problems == []
    assert found.prompt_version == "v1"
    assert found.deployments == {"small": ("openai/s",), "large": ("openai/l", "azure/l")}


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"prompt_version": "v2"}, "was made with another prompt version than the lines before"),
        ({"deployments": {"small": ["openai/other"]}}, "was made with other models than the lines before"),
        ({"prompt_version": 2}, "`prompt_version` must be a text"),
        ({"deployments": {"small": "openai/s"}}, "`deployments` must name a list of models for each tier"),
        ({"deployments": []}, "`deployments` must name a list of models for each tier"),
    ],
)
def test_a_mixture_is_named(changes: dict[str, object], problem: str) -> None:
    found = read_labels([made_with(**MADE_WITH), made_with(question="r", **changes)], tiers=TIERS)
    assert found.problems == [f"line 2: {problem}"]


THREE = ("small", "middle", "large")
NAMED: dict[str, Any] = {
    "question": "Why?",
    "answers": {"small": "12345", "middle": "123", "large": "1234567"},
    "quality": {"small": 0.5, "middle": 0.25, "large": 0.75},
}


def test_a_call_costs_its_price_for_each_four_characters_asked_and_said() -> None:
    prices = {"small": TierPrice(1.0, 100.0), "middle": TierPrice(3.0, 7.0), "large": TierPrice(0.0, 10.0)}
    asked = len('[{"content": "Why?", "role": "user"}]')
    found = read(NAMED, tiers=THREE, prices=prices)
    assert found.labels[0].cost_usd == ((asked + 500) / 4, (3 * asked + 21) / 4, 70 / 4)
    assert found.labels[0].quality == (0.5, 0.25, 0.75)
    silent = read({**NAMED, "answers": {"small": "12345", "middle": "123"}}, tiers=THREE, prices=prices)
    assert silent.labels[0].cost_usd[2] == 50 / 4, "as long as the cheapest answer"


def test_a_stated_cost_goes_before_that_of_an_answer_and_that_before_a_price() -> None:
    answers = {"small": {"content": "a", "cost_usd": 2}, "middle": {"content": "b", "cost_usd": 3}, "large": "c"}
    row = {**NAMED, "answers": answers, "cost_usd": {"small": 7}}
    found = read(row, tiers=THREE, prices={"large": TierPrice(0.0, 4.0), "middle": TierPrice(9.0, 9.0)})
    assert found.labels[0].cost_usd == (7, 3, 1)
    free = read(NAMED, tiers=THREE, prices=dict.fromkeys(THREE, TierPrice(0.0, 0.0)))
    assert free.labels[0].cost_usd == (0, 0, 0), "what is priced at nothing costs nothing"
    assert read({**NAMED, "cost_usd": {}}, tiers=THREE, prices={}).problems == [
        "line 1: has no cost of small: give `cost_usd` there, or its price on the command line"
    ]


@pytest.mark.parametrize("cost", [True, "1", -0.001, float("inf"), float("nan")])
def test_a_cost_is_a_number_of_dollars(cost: object) -> None:
    assert read({**GOOD, "cost_usd": {"small": cost}}).problems == ["line 1: `cost_usd` must be a number of US dollars"]


@pytest.mark.parametrize(
    ("said", "quality"),
    [
        ({"label": True}, (1, 1)), ({"label": 0.25}, (0.25, 1)), ({"cheap_quality": 0.5}, (0.5, 1)),
        ({"cheap_quality": 0, "strong_quality": 0}, (0, 0)),
        ({"cheap_quality": 0.5, "strong_quality": 0.5, "label": True}, (0.5, 0.5)),
        ({"cheap_quality": 0.6, "strong_quality": 0.5, "label": 1}, (0.6, 0.5)),
        ({"cheap_quality": 0.4, "strong_quality": 0.5, "label": 0}, (0.4, 0.5)),
        ({"cheap_quality": 0.4, "strong_quality": 0.5, "label": True}, None),
        ({"cheap_quality": 0.5, "strong_quality": 0.5, "label": False}, None),
        ({"quality": {"small": 0.2, "large": 0.3}, "label": 0}, (0.2, 0.3)),
        ({"quality": {"small": 0.2, "large": 0.3}, "cheap_quality": 1}, None),
        ({"quality": {"small": 0.3}}, None), ({"quality": {"small": 1.01, "large": 1}}, None),
        ({"quality": {"small": -0.01, "large": 1}}, None),
    ],
)  # fmt: skip
def test_a_quality_is_said_in_one_of_three_ways_that_agree(said: Any, quality: tuple[float, float] | None) -> None:
    found = read({"question": "Why?", "cheap": "a", "strong": "b", **said})
    assert [one.quality for one in found.labels] == ([] if quality is None else [quality])


def test_a_pair_says_nothing_of_three_tiers() -> None:
    row = {name: NAMED[name] for name in ("question", "answers")}
    found = read({**row, "label": True, "cheap_quality": 1, "strong_quality": 1}, tiers=THREE)
    assert found.problems == ["line 1: has no `quality`"]
    assert read(GOOD, tiers=THREE).problems == ["line 1: needs `answers` with the tiers small, middle, large"]
    assert read({**NAMED, "answers": {}}, tiers=THREE).problems == ["line 1: has no answer of small, middle"]
    assert read({"question": "Why?", "cheap": "a", "strong": "b"}).problems == [
        "line 1: has no `label`, `cheap_quality` and `strong_quality`, or `quality`"
    ]


def test_each_tiers_answer_is_compared_with_the_one_before_it() -> None:
    answers = {"small": "Four.", "middle": "Five.", "large": "Five."}
    found = read({**NAMED, "answers": answers, "second": "Four."}, {**NAMED, "answers": answers}, tiers=THREE)
    seen = [[features.get("agreement") for features in label.features] for label in found.labels]
    assert seen == [[1, 0], [None, 0]]
    same = read({**NAMED, "answers": {**answers, "middle": "Four."}}, tiers=THREE)
    assert [features.get("agreement") for features in same.labels[0].features] == [None, 1]


def test_a_question_is_the_last_a_user_asked_and_its_group_is_of_the_whole_conversation() -> None:
    talk = [
        {"role": "user", "content": "One?"},
        {"role": "assistant", "content": "Yes."},
        {"role": "user", "content": "Two?"},
        {"role": "assistant", "content": "No."},
    ]
    turned = [dict(reversed(list(message.items()))) for message in talk]
    found = read(
        {**GOOD, "messages": talk},
        {**GOOD, "messages": turned},
        {**GOOD, "messages": talk[1:2], "question": "Three?"},
        {**GOOD, "question": " "},
    )
    assert found.questions == ["Two?", "Two?", ""]
    assert found.problems == ["line 4: needs `question` (a text) or `messages` (a list)"]
    groups = [label.group for label in found.labels]
    assert groups[0] == groups[1] != groups[2]
    asked = b'[{"content": "Why?", "role": "user"}]'
    assert read(GOOD).labels[0].group == hashlib.sha256(asked).hexdigest()[:16]


def test_other_answers_to_a_question_may_be_labelled_otherwise_and_the_first_label_counts() -> None:
    found = read(GOOD, {**GOOD, "cheap": "So.", "label": False}, {**GOOD, "label": 0.5}, {**GOOD, "label": 0.5}, GOOD)
    assert found.problems == [
        f"line {number}: contradicts line 1: same question and answers, other label" for number in (3, 4)
    ]
    assert [label.quality[0] for label in found.labels] == [1, 0, 1]


@pytest.mark.parametrize(
    ("logprobs", "is_fine"),
    [
        ([], True), ({}, True), ({"content": None}, True), ({"content": []}, True), ([{"logprob": -1}], True),
        ([{"logprob": -0.5}, {"token": "x"}], False), ([{"logprob": "0"}], False), ({"content": {"logprob": 1}}, False),
        (3, False),
    ],
)  # fmt: skip
def test_log_probabilities_are_objects_with_a_number(logprobs: object, is_fine: bool) -> None:
    found = read({**GOOD, "cheap": {"content": "a", "logprobs": logprobs}})
    assert bool(found.labels) is is_fine


def test_what_is_no_json_is_said_in_the_parsers_first_words() -> None:
    assert read('{"question": }').problems == ["line 1: no JSON (Expecting value)"]
