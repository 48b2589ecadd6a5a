"""What may be answered from the cache, and what may be put into it.

Each verdict carries one fixed phrase, which goes into the header, the ledger and `thriftgate cache inspect`;
it never quotes the request.

Failure behaviour: pure and total.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, cast

from thriftgate.caching.sharing.timebound import is_about_own_account, is_time_bound
from thriftgate.schemas import Schema, compile_schema
from thriftgate.schemas.wanted import Wanted, forced_tool
from thriftgate.types import Answer, ChatRequest, Choice


class Eligibility(StrEnum):
    """Why a request or an answer stays out of the cache; `ELIGIBLE` when it does not."""

    ELIGIBLE = "eligible"
    NO_CACHE = "client asked for a fresh answer"
    NO_STORE = "client asked not to store"
    TIME_SENSITIVE_ROUTE = "route is time sensitive"
    TIME_BOUND = "question is time bound"
    OWN_ACCOUNT = "question is about the caller's own account"
    TOOL_TURN = "conversation holds tool results"
    NO_QUESTION = "last message is no question"
    TEMPERATURE = "temperature above the route's limit"
    UNKNOWN_TENANT = "caller is unknown"
    PERSONAL_DATA = "personal data was restored into the answer"
    NO_CHOICE = "answer is empty"
    TOOL_CALL = "answer calls tools"
    UNFINISHED = "answer did not finish"
    FILTERED = "answer was filtered"
    REFUSED = "model refused"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether something may pass, and the phrase that says why."""

    reason: Eligibility

    @property
    def is_allowed(self) -> bool:
        """True when nothing speaks against it."""
        return self.reason is Eligibility.ELIGIBLE


@dataclass(frozen=True, slots=True, kw_only=True)
class EligibilitySettings:
    """The operator's limits; the fields of `CacheConfig` with the same names."""

    max_temperature: float = 1.0
    time_sensitive: bool = False
    detect_time_bound: bool = True
    """Look at the words of a question for times, moving subjects and the caller's own account."""


_ELIGIBLE = Verdict(Eligibility.ELIGIBLE)
_FINISHED = frozenset({"stop", "end_turn", "stop_sequence", "eos"})
_FILTERED = frozenset({"content_filter", "refusal", "safety", "SAFETY"})
# Only short answers are looked at: a long one that opens with an apology usually goes on to help.
_REFUSAL_LENGTH = 400
_REFUSAL = re.compile(
    r"\W{0,9}(?:i'?m (?:very |so |really )?sorry|sorry|i apologi[sz]e|unfortunately|(?:es )?tut mir leid|leider|"
    r"(?:je suis )?désolée?|lo siento|mi dispiace|desculpe|(?:het )?spijt me)?"
    r"\W{0,9}(?:but|aber|mais|pero|ma|mas|maar)?\W{0,9}"
    r"(?:i (?:can(?:no|')t|can not|am (?:not able|unable)|won't|will not|must decline)|"
    r"i'm (?:not able|unable)|as an ai\b|"
    r"(?:das |dabei )?kann ich (?:\w+ )?nicht|ich kann (?:\w+ ){0,3}nicht|je ne peux pas|no puedo|non posso|não posso|"
    r"(?:dat )?kan ik (?:\w+ )?niet|ik kan (?:\w+ ){0,3}niet)",
    re.IGNORECASE,
)
_TYPOGRAPHIC = str.maketrans({"\u2019": "'"})


def may_serve(
    request: ChatRequest,
    question: str,
    *,
    settings: EligibilitySettings,
    has_tenant: bool = True,
    content: Verdict | None = None,
) -> Verdict:
    """Whether `request` may be answered from the cache. `question` is its last user text (`CacheScope.question`).

    A request that may not be served for what it *asks* is not stored either; see `may_store`. `content` is what
    `content_verdict` said of the request, where it was asked already.
    """
    if request.no_cache:
        return Verdict(Eligibility.NO_CACHE)
    return content or content_verdict(request, question, settings=settings, has_tenant=has_tenant)


def may_store(
    request: ChatRequest,
    question: str,
    answer: Answer,
    *,
    settings: EligibilitySettings,
    has_tenant: bool = True,
    holds_personal_data: bool = False,
    content: Verdict | None = None,
) -> Verdict:
    """Whether `answer` may be kept. A client that asked for a fresh answer (`no_cache`) still renews the entry.

    `holds_personal_data`: the privacy guard put values back into this answer. Every one of the `n` choices
    must be fit to be kept. `content` is what `content_verdict` said of the request, where it was asked already.
    """
    if request.no_store:
        return Verdict(Eligibility.NO_STORE)
    if holds_personal_data:
        return Verdict(Eligibility.PERSONAL_DATA)
    verdict = content or content_verdict(request, question, settings=settings, has_tenant=has_tenant)
    if not verdict.is_allowed:
        return verdict
    if not answer.choices:
        return Verdict(Eligibility.NO_CHOICE)
    tool = forced_tool(request.params)
    verdicts = (_filled_in(choice, tool) if tool else _choice(choice) for choice in answer.choices)
    return next((verdict for verdict in verdicts if not verdict.is_allowed), _ELIGIBLE)


