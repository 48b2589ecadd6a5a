"""The cache of a route: what it finds, what it keeps and for how long, and that it never stands in the way."""

import asyncio
import logging
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes import (
    FakeClock,
    FakeCompleter,
    FakeEmbedder,
    InMemoryAnswerCache,
    MemoryLedger,
    answer_of,
    ask,
    settle,
)

from thriftgate.caching.entries import CacheEntry, PurgeFilter
from thriftgate.caching.policy import FixedThreshold
from thriftgate.config import CacheConfig
from thriftgate.services.cache.deciding import FixedDecider
from thriftgate.services.cache.pending import PendingEntry, Served
from thriftgate.services.cache.service import CacheService
from thriftgate.services.checking.judges import AgreementJudge
from thriftgate.services.checking.verification import CacheVerifier
from thriftgate.services.request.background import BackgroundTasks
from thriftgate.services.request.budget import RateBudget
from thriftgate.services.request.journal import Journal
from thriftgate.types import Answer, Caller, ChatRequest, DecisionKind, PromptRef, Usage

QUESTION = "how do I get a refund"
SIMILAR = "how can I get a refund"
ANSWER = answer_of("Write to the help desk.", cost_usd=0.02)


class Shop:
    """A cache service over fakes, where questions count as the same from a cosine of 0.8 on."""

    def __init__(
        self, *, draw: float = 0.5, limit: int = 100, min_similarity: float | None = 0.8, compares: bool = False,
        **config: Any,
    ) -> None:  # fmt: skip
        self.clock = FakeClock()
        self.store = InMemoryAnswerCache(self.clock)
        self.embedder = FakeEmbedder()
        self.embedder.place(SIMILAR, near=QUESTION, cosine=0.9)
        self.background = BackgroundTasks(limit=limit)
        self.journals: list[Journal] = []
        self.service = CacheService(
            CacheConfig.model_validate(
                {"min_similarity": min_similarity, "max_error": 0.0, "ttl_jitter": 0.0, **config}
            ),
            cache=self.store,
            embedder=self.embedder,
            decider=FixedDecider(FixedThreshold(0.8)),
            verifier=self._verifier() if compares else None,
            tier_policy=["small", "large"],
            clock=self.clock,
            draw=lambda: draw,
            background=self.background,
        )

    def _verifier(self) -> CacheVerifier:
        agreement = AgreementJudge(self.embedder)
        return CacheVerifier(
            route="support", baseline_model="large", completer=FakeCompleter(), agreement=agreement, judge=agreement,
            cache=self.store, decider=FixedDecider(FixedThreshold(0.8)), book=MemoryLedger(),
            budget=RateBudget(share=0.0, max_per_minute=0, clock=self.clock, draw=lambda: 0.5),
            background=self.background, clock=self.clock,
        )  # fmt: skip

    async def find(self, request: ChatRequest, prompt: PromptRef | None = None) -> Served | PendingEntry:
        self.journals.append(Journal(request, clock=self.clock, stream=False, capture_content=False))
        return await self.service.find(request, prompt, self.journals[-1])

    async def serve(self, request: ChatRequest, answer: Answer = ANSWER, prompt: PromptRef | None = None) -> str:
        """Look it up, and on a miss keep the fresh answer: how the request was answered."""
        found = await self.find(request, prompt)
        if isinstance(found, Served):
            return found.kind.value
        self.service.keep(request, found, answer, prompt=prompt, baseline_cost_usd=0.2)
        await settle()
        return "miss"

    @property
    def outcome(self) -> str:
        """What the trace says of the latest look-up."""
        return self.journals[-1].record().stages[0].attributes["outcome"]

    async def entries(self) -> list[CacheEntry]:
        return [entry async for entry in self.store.entries()]


@pytest.fixture
def shop() -> Shop:
    return Shop()


async def test_a_question_asked_again_is_an_exact_hit_with_the_answer_and_what_it_saves(shop: Shop) -> None:
    assert await shop.serve(ask(QUESTION)) == "miss"
    found = await shop.find(ask(QUESTION))
    assert isinstance(found, Served)
    assert (found.kind, found.similarity, found.is_stale) == (DecisionKind.EXACT_HIT, 1.0, False)
    assert found.answer.choices == ANSWER.choices
    assert (found.answer.cost_usd, found.entry.baseline_cost_usd) == (0.0, 0.2)
    assert shop.outcome == "exact_hit"


