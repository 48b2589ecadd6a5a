from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thriftgate.cascade.flow import Tier
from thriftgate.cascade.scoring import StaticScorer, as_client_asked, for_request, static_confidence, wants_logprobs
from thriftgate.cascade.signals import SIGNALS, Evidence, Signal
from thriftgate.types import Answer, ChatRequest, Choice

REQUEST = ChatRequest(request_id="r", route="s", messages=({"role": "user", "content": "Where is my order?"},))


def answer(*texts: str, logprobs: list[float] | None = None) -> Answer:
    tokens = None
    if logprobs is not None:
        alternatives = [
            {"token": "a", "logprob": -0.1},
            {"token": "b", "logprob": -3.0},
            {"token": "c", "logprob": -4.0},
        ]
        tokens = {"content": [{"token": "w", "logprob": value, "top_logprobs": alternatives} for value in logprobs]}
    return Answer(
        choices=tuple(Choice({"role": "assistant", "content": text}, "stop", tokens) for text in texts), model="small"
    )


def confidence(*texts: str, logprobs: list[float] | None = None, second: Answer | None = None) -> float:
    scored = StaticScorer().score(REQUEST, answer(*texts, logprobs=logprobs), second=second)
    assert scored.confidence is not None
    return scored.confidence


def test_probable_tokens_make_a_confident_answer():
    assert confidence("It shipped.", logprobs=[-0.01, -0.02]) > 0.9
    assert confidence("It shipped.", logprobs=[-1.0, -2.0]) < 0.4


def test_without_log_probabilities_the_text_decides():
    plain = confidence("It shipped on Monday.")
    assert plain > 0.7 > confidence("Maybe it shipped, perhaps, I think, possibly.")
    assert confidence("I don't know.") < 0.4
    assert confidence("I'm sorry, but I can't help with that.") < 0.2


def test_a_second_answer_that_disagrees_takes_confidence_away():
    assert (
        confidence("It is 12.", second=answer("It is 12.")) > 0.7 > confidence("It is 12.", second=answer("It is 9."))
    )


def test_the_worst_of_several_choices_decides():
    assert confidence("It shipped.", "I don't know.") == confidence("I don't know.")
    scored = StaticScorer().score(REQUEST, answer("It shipped.", ""))
    assert scored.veto == "empty_answer"


def test_an_answer_without_choices_is_empty():
    assert StaticScorer().score(REQUEST, Answer(choices=(), model="small")).veto == "empty_answer"


def test_a_signal_that_throws_takes_all_confidence_away_and_is_counted():
    def boom(evidence: Evidence) -> dict[str, float]:
        raise RuntimeError

    broken = Signal("boom", "free", ("boom",), boom)
    scored = for_request(StaticScorer((*SIGNALS, broken)), REQUEST)(Tier("small", 0.5), answer("It shipped."))
    assert scored.confidence is None
    assert scored.signals["signal_errors"] == 1


@given(st.dictionaries(st.sampled_from(["hedges", "sums_wrong", "refusal", "repetition"]), st.floats(0, 50)))
def test_static_confidence_is_a_share_and_faults_never_raise_it(features: dict[str, float]):
    assert 0 <= static_confidence(features) <= static_confidence({}) <= 1


@pytest.mark.parametrize(
    ("params", "top"), [({}, 2), ({"logprobs": True}, 2), ({"logprobs": True, "top_logprobs": 5}, 5)]
)
def test_log_probabilities_are_asked_for_without_losing_the_clients_wish(params: dict[str, Any], top: int):
    wanted = wants_logprobs({"temperature": 0, **params})
    assert wanted == {"temperature": 0, "logprobs": True, "top_logprobs": top}
    assert "temperature" not in params


def test_the_client_gets_the_log_probabilities_it_asked_for_and_no_others():
    given_answer = answer("It shipped.", logprobs=[-0.1])
    assert as_client_asked(given_answer, {}).choices[0].logprobs is None
    asked = as_client_asked(given_answer, {"logprobs": True, "top_logprobs": 1}).choices[0].logprobs
    assert asked is not None
    assert len(asked["content"][0]["top_logprobs"]) == 1
    bare = as_client_asked(given_answer, {"logprobs": True}).choices[0].logprobs
    assert bare is not None
    assert bare["content"][0] == {"token": "w", "logprob": -0.1, "top_logprobs": []}
    untouched = answer("It shipped.")
    assert as_client_asked(untouched, {"logprobs": True}) is untouched


def test_an_earlier_answer_that_was_not_accepted_is_what_the_next_is_compared_with():
    score = for_request(StaticScorer(), REQUEST)
    first = score(Tier("small", 0.99), answer("It is 12."))
    assert "agreement" not in first.signals
    assert score(Tier("middle", 0.5), answer("It is 9.")).signals["agreement"] == 0
    assert score(Tier("other", 0.5), answer("So it is 9.")).signals["agreement"] == 1
