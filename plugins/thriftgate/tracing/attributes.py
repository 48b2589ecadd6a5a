"""The attributes that Langfuse 4 reads from an OpenTelemetry span, and how values are put into them."""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from thriftgate.tracing.model import Attribute, finite_number
from thriftgate.types import Usage
from thriftgate.wording import machine_moment

TRACE_NAME = "langfuse.trace.name"
TAGS = "langfuse.trace.tags"
TRACE_METADATA = "langfuse.trace.metadata."
USER_ID = "user.id"
SESSION_ID = "session.id"
ENVIRONMENT = "langfuse.environment"
RELEASE = "langfuse.release"
IS_ROOT = "langfuse.internal.is_app_root"
"""Keeps a request a root of its own in Langfuse's lists also below a caller's span that Langfuse never sees."""
TYPE = "langfuse.observation.type"
LEVEL = "langfuse.observation.level"
STATUS_MESSAGE = "langfuse.observation.status_message"
METADATA = "langfuse.observation.metadata."
INPUT = "langfuse.observation.input"
OUTPUT = "langfuse.observation.output"
MODEL = "langfuse.observation.model.name"
PARAMETERS = "langfuse.observation.model.parameters"
USAGE = "langfuse.observation.usage_details"
COST = "langfuse.observation.cost_details"
FIRST_TOKEN_AT = "langfuse.observation.completion_start_time"
PROMPT_NAME = "langfuse.observation.prompt.name"
PROMPT_VERSION = "langfuse.observation.prompt.version"

COST_PARTS = ("input", "input_cached_tokens", "input_cache_creation", "input_cache_creation_1h", "output")
"""What a call's cost is for, by the names of Langfuse's price lists: what begins with `input` went in.

What was written into the provider's cache for five minutes, or for a time that is not told, is `input_cache_creation`.
"""
NO_PARTS: Mapping[str, float] = {}
VERSION = "langfuse.version"

_LONGEST_ID = 200
"""Characters that Langfuse takes of a user or session id."""
_PARAMETERS = (
    "temperature", "top_p", "top_k", "max_tokens", "max_completion_tokens", "n", "seed", "presence_penalty",
    "frequency_penalty", "reasoning_effort", "thinking", "verbosity", "logprobs", "top_logprobs", "parallel_tool_calls",
    "service_tier",
)  # fmt: skip
"""The parameters that are shown: none that can carry what somebody said."""
_WORD = re.compile(r"[A-Za-z_]{1,20}")


def identifier(text: str) -> str:
    """A user's or session's id as Langfuse takes it."""
    return text[:_LONGEST_ID]


def metadata(values: Mapping[str, Any], *, prefix: str = METADATA) -> dict[str, Attribute]:
    """One attribute for each value that is there; what is no plain value becomes JSON."""
    return {prefix + name: attribute for name, value in values.items() if (attribute := _plain(value)) is not None}


def usage_details(usage: Usage) -> str:
    """Tokens in Langfuse's parts, which add up to `total`; zeros included, or Langfuse counts for itself."""
    cached, kept, long = _parts_of_input(usage)
    reasoning = min(usage.reasoning_tokens, usage.completion_tokens)
    # Few providers count what they write, so that these stand only where there is something.
    written = {"input_cache_creation": kept - long, "input_cache_creation_1h": long}
    return json.dumps(
        {
            "input": usage.prompt_tokens - cached - kept,
            "input_cached_tokens": cached,
            **{name: tokens for name, tokens in written.items() if tokens},
            "output": usage.completion_tokens - reasoning,
            "output_reasoning_tokens": reasoning,
            "total": usage.total_tokens,
        }
    )


def cost_details(total: float, parts: Mapping[str, float] = NO_PARTS) -> str:
    """Dollars; zeros included, or Langfuse prices for itself. Parts beside the total do not change it."""
    kept = {name: max(0.0, finite_number(parts[name])) for name in COST_PARTS if name in parts}
    return json.dumps({**kept, "total": max(0.0, finite_number(total))})


@dataclass(frozen=True, slots=True)
class TokenPrices:
    """What a token costs at a deployment's plain prices, in dollars."""

    read: float
    cached: float
    written: float
    kept: float = 0.0
    """Written into the provider's prompt cache, for five minutes."""
    kept_long: float = 0.0
    """The same, for an hour."""


def split_cost(usage: Usage, cost_usd: float, weights: TokenPrices) -> Mapping[str, float]:
    """A call's cost by `COST_PARTS`, in the proportions of its tokens' plain prices; the parts add up to it."""
    cached, kept, long = _parts_of_input(usage)
    shares = {
        "input": (usage.prompt_tokens - cached - kept) * weights.read,
        "input_cached_tokens": cached * weights.cached,
        "input_cache_creation": (kept - long) * weights.kept,
        "input_cache_creation_1h": long * weights.kept_long,
        "output": usage.completion_tokens * weights.written,
    }
    whole = sum(shares.values())
    if not (math.isfinite(whole) and math.isfinite(cost_usd) and whole > 0):
        return {}
    parts = {name: cost_usd * share / whole for name, share in shares.items() if share > 0}
    largest = max(parts, key=lambda name: parts[name])
    parts[largest] = max(0.0, cost_usd - sum(part for name, part in parts.items() if name != largest))
    return parts


def shown_parameters(values: Mapping[str, Any]) -> dict[str, Any]:
    """Of a model's parameters those that may be kept and shown: known names with a number or a single word."""
    return {name: value for name in _PARAMETERS if (value := _harmless(values.get(name))) is not None}


def parameters(values: Mapping[str, Any]) -> str | None:
    """The model's parameters as JSON; None when none was set."""
    kept = shown_parameters(values)
    return json.dumps(kept) if kept else None


def iso_moment(at: float) -> str:
    """ISO 8601 in UTC, as Langfuse takes times: `2026-01-31T09:30:00.123456Z`."""
    return machine_moment(at, "microseconds")


def _parts_of_input(usage: Usage) -> tuple[int, int, int]:
    """Of the tokens that went in: read from the provider's cache, written into it, and of these for an hour."""
    cached = min(usage.cached_tokens, usage.prompt_tokens)
    kept = min(usage.cache_write_tokens, usage.prompt_tokens - cached)
    return cached, kept, min(usage.cache_write_1h_tokens, kept)


def _harmless(value: Any) -> Any:
    if isinstance(value, Mapping):
        parts = cast("Mapping[object, Any]", value).items()
        kept = {str(name): part for name, inner in parts if (part := _harmless(inner)) is not None and _is_word(name)}
        return kept or None
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, bool | int) or _is_word(value) else None


def _is_word(value: Any) -> bool:
    return isinstance(value, str) and _WORD.fullmatch(value) is not None


def _plain(value: Any) -> Attribute | None:
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)
