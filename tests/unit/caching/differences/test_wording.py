"""One place in which two questions differ: which words mean as much there, letter by letter."""

import pytest

from thriftgate.caching.differences.wording import (
    _differ_in_small_places,  # pyright: ignore[reportPrivateUsage]
    _expanded,  # pyright: ignore[reportPrivateUsage]
    _is_mistaken,  # pyright: ignore[reportPrivateUsage]
    _look_alike,  # pyright: ignore[reportPrivateUsage]
    _words,  # pyright: ignore[reportPrivateUsage]
    _written_out,  # pyright: ignore[reportPrivateUsage]
    is_worded_otherwise,
)


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("den", "denn", True), ("no", "know", True), ("abc", "abd", True), ("abc", "ade", False), ("abc", "cba", False),
        ("abcd", "abef", True), ("abcd", "aefg", False), ("abcd", "bcda", True), ("abcd", "efcd", True),
        ("ab", "abcd", True), ("", "ab", False), ("", "a", True), ("a" * 20, "a" * 18, True),
        ("a" * 21, "a" * 20, False), ("xabcd", "abcdx", True), ("abcde", "badce", False), ("same", "same", True),
    ],
)  # fmt: skip
def test_words_look_alike_by_one_letter_and_from_four_letters_on_by_two(one: str, other: str, alike: bool) -> None:
    assert _look_alike(one, other) is _look_alike(other, one) is alike


@pytest.mark.parametrize(
    ("one", "other", "mistaken"),
    [
        ("your", "you're", True), ("its", "it's", True), ("friend's", "friends'", True), ("were", "we're", True),
        ("friend's", "friend", False), ("were", "where", False), ("friend's", "brother's", False),
        ("your", "you'll", True), ("house", "they're", False),
    ],
)  # fmt: skip
def test_a_contraction_and_what_is_mistaken_for_it(one: str, other: str, mistaken: bool) -> None:
    assert _is_mistaken(one, other) is _is_mistaken(other, one) is mistaken


@pytest.mark.parametrize(
    ("word", "parts"),
    [
        ("can't", "can not"), ("won't", "will not"), ("shan't", "shall not"), ("ain't", "is not"), ("don't", "do not"),
        ("cannot", "can not"), ("it's", "it is"), ("friend's", "friend's"), ("i'm", "i am"), ("we've", "we have"),
        ("o'clock", "o'clock"), ("she'd", "she would"), ("not", "not"),
    ],
)  # fmt: skip
def test_a_contraction_is_what_it_stands_for(word: str, parts: str) -> None:
    assert " ".join(_written_out(word)) == parts


def test_words_are_read_with_their_apostrophes_and_hyphens() -> None:
    assert _words("It\u2019s the boys' 'a' re-do x_y 5a don't!") == (
        "it's", "the", "boys'", "a", "re-do", "x", "y", "5a", "don't",
    )  # fmt: skip
    assert _expanded("it's dont boys'") == ("it", "is", "do", "not", "boys'")


@pytest.mark.parametrize(
    ("one", "other", "differ"),
    [
        ("when is my where", "where is your when", True), ("when is it", "where is it", False),
        ("when is a a a a", "where is the the the the", False), ("when is a a a", "where is the the the", True),
        ("a is a", "the is the", False), ("when a card", "where a pen", False),
        ("when a", "where a b", False), ("when the", "when the", False),
    ],
)  # fmt: skip
def test_two_to_four_small_words_in_as_many_places(one: str, other: str, differ: bool) -> None:
    ours, theirs = tuple(one.split()), tuple(other.split())
    assert _differ_in_small_places(ours, theirs) is _differ_in_small_places(theirs, ours) is differ


@pytest.mark.parametrize(
    ("one", "other", "differ"),
    [
        # A place of four words is looked at, one of five is not; two words there are compared, three are not.
        ("is it near to it", "is it far off from where to it", False),
        ("when is my card here or where", "where is my card here or when", True),
        ("is it then so", "is it there so", True),
        ("is it one more so", "is it not not yet so", False), ("is it 5 so", "is it not so", False),
        ("the meaning of too to", "the meaning of two to", True), ("the meaning of a", "the meaning of the", False),
        ("the meaning of ab cd", "the meaning of ef gh", True),
        ("the meaning of ab cd x", "the meaning of ef gh y", False), ("I see a card", "I see a cart", False),
        ("I see card", "I see a card", False), ("we know it", "we now it", True),
        ("we know it", "we remember it", False),
    ],
)  # fmt: skip
def test_a_place_of_one_or_two_words_makes_another_question(one: str, other: str, differ: bool) -> None:
    assert is_worded_otherwise(one, other) is is_worded_otherwise(other, one) is differ
