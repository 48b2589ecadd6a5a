"""One object per client request that the hooks and the provider share, found through a context variable.

LiteLLM calls our hooks and our provider at different places of one request; the metadata it passes along is not
the same object on every endpoint (`/v1/messages` and `/v1/responses` rebuild it). A context variable set before
the call reaches all of them: LiteLLM runs the model call in a task that inherits the request's context.
"""

import asyncio
import time
from collections.abc import Mapping, MutableMapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from litellm.proxy._types import UserAPIKeyAuth
from litellm.proxy.common_request_processing import should_return_raw_model_name

from thriftgate.decisions import Reason
from thriftgate.errors import GatewayError
from thriftgate.proxy.answered import AnsweredCall
from thriftgate.services.request.retraction import Retraction
from thriftgate.types import Usage

HEADER_PREFIX = "x-thriftgate-"


_SETTLING = 5.0
"""Seconds that the calls of a stream may take to end that its reader left."""


@dataclass(slots=True)
class EdgeRequest:
    """What the edge knows of the request it is serving."""

    request_id: str
    route: str
    """The route's own name."""
    model: str
    """What the request calls it by the time that LiteLLM asks its router: a `model_name`, or an alias of one."""
    body: Mapping[str, Any]
    """The request as LiteLLM parsed it, in the endpoint's own format."""
    headers: Mapping[str, str]
    """The client's HTTP headers, names in lower case."""
    auth: UserAPIKeyAuth | None = None
    budget_used_share: float | None = None
    """How much of the tightest of our own budgets is spent."""
    prompt_id: str | None = None
    """Which version of the route's prompt the client asks for."""
    summary: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """What the client is told about how it was served, as far as it is known by now."""
    late_headers: MutableMapping[str, str] | None = None
    """Headers of a streamed answer that may be filled until its first chunk is there."""
    is_streaming: bool = False
    """The client is being handed a stream, so an error can only be an event in it."""
    notes: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """What was found out about the request before it came to its route; goes to the ledger."""
    strong_because: Reason | None = None
    """Why only the strongest tier may answer."""
    is_suspect: bool = False
    """A guard found something: what is answered is not kept for others."""
    retraction: Retraction = field(default_factory=Retraction)
    """Takes the answer back from the cache when a guard refuses it."""
    is_private: bool = False
    """Only private models may see it."""
    is_local: bool = False
    """Private models see values in it that others do not."""
    started_at: float = field(default_factory=time.time)
    is_recorded: bool = False
    """Somebody else writes its record: the route, once it has the request."""
    used: Usage = field(default_factory=Usage)
    """What the tiers' calls took so far, whether or not the client gets what they said."""
    unsettled: set[asyncio.Future[None]] = field(default_factory=set[asyncio.Future[None]])
    """One for each streamed call of a tier that is not over."""
    error: GatewayError | None = None
    """Why the request failed, if we know."""
    answered: AnsweredCall | None = None
    """The tier's call that answered last: of all that were made for the request, its answer is the client's."""

    def took(self, usage: Usage) -> None:
        """A tier's call is over, and took this."""
        self.used += usage

    async def settled(self) -> Usage:
        """What the tiers' calls took, when all of them are over.

        Of a stream that is left to the collector, what it hands out may end before what it reads.
        """
        if self.unsettled:
            await asyncio.wait(tuple(self.unsettled), timeout=_SETTLING)
        return self.used

    @property
    def asked_for(self) -> str | None:
        """What an answer calls its model: the name the client used; None where it is to say who really answered."""
        if should_return_raw_model_name(dict(self.body)):
            return None
        return str(self.body.get("_litellm_client_requested_model") or self.body.get("model") or self.model)

    def refuse(self, error: GatewayError) -> None:
        """Note why the request failed; without the traceback, whose frames hold this request in a circle."""
        self.error = error.with_traceback(None)

    def told(self) -> dict[str, str]:
        """`x-thriftgate-*` headers of what is known of it by now."""
        return headers_of(self.summary or {"request_id": self.request_id})

    def tell(self, summary: Mapping[str, Any]) -> None:
        """Note what the client is told, and put it into the headers of a stream that has not begun."""
        self.summary = summary
        if self.late_headers is not None:
            self.late_headers.update(headers_of(summary))


def headers_of(summary: Mapping[str, Any]) -> dict[str, str]:
    """`x-thriftgate-*` headers of what a client is told."""
    return {HEADER_PREFIX + name.replace("_", "-"): str(value) for name, value in summary.items()}


current: ContextVar[EdgeRequest | None] = ContextVar("thriftgate_edge_request", default=None)