async def test_a_question_that_means_the_same_is_a_semantic_hit(shop: Shop) -> None:
    await shop.serve(ask(QUESTION))
    found = await shop.find(ask(SIMILAR))
    assert isinstance(found, Served)
    assert found.kind is DecisionKind.SEMANTIC_HIT
    assert found.similarity == pytest.approx(0.9)
    assert found.answer.text == ANSWER.text


async def test_a_question_far_from_all_others_is_a_miss(shop: Shop) -> None:
    await shop.serve(ask(QUESTION))
    assert await shop.serve(ask("where is the nearest shop")) == "miss"
    assert shop.outcome == "similarity below the threshold"


async def test_a_hit_is_counted_in_the_store(shop: Shop) -> None:
    for _ in range(4):
        await shop.serve(ask(QUESTION))
    await settle()
    assert [entry.hits for entry in await shop.entries()] == [3]


async def test_a_cache_of_exact_hits_only_never_embeds() -> None:
    shop = Shop(min_similarity=None)
    await shop.serve(ask(QUESTION))
    assert await shop.serve(ask(QUESTION)) == "exact_hit"
    assert await shop.serve(ask(SIMILAR)) == "miss"
    assert shop.embedder.history == []


async def test_a_question_embedded_a_moment_ago_is_looked_up_in_one_round_trip(shop: Shop) -> None:
    await shop.serve(ask(QUESTION))
    await shop.serve(ask(SIMILAR))
    assert shop.store.calls["lookup"] == 4  # each by its key first, then with its vector
    await shop.serve(ask(SIMILAR))
    assert shop.store.calls["lookup"] == 5
    assert shop.embedder.history == [QUESTION, SIMILAR]


@pytest.mark.parametrize(
    "other",
    [
        {"caller": Caller(key_hash="key-2", team_id="team-2")},
        {"route": "billing"},
        {"params": {"temperature": 0.5}},
        {"messages": ({"role": "system", "content": "Be brief."}, {"role": "user", "content": QUESTION})},
        {"prompt_variables": {"product": "tea"}},
    ],
    ids=["tenant", "route", "sampling", "system text", "prompt variables"],
)
async def test_who_differs_in_anything_that_matters_gets_no_answer_of_others(shop: Shop, other: dict[str, Any]) -> None:
    await shop.serve(ask(QUESTION))
    assert await shop.serve(ask(**({"question": QUESTION} | other))) == "miss"


async def test_another_prompt_version_or_embedder_finds_nothing_of_the_old_one(shop: Shop) -> None:
    old, new = (PromptRef(name="support", variant="control", version=version) for version in "12")
    await shop.serve(ask(QUESTION), prompt=old)
    assert await shop.serve(ask(QUESTION), prompt=old) == "exact_hit"
    assert await shop.serve(ask(QUESTION), prompt=new) == "miss"
    assert [entry.prompt_version for entry in await shop.entries()] == ["1", "2"]
    shop.embedder.fingerprint = "another"
    assert await shop.serve(ask(QUESTION), prompt=new) == "miss"


async def test_a_client_that_wants_a_fresh_answer_gets_one_and_renews_the_entry_for_others(shop: Shop) -> None:
    await shop.serve(ask(QUESTION))
    renewed = answer_of("Write to the new help desk.")
    assert await shop.serve(ask(QUESTION, no_cache=True), renewed) == "miss"
    assert shop.outcome == "client asked for a fresh answer"
    found = await shop.find(ask(QUESTION))
    assert isinstance(found, Served)
    assert found.answer.text == renewed.text
    assert await shop.serve(ask(SIMILAR)) == "semantic_hit"  # its vector was kept as well


async def test_a_client_that_wants_to_be_forgotten_leaves_nothing_but_may_be_served(shop: Shop) -> None:
    assert await shop.serve(ask(QUESTION, no_store=True)) == "miss"
    assert await shop.entries() == []
    await shop.serve(ask(QUESTION))
    assert await shop.serve(ask(QUESTION, no_store=True)) == "exact_hit"


