"""Opposites in each language that the guards know: the same words with the other one are another question."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thriftgate.caching.differences.contrasts import OPPOSITES
from thriftgate.caching.differences.guards import Veto, antonyms, first_veto

LANGUAGES = ("en", "de", "nl", "fr", "es", "it", "pt")
FRAMES = {
    "en": "{} it for me", "de": "{} es für mich", "nl": "{} het voor mij", "fr": "{} cela pour moi",
    "es": "{} eso para mí", "it": "{} questo per me", "pt": "{} isso para mim",
}  # fmt: skip
# One idea in a row, in the order of LANGUAGES; several forms of a word are separated by commas.
TABLE = Path(__file__).with_name("opposites.txt").read_text(encoding="utf-8")


def pairs() -> list[tuple[str, str, str]]:
    found: list[tuple[str, str, str]] = []
    for row in TABLE.strip().splitlines():
        for language, cell in zip(LANGUAGES, row.split("|"), strict=True):
            one, other = (side.strip().split(",") for side in cell.split("/"))
            found += [(language, left, right) for left in one for right in other]
    return found


@pytest.mark.parametrize("language", LANGUAGES)
def test_opposites_are_known_in_each_language(language: str) -> None:
    unseen = [(one, other) for named, one, other in pairs() if named == language and antonyms(one, other) is None]
    assert unseen == []


@given(st.sampled_from(pairs()))
def test_a_question_with_the_opposite_word_meets_a_guard(pair: tuple[str, str, str]) -> None:
    language, one, other = pair
    assert first_veto(FRAMES[language].format(one), FRAMES[language].format(other)) is not None


@given(st.sampled_from(OPPOSITES), st.data())
def test_no_word_is_its_own_opposite_and_no_two_of_one_side_are(
    sides: tuple[frozenset[str], frozenset[str]], data: st.DataObject
) -> None:
    left, right = sides
    assert left.isdisjoint(right)
    one, other = (data.draw(st.sampled_from(sorted(side))) for side in sides)
    assert antonyms(one, other) is antonyms(other, one) is Veto.ANTONYMS
    assert antonyms(one, one) is None
