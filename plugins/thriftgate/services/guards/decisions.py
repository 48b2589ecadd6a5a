"""What guards found in a request or an answer, and what follows from it.

Failure behaviour: pure.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from thriftgate.errors import ContentBlockedError, GuardUnavailableError
from thriftgate.guards.findings import Finding

ORDER = ("off", "flag", "confirm", "strong", "block")
"""Actions, the mildest first."""


@dataclass(frozen=True, slots=True)
class Acted:
    """A finding with the action its guard is configured to take."""

    finding: Finding
    action: str
    place: str
    """user, tool, system, assistant or answer."""

    @property
    def words(self) -> str:
        """For a header: guard, rule and score."""
        return f"{self.finding.guard}:{self.finding.rule}={self.finding.score:.2f}"


@dataclass(frozen=True, slots=True)
class Decision:
    """All findings of one look, and how much was looked at."""

    found: tuple[Acted, ...] = ()
    characters: int = 0
    """What was really looked at, new or remembered."""
    failed: tuple[str, ...] = ()
    """Guards that could not look."""
    shadow: bool = False
    unasked: int = 0
    """Texts that the judge was not asked about."""
    is_closed: bool = False
    """The operator wants nothing to pass that a guard could not look at."""

    @property
    def action(self) -> str:
        """The strictest action; `off` in shadow."""
        if self.shadow:
            return "off"
        return max((one.action for one in self.found), key=ORDER.index, default="off")

    @property
    def metadata(self) -> dict[str, Any]:
        """For the ledger and the trace: nothing of what was said."""
        if not self.found and not self.failed and not self.unasked:
            return {}
        rules = [f"{one.words} ({'shadow' if self.shadow else one.action})" for one in self.found]
        failed = {"guards_failed": list(self.failed)} if self.failed else {}
        return {"guards": rules, **failed, **({"texts_not_judged": self.unasked} if self.unasked else {})}

    @property
    def headers(self) -> dict[str, str]:
        """What the client is told."""
        if self.shadow or not self.found:
            return {}
        told = {"x-thriftgate-guard": ", ".join(dict.fromkeys(one.words for one in self.found))[:800]}
        if any(one.action == "confirm" for one in self.found):
            told["x-thriftgate-guard-confirm"] = "true"
        return told

    @property
    def error(self) -> ContentBlockedError | GuardUnavailableError | None:
        """The refusal; None where nothing is blocked. Never quotes the text, nor what is forbidden.

        What was found is refused for what it is, whether or not another guard failed.
        """
        blocking = [one for one in self.found if one.action == "block"]
        if self.shadow or not (blocking or self.failed):
            return None
        if not blocking:
            words = "a guard of this gateway could not look at the text, so it does not pass"
            return GuardUnavailableError(words) if self.is_closed else None
        what = "the answer" if blocking[0].place == "answer" else "the request"
        guards = " and ".join(dict.fromkeys(one.finding.guard for one in blocking))
        return ContentBlockedError(f"a guard of this gateway refused {what} ({guards})", code="content_blocked")


def audit_lines(decision: Decision, **about: Any) -> Sequence[dict[str, Any]]:
    """One entry of the audit log for each finding and failure, and one for the texts that were not judged."""
    lines = [
        {
            **about, "guard": one.finding.guard, "rule": one.finding.rule, "score": round(one.finding.score, 4),
            "span": [one.finding.start, one.finding.end], "place": one.place, "action": one.action,
            "shadow": decision.shadow, "characters": decision.characters,
        }
        for one in decision.found
    ]  # fmt: skip
    judge = {**about, "guard": "judge", "rule": "not asked", "texts": decision.unasked, "shadow": decision.shadow}
    return [
        *lines,
        *([judge] if decision.unasked else ()),
        *({**about, "guard": name, "rule": "failed", "shadow": decision.shadow} for name in decision.failed),
    ]
