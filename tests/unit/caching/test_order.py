import pytest

from thriftgate.caching.order import is_turned_round
from thriftgate.caching.reading import read


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
