"""Who may share an answer with whom: everything about a request but its last question, as one hash.

Two requests look into each other's answers only when their scopes are equal. The scope therefore takes in
*everything* by default: a parameter that nobody here has heard of separates answers instead of mixing them. What does
not matter is listed by name in `wire.identity`, which makes the request's identity.

Failure behaviour: pure. Raises TypeError when a parameter is no JSON value; the caller then goes on uncached.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from thriftgate.caching.sharing.canonical import digest
from thriftgate.types import Caller, ChatRequest, PromptRef

SCOPE_VERSION = 2
"""Raise it when the meaning of a scope changes: no entry made before will be found again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopeSettings:
    """How an operator wants answers shared; the fields of `CacheConfig` with the same names."""

    tenant: Literal["team", "key", "user"] = "team"
    share: Literal["tenant", "global"] = "tenant"


@dataclass(frozen=True, slots=True)
class RequestIdentity:
    """What a client sent, as far as it can change an answer; worked out from the body in its own dialect."""

    frame: object
    """All but the question, a JSON value."""
    question: tuple[str, ...]
    """The texts of the question, one a part, exactly as they came."""


@dataclass(frozen=True, slots=True)
class CacheScope:
    """Where a request looks for answers, and what it looks for."""

    scope: str
    """64 hex digits: equal for exactly the requests that may share answers."""
    key: str
    """64 hex digits: the hash of the question character by character, for exact hits."""
    question: str
    """The last text of the last user message, to be embedded; empty when there is none."""
    asked: str
    """All texts of the last user message: what is looked at for times and accounts."""
    has_tenant: bool
    """False when nobody is known to have asked: the scope is then the request's own and matches no other."""
    tenant: float = 0.0
    """A whole number that stands for who shares the answers; 0 when nobody is known, or everybody does."""

    @property
    def coalescing_key(self) -> str:
        """Names this very question in this very scope, to coalesce concurrent misses."""
        return f"{self.scope}:{self.key}"


def scope_of(
    request: ChatRequest,
    *,
    settings: ScopeSettings,
    prompt: PromptRef | None,
    identity: RequestIdentity,
    tiers: Sequence[str],
    embedder: str,
) -> CacheScope:
    """Where `request` may look for answers.

    `identity` stands for the request's messages and parameters, which are only a view of what was sent in another
    dialect than chat completions. `tiers` names everything that decides which model answers, in order (the tier
    policy); `embedder` is the embedder's fingerprint. Raises TypeError when the request holds something that is no
    JSON value.
    """
    tenant = tenant_of(request.caller, settings)
    around = [
        tenant if tenant is not None else ["nobody", request.request_id],
        request.route,
        None if prompt is None else [prompt.name, prompt.variant, prompt.version],
        request.prompt_variables,
        list(tiers),
        embedder,
    ]
    # The texts before the last one belong to the scope: no text can wander from one part to another.
    texts = identity.question
    last = next((place for place in reversed(range(len(texts))) if texts[place].strip()), len(texts) - 1)
    question = texts[last] if texts else ""
    others = [None if place == last else text for place, text in enumerate(texts)]
    scope = digest([SCOPE_VERSION, "identity", around, identity.frame, others])
    return CacheScope(scope, digest(question), question, "\n".join(texts), tenant is not None, _number_of(tenant))


def tenant_of(caller: Caller, settings: ScopeSettings) -> Sequence[str] | None:
    """Who shares answers with whom; None when the caller is unknown, who then shares with nobody.

    A user is only a user within their team or key: `user_id` may be the client's own claim.
    """
    if settings.share == "global":
        return ["global"]
    home: list[str] = []
    if caller.team_id and settings.tenant != "key":
        home = ["team", caller.team_id]
    elif caller.key_hash:
        home = ["key", caller.key_hash]
    if not home:
        return None
    if settings.tenant == "user":
        # Without a user the key is the tenant: falling back to the team would share more than was asked for.
        # Both: one key may ask for many people.
        people = dict.fromkeys(one for one in (caller.user_id, caller.end_user_id) if one)
        if people:
            return [*home, "user", *people]
        return ["key", caller.key_hash] if caller.key_hash else None
    return home


def _number_of(tenant: Sequence[str] | None) -> float:
    """48 bits of the tenant's hash, which a float holds exactly: it stands beside measured features."""
    return 0.0 if tenant is None or list(tenant) == ["global"] else float(int(digest(tenant)[:12], 16))
