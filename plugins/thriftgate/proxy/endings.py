"""How a provider's whole answer really ended, where LiteLLM says `stop` for an ending that is not there.

LiteLLM fills in a missing `finish_reason`. Just before, in the task of the call, it shows the provider's own body to
its loggers; there it is noted for the call that waits for it.

Failure behaviour: nothing is raised; what cannot be read counts as not seen, and LiteLLM's word stands.
"""

import json
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from typing import Any, cast

from thriftgate.wire.shapes import mapping, objects
from thriftgate.wire.turns import Dialect

MISSING = "missing"
"""Stands where a provider's own reason would: no provider's word, so no ending that anybody knows."""


class ProviderAnswer:
    """What a provider answered last to one call."""

    def __init__(self) -> None:
        self.raw: object = None

    @property
    def unfinished(self) -> Sequence[int]:
        """The places of a chat completion's choices that came without a finish reason."""
        if not isinstance(self.raw, str) or '"choices"' not in self.raw:
            return ()
        try:
            body: object = json.loads(self.raw)
        except (ValueError, RecursionError):
            return ()
        choices = objects(mapping(body).get("choices"))
        return [place for place, choice in enumerate(choices) if not _has_ended(choice)]


current: ContextVar[ProviderAnswer | None] = ContextVar("thriftgate_provider_answer", default=None)


def note(kwargs: Mapping[str, Any]) -> None:
    """LiteLLM shows what a provider answered: `kwargs` are those of its `log_post_api_call`."""
    answer = current.get()
    if answer is not None:
        answer.raw = kwargs.get("original_response")


def as_ended(dialect: str, body: Mapping[str, Any], answer: ProviderAnswer) -> Mapping[str, Any]:
    """The answer's body saying of each choice that came without an ending that it has none."""
    unfinished = answer.unfinished
    if not unfinished:
        return body
    if dialect == Dialect.MESSAGES:
        return {**body, "stop_reason": None}
    if dialect == Dialect.RESPONSES:
        return {**body, "status": "incomplete"}
    choices = list(cast("Sequence[Any]", body.get("choices") or ()))
    for place in unfinished:
        if place < len(choices):
            choice = mapping(choices[place])
            fields = {**mapping(choice.get("provider_specific_fields")), "native_finish_reason": MISSING}
            choices[place] = {**choice, "provider_specific_fields": fields}
    return {**body, "choices": choices}


def _has_ended(choice: Mapping[str, Any]) -> bool:
    return bool(choice.get("finish_reason") or choice.get("finish_details"))
