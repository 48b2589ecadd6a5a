"""Everything the services need from the outside, on one screen; keys, users and budgets stand in `people`.

A port is implemented in `stores/` or `proxy/`, and by the fakes of `tests/fakes.py`. Each has one contract
suite in `tests/stores/` that every implementation must pass.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from thriftgate.caching.entries import CacheEntry, CacheStats, Lookup, Observation, PurgeFilter
from thriftgate.limits.demand import Demand, Refused, Settlement, Taken
from thriftgate.privacy.findings import Text
from thriftgate.privacy.pseudonyms import Pseudonym
from thriftgate.privacy.spans import TextSpan
from thriftgate.prompts.registry import Registry
from thriftgate.types import (
    Answer,
    Audit,
    AuditKind,
    CallPurpose,
    ChatRequest,
    Judgement,
    RequestRecord,
    StreamPiece,
    SummaryGroup,
    SummaryRow,
    Usage,
    Vector,
)


class Clock(Protocol):
    """Time, so that tests can hold it."""

    def time(self) -> float:
        """Seconds since the Unix epoch."""
        ...

    def monotonic(self) -> float:
        """Seconds of a clock that never goes back; only differences mean anything."""
        ...


class Completer(Protocol):
    """Asks a model group; retries, cooldowns and fallbacks happen behind it."""

    async def complete(self, model: str, request: ChatRequest, *, purpose: CallPurpose) -> Answer:
        """The whole answer. Raises TierFailedError when the group gave none."""
        ...

    def stream(self, model: str, request: ChatRequest, *, purpose: CallPurpose) -> AsyncIterator[StreamPiece]:
        """The answer's events as they come, in the request's dialect, ending and usage included.

        Raises TierFailedError before the first chunk when the group gave nothing, and while iterating when
        it broke off. Closing the iterator cancels the call upstream.
        """
        ...

    def deployment_of(self, model: str) -> str:
        """The name of the model group's deployment, or of its first, for a call that ended before anybody answered."""
        ...

    def supports(self, model: str, param: str) -> bool:
        """Whether every deployment of the model group takes this OpenAI parameter."""
        ...

    def lost(self, model: str, request: ChatRequest) -> Sequence[str]:
        """The places of the request that no provider of the model group would get; such a group is not asked."""
        ...


class Pricer(Protocol):
    """What tokens cost."""

    def cost_usd(self, model: str, usage: Usage) -> float | None:
        """The price of `usage` at the model group `model`; None when no price is known."""
        ...

    def call_cost_usd(self, model: str, usage: Mapping[str, Any], *, deployment_id: str = "") -> float | None:
        """The price of one call by the provider's own usage object, in whatever dialect; None when none is known."""
        ...

    def cost_parts(self, model: str, usage: Usage, cost_usd: float, *, deployment_id: str = "") -> Mapping[str, float]:
        """What of a call's cost is for what it read, read from the provider's cache or put there, and wrote.

        Empty where no price is known.
        """
        ...

    def count_tokens(self, model: str, messages: Sequence[Mapping[str, Any]] | str) -> int:
        """Tokens of a text or conversation, by the model's tokenizer or a close one."""
        ...


class Embedder(Protocol):
    """Turns texts into unit vectors."""

    @property
    def fingerprint(self) -> str:
        """Names model, pooling and precision: vectors are only comparable under the same fingerprint."""
        ...

    @property
    def dimensions(self) -> int:
        """Length of every vector."""
        ...

    def cached(self, text: str) -> Vector | None:
        """The vector of a recently embedded text, at no cost; None when it must be computed."""
        ...

    async def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Shape (len(texts), dimensions), rows of length 1. Never blocks the event loop."""
        ...


class LoadedEmbedder(Embedder, Protocol):
    """An embedder whose model runs in this process."""

    async def warm_up(self) -> None:
        """Load the model, which the first text would otherwise wait for. Raises StoreUnavailableError."""
        ...

    async def close(self) -> None:
        """Give up what waits; nothing can be embedded afterwards."""
        ...


class AnswerCache(Protocol):
    """Answers given before, found by exact key or by meaning, within one scope only.

    Every method raises StoreUnavailableError when the store does not answer; the caller then goes on
    uncached (the cache fails open).
    """

    async def prepare(self) -> None:
        """Make what the store needs, with more time than a request has for it; once, at the start."""
        ...

    async def lookup(self, scope: str, key: str, embedding: Vector | None, *, limit: int = 8) -> Lookup:
        """The entry with this exact key; where there is none and `embedding` is given, the nearest `limit`.

        Expired entries are never returned, and no entry has an empty key.
        """
        ...

    async def store(self, entry: CacheEntry) -> None:
        """Keep an answer; replaces the entry of the same scope and key."""
        ...

    async def touch(self, scope: str, entry_id: str, *, hits: int = 1) -> None:
        """Count hits of an entry, for eviction by use."""
        ...

    async def observe(self, observation: Observation) -> None:
        """Keep one verified outcome: was this neighbour's answer right for that question?"""
        ...

    async def observations(self, route: str, *, limit: int = 5000) -> Sequence[Observation]:
        """The latest verified outcomes of a route, newest first."""
        ...

    async def purge(self, what: PurgeFilter) -> int:
        """Forget every entry that matches all given conditions; returns how many."""
        ...

    async def evict(self, route: str, *, keep: int) -> int:
        """Drop the least used entries of a route until `keep` remain; returns how many went."""
        ...

    async def delete_expired(self) -> int:
        """Delete what can no longer be served, where it does not go by itself; returns how many entries went."""
        ...

    async def stats(self) -> Sequence[CacheStats]:
        """Per route: entries, hits, bytes, observations."""
        ...

    def entries(self, route: str | None = None) -> AsyncIterator[CacheEntry]:
        """Every live entry, for export."""
        ...


