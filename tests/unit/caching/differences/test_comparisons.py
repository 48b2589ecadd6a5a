"""What differs between two questions, comparison by comparison."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thriftgate.caching.differences.clauses import is_denied_elsewhere
from thriftgate.caching.differences.constructions import is_built_otherwise
from thriftgate.caching.differences.guards import Veto, case
from thriftgate.caching.differences.order import is_crossed, is_exchanged, is_reordered, is_turned_round
from thriftgate.caching.differences.reading import read
from thriftgate.caching.differences.scales import are_other_steps
from thriftgate.caching.differences.surface import look
from thriftgate.caching.differences.wording import differing_place, is_worded_otherwise
from thriftgate.caching.sharing.timebound import EDGE, is_time_bound

# What differs


@given(st.lists(st.sampled_from("abc"), max_size=8), st.lists(st.sampled_from("abc"), max_size=8))
def test_all_but_the_differing_place_is_shared_and_its_ends_differ(one: list[str], other: list[str]) -> None:
    ours, theirs = tuple(one), tuple(other)
    left, right = differing_place(ours, theirs)
    kept = len(ours) - len(left)
    assert len(theirs) - len(right) == kept
    head = next(
        (place for place, (x, y) in enumerate(zip(ours, theirs, strict=False)) if x != y), min(map(len, (ours, theirs)))
    )
    assert ours[:head] + left + ours[head + len(left) :] == ours
    assert theirs[:head] + right + ours[head + len(left) :] == theirs
    if left and right:
        assert left[0] != right[0]
        assert left[-1] != right[-1]
    assert differing_place(theirs, ours) == (right, left)


@pytest.mark.parametrize(
    ("one", "other", "differ"),
    [
        ("is your card here", "is you're card here", True), ("is the card here", "is a card here", False),
        ("when is it here", "where is it here", True), ("my friend's card", "my friends' card", True),
        ("it is once a day", "it is twice a day", True), ("it is not here", "it isn't here", False),
        ("I cannot pay", "I can not pay", False), ("I can't pay", "I can pay", False),
        ("pay it now", "pay it later", False), ("is my tv on", "is my pc on", False),
        ("I know it", "I no it", True), ("is it 5 days", "is it 6 days", False), ("a b c d e f", "u v w x y z", False),
        ("what does affect mean", "what does effect mean", True), ("what does it mean", "what does it mean", False),
        ("I won't pay", "I will not pay", False), ("I shan't pay", "I shall not pay", False),
        ("it's here", "it is here", False), ("it's here", "its here", True),
        ("what is the meaning of this fee", "what is the reason of this fee", False),
    ],
)  # fmt: skip
def test_one_small_word_for_another_is_another_question_unless_they_mean_as_much(
    one: str, other: str, differ: bool
) -> None:
    assert is_worded_otherwise(one, other) is is_worded_otherwise(other, one) is differ


@pytest.mark.parametrize(
    ("one", "other", "differ"),
    [
        ("once", "twice", True), ("once", "once", False), ("once", "day", False), ("day", "days", False),
        ("day", "week", True),
        ("second", "third", True), ("second", "minute", True), ("second", "seconds", False), ("last", "next", True),
        ("last", "past", False), ("all", "every", False), ("must", "may", True), ("apple", "pear", False),
    ],
)  # fmt: skip
def test_steps_of_one_scale_differ(one: str, other: str, differ: bool) -> None:
    assert are_other_steps(one, other) is are_other_steps(other, one) is differ


# In which order


@pytest.mark.parametrize(
    ("one", "other", "differ"),
    [
        ("dog bites man", "man bites dog", True), ("a b c d", "c d a b", False), ("x b c d", "b c d x", True),
        ("go from here to there", "go to there from here", False),
        ("go from here to there", "go from there to here", True),
        ("please pay it", "pay it please", False), ("pays it", "pay it", False), ("a b", "a b c", False),
        ("a b", "a c", False), ("dogs bite cats", "cats bites dog", True),
    ],
)  # fmt: skip
def test_the_same_words_in_another_order(one: str, other: str, differ: bool) -> None:
    assert is_reordered(look(one), look(other)) is is_reordered(look(other), look(one)) is differ


@pytest.mark.parametrize(
    ("one", "other", "differ"),
    [
        ("take 5 from 9 now", "please take 9 from 5", True),
        ("move X to Y", "now move Y to X", True), ("3 apples and 4 pears", "get 4 pears and 3 apples", False),
        ("3 apples and 4 pears", "get 4 apples and 3 pears", True), ("3 of them and 4", "get 4 of them and 3", True),
        ("send 5 to Anna", "to Anna send 5", False), ("ask 5 or 6", "tell 5 or 6", False), ("5 5 6", "6 5 5", False),
        ("5 a day and 6 euros", "get 6 euros and 5 a day", True),
        ("by bus to 3 from 5", "from 5 to 3 by bus", False), ("from old 3 to new 5", "to new 5 from old 3", False),
        ("from 3 or 5 to 6", "to 6 from 5 or 3", True), ("3 apples and 4 apples", "get 4 apples and 3 apples", True),
        ("on monday X to Y", "on monday now Y to X", True), ("5 or 6 and X to Y", "5 or 6 now Y to X", True),
        ("mail from Anna to Ben", "a mail from Ben to Anna", True),
    ],
)  # fmt: skip
def test_things_of_one_kind_that_change_places(one: str, other: str, differ: bool) -> None:
    def exchanged(left: str, right: str) -> bool:
        return is_exchanged(look(left), read(left).names, look(right), read(right).names)

    assert exchanged(one, other) is exchanged(other, one) is differ


@pytest.mark.parametrize(
    ("one", "other", "differ"),
    [
        ("send money from savings to checking", "move money from checking to savings", True),
        ("send money from savings to checking", "wire money from savings to checking", False),
        ("flights to Rome", "Rome flights", False), ("put tea before milk", "pour milk before tea", True),
    ],
)  # fmt: skip
def test_words_that_cross_over_around_a_preposition(one: str, other: str, differ: bool) -> None:
    assert is_crossed(read(one), read(other)) is is_crossed(read(other), read(one)) is differ


@pytest.mark.parametrize(
    ("one", "other", "differ"),
    [
        ("Can I sue my landlord?", "Can my landlord sue me?", True),
        ("Can I sue my landlord?", "May I sue my landlord?", False),
        ("Can she call her boss?", "Can her boss call her?", True),
        ("who paid the driver?", "who did the driver pay?", False),
        ("who helps the nurse's patient", "who helps the patient's nurse", True),
        ("will he see them?", "will they see him?", True),
        ("my brother's card limit", "my brother's card limit", False), ("do you pay me?", "do I pay you?", True),
        ("can they sue us", "can we sue them", True), ("who paid Anna's driver", "who paid driver's Anna", True),
    ],
)  # fmt: skip
def test_who_does_it_to_whom(one: str, other: str, differ: bool) -> None:
    assert is_turned_round(read(one), read(other)) is is_turned_round(read(other), read(one)) is differ


@pytest.mark.parametrize(
    ("one", "other", "differ"),
    [
        ("stop to smoke", "stop smoking", True), ("stopped to smoke", "stops smoking", True),
        ("stop to smoke", "stop to smoke", False),
        ("stop to smoke", "stop eating", False), ("I go on to talk", "I go on talking", True),
        ("put on to talk", "put on talking", False),
        ("I used to live here", "I am used to living here", True), ("they're used to it", "they used to it", True),
        ("he didn't used to it", "he used to it", True), ("we got used to it", "we're used to it", False),
        ("do I have to pay", "do I want to pay", True), ("do I have to pay", "do I need to pay", False),
        ("I have to pay", "I want to pay", False), ("does it have to go", "does it like to go", True),
        ("have to pay", "want to pay", False),
        ("few cards", "a few cards", True), ("few days", "a few days", False), ("little help", "a little help", True),
        ("few cards", "a few pens", False), ("all but Tom", "all and Tom", True), ("all", "all but Tom", True),
        ("what eats a snake?", "what does a snake eat?", True), ("what does it eat?", "what eats it?", False),
        ("who lends to my brother?", "whom does my brother lend to?", True),
        ("what can a snake eat?", "what eats a snake?", False),
        ("which of them does Tom see?", "which of them sees Tom?", True),
        ("which one of them all does Tom see?", "which one of them all sees Tom?", False),
        ("stop to", "stop ing", False), ("he stopped and walked home", "he stopped walking home", False),
        ("and when do I get to pay?", "and when do I need to pay?", True),
        ("do I get to pay?", "do I need to pay?", True), ("do I have to pay?", "do I need to pay?", False),
    ],
)  # fmt: skip
def test_one_small_form_builds_another_question(one: str, other: str, differ: bool) -> None:
    assert is_built_otherwise(read(one), read(other)) is is_built_otherwise(read(other), read(one)) is differ


@pytest.mark.parametrize(
    ("one", "other", "differ"),
    [
        ("paid but not delivered", "not paid but delivered", True), ("not paid but delivered", "not paid", False),
        ("paid but not delivered", "delivered but not paid", True),
        ("not paid and not sent but kept", "paid but not kept", True),
        ("paid", "not paid", False), ("not paid", "isn't paid", False),
        ("never not paid but not sent", "not paid but sent", True),
    ],
)  # fmt: skip
def test_another_clause_is_denied(one: str, other: str, differ: bool) -> None:
    assert is_denied_elsewhere(read(one), read(other)) is is_denied_elsewhere(read(other), read(one)) is differ


def test_of_a_long_text_the_two_ends_are_asked_for_what_moves() -> None:
    asked, filler = "What is the weather?", "We sell shoes. "
    long = filler * (3 * EDGE // len(filler))
    assert is_time_bound(asked + " " + long)
    assert is_time_bound(long + asked)
    assert not is_time_bound(long[: len(long) // 2] + asked + " " + long[len(long) // 2 :])
    assert is_time_bound((("x. " * EDGE)[: EDGE - 15] + asked + "x. " * EDGE)[: 2 * EDGE]), "two edges are read whole"
    assert not is_time_bound((("x. " * EDGE)[: EDGE - 15] + asked + "x. " * EDGE)[: 2 * EDGE + 1])


def test_capitals_tell_units_of_up_to_three_letters_apart() -> None:
    assert case("gate 5abc", "gate 5ABC") is Veto.CASE
    assert case("gate 5abcd", "gate 5ABCD") is None


def test_versions_and_signs_are_read_as_they_are_written() -> None:
    assert read("version 1.2.30").numbers != read("version 1.2.3").numbers
    assert read("it is 1.230").numbers == read("it is 1.23").numbers
    assert "-5a" in look("is it -5a now").tokens
    assert "a5" in look("is it -a5 now").tokens
