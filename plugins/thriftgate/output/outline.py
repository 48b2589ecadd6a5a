"""Where the JSON in a text begins and ends, seen with an eye for the mistakes that models make. One pass, linear.

A quotation mark ends a string only where something follows that can follow a string; so marks inside a string do not
hide its end, and a text that breaks off is known to.

Failure behaviour: pure and total.
"""

import json
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from thriftgate.output.verdicts import Change

_CLOSERS = {"}": "{", "]": "["}
_OPENING_QUOTES = {'"': '"', "'": "'", "\u201c": '\u201d\u201c"', "\u2018": "\u2019\u2018'", "\u201d": '\u201d"'}
_VALUE = r"""(?:$|["'\u201c\u2018{\[]|-?\d|(?:true|false|null|True|False|None|NaN|undefined)\b)"""
_AFTER_STRING = re.compile(
    rf"""\s*+(?:$|[}}\]]|,\s*(?:{_VALUE}|[}}\]]|[A-Za-z_]\w{{0,60}}\s*:|//|/\*|\#)|:\s*{_VALUE}|//|/\*"""
    r"""|["'\u201c][^"'\u201c\u201d\n]{0,100}["'\u201d]\s*:)"""
    rf"""|[^\S\n]*+\n\s*+{_VALUE}""",
)
_BARE_KEY = re.compile(r"([{,]\s*)([A-Za-z_$][\w$-]*)(\s*:)")
_CONTROL = re.compile(r"[\x00-\x1f]")
_ESCAPE = re.compile(r"""\\(?:u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|U[0-9a-fA-F]{8}|.)|["]""", re.DOTALL)
_MARKS = {'"': '\\"', "\\'": "'"}
"""A mark that must be escaped, and one that must not."""
_KNOWN_ESCAPE = re.compile(r"""\\(?:u[0-9a-fA-F]{4}|["/'])""")
_EITHER_ESCAPE = re.compile(r"\\[\\bfnrt]")
"""An escape of JSON's that is also what a path or a pattern has where backslashes were not escaped."""
_NOT_ESCAPED = re.compile(r"\\[A-Za-z]")
_MARK_CHARACTERS = "\"'\u201c\u201d\u2018\u2019"
_BETWEEN_VALUES = re.compile(r"[,:\[\]{}]")
_BARE_VALUE = re.compile(r"true|false|null|True|False|None|-?\d[\d.eE+-]*")
_BEFORE_OPENING = re.compile(r"[\s(=>/\u2013\u2014-]")
_AFTER_CLOSING = re.compile(r"[\s.,;:!?)<>/\u2026\u2013\u2014-]")
_COMMENT = re.compile(r"//[^\n]*|/\*.*?(?:\*/|\Z)|#[^\n]*", re.DOTALL)
_INTERESTING = re.compile(r"""[{}\[\]"'\u201c\u201d\u2018/#]""")


@dataclass(frozen=True, slots=True)
class Outline:
    """The JSON in a text."""

    start: int
    end: int | None
    """Behind the last bracket; None when the text breaks off before it."""
    body: str
    """The JSON without comments, each string in JSON's own form; up to the end of the text when it breaks off."""
    needs_guessing: bool
    """It has a string that can be read in more than one way."""
    changes: frozenset[Change]
    """What would have to be changed, as far as it can be seen."""


def outline(text: str) -> Outline | None:
    """Find the object or list in a text; None when there is none."""
    start = min((place for place in (text.find("{"), text.find("[")) if place >= 0), default=-1)
    if start < 0:
        return None
    scan = _Scan(text, start)
    scan.run()
    if scan.end is not None:
        rest = text[scan.end :].lstrip()
        if rest[:1] in _CLOSERS:
            scan.changes.add(Change.BRACKETS)
            scan.end += len(text[scan.end :]) - len(rest) + 1
    return Outline(start, scan.end, "".join(scan.pieces), scan.needs_guessing, frozenset(scan.changes))