async def test_a_client_that_wants_both_neither_takes_nor_leaves(shop: Shop) -> None:
    await shop.serve(ask(QUESTION))
    found = await shop.find(ask(QUESTION, no_cache=True, no_store=True))
    assert isinstance(found, PendingEntry)
    assert found.coalescing_key is None
    assert await shop.serve(ask("another question", no_cache=True, no_store=True)) == "miss"
    assert len(await shop.entries()) == 1


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"caller": Caller()}, "caller is unknown"),
        ({"params": {"temperature": 1.5}}, "temperature above the route's limit"),
        ({"question": "what time is it now"}, "question is time bound"),
    ],
)
async def test_what_may_not_be_shared_is_neither_served_nor_kept_nor_coalesced(
    shop: Shop, fields: dict[str, Any], why: str
) -> None:
    found = await shop.find(ask(**fields))
    assert isinstance(found, PendingEntry)
    assert (found.coalescing_key, shop.outcome) == (None, why)
    shop.service.keep(ask(**fields), found, ANSWER, prompt=None, baseline_cost_usd=0.2)
    await settle()
    assert await shop.entries() == []


async def test_a_request_that_is_no_json_goes_on_uncached(shop: Shop) -> None:
    found = await shop.find(ask(QUESTION, params={"odd": object()}))
    assert isinstance(found, PendingEntry)
    assert (found.scope, shop.outcome) == (None, "not cacheable")


@pytest.mark.parametrize(
    "answer", [answer_of(""), answer_of("I can't help with that."), Answer(choices=(), model="small")]
)
async def test_an_answer_that_is_none_is_not_kept(shop: Shop, answer: Answer) -> None:
    await shop.serve(ask(QUESTION), answer)
    assert await shop.entries() == []


@given(
    draw=st.floats(0, 1, exclude_max=True),
    ttl=st.floats(1, 10**6),
    jitter=st.floats(0, 0.5),
    stale_for=st.floats(0, 10**6),
)
async def test_an_entry_lives_for_its_ttl_give_or_take_the_jitter(
    draw: float, ttl: float, jitter: float, stale_for: float
) -> None:
    shop = Shop(draw=draw, ttl=ttl, ttl_jitter=jitter, stale_while_revalidate=stale_for)
    await shop.serve(ask(QUESTION))
    ((entry),) = await shop.entries()
    fresh = (entry.stale_at or entry.expires_at) - entry.created_at
    assert ttl * (1 - jitter) - 1e-3 <= fresh <= ttl * (1 + jitter) + 1e-3
    assert (entry.stale_at is None) is (stale_for == 0)
    assert entry.expires_at - entry.created_at == pytest.approx(fresh + stale_for, abs=1e-3)


@pytest.mark.parametrize(("draw", "lived"), [(0.0, 90.0), (0.5, 100.0), (1.0, 110.0)])
async def test_the_draw_spreads_the_ends_evenly_about_the_ttl(draw: float, lived: float) -> None:
    shop = Shop(draw=draw, ttl=100, ttl_jitter=0.1)
    await shop.serve(ask(QUESTION))
    ((entry),) = await shop.entries()
    assert entry.expires_at - entry.created_at == pytest.approx(lived)


async def test_an_entry_is_fresh_then_stale_then_gone() -> None:
    shop = Shop(ttl=100, stale_while_revalidate=50)
    await shop.serve(ask(QUESTION))
    staleness: list[bool | None] = []
    for seconds in (99, 1, 49, 1):
        shop.clock.advance(seconds)
        found = await shop.find(ask(QUESTION))
        staleness.append(found.is_stale if isinstance(found, Served) else None)
    assert staleness == [False, True, True, None]


