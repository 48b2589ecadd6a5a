"""What operators do by hand is what requests would find: warmed answers are served, inspections tell the truth."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.fakes import FakeClock, FakeEmbedder, InMemoryAnswerCache, answer_of, ask, settle

from thriftgate.caching.decision import Decision, Hit, Miss
from thriftgate.caching.entries import Neighbour
from thriftgate.caching.policy import FixedThreshold
from thriftgate.caching.warm_file import WarmLine
from thriftgate.config import RouteConfig
from thriftgate.services.cache.deciding import Decider, FixedDecider
from thriftgate.services.cache.inspection import CacheInspector
from thriftgate.services.cache.pending import Served
from thriftgate.services.cache.service import CacheService
from thriftgate.services.cache.settings import tier_policy_of
from thriftgate.services.output.stage import OutputStage
from thriftgate.services.request.background import BackgroundTasks
from thriftgate.services.request.journal import Journal
from thriftgate.types import Caller, ChatRequest, DecisionKind, PromptRef, Usage

QUESTION, ANSWER = "how do I get a refund", "Write to the help desk."
CALLER = Caller(team_id="acme")


class Office:
    """A desk and the service of the same route over one store."""

    def __init__(
        self, *, decider: Decider | None = None, output: Mapping[str, Any] | None = None, **cache: Any
    ) -> None:
        self.config = RouteConfig.model_validate(
            {
                "cascade": {"tiers": [{"model": "small"}, {"model": "large"}]},
                "cache": {"min_similarity": 0.8, "ttl_jitter": 0.0, "tags": ["route"], **cache},
                "output": output,
            }
        )
        assert self.config.cache is not None
        self.clock, self.embedder = FakeClock(), FakeEmbedder()
        self.store = InMemoryAnswerCache(self.clock)
        decider = decider or FixedDecider(FixedThreshold(0.8))
        self.setup = CacheInspector(
            "support", self.config, cache=self.store, embedder=self.embedder, decider=decider, clock=self.clock,
            prompt=None,
        )  # fmt: skip
        self.service = CacheService(
            self.config.cache, cache=self.store, embedder=self.embedder, decider=decider, verifier=None,
            tier_policy=tier_policy_of(self.config), clock=self.clock, draw=lambda: 0.5,
            background=BackgroundTasks(),
        )  # fmt: skip

    async def served(self, question: str = QUESTION, **fields: Any) -> Served | None:
        request = ask(question, **{"caller": CALLER, "route": "support", **fields})
        found = await self.service.find(
            request, None, Journal(request, clock=self.clock, stream=False, capture_content=False)
        )
        return found if isinstance(found, Served) else None

    async def inspect(self, question: str = QUESTION, params: Mapping[str, Any] | None = None, caller: Caller = CALLER):
        return await self.setup.inspect([{"role": "user", "content": question}], caller=caller, params=params or {})


def line(question: str = QUESTION, answer: str = ANSWER, number: int = 1, **fields: Any) -> WarmLine:
    return WarmLine(
        number=number, messages=({"role": "user", "content": question},),
        answer={"role": "assistant", "content": answer}, **fields,
    )  # fmt: skip


async def test_a_warmed_answer_is_served_to_its_tenant_alone_exactly_and_by_meaning() -> None:
    office = Office()
    office.embedder.place("how can I get a refund", near=QUESTION, cosine=0.9)
    warmed = await office.setup.warm([line()], caller=CALLER, ttl=None, tags=["new"])
    assert (warmed.stored, warmed.refused) == (1, [])
    exact, similar = await office.served(), await office.served("how can I get a refund")
    assert exact is not None
    assert similar is not None
    assert (exact.kind, similar.kind) == (DecisionKind.EXACT_HIT, DecisionKind.SEMANTIC_HIT)
    assert exact.answer.text == similar.answer.text == ANSWER
    assert exact.entry.tags == ("route", "new")
    assert await office.served(caller=Caller(team_id="other")) is None


async def test_warming_twice_changes_nothing() -> None:
    office = Office()
    for _ in range(2):
        await office.setup.warm([line()], caller=CALLER, ttl=None, tags=[])
    assert len([entry async for entry in office.store.entries()]) == 1


async def test_many_lines_are_embedded_in_batches_and_all_stored() -> None:
    office = Office()
    lines = [line(f"what is {name}", number=number) for number, name in enumerate(f"thing{i}" for i in range(150))]
    assert (await office.setup.warm(lines, caller=CALLER, ttl=None, tags=[])).stored == 150
    assert len([entry async for entry in office.store.entries()]) == 150


async def test_an_answer_that_is_never_kept_is_refused_with_its_line_and_reason() -> None:
    office = Office()
    lines = [line(number=3), line("what is the price today", number=4)]
    warmed = await office.setup.warm(lines, caller=CALLER, ttl=None, tags=[])
    assert warmed.stored == 1
    assert warmed.refused == ["line 4: question is time bound"]


async def test_without_a_tenant_nothing_is_stored() -> None:
    warmed = await Office().setup.warm([line()], caller=Caller(), ttl=None, tags=[])
    assert warmed.stored == 0
    assert warmed.refused == ["line 1: caller is unknown"]


async def test_a_stated_scope_stands_for_the_tenant() -> None:
    office = Office()
    scope = (await office.inspect()).scope
    assert scope is not None
    await office.setup.warm([line(scope=scope.scope)], caller=Caller(), ttl=None, tags=[])
    assert await office.served() is not None


async def test_the_time_to_live_may_be_given() -> None:
    office = Office()
    await office.setup.warm([line()], caller=CALLER, ttl=10.0, tags=[])
    office.clock.advance(11)
    assert await office.served() is None


async def test_entries_with_one_answer_are_one_group() -> None:
    office = Office()
    await office.setup.warm([line(), line("refund please"), line("hours?", "9 to 5")], caller=CALLER, ttl=None, tags=[])
    groups = {entry.question: entry.group async for entry in office.store.entries()}
    assert groups[QUESTION] == groups["refund please"] != groups["hours?"]


async def test_an_inspection_finds_what_a_request_would() -> None:
    office = Office()
    office.embedder.place("how can I get a refund", near=QUESTION, cosine=0.9)
    await office.setup.warm([line()], caller=CALLER, ttl=None, tags=[])
    exact = await office.inspect()
    assert exact.exact is not None
    assert exact.decision is None
    similar = await office.inspect("how can I get a refund")
    assert isinstance(similar.decision, Hit)
    assert [near.entry.question for near, _ in similar.neighbours] == [QUESTION]
    assert isinstance((await office.inspect("something else")).decision, Miss)


class UncertainDecider(FixedDecider):
    """Serves its first hits only where they are checked, as a decider does that has seen nothing yet."""

    def decide(self, question: str, neighbours: Sequence[Neighbour], *, draw: float, **how: Any) -> Decision:
        found = super().decide(question, neighbours, draw=draw, **how)
        return replace(found, must_be_checked=True) if isinstance(found, Hit) else found


NEAR, NEGATED, FAR, LONG = "how can I get a refund", "how do I not get a refund", "what is a tram", "refund? " * 5_000
EXACT_ONLY: dict[str, Any] = {"min_similarity": None, "max_error": 0.0}
UNCHECKED: dict[str, Any] = {
    "decider": UncertainDecider(FixedThreshold(0.8)),
    "verify": {"max_per_minute": 0},
}
LOOKS: dict[str, tuple[dict[str, Any], str, dict[str, Any], bool]] = {
    "the same question": ({}, QUESTION, {}, True),
    "one that means the same": ({}, NEAR, {}, True),
    "one that means something else": ({}, FAR, {}, False),
    "one that a guard objects to": ({}, NEGATED, {}, False),
    "one of another temperature": ({}, QUESTION, {"temperature": 0.5}, False),
    "an answer longer than the client lets one be": ({}, QUESTION, {"max_tokens": 5}, False),
    "one near it, longer than the client lets one be": ({}, NEAR, {"max_tokens": 5}, False),
    "an answer that fits": ({}, NEAR, {"max_tokens": 500}, True),
    "a route that serves exact hits alone, asked the same": (EXACT_ONLY, QUESTION, {}, True),
    "a route that serves exact hits alone, asked in other words": (EXACT_ONLY, NEAR, {}, False),
    "too long a question to compare": ({}, LONG, {}, False),
    "a hit that must be checked where nothing is": (UNCHECKED, NEAR, {}, False),
    "a route about what changes": ({"time_sensitive": True}, QUESTION, {}, False),
}


@pytest.mark.parametrize("look", LOOKS)
async def test_an_inspection_says_hit_where_serving_hits_and_nowhere_else(look: str) -> None:
    settings, question, params, is_hit = LOOKS[look]
    office = Office(**settings)
    for text, cosine in ((NEAR, 0.9), (NEGATED, 0.95), (FAR, 0.1), (LONG, 0.99)):
        office.embedder.place(text, near=QUESTION, cosine=cosine)
    entries = Office()
    await entries.setup.warm([line()], caller=CALLER, ttl=None, tags=[])
    (kept,) = [entry async for entry in entries.store.entries()]
    place = (await office.inspect()).scope
    assert place is not None
    await office.store.store(replace(kept, scope=place.scope, usage=Usage(3, 20)))
    served = await office.served(question, params=params)
    found = await office.inspect(question, params)
    said = (
        DecisionKind.EXACT_HIT
        if found.exact
        else DecisionKind.SEMANTIC_HIT
        if isinstance(found.decision, Hit)
        else None
    )
    assert said == (served.kind if served else None)
    assert (served is not None) is is_hit


async def test_where_the_route_asks_for_a_shape_warmed_answers_have_it_and_are_found() -> None:
    schema = {"type": "object", "properties": {"where": {"type": "string"}}, "required": ["where"]}
    office = Office(output={"json_schema": schema})
    lines = [line(answer='{"where": "at the desk"}'), line("hours?", "9 to 5", number=2)]
    warmed = await office.setup.warm(lines, caller=CALLER, ttl=None, tags=[])
    assert warmed.refused == ["line 2: answer does not fit the JSON schema that is asked for"]
    stage = OutputStage.of(office.config.output)
    assert stage is not None
    request, _ = await stage.apply(ask(QUESTION, caller=CALLER, route="support"))
    journal = Journal(request, clock=office.clock, stream=False, capture_content=False)
    assert isinstance(await office.service.find(request, None, journal), Served)
    assert (await office.inspect()).exact is not None


async def test_an_inspection_names_the_guard_that_objects() -> None:
    office = Office()
    office.embedder.place("how do I not get a refund", near=QUESTION, cosine=0.95)
    await office.setup.warm([line()], caller=CALLER, ttl=None, tags=[])
    found = await office.inspect("how do I not get a refund")
    assert [str(veto) for _, veto in found.neighbours] == ["one is negated"]
    assert isinstance(found.decision, Miss)


async def test_other_parameters_are_another_scope() -> None:
    office = Office()
    await office.setup.warm([line()], caller=CALLER, ttl=None, tags=[])
    found = await office.inspect(params={"temperature": 0.5})
    assert found.exact is None
    assert found.neighbours == []


async def test_an_inspection_says_why_the_cache_is_not_asked() -> None:
    found = await Office(time_sensitive=True).inspect()
    assert (found.is_allowed, found.verdict) == (False, "route is time sensitive")


async def test_the_routes_prompt_is_applied_as_when_serving() -> None:
    office = Office()
    ref = PromptRef(name="support", variant="control", version="v1")

    def apply(request: ChatRequest) -> tuple[ChatRequest, PromptRef]:
        system = {"role": "system", "content": f"Shop: {request.prompt_variables.get('shop')}"}
        return replace(request, messages=(system, *request.messages)), ref

    setup = CacheInspector(
        "support", office.config, cache=office.store, embedder=office.embedder,
        decider=FixedDecider(FixedThreshold(0.8)), clock=office.clock, prompt=apply,
    )  # fmt: skip
    await setup.warm([line(prompt_variables={"shop": "one"})], caller=CALLER, ttl=None, tags=[])
    (entry,) = [one async for one in office.store.entries()]
    assert entry.prompt_version == "v1"
    request, _ = apply(ask(QUESTION, caller=CALLER, route="support", prompt_variables={"shop": "one"}))
    journal = Journal(request, clock=office.clock, stream=False, capture_content=False)
    assert isinstance(await office.service.find(request, ref, journal), Served)


def test_a_route_without_a_cache_has_no_desk() -> None:
    config = RouteConfig.model_validate({"cascade": {"tiers": [{"model": "small"}]}})
    with pytest.raises(ValueError, match="has no cache"):
        CacheInspector(
            "plain", config, cache=InMemoryAnswerCache(FakeClock()), embedder=FakeEmbedder(),
            decider=FixedDecider(FixedThreshold(0.8)), clock=FakeClock(), prompt=None,
        )  # fmt: skip


async def test_what_is_warmed_is_replaced_by_a_fresh_answer() -> None:
    office = Office()
    await office.setup.warm([line()], caller=CALLER, ttl=None, tags=[])
    request = ask(QUESTION, caller=CALLER, route="support", no_cache=True)
    journal = Journal(request, clock=office.clock, stream=False, capture_content=False)
    pending = await office.service.find(request, None, journal)
    assert not isinstance(pending, Served)
    office.service.keep(request, pending, answer_of("Ask in the shop."), prompt=None, baseline_cost_usd=0.1)
    await settle()
    served = await office.served()
    assert served is not None
    assert served.answer.text == "Ask in the shop."


BAR: dict[str, Any] = {"cascade": {"tiers": [{"model": "a"}, {"model": "b"}], "accept_at": 0.5}}


def policy_of(change: Mapping[str, Any], base_dir: Path | None = None, **route: Any) -> list[str]:
    return tier_policy_of(RouteConfig.model_validate({"cascade": BAR["cascade"] | change, **route}), base_dir)


@pytest.mark.parametrize(
    "change",
    [
        {"accept_at": 0.91},
        {"delta": 0.04},
        {"artefact": "other.json"},
        {"max_quality_loss": 0.02},
        {"max_regressions": 0.02},
        {"tools": "cascade"},
        {"signals": ["logprobs"]},
        {"second_sample": {}},
        {"judge": {"model": "c"}},
        {"unfamiliar": {"escalate": False}},
        {"unfamiliar": {"share": 0.1}},
        {"tiers": [{"model": "a", "accept_at": 0.5}, {"model": "b"}]},
        {"tiers": [{"model": "a"}, {"model": "c"}, {"model": "b"}]},
    ],
    ids=str,
)
def test_another_bar_for_answers_is_another_scope(change: dict[str, Any]) -> None:
    assert policy_of({}) != policy_of(change)


def test_shapes_that_are_enforced_are_another_scope() -> None:
    policies = [policy_of({}), policy_of({}, output={}), policy_of({}, output={"repair": False})]
    assert len(set(map(tuple, policies))) == 3
    assert policy_of({}, output={"reasks": 2}) == policies[1]


def test_an_artefact_of_another_content_is_another_scope_and_its_name_is_none(tmp_path: Path) -> None:
    def policy(name: str, content: str) -> list[str]:
        (tmp_path / name).write_text(content, encoding="utf-8")
        return policy_of({"max_quality_loss": 0.02, "artefact": name}, tmp_path)

    assert policy("one.json", "{}") != policy("one.json", '{"accept_at": 0.9}')
    assert policy("one.json", "{}") == policy("other.json", "{}")


def test_how_answers_are_audited_and_sent_is_no_part_of_the_scope() -> None:
    assert policy_of({}) == policy_of({"audit": {"share": 0.5}, "streaming": "optimistic", "hold_limit": 5})
