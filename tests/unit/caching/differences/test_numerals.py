"""Numbers that are written out: every step of the table, and how longer words are made of them."""

import pytest

from thriftgate.caching.differences.numerals import number_of

STEPS = {
    2: "two zwei dois", 3: "three drie", 4: "four cuatro", 5: "five vijf", 6: "six sechs", 7: "seven sete",
    8: "eight huit", 9: "nine nueve", 10: "ten dieci", 11: "eleven onze", 12: "twelve dozen", 13: "thirteen treize",
    14: "fourteen quattordici", 15: "fifteen quindici", 16: "sixteen dieciséis", 17: "seventeen dezassete",
    18: "eighteen achttien", 19: "nineteen dezenove", 20: "twenty vingts", 30: "thirty dreissig", 40: "forty veertig",
    50: "fifty cinquanta", 60: "sixty sessenta", 70: "seventy septante", 80: "eighty oitenta", 90: "ninety noventa",
    100: "hundred cien", 200: "doscientos duecento", 300: "trescientos", 500: "quinhentos", 1000: "thousand mil",
    1_000_000: "million", 1_000_000_000: "billion", 1_000_000_000_000: "trillion", 0.5: "half demie",
    0.25: "quarter kwart", 0.75: "dreiviertel",
}  # fmt: skip


@pytest.mark.parametrize(("value", "words"), STEPS.items())
def test_each_number_has_its_words(value: float, words: str) -> None:
    assert {number_of(word) for word in words.split()} == {f"{value:g}" if value < 1 else str(int(value))}


@pytest.mark.parametrize(
    ("word", "number"),
    [
        ("twenty-one", "21"), ("twenty-un", "21"), ("quatre-vingt-dix", "90"), ("vingt-et-un", "21"),
        ("six-hundred-and-two", "602"), ("two-thousand", "2000"), ("one-hundred", "100"), ("ten-ten", "20"),
        ("einundzwanzig", "21"), ("neunundneunzig", "99"), ("dreiunddreißig", "33"), ("eenentwintig", "21"),
        ("drieëndertig", "33"), ("zweihundert", "200"), ("einhundert", "100"), ("fünftausend", "5000"),
        ("tweeduizend", "2000"), ("seiscientos", "600"), ("ottocento", "800"), ("duemila", "2000"),
        ("tremila", "3000"), ("seimila", "6000"), ("veintiuno", "21"), ("veintitrés", "23"), ("veintiséis", "26"),
        ("veintidós", "22"), ("ventidue", "22"), ("ventuno", "21"), ("trentasei", "36"), ("ventitré", "23"),
        ("quarantotto", "48"), ("novantanove", "99"), ("zweiundvierzig", "42"),
    ],
)  # fmt: skip
def test_a_longer_word_is_made_of_numbers(word: str, number: str) -> None:
    assert number_of(word) == number


@pytest.mark.parametrize(
    "word", ["one", "due", "sei", "un", "word", "well-known", "half-ten", "ten-half", "and", "ventword", "-", "twenty-"]
)
def test_a_word_that_counts_nothing_by_itself_or_has_a_part_that_is_none_is_no_number(word: str) -> None:
    assert number_of(word) == ""


def test_a_word_of_forty_letters_is_looked_at_and_a_longer_one_is_not() -> None:
    forty = "thirteen-thirteen-thirteen-hundred-seven"
    assert len(forty) == 40
    assert number_of(forty) == "3907"
    assert number_of(forty.replace("seven", "eleven")) == ""
