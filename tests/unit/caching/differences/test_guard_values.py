"""The looks that guards are made of, where a word more or a letter less decides."""

from collections.abc import Callable

import pytest

from thriftgate.caching.differences.guards import (
    Veto,
    _directions,  # pyright: ignore[reportPrivateUsage]
    _has_denied_word,  # pyright: ignore[reportPrivateUsage]
    _is_case_telling,  # pyright: ignore[reportPrivateUsage]
    _is_same_frame,  # pyright: ignore[reportPrivateUsage]
    _skeleton,  # pyright: ignore[reportPrivateUsage]
    antonyms,
    case,
    entities,
    numbers,
    quotes,
    spelling,
    substituted_words,
)
from thriftgate.caching.differences.reading import read


def object_to(guard: Callable[[str, str], Veto | None], veto: Veto, one: str, other: str) -> list[bool]:
    """Whether a guard objects with this word, whichever of the two was asked first."""
    return [guard(*pair) is veto for pair in ((one, other), (other, one))]


@pytest.mark.parametrize(
    ("text", "directions", "skeleton"),
    [
        ("send money from alpha to beta now", {("money", "from", "alpha"), ("alpha", "to", "beta")}, "__ from _ to __"),
        ("alpha to the very beta", {("alpha", "to", "beta")}, "_ to the very _"),
        ("to beta", set[tuple[str, str, str]](), "to _"), ("alpha to alpha", set[tuple[str, str, str]](), "_ to _"),
        ("alpha to from beta gamma", {("alpha", "to", "beta"), ("alpha", "from", "beta")}, "_ to from __"),
        ("from alpha beta to gamma", {("beta", "to", "gamma")}, "from __ to _"),
    ],
)  # fmt: skip
def test_a_role_word_stands_between_the_nearest_meaningful_words(
    text: str, directions: set[tuple[str, str, str]], skeleton: str
) -> None:
    assert _directions(read(text)) == directions
    assert "".join(f" {word} " if word else "_" for word in _skeleton(read(text))).split() == skeleton.split()


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("aa bb cc dd ee", "aa bb cc xx yy", True), ("aa bb cc dd ee", "aa bb xx yy zz", False),
        ("aa bb cc", "aa bb cc dd ee", True), ("aa bb cc", "aa bb cc dd ee ff", False), ("the", "a", True),
        ("the", "aa", False), ("aa", "aa", True), ("aa", "bb", False),
    ],
)  # fmt: skip
def test_a_frame_is_the_same_where_three_words_of_five_are(one: str, other: str, is_same: bool) -> None:
    assert _is_same_frame(read(one), read(other)) is _is_same_frame(read(other), read(one)) is is_same


@pytest.mark.parametrize(
    ("word", "denied", "is_denied"),
    [
        ("eligible", "ineligible", True), ("done", "undone", True), ("aid", "unaid", False), ("aide", "unaide", True),
        ("agree", "disagree", True), ("stop", "non-stop", True), ("code", "decode", True), ("legal", "illegal", True),
        ("regular", "irregular", True), ("moral", "unmoral", True), ("perfect", "imperfect", True),
        ("eligible ineligible", "ineligible", False), ("eligible", "eligible ineligible", False),
        ("port", "airport", False), ("legal", "legal", False),
    ],
)  # fmt: skip
def test_a_word_of_four_letters_is_denied_by_what_stands_before_it(word: str, denied: str, is_denied: bool) -> None:
    assert _has_denied_word(read(word), read(denied)) is is_denied


@pytest.mark.parametrize(
    ("is_telling", "words"),
    [
        (True, "5mw, 5 mw, 5abc, us, it, 1.5 kb, 1,000 km, 5. mw"),
        (False, "5abcd, 5ab3, 5 times, pin, 12 am, card"),
    ],
)
def test_capitals_tell_units_and_words_that_are_two(is_telling: bool, words: str) -> None:
    assert {word: _is_case_telling(word) for word in words.split(", ")} == dict.fromkeys(words.split(", "), is_telling)


