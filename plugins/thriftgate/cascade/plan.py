"""Which tiers a request may go through, and how much quality, decided before anybody is asked.

Failure behaviour: none; a request whose tools cannot be understood is treated as one that needs tools.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from thriftgate.cascade.flow import Tier
from thriftgate.decisions import Reason
from thriftgate.schemas.wanted import forced_tool, tool_choice
from thriftgate.types import ChatRequest

ToolPolicy = Literal["strong", "cascade"]


@dataclass(frozen=True, slots=True)
class Plan:
    """Whom to ask, in order, and why not everybody."""

    tiers: tuple[Tier, ...]
    reason: Reason
    """`CASCADE`, or why only one tier is in question."""
    familiarity: float | None = None
    """The question's rank among those that the promise was proved with, in (0, 1]; None: it was not looked at."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a calibrated route knows of a question before anybody is asked."""

    chance: float | None
    """The chance that the first tier's answer will be good enough; None: nothing can be said."""
    skip_below: float
    trust_above: float | None = None


def plan(
    request: ChatRequest,
    tiers: Sequence[Tier],
    *,
    tools: ToolPolicy = "strong",
    is_held_out: bool = False,
    is_unfamiliar: bool = False,
    outlook: Outlook | None = None,
) -> Plan:
    """The tiers in question for this request.

    A turn that must call one of several tools goes to the strongest tier; so does a turn that may call one or answers a
    tool's result, unless `tools` is `cascade`. So do the requests of the control group, questions unlike
    any that was labelled, and hopeless ones. With
    nothing known of the question, a route that decides by it alone asks the strongest tier.
    """
    if not tiers:
        raise ValueError("a route needs at least one tier")
    if len(tiers) == 1:
        return Plan(tuple(tiers), Reason.ONLY_TIER)
    reason = request.strong_because or needs_strong(request, tools=tools)
    if reason is None and is_held_out:
        reason = Reason.HELD_OUT
    if reason is None and is_unfamiliar:
        reason = Reason.UNFAMILIAR
    if reason is None and outlook is not None:
        if outlook.chance is None:
            reason = Reason.NO_OUTLOOK if outlook.trust_above is not None else None
        elif outlook.chance < outlook.skip_below:
            reason = Reason.POOR_OUTLOOK
        elif outlook.trust_above is not None and outlook.chance >= outlook.trust_above:
            return Plan((Tier(tiers[0].model), *tiers[1:]), Reason.GOOD_OUTLOOK)
    return Plan((tiers[-1],), reason) if reason else Plan(tuple(tiers), Reason.CASCADE)


def without(
    planned: Plan, unable: Collection[str], models: Sequence[str], *, reason: Reason = Reason.TIER_CANNOT_CARRY
) -> Plan | None:
    """The plan without the tiers that cannot serve the request; `models` are the route's, the strongest last.

    Where none of the planned ones is left, the strongest of the others, whose answer does for nobody else; None when
    every tier is unable.
    """
    if not unable:
        return planned
    tiers = tuple(tier for tier in planned.tiers if tier.model not in unable)
    if not tiers:
        tiers = tuple(Tier(model, strict_at=math.inf) for model in models if model not in unable)[-1:]
    if tiers == planned.tiers:
        return planned
    return replace(planned, tiers=tiers, reason=reason) if tiers else None


def cheapest_alone(planned: Plan) -> Plan:
    """The plan under load: the first tier's answer is given, whatever it is worth."""
    if len(planned.tiers) == 1:
        return planned
    first = planned.tiers[0]
    return Plan((replace(first, accept_at=None, strict_at=first.keep_at),), Reason.UNDER_LOAD)


def eased(strict: Sequence[Tier], accept_at: Sequence[float]) -> tuple[Tier, ...]:
    """The tiers with looser thresholds for this request, the last one's being none; they know the strict ones."""
    *cheaper, last = strict
    loose = (
        replace(tier, accept_at=level, strict_at=tier.keep_at) for tier, level in zip(cheaper, accept_at, strict=True)
    )
    return (*loose, last)


def needs_strong(request: ChatRequest, *, tools: ToolPolicy = "strong") -> Reason | None:
    """Why only the strongest tier may answer; None when cheaper ones may.

    A single forced tool is no use of tools but structured output: cheaper tiers may fill in its arguments, and the
    signals check them against its schema.
    """
    is_structured = forced_tool(request.params) is not None
    if must_call_tool(request) and not is_structured:
        return Reason.TOOL_REQUIRED
    if tools == "cascade":
        return None
    if may_call_tool(request) and not is_structured:
        return Reason.TOOLS_OFFERED
    if request.messages and request.messages[-1].get("role") in ("tool", "function"):
        return Reason.TOOL_RESULT
    return None


def must_call_tool(request: ChatRequest) -> bool:
    """The client forces a tool call: `tool_choice: required`, `any`, or a named tool (also in the old form)."""
    return tool_choice(request.params) not in (None, "auto", "none") or isinstance(
        request.params.get("function_call"), dict
    )


def may_call_tool(request: ChatRequest) -> bool:
    """Tools were offered and the client did not forbid to use them."""
    return bool(request.tools or request.params.get("functions")) and tool_choice(request.params) != "none"


def allowed_loss(used_share: float, *, starts_at: float, promised: float, floor: float) -> float:
    """The quality loss allowed at this state of the budget.

    The route's promise until `starts_at`, then rising in proportion to the floor's at the end of the budget.
    """
    if used_share <= starts_at or floor <= promised:
        return promised
    return promised + (floor - promised) * min(1.0, (used_share - starts_at) / (1 - starts_at))


def accept_at_for(
    promises: Sequence[Mapping[str, Any]], loss: float, *, promised: float = 0.0
) -> tuple[float, ...] | None:
    """The thresholds of the loosest proven promise that loses more than `promised` and at most `loss`; None: no one."""
    looser = (one for one in promises if promised + 1e-12 < one["max_quality_loss"] <= loss + 1e-12)
    fitting = [one for one in looser if one["holds"]]
    if not fitting:
        return None
    return tuple(max(fitting, key=lambda one: float(one["max_quality_loss"]))["accept_at"])
