"""What a judge model is asked about a cheap answer, and what its reply means."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes import answer_of, ask

from thriftgate.cascade.rating import LONGEST_CONVERSATION, rating_of, rating_request
from thriftgate.cascade.scoring import StaticScorer, answer_features
from thriftgate.cascade.signals import SIGNALS
from thriftgate.types import ChatRequest

TEXTS = st.text(max_size=300)


@pytest.mark.parametrize(
    ("reply", "rating"),
    [
        ("85", 0.85), (" 0 ", 0.0), ("100", 1.0), ("85%", 0.85), ("85/100", 0.85), ("70 out of 100", 0.7), ("7.", 0.07),
        ("101", None), ("1000", None), ("0.85", None), ("85.5", None), ("-5", None), ("", None),
        ("I would say 85", None),
    ],
)  # fmt: skip
def test_a_rating_is_a_whole_number_at_the_beginning(reply: str, rating: float | None) -> None:
    assert rating_of(reply) == rating


@given(reply=TEXTS)
def test_whatever_a_judge_replies_a_rating_is_a_share_or_none(reply: str) -> None:
    rating = rating_of(reply)
    assert rating is None or 0 <= rating <= 1


@given(
    turns=st.lists(st.tuples(st.sampled_from(["system", "user", "assistant", "tool"]), TEXTS), min_size=1, max_size=8),
    answer=TEXTS,
)
def test_a_judge_sees_the_conversation_and_the_answer_as_data(turns: list[tuple[str, str]], answer: str) -> None:
    request = ask(messages=tuple({"role": role, "content": text} for role, text in turns))
    instruction, shown = rating_request(request, answer_of(answer)).messages
    assert "0" in str(instruction["content"])
    assert json.loads(str(shown["content"])) == {
        "conversation": [{"role": role, "text": text} for role, text in turns],
        "answer": answer,
    }


@given(lengths=st.lists(st.integers(0, 30_000), min_size=1, max_size=6), has_system=st.booleans())
def test_a_judge_reads_the_instructions_and_the_latest_turns_that_fit(lengths: list[int], has_system: bool) -> None:
    users: list[dict[str, Any]] = [{"role": "user", "content": str(n % 10) * n} for n in lengths]
    system: list[dict[str, Any]] = [{"role": "system", "content": "Be kind."}] if has_system else []
    request = ask(messages=tuple(system + users))
    seen = json.loads(str(rating_request(request, answer_of("yes")).messages[1]["content"]))["conversation"]
    assert sum(len(turn["text"]) for turn in seen) <= LONGEST_CONVERSATION + 1_000
    assert str(users[-1]["content"]).endswith(seen[-1]["text"])
    assert (seen[0]["role"] == "system") is has_system


def test_a_judge_gets_none_of_the_requests_own_parameters() -> None:
    request = ask(params={"tools": [{}], "response_format": {"type": "json_object"}, "n": 3, "logprobs": True})
    assert rating_request(request, answer_of("yes")).params == {"temperature": 0, "max_tokens": 5}


@given(rating=st.floats(0, 1))
def test_without_calibration_an_answer_is_at_most_as_good_as_its_judge_says(rating: float) -> None:
    request: ChatRequest = ask()
    plain = StaticScorer().score(request, answer_of("It takes five days.", logprob=-0.01)).confidence
    rated = StaticScorer().score(request, answer_of("It takes five days.", logprob=-0.01), rating=rating).confidence
    assert plain is not None
    assert rated == pytest.approx(min(plain, rating))


def test_the_rating_is_a_feature_only_where_there_is_one() -> None:
    features, _ = answer_features(ask(), answer_of("Five days."), rating=0.4)
    assert features["judge_score"] == 0.4
    assert "judge_score" not in answer_features(ask(), answer_of("Five days."))[0]
    assert next(signal for signal in SIGNALS if signal.name == "judge").features == ("judge_score",)
