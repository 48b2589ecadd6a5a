"""Who does it to whom, and what stands where: the parts of which the guard against swapped roles is made."""

import pytest

from thriftgate.caching.differences.order import (
    _are_phrases_swapped,  # pyright: ignore[reportPrivateUsage]
    _core,  # pyright: ignore[reportPrivateUsage]
    _forms,  # pyright: ignore[reportPrivateUsage]
    _is_phrase_moved,  # pyright: ignore[reportPrivateUsage]
    _kinds,  # pyright: ignore[reportPrivateUsage]
    _owned,  # pyright: ignore[reportPrivateUsage]
    _parts,  # pyright: ignore[reportPrivateUsage]
    _places,  # pyright: ignore[reportPrivateUsage]
    _sides,  # pyright: ignore[reportPrivateUsage]
    is_done_by_another,
    is_told_of_others,
    is_turned_round,
)
from thriftgate.caching.differences.reading import read
from thriftgate.caching.differences.surface import look


@pytest.mark.parametrize(
    ("left", "right", "turned"),
    [
        ("who reviews the contract?", "who reviews a contract?", False),
        ("who did the agent call?", "who called the agent?", True),
        ("who pays the agent of the buyer?", "who pays the buyer of the agent?", True),
        ("can i sue my landlord?", "can my landlord sue me?", True),
        ("is it Anna's friend Ben", "is it Ben's friend Anna", True),
        ("is it Anna's friend Ben", "is it Anna's Ben friend", False),
        ("is it Anna's friend Ben", "is it Ben friend Anna", False),
        ("is it Anna's old friend Ben", "is it Ben's friend Anna", False),
        ("it's Anna friend Ben", "that's Ben friend Anna", False),
        ("can i see Tom", "can Ann see me", False),
        ("can i see Tom", "can Tom see me", True),
    ],
)
def test_only_what_has_changed_places_is_turned_round(left: str, right: str, turned: bool) -> None:
    assert is_turned_round(read(left), read(right)) is turned
    assert is_turned_round(read(right), read(left)) is turned


@pytest.mark.parametrize(
    ("left", "right", "is_another"),
    [
        ("Who can see my posts", "Whose posts can I see", True),
        ("Who is able to see my posts", "Whose posts can I see", True),
        ("can my manager see messages of mine", "Can I see my manager's messages?", True),
        ("Who do I owe", "Who owes me", True),
        ("who can call me", "whom can I call", True),
        ("Who do we pay", "Who pays us", True),
        ("Can my manager see my messages?", "Can I see my manager's messages?", True),
        ("Can my boss read my mail", "Can I read my boss's mail", True),
        ("kan mijn baas mijn mail lezen", "kan ik de mail van mijn baas lezen", True),
        ("mon chef peut lire mes mails", "je peux lire les mails de mon chef", True),
        ("¿Puede mi jefe leer mi correo?", "¿Puedo leer el correo de mi jefe?", True),
        ("Il mio capo può leggere la mia posta?", "Io posso leggere la posta del mio capo?", True),
        ("Who can I ask about my card?", "Who do I ask about my card?", False),
        ("How do I change my account's address?", "How to change my account address?", False),
        ("Where do I find my bank's address?", "Where is the address of my bank to find?", False),
        ("Who can see my posts?", "Who sees my posts?", False),
        ("Who sees me", "Do I see", False),
        ("I can read boss's mail", "I can boss read mail", False),
        ("can read boss's mail", "can boss read mail", False),
        ("I can read boss's mail", "can boss read mail", True),
        ("How do I change account's address?", "how to change account address", False),
        ("How do I change account's address?", "how to account change address", True),
    ],
)
def test_who_does_it_is_told_from_whose_it_is(left: str, right: str, is_another: bool) -> None:
    assert is_done_by_another(read(left), read(right)) is is_another
    assert is_done_by_another(read(right), read(left)) is is_another


@pytest.mark.parametrize(
    ("one", "other", "differ"),
    [
        ("he told her", "she told him", True), ("he told her", "he told him", True), ("he told", "he told", False),
        ("he said", "she told", False), ("he said", "he told", False), ("he told him", "he told himself", False),
        ("he told", "he told her", False), ("he said", "bob said", False), ("it is his", "it is theirs", True),
        ("", "", False),
    ],
)  # fmt: skip
def test_another_person_is_another_question_and_another_form_is_not(one: str, other: str, differ: bool) -> None:
    assert is_told_of_others(one.split(), other.split()) is is_told_of_others(other.split(), one.split()) is differ


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("number", "5 a5 5%"), ("symbol", "+ c++ - ''"), ("letter", "B b x A I D"), ("date", "monday"), ("name", "tom"),
        ("", "it's well-known a i e s t d m y o u of word"),
    ],
)  # fmt: skip
def test_a_word_is_of_a_kind_or_of_none(kind: str, words: str) -> None:
    assert {_kinds(word, frozenset({"tom"})) for word in words.split()} == {(kind,) if kind else ()}


def test_rivals_and_opposites_are_a_kind_each() -> None:
    visa, mastercard, buy, sell = (_kinds(word, frozenset()) for word in ("visa", "mastercard", "buy", "sell"))
    assert visa == mastercard != buy == sell
    assert visa[0].startswith("kind ")


