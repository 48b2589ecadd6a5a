"""What models make of placeholders, and how long a stream waits for them."""

import pytest

from thriftgate.privacy.placeholders import TRANSLATED
from thriftgate.privacy.restoring import Restorer

EVERY = Restorer({f"<{kind.upper()}_1>": "WRONG" for kind in TRANSLATED})


@pytest.mark.parametrize("dash", ["-", "\u2010", "\u2011", "\u2013"])
def test_a_dash_of_any_kind_may_stand_between(dash: str) -> None:
    assert EVERY.restored(f"Ask <PERSON{dash}1> now") == "Ask WRONG now"


@pytest.mark.parametrize("changed", ["<person_1>", "<Person 1>", "<persona_1>", "&lt;correo_electronico_1&gt;"])
def test_no_change_makes_a_stream_wait_for_more_than_the_longest_placeholder(changed: str) -> None:
    stream, held = EVERY.stream(), 0
    for character in f"Ask {changed} " + "and so on " * 20:
        stream.feed(character)
        held = max(held, stream.held)
    assert held < 64
