"""How a request was answered and why: every word that headers, the ledger and metrics carry, with what it says.

The values are public and stay; the words are for people, the same on the page, in reports and in commands.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Self


class DecisionKind(StrEnum):
    """How a request was answered; the value of the header `x-thriftgate-decision`."""

    _value_: str
    label: str
    """What it is called in tables and drawings."""
    words: str
    """What it means."""

    def __new__(cls, value: str, label: str, words: str) -> Self:
        """One member."""
        member = str.__new__(cls, value)
        member._value_, member.label, member.words = value, label, words
        return member

    EXACT_HIT = "exact_hit", "exact hit", "the same question had been answered before: its answer came from the cache"
    SEMANTIC_HIT = (
        "semantic_hit", "semantic hit",
        "a question of the same meaning had been answered before: its answer came from the cache",
    )  # fmt: skip
    ACCEPTED = "accepted", "accepted", "a cheaper tier's answer was good enough"
    ESCALATED = "escalated", "escalated", "a cheaper tier was asked first; a stronger one gave the answer"
    ONLY_TIER = "only_tier", "only tier", "one tier was asked, no other was in question"
    FAILED = "failed", "failed", "nothing was answered"


class Reason(StrEnum):
    """Why a request was answered that way; the value of the header `x-thriftgate-reason`."""

    _value_: str
    words: str
    """A clause in which `{tier}` is the cheaper tier that was asked first."""

    def __new__(cls, value: str, words: str) -> Self:
        """One member."""
        member = str.__new__(cls, value)
        member._value_, member.words = value, words
        return member

    CASCADE = "cascade", "every tier of the route was in question"
    CONFIDENT = "confident", "{tier}'s confidence reached the threshold"
    BUDGET_SHIFT = "budget_shift", "the caller's budget runs low, so the thresholds were looser"
    UNDER_LOAD = "under_load", "the route was under load, so the cheapest tier's answer was taken as it was"
    STREAMED_OPTIMISTICALLY = (
        "streamed_optimistically", "{tier}'s answer was shown while it was written, so it could not be taken back",
    )  # fmt: skip
    STRONGER_TIERS_FAILED = "stronger_tiers_failed", "stronger tiers failed, so a rejected answer was given"

    BELOW_THRESHOLD = "below_threshold", "{tier}'s confidence was below the threshold"
    NO_CONFIDENCE = "no_confidence", "nothing could be said of {tier}'s answer"
    CHEAPER_TIER_FAILED = "cheaper_tier_failed", "{tier} gave no answer"
    CONTENT_FILTER = "content_filter", "its provider's filter stopped {tier}'s answer"
    EMPTY_ANSWER = "empty_answer", "{tier}'s answer was empty"
    CUT_OFF = "cut_off", "{tier}'s answer was cut off"
    UNFINISHED = "unfinished", "{tier}'s answer did not come to its end"
    INVALID_JSON = "invalid_json", "{tier}'s answer was not the JSON that was asked for"
    SCHEMA_INVALID = "schema_invalid", "{tier}'s answer did not fit the schema that was asked for"
    OUTPUT_INVALID = "output_invalid", "{tier}'s answer did not fit what the route requires"
    TOOL_MISSING = "tool_missing", "{tier} should have called a tool"
    TOOL_UNKNOWN = "tool_unknown", "{tier} called a tool that was not offered"
    TOOL_ARGUMENTS_INVALID = "tool_arguments_invalid", "{tier} called a tool with arguments that do not fit"
    COLLAPSED = "collapsed", "{tier} grew unsure while it was writing"

    ONLY_TIER = "only_tier", "the route has one tier"
    TOOL_REQUIRED = "tool_required", "the request forces a tool call"
    TOOLS_OFFERED = "tools_offered", "the request offers tools"
    TOOL_RESULT = "tool_result", "the turn answers a tool's result"
    GUARDED = "guarded", "a guard lets only the strongest tier answer it"
    PRIVATE = "private", "it has personal data that only private models may see"
    HELD_OUT = "held_out", "the caller is in the control group, which always gets the strongest tier"
    STRONG_FIRST_TOKEN = "strong_first_token", "the route streams the strongest tier's answer at once"
    TIER_CANNOT_CARRY = (
        "tier_cannot_carry", "the provider of another tier speaks an API that has no place for a part of the request",
    )  # fmt: skip
    UNFAMILIAR = "unfamiliar", "the question resembles none of the labelled ones, which the promise was proved with"
    POOR_OUTLOOK = "poor_outlook", "the question looked too hard for a cheaper tier"
    GOOD_OUTLOOK = "good_outlook", "the question looked easy enough to trust the first tier unseen"
    NO_OUTLOOK = "no_outlook", "nothing could be said of the question, and the route decides by it alone"

    UNCALIBRATED = "uncalibrated", "the route has no calibration that proves its promise"
    STALE_ARTEFACT = "stale_artefact", "the route's calibration was made for another version of its prompt"
    PROMISE_NOT_PROVEN = "promise_not_proven", "the route's calibration could not prove its promise"
    COLLECTING_LABELS = "collecting_labels", "the route collects labels for its calibration"

    COALESCED = "coalesced", "the same question was being answered at that moment"
    PLAIN_MODEL = "plain_model", "a model of the proxy was asked, no route"
    HEALTH_CHECK = "health_check", "LiteLLM looked whether a deployment answers"
    REFUSED = "refused", "the request was refused before anything was asked"

    @classmethod
    def known(cls, value: str | None) -> "Reason | None":
        """The member of a ledger's row; None for no reason, and for a word of another release."""
        return _REASONS.get(value)

    def told(self, tier: str = "a cheaper tier") -> str:
        """Its words, with the name of the cheaper tier."""
        return self.words.replace("{tier}", tier)


_REASONS: Mapping[str | None, Reason] = {str(reason): reason for reason in Reason}
