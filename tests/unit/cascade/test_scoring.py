from hypothesis import given
from hypothesis import strategies as st

from thriftgate.cascade.scoring import StaticScorer, scoring, static_confidence
from thriftgate.cascade.signals import SIGNALS, Signal, SignalEvidence
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
    def boom(evidence: SignalEvidence) -> dict[str, float]:
        raise RuntimeError

    broken = Signal("boom", "free", ("boom",), boom)
    scored = scoring(StaticScorer((*SIGNALS, broken)), REQUEST)(answer("It shipped."), None, None)
    assert scored.confidence is None
    assert scored.signals["signal_errors"] == 1


@given(st.dictionaries(st.sampled_from(["hedges", "sums_wrong", "refusal", "repetition"]), st.floats(0, 50)))
def test_static_confidence_is_a_share_and_faults_never_raise_it(features: dict[str, float]):
    assert 0 <= static_confidence(features) <= static_confidence({}) <= 1


def test_another_answer_is_what_an_answer_is_compared_with():
    score = scoring(StaticScorer(), REQUEST)
    assert "agreement" not in score(answer("It is 12."), None, None).signals
    assert score(answer("It is 9."), answer("It is 12."), None).signals["agreement"] == 0
    assert score(answer("So it is 9."), answer("It is 9."), None).signals["agreement"] == 1
