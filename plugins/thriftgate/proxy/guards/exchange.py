"""What the hook knows of a request, for the layer that sees its answer.

Failure behaviour: none.
"""

from collections import OrderedDict
from contextvars import ContextVar
from dataclasses import dataclass, field

from thriftgate.guards.leaks import PromptLeak
from thriftgate.services.guards.decisions import Decision
from thriftgate.services.guards.policies import GuardPolicy
from thriftgate.services.request.retraction import Retraction

_REMEMBERED = 10_000


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


class MadeAnswers:
    """Which policy an answer of the Responses API was made under: it may be fetched by its id later on.

    Of this process: an answer that another worker made is looked at by what holds where nothing else is said.
    """

    def __init__(self) -> None:
        self._policies: OrderedDict[str, tuple[GuardPolicy, str]] = OrderedDict()

    def note(self, answer_id: str, policy: GuardPolicy, model: str) -> None:
        """An answer has begun."""
        self._policies[answer_id] = policy, model
        while len(self._policies) > _REMEMBERED:
            self._policies.popitem(last=False)

    def made_under(self, answer_id: str) -> tuple[GuardPolicy, str] | None:
        """Its policy, and what its model was called."""
        return self._policies.get(answer_id)


made_answers = MadeAnswers()
current: ContextVar[GuardExchange | None] = ContextVar("thriftgate_guard_exchange", default=None)
