"""Answers in whatever dialect, judged by what they must be.

Failure behaviour: pure. Judging takes milliseconds where the text is long: see `is_long`.
"""

from dataclasses import dataclass, replace

from thriftgate.output.judging import judge
from thriftgate.output.requirement import Requirement
from thriftgate.output.verdicts import Repaired, Unusable, Valid, Verdict
from thriftgate.services.request.reading import answer_of, whole_body
from thriftgate.types import Answer, ChatRequest
from thriftgate.wire.answer import ChoiceView, FinishKind, ToolCall
from thriftgate.wire.dialects import answer_view
from thriftgate.wire.rewording import reworded, with_arguments
from thriftgate.wire.turns import Dialect

_LONG = 4_000
_NO_ANSWER = frozenset({FinishKind.FILTERED, FinishKind.REFUSED, FinishKind.PAUSED, FinishKind.FAILED})
_ENDINGS = {FinishKind.LENGTH: "length", FinishKind.UNKNOWN: None}


@dataclass(frozen=True, slots=True)
class CheckedAnswer:
    """An answer, as it may be given, and what it turned out to be."""

    answer: Answer
    verdict: Verdict | None
    """Of all choices the one that is worst, a repair with the changes of all; None when nothing in the answer had to
    have a shape."""
    place: int = 0
    """The choice that is objected to."""
    required: Requirement | None = None
    """What the part that is objected to had to be; None where nothing is."""

    @property
    def objection(self) -> Unusable | None:
        """Why it must not be given."""
        return self.verdict if isinstance(self.verdict, Unusable) else None


def is_long(answer: Answer) -> bool:
    """Whether to judge it beside the event loop."""
    return any(len(choice.text) > _LONG or choice.tool_calls for choice in answer.choices)


def checked(request: ChatRequest, answer: Answer, requirement: Requirement, *, may_repair: bool) -> CheckedAnswer:
    """Read every choice of an answer; what could be repaired is in the answer that comes back."""
    body, dialect = whole_body(request, answer), Dialect(request.dialect)
    found: list[Verdict] = []
    texts: dict[int, str] = {}
    calls: dict[int, dict[int, str]] = {}
    for place, choice in enumerate(answer_view(dialect, body).choices):
        repaired: dict[int, str] = {}
        for call, (said, required) in _said(choice, requirement, dialect).items():
            verdict = _verdict(said, choice, required, may_repair=may_repair)
            if isinstance(verdict, Unusable):
                return CheckedAnswer(answer, verdict, place, required)
            found.append(verdict)
            if isinstance(verdict, Repaired):
                repaired[call] = verdict.text
        if repaired and choice.tool_calls:
            calls[place] = repaired
        elif repaired:
            texts[place] = repaired[0]
    if not texts and not calls:
        return CheckedAnswer(answer, _worst(found))
    written = with_arguments(dialect, body, calls) if calls else body
    written = reworded(dialect, written, texts) if texts else written
    read = answer_of(
        request.dialect, written, model=answer.model, deployment=answer.deployment, usage=answer.usage,
        cost_usd=answer.cost_usd,
    )  # fmt: skip
    return CheckedAnswer(replace(read, provider_id=answer.provider_id), _worst(found))


def _said(choice: ChoiceView, requirement: Requirement, dialect: Dialect) -> dict[int, tuple[str, Requirement]]:
    """What of a choice must have which shape: its text, or the arguments of its calls.

    By the call's place among all of the choice; of a text by 0.
    """
    if choice.finish.kind in _NO_ANSWER or choice.refusal:
        return {}
    said: dict[int, tuple[str, Requirement]] = {}
    last = len(choice.tool_calls) - 1
    for place, call in enumerate(choice.tool_calls):
        required = requirement.of_call(call.name) if call.is_function else None
        if required is not None and place == last and _is_cut(choice, call, dialect):
            said[place] = "", required
        elif required is not None:
            # A tool that needs none is also called without any, or with `null`, which goes on as it came.
            needs_none = required is not requirement and call.arguments.strip() in ("", "null")
            said[place] = "{}" if needs_none else call.arguments, required
    if requirement.tool is not None:
        # Without a call there is nothing to read, which is no JSON.
        return said or {0: ("", requirement)}
    return said if choice.tool_calls or requirement.is_free_text else {0: (choice.text, requirement)}


def _is_cut(choice: ChoiceView, call: ToolCall, dialect: Dialect) -> bool:
    """Whether nobody can tell what the call's arguments would have been: of a part an object was made on the way."""
    is_made = dialect is Dialect.MESSAGES or call.arguments.strip() in ("", "{}", "null")
    return choice.finish.kind is FinishKind.LENGTH and is_made


def _verdict(said: str, choice: ChoiceView, requirement: Requirement, *, may_repair: bool) -> Verdict:
    ending = _ENDINGS.get(choice.finish.kind, "stop")
    return judge(said, requirement, finish_reason=ending, may_repair=may_repair)


def _worst(found: list[Verdict]) -> Verdict | None:
    """Of usable verdicts the one to be told of: a repair, with the changes of all; else one that was not checked."""
    repaired = [one for one in found if isinstance(one, Repaired)]
    if repaired:
        changes = dict.fromkeys(change for one in repaired for change in one.changes)
        return replace(repaired[0], changes=tuple(changes))
    return next((one for one in found if isinstance(one, Valid) and one.unchecked), found[0] if found else None)
