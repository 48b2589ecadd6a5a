"""Values in the place of placeholders inside JSON text, whole or while it is written, so that JSON stays JSON.

A value is escaped for the string it stands in, and once more for every string of JSON that this string is part of. A
placeholder that stands where no string is gets quotes, unless its value is a whole number that every reader of JSON
takes as it is, and a number may stand there: keys are strings. What is no JSON is restored as it is, and so is what
turns out to be none: `[1] Ask <PERSON_1>` and `[12:03] <PERSON_1>:` begin like a list, and prose may stand behind JSON.
A further document may begin in a line behind one that is closed, as in lines of JSON.

Failure behaviour: pure and total, also for JSON that breaks off or never was any. Linear.
"""

import json
import re

from thriftgate.privacy.restoring import Moves, Restorer, StreamRestorer

_MAX_DEPTH = 4
"""JSON in JSON in JSON in JSON; deeper strings are plain text."""
_JSON_STARTS = frozenset({"{", "[", '"'})
_OF_SCALARS = frozenset("]-0123456789tfnNI")
"""What follows the bracket of a list of numbers and the like, or of a note in brackets."""
_SECOND = {"{": frozenset('"}'), "[": _OF_SCALARS | frozenset('{["')}
"""What follows the first sign of JSON."""
_NUMBER = re.compile(r"[1-9][0-9]{0,15}")
_LARGEST_EXACT = 2**53 - 1
_GOES_ON = frozenset("0123456789.eE")
"""What another number would be read with."""
_NUMBER_BEGUN = re.compile(r"-?(?:[0-9](?:\.[0-9]?)?(?:[eE][-+]?[0-9]?)?)?")
"""With one digit for several in a row."""
_DIGITS = frozenset("0123456789")
_ZEROS = frozenset({"0", "-0"})
_SCALAR = re.compile(r"-?[0-9](?:\.[0-9])?(?:[eE][-+]?[0-9])?|true|false|null|NaN|-?Infinity")
_LITERALS_BEGUN = frozenset(
    word[:end] for word in ("true", "false", "null", "NaN", "-Infinity", "Infinity") for end in range(1, len(word) + 1)
)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}


class _Strings:
    """Follows JSON text character by character: whether this is inside a string, and inside JSON in that string."""

    def __init__(self, depth: int = 0) -> None:
        self._depth = depth
        self._in_string = False
        self._escape = ""
        self._inner: _Strings | None = None
        self._start = ""
        self._open: list[str] = []
        self._last = ""
        """The last sign outside of strings that is no blank; "value" for what was put in."""
        self._word = ""
        """Of a value that is no string, what there is by now."""
        self._is_later_line = False
        """A line ended behind the last sign."""
        self._is_begun = False
        """The last sign is the first of a further document; the next tells whether it is one."""
        self._is_note_like = False
        """What is in the string begins like a list of numbers, as a note in brackets does."""
        self.is_broken = False
        """What stands outside of strings is no JSON, or something follows it."""

    def feed(self, text: str) -> None:
        """Go on by a piece of the text."""
        for character in text:
            self._step(character)

    @property
    def level(self) -> int:
        """How many strings there are around the next character; 0: none."""
        if not self._in_string:
            return 0
        return 1 + (self._inner.level if self._inner is not None else 0)

    @property
    def is_between(self) -> bool:
        """True inside brackets and between strings, where JSON takes a value only in quotes."""
        if self._in_string:
            return self._inner is not None and self._inner.is_between
        return self._depth == 0 or bool(self._open)

    @property
    def takes_number(self) -> bool:
        """True where a number may begin: as a value, not as a key nor behind another one."""
        if self._in_string:
            return self._inner is not None and self._inner.takes_number
        is_key = self._last == "," and self._open[-1:] == ["{"]
        return self._last in (":", ",", "[") and not is_key

    @property
    def is_open(self) -> bool:
        """True inside brackets."""
        return bool(self._open)

    def meet(self) -> None:
        """A value comes: what is no JSON with something behind it here is none."""
        if not self._in_string:
            self.is_broken = self.is_broken or self._is_begun or bool(self._word)
        elif self._inner is not None:
            self._inner.meet()
            self._leave_notes()

    def skip(self) -> None:
        """Something of unknown content stands here: a string that begins with it is no JSON."""
        if not self._in_string:
            self._last = "value"
        else:
            if self._inner is not None:
                self._inner.skip()
            elif self._start in ("", "{", "["):
                self._start = "text"

    def _step(self, character: str) -> None:
        if not self._in_string:
            self.is_broken = self.is_broken or not self._goes_on(character)
            if character == '"':
                self._in_string, self._start, self._inner = True, "", None
            elif character in "{[":
                self._open.append(character)
            elif character in "}]" and self._open:
                self._open.pop()
            self._last = self._last if character.isspace() else character
            return
        if self._escape:
            self._in_escape(character)
        elif character == "\\":
            self._escape = "\\"
        elif character == '"':
            self._in_string = False
        else:
            self._decoded(character)

    def _goes_on(self, character: str) -> bool:
        """Whether JSON may go on with this sign outside of strings."""
        if character.isspace():
            self._is_later_line = self._is_later_line or character == "\n"
            return self._reads(character)
        is_later_line, self._is_later_line = self._is_later_line, False
        if self._is_begun and character not in _SECOND[self._last]:
            return False
        self._is_begun = self._last in ("}", "]") and not self._open
        if self._is_begun:
            return is_later_line and character in _SECOND
        return self._reads(character) and (character != ":" or self._open[-1:] == ["{"])

    def _reads(self, character: str) -> bool:
        """Whether this sign ends a value that is no string, or goes on with one."""
        if character.isspace() or character in ',:{}[]"':
            word, self._word = self._word, ""
            return not word or _SCALAR.fullmatch(word) is not None
        if not self._word and self._last not in (":", ",", "["):
            return False
        # Digits behind a digit say nothing new, but behind a zero: so a word is short, however long the number.
        if character not in _DIGITS or self._word[-1:] not in _DIGITS or self._word in _ZEROS:
            self._word += character
        return self._word in _LITERALS_BEGUN or _NUMBER_BEGUN.fullmatch(self._word) is not None

    def _in_escape(self, character: str) -> None:
        self._escape += character
        if self._escape[1] != "u":
            self._escape = ""
            self._decoded(_ESCAPES.get(character, character))
        elif len(self._escape) == 6:
            code, self._escape = self._escape[2:], ""
            try:
                self._decoded(chr(int(code, 16)))
            except ValueError:
                self._decoded("?")

    def _decoded(self, character: str) -> None:
        if self._inner is not None:
            self._inner._step(character)
            self._leave_notes()
        elif not character.isspace() and self._depth < _MAX_DEPTH:
            self._begin(character)

    def _leave_notes(self) -> None:
        """What began like a list of numbers and is none is a sentence."""
        if self._inner is not None and self._inner.is_broken and self._is_note_like:
            self._inner = None

    def _begin(self, character: str) -> None:
        """The first two signs tell JSON from a sentence in brackets."""
        if not self._start:
            self._start = character if character in "{[" else "text"
        elif self._start in _SECOND:
            if character in _SECOND[self._start]:
                self._inner = _Strings(self._depth + 1)
                self._is_note_like = character in _OF_SCALARS
                self._inner._step(self._start)
                self._inner._step(character)
            self._start = "text"


