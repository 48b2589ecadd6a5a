"""Why a schema is not used."""

from dataclasses import dataclass
from enum import StrEnum


class RefusalReason(StrEnum):
    """A fixed phrase for each reason; never a word of the schema."""

    NO_SCHEMA = "a JSON schema is an object, true or false"
    TOO_LARGE = "the JSON schema is too large"
    TOO_DEEP = "the JSON schema is nested too deeply"
    OUTSIDE = "the JSON schema refers to something outside itself"
    MISSING = "the JSON schema refers to a part that it does not have"
    ENDLESS = "the JSON schema refers to itself without an end"
    PATTERN = "the JSON schema has a pattern that cannot be checked in linear time"
    BROKEN = "the JSON schema is not valid"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A schema that cannot be checked, with the place in it as a JSON pointer where one is known."""

    reason: RefusalReason
    pointer: str = ""

    @property
    def words(self) -> str:
        """The sentence for whoever wrote the schema."""
        return f"{self.reason.value} (at {self.pointer})" if self.pointer else self.reason.value
