"""Find a violation of the schema while the answer still flows, in whatever order its keys come.

Each value is looked at when it begins (its kind), when it ends (the part of the schema that applies to it) and when
its key or place is known (must it not be there at all?). Alternatives (`anyOf`, `oneOf`) are refuted one by one; only
when the last has failed is the answer wrong. What cannot be decided early waits for the end, so that no beginning of
a valid document is ever objected to. (JSON with the same key twice in an object is not taken for valid.) Nor are
words before a document, as `3 days: {…}`, a document that is wrong: they can be taken away.

Failure behaviour: pure; text that is no JSON, is nested too deeply or would take too long turns the checking off.
"""

from dataclasses import dataclass, field

from thriftgate.output.scanning import Ended, Event, Member, NotJsonError, Scanner, Started
from thriftgate.schemas import Path, Schema, Violation
from thriftgate.schemas.applying import Applying

MAX_HYPOTHESES = 400
"""Parts of the schema followed at one place of the answer."""
_SHORT = 64
"""Characters that are bargained for at the beginning."""
_RECHECKED = 4
"""How often a value is looked at again, with the values around it, on average at most."""
_KINDS = {'"': ("string",), "{": ("object",), "[": ("array",), "t": ("boolean",), "f": ("boolean",), "n": ("null",)}
_NUMBER = ("number", "integer")
_NAMES = {"string": "a string", "object": "an object", "array": "a list", "boolean": "true or false", "null": "null",
          "number": "a number", "integer": "a whole number"}  # fmt: skip


@dataclass(slots=True)
class _Hypothesis:
    """A part of the schema that the value at one place has to fit, as far as `up` needs it."""

    pointer: str
    up: "_Hypothesis | _Alternatives | None"
    failed: bool = False


@dataclass(slots=True)
class _Alternatives:
    """Of these parts one must fit."""

    up: _Hypothesis
    left: int


@dataclass(slots=True)
class _Place:
    """A value that has begun."""

    step: str | int | None
    entries: list[_Hypothesis]
    """What applies because of the value around it."""
    all: list[_Hypothesis] = field(default_factory=list[_Hypothesis])
    """`entries` and all they refer to at the same place."""


