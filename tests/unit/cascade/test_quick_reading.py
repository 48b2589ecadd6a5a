"""What is read quickly says the same as the plain way of writing it."""

import math
import re

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.cascade.evidence import said

from thriftgate.cascade.signals import agreement, hedging, logprobs, relation

_PIECES = st.sampled_from(
    ["answer", "Answer", "OPTION", "choice", "antwort", "Réponse", "RÉPONSE", "respuesta", "risposta", "resposta",
     " is ", " ist ", " è ", "(A)", "b", "J", "k", ": ", "**", " ", "\n", "x", "12.5", "3/4", "A-b", "Äpfel", "Abc",
     "_Abc", "aB", "9th", "\u0663", "A1", "-", "."]
)  # fmt: skip
_TEXTS = st.lists(_PIECES, max_size=9).map("".join) | st.text(max_size=30)
_OPTION = re.compile(
    r"(?:answer|option|choice|antwort|réponse|respuesta|risposta|resposta)\W{0,12}(?:is|ist|est|es|è|é)?\W{0,6}\(?([A-J])\b",
    re.IGNORECASE,
)
_SPECIFIC = re.compile(r"\b(?:\d[\d.,:/-]*|[A-Z][\w-]{2,})")


@given(_TEXTS)
def test_a_named_option_is_the_same(text: str) -> None:
    named = _OPTION.findall(text)
    lone = re.findall(r"^\W*([A-J])\W*$", text)
    if named:
        assert agreement.conclusion(text) == named[-1].upper()
    elif not lone:
        assert not re.fullmatch("[A-J]", str(agreement.conclusion(text)))


@given(_TEXTS, _TEXTS)
def test_words_and_specifics_are_the_same(question: str, answer: str) -> None:
    asked, answered = (set(re.findall(r"\w{3,}", text.casefold())) for text in (question, answer))
    specifics = {found.rstrip(".,:/-") for found in _SPECIFIC.findall(answer)}

    found = relation.measure(said(answer, question))

    assert found["question_covered"] == (len(asked & answered) / len(asked) if asked else 0.0)
    assert found["answer_from_question"] == (len(asked & answered) / len(answered) if answered else 0.0)
    assert found["support"] == (sum(one in question for one in specifics) / len(specifics) if specifics else 1.0)


@given(st.lists(st.sampled_from((*hedging.HEDGES, *hedging.CORRECTIONS, "and", "so", "é")), max_size=12).map(" ".join))
def test_every_phrase_is_counted(text: str) -> None:
    found = hedging.measure(said(text))

    assert found["hedges"] == math.log1p(sum(text.count(phrase) for phrase in hedging.HEDGES))
    assert found["corrections"] == math.log1p(sum(text.count(phrase) for phrase in hedging.CORRECTIONS))


@given(st.lists(st.tuples(st.text(max_size=4), st.none() | st.floats(-9, 0)), max_size=20))
def test_tokens_of_no_letter_or_probability_are_left_out(tokens: list[tuple[str, float | None]]) -> None:
    known = [(text, value) for text, value in tokens if value is not None]
    values = [value for text, value in known if re.search(r"[^\W_]", text)] or [value for _, value in known]

    found = logprobs.summarise([{"token": text, "logprob": value} for text, value in tokens])

    assert (found is None) == (not values)
    if found is not None:
        assert math.isclose(found["logprob_mean"], sum(values) / len(values), abs_tol=1e-12)
        assert found["logprob_min"] == min(values)
