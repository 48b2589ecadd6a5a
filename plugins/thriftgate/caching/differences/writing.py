"""How else two questions of the same words are written, as far as it may matter.

The embedder gives such questions one vector, so nothing behind it can tell them apart. People write the same question
with and without capitals, with more blanks, without a full stop: that is let through. What is left is a difference:
another word in capitals ("Co" and "CO"), other lines, a comma that makes another sentence ("Let's eat, grandma", "No,
more coffee"), and any difference at all where the question is about the way something is written ("How many characters
has …").

Failure behaviour: pure and total, in time linear in the text.
"""

import re
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
    is_first, has_capitals = True, False
    for line in text.split("\n"):
        tokens = line.split()
        count = 0
        for place, token in enumerate(tokens):
            core = token.strip(_AROUND)
            if any(map(str.isalnum, core)):
                words.append(core.lower())
                cased.append(core[0].lower() + core[1:] if is_first else core)
                has_capitals = has_capitals or (core != "I" and core != words[-1])
                count += 1
                if not (_JOINED.isdisjoint(core) or any(map(str.isdigit, core))):
                    marks.append(words[-1])
                (commas if token[-1] in _COMMAS else ends if token[-1] in _ENDS else set[int]()).add(len(words))
            elif place > 0 and not (place == len(tokens) - 1 and _SENTENCE_MARKS.issuperset(token)):
                marks.append(token)
            is_first = token[-1] in _ENDS or (is_first and not core)
        if tokens:
            lines.append(count)
    ends.add(len(words))
    return Writing(
        words=tuple(words),
        commas=frozenset(commas - ends),
        telling_commas=frozenset(
            place
            for place in commas - ends
            if words[place - 1] in COMMA_WORDS or (place + 1 in ends and _is_address(words[place]))
        ),
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
    if left.words != right.words:
        return False
    if left.is_about_writing and _bare(left.raw) != _bare(right.raw):
        return True
    if left.lines != right.lines:
        return True
    if left.telling_commas != right.telling_commas or not (left.commas <= right.commas or right.commas <= left.commas):
        return True
    if left.is_plain or right.is_plain:
        return False
    return any(
        one != other and word not in CASELESS_WORDS
        for word, one, other in zip(left.words, left.cased, right.cased, strict=True)
    )


def _is_address(word: str) -> bool:
    """Whether somebody may be spoken to by it, behind a comma: not "please" and not "why"."""
    return not (word in MOVABLE_WORDS or word in FUNCTION_WORDS or word in NEGATIONS)


def _bare(text: str) -> str:
    """Without what nobody means: how a sentence begins, and its one mark at the end."""
    trimmed = text.strip()
    trimmed = trimmed[:-1] if trimmed[-1:] in _FINAL else trimmed
    return trimmed[:1].lower() + trimmed[1:]
