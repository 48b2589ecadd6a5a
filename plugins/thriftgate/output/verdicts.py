"""What an answer that must be JSON turned out to be."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from thriftgate.schemas import Violation


class Change(StrEnum):
    """What a repair did to a text, by name."""

    FENCE = "code fence removed"
    AROUND = "text around the JSON removed"
    COMMENTS = "comments removed"
    QUOTES = "quotation marks replaced"
    INNER_QUOTES = "quotation marks inside a string escaped"
    CONTROL = "control characters escaped"
    KEYS = "keys quoted"
    LITERALS = "words replaced by true, false or null"
    COMMAS = "commas mended"
    BRACKETS = "surplus brackets removed"
    ESCAPES = "backslashes escaped"


@dataclass(frozen=True, slots=True)
class Valid:
    """JSON as it came, of the shape that was asked for."""

    value: object
    unchecked: str | None = None
    """Why the schema could not be applied, as a fixed phrase; None when it was."""


@dataclass(frozen=True, slots=True)
class Repaired:
    """Not JSON as it came; what it says is unchanged, and it has the shape that was asked for."""

    value: object
    text: str
    """The value as JSON, to be given in place of the answer's text."""
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Unfinished:
    """The text breaks off; never to be passed off as complete."""

    value: object = None
    """What was complete when it broke off; None when nothing was."""
    at_limit: bool = False
    """It was cut at a limit of tokens, where the same model would be cut again."""

    def words(self, known: Collection[str] | None = None) -> str:
        """What is wrong, for whoever answers again."""
        return f"the answer breaks off before its end{', at a limit of tokens' if self.at_limit else ''}"


@dataclass(frozen=True, slots=True)
class Unreadable:
    """No JSON, and nothing that can be made JSON without guessing."""

    line: int = 0
    column: int = 0
    """Where reading stopped; 0 when there is no JSON at all."""
    has_key_twice: bool = False
    """JSON, but readers differ in which of two values they take."""

    def words(self, known: Collection[str] | None = None) -> str:
        """What is wrong, for whoever answers again."""
        if self.has_key_twice:
            return "an object of the answer has the same key twice"
        where = f" (line {self.line}, column {self.column})" if self.line else ""
        return f"the answer is not JSON{where}"


@dataclass(frozen=True, slots=True)
class Invalid:
    """JSON, but not of the shape that was asked for."""

    value: object
    violation: Violation

    def words(self, known: Collection[str] | None = None) -> str:
        """What is wrong, for whoever answers again."""
        return self.violation.words(known)


Usable = Valid | Repaired
Unusable = Unfinished | Unreadable | Invalid
Verdict = Usable | Unusable
