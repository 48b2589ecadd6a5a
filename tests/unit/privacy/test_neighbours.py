"""A value is found whatever stands beside it: an amount, a unit, a version, an identifier, another number."""

import string

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.unit.privacy.finding import found

from thriftgate.privacy.lookalikes import without_lookalikes
from thriftgate.privacy.recognizers.cards import luhn_holds
from thriftgate.privacy.spans import TextSpan

BEFORE = (
    "", "EUR ", "USD ", "$50, ", "€50 ", "50 EUR ", "GBP 20: ", "node ", "api ", "sdk ", "python ", "doi ", "ean ",
    "upc ", "isbn ", "arxiv ", "the ocean ", "version 1.2.3, ", "v2 ", "build ", "10% ", "3 kg ", "5 km ", "12 ",
    "7. ", "order 5: ", "invoice 88, ", "the order was paid by ", "case closed. ", "on 2026-03-04 ", "at 10:15 ",
    "54.123456, ", "release notes; ", "prev ", "€ 5, ", "I paid ", "it is valid: ", "a showcase ",
)  # fmt: skip
AFTER = (
    "", " EUR", " USD 50", ", $50", " €50", "€", "$", " 50 EUR", " GBP 20", " INR", ", 20%", " %", " kg", " 5 km",
    " 12", ", 12", " 5 minutes ago", " version 1.2", " v2", " node 3", " api", " doi", " isbn 3", " order 7",
    " for invoice 88", " on 2026-03-04", " 2026-03-04", " 10:15", " 50.123456", ".", ")", " x", " usd", " 00",
    ", 4 times",
)  # fmt: skip
PHONES = ("4155552671", "(415) 555-2671", "415-555-2671", "415.555.2671", "01712345678", "0171 2345678",
          "06 12 34 56 78", "020 7946 0958", "07700 900123", "612 345 678", "0171/2345678")  # fmt: skip
INTERNATIONAL = ("+491712345678", "+1 415 555 2671", "+1 (415) 555-2671", "+33 6 12 34 56 78", "+44 20 7946 0958")


def _card(prefix: str, rest: str) -> str:
    body = f"{prefix}{rest}"
    return next(body + digit for digit in string.digits if luhn_holds(body + digit))


digits = st.text(string.digits, min_size=14, max_size=14)
cards = st.one_of(
    digits.map(lambda rest: _card("4", rest)),
    digits.map(lambda rest: _card("51", rest[:13])),
    digits.map(lambda rest: _card("37", rest[:12])),
)
grouped_cards = cards.filter(lambda card: len(card) == 16).map(
    lambda card: "-".join(card[at : at + 4] for at in range(0, 16, 4))
)
octet = st.integers(1, 254).filter(lambda part: part not in (127, 255))
addresses = st.tuples(octet, octet, octet, octet).map(lambda parts: ".".join(map(str, parts)))
passwords = st.tuples(st.text(string.ascii_lowercase, min_size=4, max_size=9), st.integers(10, 99)).map(
    lambda parts: f"{parts[0]}{parts[1]}"
)
social = st.tuples(st.integers(100, 665), st.integers(10, 99), st.integers(1000, 9999))
NAMED = {
    "card": cards.map(lambda value: ("my card is ", value)),
    "grouped card": grouped_cards.map(lambda value: ("my card ", value)),
    "phone": st.sampled_from(PHONES).map(lambda value: ("my phone is ", value)),
    "call": st.sampled_from([*PHONES, *INTERNATIONAL]).map(lambda value: ("please call ", value)),
    "SSN": social.map(lambda parts: ("my SSN: ", f"{parts[0]}{parts[1]}{parts[2]}")),
    "grouped SSN": social.map(lambda parts: ("SSN ", f"{parts[0]}-{parts[1]}-{parts[2]}")),
    "address": addresses.map(lambda value: ("my ip is ", value)),
    "IBAN": st.sampled_from(["DE89370400440532013000", "GB82 WEST 1234 5698 7654 32"]).map(
        lambda value: ("my account is ", value)
    ),
    "mail": st.just(("write to ", "anna.k7@mail.example.org")),
    "password": passwords.map(lambda value: ("my password is ", value)),
}
"""With the words that name them."""
BARE = {
    "card": cards,
    "grouped card": grouped_cards,
    "international phone": st.sampled_from(INTERNATIONAL),
    "telephone's punctuation": st.sampled_from(["(415) 555-2671", "06 12 34 56 78", "020 7946 0958"]),
    "grouped SSN": social.map(lambda parts: f"{parts[0]}-{parts[1]}-{parts[2]}"),
    "IBAN": st.sampled_from(["DE89370400440532013000", "GB82 WEST 1234 5698 7654 32"]),
    "mail": st.just("anna.k7@mail.example.org"),
}
"""Whose form is enough."""
OTHER_NUMBERS = frozenset({"ean ", "upc ", "isbn ", "build "})
"""Behind which a bare number is what they say."""


