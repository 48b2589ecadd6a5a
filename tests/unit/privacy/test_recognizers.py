"""Values in the contexts that real requests have, and what only looks like them."""

import pytest
from tests.unit.privacy.finding import found

from thriftgate.privacy.recognizers.cards import is_card, luhn_holds
from thriftgate.privacy.recognizers.ibans import checksum_holds

CARDS = [
    "4111111111111111", "5555555555554444", "2221000000000009", "378282246310005", "6011111111111117",
    "3530111333300000", "30569309025904", "6304000000000000", "501800000009", "213100000000001",
    "4000000000000000006", "6200000000000005",
]  # fmt: skip
KEYS = [
    "AKIA|IOSFODNN7EXAMPLE", "ghp_|16C7e42F292c6912E7710c838347Ae178B4a", "sk-ant|-api03-R2D2c3poR2D2c3poR2D2",
    "sk-|proj-Zk3T8vQm2LxYw9Bn5Rd7Fh1J", "xoxb|-2345678901-abcdefGHIJKL", "AIza|SyD-9tSrke72PouQMnMX-a7eZSW0jkFMBWY",
    "eyJ|hbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
    "glpat|-xYz12345678901234567", "hf_|AbCdEfGhIjKlMnOpQrStUvWxYz012345",
    "SG|.ngeVfQFYQlKU0ufo8x5d1A.TwL2iGABf9DHoTf-09kqeF8tAmbihYzrnopKc-1s5cr",
    "npm_|aB3dE5fG7hI9jK1lM3nO5pQ7rS9tU1vW3xY5", "sk_live|_4eC39HqLyjWDarjtT1zdp7dc",
]  # fmt: skip
"""Made up; the stroke keeps the repository's own search for credentials from finding them."""


@pytest.mark.parametrize("card", CARDS)
def test_a_card_of_every_range_is_found(card: str) -> None:
    assert is_card(card) or not luhn_holds(card), "the table's own card is wrong"
    assert found(f"my card is {card}.") == [("CREDIT_CARD", card)]


@pytest.mark.parametrize(
    "written", ["4111 1111 1111 1111", "4111-1111-1111-1111", "4111.1111.1111.1111", "3782 822463 10005"]
)
def test_a_card_in_groups_is_found(written: str) -> None:
    assert found(f"paid with {written}, thanks") == [("CREDIT_CARD", written)]


