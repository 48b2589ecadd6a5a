"""Whom a client asks for, in books and traces."""

from thriftgate.identity.shown import ShownNames


def test_a_name_is_shown_until_somebody_hides_names() -> None:
    assert ShownNames().shown("anna@example.com") == "anna@example.com"


def test_a_hidden_name_is_one_word_for_one_person_and_shown_once_it_is_nobodys() -> None:
    names = ShownNames()
    names.hide_unless_known(lambda name: f"person#{len(name)}")
    assert names.shown("anna@example.com") == names.shown("anna@example.com") == "person#16"
    names.note("customer-4711", is_personal=False)
    assert names.shown("customer-4711") == "customer-4711"
    names.note("customer-4711", is_personal=True)
    assert names.shown("customer-4711") == "person#13"
    names.note("customer-4711", is_personal=False)
    assert names.shown("customer-4711") == "person#13", "a model without a policy finds nobody anywhere"


def test_what_is_known_is_bounded_and_forgotten_names_are_hidden() -> None:
    names = ShownNames()
    names.hide_unless_known(lambda name: "person#")
    for number in range(20_001):
        names.note(f"c{number}", is_personal=False)
    assert names.shown("c0") == "person#"
    assert names.shown("c1") == "c1"
