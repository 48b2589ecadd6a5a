"""What came of an answer's check, in words that hold nothing of the answer.

Failure behaviour: pure.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from thriftgate.output.verdicts import Change, Repaired, Valid, Verdict

VALID, REPAIRED, UNCHECKED, EXEMPT, INVALID = "valid", "repaired", "unchecked", "exempt", "invalid"
"""`exempt`: nothing in the answer had to have a shape: it refuses, was filtered, or is free text beside tools."""
OUTCOMES = (VALID, REPAIRED, UNCHECKED, EXEMPT, INVALID)
_TAG = "output:repaired:"


@dataclass(frozen=True, slots=True)
class OutputNote:
    """How an answer came to its shape."""

    outcome: str
    changes: tuple[Change, ...] = ()
    """What a repair did."""
    reasks: int = 0
    """How often a tier was asked once more on the way."""

    @property
    def words(self) -> str:
        """The value of the header `x-thriftgate-output`."""
        if not self.changes:
            return self.outcome
        return f"{self.outcome} ({', '.join(change.value for change in self.changes)})"

    @property
    def told(self) -> Mapping[str, Any]:
        """What a client is told."""
        return {"output": self.words, **({"output_reasks": self.reasks} if self.reasks else {})}

    @property
    def metadata(self) -> Mapping[str, Any]:
        """What the ledger and the trace keep."""
        kept: dict[str, Any] = {"output": self.outcome}
        if self.changes:
            kept["output_changes"] = [change.value for change in self.changes]
        if self.reasks:
            kept["output_reasks"] = self.reasks
        return kept

    @property
    def evidence(self) -> Mapping[str, float]:
        """What the cascade's signals know of it."""
        return {"output_repaired": float(self.outcome == REPAIRED), "output_reasked": float(self.reasks > 0)}

    @property
    def tags(self) -> tuple[str, ...]:
        """What a kept answer is marked with, so that a hit can name its repair, and an operator can purge it."""
        return tuple(_TAG + change.name.lower() for change in self.changes)

    @classmethod
    def of_tags(cls, tags: Iterable[str]) -> "OutputNote":
        """What a kept answer's marks say."""
        names = {tag.removeprefix(_TAG) for tag in tags if tag.startswith(_TAG)}
        changes = tuple(change for change in Change if change.name.lower() in names)
        return cls(REPAIRED if changes else VALID, changes)


def note_of(verdict: Verdict | None, *, reasks: int = 0) -> OutputNote:
    """What a verdict says; None: there was nothing to judge."""
    if verdict is None:
        return OutputNote(EXEMPT, reasks=reasks)
    if isinstance(verdict, Repaired):
        return OutputNote(REPAIRED, verdict.changes, reasks)
    if isinstance(verdict, Valid):
        return OutputNote(VALID if verdict.unchecked is None else UNCHECKED, reasks=reasks)
    return OutputNote(INVALID, reasks=reasks)
