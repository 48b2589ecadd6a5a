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

from thriftgate.caching.decision import Decision
from thriftgate.caching.eligibility import may_serve, may_store
from thriftgate.caching.entries import CacheEntry, Neighbour
from thriftgate.caching.evidence import NEIGHBOURS
from thriftgate.caching.grouping import normalised_answer
from thriftgate.caching.guards import Veto, first_veto
from thriftgate.caching.reading import LONGEST_QUESTION
from thriftgate.caching.scope import CacheScope, RequestIdentity, scope_of
from thriftgate.caching.warm_file import WarmLine
from thriftgate.config import RouteConfig
from thriftgate.ports import AnswerCache, Clock, Embedder
from thriftgate.services.cache.deciding import Decider
from thriftgate.services.cache.service import limits_of, rules_of, scoping_of, tier_policy_of
from thriftgate.services.request.reading import view_of
from thriftgate.types import Answer, Caller, ChatRequest, Choice, PromptRef
from thriftgate.wire.identity import identity

ApplyPrompt = Callable[[ChatRequest], tuple[ChatRequest, PromptRef]]
_BATCH = 64
_NO_EXPLORATION = 0.999_999


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """Why a question would hit or miss."""

    scope: CacheScope
    is_allowed: bool
    verdict: str
    """Why the cache may not be asked; "eligible" when it may."""
    exact: CacheEntry | None = None
    neighbours: Sequence[tuple[Neighbour, Veto | None]] = ()
    """Nearest first, each with what a guard objects to."""
    decision: Decision | None = None
    """None when an exact entry is there, or the cache may not be asked."""


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
        self._tiers = tier_policy_of(config.cascade, base_dir)
        self._strongest = config.cascade.tiers[-1].model
        self._cache = cache
        self._embedder = embedder
        self._decider = decider
        self._clock = clock
        self._prompt = prompt

    async def inspect(
        self, messages: Sequence[Mapping[str, Any]], *, caller: Caller, params: Mapping[str, Any]
    ) -> Inspection:
        """What a request would find, without serving or counting anything."""
        request, ref = self._request(messages, caller, params, {})
        scope = self._scope(request, ref)
        verdict = may_serve(request, scope.asked, settings=limits_of(self._config), has_tenant=scope.has_tenant)
        if not verdict.is_allowed:
            return Inspection(scope=scope, is_allowed=False, verdict=str(verdict.reason))
        is_short = len(scope.question) <= LONGEST_QUESTION
        vector = (await self._embedder.embed([scope.question]))[0] if is_short else None
        found = await self._cache.lookup(scope.scope, scope.key, vector, limit=NEIGHBOURS)
        decision = None
        if found.exact is None:
            decision = self._decider.decide(scope.question, found.neighbours, draw=_NO_EXPLORATION, tenant=scope.tenant)
        return Inspection(
            scope=scope,
            is_allowed=True,
            verdict=str(verdict.reason),
            exact=found.exact,
            neighbours=[(near, first_veto(scope.question, near.entry.question)) for near in found.neighbours],
            decision=decision,
        )

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
                made = self._entry(line, caller, ttl or self._config.ttl, tags)
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

    def _entry(self, line: WarmLine, caller: Caller, ttl: float, tags: Sequence[str]) -> CacheEntry | str:
        """The entry, or why its answer may not be kept."""
        request, ref = self._request(line.messages, caller, line.params, line.prompt_variables)
        scope = self._scope(request, ref)
        choice = Choice(message=line.answer, finish_reason="stop")
        answer = Answer(choices=(choice,), model=line.model or self._strongest)
        has_tenant = scope.has_tenant or line.scope is not None
        verdict = may_store(request, scope.asked, answer, settings=limits_of(self._config), has_tenant=has_tenant)
        if not verdict.is_allowed:
            return str(verdict.reason)
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
        )

    def _request(
        self,
        messages: Sequence[Mapping[str, Any]],
        caller: Caller,
        params: Mapping[str, Any],
        variables: Mapping[str, Any],
    ) -> tuple[ChatRequest, PromptRef | None]:
        request = ChatRequest(
            request_id="operator",
            route=self._route,
            messages=tuple(messages),
            params=params,
            caller=caller,
            prompt_variables=variables,
        )
        return self._prompt(request) if self._prompt is not None else (request, None)

    def _scope(self, request: ChatRequest, prompt: PromptRef | None) -> CacheScope:
        seen = identity(view_of(request), rules_of(self._config))
        return scope_of(
            request,
            settings=scoping_of(self._config),
            prompt=prompt,
            tiers=self._tiers,
            embedder=self._embedder.fingerprint,
            identity=RequestIdentity(seen.frame, seen.question),
        )


def _group_of(text: str) -> str:
    """The same for the same words: entries with one answer support each other from the start."""
    return f"warm-{hashlib.blake2b(normalised_answer(text).encode(), digest_size=12).hexdigest()}"