class SingleFlight(Protocol):
    """Lets identical concurrent misses, in all workers, call upstream once.

    Raises StoreUnavailableError; the caller then makes its own call.
    """

    async def lead(self, key: str, *, owner: str, lease: float) -> bool:
        """True when `owner` now leads this key; False when somebody else does. The lease ends by itself."""
        ...

    async def renew(self, key: str, *, owner: str, lease: float) -> bool:
        """Prolong the lease of a leader that is still at work; False when it was lost."""
        ...

    async def publish(self, key: str, *, owner: str, outcome: Mapping[str, Any], keep: float) -> None:
        """Publish the outcome to every waiter, and keep it for `keep` seconds for late ones."""
        ...

    async def wait(self, key: str, *, patience: float) -> Mapping[str, Any] | None:
        """The leader's outcome; None when it died (its lease ran out) or `patience` seconds passed."""
        ...


class Limiter(Protocol):
    """Counts what may be used, for all workers and gateways on one store and by the store's own clock.

    Every method raises StoreUnavailableError.
    """

    async def take(self, demand: Demand, *, lease: float) -> Taken | Refused:
        """Take everything that is demanded, or nothing.

        What was taken is a reservation: who neither settles nor renews it within `lease` seconds has died, and it is
        given back.
        """
        ...

    async def settle(self, settlement: Settlement) -> None:
        """End a reservation: give back what was not used, or take the difference. Once for each reservation.

        Where the lease has ended and it was given back, all that was used is taken.
        """
        ...

    async def renew(self, demands: Sequence[Demand], *, lease: float) -> None:
        """Prolong reservations whose owner is still at work; a lease that has ended stays so."""
        ...

    async def sweep(self) -> int:
        """Give back the reservations of owners that have died; returns how many. Called about once a second."""
        ...


class Judge(Protocol):
    """Says whether an answer is as good as a reference."""

    async def compare(self, request: ChatRequest, answer: str, reference: str) -> Judgement:
        """The verdict, and what it cost; never raises because a model or an embedder is away."""
        ...


class AuditBook(Protocol):
    """Where verdicts go."""

    async def add_audit(self, audit: Audit) -> None:
        """Keep one verdict; a later one on the same request, kind and tier replaces it."""
        ...


class Ledger(AuditBook, Protocol):
    """The book of record: one row per request, and one per model call."""

    async def record(self, records: Sequence[RequestRecord]) -> None:
        """Write rows; the same request id twice counts once. Raises StoreUnavailableError."""
        ...

    async def get(self, request_id: str) -> RequestRecord | None:
        """The row of one request; None when there is none."""
        ...

    async def recent(self, *, limit: int = 50, route: str | None = None) -> Sequence[RequestRecord]:
        """The latest requests, newest first."""
        ...

    def records(
        self, *, since: float | None = None, until: float | None = None, route: str | None = None
    ) -> AsyncIterator[RequestRecord]:
        """Every request started in [since, until), oldest first, read page by page."""
        ...

    async def summarise(
        self, by: SummaryGroup, *, since: float | None = None, until: float | None = None
    ) -> Sequence[SummaryRow]:
        """What the requests started in [since, until) cost and saved, the dearest group first (days: in order).

        By `model` the calls are counted and priced instead of the requests.
        """
        ...

    async def delete_older_than(self, before: float) -> int:
        """Forget requests started, and audits judged, before this time; returns how many requests went."""
        ...

    async def audits(
        self, *, route: str | None = None, kind: AuditKind | None = None, since: float | None = None
    ) -> Sequence[Audit]:
        """The verdicts since a time, oldest first.

        What guards' judges were asked says nothing of answers, and may be of every request: it is read by its `kind`.
        """
        ...


class PrivacyAnalyzer(Protocol):
    """Finds personal data."""

    async def analyze(self, texts: Sequence[Text], *, caller: str = "") -> Sequence[Sequence[TextSpan]]:
        """The findings of each text, in its own positions; they may overlap. Never blocks the event loop.

        Callers take turns, and so do the requests of each; `caller` says who asks, and empty is one caller too.
        Raises PrivacyUnavailableError or OverloadedError; the request is then refused.
        """
        ...


@dataclass(frozen=True, slots=True)
class KeptPseudonyms:
    """What the vault has of a conversation; `version` goes up with every change."""

    entries: Sequence[Pseudonym]
    version: int


class PseudonymVault(Protocol):
    """Keeps what placeholders stand for, encrypted, until it expires.

    Every method raises StoreUnavailableError; the request is then refused (privacy fails closed).
    """

    async def load(self, conversation: str) -> KeptPseudonyms | None:
        """What is kept of a conversation; None when there is nothing, or it has expired."""
        ...

    async def save(self, conversation: str, entries: Sequence[Pseudonym], *, after: int) -> bool:
        """Keep these instead of version `after` (0: of nothing); False when somebody else was faster."""
        ...


class PromptSource(Protocol):
    """The prompts, as they are served now. Never raises: what is broken keeps its last good state."""

    def snapshot(self) -> Registry:
        """Every prompt, immutable; costs nothing."""
        ...

    async def refresh(self) -> Registry:
        """Look for edits, and serve what is new and good; called from time to time, off the request path."""
        ...


class StopStore(Protocol):
    """Remembers which variants guards have stopped, for all workers and over restarts."""

    async def load(self) -> Mapping[str, frozenset[str]]:
        """Stopped variants by `prompt/experiment`. Raises StoreUnavailableError."""
        ...

    async def add(self, experiment: str, variant: str, *, at: float, why: Mapping[str, Any]) -> None:
        """Stop a variant; again changes nothing. Raises StoreUnavailableError."""
        ...
