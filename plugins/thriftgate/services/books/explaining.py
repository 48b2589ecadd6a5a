"""Why a request was answered the way it was, as one sentence for a person.

Failure behaviour: pure and total; a reason that is not known is shown as it stands. Nothing of what was asked or
answered is ever part of a sentence.
"""

from thriftgate.decisions import Reason
from thriftgate.types import CallPurpose, DecisionKind, RequestRecord, Status
from thriftgate.wording import confidence


def why(record: RequestRecord) -> str:
    """The sentence of one request."""
    if record.status is Status.CANCELLED:
        return "The client left before the answer was complete."
    match record.decision:
        case DecisionKind.FAILED:
            return _failed(record)
        case DecisionKind.EXACT_HIT:
            if record.coalesced:
                return _sentence(f"{Reason.COALESCED.words}: both got that answer")
            return _sentence(record.decision.words)
        case DecisionKind.SEMANTIC_HIT:
            return _semantic_hit(record)
        case DecisionKind.ACCEPTED:
            return _accepted(record)
        case DecisionKind.ESCALATED:
            return _escalated(record)
        case DecisionKind.ONLY_TIER:
            return f"Only {_tier(record)} was asked: {reason_words(record) or Reason.ONLY_TIER.words}."


def reason_words(record: RequestRecord) -> str:
    """The reason in words; as it stands where it is one of another release, and empty without one."""
    reason = Reason.known(record.reason)
    return (record.reason or "") if reason is None else reason.told(_cheaper_tier(record))


def _failed(record: RequestRecord) -> str:
    return f"Nothing was answered: {record.error}." if record.error else "Nothing was answered."


def _semantic_hit(record: RequestRecord) -> str:
    alike = "" if record.similarity is None else f" (similarity {record.similarity:.3f})"
    sure = "" if record.confidence is None else f", {confidence(record.confidence)} sure that it fits"
    return f"A question of the same meaning{alike} had been answered before; its answer came from the cache{sure}."


def _accepted(record: RequestRecord) -> str:
    tier, reason = _tier(record), Reason.known(record.reason)
    if reason is Reason.STRONGER_TIERS_FAILED:
        return _sentence(f"{reason.words}: {tier}'s")
    if reason is Reason.STREAMED_OPTIMISTICALLY:
        return _sentence(reason.told(tier))
    loosened = " by the looser threshold of a caller near the budget's end" if reason is Reason.BUDGET_SHIFT else ""
    if record.confidence is None:
        return f"{tier}'s answer was good enough{loosened}, so nothing stronger was asked."
    return f"{tier} was {confidence(record.confidence)} sure: good enough{loosened}, so nothing stronger was asked."


def _escalated(record: RequestRecord) -> str:
    first, reason = _cheaper_tier(record), Reason.known(record.reason)
    if reason in (Reason.BELOW_THRESHOLD, Reason.BUDGET_SHIFT) and record.confidence is not None:
        cause = f"{first} was only {confidence(record.confidence)} sure"
    elif reason in (None, Reason.BUDGET_SHIFT):
        cause = f"{first}'s answer was not good enough"
    else:
        cause = reason.told(first)
    return f"{_tier(record)} answered because {cause}."


def _sentence(clause: str) -> str:
    return f"{clause[:1].upper()}{clause[1:]}."


def _cheaper_tier(record: RequestRecord) -> str:
    """The first tier asked, where it is not the one that answered."""
    asked = [call.model for call in record.calls if call.purpose is CallPurpose.ANSWER]
    return asked[0] if asked and asked[0] != record.tier else "a cheaper tier"


def _tier(record: RequestRecord) -> str:
    return record.tier or "the strongest tier"