def is_covered(text: str, start: int, end: int) -> bool:
    """Every character of the value is in a finding."""
    hidden, at = set[int](), 0
    for _, cut in found(text, min_score=0.3):
        at = text.index(cut, at)
        hidden |= set(range(at, at + len(cut)))
        at += len(cut)
    return all(place in hidden for place in range(start, end))


@pytest.mark.parametrize("value", NAMED.values(), ids=NAMED)
@given(data=st.data(), before=st.sampled_from(BEFORE), after=st.sampled_from(AFTER))
def test_a_named_value_is_found_beside_anything(
    value: st.SearchStrategy[tuple[str, str]], data: st.DataObject, before: str, after: str
) -> None:
    name, written = data.draw(value)
    text = f"{before}{name}{written}{after}"
    start = len(before) + len(name)
    assert is_covered(text, start, start + len(written)), text


@pytest.mark.parametrize("value", BARE.values(), ids=BARE)
@given(data=st.data(), before=st.sampled_from(BEFORE), after=st.sampled_from(AFTER))
def test_a_value_whose_form_is_enough_is_found_beside_anything(
    value: st.SearchStrategy[str], data: st.DataObject, before: str, after: str
) -> None:
    written = data.draw(value)
    if before in OTHER_NUMBERS and written.replace(" ", "").isdigit():
        before = ""
    text = f"{before}{written}{after}"
    assert is_covered(text, len(before), len(before) + len(written)), text


@given(address=addresses, before=st.sampled_from(["node ", "our api ", "python ", "https://", "host=", "EUR ", "doi "]))
@example(address="10.20.30.41", before="build ")
@example(address="203.0.113.77", before="version ")
@example(address="203.0.113.77", before="in the release. ")
def test_an_address_of_a_machine_is_one_behind_any_word_but_a_versions(address: str, before: str) -> None:
    assert is_covered(f"{before}{address} is down", len(before), len(before) + len(address))


@pytest.mark.parametrize(
    ("text", "part", "stays"),
    [
        ("api 6.63.4 on kernel 6.44.0.43", "6.63.4 on kernel 6", False),
        ("docker run -u 8746:6758 -p 80 app", "docker run -u 8746:6758", False),
        ("we paid 45748 EUR for node 60.23.1", "45748 EUR for node 60.23.1", False),
        ("doi 10.4711/658274 and arXiv 2301.46287", "4711/658274 and arXiv 2301", False),
        ("12 main street 50 EUR", "12 main street 50", True),
        ("Main Street 50 EUR", "Main Street 50", True),
        ("10 EUR, 5 oak lane", "5 oak lane", True),
        ("oak lane", "oak lane", True),
    ],
)
def test_an_address_of_which_every_number_is_something_elses_is_none(text: str, part: str, stays: bool) -> None:
    span = TextSpan(text.index(part), text.index(part) + len(part), "ADDRESS", 0.95)
    assert bool(without_lookalikes(text, [span])) is stays


@pytest.mark.parametrize("before", ["€50 ", "my card, €50 ", "50 "])
def test_a_card_is_whole_though_what_stands_before_it_makes_a_checksum_with_its_beginning(before: str) -> None:
    text = f"{before}5131-3231-1292-0001"
    assert is_covered(text, len(before), len(text))


@pytest.mark.parametrize(
    "text", ["UPS driver Tom 0151 2345 6789", "Hermes Frau Meier 0151 2345 6789", "DHL Fahrer: 0151 23456789"]
)
def test_the_telephone_of_who_brings_a_parcel_is_no_number_of_one(text: str) -> None:
    assert "PHONE_NUMBER" in [kind for kind, _ in found(text)]


@pytest.mark.parametrize("text", ["DPD parcel no. 0151 2345 6789", "DHL Sendungsnummer 0034 0434 1234 5678"])
def test_the_number_of_a_parcel_is_no_telephone(text: str) -> None:
    assert found(text) == []
