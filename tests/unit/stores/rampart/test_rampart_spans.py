"""Words with probabilities become whole names and addresses; numbers and words in lower case do not."""

import itertools
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thriftgate.stores.rampart.spans import ScoredWord, is_nobody, relies_on_capitals, spans_of, writes_capitals

PERSON, STREET, PLACE = (0.9, 0.0, 0.0), (0.0, 0.9, 0.0), (0.0, 0.0, 0.9)
WEAK, NOTHING = (0.1, 0.0, 0.0), (0.0, 0.0, 0.0)


def found(text: str, *scores: tuple[float, float, float]) -> list[tuple[str, str]]:
    words: list[ScoredWord] = []
    at = 0
    for word, score in zip(text.split(), scores, strict=True):
        at = text.index(word, at)
        words.append(ScoredWord(at, at + len(word.rstrip(",.;")), score))
        at += len(word)
    return [(span.entity_type, text[span.start : span.end]) for span in spans_of(text, words)]


def test_a_name_takes_its_unsure_half_along_and_two_people_stay_two() -> None:
    assert found("Ask Anna Keller today", NOTHING, PERSON, WEAK, NOTHING) == [("PERSON", "Anna Keller")]
    assert found("Anna, Bob", PERSON, PERSON) == [("PERSON", "Anna"), ("PERSON", "Bob")]
    assert found("Stone. Streamed", PERSON, WEAK) == [("PERSON", "Stone")]


def test_a_company_is_nobody() -> None:
    assert found("Johnson Inc. called", PERSON, NOTHING, NOTHING) == []


def test_capitals_with_a_number_are_nobody() -> None:
    assert found("gene BRCA8 variant", PERSON, PERSON, NOTHING) == []
    assert found("Anna Keller 8", PERSON, PERSON, NOTHING) == [("PERSON", "Anna Keller")]


def test_sizes_and_colours_are_no_addresses() -> None:
    for text in ("Größe 24", "size 41"):
        assert found(text, STREET, STREET) == []
    assert found("#62afb0 on hover", STREET, STREET, STREET) == []
    assert found("Ringvej 24", STREET, STREET) == [("ADDRESS", "Ringvej 24")]


def test_a_word_of_payments_is_nobody_unless_it_is_written_as_a_name() -> None:
    for word in ("SWIFT", "swift"):
        assert found(f"transfer with {word} today", NOTHING, NOTHING, PERSON, NOTHING) == []
    assert found("ask Swift today", NOTHING, PERSON, NOTHING) == [("PERSON", "Swift")]
    assert found("ask Taylor SWIFT today", NOTHING, PERSON, PERSON, NOTHING) == [("PERSON", "Taylor SWIFT")]


def test_a_label_with_a_number_and_a_code_are_no_address() -> None:
    for text in (
        "Room 125",
        "Zimmer 481",
        "PLZ 14321",
        "LH 532",
        "WKN 286345",
        "Gleis 5",
        "GO62 QME",
        "Sony A7",
        "7 DSGVO",
    ):
        assert found(text, STREET, STREET) == [], text
    assert found("Room 125, building C, Tuesday 4 pm", *(STREET,) * 7) == []
    for street in ("12 MAIN ST", "12 Main St", "5 Hall Road", "12 Room Street"):
        assert found(street, *(STREET,) * 3) == [("ADDRESS", street)]
    assert found("Hauptweg 5", STREET, STREET) == [("ADDRESS", "Hauptweg 5")]


def test_words_of_programs_and_credentials_are_nobody() -> None:
    for text in ("segfault", "sha256", "apiKey", "NaOH"):
        assert found(f"the {text} today", NOTHING, PERSON, NOTHING) == [], text
    for text in ("keine TAN", "EUR brutto", "SWIFT BTFIESDY", "byta lösenord", "JIRA OZO-6546"):
        assert found(text, PERSON, PERSON) == [], text
    assert found("BIC COBADEFF", NOTHING, PERSON) == []


def test_words_in_lower_case_around_a_full_name_are_no_part_of_it() -> None:
    everything = (PERSON,) * 5
    assert found("wilt Fokje Bakema morgen terugbellen", *everything) == [("PERSON", "Fokje Bakema")]
    assert found("met van der Berg Visser morgen", *everything, PERSON) == [("PERSON", "van der Berg Visser")]
    assert found("Anna de la Cruz.", *everything[:4]) == [("PERSON", "Anna de la Cruz")]
    assert found("anna keller morgen", *everything[:3]) == [("PERSON", "anna keller morgen")]


