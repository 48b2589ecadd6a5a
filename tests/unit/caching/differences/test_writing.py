"""How a question is written and built, where a single letter or a distance decides."""

import pytest

from thriftgate.caching.differences.constructions import is_built_otherwise
from thriftgate.caching.differences.reading import read
from thriftgate.caching.differences.surface import look


@pytest.mark.parametrize(
    ("text", "is_shouted"),
    [("WHERE IS IT", True), ("IS IT", True), ("WHERE", False), ("A B C", False), ("A1 B2 IT", False), ("Is IT", False)],
)
def test_a_text_is_shouted_when_two_words_of_it_have_two_letters_or_more_all_in_capitals(
    text: str, is_shouted: bool
) -> None:
    assert look(text).is_shouted is is_shouted


def test_a_question_word_counts_for_the_verb_that_is_near_it() -> None:
    left, right = read("which team does support ask"), read("which team asks support")
    assert is_built_otherwise(left, right)
    assert is_built_otherwise(right, left)
