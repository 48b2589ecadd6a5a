"""How much each guard sees of what there is to see: of the pairs that must not be answered with one another.

A guard whose number falls has become blind to something, whichever other guard still sees it. Pairs are only added,
so that a number may only rise.
"""

import json
from itertools import chain
from pathlib import Path

import pytest

from thriftgate.caching.differences.guards import GUARDS, Guard, Veto

PAIRS: list[list[str]] = list(
    chain.from_iterable(json.loads(Path(__file__).with_name("other_questions.json").read_text()).values())
)
SEEN = {
    Veto.LANGUAGE: 3, Veto.SCRIPT: 134, Veto.SYMBOLS: 106, Veto.LETTERS: 49, Veto.NUMBERS: 85, Veto.DATES: 16,
    Veto.ENTITIES: 40, Veto.CODE: 27, Veto.QUOTES: 15, Veto.CASE: 21, Veto.WRITING: 139, Veto.SPELLING: 8,
    Veto.NEGATION: 95, Veto.ANTONYMS: 59, Veto.SMALL_WORDS: 293, Veto.ROLES: 172, Veto.CONSTRUCTIONS: 25,
}  # fmt: skip


@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.__name__)
def test_no_guard_becomes_blind_to_what_it_saw(guard: Guard) -> None:
    veto = Veto[guard.__name__.upper()]
    assert sum(guard(one, other) is veto for one, other in PAIRS) >= SEEN[veto]
