"""The answer has the shape that was asked for: not empty, not cut off, JSON that fits the schema. Cost: free.

What is found here is a veto, not a shade of doubt: such an answer would fail its reader whatever it says.
"""

from collections.abc import Mapping
from typing import Any

from thriftgate.cascade.signals.evidence import NOT_JSON, Signal, SignalEvidence
from thriftgate.decisions import Reason
from thriftgate.schemas import Refusal, compile_schema
from thriftgate.schemas.wanted import wanted_by
from thriftgate.types import Choice

FINISHED = frozenset({"stop", "tool_calls", "function_call"})
"""Endings that a provider is known to give a whole answer; no word, or one nobody knows, is no ending."""
_MEDIA = ("audio", "images", "media")
"""Where a message keeps what is said in no words."""


def objection(evidence: SignalEvidence) -> Reason | None:
    """A fixed phrase for why the answer cannot be used; None when its shape is fine."""
    choice = evidence.choice
    if choice.finish_reason == "content_filter":
        return Reason.CONTENT_FILTER
    if not choice.text.strip() and not choice.tool_calls and not _has_media(choice.message):
        return Reason.EMPTY_ANSWER
    if choice.finish_reason == "length":
        if not _is_capped_by_client(evidence.request.params):
            return Reason.CUT_OFF
    elif choice.finish_reason not in FINISHED or _calls_nothing(choice):
        return Reason.UNFINISHED
    if choice.tool_calls:
        return None
    return schema_objection(evidence)


def _calls_nothing(choice: Choice) -> bool:
    """It ends as if a tool were to be called, and there is no call: what was to come did not."""
    return choice.finish_reason in ("tool_calls", "function_call") and not choice.tool_calls


def schema_objection(evidence: SignalEvidence) -> Reason | None:
    """Whether the answer is the JSON that `response_format` asks for."""
    wanted = wanted_by(evidence.request.params)
    if wanted is None or wanted.kind == "forced_tool":
        return None
    if evidence.parsed is NOT_JSON:
        return Reason.INVALID_JSON
    if wanted.schema is None:
        return None
    return None if fits(evidence.parsed, wanted.schema, len(evidence.choice.text)) else Reason.SCHEMA_INVALID


def fits(value: object, schema: object, characters: int) -> bool:
    """Whether nothing is wrong with a JSON value, read from so many characters of text, under a JSON schema.

    A schema that is broken, refers to something outside itself or would take too long asks for nothing here.
    """
    compiled = compile_schema(schema)
    return isinstance(compiled, Refusal) or compiled.fits(value, characters=characters)


def measure(evidence: SignalEvidence) -> Mapping[str, float]:
    """1 where there is an objection."""
    return {"invalid": float(objection(evidence) is not None)}


def _has_media(message: Mapping[str, Any]) -> bool:
    return any(message.get(name) for name in _MEDIA)


def _is_capped_by_client(params: Mapping[str, Any]) -> bool:
    """A client that sets its own limit gets cut answers from every tier."""
    return params.get("max_tokens") is not None or params.get("max_completion_tokens") is not None


VALIDITY = Signal(name="validity", cost="free", features=("invalid",), measure=measure)
