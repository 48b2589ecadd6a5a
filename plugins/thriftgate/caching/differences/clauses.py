"""Which part of a question is denied: "paid but not delivered" and "not paid but delivered" count one denial each.

A text is cut into clauses at its conjunctions. Another one is denied when what one side denies the other affirms, and
the other way round; a word that both deny, or that moves within its clause ("isn't my card working"), is no difference.

Failure behaviour: pure and total, in time linear in the text.
"""

from collections.abc import Iterator

from thriftgate.caching.differences.lexicon import CONJUNCTIONS
from thriftgate.caching.differences.reading import Reading


def is_denied_elsewhere(left: Reading, right: Reading) -> bool:
    """Whether each side affirms something of what the other denies, and nothing is denied by both."""
    if not (left.negations and right.negations):
        return False
    denied, affirmed = _sides(left)
    others_denied, others_affirmed = _sides(right)
    return (
        denied.isdisjoint(others_denied)
        and not (denied - affirmed).isdisjoint(others_affirmed)
        and not (others_denied - others_affirmed).isdisjoint(affirmed)
    )


def _sides(reading: Reading) -> tuple[set[str], set[str]]:
    """The meaningful words of clauses that are denied, and of those that are not."""
    denied: set[str] = set()
    affirmed: set[str] = set()
    for stems, is_denied in _clauses(reading):
        (denied if is_denied else affirmed).update(stems)
    return denied, affirmed


def _clauses(reading: Reading) -> Iterator[tuple[set[str], bool]]:
    stems: set[str] = set()
    denials = 0
    for place, (word, stem) in enumerate(zip(reading.words, reading.stems, strict=True)):
        if place in reading.denials:
            denials += 1
        elif word in CONJUNCTIONS:
            yield stems, denials % 2 == 1
            stems, denials = set[str](), 0
        elif stem in reading.content:
            stems.add(stem)
    yield stems, denials % 2 == 1
