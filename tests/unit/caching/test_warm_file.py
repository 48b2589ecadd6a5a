"""Questions with their answers, one per line: what can be used is read, what cannot is named by its line."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thriftgate.caching.warm_file import read_warm_lines


def test_a_question_with_its_answer_is_all_that_is_needed() -> None:
    found = read_warm_lines(['{"question": "How long?", "answer": "Ten days."}', "", "  "])
    (line,) = found.lines
    assert found.problems == []
    assert line.number == 1
    assert line.messages == ({"role": "user", "content": "How long?"},)
    assert line.answer == {"role": "assistant", "content": "Ten days."}


def test_a_conversation_with_parameters_and_tags_is_read_whole() -> None:
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Wie lange?"}]
    row = {"messages": messages, "answer": {"content": "Zehn Tage."}, "params": {"temperature": 0}, "tags": ["eu"],
           "prompt_variables": {"shop": "one"}, "group": "g", "model": "large", "scope": "a" * 64}  # fmt: skip
    (line,) = read_warm_lines([json.dumps(row)]).lines
    assert line.messages == tuple(messages)
    assert line.answer == {"role": "assistant", "content": "Zehn Tage."}
    assert (line.params, line.tags, line.prompt_variables) == ({"temperature": 0}, ("eu",), {"shop": "one"})
    assert (line.group, line.model, line.scope) == ("g", "large", "a" * 64)


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("{", "no JSON"),
        ("[]", "not a JSON object"),
        ({"answer": "x"}, "needs `question`"),
        ({"question": " ", "answer": "x"}, "needs `question`"),
        ({"messages": [1], "answer": "x"}, "must be objects with a `role`"),
        ({"question": "x"}, "needs `answer`"),
        ({"question": "x", "answer": {"content": ""}}, "needs `answer`"),
        ({"question": "x", "answer": "y", "tags": "eu"}, "`tags` must be a list of texts"),
        ({"question": "x", "answer": "y", "params": []}, None),
        ({"question": "x", "answer": "y", "params": [1]}, "`params` must be an object"),
        ({"question": "x", "answer": "y", "scope": "short"}, "`scope` must be 64 hex digits"),
        ({"question": "x", "answer": "y", "answr": "z"}, "has unknown fields: answr"),
        ({"question": "x", "answer": "y", "model": 3}, "`model` must be a text"),
    ],
)
def test_a_line_that_cannot_be_used_is_named_without_its_text(row: Any, problem: str | None) -> None:
    good = '{"question": "secret question", "answer": "fine"}'
    found = read_warm_lines([good, row if isinstance(row, str) else json.dumps(row), good])
    assert len(found.lines) == (2 if problem else 3)
    assert [one.startswith("line 2: ") and (problem or "") in one for one in found.problems] == [True] * bool(problem)


@given(st.lists(st.text()))
def test_any_text_is_read_or_named(lines: list[str]) -> None:
    found = read_warm_lines(lines)
    assert len(found.lines) + len(found.problems) == sum(bool(line.strip()) for line in lines)
