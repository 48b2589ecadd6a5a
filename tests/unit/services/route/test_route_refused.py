"""An answer that a guard refuses on its way out is not kept for others, whichever comes first and whoever else asks."""

from contextlib import aclosing

import pytest
from tests.fakes import Held, ask, settle
from tests.route_setup import STRONG, SURE, RouteSetup

from thriftgate.services.request.retraction import Retraction
from thriftgate.types import Caller, ChatRequest, DecisionKind

QUESTION, SIMILAR = "how do I get a refund", "how can I get a refund"


def asking(question: str = QUESTION, team: str = "team-1") -> ChatRequest:
    return ask(messages=({"role": "user", "content": question},), caller=Caller(key_hash=team, team_id=team))


async def refused(setup: RouteSetup, request: ChatRequest, *, stream: bool = False, for_all: bool = True) -> None:
    """The answer is there, and refused."""
    retraction, worker = Retraction(), setup.worker()
    if stream:
        async with aclosing(worker.stream(request, lambda _: None, retraction)) as pieces:
            async for _ in pieces:
                pass
    else:
        await worker.answer(request, lambda _: None, retraction)
    retraction.refuse(for_all=for_all)
    await settle()


@pytest.mark.parametrize("stream", [False, True])
async def test_a_fresh_answer_that_was_refused_is_forgotten(stream: bool) -> None:
    setup = RouteSetup()
    await refused(setup, asking(), stream=stream)
    assert await setup.entries() == []
    setup.clock.advance(1)
    await setup.answer(asking())
    assert setup.completer.models == ["small", "small"]


async def test_an_answer_that_is_refused_before_its_end_is_never_kept_and_given_to_nobody_who_waits() -> None:
    setup = RouteSetup()
    held, retraction = Held(SURE), Retraction()
    setup.completer.enqueue("small", held)
    request = asking()
    async with aclosing(setup.route.stream(request, lambda _: None, retraction)) as pieces:
        retraction.refuse(for_all=True)
        held.release.set()
        async for _ in pieces:
            pass
    assert await setup.entries() == []


@pytest.mark.parametrize("question", [QUESTION, SIMILAR], ids=["exact", "semantic"])
async def test_a_hit_that_is_refused_is_forgotten_for_all_workers_of_its_scope_and_no_other(question: str) -> None:
    setup = RouteSetup()
    setup.embedder.place(SIMILAR, near=QUESTION, cosine=0.95)
    await setup.answer(asking())
    await setup.answer(asking(team="team-2"))
    assert len(await setup.entries()) == 2
    await refused(setup, asking(question))
    kind = DecisionKind.EXACT_HIT if question == QUESTION else DecisionKind.SEMANTIC_HIT
    assert setup.records[-1].decision is kind
    (left,) = await setup.entries()
    await setup.worker().answer(asking(team="team-2"), lambda _: None)
    assert setup.records[-1].cache_entry_id == left.entry_id
    setup.clock.advance(1)
    await setup.answer(asking(question))
    assert setup.records[-1].decision is DecisionKind.ACCEPTED


async def test_what_is_refused_for_the_askers_own_words_stays_where_others_are_served_it() -> None:
    setup = RouteSetup()
    await refused(setup, asking(), for_all=False)
    assert await setup.entries() == []
    setup.clock.advance(1)
    await setup.answer(asking())
    await settle()
    await refused(setup, asking(), for_all=False)
    assert setup.records[-1].decision is DecisionKind.EXACT_HIT
    assert len(await setup.entries()) == 1


async def test_an_answer_that_took_the_place_of_the_refused_one_stays() -> None:
    setup = RouteSetup()
    retraction = Retraction()
    await setup.route.answer(asking(), lambda _: None, retraction)
    await settle()
    setup.completer.enqueue("small", STRONG)
    fresh = ask(messages=asking().messages, caller=asking().caller, no_cache=True)
    await setup.answer(fresh)
    await settle()
    retraction.refuse(for_all=True)
    retraction.refuse(for_all=True)
    (left,) = await setup.entries()
    assert left.choices == STRONG.choices


async def test_a_store_that_is_away_when_an_answer_is_refused_harms_nobody() -> None:
    setup = RouteSetup()
    retraction = Retraction()
    await setup.route.answer(asking(), lambda _: None, retraction)
    await settle()
    setup.store.is_away = True
    retraction.refuse(for_all=True)
    await settle()
    setup.store.is_away = False
    assert len(await setup.entries()) == 1
