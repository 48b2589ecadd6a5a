r"""A text as its reader sees it: escapes decoded, odd spellings of digits and blanks made plain.

`alice%40example.com`, `alice\u0040example.com` and `alice&#64;example.com` are one address; a recognizer needs to know
it only once. Every character of the view knows where it came from, so that a finding can be cut out of the source.

Failure behaviour: pure and total; what is no valid escape stays as it is. Linear in the length of the text.
"""

import html
import re
import unicodedata
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import overload

from thriftgate.privacy.scanning import SCAN_WINDOW, Scan

_ESCAPE = re.compile(
    r"(?:%[0-9A-Fa-f]{2}){1,64}"
    r"|\\u[dD][89abAB][0-9A-Fa-f]{2}\\u[dD][c-fC-F][0-9A-Fa-f]{2}"
    r"|\\u[0-9A-Fa-f]{4}|\\x[0-9A-Fa-f]{2}|\\[nrtbf\"'/\\]"
    r"|&(?:#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6}|amp|lt|gt|quot|apos|nbsp|commat|period|colon|sol|lowbar|hyphen);"
)
_QUERY_VALUE = re.compile(
    r"(?:(?<=[?&])|\A(?=[^&#\s\"'<>]{3,2048}&[\w.%\[\]-]{1,64}=))[\w.%\[\]-]{1,64}=[^&#\s\"'<>]{1,2048}"
)
"""Of a URL's query, or of a form that is the whole text."""
_LONGEST_QUERY = 4_500
"""A field's name and value, or what a form begins with."""
_BLANK_PLUS = re.compile(r"(?<=[\w+])\+")
_SIMPLE = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}
_ROUNDS = 3
"""A value may be escaped again: percent inside JSON inside a URL."""
_INVISIBLE = frozenset(
    "\u200b\u200c\u200d\u2060\ufeff\u00ad\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
)
_DASHES = frozenset("\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d")
_ODD = re.compile(
    f"[{''.join(sorted(_INVISIBLE | _DASHES))}\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000\uff01-\uff5e]|(?![0-9])\\d"
)
"""What a plain view writes otherwise; most texts of other alphabets have none of it."""


@dataclass(frozen=True, slots=True)
class View:
    """What a text says, and where each character of it stands in the source."""

    text: str
    starts: Sequence[int]
    ends: Sequence[int]

    def widths(self, source: str) -> Sequence[int]:
        """How many characters of the source stand for each; empty where each stands for itself.

        A plus that is a blank counts as an escape.
        """
        return () if self.text == source else _Widths(self, source)

    def source(self, start: int, end: int) -> tuple[int, int]:
        """The positions in the source of a non-empty part of the view."""
        return self.starts[start], self.ends[end - 1]


class _Widths(Sequence[int]):
    """Worked out where they are asked for, which is at a few places of a text."""

    def __init__(self, view: View, source: str) -> None:
        self._view, self._source = view, source

    def __len__(self) -> int:
        return len(self._view.text)

    @overload
    def __getitem__(self, place: int) -> int: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[int]: ...
    def __getitem__(self, place: int | slice) -> int | Sequence[int]:
        if isinstance(place, slice):
            return [self[one] for one in range(*place.indices(len(self)))]
        start = self._view.starts[place]
        if self._view.text[place] == " " and self._source[start] == "+":
            return 2
        return self._view.ends[place] - start


def privacy_view(source: str) -> View:
    """The view of a source text; the source itself where nothing in it is escaped."""
    steps = view_steps(source)
    while True:
        try:
            next(steps)
        except StopIteration as done:
            return done.value


def view_steps(source: str) -> Generator[tuple[()], None, View]:
    """The same with pauses."""
    view = View(source, range(len(source)), range(1, len(source) + 1))
    if not source.isascii() and _ODD.search(source):
        view = yield from _plain(view)
    if "=" in view.text and "+" in view.text:
        view = yield from _with_blanks(view)
    for _ in range(_ROUNDS):
        if not any(mark in view.text for mark in "%\\&"):
            break
        decoded = yield from _decoded(view)
        if decoded is None:
            break
        view = decoded
        if not view.text.isascii() and _ODD.search(view.text):
            view = yield from _plain(view)  # `\\u2011` is a dash that was written as an escape
    return view


