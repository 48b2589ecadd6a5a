"""How a question is written, sign by sign: marks that belong to a word, and marks that only stand around it."""

import pytest

from thriftgate.caching.differences.surface import (
    _has_symbol,  # pyright: ignore[reportPrivateUsage]
    _is_operand,  # pyright: ignore[reportPrivateUsage]
    _primes,  # pyright: ignore[reportPrivateUsage]
    look,
)


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        # A denial and a factorial are a part of what they stand at; who exclaims goes on with a capital, or not at all.
        ("is !x so", "is !x so"), ("is 5! so", "is 5! so"), ("is 5! So", "is 5 so"), ("is 5!", "is 5"),
        ("is x! so", "is x! so"), ("is xy! so", "is xy so"), ("(!x) y", "!x y"), ("!!x y", "!!x y"),
        ("5!! a", "5!! a"), ("is !x!", "is !x"), ("stop! now", "stop now"), ("(5!) a", "5 a"), ("5!), a", "5! a"),
        # A dash between operands is a minus, dots between them a gap.
        ("a5 - 6b", "a5 - 6b"), ("ab - 5", "ab 5"), ("5a - b", "5a - b"), ("5 - ab", "5 ab"), ("- 5", "5"),
        ("5 -", "5"), ("1 ... 5", "1 \u2026 5"), ("1 .. n", "1 \u2026 n"), ("1 ... ab", "1 ab"), ("ab ... 5", "ab 5"),
        ("... 5 6", "5 6"), ("5 6 ...", "5 6"), ("1 ..., 5", "1 \u2026 5"), ("--ab", "ab"), ("-5", "-5"), ("-a5", "a5"),
        # Signs before a word.
        ("#a #- ##b #", "a #- ##b #"), ("& ab", "and ab"), ("a&b", "a&b"), (".../a", ".../a"), (". /a", "/a"),
        ("a.b", "a.b"), ("(a) [b]", "a b"), ("\u00a1Ab?", "ab"), ("$5", "5"), ("x/y", "x/y"),
        ("\x01ab", "\x01ab"),
    ],
)  # fmt: skip
def test_a_mark_belongs_to_a_word_or_stands_around_it(text: str, tokens: str) -> None:
    assert [token.lower() for token in look(text).tokens] == tokens.split()


@pytest.mark.parametrize(
    ("token", "opened", "primes", "left"),
    [
        ("f'", "", "'", ""), ("f'''", "", "'''", ""), ("f''''", "", "", ""), ('5"', "", '"', ""),
        ("5'6\"", "", '"', ""), ("(f')", "", "'", ""), ("[f'].", "", "'", ""), ("'f'", "", "", ""), ("ab'", "", "", ""),
        ("5'", "'", "", ""), ("f'", '"', "'", '"'), ("'", "", "", "'"), ("'a", "", "", "'"), ('"a', "'", "", "'\""),
        ("'a'", "'", "", "'"), ("'a", "'", "", "'"), ("5,5'", "", "'", ""), ("a", "", "", ""), ("a", "'", "", "'"),
    ],
)  # fmt: skip
def test_a_prime_ends_a_letter_or_a_number_and_closes_no_quotation(
    token: str, opened: str, primes: str, left: str
) -> None:
    marks = set(opened)
    assert _primes(token, marks) == primes
    assert marks == set(left)


def test_operands_are_numbers_and_single_signs() -> None:
    assert [token for token in ("5a", "a5", "ab", "a", "(5)", "$", "5ab6", "\u03b1") if _is_operand(token)] == [
        "5a", "a5", "a", "(5)", "5ab6", "\u03b1",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("is_symbol", "cores"),
    [
        (True, "- a- -a a' a\" !a a! \u2026 \u2026a a\u00bd \u00f7 \u2308 x\u20e3 \u00b2"),
        (False, "a 5 ab a\u2026 \u00e9 \u2e00 \u20ac a\u20ac \u0905\u093e \u0663"),
    ],
)
def test_signs_are_symbols_and_letters_digits_and_punctuation_are_none(is_symbol: bool, cores: str) -> None:
    assert {core: _has_symbol(core) for core in cores.split()} == dict.fromkeys(cores.split(), is_symbol)


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ('"a" b "c" d "e', ("a", "c")), ('a"b', ()), ('"a"b"c"', ("a", "c")), ("'a' \"b\"", ("a", "b")),
        ("x 'a' y", ("a",)), ("x'a' y", ()), ("('a')", ("a",)), ("='a'", ("a",)), ("'a b c' d", ("a b c",)),
        ('"b" "a"', ("a", "b")), ('"', ()), ('"a"', ("a",)), ('"a" "', ("a",)),
    ],
)  # fmt: skip
def test_a_quotation_is_what_two_marks_enclose(text: str, quoted: tuple[str, ...]) -> None:
    assert look(text).quoted == quoted


def test_a_unit_belongs_to_the_number_before_it() -> None:
    assert look("gate a5 Mw").forms == {("a5", "a5"), ("mw", "Mw"), ("a5 mw", "a5 Mw")}
    assert look("gate 5a Mw").forms == {("5a", "5a"), ("mw", "Mw")}
    assert look("5 Mw Kw").forms == {("mw", "Mw"), ("kw", "Kw"), ("5 mw", "5 Mw")}
    assert look("5 M5").forms == {("m5", "M5")}


def test_a_sentence_begins_behind_a_mark_and_behind_marks_alone() -> None:
    assert ("co", "Co") not in look("Is it so? Co").forms
    assert ("co", "Co") not in look("? Co").forms
    assert ("co", "Co") in look("it, Co").forms
    assert look("A plan. A b, A").letters == ("A", "b")
