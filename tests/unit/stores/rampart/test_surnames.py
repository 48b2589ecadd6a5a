"""A surname is listed whatever its case and accents are; words of a language are not."""

import pytest

from thriftgate.stores.rampart.surnames import is_surname, is_surname_in_lower_case


@pytest.mark.parametrize("word", ["Rauch", "rauch", "GARCÍA", "garcia", "Müller", "Peeters", "Almeida", "Rossi"])
def test_a_common_surname_is_listed_in_any_case_with_and_without_accents(word: str) -> None:
    assert is_surname(word)


@pytest.mark.parametrize("word", ["", "is", "may", "key", "day", "close", "vos", "campos", "donna", "long"])
def test_ordinary_words_are_not_listed(word: str) -> None:
    assert not is_surname(word)


@pytest.mark.parametrize("word", ["costa", "cuesta", "ging", "mann", "king", "bello", "", "is"])
def test_without_a_capital_a_verb_or_an_adjective_is_no_surname(word: str) -> None:
    assert not is_surname_in_lower_case(word)


def test_with_a_capital_it_is_one_and_others_are_in_any_case() -> None:
    assert is_surname("Costa")
    assert is_surname("Koning")
    assert is_surname_in_lower_case("rauch")
    assert is_surname_in_lower_case("garc\u00eda")
