"""A text as a model may read it: hidden characters, look-alike letters and encodings undone, with the way back.

A model reads tag characters, base64 and rot13; a filter that does not is passed by. Each reading knows which part of
the source it came from, and what was hidden is a finding of its own.

Failure behaviour: pure and total; linear in the length of the text. What is no valid encoding stays as it is.
"""

import base64
import binascii
import codecs
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from urllib.parse import unquote

from thriftgate.guards.findings import Finding
from thriftgate.guards.texts.spelling import unscrambled, without_digits

_INVISIBLE = frozenset("\u200b\u200c\u200d\u2060\u2061\u2062\u2063\u2064\ufeff\u00ad\u180e\u034f\u115f\u1160\u3164")
_OVERRIDES = frozenset("\u202d\u202e")
_BIDI = frozenset("\u202a\u202b\u202c\u2066\u2067\u2068\u2069\u200e\u200f") | _OVERRIDES
# What Unicode says to leave out of sight by default, and strokes through and under letters, which no word has.
_IGNORED = re.compile(
    "[\u0305\u0332\u0333\u061c\u17b4\u17b5\u180b-\u180f\u2065\u206a-\u206f\ufe00-\ufe0f\uffa0\ufff0-\ufff8"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
_FLAG = "\U0001f3f4"
_LOOKALIKES = str.maketrans(
    "аеорсухіјѕһԁԛԝАВЕКМНОРСТХІЈЅαοενρτικυΑΒΕΗΙΚΜΝΟΡΤΥΧΖ",
    "aeopcyxijshdqwABEKMHOPCTXIJSaoevptikuABEHIKMNOPTYXZ",
)
# Begins where its letters begin: tried from each of them it takes time that grows with the square.
_MIXED = re.compile(
    r"(?<![A-Za-z\u0370-\u04ff])"
    r"(?:[A-Za-z][A-Za-z\u0370-\u04ff]*[\u0370-\u04ff]|[\u0370-\u04ff]+[A-Za-z])"
)
_SPACED = re.compile(r"(?<!\w)(?:\w[ \u00a0._-]){5,60}\w(?!\w)")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{24,}={0,2}")
_HEX = re.compile(r"(?:0x)?[0-9a-fA-F]{32,}")
# Possessive, and whatever follows: one that gives back what it took does so from each of its places.
_HEX_IN_GROUPS = re.compile(r"[0-9a-fA-F]{2}(?:[ :]?[0-9a-fA-F]{2}){15,}+")
_PERCENT = re.compile(r"(?:%[0-9A-Fa-f]{2}){4,}")
_MOST_MARKS = 30
"""Marks on one letter that are composed with it: as many as Unicode's own format for streams has; sorting them takes
Python time that grows with the square."""
_COMMON = re.compile(
    r"\b(?:the|and|you|your|all|is|to|of|ignore|previous|instructions|prompt|tell|this|that|must|now)\b", re.IGNORECASE
)
SIMPLE = re.compile(
    r"[\x00-\x7f\u00a1-\u00a7\u00a9\u00ab\u00ac\u00ae\u00b0\u00b1\u00b6\u00b7\u00bb\u00bf-\u0131\u0134-\u013e\u0141-\u0148"
    r"\u014a-\u017e\u0388-\u03ce\u0400-\u045f\u05d0-\u05ea\u0621-\u063a\u0641-\u064a\u0905-\u0928\u092a-\u0939\u0e01-\u0e32"
    r"\u1ea0-\u1ef9\u2012-\u2015\u2018-\u2022\u20ac\u3001\u3002\u300c-\u300f\u3041-\u3096\u30a1-\u30fe\u4e00-\u9fff\uac00-\ud7a3]*"
)
"""Characters that are their own plain form, unless a mark follows."""
LATIN = "look-alike letters"
"""The layer of a reading whose look-alike letters were made Latin."""
_LAYERS = 2
_MOST_ALONE = 16
"""Encoded parts that are read each by itself; more are a finding, unless they are links' percent-encoding."""
_IN_LINKS = "percent-encoding"
_SWAPPED = "letters swapped"


@dataclass(frozen=True, slots=True)
class TextReading:
    """One way to read a text."""

    text: str
    layer: str = ""
    """What was undone: empty for the plain text."""
    starts: Sequence[int] | None = None
    """The place in the source of each character; None: the same place."""
    whole: tuple[int, int] | None = None
    """The one part of the source that all of it came from."""

    def source(self, start: int, end: int) -> tuple[int, int]:
        """The part of the source behind a part of the reading."""
        if self.whole is not None:
            return self.whole
        if self.starts is None or not self.starts:
            return start, end
        last = len(self.starts) - 1
        return self.starts[min(start, last)], self.starts[min(max(start, end - 1), last)] + 1


def readings(text: str) -> tuple[list[TextReading], list[Finding]]:
    """The readings of a text, the plain one first, and what was hidden in it."""
    findings: list[Finding] = []
    plain = TextReading(text)
    found: list[TextReading] = []
    if not text.isascii():
        findings += list(_hidden(text))
        tags = _tagged(text)
        if tags is not None:
            found.append(tags)
        plain = _plain(text, is_latin=_MIXED.search(text) is not None)
    plain = _joined(plain)
    layers, many = _decoded(plain, text)
    findings += many
    for name, turned in (("rot13", codecs.encode(plain.text, "rot13")), ("reversed", plain.text[::-1])):
        if _is_language(turned, plain.text):
            layers.append(TextReading(turned, name, whole=(0, len(text))))
    for name, spelled in (("digits for letters", without_digits(plain.text)), (_SWAPPED, unscrambled(plain.text))):
        if spelled is not None:
            layers.append(replace(plain, text=spelled, layer=name))
    return [plain, *found, *layers], findings


def literal_readings(text: str) -> list[TextReading]:
    """Every reading in which a word may stand: as written, in its plain form, in Latin letters, and as `readings`."""
    found = [TextReading(text)]
    if not text.isascii():
        found.append(_plain(text, is_latin=False))
        if text.translate(_LOOKALIKES) != text:
            found.append(replace(_plain(text, is_latin=True), layer=LATIN))
    return list({one.text: one for one in reversed([*found, *readings(text)[0]])}.values())[::-1]


def plain_form(words: str, *, is_latin: bool = False) -> str:
    """Words as they stand in a plain reading, or in one whose look-alike letters were made Latin."""
    return _plain(words, is_latin=is_latin).text


def _hidden(text: str) -> Iterator[Finding]:
    tags = [place for place, char in enumerate(text) if "\U000e0020" <= char <= "\U000e007e"]
    if len(tags) >= 3 and _FLAG not in text[max(0, tags[0] - 1) : tags[0]]:
        yield Finding("hidden", "tag characters", 1.0, tags[0], tags[-1] + 1)
    selectors = [place for place, char in enumerate(text) if "\U000e0100" <= char <= "\U000e01ef"]
    if len(selectors) >= 8:
        yield Finding("hidden", "variation selectors", 1.0, selectors[0], selectors[-1] + 1)
    overrides = [place for place, char in enumerate(text) if char in _OVERRIDES]
    if overrides:
        yield Finding("hidden", "text turned around", 0.8, overrides[0], overrides[-1] + 1)
    between = [
        place
        for place, char in enumerate(text)
        if char in _INVISIBLE and 0 < place < len(text) - 1 and text[place - 1].isascii() and text[place - 1].isalpha()
    ]
    if len(between) >= 3:
        yield Finding("hidden", "invisible characters", 0.7, between[0], between[-1] + 1)
    mixed = _MIXED.search(text)
    if mixed is not None:
        yield Finding("hidden", "look-alike letters", 0.6, mixed.start(), mixed.end())


def _tagged(text: str) -> TextReading | None:
    """What tag characters spell."""
    places = [place for place, char in enumerate(text) if "\U000e0020" <= char <= "\U000e007e"]
    if len(places) < 3:
        return None
    return TextReading("".join(chr(ord(text[place]) - 0xE0000) for place in places), "tag characters", starts=places)


def _plain(text: str, *, is_latin: bool) -> TextReading:
    """Compatible forms of characters, composed, nothing invisible; `is_latin`: look-alike letters as Latin ones."""
    if is_latin:
        text = text.translate(_LOOKALIKES)
    if SIMPLE.fullmatch(text):
        return TextReading(text)
    characters: list[str] = []
    starts: list[int] = []
    at = 0
    while at < len(text):
        simple = SIMPLE.match(text, at)
        end = simple.end() if simple is not None else at
        # The last of simple characters may have a mark behind it.
        end -= at < end < len(text)
        if end > at:
            characters.append(text[at:end])
            starts += range(at, end)
            at = end
            continue
        start, cluster, at = _cluster(text, at)
        form = unicodedata.normalize("NFKC", cluster)
        characters.append(form)
        starts += [start] * len(form)
    return TextReading("".join(characters), starts=starts)


def _cluster(text: str, at: int) -> tuple[int, str, int]:
    """The next character that can be seen and its marks: where it stands, what it is, and where the next begins."""
    while at < len(text) and _is_unseen(text[at]):
        at += 1
    start, cluster = at, text[at : at + 1]
    at += 1
    while at < len(text) and (_is_unseen(text[at]) or (len(cluster) <= _MOST_MARKS and _is_mark(text[at]))):
        cluster += "" if _is_unseen(text[at]) else text[at]
        at += 1
    return start, cluster, at


def _is_unseen(char: str) -> bool:
    return char in _INVISIBLE or char in _BIDI or _IGNORED.match(char) is not None or unicodedata.combining(char) == 1


def _is_mark(char: str) -> bool:
    """Whether it belongs to the character before it: a mark, the rest of a Korean syllable, half-width voicing."""
    return unicodedata.combining(char) > 0 or "\u1160" <= char <= "\u11ff" or char in "\uff9e\uff9f"


def _joined(plain: TextReading) -> TextReading:
    """Words spelled with a blank after each letter are words."""
    if _SPACED.search(plain.text) is None:
        return plain
    characters: list[str] = []
    starts: list[int] = []
    at = 0
    for match in _SPACED.finditer(plain.text):
        kept = [*range(at, match.start()), *range(match.start(), match.end(), 2)]
        characters += [plain.text[place] for place in kept]
        starts += kept
        at = match.end()
    characters.append(plain.text[at:])
    starts += range(at, len(plain.text))
    if plain.starts is not None:
        starts = [plain.starts[place] for place in starts]
    return TextReading("".join(characters), starts=starts)


def _decoded(reading: TextReading, text: str) -> tuple[list[TextReading], list[Finding]]:
    """What base64, hexadecimal and percent-encoding in it say, also one inside another; and whether that is much.

    The first parts are readings of their own. All others are read too, as one: whoever puts harmless ones before an
    attack hides it behind nothing, and each part costs no more than its length.
    """
    found: list[TextReading] = []
    hiding: list[tuple[int, int]] = []
    outer = [reading]
    for _ in range(_LAYERS):
        inner: list[TextReading] = []
        for name, pattern, undo in _ENCODINGS:
            parts: list[TextReading] = []
            for one in outer:
                for match in pattern.finditer(one.text):
                    said = undo(match[0])
                    if said is not None:
                        parts.append(TextReading(said, name, whole=one.source(match.start(), match.end())))
            if name != _IN_LINKS:
                hiding += [one.source(0, 0) for one in parts]
            inner += parts[:_MOST_ALONE]
            if len(parts) > _MOST_ALONE:
                inner.append(_in_one(parts[_MOST_ALONE:], name))
        found += inner
        outer = inner
    if _apart(hiding, text) <= _MOST_ALONE:
        return found, []
    return found, [Finding("hidden", "many encoded parts", 0.6, min(hiding)[0], max(end for _, end in hiding))]


def _apart(places: Sequence[tuple[int, int]], text: str) -> int:
    """How many parts there are, a token's between full stops and a mail's lines being one."""
    count, reached = 0, -1
    for start, end in sorted(places):
        count += reached < 0 or (start > reached and text[reached:start].strip("=") not in (".", "\n", "\r\n"))
        reached = max(reached, end)
    return count


def _in_one(parts: Sequence[TextReading], layer: str) -> TextReading:
    starts: list[int] = []
    for one in parts:
        start, end = one.source(0, 0)
        starts += [start] * len(one.text) + [end - 1]
    return TextReading("\n".join([*(one.text for one in parts), ""]), layer, starts=starts)


def _from_base64(text: str) -> str | None:
    bare = text.rstrip("=").replace("-", "+").replace("_", "/")
    bare = bare[: len(bare) - (len(bare) % 4 == 1)]
    try:
        return _spoken(base64.b64decode(bare + "=" * (-len(bare) % 4)))
    except (binascii.Error, ValueError):
        return None


def _from_hex(text: str) -> str | None:
    try:
        bare = text.removeprefix("0x").replace(":", "").replace(" ", "")
        return _spoken(bytes.fromhex(bare[: len(bare) - len(bare) % 2]))
    except ValueError:
        return None


def _from_groups(text: str) -> str | None:
    return _from_hex(text) if " " in text or ":" in text else None


def _from_percent(text: str) -> str | None:
    return _spoken(unquote(text).encode("utf-8", "replace"))


def _spoken(raw: bytes) -> str | None:
    """The text that bytes are; None when they are none."""
    text = raw.decode("utf-8", "replace")
    good = sum(char.isalnum() or char in " \n.,;:!?'\"()-_/<>=" for char in text)
    return text if len(text) >= 8 and good >= 0.9 * len(text) and any(char.isalpha() for char in text) else None


def _is_language(turned: str, plain: str) -> bool:
    """Whether a text that was turned has common words, and more of them than before."""
    after = sum(1 for _ in _COMMON.finditer(turned))
    return after >= 3 and after > 2 * sum(1 for _ in _COMMON.finditer(plain))


_ENCODINGS = (
    ("base64", _BASE64, _from_base64), ("hexadecimal", _HEX, _from_hex),
    ("hexadecimal", _HEX_IN_GROUPS, _from_groups), (_IN_LINKS, _PERCENT, _from_percent),
)  # fmt: skip
