import pytest

from thriftgate.caching.differences.order import is_done_by_another, is_turned_round
from thriftgate.caching.differences.reading import read


@pytest.mark.parametrize(
    ("left", "right", "turned"),
    [
        ("who reviews the contract?", "who reviews a contract?", False),
        ("who did the agent call?", "who called the agent?", True),
        ("who pays the agent of the buyer?", "who pays the buyer of the agent?", True),
        ("can i sue my landlord?", "can my landlord sue me?", True),
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
    ],
)
def test_who_does_it_is_told_from_whose_it_is(left: str, right: str, is_another: bool) -> None:
    assert is_done_by_another(read(left), read(right)) is is_another
    assert is_done_by_another(read(right), read(left)) is is_another
