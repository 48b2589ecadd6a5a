"""Numbers that states give out are found by their checksums, and left alone when one digit is another."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thriftgate.privacy.context import Context
from thriftgate.privacy.kinds import DEFAULT_KINDS, OWN_KINDS
from thriftgate.privacy.recognizers.national_numbers import NATIONAL_KINDS, NationalNumberRecognizer

NUMBERS = [
    ("DE_TAX_ID", "Meine Steuer-ID: {}", "86095742719", "86 095 742 719"),
    ("FR_NIR", "numéro de sécurité sociale {}", "255081416802538", "2 55 08 14 168 025 38"),
    ("NL_BSN", "mijn BSN is {}", "111222333", "111.222.333"),
    ("PT_NIF", "o meu NIF: {}", "123456789", "PT123456789"),
    ("BR_CPF", "CPF {}", "52998224725", "529.982.247-25"),
    ("BR_CNPJ", "CNPJ: {}", "11222333000181", "11.222.333/0001-81"),
]
numbers = pytest.mark.parametrize(("kind", "said", "plain", "grouped"), NUMBERS)


def found(kind: str, text: str, label: str = "") -> list[str]:
    return [text[span.start : span.end] for span in NationalNumberRecognizer(kind).find(Context(text, label))]


@numbers
def test_a_number_is_found_in_groups_anywhere_and_as_digits_beside_its_name(
    kind: str, said: str, plain: str, grouped: str
) -> None:
    assert found(kind, said.format(plain)) == [plain]
    assert found(kind, f"so {grouped}, please") == [grouped]
    assert found(kind, f"order {plain}") == []
    assert found(kind, plain, label=kind.split("_")[1].lower() if kind != "DE_TAX_ID" else "tax_id") == [plain]


@numbers
def test_another_digit_makes_it_none(kind: str, said: str, plain: str, grouped: str) -> None:
    for text in (plain, grouped):
        for at, digit in enumerate(text):
            if digit.isdigit():
                other = f"{text[:at]}{(int(digit) + 1) % 10}{text[at + 1 :]}"
                assert found(kind, said.format(other)) == []


def test_corsicas_departments_have_a_letter() -> None:
    body = "185082B001123"
    check = 97 - int(body.replace("2B", "18")) % 97
    assert found("FR_NIR", f"sécu {body}{check:02}") == [f"{body}{check:02}"]


@pytest.mark.parametrize(
    ("kind", "said", "number"),
    [
        ("PT_NIF", "NIF {}", "451234561"),
        ("PT_NIF", "NIF {}", "123.456.789"),
        ("BR_CPF", "CPF {}", "529982247-25"),
        ("BR_CPF", "CPF {}", "529 982 247 25"),
        ("BR_CPF", "CPF {}", "529.982.247\u201325"),
        ("FR_NIR", "NIR {}", "2550814168025 38"),
        ("FR_NIR", "NIR {}", "2\u00a055\u00a008\u00a014\u00a0168\u00a0025\u00a038"),
        ("FR_NIR", "NIR {}", "2.55.08.14.168.025.38"),
        ("NL_BSN", "BSN is {}", "111 222 333"),
        ("NL_BSN", "BSN is {}", "1112 22 333"),
        ("NL_BSN", "BSN 7 {}", "111222333"),
        ("BR_CNPJ", "CNPJ {}", "11222333/0001-81"),
        ("DE_TAX_ID", "IdNr. {}", "86/095/742/719"),
        ("BR_CNPJ", "CNPJ {}", "12ABC34501DE35"),
        ("BR_CNPJ", "CNPJ {}", "12abc345/01de-35"),
        ("BR_CNPJ", "so {}", "12.ABC.345/01DE-35"),
    ],
)
def test_beside_its_name_a_number_is_found_however_its_digits_are_grouped(kind: str, said: str, number: str) -> None:
    assert found(kind, f"{said.format(number)}, please") == [number]
    last = int(number[-1])
    assert found(kind, f"{said.format(f'{number[:-1]}{(last + 1) % 10}')}, please") == []


def test_without_its_name_a_number_in_strange_groups_is_none() -> None:
    for kind, number in (("NL_BSN", "111 222 333"), ("BR_CPF", "529982247-25"), ("BR_CNPJ", "12ABC34501DE35")):
        assert found(kind, f"order {number}") == []


def test_they_are_off_until_they_are_asked_for() -> None:
    assert set(NATIONAL_KINDS) <= set(OWN_KINDS)
    assert not set(NATIONAL_KINDS) & set(DEFAULT_KINDS)


@given(st.sampled_from(NATIONAL_KINDS), st.text(alphabet="0123456789 .-/bsnPT", max_size=80))
def test_whatever_is_found_has_the_digits_of_one(kind: str, text: str) -> None:
    for value in found(kind, text):
        assert 9 <= sum(character.isdigit() for character in value) <= 15
