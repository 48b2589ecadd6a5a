"""A surname is listed whatever its case and accents are; words of a language are not."""

import pytest

from thriftgate.stores.rampart.surnames import is_surname


@pytest.mark.parametrize("word", ["Rauch", "rauch", "GARCÍA", "garcia", "Müller", "Peeters", "Almeida", "Rossi"])
def test_a_common_surname_is_listed_in_any_case_with_and_without_accents(word: str) -> None:
    assert is_surname(word)


@pytest.mark.parametrize("word", ["", "is", "may", "key", "day", "close", "vos", "campos", "donna", "long"])
def test_ordinary_words_are_not_listed(word: str) -> None:
    assert not is_surname(word)
