"""Pairs that must not be answered with one another, through the decision that serves and with the real embedders.

`other_questions.json` has them by what differs. Each pair is tried alone in the cache and inside a long sentence, which
puts the two vectors nearer together.
"""

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thriftgate.caching.artefact import shipped
from thriftgate.caching.decision import Hit, decide
from thriftgate.caching.differences.guards import Veto, first_veto, writing
from thriftgate.caching.entries import CacheEntry, Neighbour
from thriftgate.caching.evidence import gather
from thriftgate.caching.policy import CachePolicy
from thriftgate.config import EmbedderConfig, EmbedderName
from thriftgate.stores.embedders import embedder_of

PAIRS: dict[str, list[tuple[str, str]]] = json.loads(Path(__file__).with_name("other_questions.json").read_text())
MEANT_ALIKE: list[tuple[str, str]] = json.loads(Path(__file__).with_name("same_questions.json").read_text())
LONG = "For my school magazine I write about this, and my teacher asked me to find out the following thing: {}"
SAME = [
    ("How do I pay with my PIN?", "How do I pay with my pin?"),
    ("how do i pay in japan", "How do I pay in Japan?"),
    ("Can I  pay it now?", "Can I pay it now?"),
    ("Is my ATM card lost!", "Is my atm card lost?"),
    ("Is \u00c5re far?", "Is A\u030are far?"),
    ("Can you tell me how to pay?", "Can I ask you how to pay?"),
    ("Could you help me with a refund?", "Can I get help with a refund?"),
    ("My card , is it lost ?", "My card, is it lost?"),
    ("I lost it ... what now?", "I lost it, what now?"),
    ("What\u2019s my balance?", "What's my balance?"),
    ("Whats my balance?", "What is my balance?"),
    ("My card isn\u2019t working", "My card isnt working"),
    ("I dont have a card", "I do not have a card"),
    ("I cant pay", "I cannot pay"),
    ("Im charged twice", "I am charged twice"),
    ("Ive been charged", "I have been charged"),
    ("Why wont my card work?", "Why won't my card work?"),
    ("I'd like to pay", "I would like to pay"),
    ("Where's my card?", "Where is my card?"),
    ("They're late", "They are late"),
    ("Can I use my brothers card?", "Can I use my brother's card?"),
    ("It\u02bcs my card", "It's my card"),
    ("It\u00b4s my card", "It's my card"),
    ("J\u2019ai pay\u00e9 hier, pourquoi ?", "J'ai pay\u00e9 hier, pourquoi ?"),
    ("Dov\u2019\u00e8 la mia carta?", "Dov'\u00e8 la mia carta?"),
    ("Wie geht\u2019s weiter?", "Wie geht's weiter?"),
    ("Foto\u2019s van mijn pas", "Foto's van mijn pas"),
    ("Will you open my account?", "Would you open my account?"),
    ("How do I link the card?", "How can I link my card?"),
    ("Is 'plan b' good?", "Is 'plan b' good"),
    ('Is the "plan b" good?', "Is the plan b good?"),
    ("He said 'I am 5', is it so?", "He said I am 5, is it so?"),
    ("Can I pay .5 of it?", "Can I pay 0.5 of it?"),
    ("I tried using my card, why is it declined?", "I tried to pay with my card, why is it declined?"),
    ("Where is what I sent a few hours ago?", "Where is what I sent few hours ago?"),
    ("My card is lost! What can I do?", "What should I do if my card is lost?"),
    ("My card was stolen, what do I do?", "My card was stolen what do I do?"),
    ("Can I pay by card, please?", "Can I pay by card please?"),
    ("Can I pay by card, and how?", "Can I pay by card and how?"),
    ("WHERE IS MY CARD?", "Where is my card?"),
    ("\u300cIs it open?\u300d", "\u201cIs it open?\u201d"),
]


def near(cached: str, similarity: float) -> Neighbour:
    entry = CacheEntry(
        entry_id="e", scope="s", key="k", route="r", question=cached, embedding=None, choices=(), model="m",
        created_at=0, expires_at=1,
    )  # fmt: skip
    return Neighbour(entry, similarity)


def is_served(question: str, cached: str, similarity: float, policy: CachePolicy) -> bool:
    return isinstance(decide(question, [near(cached, similarity)], policy=policy, draw=0.999), Hit)


@cache
def that_no_guard_parts() -> Sequence[tuple[str, str]]:
    """The pairs that are left to their vectors: a guard's word stands however near the only other question is."""
    alone = [(a, b) for those in PAIRS.values() for a, b in those]
    both = [*alone, *((LONG.replace("{}", a), LONG.replace("{}", b)) for a, b in alone)]
    ways = [(pair, way) for pair in both for way in (pair, pair[::-1])]
    return list(dict.fromkeys(pair for pair, (a, b) in ways if not isinstance(gather(a, [near(b, 0.9)]), Veto)))


@pytest.mark.parametrize("name", ["local", "fast", "multilingual"])
async def test_no_other_question_is_answered_from_the_cache(tmp_path: Path, name: EmbedderName) -> None:
    embedder, policy = embedder_of(EmbedderConfig(model=name), tmp_path), CachePolicy.of(shipped(name), max_error=0.01)
    pairs = that_no_guard_parts()
    vectors = await embedder.embed([text for pair in pairs for text in pair])
    await embedder.close()
    similarities = np.minimum((vectors[::2] * vectors[1::2]).sum(axis=1), 1.0)
    served = [
        (one, other)
        for (one, other), similarity in zip(pairs, similarities, strict=True)
        if is_served(one, other, float(similarity), policy) or is_served(other, one, float(similarity), policy)
    ]
    assert served == []


@given(st.sampled_from([pair for those in PAIRS.values() for pair in those]), st.floats(0, 1))
def test_a_guards_word_stands_however_near_the_only_other_question_is(pair: tuple[str, str], similarity: float) -> None:
    a, b = pair
    assert gather(a, [near(b, similarity)]).__class__ is gather(a, [near(b, 0.9)]).__class__


def test_there_are_many_of_each_kind() -> None:
    assert sum(map(len, PAIRS.values())) >= 1_100
    assert all(len(pairs) >= 10 for pairs in PAIRS.values())


def test_support_questions_that_mean_the_same_meet_no_guard() -> None:
    assert len(MEANT_ALIKE) >= 140
    met = {(one, other): veto for one, other in MEANT_ALIKE if (veto := first_veto(one, other))}
    assert met == {}


@pytest.mark.parametrize("pair", SAME)
def test_another_way_of_writing_the_same_is_let_through(pair: tuple[str, str]) -> None:
    assert first_veto(*pair) is None


@pytest.mark.parametrize(
    ("one", "other"),
    [("Is it Co?", "Is it CO?"), ("Lines:\na b\nc", "Lines:\na\nb c"), ("Why is , here?", "Why is ; here?")],
)
def test_the_same_words_written_otherwise_are_another_question(one: str, other: str) -> None:
    assert writing(one, other) is writing(other, one) is Veto.WRITING