def test_unsure_words_in_lower_case_are_nobody_where_other_words_have_capitals() -> None:
    doubt, text = (0.5, 0.0, 0.0), "polo de iñigo barrena en Madrid"
    in_two = [NOTHING, NOTHING, doubt, doubt, *[NOTHING] * 4]
    assert found(f"{text} por Iberia", *in_two) == []
    # A city, a brand or an acronym stands in texts of people who write names in lower case.
    assert found(text, *in_two[:6]) == [("PERSON", "iñigo barrena")]
    assert found("polo de iñigo barrena por DHL o New York", *in_two, NOTHING) == [("PERSON", "iñigo barrena")]
    assert found(text.lower(), NOTHING, NOTHING, doubt, doubt, NOTHING, NOTHING) == [("PERSON", "iñigo barrena")]
    assert found("Wijzig ontvanger naar Utrecht", doubt, doubt, NOTHING, NOTHING) == []
    assert found("Vraag Anna Maria in Utrecht", NOTHING, doubt, doubt, NOTHING, NOTHING) == [("PERSON", "Anna Maria")]


def test_no_letter_of_any_script_counts_as_a_capital_in_lower_case() -> None:
    for point in range(sys.maxunicode + 1):
        letter = chr(point)
        if letter.isalpha():
            small = f"of {letter}b to {letter}b".lower()
            assert not writes_capitals(small), hex(point)
            assert not relies_on_capitals(small), hex(point)
            is_capital = (letter.isupper() or letter.istitle()) and letter.lower() != letter
            assert writes_capitals(f"of {letter}b") == is_capital, hex(point)


def test_a_name_with_a_letter_of_central_europe_or_vietnam_in_lower_case_is_no_capital() -> None:
    for name in ("filip říha", "bao đặng", "petra ďurica", "ilse řehák", "άννα ψαρρά", "анна юрьева"):
        text = f"the parcel of {name} today"
        assert found(text, NOTHING, NOTHING, NOTHING, (0.5, 0.0, 0.0), (0.5, 0.0, 0.0), NOTHING) == [("PERSON", name)]


@given(st.text())
def test_a_text_in_lower_case_has_no_capitals(text: str) -> None:
    assert not writes_capitals(text.lower())


def test_the_glue_of_an_address_belongs_to_it() -> None:
    scores = (STREET, STREET, NOTHING, STREET, PLACE, NOTHING, STREET)
    assert found("6750 Koskikatu Apt. 864, Artilleros, CO 64677", *scores) == [
        ("ADDRESS", "6750 Koskikatu Apt. 864, Artilleros, CO 64677")
    ]


def test_who_lives_there_is_no_part_of_the_address() -> None:
    assert found("Elomo\n12 Ringvej", PLACE, STREET, STREET) == [("ADDRESS", "12 Ringvej")]


def test_a_number_is_an_address_only_where_somebody_says_so() -> None:
    assert found("row 53674", STREET, STREET) == []
    assert found("max 4096", NOTHING, STREET) == []
    assert found("zip 90210", NOTHING, STREET) == []
    assert found("my zip 90210", NOTHING, NOTHING, STREET) == [("ADDRESS", "90210")]
    assert found("in Berlin", NOTHING, PLACE) == [("LOCATION", "Berlin")]


@given(
    st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1)), max_size=12),
    st.text(" ab.,\n1A", max_size=40),
)
def test_spans_lie_inside_the_text_and_do_not_overlap_within_a_kind(scores: list[tuple[float, ...]], text: str) -> None:
    words = [ScoredWord(at, at + 1, score) for at, score in zip(range(0, len(text), 2), scores, strict=False)]
    spans = sorted(spans_of(text, words), key=lambda span: span.start)
    assert all(0 <= span.start < span.end <= len(text) for span in spans)
    for kind in ("PERSON", "ADDRESS", "LOCATION"):
        same = [span for span in spans if span.entity_type == kind]
        assert all(one.end <= other.start for one, other in itertools.pairwise(same))


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Mark 0171 2345678", "Mark"), ("June, 555-2671", "June"), ("call Gates 415 555 2671", "Gates"),
        ("Peter Meier Passwort", "Peter Meier Passwort"),("alexa bliss passwort", "alexa bliss passwort"),
    ],
)  # fmt: skip
def test_a_name_before_a_telephone_or_a_word_for_a_password_is_somebody(text: str, name: str) -> None:
    start = text.index(name)
    assert not is_nobody(text, start, start + len(name))


@pytest.mark.parametrize(
    ("text", "word"), [("on June 12", "June"), ("Windows 10", "Windows"), ("keine TAN", "keine TAN")]
)
def test_a_word_with_its_number_is_nobody(text: str, word: str) -> None:
    start = text.index(word)
    assert is_nobody(text, start, start + len(word))
