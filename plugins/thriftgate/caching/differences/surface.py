"""What a reader sees of a question and an embedder does not: symbols, accents, case, single letters, quotes, layout.

The embedder's tokenizer lowers case, drops accents, joins white space and has no piece for most symbols and for many
letters beyond the Latin alphabet, so that two questions that differ in them alone have the same vector.

Failure behaviour: pure and total, in time linear in the text. A look is kept of the last 512 short
texts and the last 32 long ones.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from thriftgate.caching.differences.composing import composed, decomposed
from thriftgate.caching.differences.lexicon import SMALL_LETTERS
from thriftgate.caching.differences.remembering import Remembered

_QUOTES = str.maketrans(
    dict.fromkeys(
        "\u201c\u201d\u201e\u00ab\u00bb\u2039\u203a\u300c\u300d\u300e\u300f\u3008\u3009\u300a\u300b\uff62\uff63", '"'
    )
    | dict.fromkeys("\u201a\u2018\u2019", "'")
)
_SINGLE_QUOTED = re.compile(r"(?:^|(?<=[\s(=:]))'([^'\n]{1,200})'(?=[\s).,;:?!]|$)")
_APOSTROPHE = re.compile("(?<=[^\\W\\d_])[\u2018\u2019\u02bc\u00b4\uff07](?=[^\\W\\d_])")
"""Inside a word, however it is typed."""
_ASCII_SYMBOLS = frozenset("+<=>|~^`*/\\@#&{}")
_OTHER_SYMBOLS = frozenset(
    "\u00a7\u00b6\u2016\u2020\u2021\u2030\u2031\u2032\u2033\u203b\u203d\u2042\u2047\u2048\u2049\u207d\u207e\u208d\u208e"
)
_MATHEMATICAL = range(0x2300, 0x2E00)
"""Punctuation that is none of any language: the brackets of a rounded or an averaged value."""
_CURRENCY = frozenset("$\u20ac\u00a3\u00a5")
_PRIMED = re.compile(r"[(\[]?(?:[^\W\d_]|\d[\d.,/]*(?:['\"]\d[\d.,/]*)?)('{1,3}|\")[)\].,;:?!]*")
"""A letter or a number with a prime: f', 5', 6", 5'6"; what closes a quotation looks the same."""
_DENIED = re.compile(r"[(\[]?(!+)\w")
_FACTORIAL = re.compile(r"(?:[a-z]|\d+)(!+)[)\],;]*")
_LEFT_OUT = re.compile(r"(?:\.\.+|\u2026)[,;]?")
"""Three dots between two members of a row."""
_INVISIBLE = frozenset("\u00ad\ufeff\u200b")
_DASHES = "-\u2010\u2011\u2012\u2013\u2014\u2212"
_EDGES = (
    ".,!?;:'\"()[]\u2026\u00a1\u00bf\u201c\u201d\u201e\u2018\u2019\u00ab\u00bb\u3002\uff01\uff1f\u3001\uff0c"
    + "".join(_CURRENCY)
)
_ENDS = frozenset(".!?:;\u2026\u3002\uff01\uff1f")


@dataclass(frozen=True, slots=True)
class Surface:
    """How one question is written."""

    tokens: tuple[str, ...]
    """The words in order, without the punctuation around them, in lower case; single letters as they were written."""
    symbols: tuple[str, ...]
    """The tokens with a symbol in them, in order."""
    letters: tuple[str, ...]
    """Single letters that name something, sorted: "plan B", not "a plan"."""
    spellings: frozenset[tuple[str, str]]
    """Each word without its accents, and with them."""
    forms: frozenset[tuple[str, str]]
    """Each word in lower case, and as it was written; not of words that begin a sentence."""
    quoted: tuple[str, ...]
    """What stands between quotation marks, sorted, character by character."""
    layout: tuple[str, ...]
    """The white space that each line begins with, and the words between tabs; empty when there is none of it."""
    foreign: tuple[str, ...]
    """Words in an alphabet that the embedder half understands, in order."""
    is_shouted: bool
    """All in capitals: the case says nothing."""
    has_capitals: bool
    """False when the writer uses none, but for "I": a missing one then says nothing."""
    text: str


@Remembered
def look(question: str) -> Surface:
    """See how a question is written. About 60 µs for 20 words, nothing when it was seen lately."""
    text = _APOSTROPHE.sub("'", composed(question))
    is_shouted = text.isupper() and sum(map(_has_letters, text.split())) > 1
    tokens: list[str] = []
    symbols: list[str] = []
    letters: list[str] = []
    spellings: set[tuple[str, str]] = set()
    forms: set[tuple[str, str]] = set()
    foreign: list[str] = []
    last = ""
    for core, is_first in _cores(text):
        lowered = core.lower()
        same = (lowered, lowered)
        if len(core) == 1 and core.isalpha() and not is_shouted:
            names_something = core not in SMALL_LETTERS and not (is_first and core == "A")
            tokens.append(core if names_something else lowered)
            if names_something:
                letters.append(core)
        else:
            tokens.append(lowered)
        if _has_symbol(core):
            symbols.append(lowered)
        if not core.isascii():
            spellings.add((_folded(lowered), lowered))
            if any(map(_is_foreign, core)):
                foreign.append(lowered)
        elif len(core) > 1:
            spellings.add(same)
        if len(core) > 1 and (not is_first or core[0].isdigit()):
            forms.add(same if core == lowered else (lowered, core))
        if core.isalpha() and last[-1:].isdigit():
            forms.add((f"{last} {lowered}", f"{last} {core}"))  # a number and its unit
        last = core
    return Surface(
        tokens=tuple(tokens),
        symbols=tuple(symbols),
        letters=tuple(sorted(letters)),
        spellings=frozenset(spellings),
        forms=frozenset(forms),
        quoted=_quoted(text),
        layout=_layout(text),
        foreign=tuple(foreign),
        is_shouted=is_shouted,
        has_capitals=any(core != "I" and core != core.lower() for core, _ in _cores(text)),
        text=text,
    )


def _cores(text: str) -> Iterator[tuple[str, bool]]:
    """The words without the punctuation around them, and whether each begins a sentence."""
    is_first = True
    raw = text.split()
    opened: set[str] = set()
    for place, token in enumerate(raw):
        core = token.strip(_EDGES)
        core += _primes(token, opened)
        if core[:1] == "/":
            before = token[: token.index("/")]
            core = before[len(before.rstrip(".")) :] + core  # "./a" and "../a"
        if core[:1] == "#" and core[1:2].isalnum():
            core = core[1:]
        if core and all(char in _DASHES for char in core):
            # Between two operands a dash is a minus sign; between two words it is punctuation.
            core = "-" if _is_between_operands(raw, place) else ""
        elif core[:1] and core[0] in _DASHES and not core[1:2].isdigit():
            core = core.lstrip(_DASHES)
        elif not core and _LEFT_OUT.fullmatch(token) and _is_between_operands(raw, place):
            core = "\u2026"
        if core == "&":
            core = "and"
        if "!" in token and core and core[-1] != "!":
            # "!x" and "5!" in a formula; who exclaims does so at an end, and goes on with a capital.
            goes_on = place < len(raw) - 1 and not raw[place + 1][0].isupper()
            before, behind = _DENIED.match(token), _FACTORIAL.fullmatch(token) if goes_on else None
            core = (before[1] if before else "") + core + (behind[1] if behind else "")
        if core:
            yield core, is_first
        is_first = token[-1] in _ENDS or (is_first and not core)


def _primes(token: str, opened: set[str]) -> str:
    """Those that it ends with; `opened` holds the quotation marks that were opened before and not closed."""
    bare = token.lstrip("([").rstrip(")].,;:?!")
    first, last = bare[:1], bare[-1:]
    if first in ("'", '"') and (len(bare) == 1 or last != first):
        opened.add(first)
    elif last in opened and first != last:
        opened.discard(last)
    elif last in ("'", '"') and first != last and (found := _PRIMED.fullmatch(token)):
        return found[1]
    return ""


def _has_letters(token: str) -> bool:
    return sum(map(str.isalpha, token)) > 1


def _is_operand(token: str) -> bool:
    core = token.strip(_EDGES)
    return bool(core) and (core[0].isdigit() or core[-1].isdigit() or len(core) == 1)


def _is_between_operands(raw: Sequence[str], place: int) -> bool:
    return 0 < place < len(raw) - 1 and _is_operand(raw[place - 1]) and _is_operand(raw[place + 1])


def _has_symbol(core: str) -> bool:
    if core[0] in _DASHES or core[-1] in _DASHES or core[0] in "!\u2026" or core[-1] in "'\"!":
        return True
    if core.isalnum() and core.isascii():
        return False
    return any(map(_is_symbol, core))


@lru_cache(maxsize=4096)
def _is_symbol(char: str) -> bool:
    if char.isascii():
        return char in _ASCII_SYMBOLS or ord(char) < 32 or char == "\x7f"
    if char in _OTHER_SYMBOLS:
        return True
    if char in _CURRENCY or char in _INVISIBLE:
        return False
    kind = unicodedata.category(char)
    # Letters, their marks, digits and blanks are no symbols; superscripts, signs, pictures, controls and keycaps are.
    return kind == "Me" or not (kind[0] in "LMZ" or kind == "Nd" or (kind[0] == "P" and ord(char) not in _MATHEMATICAL))


@lru_cache(maxsize=4096)
def _is_foreign(char: str) -> bool:
    code = ord(char)
    return code > 0x24F and not 0x1E00 <= code <= 0x1EFF and unicodedata.category(char)[0] == "L"


def _folded(word: str) -> str:
    """Without accents, as the tokenizer sees it."""
    return "".join(char for char in decomposed(word) if unicodedata.category(char) != "Mn")


def _quoted(text: str) -> tuple[str, ...]:
    plain = text.translate(_QUOTES)
    parts = plain.split('"')
    closed = len(parts) - 1 - (len(parts) - 1) % 2
    spans = parts[1:closed:2]
    spans += _SINGLE_QUOTED.findall(plain)
    return tuple(sorted(span.strip(".,!?") for span in spans))


def _layout(text: str) -> tuple[str, ...]:
    if "\n" not in text and "\t" not in text:
        return ()
    lines = [line for line in text.split("\n") if line.strip()]
    indents = [line[: len(line) - len(line.lstrip())] for line in lines]
    cells = [
        " ".join(str(len(cell.split())) for cell in line.strip().split("\t")) for line in lines if "\t" in line.strip()
    ]
    return (*indents, *cells) if cells or any(indents[1:]) else ()
