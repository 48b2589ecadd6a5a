"""What a fresh answer teaches: with which kept answers it is compared, and what follows.

    settle: Compare, once for each near entry ▸ Compare kept answers of two groups? ──▶ Settled
    verify: Compare, by the judge ▸ Compare, once for each answer that says the same  ──▶ was the hit right?

Comparing two answers often tells nothing, and now and then it is mistaken. So no single comparison decides: answers
of one group say the same, and all of them that are near are asked (on BANKING77, with half of the comparisons told and
one in fifty mistaken: 28 % of the questions are hits where one decides, 37 % where the groups do).

Performed by `services.checking.verification` for requests, and by `rehearsal` for streams of labelled questions.

Failure behaviour: pure. What a driver throws into a generator ends it.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from itertools import product, takewhile

from thriftgate.caching.decision import Decision, Explore, Hit
from thriftgate.caching.entries import CacheEntry, Neighbour, united

NEAR_ENOUGH = 0.5
"""Similarity of two questions below which their answers are not compared: they would hardly ever say the same."""
_PAIRED = 3
"""Answers of each of two groups that are compared, nearest first."""
_MOST_JOINED = 2
"""Groups that one fresh answer may join to its own."""
_MOST_HEARD = 8
"""Answers that a hit is verified by."""


@dataclass(frozen=True, slots=True)
class Compare:
    """Send whether the fresh answer says the same as this entry's; None when nobody can tell."""

    entry: CacheEntry
    beside: CacheEntry | None = None
    """Compare the entry's answer with this one's, not with the fresh one."""
    is_worth_a_call: bool = False
    """A judge that costs a call may be asked: the policy wants to know. Without one send None."""


@dataclass(frozen=True, slots=True)
class Settled:
    """What a fresh answer taught."""

    group: str
    """The answer group that it belongs to; empty: one of its own."""
    joined: tuple[str, ...] = ()
    """Other groups that it showed to say the same."""
    is_correct: bool | None = None
    """Whether the entry that was nearly served would have been right; None: nobody could tell, or there was none."""


Comparing = Generator[Compare, bool | None, Settled]
Verifying = Generator[Compare, bool | None, bool | None]


def settle(decision: Decision | None, neighbours: Sequence[Neighbour]) -> Comparing:
    """Compare a fresh answer with its neighbours', nearest first."""
    near = [one.entry for one in takewhile(lambda one: one.similarity >= NEAR_ENOUGH, neighbours)]
    names = united(near)
    members: dict[str, list[CacheEntry]] = {}
    balance: dict[str, int] = {}
    # Whether an answer was right is told by its own group: what was joined later may have been joined by mistake.
    said: dict[str, int] = {}
    for entry in near:
        name = names[entry.group]
        members.setdefault(name, []).append(entry)
        voice = _voice((yield Compare(entry)))
        balance[name] = balance.get(name, 0) + voice
        said[entry.group] = said.get(entry.group, 0) + voice
    # More agreements than disagreements, so that one mistaken comparison does not put an answer to another's.
    speaking = sorted((name for name in balance if balance[name] > 0), key=lambda name: -balance[name])
    joined: list[str] = []
    for other in speaking[1 : 1 + _MOST_JOINED]:
        told: list[bool] = []
        for one, own in product(members[other][:_PAIRED], members[speaking[0]][:_PAIRED]):
            agrees = yield Compare(one, beside=own)
            told += [] if agrees is None else [agrees]
        # A vague answer agrees with two that differ: their own words have to say that they are one.
        if told and all(told):
            joined.append(other)
    is_correct: bool | None = None
    if isinstance(decision, Explore):
        is_correct = _told(said.get(decision.entry.group, 0))
        if is_correct is None:
            is_correct = yield Compare(decision.entry, is_worth_a_call=True)
    return Settled(speaking[0] if speaking else "", tuple(joined), is_correct)


def verify(hit: Hit) -> Verifying:
    """Whether a hit that was asked afresh was right: by the judge, or by all near answers of its own group.

    None when nobody could tell.
    """
    told = yield Compare(hit.entry, is_worth_a_call=True)
    if told is not None:
        return told
    balance = 0
    own = [one for one in hit.others if one.group == hit.entry.group]
    for entry in (hit.entry, *own)[:_MOST_HEARD]:
        balance += _voice((yield Compare(entry)))
    return _told(balance)


def _voice(agrees: bool | None) -> int:
    return 0 if agrees is None else 1 if agrees else -1


def _told(balance: int) -> bool | None:
    return balance > 0 if balance else None
