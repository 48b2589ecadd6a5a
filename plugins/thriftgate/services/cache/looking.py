"""Where a request looks for an answer given before, and the look itself: for whom we serve, and for who inspects.

Failure behaviour: raises StoreUnavailableError when the store or the embedder does not answer.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from thriftgate.caching.decision import Hit
from thriftgate.caching.lookup import Asked, Check, Embed, Find, Found, look_up
from thriftgate.caching.sharing.eligibility import Verdict, content_verdict, may_serve
from thriftgate.caching.sharing.scope import CacheScope, RequestIdentity, scope_of
from thriftgate.config import CacheConfig
from thriftgate.ports import AnswerCache, Embedder
from thriftgate.services.cache.deciding import Decider
from thriftgate.services.cache.settings import limits_of, rules_of, scoping_of
from thriftgate.services.request.background import beside_loop
from thriftgate.services.request.reading import view_of
from thriftgate.types import ChatRequest, PromptRef
from thriftgate.wire.identity import identity


@dataclass(frozen=True, slots=True, kw_only=True)
class LookPlace:
    """Where a request looks, and whether it may."""

    scope: CacheScope | None = None
    """None: nothing can be found for it, or kept of it."""
    max_tokens: int | None = None
    """The most tokens that the client lets an answer have."""
    content: Verdict | None = None
    """What `content_verdict` said of the request; None where it was not asked."""
    is_allowed: bool = False
    reason: str
    """Why the cache may not be asked; "eligible" when it may."""


class CacheLook:
    """Looks into the cache of one route; nothing is counted or kept by it."""

    def __init__(
        self,
        config: CacheConfig,
        *,
        cache: AnswerCache,
        embedder: Embedder,
        decider: Decider,
        tier_policy: Sequence[str],
    ) -> None:
        self._cache = cache
        self._embedder = embedder
        self._decider = decider
        self._tier_policy = tier_policy
        self._scoping = scoping_of(config)
        self._limits = limits_of(config)
        self._rules = rules_of(config)
        self.is_semantic = config.max_error > 0 or config.min_similarity is not None
        """Whether the answer to another question may be given."""

    async def place(self, request: ChatRequest, prompt: PromptRef | None) -> LookPlace:
        """Where the request looks; of a large one this is worked out beside the loop."""
        return await beside_loop(partial(self._place, request, prompt), is_heavy=view_of(request).is_heavy)

    def _place(self, request: ChatRequest, prompt: PromptRef | None) -> LookPlace:
        seen = identity(view_of(request), self._rules)
        if seen.uncacheable:
            return LookPlace(reason=f"request {seen.uncacheable[0][0]}")
        try:
            scope = scope_of(
                request,
                settings=self._scoping,
                prompt=prompt,
                tiers=self._tier_policy,
                embedder=self._embedder.fingerprint,
                identity=RequestIdentity(seen.frame, seen.question),
            )
        except TypeError:
            return LookPlace(max_tokens=seen.max_tokens, reason="not cacheable")
        content = content_verdict(request, scope.asked, settings=self._limits, has_tenant=scope.has_tenant)
        verdict = may_serve(request, scope.asked, settings=self._limits, content=content)
        return LookPlace(
            scope=scope,
            max_tokens=seen.max_tokens,
            content=content,
            is_allowed=verdict.is_allowed,
            reason=str(verdict.reason),
        )

    async def look(
        self, place: LookPlace, *, draw: float, may_check: Callable[[Hit], bool], is_relaxed: bool = False
    ) -> Found:
        """Drive `lookup.look_up`, which decides; here its effects are performed.

        `draw` is uniform in [0, 1): the randomness of exploration. `may_check` says whether a hit will be asked afresh.
        """
        scope = place.scope
        assert scope is not None, "who may look has a scope"
        asked = Asked(
            scope=scope.scope,
            key=scope.key,
            question=scope.question,
            max_tokens=place.max_tokens,
            is_semantic=self.is_semantic,
            is_relaxed=is_relaxed,
        )
        flow = look_up(asked, partial(self._decider.decide, draw=draw, tenant=scope.tenant, is_relaxed=is_relaxed))
        sent: object = None
        while True:
            try:
                effect = flow.send(sent)
            except StopIteration as stop:
                return stop.value
            match effect:
                case Embed(text, only_if_known=True):
                    sent = self._embedder.cached(text)
                case Embed(text):
                    sent = (await self._embedder.embed([text]))[0]
                case Find(key=key, vector=vector, limit=limit):
                    sent = await self._cache.lookup(effect.scope, key, vector, limit=limit)
                case Check(hit):
                    sent = may_check(hit)
