"""What an operator does with a route's cache by hand: see why a question hits or misses, and fill it beforehand.

Everything is done as a request would be: the route's prompt is applied, the scope is hashed and the decision is made by
the code that serves.

Failure behaviour: raises StoreUnavailableError when the store or the embedder is away; what was stored by then stays.
"""

import hashlib
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from thriftgate.caching.decision import Decision, Hit
from thriftgate.caching.differences.guards import Veto, first_veto
from thriftgate.caching.entries import CacheEntry, Neighbour, normalised_answer
from thriftgate.caching.sharing.eligibility import may_store
from thriftgate.caching.sharing.scope import CacheScope
from thriftgate.caching.warm_file import WarmLine
from thriftgate.config import RouteConfig
from thriftgate.output.requirement import Requirement
from thriftgate.ports import AnswerCache, Clock, Embedder
from thriftgate.services.cache.deciding import Decider
from thriftgate.services.cache.looking import CacheLook
from thriftgate.services.cache.settings import limits_of, tier_policy_of
from thriftgate.services.output.reading import checked
from thriftgate.services.output.stage import OutputStage
from thriftgate.types import Answer, Caller, ChatRequest, Choice, PromptRef

ApplyPrompt = Callable[[ChatRequest], tuple[ChatRequest, PromptRef]]
_BATCH = 64
_NO_EXPLORATION = 0.999_999
_MISSHAPEN = "answer does not fit the JSON schema that is asked for"


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """Why a question would hit or miss."""

    scope: CacheScope | None
    """None: nothing can be found for such a request."""
    is_allowed: bool
    verdict: str
    """Why the cache may not be asked; "eligible" when it may."""
    exact: CacheEntry | None = None
    neighbours: Sequence[tuple[Neighbour, Veto | None]] = ()
    """Nearest first, each with what a guard objects to."""
    decision: Decision | None = None
    """None when an exact entry is there, the cache may not be asked, or only exact hits are served."""


@dataclass(slots=True)
class Warmed:
    """What came of a warm-up."""

    stored: int = 0
    refused: list[str] = field(default_factory=list[str])
    """`line 12: …`: answers that the cache never keeps, with its reason."""


class CacheInspector:
    """The cache of one route, from the operator's side."""

    def __init__(
        self,
        route: str,
        config: RouteConfig,
        *,
        cache: AnswerCache,
        embedder: Embedder,
        decider: Decider,
        clock: Clock,
        prompt: ApplyPrompt | None,
        base_dir: Path | None = None,
    ) -> None:
        if config.cache is None:
            raise ValueError(f"route '{route}' has no cache")
        self._route = route
        self._config = config.cache
        self._look = CacheLook(
            config.cache,
            cache=cache,
            embedder=embedder,
            decider=decider,
            tier_policy=tier_policy_of(config, base_dir),
        )
        self._strongest = config.cascade.tiers[-1].model
        self._cache = cache
        self._embedder = embedder
        self._clock = clock
        self._prompt = prompt
        self._output = OutputStage.of(config.output)

    async def inspect(
        self, messages: Sequence[Mapping[str, Any]], *, caller: Caller, params: Mapping[str, Any]
    ) -> Inspection:
        """What a request would find, without serving or counting anything."""
        request, prompt, _ = await self._request(messages, caller, params, {})
        place = await self._look.place(request, prompt)
        scope = place.scope
        if scope is None or not place.is_allowed:
            return Inspection(scope=scope, is_allowed=False, verdict=place.reason)
        found = await self._look.look(place, draw=_NO_EXPLORATION, may_check=self._may_check)
        return Inspection(
            scope=scope,
            is_allowed=True,
            verdict=place.reason,
            exact=found.exact,
            neighbours=[(near, first_veto(scope.question, near.entry.question)) for near in found.neighbours],
            decision=found.decision,
        )

    def _may_check(self, hit: Hit) -> bool:
        """A gateway at rest has room for a check, where it makes any."""
        return self._config.verify.max_per_minute > 0

    async def warm(
        self, lines: Sequence[WarmLine], *, caller: Caller, ttl: float | None, tags: Sequence[str]
    ) -> Warmed:
        """Put answers into the cache; an entry of the same scope and question is replaced.

        Args:
            lines: What to store.
            caller: Whose tenant the answers are for, where a line states no scope of its own.
            ttl: Seconds; None: the route's.
            tags: Put on every entry besides the line's and the route's own.
        """
        warmed = Warmed()
        for start in range(0, len(lines), _BATCH):
            entries: list[CacheEntry] = []
            for line in lines[start : start + _BATCH]:
                made = await self._entry(line, caller, ttl or self._config.ttl, tags)
                if isinstance(made, CacheEntry):
                    entries.append(made)
                else:
                    warmed.refused.append(f"line {line.number}: {made}")
            if entries:
                vectors = await self._embedder.embed([entry.question for entry in entries])
                for entry, vector in zip(entries, vectors, strict=True):
                    await self._cache.store(replace(entry, embedding=vector))
            warmed.stored += len(entries)
        return warmed

    async def _entry(self, line: WarmLine, caller: Caller, ttl: float, tags: Sequence[str]) -> CacheEntry | str:
        """The entry, or why its answer may not be kept."""
        request, ref, required = await self._request(line.messages, caller, line.params, line.prompt_variables)
        place = await self._look.place(request, ref)
        scope = place.scope
        if scope is None:
            return place.reason
        choice = Choice(message=line.answer, finish_reason="stop")
        answer = Answer(choices=(choice,), model=line.model or self._strongest)
        has_tenant = scope.has_tenant or line.scope is not None
        verdict = may_store(request, scope.asked, answer, settings=limits_of(self._config), has_tenant=has_tenant)
        if not verdict.is_allowed:
            return str(verdict.reason)
        if required is not None and checked(request, answer, required, may_repair=False).objection is not None:
            return _MISSHAPEN
        now = self._clock.time()
        return CacheEntry(
            entry_id=uuid.uuid4().hex,
            scope=line.scope or scope.scope,
            key=scope.key,
            route=self._route,
            question=scope.question,
            embedding=None,
            choices=answer.choices,
            model=answer.model,
            created_at=now,
            expires_at=now + ttl,
            tags=tuple(dict.fromkeys([*self._config.tags, *tags, *line.tags])),
            prompt_version=ref.version if ref else "",
            answer_group=line.group or _group_of(choice.text),
            joined=line.joined,
        )

    async def _request(
        self,
        messages: Sequence[Mapping[str, Any]],
        caller: Caller,
        params: Mapping[str, Any],
        variables: Mapping[str, Any],
    ) -> tuple[ChatRequest, PromptRef | None, Requirement | None]:
        """The request as a route has it when it looks into its cache, and what its answer must be."""
        request = ChatRequest(
            request_id="operator",
            route=self._route,
            messages=tuple(messages),
            params=params,
            caller=caller,
            prompt_variables=variables,
        )
        prompt, required = None, None
        if self._prompt is not None:
            request, prompt = self._prompt(request)
        if self._output is not None:
            request, required = await self._output.apply(request)
        return request, prompt, required


def _group_of(text: str) -> str:
    """The same for the same words: entries with one answer support each other from the start."""
    return f"warm-{hashlib.blake2b(normalised_answer(text).encode(), digest_size=12).hexdigest()}"