def test_a_word_with_several_opposites_is_of_one_kind_with_each() -> None:
    cancel = _kinds("cancel", frozenset())
    assert all(set(cancel) & set(_kinds(other, frozenset())) for other in ("keep", "confirm", "subscribe"))


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("to ab cd ef 5", {"5": (4, "to", "")}), ("to ab cd ef gh 5", {"5": (5, "", "")}),
        ("5 apples", {"5": (0, "", "apples")}), ("5 x now", {"5": (0, "", ""), "x": (1, "", "now")}),
        ("5 to go", {"5": (0, "", "")}), ("5 5 6", {"6": (2, "", "")}),
        ("to 5 or 6", {"5": (1, "to", "or"), "6": (3, "", "")}),
        ("5 monday", {"5": (0, "", ""), "monday": (1, "", "")}),
        ("from ab to 5 it", {"5": (3, "to", "it")}), ("to wer 5 well-known", {"5": (2, "to", "")}),
    ],
)  # fmt: skip
def test_a_thing_stands_with_the_nearest_preposition_of_four_words_and_the_noun_behind_it(
    text: str, places: dict[str, tuple[int, str, str]]
) -> None:
    assert _places(look(text), frozenset()) == places


def test_three_meaningful_words_on_each_side_are_what_a_preposition_speaks_of() -> None:
    text = "alpha beta gamma delta to epsilon zeta theta kappa from lamda"
    assert _sides(read(text)) == {
        ("to", "before"): {"beta", "gamma", "delta"}, ("to", "behind"): {"epsilon", "zeta", "theta"},
        ("from", "before"): {"zeta", "theta", "kappa"}, ("from", "behind"): {"lamda"},
    }  # fmt: skip
    assert _sides(read("to alpha from beta")) == {
        ("to", "before"): set(), ("to", "behind"): {"alpha"},
        ("from", "before"): {"alpha"}, ("from", "behind"): {"beta"},
    }  # fmt: skip


def test_five_words_before_and_behind_are_who_does_it_and_to_whom() -> None:
    found = _parts(read("alpha beta gamma delta epsilon zeta eta she iota kappa lamda sigma omega tau alpha"))
    before, behind = found["zeta"]
    assert list(before) == ["alpha", "beta", "gamma", "delta", "epsilon"]
    assert list(behind) == ["eta", "she", "iota", "kappa", "lamda"]
    assert list(found["eta"][0]) == ["beta", "gamma", "delta", "epsilon", "zeta"]
    assert found["alpha"] == ({}, dict.fromkeys(["beta", "gamma", "delta", "epsilon", "zeta"], "thing"))
    assert found["iota"][0]["she"] == "doer"
    assert "she" not in found


NOBODY: dict[str, str] = {}


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("can i see me", {"see": ({"i": "doer"}, {"i": ""})}), ("her card", {"card": (NOBODY, NOBODY)}),
        ("call her", {"call": (NOBODY, {"she": ""})}), ("is her", NOBODY),
        ("call her boss", {"call": (NOBODY, {"boss": "thing"}), "boss": ({"call": "thing"}, NOBODY)}),
        ("call her about", {"call": (NOBODY, {"she": ""})}), ("you see him", {"see": ({"you": "either"}, {"he": ""})}),
    ],
)  # fmt: skip
def test_her_is_whose_it_is_before_a_thing_and_to_whom_it_is_done_elsewhere(
    text: str, parts: dict[str, tuple[dict[str, str], dict[str, str]]]
) -> None:
    assert _parts(read(text)) == parts


@pytest.mark.parametrize(
    ("text", "owned"),
    [
        ("my boss's mail", [("boss", "mail")]), ("boss's the very mail", [("boss", "mail")]),
        ("boss's and the very mail", []), ("it's mail", []), ("the mail of my boss", [("boss", "mail")]),
        ("mail of the very boss", [("boss", "mail")]), ("mail of the very my boss", []), ("of my boss", []),
        ("mail of boss's card", [("boss", "mail"), ("boss", "card")]), ("boss's", []), ("mail of", []),
    ],
)  # fmt: skip
def test_what_is_owned_stands_within_three_words_of_its_owner(text: str, owned: list[tuple[str, str]]) -> None:
    assert _owned(read(text)) == owned


def test_persons_and_how_they_are_spoken_of() -> None:
    assert _forms(read("I saw me and my card, she saw you, their us")) == {
        "i": {"doer", "object", "owner"}, "she": {"doer"}, "you": {"either"}, "they": {"owner"}, "we": {"object"},
    }  # fmt: skip
    assert _core(read("can i see the mail of my boss who is able to pay him")) == ["see", "mail", "boss", "pay"]


@pytest.mark.parametrize(
    ("one", "other", "is_moved"),
    [
        ("a b c d", "c d a b", True), ("a b c", "b c a", False), ("a b c", "c a b", False),
        ("a b c d e", "d e a b c", True), ("a b c d e", "c d e a b", True), ("a b c d e", "e a b c d", False),
        ("a b c d e f", "d e f a b c", True),
        ("a b c d", "a b c d", False), ("a b c d", "c d b a", False), ("ab c d e", "b c d e a", False),
    ],
)  # fmt: skip
def test_a_phrase_of_two_words_or_more_may_move_to_the_other_end(one: str, other: str, is_moved: bool) -> None:
    assert _is_phrase_moved(one.split(), other.split()) is is_moved


@pytest.mark.parametrize(
    ("one", "other", "are_swapped"),
    [
        ("go from a to b now", "go to b from a now", True), ("from a to b", "to b from a", True),
        ("from a b to c", "to c from a b", True), ("a from b", "b from a", False),
        ("from a to b in c", "in c from a to b", False), ("from a to b", "to a from b", False),
        ("x a from b to c y", "x to c a from b y", False),
    ],
)  # fmt: skip
def test_two_phrases_with_a_preposition_each_may_change_places(one: str, other: str, are_swapped: bool) -> None:
    assert _are_phrases_swapped(one.split(), other.split()) is are_swapped
