"""What a field's name says of its value, and what follows for people."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thriftgate.privacy.context import Context
from thriftgate.privacy.field_names import Field, FieldKind, as_fields_say, field_kind, fields, is_persons_name
from thriftgate.privacy.recognizers.people import PeopleRecognizer, given_names
from thriftgate.privacy.scanning import PAUSE
from thriftgate.privacy.spans import TextSpan

NAME, PERSON, PLACE, THING = FieldKind.NAME, FieldKind.PERSON, FieldKind.PLACE, FieldKind.THING


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("city", PLACE), ("shipping_city", PLACE), ("birthCity", PLACE), ("CITY", PLACE), ("customer.city", PLACE),
        ("city_name", PLACE), ("nom_ville", PLACE), ("country:", PLACE), ("Wohnort", PLACE), ("país", PLACE),
        ("product", THING), ("productName", THING), ("color", THING), ("colour", THING), ("nombre_producto", THING),
        ("customer_product", THING), ("Farbe", THING), ("type: brand:", THING),
        ("first_name", NAME), ("lastName", NAME), ("full name", NAME), ("Nachname", NAME), ("nom_complet", NAME),
        ("apellidos", NAME), ("birth_name", NAME),
        ("name", PERSON), ("customer", PERSON), ("customer_name", PERSON), ("nom_client", PERSON), ("Kunde", PERSON),
        ("reporter", PERSON), ("code_reviewer", PERSON), ("approver_name", PERSON), ("city_manager", PERSON),
        ("createdBy", PERSON), ("created_by_name", PERSON), ("assigned_to", PERSON), ("erstellt_von", PERSON),
        ("creado_por", PERSON), ("toegewezen_aan", PERSON), ("next_of_kin", PERSON), ("father", PERSON),
        ("mother_name", PERSON), ("husband", PERSON), ("Arzt", PERSON), ("MÉDECIN", PERSON), ("moglie", PERSON),
        ("huisarts", PERSON), ("mãe", PERSON), ("fname", NAME), ("user_lname", NAME), ("Größe", THING),
        ("username", None), ("sort_by", None), ("created_by_id", None), ("by", None), ("to", None),
        ("mother_tongue", None), ("city_code", None),
        ("country_code", None), ("product_owner_note", None), ("value", None), ("", None),
        ("items", None), ("title", None), ("_", None), ("12", None),
    ],
)  # fmt: skip
def test_the_last_words_of_a_fields_name_say_what_it_is(name: str, kind: FieldKind | None) -> None:
    assert field_kind(name) is kind


def people(text: str, label: str) -> list[str]:
    spans = (one for one in PeopleRecognizer().find(Context(text, label)) if one is not PAUSE)
    return sorted({text[one.start : one.end] for one in spans})


@pytest.mark.parametrize(
    ("label", "value", "is_found"),
    [
        ("first_name", "Sibylle", True), ("last_name", "Brand", True), ("last_name", "KELLER", True),
        ("full_name", "gisbert rauch", True), ("nachname", "von der Heide", True), ("author", "Maria", True),
        ("first_name", "unknown", False), ("first_name", "N/A", False), ("last_name", "NA", False),
        ("first_name", "string", False), ("first_name", "Vorname", False), ("full_name", "Keller GmbH", False),
        ("last_name", "x" * 100, False), ("first_name", "7351", False), ("name", "PIN", False), ("name", "Blue", False),
        ("last_name", "Lehrer", True), ("full_name", "Tom Driver", True), ("last_name", "Name", False),
        ("full_name", "Customer Name", False), ("reporter", "Anna", True), ("created_by", "Maria", True),
        ("reporter", "Reviewer", False), ("username", "Anna", False), ("lname", "Sommer", True),
        ("customer", "Siemens", False), ("first_name", "<PERSON_1>", False), ("city", "Sibylle", False),
    ],
)  # fmt: skip
def test_a_field_for_a_name_has_one(label: str, value: str, is_found: bool) -> None:
    assert (value in people(value, label)) is is_found


def kept(text: str, label: str, *spans: TextSpan) -> list[TextSpan]:
    within = [one for one in fields(Context(text, label)) if one is not None]
    return [one for one in as_fields_say(spans, within, text) if one is not PAUSE]


def found(text: str, value: str, recognizer: str = "rampart", score: float = 0.76) -> TextSpan:
    start = text.index(value)
    return TextSpan(start, start + len(value), "PERSON", score, recognizer)


def test_a_place_is_a_place_and_a_thing_nobody() -> None:
    bern = found("Bern", "Bern")
    assert [one.entity_type for one in kept("Bern", "city", bern)] == ["LOCATION"]
    assert kept("Bern", "product", bern) == []
    assert kept("Bern", "name", bern) == kept("Bern", "", bern) == kept("Bern", "note", bern) == [bern]


def test_prose_a_title_and_an_operators_own_pattern_are_not_overruled_by_a_fields_name() -> None:
    prose = "the parcel that Anna Keller sent to us"
    assert kept(prose, "item", found(prose, "Anna Keller")) == [found(prose, "Anna Keller")]
    titled = found("Mrs. Keller", "Keller", "people", 0.8)
    assert kept("Mrs. Keller", "city", titled) == [titled]
    own = found("Bern", "Bern", "staff", 0.6)
    assert kept("Bern", "city", own) == [own]
    account = TextSpan(0, 4, "IBAN_CODE", 1.0, "ibans")
    assert kept("Bern", "city", account) == [account]


@pytest.mark.parametrize(
    ("label", "value", "person", "stays"),
    [
        ("product", "gift for Anna Meier", "Anna Meier", True), ("state", "assigned to Anna Meier", "Anna Meier", True),
        ("destination", "Anna Meier, Bahnhofstr. 3", "Anna Meier", True), ("day", "Anna Meier 30", "Anna Meier", True),
        ("article", "Anna Meier wins award", "Anna Meier", True), ("departure", "Anna Meier 9:00", "Anna Meier", True),
        ("product", "gift for Anna", "Anna", True), ("product", "Geschenk an Anna", "Anna", True),
        ("destination", "casa de Ana", "Ana", True), ("city", "Santa Clara 送给", "Santa Clara", True),
        ("city", "Bern Basel Chur Wil", "Bern", True), ("product", "Anna Meier GmbH Bern", "Anna Meier", True),
        ("product", "San Diego Shirt", "San Diego", True), ("product", "Rio de Janeiro", "Janeiro", True),
        ("city", "Bern.", "Bern", False), ("city", '"Bern" ', "Bern", False), ("city", "Bad Ems", "Ems", False),
        ("city", "Rio de Janeiro", "Janeiro", False), ("city", "3011 Bern", "Bern", False),
        ("city", "Houston, Texas", "Houston", False), ("city", "Santa Clara, CA", "Santa Clara", False),
        ("city", "Frankfurt am Main", "Frankfurt", False), ("product", "Golf 7", "Golf", False),
        ("product", "Air Jordan", "Jordan", False), ("product", "Chelsea Boots", "Chelsea Boots", False),
    ],
)  # fmt: skip
def test_only_a_name_that_is_all_that_stands_there_is_a_place_or_a_thing(
    label: str, value: str, person: str, stays: bool
) -> None:
    one = found(value, person)
    assert (kept(value, label, one) == [one]) is stays


def test_a_tables_columns_are_fields_and_a_key_is_no_value() -> None:
    table = 'id,last_name,city\n1,"Brand",Bern\n2,Pike,"Nancy"\n3,unknown,Essen\n'
    assert people(table, "") == ["Brand", "Pike"]
    spans = [found(table, one) for one in ("Brand", "Bern", "Pike", "Nancy")]
    assert [one.entity_type for one in kept(table, "", *spans)] == ["PERSON", "LOCATION", "PERSON", "LOCATION"]
    assert kept("Marke", "", found("Marke", "Marke")) == []
    assert kept("Brand", "last_name", found("Brand", "Brand")) == [found("Brand", "Brand")]


@given(st.text(), st.text(), st.sampled_from([*FieldKind]))
def test_whatever_is_written_nothing_is_raised_and_a_field_lies_in_its_text(
    text: str, label: str, kind: FieldKind
) -> None:
    for one in fields(Context(text, label)):
        assert one is None or 0 <= one.start <= one.end <= len(text)
    is_persons_name(text, kind, given_names())
    assert isinstance(field_kind(text), FieldKind | None)


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=5), st.sampled_from([*FieldKind]))
def test_what_is_outside_of_every_field_stays(places: list[tuple[int, int]], kind: FieldKind) -> None:
    text = "a" * 100
    spans = [TextSpan(50 + min(one), 50 + max(one), "PERSON", 0.5, "rampart") for one in places]
    assert list(as_fields_say(spans, [Field(kind, 0, 40)], text)) == spans
