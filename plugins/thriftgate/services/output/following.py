"""An answer that must have a shape, read while it flows.

Failure behaviour: pure; text that cannot be followed is judged when it is whole.
"""

from thriftgate.output.requirement import Requirement
from thriftgate.output.streaming import StreamChecker
from thriftgate.output.verdicts import Invalid, Unreadable, Unusable
from thriftgate.types import StreamPiece
from thriftgate.wire.formats import delta_of
from thriftgate.wire.turns import Dialect

_BEGINNINGS = frozenset('{["-0123456789tfn')
_OPENING = 8
"""Events that wait at most for the answer's first words."""


class Follower:
    """Reads one stream: `feed` every event; `objection` is why the answer cannot be used, whatever follows."""

    def __init__(self, requirement: Requirement, dialect: Dialect, *, strict: bool = False) -> None:
        """`strict`: what is shown cannot be repaired, so the first character must begin JSON."""
        self._checker = StreamChecker(requirement.schema) if requirement.schema is not None else None
        self._dialect = dialect
        self._of_tool = requirement.tool is not None
        self._strict = strict
        self._has_begun = False
        self._held: list[StreamPiece] = []
        self.objection: Unusable | None = None

    def feed(self, piece: StreamPiece) -> Unusable | None:
        """Take in an event."""
        delta = delta_of(self._dialect, piece.event, of_tool=self._of_tool)
        if not delta or self.objection is not None:
            return self.objection
        if not self._has_begun and (begun := delta.lstrip()):
            self._has_begun = True
            if self._strict and begun[0] not in _BEGINNINGS:
                self.objection = Unreadable()
                return self.objection
        violation = self._checker.feed(delta) if self._checker is not None else None
        if violation is not None:
            self.objection = Invalid(None, violation)
        return self.objection

    def passed(self, piece: StreamPiece) -> list[StreamPiece]:
        """Take in an event; what may be shown by now. Until the first words an error can be a whole response."""
        self._held.append(piece)
        if self.feed(piece) is not None or (not self._has_begun and len(self._held) <= _OPENING):
            return []
        return self.flush()

    def flush(self) -> list[StreamPiece]:
        """What was held, unless there is an objection."""
        held, self._held = self._held, []
        return held if self.objection is None else []
