"""Cached answers are verified beside the requests, and users may say what they think of one."""

from dataclasses import replace
from typing import Any

import pytest
from tests.fakes import (
    FakeClock,
    FakeCompleter,
    FakeEmbedder,
    InMemoryAnswerCache,
    MemoryLedger,
    answer_of,
    ask,
    failure,
)

from thriftgate.caching.comparing import Settled
from thriftgate.caching.decision import Decision, Explore, Hit, Miss, MissReason
from thriftgate.caching.entries import CacheEntry, Neighbour, Observation
from thriftgate.ports import Judge
from thriftgate.services.books.feedback import FeedbackService
from thriftgate.services.books.recording import LedgerWriter
from thriftgate.services.checking.judges import AgreementJudge
from thriftgate.services.checking.verification import CacheVerifier
from thriftgate.services.request.background import BackgroundTasks
from thriftgate.services.request.budget import RateBudget
from thriftgate.types import AuditKind, Caller, ChatRequest, Choice, DecisionKind, Judgement, RequestRecord

ENTRY = CacheEntry(
    entry_id="e1", scope="s", key="k", route="support", question="How long?", embedding=None,
    choices=(Choice(message={"role": "assistant", "content": "your parcel takes five days"}, finish_reason="stop"),),
    model="small", created_at=0, expires_at=10**12,
)  # fmt: skip
HIT = Hit(entry=ENTRY, similarity=0.93, confidence=0.97, features={"similarity": 0.93})


class Remembering:
    """A decider that remembers what it was taught."""

    def __init__(self) -> None:
        self.taught: list[Observation] = []
        self.begun = 0

    def decide(
        self, question: str, neighbours: Any, *, draw: float, tenant: float = 0.0, is_relaxed: bool = False
    ) -> Decision:
        nearest: list[Neighbour] = list(neighbours)
        return Miss(reason=MissReason.EMPTY, similarity=nearest[0].similarity if nearest else None)

    def check_begun(self) -> None:
        self.begun += 1

    def update(self, observation: Observation) -> None:
        self.taught.append(observation)

    @property
    def threshold(self) -> float | None:
        return None

    async def catch_up(self) -> int:
        return 0


class Setup:
    """A verifier with everything around it."""

    def __init__(self, *, share: float = 1.0, judge: Judge | None = None, limit: int = 200) -> None:
        agreement = AgreementJudge(FakeEmbedder())
        self.clock = FakeClock()
        self.completer = FakeCompleter()
        self.cache = InMemoryAnswerCache(clock=self.clock)
        self.decider = Remembering()
        self.ledger = MemoryLedger()
        self.elsewhere: list[list[RequestRecord]] = []
        self.background = BackgroundTasks(limit=limit)
        self.verifier = CacheVerifier(
            route="support",
            baseline_model="large",
            completer=self.completer,
            agreement=agreement,
            judge=judge or agreement,
            cache=self.cache,
            decider=self.decider,
            book=self.ledger,
            budget=RateBudget(share=share, max_per_minute=10, clock=self.clock, draw=lambda: 0.5),
            background=self.background,
            clock=self.clock,
        )

    def after_hit(self, hit: Hit = HIT, request: ChatRequest | None = None) -> None:
        """What the cache service does with a hit that it serves."""
        if self.verifier.may_check(is_certain=hit.must_be_checked):
            self.verifier.check(request or ask(), hit)

    def feedback(self) -> FeedbackService:
        writer = LedgerWriter(self.ledger, flush_interval=1, max_queue=10)
        return FeedbackService(
            ledger=self.ledger, writer=writer, verifiers={"support": self.verifier}, clock=self.clock, sleep=self.sleep
        )

    async def sleep(self, _seconds: float) -> None:
        """Meanwhile another worker writes a row that it still has."""
        await self.ledger.record(self.elsewhere.pop(0) if self.elsewhere else [])


