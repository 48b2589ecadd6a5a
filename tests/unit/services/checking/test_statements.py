"""Whether two answers say the same: told by what they conclude, and not guessed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thriftgate.services.checking.conclusions import conclude_the_same, conclusion_of
from thriftgate.services.checking.statements import LONGEST_COMPARED, say_the_same

LONG = "The tax is worked out on what is left after the allowance, step by step, in the way the form describes. " * 12
pieces = st.lists(
    st.sampled_from(
        ["So it is 42.", "The answer is (B).", r"\boxed{7}", "No.", "not", "you wait 5 days", "you wait 6 days", "\n",
         "#### 1,200", "#### $1200.00", "on Monday", "on Tuesday", "ab " * 200]
    ),
    max_size=6,
).map(" ".join)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "bare"),
    [
        ("… and therefore the answer is (C).", "C"),
        ("The correct answer is: **D**", "D"),
        ("The answer is (I).", "I"),
        ("Let us see.\n#### 1,200", "1200"),
        ("Let us see.\n#### $1200.00", "1200"),
        ("The answer is 12, because 3 times 4 is 12.", "12."),
        ("The final answer is 1,5.", "1.5"),
        ("Result: $\\frac{1}{2}$", "1/2"),
        (r"It follows that \boxed{x + 1}", r"\boxed{x +  1}"),
        ("Answer: -5", "\u22125"),
        ("The total is 5 million dollars.", "$5,000,000"),
        ("The answer is 5 kilometres.", "5 km"),
        ("The answer is 10 percent.", "10%"),
        ("The answer is 3:30 pm.", "15:30"),
        ("Yes.", "yes"),
        ("THE AN\u017fWER IS 12.", "12"),
        ("La r\u0130sposta: 12", "12"),
        ("Das Ergebn\u0131s ist 12.", "12"),
        ("LA R\u00c9PONSE EST (D).", "D"),
    ],
)
def test_a_result_is_read_in_each_of_its_spellings(text: str, bare: str) -> None:
    assert conclusion_of(bare) is not None
    assert say_the_same(text, bare, None) is True


@pytest.mark.parametrize(
    "text",
    [
        "To provide an accurate answer, I need the year.",
        "To give you an answer: I would need the country.",
        "My answer is: I would recommend it.",
        "The answer is A matter of taste.",
        "The option A is wrong, so B",
        "The answer is (A), or (B).",
        "The answer is not (B).",
        "Is the answer (B)?",
        "If it rains, the answer is 5.",
        "The answer is 3 to 5 days",
        "The total: 12 apples and 5 pears",
        "The total 30 is not correct, it should be 40",
        "result: - 5",
        "The answer is 5 for adults. The answer is 6 for children.",
        "The answer is 12-14.",
        "The answer is 3x + 2.",
        "The answer is AES-256.",
        "She buys 3 apples. So she pays 6 dollars of her 10.",
        "Write to the help desk.",
        "The answer is a matter of taste.",
        "",
    ],
)
def test_no_result_is_read_where_the_words_may_mean_something_else(text: str) -> None:
    assert conclusion_of(text) is None


# What an answer may conclude with: each group has one meaning in several spellings, and no two groups have the same.
MEANINGS = (
    ("5", "5.0", "5.00"), ("-5", "-5.0", "\u22125", "minus 5"), ("6",), ("1200", "1,200", "1 200"), ("1.5", "1,5"),
    ("15",),
    ("1/2", "2/4"), ("1/3",), ("5 km", "5 kilometers", "5 kilometres"), ("5 miles", "5 mile"), ("-5 km",),
    ("5 million", "5,000,000"), ("5 thousand", "5000", "5,000"), ("$7", "7 dollars", "7 USD"), ("7 euros", "€7"),
    ("7 cents",),
    ("10%", "10 percent"), ("20%",), ("3:30", "3:30"), ("3:45",), ("3:30 pm", "15:30"), ("3:30 am", "03:30"),
    ("2024-01-05",), ("2024-06-05",), ("5 mW",), ("5 MW",), ("5 apples",), ("5 apples and 5 pears",),
    ("5 apples and 6 pears",),
    ("3 to 5 days",), ("3 to 15 days",), ("5 days", "5 day"), ("5 hours per day",), ("5 hours",),
    ("(A)", "A", "**A**"), ("(B)", "B"), ("(I)", "I"), ("yes", "Yes"), ("no", "No"),
)  # fmt: skip
TEMPLATES = (
    "{}", "The answer is {}.", "Answer: {}", "We add it all up.\n#### {}",
    "We add it all up, so the final answer is {}.",
    "The answer is {}, because that is what is left.", "**Answer:** {}", "We count. So there are {} left.",
)  # fmt: skip
conclusions = st.sampled_from([(place, text) for place, texts in enumerate(MEANINGS) for text in texts])


@given(
    conclusions, conclusions, st.sampled_from(TEMPLATES), st.sampled_from(TEMPLATES), st.sampled_from([None, 0.3, 0.97])
)
def test_other_conclusions_are_never_the_same_and_equal_ones_in_other_spellings_never_different(
    one: tuple[int, str], other: tuple[int, str], template: str, another: str, similarity: float | None
) -> None:
    told = say_the_same(template.format(one[1]), another.format(other[1]), similarity)
    if one[0] == other[0]:
        assert told is not False
    else:
        assert told is not True


@pytest.mark.parametrize(
    "template", ["{}", "The answer is {}.", "The answer is {}, because we counted.", "We see.\n#### {}"]
)
def test_most_conclusions_are_told_apart_and_not_only_left_open(template: str) -> None:
    plain = [
        "5",
        "6",
        "-5",
        "1/2",
        "5 km",
        "5 miles",
        "$7",
        "€7",
        "3:30 pm",
        "3:45 pm",
        "2024-01-05",
        "2024-06-05",
        "10%",
        "20%",
    ]
    for one, other in ((plain[place], plain[place + 1]) for place in (0, 4, 6, 8, 10, 12)):
        assert say_the_same(template.format(one), template.format(other), None) is False
    assert all(say_the_same(template.format(one), f"Result: {one}", None) is True for one in plain)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("We look. So within 14 days you can return it.", "We look. So after 14 days you cannot return it."),
        ("There is a step. Therefore you pay 20.", "There is a step. Therefore you get 20 back."),
        ("We look. So she buys 5 pens.", "We look. So she sells 5 pens."),
        ("Ja. Also Sie haben 14 Tage Zeit.", "Nein. Also Sie haben 14 Tage keine Zeit."),
        ("Thus it takes 60 minutes.", "Thus it takes 1 hour, which is not long."),
    ],
)
def test_a_last_sentence_with_the_same_number_is_the_same_only_where_it_says_the_same(one: str, other: str) -> None:
    assert say_the_same(one, other, None) is not True
    assert say_the_same(one, other, 0.97) is not True


@pytest.mark.parametrize(
    ("one", "other", "similarity", "expected"),
    [
        (LONG + "\nThe answer is (A).", "Short: the answer is A.", 0.2, True),
        (LONG + "\nThe answer is (A).", LONG + "\nThe answer is (B).", 0.99, False),
        ("In dollars.\n#### 0.84", "In cents.\n#### 84", None, None),
        ("#### 4", "The change is 10 - 6 = 4.00.\n\n#### $4.00", None, True),
        ("You wait five days.", "You  wait five days. ", None, True),
        ("You wait 5 days.", "You would wait five days.", 0.97, True),
        ("You wait 5 days.", "It takes 5 days.", 0.9, None),
        ("You pay 5 dollars.", "You get 5 dollars back.", 0.97, None),
        ("You pay in 60 minutes.", "You pay in 1 hour.", 0.9, None),
        ("Come back on Tuesday.", "Come back tomorrow.", 0.9, None),
        ("12", "It is twelve.", 0.3, None),
        ("You wait 5 days.", "You wait 6 days.", 0.97, False),
        ("You can cancel it.", "You cannot cancel it.", 0.95, False),
        ("Your refund arrives in 5 days.", "Ask in the shop for the new price list.", 0.2, False),
        ("You wait 5 days.", "You wait up to 5 days, 7 at most.", 0.9, None),
        ("Open the app and choose Cards.", "Choose Cards in the settings of the app.", 0.75, None),
        ("Change it at any ATM of our bank, at no cost.", "Change it at any ATM of any bank, at no cost.", 0.97, None),
        ("You can change it at any ATM of our bank.", "You could change it at any ATM of our bank.", 0.97, True),
        ("You must not share the code.", "You need not share the code.", 0.97, None),
        ("Shoes can be returned to the shop.", "Shoes can only be returned to the shop.", 0.97, None),
        ("Sie können in jeder Filiale wechseln.", "Sie können in einer Filiale wechseln.", 0.97, None),
        (LONG, LONG.replace("left", "kept"), 0.999, None),
    ],
)
def test_answers_are_told_apart_by_what_they_say(
    one: str, other: str, similarity: float | None, expected: bool | None
) -> None:
    assert say_the_same(one, other, similarity) is expected


@given(pieces, pieces, st.one_of(st.none(), st.floats(0, 1)))
def test_the_order_of_the_two_answers_does_not_matter(one: str, other: str, similarity: float | None) -> None:
    assert say_the_same(one, other, similarity) == say_the_same(other, one, similarity)
    assert say_the_same(one, one, similarity) is True


@given(conclusions, conclusions)
def test_the_order_of_two_conclusions_does_not_matter(one: tuple[int, str], other: tuple[int, str]) -> None:
    left, right = conclusion_of(one[1]), conclusion_of(other[1])
    if left is not None and right is not None:
        assert conclude_the_same(left, right) == conclude_the_same(right, left)
        assert conclude_the_same(left, left) is True


@given(pieces, pieces, st.floats(0, 1))
def test_two_long_answers_without_a_stated_result_are_never_guessed_at(one: str, other: str, similarity: float) -> None:
    long, longer = one + LONG, other + LONG
    if one.split() != other.split() and (conclusion_of(long) is None or conclusion_of(longer) is None):
        assert len(long) > LONGEST_COMPARED
        assert say_the_same(long, longer, similarity) is None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        # A list's or a heading's number is none.
        ("Answer:\n1. Open settings\n2. Delete it", "Answer:\n1. Turn off the router\n2. Wait an hour"),
        ("We see.\n#### 3. Delete\nThat is all.", "We see.\n#### 3. Keep\nThat is all."),
        ("Antwort: 3. Stock", "Antwort: 3. Straße"),
        # What stands outside of the box belongs to it.
        ("\\boxed{5} minutes", "\\boxed{5} hours"),
        ("So it is -\\boxed{5}.", "So it is \\boxed{5}."),
        ("It is certainly not \\boxed{5}.", "It is \\boxed{5}."),
        # Nor is a value cut off where more is said of it, or taken back.
        ("The result is 5 - 3.", "The result is 5 - 1."),
        ("Total: $100 - per month", "Total: $100 - per year"),
        ("The answer is 5 (of 10).", "The answer is 5 (of 100)."),
        ("We see.\n#### 5\nThis is wrong.", "We see.\n#### 5"),
        ("Answer: 5\nThis is wrong.", "Answer: 5"),
        ("Answer: A) Delete it", "Answer: A) Keep it"),
        # One word for two sizes.
        ("Antwort: 1 Billion Euro", "Answer: 1,000,000,000 euros"),
        ("The answer is 2 tons.", "The answer is 2 tonnes."),
        ("Antwort: 5 Pfund", "Answer: 5 lb"),
    ],
)
def test_what_is_read_in_part_says_nothing(one: str, other: str) -> None:
    assert say_the_same(one, other, None) is not True
    assert say_the_same(other, one, None) is not True


@given(
    st.text("0123456789,.' -/:%$", max_size=30), st.sampled_from(["{}", "Total: {}", "The answer is {}.", "#### {}"])
)
def test_no_number_however_it_is_written_is_an_error(number: str, template: str) -> None:
    say_the_same(template.format(number), template.format("5"), None)
    say_the_same("We look. So it makes " + number, "We look. So it makes 5", 0.9)


def test_a_number_with_too_many_commas_says_nothing() -> None:
    assert say_the_same("Total: 0,123,456", "Total: 5", None) is None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (
            "Mitosis makes two cells that are like the first one. The answer is (B).",
            "Meiosis leaves each of four cells with half of the chromosomes. The answer is (B).",
        ),
        ("Carl pays $10 for cookies that cost $6.\n#### 4", "Adam's sweets cost $11, and he gave $15.\n#### 4"),
        ("A refund takes this long after we got the parcel: the answer is 5 days.", "The answer is 5 days."),
        ("Yes.", "**yes**, the parcel can be sent back"),
        ("B", "The answer is (B)."),
        ("The answer is (B).", "Answer: (B)"),
        ("(B)", "B."),
        ("The answer is 4.", "Answer: 4"),
        ("The answer is 14 days.", "Answer: 14 days"),
        (r"\boxed{7}", "The final answer is 7."),
    ],
)
def test_what_ends_alike_and_answers_two_questions_may_speak_of_two_things(one: str, other: str) -> None:
    assert say_the_same(one, other, None, is_one_question=False) is None
    assert say_the_same(other, one, None, is_one_question=False) is None


def test_answers_to_two_questions_that_say_one_thing_in_one_set_of_words_are_the_same() -> None:
    one = "A refund takes at most 14 days once we have the parcel. The answer is 14 days."
    other = "Once we have the parcel the refund takes 14 days at most. Answer: 14 days"
    assert say_the_same(one, other, None, is_one_question=False) is True


@given(pieces, pieces, st.floats(0, 1))
def test_of_two_questions_only_agreement_is_told_less_often(one: str, other: str, similarity: float) -> None:
    of_one = say_the_same(one, other, similarity)
    of_two = say_the_same(one, other, similarity, is_one_question=False)
    assert of_two is of_one or (of_one is True and of_two is None)
    assert of_two is say_the_same(other, one, similarity, is_one_question=False)
    assert say_the_same(one, one, similarity, is_one_question=False) is True
