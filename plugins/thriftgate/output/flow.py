"""The way to an answer of the right shape, as a generator: it yields whom to ask and receives what was answered.

    ask a tier ─▶ judge ──fits, or could be repaired──▶ done
                    └─ unusable ─▶ ask it once more with the objection ─▶ judge ─▶ … next tier … ─▶ 422

Failure behaviour: raises OutputInvalidError (422), which names the path, when no tier's answer was usable, and
nothing else. What a tier's failure to answer means is the driver's business: it sends None.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Generic, TypeVar

from thriftgate.errors import OutputInvalidError
from thriftgate.output.requirement import Requirement
from thriftgate.output.verdicts import Invalid, Unfinished, Unusable, Usable, Verdict
from thriftgate.schemas import path_in_words

TierT = TypeVar("TierT")


@dataclass(frozen=True, slots=True)
class OutputReply:
    """One answer: its text, or the arguments of the tool that is its form."""

    text: str
    finish_reason: str | None = "stop"


@dataclass(frozen=True, slots=True)
class AskAnew(Generic[TierT]):
    """Ask this tier."""

    tier: TierT
    objection: str | None = None
    """What was wrong with its answer before, in words; None the first time."""
    before: OutputReply | None = None
    """That answer."""


Judge = Callable[[OutputReply], Verdict]


def ask_tier(
    tier: TierT, judge: Judge, requirement: Requirement, *, reasks: int
) -> Generator[AskAnew[TierT], OutputReply | None, list[Verdict]]:
    """Ask one tier, at most `reasks` times more with the objection; the verdicts in order.

    Empty when the tier gave no answer at all. One that was cut at a limit of tokens is not asked for again: it would
    be cut there again, and paid for.
    """
    verdicts: list[Verdict] = []
    ask = AskAnew(tier)
    while True:
        reply = yield ask
        if reply is None:
            return verdicts
        verdict = judge(reply)
        verdicts.append(verdict)
        is_cut = isinstance(verdict, Unfinished) and verdict.at_limit
        if isinstance(verdict, Usable) or is_cut or len(verdicts) > reasks:
            return verdicts
        ask = AskAnew(tier, verdict.words(requirement.names), reply)


def invalid(requirement: Requirement, last: Unusable, *, limit: str | None = None) -> OutputInvalidError:
    """The error for the client: which place of the answer was not as the schema asks for; never what was said.

    `limit` is the field in which the client limits an answer's tokens; None: it does not.
    """
    if isinstance(last, Unfinished) and last.at_limit:
        what = (
            "the arguments of a call of a tool break off" if requirement.tool is not None else "the answer breaks off"
        )
        whose = "the request's limit of tokens" if limit is not None else "the model's own limit of tokens"
        return OutputInvalidError(f"{what} before the end: cut at {whose}", code="output_truncated", param=limit)
    at = last.violation.path if isinstance(last, Invalid) else ()
    path = path_in_words(at, requirement.names).strip("`") if at else None
    whose = "the route's" if requirement.source == "route" else "the request's"
    schema = f"{whose} JSON schema" if requirement.tool is None else f"the JSON schema of the tool `{requirement.tool}`"
    return OutputInvalidError(
        f"no answer that could be given fits {schema}: {last.words(requirement.names)}",
        code="output_invalid",
        param=path,
    )