@pytest.mark.parametrize(
    ("fresh", "is_correct"), [("your parcel takes five days", True), ("call us at noon on sundays", False)]
)
async def test_a_hit_is_asked_afresh_and_the_policy_learns(fresh: str, is_correct: bool) -> None:
    setup = Setup()
    setup.completer.enqueue("large", fresh)
    setup.completer.enqueue("large", "your parcel takes five days")  # what the kept question is still answered with
    setup.after_hit()
    await setup.background.drain()
    assert [one.is_correct for one in setup.decider.taught] == [is_correct]
    assert setup.decider.taught[0].features == {"similarity": 0.93}
    (audit,) = await setup.ledger.audits(kind=AuditKind.CACHE)
    assert audit.is_acceptable is is_correct
    (stored,) = await setup.cache.observations("support")
    assert stored.is_correct is is_correct


async def test_an_answer_that_has_changed_teaches_nothing_and_all_that_say_it_are_forgotten() -> None:
    setup = Setup()
    embedder = FakeEmbedder()
    vectors = await embedder.embed(["How long?", "how long, please?", "How much?"])
    said = replace(ENTRY, answer_group="g", embedding=vectors[0])
    same = replace(said, entry_id="e2", key="k2", embedding=vectors[1])
    other = replace(said, entry_id="e3", key="k3", answer_group="h", embedding=vectors[2])
    for kept in (said, same, other):
        await setup.cache.store(kept)
    setup.completer.enqueue("large", "call us at noon on sundays")
    setup.completer.enqueue("large", "call us at noon on sundays")
    setup.clock.advance(50)
    setup.after_hit(replace(HIT, entry=said))
    await setup.background.drain()
    assert setup.decider.taught == []
    assert [kept.entry_id async for kept in setup.cache.entries()] == ["e3"]
    (audit,) = await setup.ledger.audits(kind=AuditKind.CACHE)
    assert (audit.is_acceptable, audit.details["changed"]) == (False, 1.0)
    assert audit.details["age"] == setup.clock.time()


async def test_a_hit_that_must_be_checked_is_checked_whatever_the_share_and_never_above_the_minutes_limit() -> None:
    setup = Setup(share=0.0)
    assert [setup.verifier.may_check(is_certain=True) for _ in range(12)] == [True] * 10 + [False] * 2
    assert not setup.verifier.may_check()


async def test_of_the_first_checks_those_count_that_were_begun() -> None:
    setup = Setup()
    for _ in range(12):
        setup.after_hit(replace(HIT, must_be_checked=True))
    assert setup.decider.begun == 10
    await setup.background.drain()
    other = Setup()
    other.after_hit()
    await other.background.drain()
    assert other.decider.begun == 0
    busy = Setup(limit=0)
    busy.after_hit(replace(HIT, must_be_checked=True))
    assert busy.decider.begun == 0, "there was no room for it"


async def test_outside_the_budget_nothing_is_asked() -> None:
    setup = Setup(share=0.4)  # the draw is 0.5
    setup.after_hit()
    await setup.background.drain()
    assert setup.completer.models == []


async def test_a_fresh_answer_that_does_not_come_teaches_nothing() -> None:
    setup = Setup()
    setup.completer.enqueue("large", failure("large"))
    setup.after_hit()
    await setup.background.drain()
    assert setup.decider.taught == []
    assert not setup.background.failures


EXPLORE = Explore(entry=ENTRY, similarity=0.9, confidence=0.6)


def near(entry_id: str, text: str, similarity: float, group: str = "") -> Neighbour:
    choice = Choice(message={"role": "assistant", "content": text}, finish_reason="stop")
    return Neighbour(replace(ENTRY, entry_id=entry_id, choices=(choice,), answer_group=group), similarity)


async def test_a_near_miss_teaches_without_a_call() -> None:
    setup = Setup()
    await setup.verifier.compare(ask(), EXPLORE, [Neighbour(ENTRY, 0.9)], answer_of("your parcel takes five days"))
    assert [one.is_correct for one in setup.decider.taught] == [True]
    assert setup.completer.models == []


async def test_an_answer_joins_the_group_of_the_neighbours_that_say_the_same() -> None:
    setup = Setup()
    neighbours = [
        near("a", "your parcel takes five days", 0.95, "delivery"),
        near("b", "call us at noon", 0.9),
        near("c", "your parcel takes five days", 0.8),
    ]
    same = answer_of("your parcel takes five days")
    # "c" says the same as the fresh answer and as the group, which nobody had compared until now.
    assert await setup.verifier.compare(ask(), None, neighbours, same) == Settled("delivery", ("c",))
    assert await setup.verifier.compare(ask(), None, neighbours[1:], same) == Settled("c")
    assert await setup.verifier.compare(ask(), None, neighbours, answer_of("something else entirely")) == Settled("")
    assert setup.decider.taught == []


