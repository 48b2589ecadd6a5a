"""Reads an answer of a shape while it flows: what may be shown by now, and whether it is wrong already.

Failure behaviour: none.
"""

from collections.abc import Iterable

from thriftgate.output.requirement import Requirement
from thriftgate.output.streaming import StreamChecker
from thriftgate.output.verdicts import Invalid, Unusable
from thriftgate.services.request.reading import view_of, whole_body
from thriftgate.types import Answer, ChatRequest, StreamPiece
from thriftgate.wire.dialects import replay
from thriftgate.wire.formats import delta_of, has_call
from thriftgate.wire.shapes import Body, Json, objects
from thriftgate.wire.turns import Dialect

_JSON_SPACE = " \t\n\r"
_OPENING = 8
"""Events that wait at most for the answer's first words."""
_BEGIN = frozenset({"content_block_start", "response.output_item.added"})
_END = frozenset({"content_block_stop", "response.output_item.done"})


class Follower:
    """Reads a stream while it flows: `feed` every event; `objection` is why the answer is of no use, whatever comes."""

    def __init__(self, requirement: Requirement, dialect: Dialect) -> None:
        self._checker = StreamChecker(requirement.schema) if requirement.schema is not None else None
        # What begins otherwise may be a sentence, which a checker that waits for its second word would let through.
        checker = self._checker
        self._beginnings = "{" if checker is None else '{["' if checker.takes_text else "{["
        self._dialect = dialect
        self._of_tool = requirement.tool is not None
        self._is_free_text = requirement.is_free_text
        self._awaits_calls = bool(requirement.calls)
        self._has_call = False
        self._has_others = False
        self._has_begun = False
        self._is_json = False
        self._has_shown = False
        self._held: list[StreamPiece] = []
        self._number: int | None = None
        """The `sequence_number` of the event that was shown last, of Responses."""
        self._begun: set[object] = set()
        """Blocks or items that were shown and not ended."""
        self.objection: Unusable | None = None

    def feed(self, piece: StreamPiece) -> Unusable | None:
        """Take in an event."""
        delta = delta_of(self._dialect, piece.event, of_tool=self._of_tool)
        if not delta or self.objection is not None:
            return self.objection
        if not self._has_begun and (begun := delta.lstrip(_JSON_SPACE)):
            self._has_begun, self._is_json = True, self._is_free_text or begun[0] in self._beginnings
        violation = self._checker.feed(delta) if self._checker is not None else None
        if violation is not None:
            self.objection = Invalid(None, violation)
        return self.objection

    def passed(self, piece: StreamPiece) -> list[StreamPiece]:
        """Take in an event; what may be shown by now.

        Until the first words an error can be a whole response. What does not begin as an object or a list does, or as
        a string where the schema asks for one, is held to its end: it can still be repaired, asked for again, or be a
        refusal; a number or a word is over as soon as it is written.
        """
        self._held.append(piece)
        self._has_others = self._has_others or any(one.get("index") for one in objects(piece.event.get("choices")))
        if self.feed(piece) is not None:
            return []
        # A call is a whole or nothing: its arguments can be repaired as long as none of them was shown.
        self._has_call = self._has_call or (self._awaits_calls and has_call(self._dialect, piece.event))
        if self._has_call:
            return []
        # Once thoughts were shown, the next have nothing to wait for.
        if not self._is_json if self._has_begun else not self._has_shown and len(self._held) <= _OPENING:
            return []
        self._has_shown = True
        return self.rest()

    def rest(self) -> list[StreamPiece]:
        """What is still held, once."""
        held, self._held = self._held, []
        self._note(held)
        return held

    @property
    def may_mend(self) -> bool:
        """Whether calls can be put right behind what was shown: they are held, and nothing of what was begun before.

        Of several answers (`n`) one may have been shown in part when another's call begins.
        """
        return self._has_call and not self._has_others and not any(self._goes_on(piece.event) for piece in self._held)

    def mended(self, request: ChatRequest, answer: Answer) -> list[StreamPiece]:
        """The events of an answer whose calls were put right: the ends of what was begun, and all from a call on."""
        self._held.clear()
        left: list[Body] = []
        is_call = False
        for event in replay(view_of(request), whole_body(request, answer)):
            ends = str(event.get("type")).endswith(("_stop", ".done")) and _place(event) in self._begun
            is_call = is_call or has_call(self._dialect, event)
            if is_call or ends:
                left.append(event)
        if self._number is not None:
            left = [{**event, "sequence_number": number} for number, event in enumerate(left, start=self._number + 1)]
        return [StreamPiece(event) for event in left]

    def _goes_on(self, event: Json) -> bool:
        """Whether an event adds to what was begun before the first call."""
        if self._dialect is Dialect.CHAT:
            return bool(delta_of(self._dialect, event, of_tool=False))
        return str(event.get("type")).endswith(("_delta", ".delta")) and _place(event) in self._begun

    def _note(self, shown: Iterable[StreamPiece]) -> None:
        """What of the answer has begun and not ended, and how its events are numbered."""
        for event in (piece.event for piece in shown):
            kind, place = event.get("type"), _place(event)
            if kind in _BEGIN:
                self._begun.add(place)
            elif kind in _END:
                self._begun.discard(place)
            if isinstance(number := event.get("sequence_number"), int):
                self._number = number


def _place(event: Json) -> object:
    return event.get("output_index", event.get("index"))
