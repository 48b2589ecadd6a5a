"""Answers in whatever dialect, judged by what they must be.

Failure behaviour: pure. Judging takes milliseconds where the text is long: see `is_long`.
"""

from dataclasses import dataclass, replace

from thriftgate.output.judging import judge
from thriftgate.output.requirement import Requirement
from thriftgate.output.verdicts import Repaired, Unreadable, Unusable, Verdict
from thriftgate.services.request.reading import answer_of, whole_body
from thriftgate.types import Answer, ChatRequest
from thriftgate.wire.answer import ChoiceView, FinishKind
from thriftgate.wire.dialects import answer_view
from thriftgate.wire.rewording import reworded
from thriftgate.wire.turns import Dialect

_LONG = 4_000
_NO_ANSWER = frozenset({FinishKind.FILTERED, FinishKind.REFUSED, FinishKind.PAUSED, FinishKind.FAILED})
_ENDINGS = {FinishKind.LENGTH: "length", FinishKind.UNKNOWN: None}


@dataclass(frozen=True, slots=True)
class CheckedAnswer:
    """An answer, as it may be given, and what it turned out to be."""

    answer: Answer
    verdict: Verdict | None
    """Of all choices the one that is worst; None when the answer has no shape: it calls a tool, or refuses."""

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
    worst: Verdict | None = None
    texts: dict[int, str] = {}
    for place, choice in enumerate(answer_view(dialect, body).choices):
        verdict = _verdict(choice, requirement, may_repair=may_repair)
        if isinstance(verdict, Unusable):
            return CheckedAnswer(answer, verdict)
        if isinstance(verdict, Repaired):
            texts[place] = verdict.text
        worst = verdict if worst is None or isinstance(verdict, Repaired) else worst
    if not texts:
        return CheckedAnswer(answer, worst)
    written = reworded(dialect, body, texts, tool=requirement.tool)
    read = answer_of(
        request.dialect, written, model=answer.model, deployment=answer.deployment, usage=answer.usage,
        cost_usd=answer.cost_usd,
    )  # fmt: skip
    return CheckedAnswer(replace(read, provider_id=answer.provider_id), worst)


def _verdict(choice: ChoiceView, requirement: Requirement, *, may_repair: bool) -> Verdict | None:
    if choice.finish.kind in _NO_ANSWER or choice.refusal:
        return None
    said: str | None = choice.text
    if requirement.tool is not None:
        said = next((call.arguments for call in choice.tool_calls if call.name == requirement.tool), None)
        if said is None:
            return Unreadable()
    elif choice.tool_calls:
        return None
    ending = _ENDINGS.get(choice.finish.kind, "stop")
    return judge(said, requirement, finish_reason=ending, may_repair=may_repair)
