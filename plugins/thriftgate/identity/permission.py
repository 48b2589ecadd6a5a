"""Whether somebody may do what they ask for.

Two questions with different answers over HTTP: whether the key is good at all (else 401), and whether its bearer may
do this (else 403). Money has a third, in `budgets`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from thriftgate.identity.keys import is_same
from thriftgate.identity.records import Identity, Key, Role

CALLERS_ENDPOINTS = (
    "/chat/completions", "/v1/chat/completions", "/completions", "/v1/completions",
    "/responses", "/responses/*", "/v1/responses", "/v1/responses/*",
    "/v1/messages", "/v1/messages/count_tokens",
    "/embeddings", "/v1/embeddings", "/moderations", "/v1/moderations",
    "/rerank", "/v1/rerank", "/v2/rerank",
    "/audio/*", "/v1/audio/*", "/images/*", "/v1/images/*",
    "/openai/deployments/*", "/engines/*",
    "/models", "/models/*", "/v1/models", "/v1/models/*",
    "/utils/token_counter", "/thriftgate/feedback",
)  # fmt: skip
"""What a key may call that says nothing about endpoints: what names its model, what lists models, and feedback.

Everything else of a proxy (its administration, and passing requests through to a provider with the operator's
credentials, past any list of models) is for whoever is granted it by name.
"""
_READING = frozenset({"GET", "HEAD", "OPTIONS"})


class Denial(StrEnum):
    """Why not."""

    UNKNOWN = "unknown"
    REVOKED = "revoked"
    EXPIRED = "expired"
    BLOCKED = "blocked"
    ENDPOINT = "endpoint"
    MODEL = "model"
    READ_ONLY = "read_only"

    @property
    def is_stranger(self) -> bool:
        """Whether the key is good for nothing: 401; else it is only not good for this: 403."""
        return self in (Denial.UNKNOWN, Denial.REVOKED, Denial.EXPIRED)


@dataclass(frozen=True, slots=True)
class Allowed:
    """Yes."""


@dataclass(frozen=True, slots=True)
class Denied:
    """No, and why; `words` may be shown to who asked."""

    reason: Denial
    words: str


ALLOWED = Allowed()


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What somebody wants to do."""

    endpoint: str
    """The URL's path."""
    method: str = "POST"
    models: tuple[str, ...] = ()
    """Every model group or route the request names, fallbacks among them; empty where it names none."""


def is_good(key: Key, digest: bytes, *, now: float) -> Allowed | Denied:
    """Whether this digest opens this key now."""
    current = is_same(digest, key.digest)
    previous = is_same(digest, key.previous_digest)
    if not current and not previous:
        return Denied(Denial.UNKNOWN, "this key is not known here")
    if key.revoked_at is not None:
        return Denied(Denial.REVOKED, "this key was revoked")
    if not current and (key.previous_until is None or now >= key.previous_until):
        return Denied(Denial.REVOKED, "this key was replaced by a new one")
    if key.expires_at is not None and now >= key.expires_at:
        return Denied(Denial.EXPIRED, "this key has expired")
    return ALLOWED


def permits(identity: Identity, asked: Wish) -> Allowed | Denied:
    """Whether this identity, whose key or token is good, may do this.

    An administrator may call every endpoint, a viewer may read from every one; but what a key, a user, a team or a
    tier says about models and endpoints holds for everybody.
    """
    for owner, grants in identity.all_grants:
        if grants.is_blocked:
            return Denied(Denial.BLOCKED, f"this {owner} is blocked")
    if identity.role is Role.VIEWER and asked.method.upper() not in _READING:
        return Denied(Denial.READ_ONLY, "this key may look, and change nothing")
    if not _may_call(identity, asked.endpoint):
        return Denied(Denial.ENDPOINT, "this key may not call this endpoint")
    for owner, models in _model_lists(identity):
        if not all(is_match(model, models) for model in asked.models):
            return Denied(Denial.MODEL, f"the models of this {owner} do not include the one that was asked for")
    return ALLOWED


def models_of(identity: Identity, names: Iterable[str]) -> tuple[str, ...]:
    """Those of `names` that everybody concerned allows."""
    lists = [models for _, models in _model_lists(identity)]
    return tuple(name for name in names if all(is_match(name, models) for models in lists))


def has_model_limit(identity: Identity) -> bool:
    """Whether anybody concerned limits the models."""
    return bool(_model_lists(identity))


def is_match(name: str, patterns: Iterable[str]) -> bool:
    """Whether a pattern is the name itself, or a beginning of it with `*` after it."""
    return any(name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern for pattern in patterns)


def _may_call(identity: Identity, endpoint: str) -> bool:
    lists = [grants.endpoints for _, grants in identity.all_grants if grants.endpoints is not None]
    if not lists and identity.role is Role.CALLER:
        lists = [CALLERS_ENDPOINTS]
    return all(is_match(endpoint, endpoints) for endpoints in lists)


def _model_lists(identity: Identity) -> list[tuple[str, tuple[str, ...]]]:
    lists = [(owner, grants.models) for owner, grants in identity.all_grants]
    if identity.tier is not None:
        lists.append(("tier", identity.tier.models))
    return [(owner, models) for owner, models in lists if models is not None]