class _Spelling:
    """How a value is written at the place that the JSON text has come to."""

    def __init__(self, *, is_json: bool) -> None:
        self._strings = _Strings()
        self._is_json = is_json
        self._first = ""
        self._ends_in_number = False

    def spelled(self, value: str) -> str:
        """The value as it must stand here."""
        if not self._reads_as_json():
            self._first = self._first or "text"
            return value
        self._strings.meet()
        level = self._strings.level
        if not self._is_json and (self._is_a_note() or (level == 0 and not self._strings.is_open)):
            return value
        is_number = self._strings.takes_number and _is_number(value)
        if self._strings.is_between and not is_number:  # the value is a string of its own
            value = json.dumps(value, ensure_ascii=False)
        self._ends_in_number = is_number
        self._strings.skip()
        for _ in range(level):
            value = json.dumps(value, ensure_ascii=False)[1:-1]
        return value

    def passed(self, text: str) -> str:
        """A part of the source goes by as it is; a blank parts it from a number that it would go on."""
        parted = f" {text}" if self._ends_in_number and text[:1] in _GOES_ON else text
        self._ends_in_number = self._ends_in_number and not text
        for character in text:
            if len(self._first) >= 2:
                break
            self._first += character.strip()
        if self._is_json or not self._first or self._first[0] in _JSON_STARTS:
            self._strings.feed(text)
        return parted

    def _is_a_note(self) -> bool:
        """Whether what began like a list of numbers is a sentence."""
        return self._strings.is_broken and self._first[1:] in _OF_SCALARS

    def _reads_as_json(self) -> bool:
        if self._is_json:
            return self._first[:1] in _JSON_STARTS
        return self._first[1:] in _SECOND.get(self._first[:1], ()) and len(self._first) == 2


def _is_number(value: str) -> bool:
    """True for whole numbers that every reader of JSON reads as they are written."""
    return _NUMBER.fullmatch(value) is not None and int(value) <= _LARGEST_EXACT


class StreamJsonRestorer:
    """Restores JSON text piece by piece: `feed` each, `flush` at the end.

    Args:
        restorer: Whose values are put back.
        is_json: True where the text should be JSON, as a tool's arguments; False where it may be: then it takes the
            first two signs of JSON for the text to be treated as such.
    """

    def __init__(self, restorer: Restorer, *, is_json: bool = True) -> None:
        spelling = _Spelling(is_json=is_json)
        self._stream = StreamRestorer(restorer, spell=spelling.spelled, passed=spelling.passed)

    @property
    def held(self) -> int:
        """Characters held back."""
        return self._stream.held

    @property
    def moves(self) -> Moves:
        """Where values stand in what was read and in what was written."""
        return self._stream.moves

    def feed(self, piece: str) -> str:
        """What is certain by now."""
        return self._stream.feed(piece)

    def flush(self) -> str:
        """What was held back, now that nothing follows."""
        return self._stream.flush()


def restore_json(restorer: Restorer, text: str, *, is_json: bool = True) -> str:
    """JSON text as the caller should see it; a text that does not begin like JSON is restored as text."""
    stream = StreamJsonRestorer(restorer, is_json=is_json)
    return stream.feed(text) + stream.flush()
