"""Which answer group a new entry belongs to.

When a question goes upstream, its fresh answer can be compared with the answers of its neighbours at no extra call.
Entries whose answers say the same share a group; the vote of the groups is the strongest evidence there is.

Failure behaviour: pure and total.
"""

from collections.abc import Iterable

from thriftgate.caching.composing import composed
from thriftgate.caching.entries import CacheEntry


def answer_group(comparisons: Iterable[tuple[CacheEntry, bool]]) -> str:
    """The group that most compared entries speak for; empty (a group of its own) when none has a majority.

    Each comparison is a neighbour and whether its answer says the same as the fresh one. A group needs more
    agreements than disagreements, so that one mistaken comparison does not merge two answers.
    """
    balance: dict[str, int] = {}
    for entry, agrees in comparisons:
        balance[entry.group] = balance.get(entry.group, 0) + (1 if agrees else -1)
    best = max(balance, key=lambda group: balance[group], default="")
    return best if best and balance[best] > 0 else ""


def normalised_answer(answer: str) -> str:
    """An answer as it is compared with another: composed Unicode, no idle white space."""
    return " ".join(composed(answer).split())
