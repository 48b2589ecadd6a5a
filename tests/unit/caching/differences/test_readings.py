"""What is read out of a question, piece by piece: the guards compare nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thriftgate.caching.differences.reading import read, stem
from thriftgate.caching.differences.surface import look
from thriftgate.caching.differences.writing import is_written_otherwise, writing_of


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("cards", "card"), ("card", "card"), ("paying", "pay"), ("paid", "paid"), ("tried", "tri"), ("tries", "tri"),
        ("boxes", "box"), ("blocked", "block"), ("monthly", "month"), ("stopping", "stop"), ("sing", "sing"),
        ("bring", "bring"), ("being", "being"), ("ring", "ring"), ("class", "clas"), ("glasses", "glas"),
        ("bus", "bus"),
        ("this", "thi"), ("fee", "fee"), ("free", "fre"), ("seeing", "see"), ("adding", "add"), ("add", "add"),
        ("telling", "tell"), ("agreeing", "agre"), ("anna's", "anna"), ("pay", "pay"), ("année", "année"),
        ("use", "use"),
        ("used", "used"), ("uses", "use"), ("close", "clos"), ("closes", "clos"), ("ties", "tie"),
        ("allies", "ally"), ("balls", "ball"), ("ball", "ball"), ("asked", "ask"),
    ],
)  # fmt: skip
def test_a_stem_is_what_the_forms_of_a_word_have_in_common(word: str, expected: str) -> None:
    assert stem(word) == expected


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("pay 5", ("5",)), ("5.0 and 5.50", ("5", "5.5")), ("1,000,000.00", ("1000000",)), ("1,00", ("1,00",)),
        (".5 of it", ("0.5",)), ("#12", ("12",)), ("3%", ("3%",)), ("v1.2.3", ("V1.2.3",)), ("two and 2", ("2", "2")),
        ("WT-44219", ("WT-44219",)), ("it is 7.", ("7",)), ("(8)", ("8",)), ("f(9)", ("9",)), ("10:30", ("10:30",)),
        ("no number", ()), ("100.", ("100",)), ("0.10", ("0.1",)), ("9, 8", ("8", "9")),
    ],
)  # fmt: skip
def test_numbers_are_read_as_what_they_are_worth(text: str, numbers: tuple[str, ...]) -> None:
    assert read(text).numbers == numbers


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Does Anna pay Ben?", {"anna", "ben"}), ("Anna pays", set[str]()), ("I met. Anna pays", set[str]()),
        ("IS ANNA HERE", set[str]()), ("Can I pay", set[str]()), ("is X here", set[str]()),
        ("the McDonald", {"mcdonald"}),
        ("on Monday", set[str]()), ('say "Anna" now', set[str]()),
    ],
)  # fmt: skip
def test_names_are_capitals_inside_a_sentence(text: str, names: set[str]) -> None:
    assert read(text).names == names


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("call f(x, 1) now", ("f(x, 1)",)), ("call a.b(1)", ("a.b(1)",)), ("set my_name", ("my_name",)),
        ("use camelCase", ("camelCase",)), ("run -v --dry-run", ("--dry-run", "-v")), ("open A.PDF", ("A.PDF",)),
        ("a KeyError", ("KeyError",)), ("see https://a.b/c", ("https://a.b/c",)), ("mail a.b@c.de", ("a.b@c.de",)),
        ("is a >= b != c == {}", ("!=", "==", ">=", "{", "}")), ("say `a b` and `c`", ("`a b`", "`c`")),
        ("see\n```\nx\n```", ("```\nx\n```",)), ("a well-known word", ()), ("x" * 81, ("x" * 81,)), ("x" * 80, ()),
    ],
)  # fmt: skip
def test_code_addresses_and_files_are_read_whole(text: str, code: tuple[str, ...]) -> None:
    assert read(text).code == code


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("how do I pay with the card", "en"), ("wie kann ich meine Karte sperren", "de"), ("pay card", ""),
        ("où est la carte que je veux", "fr"), ("donde puedo ver mi cuenta", "es"),
        ("waar kan ik mijn pas vinden", "nl"),
        ("Ωμέγα", "greek"), ("счёт", "cyrillic"), ("שלום", "hebrew"), ("مرحبا", "arabic"), ("नमस्ते", "devanagari"),
        ("สวัสดี", "thai"), ("ひらがな", "kana"), ("漢字", "han"), ("한국어", "hangul"), ("the cafe é", ""),
    ],
)  # fmt: skip
def test_a_language_is_told_by_two_of_its_words_or_one_of_its_letters(text: str, language: str) -> None:
    assert read(text).language == language


@pytest.mark.parametrize(
    ("first", "last", "script"),
    [
        (0x370, 0x3FF, "greek"), (0x400, 0x52F, "cyrillic"), (0x5D0, 0x5EA, "hebrew"), (0x620, 0x6D3, "arabic"),
        (0x904, 0x939, "devanagari"), (0xE01, 0xE46, "thai"), (0x3041, 0x30FF, "kana"), (0x4E00, 0x9FFF, "han"),
        (0xAC00, 0xD7A3, "hangul"),
    ],
)  # fmt: skip
def test_a_script_holds_its_letters_from_the_first_to_the_last(first: int, last: int, script: str) -> None:
    assert read(chr(first)).language == read(chr(last)).language == script


@pytest.mark.parametrize(
    ("text", "denials"),
    [
        ("I do not pay", {2}), ("I don't pay", {1}), ("not never", {0, 1}), ("je ne paie pas", {1}),
        ("je ne a b c pas", {1}), ("je ne a b c d pas", {1, 6}), ("pas", {0}), ("ne pas pas", {0, 2}),
        ("I pay", set[int]()),
    ],
)  # fmt: skip
def test_a_denial_of_two_words_within_four_counts_once(text: str, denials: set[int]) -> None:
    assert read(text).denials == denials
    assert read(text).negations == len(read(text).denials)


def test_what_carries_meaning_and_what_is_particular() -> None:
    reading = read("How do I not send Anna 5 euros on Monday in May?")
    assert {"send", "anna", "monday"} <= reading.content
    assert reading.content.isdisjoint({"how", "not", "5", "on", "in"})
    assert reading.frame == reading.content - {"anna", "monday"}
    assert read("Is a TV x?").content == {"tv"}
    assert reading.currencies == {"eur"}
    assert reading.dates == {"monday", "mai"}
    assert read("It may be").dates == frozenset()
    assert read("May I?").dates == frozenset()
    assert read("$5").currencies == {"usd"}


@pytest.mark.parametrize(
    ("text", "is_known"),
    [
        ("pay", True), ("jak otworzyć", False), ("pay card bill", True), ("pay card bill fast", True),
        ("alpha beta gamma delta epsilon", True), ("alpha beta gamma delta epsilon zeta", False),
        ("the alpha beta gamma delta epsilon", True), ("é alpha beta gamma", False), ("the é beta gamma delta", True),
        ("the é alpha beta gamma delta", False), ("i é alpha beta gamma", False), ("the łódź alpha beta gamma", True),
        ("the łódź alpha beta gamma delta", False),
    ],
)  # fmt: skip
def test_word_lists_are_there_for_a_text_with_frequent_words_of_a_known_language(text: str, is_known: bool) -> None:
    assert read(text).has_word_lists is is_known


# How it is written


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("Is it, (really) so?", ("is", "it", "really", "so")), ("plan B", ("plan", "B")), ("A plan", ("a", "plan")),
        ("is A it", ("is", "A", "it")), ("a - b", ("a", "-", "b")), ("it - so", ("it", "so")), ("-word", ("word",)),
        ("-5", ("-5",)), ("#5 #tag # 5", ("5", "tag", "#", "5")), ("R & D", ("R", "and", "D")), ("./a", ("./a",)),
        ("../a", ("../a",)), ("see /a.", ("see", "/a")), ("f' and 6\"", ("f'", "and", '6"')), ("it\u2019s", ("it's",)),
        ('"word" now', ("word", "now")), ("'a b'", ("a", "b")), ("5 \u2013 3", ("5", "-", "3")), ("...", ()), ("", ()),
    ],
)  # fmt: skip
def test_the_words_of_a_text_without_the_marks_around_them(text: str, tokens: tuple[str, ...]) -> None:
    assert look(text).tokens == tokens


@pytest.mark.parametrize(
    ("text", "symbols"),
    [
        ("C++ or C", ("c++",)), ("a+b", ("a+b",)), ("10% off", ()), ("5\u20ac", ()), ("5\u20b9", ("5\u20b9",)),
        ("x\u00b2", ("x\u00b2",)), ("caf\u00e9", ()), ("\u00bd", ("\u00bd",)), ("word-", ("word-",)),
        ("\u00a7 5", ("\u00a7",)),
        ("\u2308x\u2309", ("\u2308x\u2309",)), ("zero\u200bwidth", ()), ("a\x7fb", ("a\x7fb",)),
        ("a\x01b", ("a\x01b",)),
        ("\u00abword\u00bb", ()), ("12", ()), ("f'", ("f'",)), ("-5", ("-5",)),
    ],
)  # fmt: skip
def test_symbols_are_what_is_neither_letter_digit_nor_a_languages_punctuation(
    text: str, symbols: tuple[str, ...]
) -> None:
    assert look(text).symbols == symbols


def test_letters_that_name_something_and_words_as_they_are_written() -> None:
    seen = look("Is plan B or c open? A plan, I say: US Dollar 5 mW \u00c5re")
    assert seen.letters == ("B", "c")
    assert seen.forms == {
        ("plan", "plan"), ("or", "or"), ("open", "open"), ("say", "say"), ("dollar", "Dollar"), ("mw", "mW"),
        ("5 mw", "5 mW"), ("\u00e5re", "\u00c5re"),
    }  # fmt: skip
    assert ("are", "\u00e5re") in seen.spellings
    assert ("plan", "plan") in seen.spellings
    assert not any(word == "b" for word, _ in seen.spellings)
    assert look("5 mW").forms == {("mw", "mW"), ("5 mw", "5 mW")}
    assert look("5mW").forms == {("5mw", "5mW")}


@pytest.mark.parametrize(
    ("text", "is_shouted", "has_capitals"),
    [
        ("WHERE IS IT", True, True), ("PIN", False, True), ("THE A", False, True), ("IS IT", True, True),
        ("where am I", False, False), ("Where", False, True), ("x", False, False),
    ],
)  # fmt: skip
def test_who_shouts_and_who_uses_capitals(text: str, is_shouted: bool, has_capitals: bool) -> None:
    assert (look(text).is_shouted, look(text).has_capitals) == (is_shouted, has_capitals)


@pytest.mark.parametrize(
    ("text", "foreign"),
    [
        ("Да yes \u03b1", ("да", "\u03b1")), ("\u024f", ()), ("\u0250", ("\u0250",)), ("\u1eff \u1e00", ()),
        ("\u1f00", ("\u1f00",)),
        ("\u2460", ()), ("\u4e00", ("\u4e00",)),
    ],
)  # fmt: skip
def test_letters_beyond_the_latin_ones_are_foreign_to_the_embedder(text: str, foreign: tuple[str, ...]) -> None:
    assert look(text).foreign == foreign


@pytest.mark.parametrize(
    ("text", "layout"),
    [
        ("one line", ()), ("two\nlines", ()), ("if:\n  a\nb", ("", "  ", "")), ("a b\tc", ("", "2 1")), ("\ta", ()),
        ("a\n\n\tb", ("", "\t")), ("  a\nb", ()), ("a\tb\nc d\te", ("", "", "1 1", "2 1")),
    ],
)  # fmt: skip
def test_the_layout_is_how_lines_begin_and_what_stands_between_tabs(text: str, layout: tuple[str, ...]) -> None:
    assert look(text).layout == layout


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ('say "a b." and "c"', ("a b", "c")), ("\u201ea\u201c", ("a",)), ("\u00aba\u00bb", ("a",)),
        ("it's 'a'", ("a",)),
        ("don't 'a' won't", ("a",)), ("'" + "x" * 200 + "'", ("x" * 200,)), ("'" + "x" * 201 + "'", ()),
        ("\u2018a\u2019", ("a",)),
    ],
)  # fmt: skip
def test_what_stands_between_quotation_marks(text: str, quoted: tuple[str, ...]) -> None:
    assert look(text).quoted == quoted


def test_the_writing_of_a_question() -> None:
    writing = writing_of("No, Anna: pay it - now; please.\nWell\u2026 Go, Ben!\n\n!?")
    assert writing.words == ("no", "anna", "pay", "it", "now", "please", "well", "go", "ben")
    assert writing.cased == ("no", "Anna", "pay", "it", "now", "please", "well", "go", "Ben")
    assert writing.lines == (6, 3, 0)
    assert writing.marks == ("-",)
    assert writing.commas == {1, 2, 5, 8}
    assert writing.telling_commas == {1, 8}
    assert not writing.is_plain
    assert not writing.is_about_writing
    assert writing_of("how many letters has it").is_about_writing
    assert writing_of("where am I").is_plain
    assert writing_of("WHERE").is_plain
    assert not writing_of("where is Tom").is_plain


@pytest.mark.parametrize(
    ("one", "other", "differ"),
    [
        ("Is it Co here?", "Is it CO here?", True), ("Is it so?", "is it so", False), ("IS IT CO", "is it Co", False),
        ("a b\nc", "a\nb c", True), ("eat, Anna", "eat Anna", True), ("a, b, c and d", "a, b c and d", False),
        ("a, b c", "a b, c", True),
        ("a , b", "a ; b", True), ("a , b", "a b", False), ("a:b c", "a,b c", True), ("one", "two", False),
        ("how many letters, then", "how many letters then", True), ("How many letters!", "how many letters?", False),
        ("how many letters", "how many  letters", True), ("more, please", "more please", False),
        ("no, more", "no more", True),
    ],
)  # fmt: skip
def test_the_same_words_are_another_question_where_lines_commas_or_capitals_differ(
    one: str, other: str, differ: bool
) -> None:
    assert is_written_otherwise(one, other) is is_written_otherwise(other, one) is differ


@pytest.mark.parametrize(
    "piece",
    [
        "send(mail)", "snake_case", "camelCase", "--verbose", "-v", "report.py", "Report.XLSX", "IOError", "ValueError",
        "KeyException", "https://example", "ann@example.com", "{", "}", "<=", ">", "==", "!=", "os.path.join(a, b)",
    ],
)  # fmt: skip
def test_each_kind_of_code_is_found_by_itself_and_in_a_sentence(piece: str) -> None:
    assert read(piece).code == (piece,)
    assert piece in read(f"what does {piece} do").code


@pytest.mark.parametrize("text", ["", "What does it cost?", "Well-known: yes/no", "IBM and the X-ray", "1.5 %"])
def test_words_are_no_code(text: str) -> None:
    assert read(text).code == ()


@given(st.text(alphabet=" aA1.-_(/:", max_size=12), st.text(alphabet=" aA1.-_)/:", max_size=12))
def test_a_number_is_found_wherever_a_digit_stands(before: str, behind: str) -> None:
    assert any("7" in number for number in read(f"{before}7{behind}").numbers)
