"""What of a request is said by another field in another dialect, written where LiteLLM's translation reads it.

LiteLLM leaves these out. What a provider does not take (`Ability`) is not written: it is refused by name (`carrying`).

Failure behaviour: pure and total.
"""

from typing import Any

from thriftgate.output.requirement import ANY_OBJECT
from thriftgate.wire.abilities import Ability
from thriftgate.wire.shapes import Body, Json, items, mapping, text
from thriftgate.wire.turns import Dialect

_OF_ANTHROPICS_TIERS = {"auto": "auto", "standard_only": "default"}
"""Anthropic's service tiers by OpenAI's names."""
_HINTS = ("prompt_cache_key", "prompt_cache_options", "prompt_cache_retention", "store")
"""What changes no answer, and Anthropic has not."""
_MOST_STRICT = 5
"""Strict tools of one request: from seven on Anthropic has refused some for the size of their grammar."""
_OPERATORS = frozenset({"system", "developer"})
_SAYING_NOTHING: Json = {
    "frequency_penalty": 0, "logit_bias": {}, "logprobs": False, "presence_penalty": 0, "top_logprobs": 0,
}  # fmt: skip
"""Values with which a client of OpenAI's asks for nothing, of fields that LiteLLM refuses on the way to Anthropic."""


def translated(dialect: Dialect, target: Dialect, fields: Json, takes: frozenset[Ability]) -> Body:
    """The fields to set before LiteLLM translates a client's request; a value of None takes the field out.

    `takes`: what the provider that speaks `target` takes.
    """
    if dialect is target:
        return {}
    if dialect is Dialect.MESSAGES:
        return _from_messages(target, fields, takes)
    return _to_messages(dialect, fields, takes) if target is Dialect.MESSAGES else {}


def wants_one_call(body: Json) -> bool:
    """Whether a client of Anthropic's lets the model call no more than one of its tools at once."""
    return bool(body.get("tools") and mapping(body.get("tool_choice")).get("disable_parallel_tool_use"))


def effort_is_carried(body: Json, takes: frozenset[Ability]) -> bool:
    """Whether the effort that a client of Anthropic's asks for reaches the provider."""
    kind = text(mapping(body.get("thinking")).get("type"))
    return kind == "adaptive" or (Ability.EFFORT in takes and kind in ("", "enabled"))


def _from_messages(target: Dialect, fields: Json, takes: frozenset[Ability]) -> Body:
    changes: Body = {}
    if Ability.ONE_CALL in takes and wants_one_call(fields):
        changes["parallel_tool_calls"] = False
    thinking = mapping(fields.get("thinking"))
    if thinking.get("type") == "disabled":
        changes |= _without_thinking(target, takes)
    elif mapping(fields.get("output_config")).get("effort") and effort_is_carried(fields, takes):
        # Only beside adaptive thinking LiteLLM reads the effort; a budget is none beside an effort that is named.
        changes["thinking"] = {**_without(thinking, "budget_tokens"), "type": "adaptive"}
    tier = fields.get("service_tier")
    if isinstance(tier, str) and tier in _OF_ANTHROPICS_TIERS:
        changes["service_tier"] = _OF_ANTHROPICS_TIERS[tier] if Ability.SERVICE_TIER in takes else None
    return changes


def _without_thinking(target: Dialect, takes: frozenset[Ability]) -> Body:
    if Ability.NO_EFFORT not in takes:
        # It has no effort that LiteLLM knows of, or none that is none: left out is as near as it gets.
        return {"thinking": None}
    # For chat completions LiteLLM writes it.
    return {"reasoning": {"effort": "none"}} if target is Dialect.RESPONSES else {}


def _to_messages(dialect: Dialect, fields: Json, takes: frozenset[Ability]) -> Body:
    changes: Body = {name: None for name in _HINTS if name in fields}
    tools = items(fields.get("tools"))
    n_strict = sum(map(_is_strict, tools))
    if n_strict and (Ability.STRICT_TOOLS not in takes or n_strict > _MOST_STRICT):
        changes["tools"] = [_loose(tool) for tool in tools]
    if dialect is Dialect.CHAT:
        changes |= {name: None for name, nothing in _SAYING_NOTHING.items() if fields.get(name, 1) == nothing}
    changes |= _any_object(dialect, fields)
    if fields.get("safety_identifier"):
        changes |= {"safety_identifier": None, "user": fields.get("user") or fields["safety_identifier"]}
    return changes


def _any_object(dialect: Dialect, fields: Json) -> Body:
    """That the answer shall be any JSON object is said in words: Anthropic has no field for it."""
    if dialect is Dialect.CHAT:
        shape = mapping(fields.get("response_format"))
        if shape.get("type") != "json_object" or "response_schema" in shape:  # a schema is LiteLLM's to translate
            return {}
        messages = items(fields.get("messages"))
        said = next(
            (at for at, one in enumerate(messages) if mapping(one).get("role") not in _OPERATORS), len(messages)
        )
        words = {"role": "system", "content": ANY_OBJECT}
        return {"response_format": None, "messages": [*messages[:said], words, *messages[said:]]}
    told = mapping(fields.get("text"))
    if mapping(told.get("format")).get("type") != "json_object":
        return {}
    words = "\n\n".join(filter(None, (text(fields.get("instructions")), ANY_OBJECT)))
    return {"text": _without(told, "format") or None, "instructions": words}


def _is_strict(tool: object) -> bool:
    """Whether a tool of either API of OpenAI's, or one within it, promises arguments of its schema."""
    told = mapping(tool)
    inner = any(mapping(one).get("strict") for one in items(told.get("tools")))
    return bool(told.get("strict") or mapping(told.get("function")).get("strict") or inner)


def _loose(tool: object) -> object:
    if not _is_strict(tool):
        return tool
    told = _without(mapping(tool), "strict")
    if "function" in told:
        told["function"] = _without(mapping(told["function"]), "strict")
    if "tools" in told:
        told["tools"] = [_loose(one) for one in items(told["tools"])]
    return told


def _without(fields: Json, name: str) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if key != name}
