"""Tool calls that are wrong, or missing where one was due. Cost: free.

With `tools: cascade` cheaper models answer turns with tools too; this is what then catches their mistakes:
an unknown tool, arguments that are no JSON or do not fit the tool's schema, a forced call that did not come, a
call written out as text, and an announcement ("let me look that up") that no call follows.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, cast

from thriftgate.cascade.signals.evidence import Signal, SignalEvidence, fold
from thriftgate.cascade.signals.validity import fits
from thriftgate.decisions import Reason
from thriftgate.schemas.wanted import forced_tool, offered_tools, tool_choice

ANNOUNCEMENTS = (
    "let me check", "let me look", "let me search", "let me find", "let me fetch", "let me see what", "i'll look",
    "i will look", "i'll check", "i will check", "i'll search", "i will search", "i'll fetch", "i'll call",
    "i will call", "i need to call", "i would need to look", "i don't have access to real-time",
    "i don't have real-time", "i can't access", "i cannot access", "i don't have access to your",
    "one moment", "give me a moment",
    "ich schaue nach", "ich prüfe das", "einen moment", "ich habe keinen zugriff", "je vérifie", "je vais vérifier",
    "un instant", "je n'ai pas accès", "déjame revisar", "voy a buscar", "un momento", "no tengo acceso",
    "controllo subito", "non ho accesso", "vou verificar", "não tenho acesso", "ik kijk even", "ik heb geen toegang",
    "让我查", "我来查", "稍等", "确認します", "確認いたします", "少々お待ち",
)  # fmt: skip
_OPENING = 300
_WRITTEN_CALL = re.compile(
    r'<tool_call>|<function[=_]|"(?:tool|function|name)"\s*:\s*"([\w.-]+)"\s*,\s*"(?:arguments|parameters|input)"'
)


def objection(evidence: SignalEvidence) -> Reason | None:
    """A fixed phrase for what is wrong with the answer's use of tools; None when nothing is."""
    calls = evidence.choice.tool_calls
    if calls:
        params = evidence.request.params
        offered, forced = offered_tools(params), forced_tool(params)
        name = forced.name if forced else None
        return next((wrong for call in calls if (wrong := _wrong_with(call, offered, name))), None)
    return Reason.TOOL_MISSING if is_tool_missing(evidence) else None


def is_tool_missing(evidence: SignalEvidence) -> bool:
    """The answer should have called a tool: one was forced, announced, or written out as text."""
    params = evidence.request.params
    offered = offered_tools(params)
    choice = tool_choice(params)
    if not offered or choice == "none":
        return False
    if choice not in (None, "auto"):
        return True
    written = _WRITTEN_CALL.search(evidence.text)
    if written and (written[1] is None or written[1] in offered):
        return True
    opening = evidence.folded[:_OPENING]
    return any(phrase in opening for phrase in ANNOUNCEMENTS) or _names_a_tool(opening, offered)


def measure(evidence: SignalEvidence) -> Mapping[str, float]:
    """1 where a call is wrong, 1 where one is missing."""
    wrong = objection(evidence)
    return {
        "tool_wrong": float(wrong not in (None, Reason.TOOL_MISSING)),
        "tool_missing": float(wrong is Reason.TOOL_MISSING),
    }


def _names_a_tool(opening: str, offered: Mapping[str, Any]) -> bool:
    """Says a tool's programming name ("use get_order_status"), which no user should be told.

    The name must have an underscore or a capital: `search` is also a word.
    """
    return any(fold(name) in opening for name in offered if "_" in name or name != name.lower())


def _wrong_with(call: Mapping[str, Any], offered: Mapping[str, object], forced: str | None) -> Reason | None:
    function: Mapping[str, Any] = call.get("function") or {}
    name = str(function.get("name") or "")
    if name not in offered or (forced is not None and name != forced):
        return Reason.TOOL_UNKNOWN
    text = function.get("arguments") or "{}"
    try:
        arguments: object = json.loads(text)
    except (ValueError, TypeError, RecursionError):
        return Reason.TOOL_ARGUMENTS_INVALID
    schema = offered[name]
    fine = isinstance(arguments, dict) and (
        schema is None or fits(cast("object", arguments), schema, len(cast("str", text)))
    )
    return None if fine else Reason.TOOL_ARGUMENTS_INVALID


TOOLS = Signal(name="tools", cost="free", features=("tool_wrong", "tool_missing"), measure=measure)