@pytest.mark.parametrize(
    ("one", "other", "differ"),
    [
        ('say "a"', "say a", False), ('say "ab"', "say b", True), ('say "a" "b" "c" "d"', "say a b c d", False),
        ('say "a" "b" "c" "d" "e"', "say a b c d e", True), ('say "a"', 'say "b"', True),
        ('say "a b"', "say b a", True),
        ("  a\nb", "a\nb", False), ("a\n  b", "a\nb", True),
        ('say "a" "b"', "say a", True), ('"a" "b"', '"b" "a"', False),
    ],
)  # fmt: skip
def test_quoted_text_and_layout_are_compared_to_the_letter(one: str, other: str, differ: bool) -> None:
    assert object_to(quotes, Veto.QUOTES, one, other) == [differ, differ]


@pytest.mark.parametrize(
    ("one", "other", "differ"),
    [
        ("I saw US it", "I saw us it", True), ("i saw US it", "i saw us it", True), ("i saw us", "i saw Us", False),
        ("WE SAW US", "we saw us", False), ("gate 5 mW", "gate 5 MW", True), ("I saw Us", "I saw us", False),
        ("I saw Us, Ann", "I saw us, Ann", True), ("I saw US us", "I saw us", False), ("gate 5 mW", "gate 6 MW", False),
        ("ich sehe den Arm und das Bein nicht", "ich sehe den arm und das Bein nicht", True),
        ("ich sehe den arm und das bein nicht", "ich sehe den Arm und das Bein nicht", False),
        ("I see the Arms and Legs", "I see the arms and Legs", False),
    ],
)  # fmt: skip
def test_capitals_make_another_word_where_the_writer_minds_them(one: str, other: str, differ: bool) -> None:
    assert object_to(case, Veto.CASE, one, other) == [differ, differ]


@pytest.mark.parametrize(
    ("one", "other", "differ"),
    [
        ("a\u00f1o", "ano", True), ("el a\u00f1o", "la ano", True), ("a\u00f1o ano", "ano a\u00f1o", False),
        ("caf\u00e9", "tea", False), ("schon", "sch\u00f6n", True), ("caf\u00e9 ole", "cafe ol\u00e9", True),
    ],
)  # fmt: skip
def test_accents_make_another_word_of_the_same_letters(one: str, other: str, differ: bool) -> None:
    assert object_to(spelling, Veto.SPELLING, one, other) == [differ, differ]


@pytest.mark.parametrize(
    ("one", "other", "new"),
    [
        ("aa bb cc xx", "aa bb cc yy", {"xx"}), ("aa bb xx", "aa bb yy", set[str]()),
        ("aa bb cc xx zz", "aa bb cc yy", {"xx", "zz"}), ("aa bb cc xx zz vv", "aa bb cc yy", set[str]()),
        ("aa bb cc xx", "aa bb cc yy zz vv", set[str]()), ("aa bb cc xx", "aa bb cc the", set[str]()),
        ("aa bb cc the", "aa bb cc yy", set[str]()), ("xx aa bb the", "yy aa bb the", {"xx"}),
    ],
)  # fmt: skip
def test_one_or_two_words_are_replaced_beside_three_that_stay(one: str, other: str, new: set[str]) -> None:
    assert substituted_words(one, other) == new


@pytest.mark.parametrize(
    ("one", "other", "differ"),
    [
        ("visa card", "mastercard card", True), ("visa mastercard", "mastercard", False), ("buy it", "sell it", True),
        ("buy and sell it", "sell it", False), ("buy it", "purchase it", False),
        ("visa amex", "mastercard amex", False),
        ("buy it", "buy and sell it", False),
    ],
)  # fmt: skip
def test_opposites_and_rivals_count_where_no_side_has_both(one: str, other: str, differ: bool) -> None:
    assert object_to(antonyms, Veto.ANTONYMS, one, other) == [differ, differ]


def test_what_one_side_alone_has_counts_in_the_same_frame() -> None:
    assert numbers("pay my card bill 5", "pay my card bill") is Veto.NUMBERS
    assert numbers("pay my card bill 5", "why is it late") is None
    assert numbers("pay 5 5 now", "pay 5 now") is Veto.NUMBERS
    assert numbers("pay 5 5 now", "wire 5 later") is None
    assert numbers("pay 5 now", "wire 6 later") is Veto.NUMBERS
    assert entities("does Anna pay my bill", "does anna pay my bill") is None
    assert entities("does Anna pay my bill", "does Ben pay my bill") is Veto.ENTITIES
    assert entities("pay $ bill", "pay \u20ac bill") is Veto.ENTITIES
