"""A look into the cache: a generator that decides, and performs nothing.

    Embed? ▸ Find ▸ exact? ▸ Embed ▸ Find ▸ decide ▸ Check? ──▶ Found

What is made of a fresh answer is `comparing`. A driver performs each effect and sends back its result:
`services.cache.service` for requests, `rehearsal` for streams of labelled questions. Neither decides anything.

Failure behaviour: pure. What a driver throws into a generator (a store that is away) ends it.
"""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from thriftgate.caching.decision import Decision, Hit
from thriftgate.caching.differences.reading import LONGEST_QUESTION
from thriftgate.caching.entries import CacheEntry, Lookup, Neighbour
from thriftgate.caching.evidence import NEIGHBOURS
from thriftgate.types import Vector

NO_KEY = ""
"""Of no entry: who looks by it finds the nearest, whichever of them there is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is looked for, and where."""

    scope: str
    key: str
    question: str
    max_tokens: int | None = None
    """The most tokens that the client lets an answer have; None: any number."""
    is_semantic: bool = True
    """Whether the answer to another question may be given at all."""
    is_relaxed: bool = False
    """Under load: of the hits only those that must be are asked afresh."""


@dataclass(frozen=True, slots=True)
class Embed:
    """Send the question's vector; None where `only_if_known` and it would have to be computed."""

    text: str
    only_if_known: bool = False


@dataclass(frozen=True, slots=True)
class Find:
    """Send a `Lookup`: the entry of this key; where there is none, the nearest ones, if there is a vector."""

    scope: str
    key: str
    vector: Vector | None
    limit: int = NEIGHBOURS


@dataclass(frozen=True, slots=True)
class Check:
    """Send whether this hit will be asked afresh and compared; one that must be is served only if it will."""

    hit: Hit


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a look came to."""

    exact: CacheEntry | None = None
    vector: Vector | None = None
    neighbours: tuple[Neighbour, ...] = ()
    """Nearest first."""
    decision: Decision | None = None
    """None for an exact hit, and where only exact hits are served."""
    is_checked: bool = False
    """The hit is to be asked afresh."""


Decide = Callable[[str, Sequence[Neighbour]], Decision]
LookUp = Generator[Embed | Find | Check, Any, Found]
"""Sent a Vector or None, a Lookup, a bool."""


def look_up(asked: Asked, decide: Decide) -> LookUp:
    """Look for an answer that may be given again.

    A question embedded a moment ago brings its vector along, so that both looks are one round trip.
    """
    may_vary = asked.is_semantic and len(asked.question) <= LONGEST_QUESTION
    vector: Vector | None = (yield Embed(asked.question, only_if_known=True)) if may_vary else None
    kept: Lookup = yield Find(asked.scope, asked.key, vector)
    found = _fitting(kept, asked.max_tokens)
    if found.exact is None and may_vary and (vector is None or kept.exact is not None):
        # An answer that is too long for this client still is the key's: the others are looked for without it.
        key = asked.key if kept.exact is None else NO_KEY
        if vector is None:
            vector = yield Embed(asked.question)
        found = _fitting((yield Find(asked.scope, key, vector)), asked.max_tokens)
    if found.exact is not None or not may_vary:
        return Found(exact=found.exact, vector=vector)
    decision = decide(asked.question, found.neighbours)
    is_checked = False
    if isinstance(decision, Hit) and (decision.must_be_checked or not asked.is_relaxed):
        is_checked = yield Check(decision)
        if decision.must_be_checked and not is_checked:
            decision = decision.unserved()
    return Found(vector=vector, neighbours=found.neighbours, decision=decision, is_checked=is_checked)


def _fitting(found: Lookup, max_tokens: int | None) -> Lookup:
    """Without the answers that are longer than this client lets one be."""
    if max_tokens is None:
        return found
    neighbours = tuple(one for one in found.neighbours if one.entry.usage.completion_tokens <= max_tokens)
    exact = found.exact if found.exact is None or found.exact.usage.completion_tokens <= max_tokens else None
    return replace(found, exact=exact, neighbours=neighbours)
