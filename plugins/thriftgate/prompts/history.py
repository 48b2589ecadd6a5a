"""What happened to a prompt: one JSON line per event in `history.jsonl`, oldest first, only ever appended to.

Failure behaviour: a line that is not an event becomes a problem; the others are read.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BeforeValidator, StrictStr, ValidationError

from thriftgate.prompts.problems import Findings
from thriftgate.prompts.schema import Closed, Name, Reference, parse_moment
from thriftgate.wording import machine_moment


class _Line(Closed):
    at: Annotated[float, BeforeValidator(parse_moment)]
    action: Literal["freeze", "promote", "rollback"]
    label: Name | None = None
    before: Reference | None = None
    version: Reference
    hash: StrictStr | None = None
    note: StrictStr = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A version was frozen, or a label began to point at another version."""

    at: float
    action: Literal["freeze", "promote", "rollback"]
    version: str
    """The version frozen, or the one the label points at from now on."""
    label: str | None = None
    before: str | None = None
    """What the label pointed at until then."""
    hash: str | None = None
    note: str = ""

    def line(self) -> str:
        """The event as a line of `history.jsonl`, line feed included."""
        parts = {
            "at": machine_moment(self.at),
            "action": self.action,
            "label": self.label,
            "before": self.before,
            "version": self.version,
            "hash": self.hash,
            "note": self.note,
        }
        kept = {key: value for key, value in parts.items() if value not in (None, "")}
        return json.dumps(kept, ensure_ascii=False) + "\n"


def parse_history(text: str, file: str, findings: Findings) -> tuple[Event, ...]:
    """The events of a history file."""
    events: list[Event] = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            read = _Line.model_validate(json.loads(line))
        except (ValueError, RecursionError, ValidationError):
            # A merge left in the middle shows up here as well: <<<<<<< is not JSON.
            findings.error(file, number, "is not an event; every line is one JSON object written by thriftgate")
            continue
        events.append(Event(**read.model_dump()))
    return tuple(events)


def previous(history: Sequence[Event], label: str) -> str | None:
    """What `label` pointed at before the last promotion that was not rolled back; None when there is none."""
    stack: list[str] = []
    for event in history:
        if event.label != label:
            continue
        if event.action == "promote" and event.before is not None:
            stack.append(event.before)
        elif event.action == "rollback" and stack:
            stack.pop()
    return stack[-1] if stack else None
