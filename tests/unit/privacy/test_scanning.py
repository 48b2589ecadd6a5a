"""Long texts are read in windows with pauses, and what is found is what a reading of the whole would have found."""

import re
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.privacy.finding import RECOGNIZERS

from thriftgate.privacy import scanning, views
from thriftgate.privacy.context import Context
from thriftgate.privacy.lookalikes import sifted, without_lookalikes
from thriftgate.privacy.recognizers.cards import CardRecognizer
from thriftgate.privacy.recognizers.patterns import PatternRecognizer
from thriftgate.privacy.recognizers.phones import PhoneRecognizer
from thriftgate.privacy.recognizers.secrets import SecretRecognizer
from thriftgate.privacy.scanning import PAUSE, Scan
from thriftgate.privacy.spans import TextSpan
from thriftgate.privacy.views import privacy_view, view_steps

WHOLE = 1 << 30
PATTERNS = [
    re.compile(one) for one in (r"\d+", r"(?<!\d)\d{2,3}(?!\w)", r"a+b?", r"(?m)^a|b$", r"\Aa|b(?=a)", r"[ab]{1,4} \d?")
]
VALUES = (
    "+49 30 12345678", "(415) 555-2671", "4111 1111 1111 1111", "4111-1111-1111-1111 12", "123-45-6789", "10.20.30.41",
    "DE89 3704 0044 0532 0130 00", "a.b+c@example.com", "2001:db8::1", "password: hunter22!", "Mrs. Anna Schmidt",
    "https://u:pa55wd@host/x", "12 Main Street", "529.982.247-25", "Bearer aB3dE5gH7jK9mN1pQ3sT", "2024-01-02",
    "1234 5678 9012 3450", "+999 12 34 56", "call 12 345 67 89", "João Pereira", "a%40b.de", "&#64;", "?a=b+c&d=e+f",
)  # fmt: skip


@contextmanager
def windows_of(characters: int) -> Generator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scanning, "SCAN_WINDOW", characters)
        patch.setattr(views, "SCAN_WINDOW", characters)
        yield


def found_in(text: str) -> tuple[list[TextSpan], int]:
    """What all recognizers find, in order, and how many pauses they made."""
    given = [span for one in RECOGNIZERS for span in one.find(Context(text))]
    spans = sorted((span for span in given if span is not PAUSE), key=lambda one: (one.start, one.end, one.entity_type))
    return spans, given.count(PAUSE)


@given(st.text("ab12 \n", max_size=60), st.sampled_from(PATTERNS), st.integers(1, 9), st.integers(1, 3))
def test_a_pattern_has_the_same_matches_in_windows_as_in_the_whole(
    text: str, pattern: re.Pattern[str], window: int, most: int
) -> None:
    with windows_of(window), pytest.MonkeyPatch.context() as patch:
        patch.setattr(scanning, "_LOOK_AHEAD", 1)
        found = list(Scan(pattern, text, reach=8, most=most))
    assert [match.span() for match in found if match] == [match.span() for match in pattern.finditer(text)]


def test_a_scan_goes_on_where_it_is_told_to() -> None:
    scan = Scan(re.compile(r"\d\d"), "1234")
    found: list[str] = []
    for match in scan:
        assert match is not None
        found.append(match[0])
        scan.at = match.start() + 1
    assert found == ["12", "23", "34"]


@settings(max_examples=12)
@given(
    st.lists(
        st.tuples(st.sampled_from(VALUES), st.sampled_from((" ", "\n", ", ", "")), st.integers(0, 40)), max_size=30
    ),
    st.integers(1, 300),
)
def test_windows_find_what_the_whole_finds_at_their_borders_too(parts: list[tuple[str, str, int]], window: int) -> None:
    text = "".join(f"{value}{sign}{'x ' * gap}" for value, sign, gap in parts) + "x " * 900
    with windows_of(WHOLE):
        whole, _ = found_in(text)
        view, kept = privacy_view(text), without_lookalikes(text, whole)
    with windows_of(window):
        spans, pauses = found_in(text)
        assert spans == whole
        assert pauses > 0
        assert without_lookalikes(text, spans) == kept
        seen = privacy_view(text)
        assert (seen.text, list(seen.starts), list(seen.ends)) == (view.text, list(view.starts), list(view.ends))


@pytest.mark.parametrize(
    ("find", "value", "every"),
    [
        (PhoneRecognizer(["US", "DE"]).find, "+999 12 34 56 ", 20),
        (CardRecognizer().find, "1234 5678 9012 3450 ", 25),
        (SecretRecognizer().find, "password = x ", 100),
        (PatternRecognizer("PROJECT", [r"\d"], ["project"], 0.9).find, "1 ", 100),
    ],
    ids=["phones", "cards", "secrets", "an operator's own"],
)
def test_a_recognizer_that_finds_nothing_pauses_after_some_candidates(
    find: Callable[[Context], Iterator[TextSpan]], value: str, every: int
) -> None:
    count = 2_000
    given = list(find(Context(value * count)))
    assert given.count(PAUSE) == len(given) >= count // every - 1


def test_one_long_chain_of_digits_has_the_cards_that_its_parts_have() -> None:
    cards = "4111 1111 1111 1111 5500 0000 0000 0004 12 "
    spans = [span for span in CardRecognizer().find(Context(cards * 200)) if span is not PAUSE]
    length = len(cards)
    assert {(span.start % length, span.end % length) for span in spans[:-2]} == {(0, 19), (20, 39)}
    assert len(spans) == 400


def test_views_and_lookalikes_pause_too() -> None:
    escaped = "%41" * 20_000
    assert sum(1 for _ in view_steps(escaped)) >= len(escaped) // scanning.SCAN_WINDOW - 1
    text = "2024-01-02 " * 5_000
    spans = [TextSpan(0, 10, "PHONE_NUMBER", 0.5)]
    assert sum(span is PAUSE for span in sifted(text, spans)) >= len(text) // scanning.SCAN_WINDOW