async def test_far_questions_are_not_compared() -> None:
    setup = Setup()
    assert await setup.verifier.compare(
        ask(), None, [near("a", "your parcel takes five days", 0.3)], answer_of("your parcel takes five days")
    ) == Settled("")


async def test_a_hit_whose_own_answer_tells_nothing_is_verified_by_those_that_say_the_same() -> None:
    setup = Setup()
    mute = replace(
        ENTRY, choices=(Choice(message={"role": "assistant", "content": ""}, finish_reason="stop"),), answer_group="g"
    )
    others = tuple(near(name, "your parcel takes five days", 0.9, "g").entry for name in ("a", "b"))
    setup.completer.enqueue("large", "your parcel takes five days")
    setup.after_hit(replace(HIT, entry=mute, others=others))
    await setup.background.drain()
    assert [(one.entry_id, one.is_correct) for one in setup.decider.taught] == [("e1", True)]
    assert setup.completer.models == ["large"]


class Always:
    """A judge that costs a call, and says what it is told to."""

    def __init__(self, verdict: bool) -> None:
        self.verdict = verdict
        self.asked = 0

    async def compare(self, request: ChatRequest, answer: str, reference: str) -> Judgement:
        self.asked += 1
        return Judgement(self.verdict)


@pytest.mark.parametrize(("share", "asked"), [(1.0, 1), (0.4, 0)])
async def test_where_texts_cannot_tell_the_judge_is_asked_within_the_budget(share: float, asked: int) -> None:
    judge = Always(verdict=True)
    setup = Setup(share=share, judge=judge)
    far = Explore(entry=ENTRY, similarity=0.4, confidence=0.6)
    await setup.verifier.compare(ask(), far, [Neighbour(ENTRY, 0.4)], answer_of("your parcel takes five days"))
    assert judge.asked == asked == len(setup.decider.taught)


def record(**fields: Any) -> RequestRecord:
    defaults: dict[str, Any] = {
        "request_id": "r1", "route": "support", "caller": Caller(key_hash="mine"), "started_at": 0.0, "duration": 0.1,
        "decision": DecisionKind.SEMANTIC_HIT, "cache_entry_id": "e1", "similarity": 0.93,
        "signals": {"similarity": 0.93}, "metadata": {"cache_scope": "s"},
    }  # fmt: skip
    return RequestRecord(**(defaults | fields))


async def test_a_users_verdict_on_a_hit_teaches_the_cache() -> None:
    setup = Setup()
    await setup.ledger.record([record()])
    assert await setup.feedback().take("r1", is_correct=False, key_hash="mine")
    (taught,) = setup.decider.taught
    assert (taught.entry_id, taught.scope, taught.source, taught.is_correct) == ("e1", "s", "feedback", False)


async def test_a_verdict_waits_for_a_row_that_another_worker_still_has() -> None:
    setup = Setup()
    setup.elsewhere = [[], [], [record()]]
    assert await setup.feedback().take("r1", is_correct=False, key_hash="mine")
    (audit,) = await setup.ledger.audits(kind=AuditKind.FEEDBACK)
    assert (audit.asked_at, audit.caller) == (record().started_at, record().caller)


async def test_a_verdict_on_anything_else_is_kept_but_teaches_the_cache_nothing() -> None:
    setup = Setup()
    await setup.ledger.record([record(decision=DecisionKind.ACCEPTED, cache_entry_id=None)])
    assert await setup.feedback().take("r1", is_correct=True, key_hash="mine")
    assert setup.decider.taught == []
    (audit,) = await setup.ledger.audits(kind=AuditKind.FEEDBACK)
    assert audit.is_acceptable is True


@pytest.mark.parametrize(("request_id", "key"), [("r1", "somebody else's"), ("r2", "mine")])
async def test_nobody_judges_what_they_did_not_ask(request_id: str, key: str) -> None:
    setup = Setup()
    await setup.ledger.record([record()])
    assert not await setup.feedback().take(request_id, is_correct=False, key_hash=key)
    assert setup.decider.taught == []
