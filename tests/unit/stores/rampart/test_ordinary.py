"""What is an ordinary word or a maker is taken out of names, and what is written as a name stays."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thriftgate.stores.rampart.ordinary import are_ordinary, is_ordinary, without_ordinary_words

NAMES = ("Anna Meier", "Gisbert Rauch", "Rose Stone", "Urbano Cortés", "Joy Long", "Ben Short", "Marieke van 't Hof")
ORDINARY = ("danke", "lampe cassée", "lámpara rota", "espera", "aspetta", "langsam", "de vraag", "dès mars")
CAPITALS = ("Camisa Azul", "Tarjeta Oro", "Carta Oro")
MAKERS = ("Samsung Galaxy", "Toyota Corolla", "samsung galaxy", "Ford Focus", "Michael Kors", "Philips Senseo")


def left_of(text: str) -> str:
    start, end = without_ordinary_words(text, 0, len(text))
    return text[start:end]


@pytest.mark.parametrize("words", ORDINARY)
def test_ordinary_words_in_lower_case_are_nobody(words: str) -> None:
    assert left_of(words) == ""


@pytest.mark.parametrize("words", CAPITALS)
def test_two_ordinary_words_with_capitals_are_nobody_and_one_may_be(words: str) -> None:
    assert left_of(words) == ""
    assert left_of(words.split()[0]) == words.split()[0]


@pytest.mark.parametrize("name", ["Li Na", "li na", "Du Ma", "An", "ma"])
def test_short_words_may_be_names_of_another_language(name: str) -> None:
    assert left_of(name) == name


@pytest.mark.parametrize("words", MAKERS)
def test_makers_and_their_products_are_nobody(words: str) -> None:
    assert left_of(words) == ""


@pytest.mark.parametrize("name", [*NAMES, "Anna Ford", "Ford", "Henry Ford", "Braun", "Anna Samsung", "J. Philips"])
def test_a_name_stays_whole(name: str) -> None:
    assert left_of(name) == name


@pytest.mark.parametrize("name", ["gisbert rauch", "sturmius lang", "perpetua hale", "neeltje vos", "anna danke"])
def test_a_name_in_lower_case_stays_whole_whatever_its_surname_means(name: str) -> None:
    assert left_of(name) == name


@pytest.mark.parametrize(
    ("words", "left"),
    [
        ("Miele tropft", "Miele"),
        ("monteur Fatima El Khattabi zonder", "Fatima El Khattabi"),
        ("with Anna Meier", "Anna Meier"),
        ("zapatos Adidas nuevos", ""),
    ],
)
def test_what_is_said_around_a_name_is_none(words: str, left: str) -> None:
    assert left_of(words) == left


@pytest.mark.parametrize(
    "name",
    [
        "Paul Smith", "Ted Baker", "Jack Daniels", "Siri Hansen", "Siri Hustvedt", "Rav Patel", "Astra Sharma",
        "Avis Brown", "Clio Barnard", "Sony Kapoor", "Henry Ford", "Li Na", "Grace Price", "Mercedes Sosa",
        "Ford Focus Gisbert Rauch", "Samsung Peter Meier", "siri hustvedt",
    ],
)  # fmt: skip
def test_who_is_called_like_a_maker_or_stands_beside_one_is_somebody(name: str) -> None:
    assert left_of(name) == name


@pytest.mark.parametrize("words", ["Ford Focus", "Dacia Logan", "Siri", "Kia Sportage", "Renault Clio", "Michael Kors"])
def test_a_maker_alone_or_with_its_product_is_nobody(words: str) -> None:
    assert left_of(words) == ""


def test_names_are_no_ordinary_words() -> None:
    for name in [
        "anna",
        "peter",
        "schmidt",
        "garcia",
        "rossi",
        "jansen",
        "pereira",
        "king",
        "koning",
        "petit",
        "rosa",
        "marco",
        "luca",
        "hannah",
    ]:
        assert not is_ordinary(name), name
    assert are_ordinary(["von", "der", "Frage"])


@given(st.lists(st.sampled_from([*NAMES, *ORDINARY, *MAKERS, "x", "O'Neill", "é", "12", "-", ",", "李 雷"])), st.data())
def test_what_is_left_is_a_part_of_the_span_and_settled(parts: list[str], data: st.DataObject) -> None:
    text = " ".join(parts)
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    first, last = without_ordinary_words(text, start, end)
    assert start <= first <= last <= end
    assert without_ordinary_words(text, first, last) == (first, last)
    lost = text[start:first] + text[last:end] if first < last else ""
    assert lost == "" or all(word.islower() or not word.isalpha() for word in lost.split()), lost
