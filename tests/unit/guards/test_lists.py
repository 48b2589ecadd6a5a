"""A denied word is found in any script, at any edge, as its model reads it, and not inside a longer word."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thriftgate.guards.lists import DenyList
from thriftgate.guards.texts.readings import literal_readings


def found(word: str, text: str) -> list[str]:
    return [text[one.start : one.end] for one in DenyList("x", [word], []).find(literal_readings(text))]


def test_a_word_of_a_list_is_found_whole_and_in_whatever_case() -> None:
    listed = DenyList("rivals", ["Globex Corp"], [r"acct-\d{4}"])
    text = "I prefer GLOBEX   corp."
    (one,) = listed.find(literal_readings(text))
    assert (one.rule, one.score) == ("rivals", 1.0)
    assert text[one.start : one.end] == "GLOBEX   corp"
    assert list(listed.find(literal_readings("globex corporation"))) == []
    assert [one.start for one in listed.find(literal_readings("see acct-1234"))] == [4]


def test_a_pattern_of_another_engine_is_refused() -> None:
    with pytest.raises(ValueError, match="RE2"):
        DenyList("x", [], [r"(?=a)b"])


SPACED = [
    "secret", "\u00d6l", "Zo\u00eb", "caf\u00e9", "na\u00efve", "\u0441\u0435\u043a\u0440\u0435\u0442",
    "\u03bc\u03c5\u03c3\u03c4\u03b9\u03ba\u03cc", "\u0938\u094d\u0924\u094d\u0930\u0940",
    "\u05e1\u05d5\u05d3", "\u0633\u0631",
    "C++", ".env", "@corp", "a_b", "4711", "stra\u00dfe",
]  # fmt: skip
UNSPACED = ["\u79d8\u5bc6", "\u3072\u307f\u3064", "\u30b5\u30fc\u30d0\u30fc", "\u0e25\u0e31\u0e1a"]
BESIDE = st.sampled_from(
    [" ", "\n", ".", ", ", "(", "\u201e", "\u00bf", "\u3000", "\u00a0", "\u2028", "/", "\U0001f600", "\u6211", "\u306e"]
)
LETTERS = st.sampled_from(["a", "\u00f6", "\u00df", "\u043a", "\u0939", "\u05d0", "7", "_"])


@given(st.sampled_from(SPACED + UNSPACED), BESIDE, BESIDE, st.sampled_from([str, str.upper, str.lower]))
def test_a_word_is_found_beside_whatever_ends_a_word(word: str, before: str, after: str, case: type[str]) -> None:
    said = case(word)
    for text in (said, said + after, before + said, f"x{before}{said}{after}x"):
        assert found(word, text) == [said]


@given(st.sampled_from([word for word in SPACED if word[0].isalpha() and word[-1].isalpha()]), LETTERS)
def test_a_word_is_not_found_inside_a_longer_one(word: str, letter: str) -> None:
    for text in (letter + word, word + letter, f"so {letter}{word}{letter}.", f"{word}\u0301s"):
        assert found(word, text) == []


@given(st.sampled_from(UNSPACED), st.sampled_from(["\u6211", "\u306e", "\u0e01", "a", " "]))
def test_where_words_are_not_parted_by_blanks_a_word_is_found_between_others(word: str, beside: str) -> None:
    assert found(word, beside + word + beside) == [word]


@pytest.mark.parametrize(
    ("word", "text", "is_found"),
    [
        ("rs", "f\u00fcr M\u00f6rs", False),
        ("rs", "f\u00fcr Mo\u0308rs", False),
        ("VPN", "\u4f7f\u7528VPN\u5417", True),
        ("\ube44\ubc00", "\uadf8 \ube44\ubc00\uc744", True),
        ("\ube44\ubc00", "\uc774\ube44\ubc00\uc744", False),
        ("Stra\u00dfe", "DIE STRASSE", True),
        ("STRASSE", "die stra\u00dfe", True),
    ],
)
def test_a_word_ends_where_its_script_says(word: str, text: str, *, is_found: bool) -> None:
    assert bool(found(word, text)) is is_found


@pytest.mark.parametrize(
    "text",
    [
        "se\u200bcret pro\u00adject", "secret\u200bproject", "secret\u00a0project", "secret\u3000project",
        "secret\u2028project",
        "s\u0435cret project", "\uff53ecret project", "s e c r e t project", "secret\u202f\n project",
        "".join(chr(0xE0000 + ord(char)) for char in "secret project"),
        base64.b64encode(b"this is a secret project of ours").decode(),
        "\u0441\u0435\u043a\u0440\u0435\u0442 s\u0435cret project",
    ],
)  # fmt: skip
def test_a_phrase_is_found_as_its_model_reads_it(text: str) -> None:
    assert len(found("secret project", f"the {text} now")) == 1


@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("\u00d6l", "O\u0308l"),
        ("O\u0308l", "\u00d6l"),
        ("\ube44\ubc00", "\u1107\u1175\u1106\u1175\u11af"),
        ("\u30ac\u30b9", "\uff76\uff9e\uff7d"),
        ("\u0441\u0435\u043a\u0440\u0435\u0442", "\u0441e\u043a\u0440e\u0442"),
        ("scope", "\u0455\u0441\u043e\u0440\u0435"),
    ],
)
def test_letters_of_one_look_are_one_letter(word: str, text: str) -> None:
    (one,) = found(word, f"- {text} -")
    assert text.startswith(one)


@given(st.text(max_size=12), st.text(max_size=200))
def test_every_word_and_text_is_taken(word: str, text: str) -> None:
    assert len(found(word.encode("utf-8", "replace").decode(), text)) <= 1


@pytest.mark.parametrize(
    "unseen", ["\ufe0f", "\u180b", "\u061c", "\u17b4", "\u2065", "\U000e0fff", "\u0336", "\u0338", "\u0332"]
)
def test_what_cannot_be_seen_or_strikes_a_letter_through_hides_no_word(unseen: str) -> None:
    for text in (f"secret{unseen}", f"{unseen}secret", f"a se{unseen}cret b", "".join(c + unseen for c in "secret")):
        assert found("secret", text), text
