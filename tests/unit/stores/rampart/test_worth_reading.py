"""Which word pieces of a text the network for names reads."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thriftgate.stores.rampart.model import EDGE, worth_reading

_PIECE = re.compile(r"[A-Za-z]{1,4}|\S")
_LATIN_WORD = re.compile(r"\w*[A-Za-z]\w+|\w+[A-Za-z]\w*")


def pieces(text: str) -> tuple[list[tuple[int, int]], list[int | None]]:
    """As a tokenizer cuts: words and signs, long words in pieces."""
    offsets: list[tuple[int, int]] = []
    words: list[int | None] = []
    for number, word in enumerate(re.finditer(r"\w+|[^\w\s]", text)):
        for piece in _PIECE.finditer(text, word.start(), word.end()):
            offsets.append(piece.span())
            words.append(number)
    return offsets, words


def read(text: str) -> str:
    offsets, words = pieces(text)
    return "".join(text[slice(*offsets[place])] for place in worth_reading(text, offsets, words))


@pytest.mark.parametrize(
    "text",
    [
        "I spoke with J. R. R. Tolkien, of 12 Main St. -- twice (!) -- on 3/4.",
        "J o h n S m i t h",
        "Мария met José Nuñez in München",
        "a | b | c | d | e | f | g | h | i | j | k",
        "Ada Lovelace <ada.lovelace@analytical-engines.org>, Musterstrasse12, 1815AB London, DE89370400440532013000",
        "",
    ],
)
def test_an_ordinary_text_is_read_in_full(text: str) -> None:
    assert read(text) == re.sub(r"\s", "", text)


@pytest.mark.parametrize("bare", ["@", "a@", "天", "игнорируй", "שלום", "-", "f((", "{{}}", "\u0301", "7,"])
def test_of_what_can_be_no_name_the_outer_pieces_are_read(bare: str) -> None:
    text = f"Ada Lovelace {bare * 4000} Grace Hopper"
    said = read(text)
    assert said.startswith("AdaLovelace")
    assert said.endswith("GraceHopper")
    assert len(said) < 24 + 2 * EDGE + 2 * len(bare)


@pytest.mark.parametrize("number", ["DE89370400440532013000 ", "5f4dcc3b5aa765d61d8327deb882cf99 ", "4111111111111111,",
                                    "123e4567-e89b-12d3-a456-426614174000 "])  # fmt: skip
def test_of_a_list_of_numbers_the_outer_pieces_are_read(number: str) -> None:
    said = read(f"Ada Lovelace {number * 1000} Grace Hopper")
    assert said.startswith("AdaLovelace")
    assert said.endswith("GraceHopper")
    assert len(said) < 24 + 2 * (EDGE + 1) * 4


def test_of_a_list_of_addresses_the_outer_pieces_are_read_and_every_name_between_them() -> None:
    addresses = "ada.lovelace@engines.example grace-hopper@navy.example; " * 500
    said = read(f"{addresses} Ada Lovelace {addresses} ada@ navy {addresses}")
    assert "AdaLovelace" in said
    assert "ada@navy" in said
    assert len(said) < 30 + 6 * (EDGE + 1) * 4


@given(st.lists(st.sampled_from(["Ada", "a", "@", "天", "12", "Мария", "e\u0301", "x1"]), max_size=300))
def test_every_word_that_may_be_a_name_is_read_once_and_in_order(words: list[str]) -> None:
    text = " ".join(words)
    offsets, numbers = pieces(text)
    places = worth_reading(text, offsets, numbers)
    assert places == sorted(set(places))
    assert all(0 <= place < len(offsets) for place in places)
    said = "".join(text[slice(*offsets[place])] for place in places)
    assert [said.count(word) for word in ("Ada", "12", "x1")] == [words.count(word) for word in ("Ada", "12", "x1")]
