"""What the hook knows of a request, for the layer that sees its answer.

Failure behaviour: none.
"""

from contextvars import ContextVar
from dataclasses import dataclass, field

from thriftgate.guards.leaks import PromptLeak
from thriftgate.services.guards.decisions import Decision
from thriftgate.services.guards.policies import GuardPolicy
from thriftgate.services.request.retraction import Retraction


@dataclass(slots=True)
class GuardExchange:
    """One request and its answer."""

    policy: GuardPolicy | None = None
    """None until the hook has run, and where nothing is looked at."""
    model: str = ""
    request_id: str = ""
    caller: str = ""
    """The hash of the key that asks."""
    leak: PromptLeak | None = None
    retraction: Retraction | None = None
    """Where a route answers: takes the answer back from its cache."""
    decision: Decision = field(default_factory=Decision)
    """What was found in the request."""


current: ContextVar[GuardExchange | None] = ContextVar("thriftgate_guard_exchange", default=None)