async def test_while_the_store_is_away_questions_go_on_uncached_with_one_warning_a_minute(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    await shop.serve(ask(QUESTION))
    shop.store.is_away = True
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            assert await shop.serve(ask(QUESTION)) == "miss"
        assert len(caplog.messages) == 1
        shop.clock.advance(59.9)
        await shop.serve(ask(QUESTION))
        assert len(caplog.messages) == 1
        shop.clock.advance(0.2)
        await shop.serve(ask(QUESTION))
    assert [message.partition(";")[0] for message in caplog.messages] == ["the cache is away: it cannot be used"] * 2
    assert shop.service.failures == 10  # five look-ups, five stores
    shop.store.is_away = False
    assert await shop.serve(ask(QUESTION)) == "exact_hit"


async def test_while_the_embedder_is_away_exact_hits_are_still_served(shop: Shop) -> None:
    await shop.serve(ask(QUESTION))
    shop.embedder.is_away = True
    assert await shop.serve(ask(QUESTION)) == "exact_hit"
    assert await shop.serve(ask("another question")) == "miss"
    assert shop.service.failures == 2
    assert len(await shop.entries()) == 1


async def test_an_answer_that_is_not_kept_for_lack_of_room_is_dropped_without_a_trace() -> None:
    shop = Shop(limit=0)
    await shop.serve(ask(QUESTION))
    assert shop.background.dropped == {"cache_store": 1}
    assert await shop.entries() == []


async def test_a_fresh_answer_joins_the_group_of_neighbours_that_say_the_same() -> None:
    shop = Shop(compares=True)
    shop.embedder.place("refund please", near=QUESTION, cosine=0.7)
    shop.embedder.place("which shop is open", near=QUESTION, cosine=0.6)
    assert await shop.serve(ask(QUESTION)) == "miss"
    assert await shop.serve(ask("refund please")) == "miss"
    assert await shop.serve(ask("which shop is open"), answer_of("The one in town.")) == "miss"
    entries = {entry.question: entry for entry in await shop.entries()}
    assert entries["refund please"].group == entries[QUESTION].group == entries[QUESTION].entry_id
    assert entries["which shop is open"].group == entries["which shop is open"].entry_id


@pytest.mark.parametrize(
    ("kept_with", "asked_with", "kind"),
    [(None, 50, "exact_hit"), (50, 400, "exact_hit"), (50, None, "exact_hit"), (400, 10, "miss")],
)
async def test_an_answer_that_ended_by_itself_fits_every_limit_that_it_does_not_exceed(
    shop: Shop, kept_with: int | None, asked_with: int | None, kind: str
) -> None:
    def asked(most: int | None) -> ChatRequest:
        return ask(QUESTION, params={} if most is None else {"max_tokens": most})

    answer = replace(ANSWER, usage=Usage(completion_tokens=20))
    assert await shop.serve(asked(kept_with), answer) == "miss"
    assert await shop.serve(asked(asked_with), answer) == kind


async def test_an_answer_that_was_cut_is_not_kept_whatever_the_limit(shop: Shop) -> None:
    cut = replace(ANSWER, choices=(replace(ANSWER.choices[0], finish_reason="length"),))
    assert await shop.serve(ask(QUESTION, params={"max_tokens": 5}), cut) == "miss"
    assert await shop.serve(ask(QUESTION, params={"max_tokens": 500})) == "miss"


async def test_a_refused_answer_is_forgotten_however_much_runs_behind_the_requests() -> None:
    shop = Shop()
    await shop.serve(ask(QUESTION))
    (entry,) = await shop.entries()
    busy = Shop(limit=0)
    await busy.store.store(entry)
    busy.service.withdraw(entry.scope, entry.entry_id)
    await settle()
    assert await busy.entries() == []


async def test_a_refused_answer_that_is_not_forgotten_yet_is_served_to_nobody(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_go, purge = asyncio.Event(), shop.store.purge

    async def purged_late(what: PurgeFilter) -> int:
        await may_go.wait()
        return await purge(what)

    monkeypatch.setattr(shop.store, "purge", purged_late)
    await shop.serve(ask(QUESTION))
    (entry,) = await shop.entries()
    shop.service.withdraw(entry.scope, entry.entry_id)
    for question in (QUESTION, SIMILAR):
        assert not isinstance(await shop.find(ask(question)), Served)
        assert shop.outcome == "miss"
    may_go.set()
    await settle()
    assert await shop.entries() == []
