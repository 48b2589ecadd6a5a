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
