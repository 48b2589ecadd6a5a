"""What each signal measures, to the digit: artefacts rest on these numbers."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.cascade.evidence import said

from thriftgate.cascade.signals import (
    agreement,
    evidence,
    figures,
    form,
    hedging,
    logprobs,
    question,
    refusal,
    relation,
)

LONG = evidence.LONGEST_TEXT


def log1p(count: int) -> Any:
    return pytest.approx(math.log(1 + count))


def test_of_a_long_answer_the_end_is_read_and_of_the_messages_the_users_last() -> None:
    seen = said("x" + "y" * LONG, "first", "z" + "q" * LONG, {"role": "assistant", "content": "No."})
    assert seen.text == "y" * LONG
    assert seen.question == "q" * LONG
    assert said("x", {"role": "system", "content": "Be kind."}).question == ""
    assert said("It\u2019s\u00a0GROSS, Straße").folded == "it's gross, straße"
    assert seen.text is seen.text, "worked out once"


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("plain", "plain"),
        ([{"type": "text", "text": "a"}, {"type": "image_url"}, {"text": None}, "no part", {"text": "b"}], "a\n\n\nb"),
        (({"text": "c"},), "c"),
        (None, ""),
        (7, ""),
    ],
)
def test_the_text_of_a_message_is_that_of_its_parts(content: object, text: str) -> None:
    assert evidence.message_text({"content": content}) == text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": 1}', {"a": 1}), (" [1] ", [1]), ('"word"', "word"), ("-1.5", -1.5), ("0", 0), ("9", 9),
        ("true", True), ("false", False), ("null", None),
        ('```json\n{"a": 1}\n```', {"a": 1}), ("```\n[1]```", [1]), ("```JSON\n[1]\n```", evidence.NOT_JSON),
        ("```python\n[1]\n```", evidence.NOT_JSON), ("```\n[1]", evidence.NOT_JSON), ("[1]\n```", evidence.NOT_JSON),
        ("", evidence.NOT_JSON), ("```", evidence.NOT_JSON), ("``````", evidence.NOT_JSON), ("word", evidence.NOT_JSON),
        ("NaN", evidence.NOT_JSON), ("truth", evidence.NOT_JSON), ("[" * 100_000, evidence.NOT_JSON),
    ],
)  # fmt: skip
def test_json_is_the_whole_text_or_what_a_fence_holds(text: str, value: object) -> None:
    assert evidence.parse_json(text) == value


ASKED = "A crate holds 24 bottles at $1,500 for all. 20% break. How many of 3 crates are whole?"


def test_the_way_of_numbers_from_the_question_to_the_conclusion() -> None:
    whole = figures.measure(said("3 crates hold 3 * 24 = 72. Of these 72 * 0.2 = 14.4 break, so 57.6 remain.", ASKED))
    assert whole == {
        "figures_unused": pytest.approx(2 / 4), "results_unused": log1p(0), "figures_new": log1p(0),
        "fraction_share": pytest.approx(3 / 8), "conclusion_whole": 0.0, "conclusion_computed": 0.0,
        "conclusion_repeated": log1p(1),
    }  # fmt: skip
    computed = figures.measure(said("3 + 24 = 27, and 17 * 9 = 153, so 27 - 24 = 3. It is 3.", ASKED))
    assert computed["results_unused"] == log1p(1), "the 153 serves nothing"
    assert computed["figures_new"] == log1p(1), "where is the 17 from? a 9 may be a word"
    assert computed["conclusion_computed"] == 1
    assert computed["conclusion_whole"] == 1
    assert computed["conclusion_repeated"] == log1p(3)
    again = figures.measure(said("17 * 9 = 153, 17 + 153 = 170, 41 - 17 = 24"))
    assert again["figures_new"] == log1p(2), "17 is brought in once, 153 is a result"
    assert figures.measure(said("He may leave, as long as he likes.", ASKED)) == {
        "figures_unused": 1.0, "results_unused": 0.0, "figures_new": 0.0, "fraction_share": 0.0,
        "conclusion_whole": 0.5, "conclusion_computed": 0.0, "conclusion_repeated": 0.0,
    }  # fmt: skip
    assert figures.measure(said("It is 1500 for 24.", ASKED))["figures_unused"] == 0.5, "a comma parts no number"
    assert figures.measure(said("2 * 3 = 6 and -6", "x"))["conclusion_computed"] == 0, "the sign counts"
    below = figures.measure(said("5 - 24 = -19 and 3 - 5 * 4 = -17. The answer is -17", "x"))
    assert (below["conclusion_computed"], below["results_unused"]) == (1, log1p(1)), "a result may lie below zero"
    early = figures.measure(said("3 - 5 * 4 = -17 and 2 * 17 = 34. The answer is -17", "x"))
    assert early["results_unused"] == 0, "it is the conclusion, and an operand"
    assert figures.measure(said("9" * 400 + " = " + "9" * 400))["conclusion_whole"] == 0.5, "too large to be a number"


def test_numbers_of_everyday_life_come_from_somewhere() -> None:
    for known in (12, 0.25, 0.5, 24, 52, 60, 100, 365, 1000):
        assert figures.measure(said(f"7 * {known} = {7 * known}", "It is 7."))["figures_new"] == 0
    for unknown in (13, 0.75, 23, 61, 364, 1001):
        assert figures.measure(said(f"7 * {unknown} = {7 * unknown}", "It is 7."))["figures_new"] == log1p(1)


@given(st.text("0123456789=+-*/.,%$ x(abc", max_size=200), st.text("0123456789,. ", max_size=80))
def test_figures_are_finite_for_every_text(answer: str, asked: str) -> None:
    measured = figures.measure(said(answer, asked))
    assert set(measured) == set(figures.FIGURES.features)
    assert all(math.isfinite(value) and value >= 0 for value in measured.values())


def test_the_form_of_an_answer_in_numbers() -> None:
    measured = form.measure(said("We add 3 + 4 = 7.\n \nSo 20 * 2 = 41, therefore\nit is 41 and 41"))
    assert measured == {
        "sums": log1p(2),
        "sums_wrong": log1p(1),
        "repetition": 0.0,
        "digit_share": pytest.approx(12 / 61),
        "lines": log1p(3),
        "concludes": 1.0,
        "ends_cleanly": 1.0,
    }
    assert form.measure(said(""))["digit_share"] == 0
    assert form.measure(said("Therefore " + "." * 300))["concludes"] == 0, "a conclusion stands at the end"
    assert form.measure(said("Therefore" + "." * 291))["concludes"] == 1


@pytest.mark.parametrize(
    ("text", "checked", "wrong"),
    [
        # Rounded to the digits that are written: half a unit of the last one, and a hundredth of it for good measure.
        ("1 / 8 = 0.12", 1, 0), ("1 / 8 = 0.13", 1, 0), ("1 / 8 = 0.14", 1, 1), ("1 / 8 = 0.11", 1, 1),
        ("7 / 2 = 3", 1, 0), ("7 / 2 = 4", 1, 0), ("8 / 3 = 2", 1, 1), ("9 - 3 = 7", 1, 1), ("3 - 9 = -6", 1, 0),
        # With decimals a thousandth more, for chains of roundings; whole numbers have to be right.
        ("1000 / 3 = 333.7", 1, 0), ("1000 / 3 = 333.8", 1, 1), ("4000 * 2 = 8001", 1, 1),
        ("-1000 / 3 = -333.7", 1, 0),
        ("12 \u00f7 4 = 3 and 3 \u00d7 4 = 12 and 2x3 = 6", 3, 0),
        ("2 \\times 3 = 6 and 2 \\cdot 3 = 7", 2, 1),
        ("10% x 50 = 5 but 5 = 5 and 2 ** 3 = 8", 1, 0),
        ("(1 + 2 = 3", 0, 0), ("3 + 4 = $ 7", 1, 0), ("3 + 4 =     7", 0, 0), ("3 + 4 = 7 + 1", 0, 0),
        ("There are 5, 3 + 4 = 7 of 9. 2 + 2 = 4", 2, 0),
        ("2 - -3 = 5", 1, 0),
        ("1 + 1 = 3\n" * 19, 19, 19), ("1 + 1 = 3\n" * 21, 20, 20),
        ("x = 1\n" + "1 + 1 = 3\n", 1, 1),
    ],
)  # fmt: skip
def test_a_written_sum_is_wrong_where_no_rounding_explains_it(text: str, checked: int, wrong: int) -> None:
    assert form.check_sums(text) == (checked, wrong)


@given(st.lists(st.integers(1, 99), min_size=2, max_size=60))
def test_a_long_sum_is_read_whole_or_not_at_all(addends: list[int]) -> None:
    text = f"{' + '.join(map(str, addends))} = {sum(addends)}"
    checked, wrong = form.check_sums(text)
    assert wrong == 0
    assert checked == (text.index("=") < 60)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("1+2*3", 7), ("(1+2)*3", 9), ("8/4", 2), ("9-4", 5), ("-2-3", -5), ("$1,000 + 1", 1001), ("= 1+1", None),
        ("5", None), ("-5", None), ("1/0", None), ("2**3", None), ("(((1+2", None), ("50%*4", 2), ("+3*2", 6),
        ("~1+2", None), ("1+'a'", None), ("3(4)", None),
    ],
)  # fmt: skip
def test_a_plain_calculation_has_a_value(expression: str, value: float | None) -> None:
    assert form.calculate(expression) == value


@given(st.text(alphabet="0123456789.,+-*/x()$%= \n", max_size=200))
def test_no_text_makes_a_sum_fail(text: str) -> None:
    checked, wrong = form.check_sums(text)
    assert 0 <= wrong <= checked <= 20


def test_repetition_is_the_share_of_trigrams_that_were_there_before() -> None:
    assert form.repetition("a b c a b c a b") == 0.5, "abc bca cab, each twice"
    assert form.repetition("a b") == 0
    assert form.repetition("a x b c a y b") == 0
    assert form.repetition("a b c") == 0
    words = [str(number) for number in range(600)]
    assert form.repetition(" ".join([*words[-1:], *words[-1:], *words[-1:], *words])) == 0, "of the last 600 words"
    assert form.repetition(" ".join([*words[:599], "599"])) == 0


def test_hedges_and_corrections_are_counted_each_time() -> None:
    measured = hedging.measure(said("Maybe. MAYBE it could be; wait, however, none of the above."))
    assert measured == {"hedges": log1p(3), "corrections": log1p(3)}
    assert hedging.measure(said("It is 4.")) == {"hedges": 0.0, "corrections": 0.0}


def test_a_refusal_stands_in_the_first_240_characters_and_ignorance_also_in_the_last() -> None:
    refused, unknown = "i can't help", "i don't know"
    for phrase, feature, reach in ((refused, "refusal", 240), (unknown, "ignorance", 240)):
        inside, outside = "." * (reach - len(phrase)) + phrase, "." * (reach - len(phrase) + 1) + phrase
        assert refusal.measure(said(inside + "." * 600))[feature] == 1
        assert refusal.measure(said(outside + "." * 600))[feature] == 0
    assert refusal.measure(said("." * 600 + unknown + "." * (240 - len(unknown))))["ignorance"] == 1
    assert refusal.measure(said("." * 600 + unknown + "." * (241 - len(unknown))))["ignorance"] == 0
    assert refusal.measure(said("." * 600 + refused))["refusal"] == 0
    assert refusal.measure(said("It is 4.")) == {"refusal": 0.0, "ignorance": 0.0}
    assert refusal.measure(said("." * 234 + "i don't know" + "." * 234))["ignorance"] == 0, "across the two"


def test_how_an_answer_relates_to_its_question() -> None:
    measured = relation.measure(said("Premium costs 30 euros, Basic 9.", "What does Premium cost, 30 or 40?"))
    # Words of three letters and more: what does premium cost / premium costs euros basic.
    assert measured == {
        "answer_length": log1p(32),
        "length_ratio": pytest.approx(math.log(33 / 34)),
        "question_covered": 1 / 4,
        "answer_from_question": 1 / 4,
        "support": 2 / 4,
    }
    assert relation.measure(said("yes", ""))["support"] == 1, "nothing specific is said"


def test_what_an_answer_names_may_stand_in_the_first_message_and_in_the_latest_forty() -> None:
    turns = [
        f"Nr {number:02} is {'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'[number] * 3}"
        for number in range(42)
    ]

    def support(name: str) -> float:
        return relation.measure(said(name, *turns))["support"]

    assert [support(name) for name in ("00", "01", "02", "41")] == [1, 0, 1, 1]
    assert relation.measure(said("Berlin", "x" * LONG + "Berlin"))["support"] == 0
    assert relation.measure(said("Berlin", "x" * (LONG - 6) + "Berlin"))["support"] == 1


def test_no_more_than_500_words_and_200_names_are_compared() -> None:
    words = " ".join(f"{number:03}" for number in range(600))
    measured = relation.measure(said("499 500", words))
    assert measured["question_covered"] == 1 / 500
    names = " ".join(f"N{number:04}" for number in range(201))
    assert relation.measure(said(names, names[:-6]))["support"] == 1
    assert relation.measure(said(names, names[:-12]))["support"] == 199 / 200


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("so it is 3, or rather 1,234.50", 1234.5), ("it is -4", -4), ("Option B", "B"), ("the answer is: (c)", "C"),
        ("(D)", "D"), ("**A**", "A"), ("a", None),
        ("die Antwort ist J", "J"), ("The answer is A. No, the answer is B.", "B"),
        ("\\boxed{1} \\boxed{2}", 2), ("\\boxed{ Red }", "red"), ("5 \\boxed{x}", "x"), ("prose", None),
        ("null", None), ("true", True), ('"yes"', "yes"), ('{"a": 1}', {"a": 1}), ("answer K", None),
        ("The answer is A." + " word" * 200, None), ("12" + "." * 798, 12), ("12" + "." * 799, 2),
        ("12" + "." * 800, None),
    ],
)  # fmt: skip
def test_the_conclusion_of_an_answer(text: str, value: object) -> None:
    assert agreement.conclusion(text) == value


def test_answers_without_a_conclusion_agree_from_three_words_in_five_on() -> None:
    assert agreement.word_overlap("a b c d", "a b c e") == 0.6
    assert agreement.agrees("a b c d", "a b c e")
    assert not agreement.agrees("a b c d", "a b c e f")
    assert agreement.word_overlap("A b", "a B") == agreement.word_overlap("", " ") == 1
    assert agreement.word_overlap("a", "") == 0


def test_a_second_answer_is_compared_by_its_end_too() -> None:
    assert agreement.measure(said("It is 12", second="12 " + "x" * LONG)) == {"agreement": 0.0, "word_overlap": 0.0}
    assert agreement.measure(said("12", second="12")) == {"agreement": 1.0, "word_overlap": 1.0}
    assert agreement.measure(said("12")) is None


def token(text: str, value: float | None, *tops: float) -> dict[str, Any]:
    return {"token": text, "logprob": value, "top_logprobs": [{"logprob": top} for top in tops]}


def test_log_probabilities_are_summed_up_by_their_mean_and_their_doubtful_end() -> None:
    values = [-1.0, -5.0, -2.0, -4.0, -3.0, 0.0]
    measured = logprobs.summarise([token("w", value, value, 2 * value) for value in values])
    assert measured == {
        "logprob_mean": -2.5,
        "logprob_min": -5.0,
        # Linear between neighbours, of -5 -4 -3 -2 -1 0: at the places 0.5 and 1.25.
        "logprob_q10": pytest.approx(-4.5),
        "logprob_q25": pytest.approx(-3.75),
        "margin_min": 0.0,
        "margin_q10": pytest.approx(0.5),
        "logprob_stretched": pytest.approx(math.log(2.5)),
    }


def test_certain_impossible_and_missing_tokens() -> None:
    measured = logprobs.summarise([token("w", 0.0)])
    assert measured is not None
    assert measured["logprob_stretched"] == pytest.approx(math.log(1e-6))
    assert "margin_q10" not in measured, "no alternative was asked for"
    impossible = logprobs.summarise([token("w", -1e9)])
    assert impossible is not None
    assert impossible["logprob_mean"] == -100
    only_marks = logprobs.summarise([token("!", -3.0), token("w", None)])
    assert only_marks is not None
    assert only_marks["logprob_mean"] == -3, "where nothing else is said, marks count"
    assert logprobs.summarise([token("w", None)]) is None
    assert logprobs.measure(said("12")) is None


def test_the_last_500_tokens_count() -> None:
    for doubtful, least in ((500, -9.0), (501, -0.5)):
        tokens = [token("w", -0.5) for _ in range(600)]
        tokens[-doubtful] = token("w", -9.0)
        measured = logprobs.summarise(tokens)
        assert measured is not None
        assert measured["logprob_min"] == least


@pytest.mark.parametrize(
    ("tops", "ahead"),
    [
        ((), 20), ((-1.0,), 20), ((-0.5, -2.0), 1.5), ((-2.0, -0.5), 1.5), ((-0.5, -30.0), 20), ((-1.0, -math.inf), 20),
        ((-3.0, -0.5, -2.0), 1.5), ((-3.0, -2.0, -0.5), 1.5), ((-0.5, -2.0, -3.0), 1.5), ((-0.5, -2.0, -1.0), 0.5),
        ((-0.5, -0.5, -3.0), 0), ((-0.5, -60.0, -70.0), 20), ((-0.5, -math.inf, -math.inf), 20),
    ],
)  # fmt: skip
def test_a_margin_is_how_far_the_best_token_is_ahead(tops: tuple[float, ...], ahead: float) -> None:
    assert logprobs.margins_of([-0.5], [token("w", -0.5, *tops)["top_logprobs"]]) == pytest.approx([ahead])


@pytest.mark.parametrize(
    ("said", "tops", "ahead"),
    [
        (-5.0, (-0.1, -9.0), 0), (-2.0, (-0.5, -2.0), 0), (-0.5005, (-0.5, -2.0), 1.5), (-9.0, (-0.1, -3.0, -4.0), 0),
        (-0.5, (math.nan, -1.0), 0), (-100.0, (-math.inf, -math.inf), 0),
    ],
)  # fmt: skip
def test_a_token_that_another_was_likelier_than_has_no_lead(said: float, tops: tuple[float, ...], ahead: float) -> None:
    """At a temperature the likeliest is not always what is said."""
    assert logprobs.margins_of([said], [token("w", said, *tops)["top_logprobs"]]) == pytest.approx([ahead])


def test_a_probability_that_is_no_number_counts_as_the_least_likely() -> None:
    measured = logprobs.summarise([token("w", math.nan), token("w", -1.0)])
    assert measured is not None
    assert (measured["logprob_min"], measured["logprob_mean"]) == (-100, -50.5)


def test_marks_do_not_count_and_words_do_in_every_script() -> None:
    for word in ("yes", " yes", "yes,", "12", "ja\n", "好", "("):
        measured = logprobs.summarise([token(word, -2.0), token("a", -1.0)])
        assert measured is not None
        assert measured["logprob_min"] == (-1.0 if word == "(" else -2.0), word


PICTURE = {"role": "user", "content": [{"type": "text", "text": "x = 1?"}, {"type": "image_url"}]}


def test_what_a_question_tells_before_anybody_is_asked() -> None:
    text = "Prove the integral:\n- 3 + 4.5\n(b) 2=2?\n1. why? Prove it"
    features = question.features(
        said("", {"role": "system", "content": "Be kind."}, "Hi", text, tools=[{}, {}]).request
    )
    assert features == {
        "question_length": log1p(len(text)),
        "context_length": log1p(10),
        "question_numbers": log1p(5),
        "question_code": 0.0,
        # "prove " twice, "integral", and the calculations 3 + 4 and 2=2.
        "question_maths": log1p(5),
        "question_options": log1p(3),
        "question_marks": 2.0,
        "question_foreign": 0.0,
        "turns": log1p(2),
        "pictures": 0.0,
        "tools_offered": log1p(2),
    }


def test_a_question_in_another_script_with_a_picture_and_many_marks() -> None:
    assert question.features(said("", "好 ?ß").request)["question_foreign"] == 1 / 4
    assert question.features(said("", "ɏɐ").request)["question_foreign"] == 1 / 2, "Latin ends at U+024F"
    assert question.features(said("", "?" * 6).request)["question_marks"] == 5
    assert question.features(said("", "?" * 4).request)["question_marks"] == 4
    assert question.features(said("", "x" + "?" * 2000).request)["question_length"] == log1p(2001)
    assert question.features(said("", "7" + "x" * 2000).request)["question_numbers"] == 0
    assert question.features(said("", "7" + "x" * 1999).request)["question_numbers"] == log1p(1)
    assert question.features(said("", PICTURE, "and?").request)["pictures"] == 1
    assert question.features(said("", {"role": "user", "content": [{"type": "text"}, "?"]}).request)["pictures"] == 0
    assert question.features(said("", {"role": "assistant", "content": "Hi"}).request)["turns"] == 0