def _with_blanks(view: View) -> Generator[tuple[()], None, View]:
    """In the query of a URL a plus is a blank; at the beginning of a value it is one that somebody forgot to escape."""
    parts: list[str] = []
    at = 0
    for query in Scan(_QUERY_VALUE, view.text, reach=_LONGEST_QUERY):
        if query is None:
            yield ()
            continue
        parts += view.text[at : query.start()], _BLANK_PLUS.sub(" ", query[0])
        at = query.end()
    parts.append(view.text[at:])
    return View("".join(parts), view.starts, view.ends)


def _plain(view: View) -> Generator[tuple[()], None, View]:
    """Every character in its compatible form: full-width digits, exotic blanks and dashes; invisible ones go."""
    characters: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    for place, (character, start, end) in enumerate(zip(view.text, view.starts, view.ends, strict=True), 1):
        if place % SCAN_WINDOW == 0:
            yield ()
        if character in _INVISIBLE:
            # Inside a value it belongs to the value; before one it does not matter.
            if ends:
                ends[-1] = end
            continue
        for plain in _compatible(character):
            characters.append(plain)
            starts.append(start)
            ends.append(end)
    return View("".join(characters), starts, ends)


def _compatible(character: str) -> str:
    if character.isascii():
        return character
    if character in _DASHES:
        return "-"
    category = unicodedata.category(character)
    if category == "Zs":
        return " "
    if category == "Nd":
        return str(unicodedata.decimal(character))
    return unicodedata.normalize("NFKC", character) if "\uff01" <= character <= "\uff5e" else character


def _decoded(view: View) -> Generator[tuple[()], None, View | None]:
    """One layer of escapes less; None when there was none."""
    parts: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    at = 0
    for match in Scan(_ESCAPE, view.text):
        if match is None:
            yield ()
            continue
        plain = _unescaped(match[0])
        if plain is None:
            continue
        parts.append(view.text[at : match.start()])
        starts.extend(view.starts[at : match.start()])
        ends.extend(view.ends[at : match.start()])
        for characters, first, last in plain:
            parts.append(characters)
            starts.extend([view.starts[match.start() + first]] * len(characters))
            ends.extend([view.ends[match.start() + last - 1]] * len(characters))
        at = match.end()
    if at == 0:
        return None
    parts.append(view.text[at:])
    starts.extend(view.starts[at:])
    ends.extend(view.ends[at:])
    return View("".join(parts), starts, ends)


def _unescaped(escape: str) -> list[tuple[str, int, int]] | None:
    """What an escape stands for, as (characters, from, to) within it."""
    if escape[0] == "%":
        return _percent_decoded(escape)
    if escape[0] == "&":
        return [(html.unescape(escape), 0, len(escape))]
    if escape[1] in "ux":
        codes = [int(code, 16) for code in re.findall(r"[0-9A-Fa-f]{4}|[0-9A-Fa-f]{2}", escape)]
        if len(codes) == 2:
            return [(chr(0x10000 + ((codes[0] - 0xD800) << 10) + (codes[1] - 0xDC00)), 0, len(escape))]
        return None if 0xD800 <= codes[0] <= 0xDFFF else [(chr(codes[0]), 0, len(escape))]
    return [(_SIMPLE.get(escape[1], escape[1]), 0, len(escape))]


def _percent_decoded(escape: str) -> list[tuple[str, int, int]] | None:
    raw = bytes.fromhex(escape.replace("%", ""))
    out: list[tuple[str, int, int]] = []
    at = 0
    while at < len(raw):
        size = 1 if raw[at] < 0x80 else 2 if raw[at] < 0xE0 else 3 if raw[at] < 0xF0 else 4
        try:
            character = raw[at : at + size].decode("utf-8")
        except UnicodeDecodeError:
            return None
        out.append((character, 3 * at, 3 * min(at + size, len(raw))))
        at += size
    return out
