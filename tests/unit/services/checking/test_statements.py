"""Whether two answers say the same: told by what they conclude, and not guessed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thriftgate.services.checking.statements import LONGEST_COMPARED, result, say_the_same

LONG = "The tax is worked out on what is left after the allowance, step by step, in the way the form describes. " * 12
pieces = st.lists(
    st.sampled_from(
        ["So it is 42.", "The answer is (B).", r"\boxed{7}", "No.", "not", "you wait 5 days", "you wait 6 days", "\n",
         "#### 1,200", "#### $1200.00", "on Monday", "on Tuesday", "ab " * 200]
    ),
    max_size=6,
).map(" ".join)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("… and therefore the answer is (C).", "c"),
        ("Let us see.\n#### 1,200", "1200"),
        ("Let us see.\n#### $1200.00", "1200"),
        (r"It follows that \boxed{x + 1}", "x + 1"),
        ("B", "b"),
        ("Yes.", "yes"),
        ("She buys 3 apples at 2 dollars. So she pays 6 dollars.", "6"),
        ("She buys 3 apples. So she pays 6 dollars of her 10.", None),
        ("Write to the help desk.", None),
        ("The answer is a matter of taste.", None),
        ("", None),
    ],
)
def test_a_result_is_what_the_answer_states_as_one(text: str, expected: str | None) -> None:
    assert result(text) == expected


@pytest.mark.parametrize(
    ("one", "other", "similarity", "expected"),
    [
        (LONG + "\nThe answer is (A).", "Short: the answer is A.", 0.2, True),
        (LONG + "\nThe answer is (A).", LONG + "\nThe answer is (B).", 0.99, False),
        ("#### 4", "The change is 10 - 6 = 4.00.\n\n#### $4.00", None, True),
        ("You wait five days.", "You  wait five days. ", None, True),
        ("You wait 5 days.", "It takes 5 days.", 0.9, True),
        ("You wait 5 days.", "You wait 6 days.", 0.97, False),
        ("You can cancel it.", "You cannot cancel it.", 0.95, False),
        ("You wait 5 days.", "Ask in the shop for the new price list.", 0.2, False),
        ("You wait 5 days.", "You wait up to 5 days, 7 at most.", 0.9, None),
        ("Open the app and choose Cards.", "Choose Cards in the settings of the app.", 0.75, None),
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


@given(pieces, pieces, st.floats(0, 1))
def test_two_long_answers_without_a_stated_result_are_never_guessed_at(one: str, other: str, similarity: float) -> None:
    long, longer = one + LONG, other + LONG
    if one.split() != other.split() and (result(long) is None or result(longer) is None):
        assert len(long) > LONGEST_COMPARED
        assert say_the_same(long, longer, similarity) is None
