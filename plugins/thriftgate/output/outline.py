"""Where the JSON in a text begins and ends, seen with an eye for the mistakes that models make. One pass, linear.

A quotation mark ends a string only where something follows that can follow a string; so marks inside a string do not
hide its end, and a text that breaks off is known to.

Failure behaviour: pure and total.
"""

import json
import re
from dataclasses import dataclass

from thriftgate.output.verdicts import Change

_CLOSERS = {"}": "{", "]": "["}
_OPENING_QUOTES = {'"': '"', "'": "'", "\u201c": '\u201d\u201c"', "\u2018": "\u2019\u2018'", "\u201d": '\u201d"'}
_VALUE = r"""(?:$|["'\u201c\u2018{\[]|-?\d|(?:true|false|null|True|False|None|NaN|undefined)\b)"""
_AFTER_STRING = re.compile(
    rf"""\s*(?:$|[}}\]]|,\s*(?:{_VALUE}|[}}\]]|[A-Za-z_]\w{{0,60}}\s*:|//|/\*|\#)|:\s*{_VALUE}|//|/\*"""
    r"""|["'\u201c][^"'\u201c\u201d\n]{0,100}["'\u201d]\s*:)"""
    rf"""|\s*\n\s*{_VALUE}""",
)
_TRAILING_COMMA = re.compile(r",\s*[}\]]")
_LITERAL = re.compile(r"\b(?:True|False|None)\b")
_NO_VALUE = re.compile(r"\b(?:NaN|Infinity|undefined)\b|\{\s*[{\[]")
_BARE_KEY = re.compile(r"([{,]\s*)([A-Za-z_$][\w$-]*)(\s*:)")
_MISSING_COMMA = re.compile(r'(?:["}\]]|\d|\b(?:true|false|null|True|False|None)\b)\s*["{\[]|["}\]]\s*\d')
_CONTROL = re.compile(r"[\x00-\x1f]")
_BARE_QUOTE = re.compile(r"""\\.|["]""", re.DOTALL)
_IN_A_STRING = {'"': '\\"', "\\'": "'"}
"""A mark that must be escaped, and one that must not."""
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
    strings: int
    """How many there are in quotation marks."""
    needs_guessing: bool
    """It has a word or a bracket that stands for no value of JSON."""
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
        last = max(text.rfind("}"), text.rfind("]")) + 1
        if rest.startswith(",") and last > scan.end:
            # A bracket too many closed it early: what follows still belongs to it.
            scan.changes.add(Change.BRACKETS)
            scan.pieces.append(text[scan.end : last])
            scan.end = last
        elif rest[:1] in _CLOSERS:
            scan.changes.add(Change.BRACKETS)
            scan.end += len(text[scan.end :]) - len(rest) + 1
    skeleton = scan.skeleton()
    changes = frozenset(scan.changes | _seen(skeleton))
    return Outline(
        start, scan.end, "".join(scan.pieces), skeleton.count('""'), bool(_NO_VALUE.search(skeleton)), changes
    )


class _Scan:
    """Brackets, strings and comments from the first bracket on."""

    def __init__(self, text: str, start: int) -> None:
        self.text = text
        self.at = start
        self.end: int | None = None
        self.pieces: list[str] = []
        self.changes: set[Change] = set()
        self._outside: list[str] = []
        self._open: list[str] = []
        self._last = ""
        """The last character outside of strings that is no space."""

    def skeleton(self) -> str:
        """The text with every string emptied."""
        return "".join(self._outside)

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
        self._outside.append(piece)
        # A key without marks stands behind a brace or a comma, here or at the end of the piece before.
        before = self._last + piece
        quoted = _BARE_KEY.sub(lambda found: f'{found[1]}"{found[2]}"{found[3]}', before)
        self.pieces.append(quoted[len(self._last) :])
        self._last = before.rstrip()[-1:]
        self.at = end

    def _close(self, char: str) -> bool:
        """Take in a closing bracket; whether it was the last."""
        if self._open and self._open[-1] == _CLOSERS[char]:
            self._open.pop()
        else:
            self.changes.add(Change.BRACKETS)
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
        self.at = comment.end()

    def _string(self, quote: str) -> bool:
        """Take in a string; False when it does not end."""
        text, ends = self.text, _OPENING_QUOTES[quote]
        if quote != '"':
            self.changes.add(Change.QUOTES)
        at = self.at + 1
        while at < len(text):
            char = text[at]
            if char == "\\":
                at += 2
                continue
            if char in ends:
                if _AFTER_STRING.match(text, at + 1):
                    self.pieces.append(self._string_of(text[self.at + 1 : at]))
                    self._outside.append('""')
                    self._last = '"'
                    self.at = at + 1
                    return True
                self.changes.add(Change.INNER_QUOTES)
            at += 1
        self.pieces.append(text[self.at :])
        self.at = len(text)
        return False

    def _string_of(self, inside: str) -> str:
        """A string in JSON's own form."""
        if _CONTROL.search(inside):
            self.changes.add(Change.CONTROL)
            inside = _CONTROL.sub(lambda found: json.dumps(found[0])[1:-1], inside)
        return '"' + _BARE_QUOTE.sub(lambda found: _IN_A_STRING.get(found[0], found[0]), inside) + '"'


def _seen(skeleton: str) -> set[Change]:
    """Mistakes between the strings."""
    seen: set[Change] = set()
    # An emptied string is two marks in a row, which no missing comma is.
    folded = skeleton.replace('""', '"')
    if _TRAILING_COMMA.search(folded) or _MISSING_COMMA.search(folded):
        seen.add(Change.COMMAS)
    if _LITERAL.search(folded):
        seen.add(Change.LITERALS)
    if _BARE_KEY.search(folded):
        seen.add(Change.KEYS)
    return seen
