"""Why a request was answered the way it was, as one sentence for a person.

Failure behaviour: pure and total; a reason that is not known is shown as it stands. Nothing of what was asked or
answered is ever part of a sentence.
"""

from collections.abc import Mapping

from thriftgate.types import CallPurpose, DecisionKind, RequestRecord, Status

NAMES: Mapping[DecisionKind, str] = {
    DecisionKind.EXACT_HIT: "exact hit",
    DecisionKind.SEMANTIC_HIT: "semantic hit",
    DecisionKind.ACCEPTED: "accepted",
    DecisionKind.ESCALATED: "escalated",
    DecisionKind.ONLY_TIER: "only tier",
    DecisionKind.FAILED: "failed",
}
"""What each decision is called, on the page and in reports alike."""
_ONLY_TIER = {
    "only_tier": "the route has one tier",
    "held_out": "the caller is in the control group, which always gets the strongest tier",
    "tool_required": "the request forces a tool call",
    "tools_offered": "the request offers tools",
    "tool_result": "the turn answers a tool's result",
    "strong_first_token": "the route streams the strongest tier's answer at once",
    "unfamiliar": "the question resembles none of those that the promise was proved with",
    "poor_outlook": "the question looked too hard for a cheaper tier",
    "tier_cannot_carry": "the provider of another tier speaks an API that has no place for a part of the request",
    "no_outlook": "nothing could be said of the question beforehand",
    "uncalibrated": "the route's promise has no calibration that proves it yet",
    "stale_artefact": "the route's calibration was made for another version of its prompt",
    "promise_not_proven": "the route's calibration could not prove its promise",
    "cheaper_tier_failed": "the cheaper tier gave no answer",
    "good_outlook": "the question looked easy enough to trust it unseen",
}
_ESCALATED = {
    "no_confidence": "nothing could be said of {first}'s answer",
    "cheaper_tier_failed": "{first} gave no answer",
    "content_filter": "its provider's filter stopped {first}'s answer",
    "empty_answer": "{first}'s answer was empty",
    "cut_off": "{first}'s answer was cut off",
    "unfinished": "{first}'s answer did not come to its end",
    "invalid_json": "{first}'s answer was not the JSON that was asked for",
    "schema_invalid": "{first}'s answer did not fit the schema that was asked for",
    "tool_missing": "{first} should have called a tool",
    "tool_unknown": "{first} called a tool that was not offered",
    "tool_arguments_invalid": "{first} called a tool with arguments that do not fit",
    "collapsed": "{first} grew unsure while it was writing",
    "unfamiliar": "the question resembles none of those that the promise was proved with",
    "collecting_labels": "the route collects labels for its calibration",
}


def why(record: RequestRecord) -> str:
    """The sentence of one request."""
    if record.status is Status.CANCELLED:
        return "The client left before the answer was complete."
    match record.decision:
        case DecisionKind.FAILED:
            return _failed(record)
        case DecisionKind.EXACT_HIT:
            if record.coalesced:
                return "The same question was being answered at that moment; both got that answer."
            return "The same question had been answered before; the answer came from the cache."
        case DecisionKind.SEMANTIC_HIT:
            return _semantic_hit(record)
        case DecisionKind.ACCEPTED:
            return _accepted(record)
        case DecisionKind.ESCALATED:
            return _escalated(record)
        case DecisionKind.ONLY_TIER:
            reason = record.reason or "only_tier"
            return f"Only {_tier(record)} was asked: {_ONLY_TIER.get(reason, reason)}."


def _failed(record: RequestRecord) -> str:
    return f"Nothing was answered: {record.error}." if record.error else "Nothing was answered."


def _semantic_hit(record: RequestRecord) -> str:
    alike = "" if record.similarity is None else f" (similarity {record.similarity:.3f})"
    sure = "" if record.confidence is None else f", {_percent(record.confidence)} sure that it fits"
    return f"A question of the same meaning{alike} had been answered before; its answer came from the cache{sure}."


def _accepted(record: RequestRecord) -> str:
    tier = _tier(record)
    if record.reason == "stronger_tiers_failed":
        return f"Stronger tiers failed, so {tier}'s answer was given although it was not sure enough."
    if record.reason == "streamed_optimistically":
        return f"{tier}'s answer was shown while it was written, so it could not be taken back."
    loosened = " by the looser threshold of a caller near the budget's end" if record.reason == "budget_shift" else ""
    if record.confidence is None:
        return f"{tier}'s answer was good enough{loosened}, so nothing stronger was asked."
    return f"{tier} was {_percent(record.confidence)} sure: good enough{loosened}, so nothing stronger was asked."


def _escalated(record: RequestRecord) -> str:
    asked = [call.model for call in record.calls if call.purpose is CallPurpose.ANSWER]
    first = asked[0] if asked and asked[0] != record.tier else "a cheaper tier"
    if record.reason in _ESCALATED:
        cause = _ESCALATED[record.reason].format(first=first)
    elif record.confidence is not None and record.reason in ("below_threshold", "budget_shift"):
        cause = f"{first} was only {_percent(record.confidence)} sure"
    else:
        cause = f"{first}'s answer was not good enough"
    return f"{_tier(record)} answered because {cause}."


def _tier(record: RequestRecord) -> str:
    return record.tier or "the strongest tier"


def _percent(share: float) -> str:
    """Never rounded up to certainty."""
    return f"{min(share, 0.999):.1%}" if share >= 0.99 else f"{share:.0%}"
