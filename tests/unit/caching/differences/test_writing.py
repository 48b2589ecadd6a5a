"""How a question is written and built, where a single letter or a distance decides."""

import pytest

from thriftgate.caching.differences.constructions import is_built_otherwise
from thriftgate.caching.differences.reading import read
from thriftgate.caching.differences.surface import look
from thriftgate.caching.differences.writing import is_written_otherwise, writing_of


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


@pytest.mark.parametrize(
    ("text", "brackets"),
    [
        ("(a) [b c] d)", [("(", 0), (")", 1), ("[", 1), ("]", 3), (")", 4)]), ("((a", [("(", 0), ("(", 0)]),
        ("one (two)", [("(", 1), (")", 2)]), ("a(b)c d", [("(", 1), (")", 1)]), ("( )", [("(", 0), (")", 0)]),
    ],
)  # fmt: skip
def test_a_bracket_stands_behind_so_many_words(text: str, brackets: list[tuple[str, int]]) -> None:
    assert list(writing_of(text).brackets) == brackets


def test_hyphens_are_counted_by_the_parts_before_them() -> None:
    writing = writing_of("a-b c d-e-f g-h")
    assert writing.hyphens == {1, 4, 5, 7}
    assert writing.parts == ("a", "b", "c", "d", "e", "f", "g", "h")
    assert writing_of("a b c").hyphens == set()


@pytest.mark.parametrize(
    ("text", "commas", "rows", "telling"),
    [
        ("I like cooking, my family and pets", {3}, {3}, set[int]()),
        ("I like cooking, my own family and pets", {3}, {3}, set[int]()),
        ("I like cooking, my very own family and pets", {3}, set[int](), set[int]()),
        ("eat, drink, walk and go", {1, 2}, {1}, set[int]()),
        ("eat, drink it now, walk and go", {1, 4}, set[int](), set[int]()),
        ("eat, drink it all now, walk and go", {1, 5}, {5}, set[int]()),
        ("eat, drink it all up now, walk and go", {1, 6}, {6}, set[int]()),
        ("go, and pets", {1}, set[int](), set[int]()), ("no, go. Yes, more", {1, 3}, set[int](), {1, 3}),
        ("let us eat, grandma", {3}, set[int](), {3}), ("let us eat, please", {3}, set[int](), set[int]()),
        ("let us eat, now grandma", {3}, set[int](), set[int]()), ("so it is, not", {3}, set[int](), set[int]()),
        ("x: y", {1}, set[int](), set[int]()), ("all of it,", set[int](), set[int](), set[int]()),
        ("let us eat, grandma. go", {3}, set[int](), {3}), ("let us eat, grandma and go", {3}, {3}, set[int]()),
    ],
)  # fmt: skip
def test_commas_that_begin_a_row_or_tell_whom_is_spoken_to(
    text: str, commas: set[int], rows: set[int], telling: set[int]
) -> None:
    writing = writing_of(text)
    assert (writing.commas, writing.rows, writing.telling_commas) == (commas, rows, telling)


def test_letters_and_numbers_are_joined_by_the_mark_behind_them() -> None:
    assert writing_of("x, 5; y: z, ab, cd5, e").joints == {1: ",", 2: ";", 3: ":", 4: ",", 6: ","}
    assert writing_of("x. 5! y").joints == {}


@pytest.mark.parametrize(
    ("text", "marks"),
    [
        ("x - y", ("-",)), ("- x", ()), ("x -", ()), ("x - ,", ("-",)), ("x ...", ()), ("a , b", (",",)),
        ("x +", ("+",)),
        ("+ x", ()), ("a:b c", ("a:b",)), ("a5:b c", ()), ("a(b)c", ("a(b)c",)), ("well-known", ()),
    ],
)  # fmt: skip
def test_marks_stand_alone_between_words_or_join_two(text: str, marks: tuple[str, ...]) -> None:
    assert writing_of(text).marks == marks


@pytest.mark.parametrize(
    ("one", "other", "differ"),
    [
        ("how many letters has it.", "How many letters has it?", False),
        ("how many letters!!", "how many letters", True),
        ("how many letters;", "how many letters", True), ("how many letters", "how many Letters", True),
        (" how many letters", "how many letters", False),
        ("plan (a) or b", "plan a (or) b", True), ("plan (a) or b", "plan a or b", False),
        ("x, 5", "x; 5", True), ("x, 5 a b", "x 5 a b", False),
        ("a-b c", "a b-c", True), ("a-b c", "a b c", False),
        ("a-b c-d", "a-b c d", False), ("a - b", "a , b", True), ("a\n\nb", "a\nb", False), ("a\nb", "a b", True),
        ("go Ann CO", "go Ann co", True),
        ("go ann CO", "go ann co", False), ("go Ann USA", "go Ann usa", True),
        ("I go, cook and eat", "I go cook and eat", True), ("I go, my cook", "I go my cook", False),
        ("no, more", "no more", True), ("a, b c d", "a b, c d", True), ("ab, cd ef, gh ij", "ab, cd ef gh ij", False),
    ],
)  # fmt: skip
def test_the_same_words_written_in_another_way(one: str, other: str, differ: bool) -> None:
    assert is_written_otherwise(one, other) is is_written_otherwise(other, one) is differ