class _Scan:
    """Brackets, strings and comments from the first bracket on."""

    def __init__(self, text: str, start: int) -> None:
        self.text = text
        self.at = start
        self.end: int | None = None
        self.pieces: list[str] = []
        self.changes: set[Change] = set()
        self.needs_guessing = False
        self._open: list[str] = []
        self._last = ""
        """The last character outside of strings that is no space."""

    def run(self) -> None:
        text = self.text
        while self.at < len(text):
            found = _INTERESTING.search(text, self.at)
            if found is None:
                self._keep(len(text))
                return
            self._keep(found.start())
            char = found[0]
            if char in "{[":
                self._open.append(char)
                self._keep(self.at + 1)
            elif char in _CLOSERS:
                if self._close(char):
                    return
            elif char in "/#":
                self._comment()
            elif char in _OPENING_QUOTES and not self._string(char):
                return

    def _keep(self, end: int) -> None:
        piece = self.text[self.at : end]
        # A key without marks stands behind a brace or a comma, here or at the end of the piece before.
        before = self._last + piece
        quoted = _BARE_KEY.sub(lambda found: f'{found[1]}"{found[2]}"{found[3]}', before)
        if quoted != before:
            self.changes.add(Change.KEYS)
        self.pieces.append(quoted[len(self._last) :])
        self._last = before.rstrip()[-1:]
        self.at = end

    def _close(self, char: str) -> bool:
        """Take in a closing bracket; whether it was the last."""
        if self._open and self._open[-1] == _CLOSERS[char]:
            self._open.pop()
        self._keep(self.at + 1)
        if not self._open:
            self.end = self.at
        return not self._open

    def _comment(self) -> None:
        comment = _COMMENT.match(self.text, self.at)
        if comment is None:
            self._keep(self.at + 1)
            return
        self.changes.add(Change.COMMENTS)
        # With a mark it may be the rest of a string.
        self.needs_guessing |= '"' in comment[0]
        self.at = comment.end()

    def _string(self, quote: str) -> bool:
        """Take in a string; False when it does not end."""
        text, ends = self.text, _OPENING_QUOTES[quote]
        if quote != '"':
            self.changes.add(Change.QUOTES)
        at = self.at + 1
        inner: list[int] = []
        while at < len(text):
            char = text[at]
            if char == "\\":
                at += 2
                continue
            if char in ends:
                if _AFTER_STRING.match(text, at + 1):
                    # A curly mark and a straight one may be what is left of two.
                    self.needs_guessing |= (char == '"') != (quote == '"')
                    self.needs_guessing |= not _are_quotations(text, self.at + 1, at, inner)
                    self.pieces.append(self._string_of(text[self.at + 1 : at]))
                    self._last = '"'
                    self.at = at + 1
                    return True
                self.changes.add(Change.INNER_QUOTES)
                inner.append(at)
            at += 1
        self.pieces.append(text[self.at :])
        self.at = len(text)
        return False

    def _string_of(self, inside: str) -> str:
        """A string in JSON's own form."""
        escapes = {found[0] for found in _ESCAPE.finditer(inside)} - {'"'}
        unknown = {one for one in escapes if not (_KNOWN_ESCAPE.fullmatch(one) or _EITHER_ESCAPE.fullmatch(one))}
        if unknown:
            self.changes.add(Change.ESCAPES)
            are_plain = all(map(_NOT_ESCAPED.fullmatch, unknown))
            self.needs_guessing |= not are_plain or any(map(_EITHER_ESCAPE.fullmatch, escapes))
        if "\\'" in escapes:
            self.changes.add(Change.QUOTES)
        inside = _ESCAPE.sub(lambda found: _escape_of(found[0], unknown), inside)
        if _CONTROL.search(inside):
            self.changes.add(Change.CONTROL)
            inside = _CONTROL.sub(lambda found: json.dumps(found[0])[1:-1], inside)
        return f'"{inside}"'


def _escape_of(written: str, unknown: Collection[str]) -> str:
    return f"\\{written}" if written in unknown else _MARKS.get(written, written)


def _are_quotations(text: str, start: int, end: int, marks: Sequence[int]) -> bool:
    """Whether the marks inside a string belong to what it says: pairs around words, apostrophes, inches.

    A mark that ends a word and another that begins one may as well be the ends of two strings.
    """
    opened = -1
    for at in marks:
        before, after = text[at - 1 : at] if at > start else "", text[at + 1 : at + 2] if at + 1 < end else ""
        if before.isalnum() and after.isalnum():
            continue
        if opened >= 0 and before.strip(_MARK_CHARACTERS).strip() and (not after or _AFTER_CLOSING.match(after)):
            if _is_structure(text[opened + 1 : at]):
                return False
            opened = -1
        elif opened < 0 and after.strip(_MARK_CHARACTERS).strip() and (not before or _BEFORE_OPENING.match(before)):
            opened = at
        elif not before.isdigit():
            return False
    return opened < 0


def _is_structure(inside: str) -> bool:
    """Whether what stands between two marks may stand between two strings."""
    parts = _BETWEEN_VALUES.split(inside)
    return len(parts) > 1 and all(not part or _BARE_VALUE.fullmatch(part) for part in map(str.strip, parts))