def test_a_card_in_groups_is_none_of_the_numbers_that_it_stands_behind() -> None:
    assert found("Please refund invoice: 4111-1111-1111-1111") == [("CREDIT_CARD", "4111-1111-1111-1111")]
    assert found("order 3782 822463 10005") == [("CREDIT_CARD", "3782 822463 10005")]
    assert found("invoice: 4111111111111111") == []


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ('{"card":"{\\"number\\":\\"4111111111111111\\"}"}', "CREDIT_CARD", "4111111111111111"),
        ("https://pay.example/x?card=4111+1111+1111+1111&a=1", "CREDIT_CARD", "4111+1111+1111+1111"),
        (
            "https://pay.example/x?iban=DE89%203704%200044%200532%200130%2000",
            "IBAN_CODE",
            "DE89%203704%200044%200532%200130%2000",
        ),
        ("iban de89370400440532013000 please", "IBAN_CODE", "de89370400440532013000"),
        ("GB82 WEST 1234 5698 7654 32", "IBAN_CODE", "GB82 WEST 1234 5698 7654 32"),
        ("see https://x.example/?email=alice%40example.com&b=2", "EMAIL_ADDRESS", "alice%40example.com"),
        ("see https://x.example/?email=alice@example.com&b=2", "EMAIL_ADDRESS", "alice@example.com"),
        ('{"m":"alice\\u0040example.com"}', "EMAIL_ADDRESS", "alice\\u0040example.com"),
        ("mail alice [at] example [dot] com", "EMAIL_ADDRESS", "alice [at] example [dot] com"),
        ('user = "bob.o\'neil+tag@mail.example.co.uk"', "EMAIL_ADDRESS", "bob.o'neil+tag@mail.example.co.uk"),
        ("http://x.example/?phone=%2B49+171+2345678", "PHONE_NUMBER", "%2B49+171+2345678"),
        ("call +1 (415) 555-2671 now", "PHONE_NUMBER", "+1 (415) 555-2671"),
        ("my number is (415) 555-2671", "PHONE_NUMBER", "(415) 555-2671"),
        ("Telefon 0171 2345678", "PHONE_NUMBER", "0171 2345678"),
        ("name,phone\nAl,4155552671", "PHONE_NUMBER", "4155552671"),
        ("SSN 219-09-9998", "US_SSN", "219-09-9998"),
        ("ssn=219099998", "US_SSN", "219099998"),
        ("from 203.0.113.77 today", "IP_ADDRESS", "203.0.113.77"),
        ("addr 2001:db8:85a3::8a2e:370:7334", "IP_ADDRESS", "2001:db8:85a3::8a2e:370:7334"),
        ("postgres://app:s3cr3t@db:5432/x", "SECRET", "s3cr3t"),
        ("PASSWORD=hunter22", "SECRET", "hunter22"),
        ("id,api_key,state\n1,ab$Cd9efGh7k,open", "SECRET", "ab$Cd9efGh7k"),
        ("my password is Tr0ub4dor", "SECRET", "Tr0ub4dor"),
        ("Authorization: Bearer 9aF3kLmN0pQrStUvWxYz", "SECRET", "9aF3kLmN0pQrStUvWxYz"),
    ],
)
def test_a_value_is_found_whole_wherever_it_stands(text: str, kind: str, value: str) -> None:
    assert (kind, value) in found(text)


@pytest.mark.parametrize("key", [key.replace("|", "") for key in KEYS])
def test_a_providers_key_is_found_by_its_shape(key: str) -> None:
    assert ("SECRET", key) in found(f"use {key} for that")


def test_a_private_key_is_found_to_its_last_line() -> None:
    pem = "-----BEGIN RSA " + "PRIVATE KEY-----\nMIIEow\nIBAAKC\n-----END RSA " + "PRIVATE KEY-----"
    assert found(f"here:\n{pem}\nthanks") == [("SECRET", pem)]


def test_a_key_names_the_value_under_it() -> None:
    assert found("219099998", label="ssn") == [("US_SSN", "219099998")]
    assert found("hunter22!", label="db_password") == [("SECRET", "hunter22!")]
    assert found("4155552671", label="phone") == [("PHONE_NUMBER", "4155552671")]


@pytest.mark.parametrize(
    "text",
    [
        "550e8400-e29b-41d4-a716-446655440000",
        "order 4111111111111111",
        "tracking number 9400111899223197428497",
        "commit 9fceb02d0ae598e95dc970b74767f19372d61af8",
        "version 1.2.3.4 and v10.20.30.40",
        "2024-01-15T10:00:00Z, 2024/01/15, 15.01.2024",
        "we sold 1,234,567 units for $12,345,678.90",
        "ISBN 978-3-16-148410-0",
        "lat -33.868820, 151.209290",
        "git@github.com:org/repo.git and icon@2x.png and react@18.2.0",
        "127.0.0.1 0.0.0.0 255.255.255.0",
        "order 112-7654321-1234567",
        "std::vector<int> a::b, 12:30:45, 00:1B:44:11:3A:B7",
        "max_tokens: 4096, tokens=15000, password is required, password: <your-password>",
        "the primary key is 12345 and the token limit is 4000",
        "invoice 20240115123",
        "SKU 1234-5678-9012",
        "epoch 1700000000000",
        "call 911 or 112",
    ],
)
def test_what_only_looks_like_a_value_is_left_alone(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("phone of Khalid: 202-555-0143", "202-555-0143"),
        ("text Astrid 202-555-0143", "202-555-0143"),
        ("phone of Khalid: 0171 1234567", "0171 1234567"),
        ("for Khalid: 4111111111111111", "4111111111111111"),
        ("prepaid 4111111111111111", "4111111111111111"),
        ("Sigrid 4111111111111111", "4111111111111111"),
    ],
)
def test_a_name_or_word_that_ends_in_id_names_no_identifier(text: str, value: str) -> None:
    assert value in [cut for _, cut in found(text)]


