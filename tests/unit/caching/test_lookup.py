"""A look into the cache, stepped by hand: what it asks for, in which order, and what it then decides."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thriftgate.caching.decision import Decision, Explore, Hit, Miss, MissReason
from thriftgate.caching.differences.reading import LONGEST_QUESTION
from thriftgate.caching.entries import CacheEntry, Lookup, Neighbour
from thriftgate.caching.lookup import (
    NO_KEY,
    Asked,
    Check,
    Embed,
    Find,
    Found,
    look_up,
)
from thriftgate.caching.policy import SERVED
from thriftgate.types import Usage

VECTOR = np.ones(3, dtype=np.float32)
ASKED = Asked(scope="s", key="k", question="how long?")


def entry(name: str, *, tokens: int = 10, group: str = "") -> CacheEntry:
    return CacheEntry(
        entry_id=name, scope="s", key=name, route="r", question=name, embedding=None, choices=(), model="m",
        usage=Usage(completion_tokens=tokens), created_at=0, expires_at=1, answer_group=group,
    )  # fmt: skip


NEAR = (Neighbour(entry("a"), 0.9), Neighbour(entry("b", tokens=500), 0.8))
HIT = Hit(entry=NEAR[0].entry, similarity=0.9, confidence=0.99, features={"x": 1.0, SERVED: 1.0})


def serve(decision: Decision) -> Any:
    def decide(question: str, neighbours: Sequence[Neighbour]) -> Decision:
        return decision

    return decide


def drive(flow: Any, sent: Sequence[Any]) -> tuple[list[Any], Any]:
    """The effects in order, and what the generator came to."""
    effects = [next(flow)]
    try:
        for result in sent:
            effect = flow.send(result)
            effects.append(effect)
    except StopIteration as stop:
        return effects, stop.value
    raise AssertionError(f"not at the end after {effects}")


def test_a_question_embedded_lately_takes_one_look() -> None:
    effects, found = drive(look_up(ASKED, serve(Miss(reason=MissReason.TOO_FAR))), [VECTOR, Lookup(None, NEAR)])
    assert effects == [Embed("how long?", only_if_known=True), Find("s", "k", VECTOR)]
    assert (found.vector is VECTOR, found.neighbours) == (True, NEAR)
    assert not found.is_checked, "nothing was to be served, so nothing was checked"


def test_a_question_is_embedded_for_good_reason_unless_it_is_said_otherwise() -> None:
    assert not Embed("how long?").only_if_known


def test_an_unknown_question_is_embedded_only_where_there_is_no_exact_hit() -> None:
    kept = entry("k")
    effects, found = drive(look_up(ASKED, serve(HIT)), [None, Lookup(kept)])
    assert [type(one) for one in effects] == [Embed, Find]
    assert (found.exact, found.decision) == (kept, None)
    effects, found = drive(look_up(ASKED, serve(HIT)), [None, Lookup(), VECTOR, Lookup(None, NEAR), True])
    assert [type(one) for one in effects] == [Embed, Find, Embed, Find, Check]
    assert (found.decision, found.is_checked) == (HIT, True)


@pytest.mark.parametrize(
    "asked", [replace(ASKED, is_semantic=False), replace(ASKED, question="x" * (LONGEST_QUESTION + 1))], ids=str
)
def test_where_only_exact_hits_are_served_nothing_is_embedded(asked: Asked) -> None:
    effects, found = drive(look_up(asked, serve(HIT)), [Lookup(None, NEAR)])
    assert effects == [Find("s", "k", None)]
    assert found == Found()


def test_an_answer_longer_than_the_client_lets_it_be_is_not_there() -> None:
    seen: list[Sequence[Neighbour]] = []

    def decide(question: str, neighbours: Sequence[Neighbour]) -> Decision:
        seen.append(neighbours)
        return Miss(reason=MissReason.TOO_FAR)

    asked = replace(ASKED, max_tokens=100)
    long = Lookup(entry("k", tokens=101))
    effects, found = drive(look_up(asked, decide), [VECTOR, long, Lookup(None, NEAR)])
    assert effects[1:] == [Find("s", "k", VECTOR), Find("s", NO_KEY, VECTOR)]
    assert (found.exact, seen) == (None, [NEAR[:1]])
    effects, _ = drive(look_up(asked, decide), [None, long, VECTOR, Lookup(None, NEAR)])
    assert effects[1:] == [Find("s", "k", None), Embed("how long?"), Find("s", NO_KEY, VECTOR)]
    _, found = drive(look_up(asked, decide), [VECTOR, Lookup(entry("k", tokens=100), NEAR)])
    assert found.exact == entry("k", tokens=100)


def test_under_load_only_a_hit_that_must_be_checked_is_asked_afresh() -> None:
    relaxed = replace(ASKED, is_relaxed=True)
    effects, found = drive(look_up(relaxed, serve(HIT)), [VECTOR, Lookup(None, NEAR)])
    assert (found.decision, found.is_checked) == (HIT, False)
    assert not any(isinstance(effect, Check) for effect in effects)
    must = replace(HIT, must_be_checked=True)
    effects, found = drive(look_up(relaxed, serve(must)), [VECTOR, Lookup(None, NEAR), True])
    assert (effects[-1], found.decision, found.is_checked) == (Check(must), must, True)


@given(st.booleans(), st.booleans())
def test_a_hit_that_must_be_checked_is_served_only_if_it_is(must: bool, is_checked: bool) -> None:
    hit = replace(HIT, must_be_checked=must)
    _, found = drive(look_up(ASKED, serve(hit)), [VECTOR, Lookup(None, NEAR), is_checked])
    assert found.is_checked is is_checked
    if must and not is_checked:
        assert isinstance(found.decision, Explore)
        assert (found.decision.reason, found.decision.features) == (MissReason.UNCHECKED, {"x": 1.0})
    else:
        assert found.decision == hit
