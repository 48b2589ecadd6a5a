"""How else two questions of the same words are written, as far as it may matter.

The embedder gives such questions one vector, so nothing behind it can tell them apart. People write the same question
with and without capitals, with more blanks, without a full stop: that is let through. What is left is a difference:
another word in capitals ("Co" and "CO"), other lines, a comma that makes another sentence ("Let's eat, grandma", "No,
more coffee"), and any difference at all where the question is about the way something is written ("How many characters
has …").

Failure behaviour: pure and total, in time linear in the text.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from thriftgate.caching.differences.composing import composed
from thriftgate.caching.differences.lexicon import (
    CASELESS_WORDS,
    COMMA_WORDS,
    FUNCTION_WORDS,
    MOVABLE_WORDS,
    NEGATIONS,
    WRITING_WORDS,
)
from thriftgate.caching.differences.remembering import Remembered

_ENDS = ".!?:;\u2026\u3002\uff01\uff1f"
_FINAL = (".", "!", "?")
_AROUND = _ENDS + ",'\"()[]\u00a1\u00bf\u201c\u201d\u201e\u2018\u2019\u00ab\u00bb\u3001\uff0c"
_SENTENCE_MARKS = frozenset(".!?\u2026,:;-\u2013\u2014$\u20ac\u00a3\u00a5")
_JOINED = frozenset(",;:|()[]")
_WORD = re.compile(r"[^\W\d_]+")
_BRACKETS = frozenset("()[]")
_JOINING = frozenset({"and", "or", "und", "oder", "et", "ou", "y", "o", "e", "en", "of"})
_LONGEST_MEMBER = 3
"""Words between a comma and what joins the last member of its row."""
_COMMAS = frozenset(",;:\u3001\uff0c\u060c")


@dataclass(frozen=True, slots=True)
class Writing:
    """One question as it is written."""

    words: tuple[str, ...]
    """In lower case, without the punctuation around them."""
    cased: tuple[str, ...]
    """The same as they are written; the first letter of a sentence is small."""
    lines: tuple[int, ...]
    """How many words each line has that holds anything."""
    marks: tuple[str, ...]
    """Punctuation that stands alone between two words, and words joined by some, in order."""
    commas: frozenset[int]
    """How many words stand before each comma, semicolon or colon inside a sentence."""
    telling_commas: frozenset[int]
    """Those behind a denial, or before the one last word of a sentence, which is then whom it speaks to."""
    rows: frozenset[int]
    """Those with which a row begins: "I like cooking, my family and pets"."""
    joints: Mapping[int, str]
    """The comma, semicolon or colon behind each single letter or number, by how many words stand before it."""
    brackets: tuple[tuple[str, int], ...]
    """Each round and square one, and how many words stand before it."""
    hyphens: frozenset[int]
    """How many parts of words stand before each hyphen."""
    parts: tuple[str, ...]
    """The words, cut at their hyphens."""
    is_about_writing: bool
    is_plain: bool
    """All in capitals, or none but in "I": the case says nothing."""
    raw: str


@Remembered
def writing_of(question: str) -> Writing:
    """See how a question is written."""
    text = composed(question)
    words: list[str] = []
    cased: list[str] = []
    lines: list[int] = []
    marks: list[str] = []
    commas: set[int] = set()
    ends: set[int] = set()
    stops: set[int] = set()
    joints: dict[int, str] = {}
    brackets: list[tuple[str, int]] = []
    is_first, has_capitals = True, False
    for line in text.split("\n"):
        tokens = line.split()
        count = 0
        for place, token in enumerate(tokens):
            core = token.strip(_AROUND)
            is_word = any(map(str.isalnum, core))
            if not _BRACKETS.isdisjoint(token):
                brackets += _brackets(token, len(words))
            if is_word:
                words.append(core.lower())
                cased.append(core[0].lower() + core[1:] if is_first else core)
                has_capitals = has_capitals or (core != "I" and core != words[-1])
                count += 1
                if not (_JOINED.isdisjoint(core) or any(map(str.isdigit, core))):
                    marks.append(words[-1])
                if token[-1] in _COMMAS and (len(core) == 1 or any(map(str.isdigit, core))):
                    joints[len(words)] = token[-1]
                if token[-1] in _ENDS:
                    stops.add(len(words))
                (commas if token[-1] in _COMMAS else ends if token[-1] in _ENDS else set[int]()).add(len(words))
            elif place > 0 and not (place == len(tokens) - 1 and _SENTENCE_MARKS.issuperset(token)):
                marks.append(token)
            is_first = token[-1] in _ENDS or (is_first and not core)
        if tokens:
            lines.append(count)
    ends.add(len(words))
    stops.add(len(words))
    return Writing(
        words=tuple(words),
        commas=frozenset(commas - ends),
        telling_commas=frozenset(
            place
            for place in commas - ends
            if words[place - 1] in COMMA_WORDS or (place + 1 in stops and _is_address(words[place]))
        ),
        rows=frozenset(
            place
            for place in commas - ends
            if _is_row(words[place : place + _LONGEST_MEMBER + 1])
            and (commas - stops).isdisjoint(range(place - _LONGEST_MEMBER, place))
        ),
        joints=joints,
        brackets=tuple(brackets),
        hyphens=frozenset(_hyphens(words)),
        parts=tuple(part for word in words for part in word.split("-")),
        cased=tuple(cased),
        lines=tuple(lines),
        marks=tuple(marks),
        is_about_writing=not WRITING_WORDS.isdisjoint(_WORD.findall(text.lower())),
        is_plain=not has_capitals or text.isupper(),
        raw=question,
    )


def is_written_otherwise(a: str, b: str) -> bool:
    """Whether two questions of the same words differ in a way of writing that may matter."""
    left, right = writing_of(a), writing_of(b)
    if left.marks and right.marks and left.marks != right.marks:
        return True
    if left.parts == right.parts and not (left.hyphens <= right.hyphens or right.hyphens <= left.hyphens):
        return True
    if left.words != right.words:
        return False
    if left.is_about_writing and _bare(left.raw) != _bare(right.raw):
        return True
    if left.lines != right.lines:
        return True
    if _is_punctuated_otherwise(left, right):
        return True
    if left.is_plain or right.is_plain:
        return False
    return any(
        one != other and word not in CASELESS_WORDS
        for word, one, other in zip(left.words, left.cased, right.cased, strict=True)
    )


def _is_punctuated_otherwise(left: Writing, right: Writing) -> bool:
    """Whether marks between the same words make another sentence; who leaves all of a kind out says nothing by it."""
    if any(right.joints.get(place, mark) != mark for place, mark in left.joints.items()):
        return True
    if left.brackets and right.brackets and left.brackets != right.brackets:
        return True
    if left.telling_commas != right.telling_commas or not (left.commas <= right.commas or right.commas <= left.commas):
        return True
    return not (left.rows <= right.commas and right.rows <= left.commas)


def _brackets(token: str, before: int) -> Iterator[tuple[str, int]]:
    """Those of a token that `before` words stand before."""
    seen = 0
    for char in token:
        if char in _BRACKETS:
            yield char, before + seen
        elif char.isalnum():
            seen = 1


def _hyphens(words: Sequence[str]) -> Iterator[int]:
    place = 0
    for word in words:
        parts = word.count("-")
        yield from range(place + 1, place + parts + 1)
        place += parts + 1


def _is_row(behind: Sequence[str]) -> bool:
    """Whether the words behind a comma are a member of a row, and the word that joins the last one."""
    joining = next((place for place, word in enumerate(behind) if word in _JOINING), 0)
    return 0 < joining < len(behind)


def _is_address(word: str) -> bool:
    """Whether somebody may be spoken to by it, behind a comma: not "please" and not "why"."""
    return not (word in MOVABLE_WORDS or word in FUNCTION_WORDS or word in NEGATIONS)


def _bare(text: str) -> str:
    """Without what nobody means: how a sentence begins, and its one mark at the end."""
    trimmed = text.strip()
    trimmed = trimmed[:-1] if trimmed[-1:] in _FINAL else trimmed
    return trimmed[:1].lower() + trimmed[1:]