def content_verdict(
    request: ChatRequest, question: str, *, settings: EligibilitySettings, has_tenant: bool = True
) -> Verdict:
    """What the request itself says, apart from the client's wishes; of a long one this is most of the work."""
    checks = (
        (not has_tenant, Eligibility.UNKNOWN_TENANT),
        (settings.time_sensitive, Eligibility.TIME_SENSITIVE_ROUTE),
        (_temperature(request) > settings.max_temperature, Eligibility.TEMPERATURE),
        (any(_is_tool_turn(message) for message in request.messages), Eligibility.TOOL_TURN),
        (not question.strip() or not _ends_with_user(request), Eligibility.NO_QUESTION),
    )
    for applies, reason in checks:
        if applies:
            return Verdict(reason)
    if settings.detect_time_bound:
        if is_time_bound(question):
            return Verdict(Eligibility.TIME_BOUND)
        if is_about_own_account(question):
            return Verdict(Eligibility.OWN_ACCOUNT)
    return _ELIGIBLE


def _temperature(request: ChatRequest) -> float:
    """The temperature asked for; a provider's own default, 1 everywhere, when none was."""
    value: object = request.params.get("temperature")
    return float(value) if isinstance(value, int | float) else 1.0


def _is_tool_turn(message: Mapping[str, Any]) -> bool:
    if message.get("role") in ("tool", "function") or message.get("tool_calls") or message.get("function_call"):
        return True
    content = message.get("content")
    if not isinstance(content, Sequence) or isinstance(content, str):
        return False
    parts = [cast("Mapping[str, Any]", part) for part in cast("Sequence[object]", content) if isinstance(part, Mapping)]
    return any(part.get("type") in ("tool_use", "tool_result") for part in parts)


def _ends_with_user(request: ChatRequest) -> bool:
    """An assistant message at the end is the beginning of an answer, not a question."""
    spoken = [message for message in request.messages if message.get("role") not in ("system", "developer")]
    return bool(spoken) and spoken[-1].get("role") == "user"


def _choice(choice: Choice) -> Verdict:
    text = choice.text.strip()
    checks = (
        (bool(choice.tool_calls), Eligibility.TOOL_CALL),
        (choice.finish_reason in _FILTERED, Eligibility.FILTERED),
        (choice.finish_reason in ("tool_calls", "function_call"), Eligibility.TOOL_CALL),
        (choice.finish_reason not in _FINISHED, Eligibility.UNFINISHED),
        (bool(choice.message.get("refusal")), Eligibility.REFUSED),
        (not text, Eligibility.NO_CHOICE),
        (
            len(text) <= _REFUSAL_LENGTH and _REFUSAL.match(text.translate(_TYPOGRAPHIC)) is not None,
            Eligibility.REFUSED,
        ),
    )
    return next((Verdict(reason) for applies, reason in checks if applies), _ELIGIBLE)


def _filled_in(choice: Choice, tool: Wanted) -> Verdict:
    """The one call of a forced tool is an answer in a form: it is kept when its arguments fit the tool's schema."""
    calls = choice.tool_calls
    if len(calls) != 1:
        verdict = _choice(choice)
        return Verdict(Eligibility.UNFINISHED) if verdict.is_allowed else verdict
    function: Mapping[str, Any] = calls[0].get("function") or {}
    text: object = function.get("arguments") or "{}"
    if choice.finish_reason in _FILTERED:
        return Verdict(Eligibility.FILTERED)
    if choice.finish_reason not in _FINISHED | {"tool_calls", "tool_use", "function_call"}:
        return Verdict(Eligibility.UNFINISHED)
    if function.get("name") != tool.name or not isinstance(text, str):
        return Verdict(Eligibility.TOOL_CALL)
    try:
        arguments: object = json.loads(text)
    except (ValueError, RecursionError):
        return Verdict(Eligibility.UNFINISHED)
    schema = compile_schema(tool.schema) if tool.schema is not None else None
    is_fit = schema is None or (isinstance(schema, Schema) and schema.fits(arguments, characters=len(text)))
    return _ELIGIBLE if is_fit and isinstance(arguments, dict) else Verdict(Eligibility.TOOL_CALL)