class StreamChecker:
    """Checks one answer as it is written: `feed` pieces of any size, then `flush`."""

    def __init__(self, schema: Schema) -> None:
        self.violation: Violation | None = None
        """The first violation; it stays."""
        self.is_on = True
        """False when the text cannot be followed any more; nothing is objected to from then on."""
        self.characters = 0
        self._schema = schema
        self._applying = Applying(schema)
        self._scanner = Scanner()
        self._places: list[_Place] = []
        self._scalar: list[Event] = []
        """A document that is no object and no list, which may be the beginning of words around one."""
        self._affords_up_to = 0

    @property
    def takes_text(self) -> bool:
        """Whether the schema names a string as what the whole answer may be."""
        probe = StreamChecker(self._schema)
        probe._take(Started('"', None))
        if probe.violation is not None or not probe.is_on:
            return False
        found = [one for one in probe._places[-1].all if not one.failed]
        return any("string" in (self._applying.kinds(one.pointer) or ()) for one in found)

    def feed(self, chunk: str) -> Violation | None:
        """Take in a piece; the violation that is certain by now, whatever follows."""
        self.characters += len(chunk)
        if self._is_over():
            return self.violation
        if self.characters > self._affords_up_to:
            self._affords_up_to = max(2 * self.characters, _SHORT)
            self.is_on = self._schema.affords(self._affords_up_to * _RECHECKED)
        return self._follow(chunk, is_last=False)

    def flush(self) -> Violation | None:
        """The answer has ended."""
        return self.violation if self._is_over() else self._follow("", is_last=True)

    def _is_over(self) -> bool:
        return self.violation is not None or not self.is_on

    def _follow(self, chunk: str, *, is_last: bool) -> Violation | None:
        try:
            events = [*self._scalar, *self._scanner.feed(chunk, is_last=is_last)]
            if not is_last and not self._places and events and _is_scalar(events[0]):
                self._scalar = events
                return None
            for event in events:
                self._take(event)
                if self._is_over():
                    break
        except NotJsonError:
            self.is_on = False
        return self.violation

    def _take(self, event: Event) -> None:
        if isinstance(event, Member):
            # The key is known before its value: what must not be there is found at once.
            self._enter(event.step)
        elif isinstance(event, Started):
            if not self._places or event.element is not None:
                self._enter(event.element)
            self._begin(event.char)
        else:
            self._end(event)

    def _enter(self, step: str | int | None) -> None:
        """A value is about to begin."""
        if step is None:
            place = _Place(None, [_Hypothesis("#", None)])
        else:
            around = self._places[-1]
            place = _Place(step, [])
            for hypothesis in around.all:
                if hypothesis.failed:
                    continue
                for pointer in self._applying.below(hypothesis.pointer, step):
                    place.entries.append(_Hypothesis(pointer, hypothesis))
                if isinstance(step, int) and step >= self._applying.most_elements(hypothesis.pointer):
                    self._fail(hypothesis, "has more elements than the JSON schema allows")
        self._places.append(place)
        waiting = list(place.entries)
        while waiting:
            hypothesis = waiting.pop()
            place.all.append(hypothesis)
            if len(place.all) > MAX_HYPOTHESES:
                self.is_on = False
                return
            waiting.extend(self._beside(hypothesis))
        for hypothesis in place.all:
            if self._applying.forbids(hypothesis.pointer):
                self._fail(hypothesis, "must not be there")

    def _beside(self, hypothesis: _Hypothesis) -> list[_Hypothesis]:
        """What a part refers to at the same place."""
        found = [_Hypothesis(pointer, hypothesis) for pointer in self._applying.every(hypothesis.pointer)]
        for pointers in self._applying.one_of(hypothesis.pointer):
            alternatives = _Alternatives(hypothesis, len(pointers))
            found.extend(_Hypothesis(pointer, alternatives) for pointer in pointers)
        return found

    def _begin(self, char: str) -> None:
        kinds = _KINDS.get(char, _NUMBER)
        for hypothesis in self._places[-1].all:
            allowed = self._applying.kinds(hypothesis.pointer)
            if allowed is not None and not any(kind in allowed for kind in kinds):
                self._fail(hypothesis, f"must be {' or '.join(_NAMES.get(kind, kind) for kind in allowed)}")

    def _end(self, event: Ended) -> None:
        place = self._places[-1]
        for hypothesis in place.entries:
            if not hypothesis.failed and not self._schema.part_fits(hypothesis.pointer, event.value):
                self._fail(hypothesis, None, event.value)
                if self.violation is not None:
                    return
        self._places.pop()

    def _fail(self, hypothesis: _Hypothesis, expected: str | None, value: object = None) -> None:
        """A part does not fit: so does nothing that needs it."""
        first = hypothesis
        up: _Hypothesis | _Alternatives | None = hypothesis
        while up is not None:
            if isinstance(up, _Alternatives):
                up.left -= 1
                up = up.up if up.left <= 0 else None
                continue
            if up.failed:
                return
            up.failed = True
            if up.up is None:
                self.violation = self._worded(first, expected, value)
                return
            up = up.up

    def _worded(self, hypothesis: _Hypothesis, expected: str | None, value: object) -> Violation:
        places = self._places
        path: Path = tuple(place.step for place in places if place.step is not None)
        if expected is not None:
            return Violation(path, "", expected)
        inner = self._schema.part_violation(hypothesis.pointer, value)
        return Violation((*path, *inner.path), inner.keyword, inner.expected)


def _is_scalar(event: Event) -> bool:
    return isinstance(event, Started) and event.char not in "{["