@pytest.mark.parametrize(
    "name", ["id", "ID:", "userId", "USERID", "order-id", "fooBarId=", "foo_id:", "Kunden-ID", "widgetID", "uuid"]
)
def test_the_name_of_an_identifier_is_one_in_every_spelling(name: str) -> None:
    assert found(f"{name} 4111111111111111") == []


def test_checksums_refuse_a_changed_digit() -> None:
    assert luhn_holds("4111111111111111")
    assert not luhn_holds("4111111111111112")
    assert checksum_holds("DE89370400440532013000")
    assert not checksum_holds("DE89370400440532013001")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Falei com João Pereira na segunda-feira", "João Pereira"),
        ("Kan Femke de Vries erbij?", "Femke de Vries"),
        ("Mrs. Ástríður Steinarsdóttir called", "Ástríður Steinarsdóttir"),
        ("Guten Tag, mein Name ist Wolfram Zschäpitz.", "Wolfram Zschäpitz"),
        ("Dear Ms. O'Neill-Smith, thank you", "O'Neill-Smith"),
    ],
)
def test_an_announced_or_common_name_is_found(text: str, name: str) -> None:
    assert ("PERSON", name) in found(text)


@pytest.mark.parametrize(
    "text",
    [
        "my parcel is late\nBest,\n|Wenzel Ostrander|\nSent from my iPhone", "MfG\n\n|Swanhild Petersen|",
        "Met vriendelijke groet,\r\n|Baukje van der Wal|",
        "[10:42] |Wenzel Ostrander|: where is it?\n[10:43] Agent: wait",
        "2024-05-01 10:42 PM - |Wenzel Ostrander|: where is it?",
    ],
)  # fmt: skip
def test_a_full_name_below_a_closing_or_before_what_is_said_is_found(text: str) -> None:
    assert {cut for kind, cut in found(text.replace("|", "")) if kind == "PERSON"} == {text.split("|")[1]}


@pytest.mark.parametrize(
    "text",
    [
        "Thanks\nSupport Team", "[10:43] Order Status: shipped", "12:30 Berlin Hauptbahnhof: late",
        "Thanks,\nSent from Outlook",
        "Regards,\nAcme Billing GmbH", "Best\nPractices For Teams", "Thanks\nShip it to Reims please",
        "[10:43] Agent: wait",
    ],
)  # fmt: skip
def test_what_stands_there_and_is_nobody_stays(text: str) -> None:
    assert [cut for kind, cut in found(text) if kind == "PERSON"] == []


@pytest.mark.parametrize(
    "text", ["Dear Customer Support,", "Dear Sir or Madam", "Will you mark it?", "Victoria Station", "Rose"]
)
def test_a_salutation_to_nobody_names_nobody(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("PSC 7951, Box 9972\nAPO AA 69974", "PSC 7951, Box 9972\nAPO AA 69974"),
        ("send it to Apt. 42", "Apt. 42"),
        ("12 Main Street is where I live", "12 Main Street"),
        ("Ich wohne Lindenstraße 5, 10115 Berlin", "Lindenstraße 5, 10115 Berlin"),
        ("vivo en la calle Mayor 12", "calle Mayor 12"),
    ],
)
def test_the_shape_of_an_address_is_found_without_a_model(text: str, part: str) -> None:
    assert ("ADDRESS", part) in found(text)
