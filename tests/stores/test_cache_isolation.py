"""No two requests that differ in anything that matters share an answer, in any store: the service over each of them."""

from dataclasses import dataclass, replace
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.fakes import FakeClock, FakeEmbedder, answer_of, ask, settle

from thriftgate.caching.entries import PurgeFilter
from thriftgate.caching.policy import FixedThreshold
from thriftgate.config import CacheConfig
from thriftgate.ports import AnswerCache
from thriftgate.services.cache.deciding import FixedDecider
from thriftgate.services.cache.pending import Served
from thriftgate.services.cache.service import CacheService
from thriftgate.services.request.background import BackgroundTasks
from thriftgate.services.request.journal import Journal
from thriftgate.stores.files.clock import SystemClock
from thriftgate.types import Caller, ChatRequest, PromptRef

QUESTION = "which ways of paying do you take"


@dataclass(frozen=True, slots=True)
class Situation:
    """One request and the gateway that it meets."""

    request: ChatRequest
    prompt: PromptRef
    tiers: tuple[str, ...] = ("small", "large")
    embedder: str = "fake-8"


def situation(**changed: str) -> Situation:
    """The plain situation, but for what is named; every value is as good as any other."""
    field = {name: changed.get(name, "same") for name in FIELDS}
    earlier = [
        {"role": "user", "content": field["earlier question"]},
        {"role": "assistant", "content": field["earlier answer"]},
    ]
    params: dict[str, Any] = {
        "tools": [{"type": "function", "function": {"name": field["tool"], "description": field["tool's text"]}}],
        "tool_choice": field["tool choice"],
        "response_format": {"type": "json_schema", "json_schema": {"name": field["response format"]}},
        "stop": field["stop"],
        "a_parameter_nobody_knows": field["unknown parameter"],
    }
    numbers = {"temperature": 0.1, "top_p": 0.5, "seed": 1, "n": 2}
    params |= {name: base * (1 if field[name] == "same" else 2) for name, base in numbers.items()}
    request = ask(
        route=field["route"],
        caller=Caller(key_hash="key", team_id=field["team"]),
        messages=({"role": "system", "content": field["system text"]}, *earlier, {"role": "user", "content": QUESTION}),
        params=params,
        prompt_variables={"product": field["prompt variable"]},
    )
    prompt = PromptRef(name=field["prompt name"], variant=field["prompt variant"], version=field["prompt version"])
    return Situation(request, prompt, tiers=("small", field["tiers"]), embedder=field["embedder"])


FIELDS = (
    "earlier question", "earlier answer", "tool", "tool's text", "tool choice", "response format", "stop",
    "unknown parameter", "temperature", "top_p", "seed", "n", "route", "team", "system text",
    "prompt variable", "prompt name", "prompt variant", "prompt version", "tiers", "embedder",
)  # fmt: skip


def asked_by(caller: Caller) -> Situation:
    plain = situation()
    return replace(plain, request=replace(plain.request, caller=caller))


async def answered(store: AnswerCache, one: Situation, *, keep: str = "", tenant: str = "team") -> str | None:
    """The text of the answer that the cache has for it; else `keep` is kept for the next."""
    embedder = FakeEmbedder()
    embedder.fingerprint = one.embedder
    background = BackgroundTasks(limit=9)
    service = CacheService(
        CacheConfig.model_validate({"min_similarity": 0.5, "max_error": 0.0, "tenant": tenant, "max_temperature": 2.0}),
        cache=store, embedder=embedder, decider=FixedDecider(FixedThreshold(0.5)), verifier=None,
        tier_policy=one.tiers, clock=SystemClock(), draw=lambda: 0.5, background=background,
    )  # fmt: skip
    journal = Journal(one.request, clock=FakeClock(), stream=False, capture_content=False)
    found = await service.find(one.request, one.prompt, journal)
    if not isinstance(found, Served) and keep:
        service.keep(one.request, found, answer_of(keep), prompt=one.prompt, baseline_cost_usd=0.1)
    await background.drain(patience=30)
    await settle()
    return found.answer.text if isinstance(found, Served) else None


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.sets(st.sampled_from(FIELDS), min_size=1))
async def test_whoever_differs_in_any_field_gets_no_answer_of_the_other(
    store: AnswerCache, differing: set[str]
) -> None:
    await store.purge(PurgeFilter())
    mine, other = situation(), situation(**dict.fromkeys(differing, "other"))
    assert await answered(store, mine, keep="mine") is None
    assert await answered(store, other, keep="theirs") is None
    assert [await answered(store, mine), await answered(store, other)] == ["mine", "theirs"]


async def test_every_field_alone_keeps_answers_apart(store: AnswerCache) -> None:
    assert await answered(store, situation(), keep="mine") is None
    for name in FIELDS:
        assert await answered(store, situation(**{name: "other"}), keep=name) is None, name
    assert [await answered(store, situation(**{name: "other"})) for name in FIELDS] == list(FIELDS)
    assert await answered(store, situation()) == "mine"


async def test_tenants_are_teams_or_keys_or_users_as_the_operator_wants(store: AnswerCache) -> None:
    ada = asked_by(Caller(key_hash="key-1", team_id="acme", user_id="ada"))
    bob = asked_by(Caller(key_hash="key-2", team_id="acme", user_id="bob"))
    assert await answered(store, ada, keep="for the team") is None
    assert await answered(store, bob) == "for the team"
    for tenant in ("key", "user"):
        assert await answered(store, ada, keep="for ada", tenant=tenant) is None
        assert await answered(store, bob, tenant=tenant) is None
        assert await answered(store, ada, tenant=tenant) == "for ada"
