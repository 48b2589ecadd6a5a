"""Whether two questions differ in one place only, and there in words that make another question.

The embedder puts "your" beside "you're", "their" beside "there", "den" beside "denn". Where nothing else differs, a
word may only stand for another that means as much in such a place: articles, auxiliaries, "I" and "we"; never for
another step of its scale. Contractions are what they stand for, with and without their apostrophe. Where both sides
carry meaning, `substitution` looks.

Failure behaviour: pure and total, in time linear in the text.
"""

import re
from collections.abc import Sequence
from functools import lru_cache

from thriftgate.caching.differences.composing import composed
from thriftgate.caching.differences.contrasts import SMALL_WORDS
from thriftgate.caching.differences.lexicon import (
    CONTRACTIONS,
    FUNCTION_WORDS,
    INTERCHANGEABLE_WORDS,
    MEANING_WORDS,
    NEGATIONS,
    SLOPPY_WORDS,
)
from thriftgate.caching.differences.scales import are_other_steps

_CACHED = 512
_LONGEST_PLACE = 2
"""Words."""
_FAR_APART = 4
"""Words beyond which contractions cannot make a longer place of one of two."""
_LONGEST_WORD = 20
_LONG = 4
"""Letters from which on two may differ in words that look alike."""
_WORD = re.compile(r"[^\W_]+(?:['-][^\W_]+)*(?:(?<=s)'(?!\w))?")
_APOSTROPHES = str.maketrans(dict.fromkeys("\u2019\u2018\u02bc\u00b4\uff07", "'"))
_SMALL = FUNCTION_WORDS.union(NEGATIONS, *SMALL_WORDS)
Words = tuple[str, ...]


def is_worded_otherwise(a: str, b: str) -> bool:
    """Whether the one place in which the questions differ makes another question of one of them."""
    if _differ_in_small_places(_expanded(a), _expanded(b)):
        return True
    raw = differing_place(_words(a), _words(b))
    if max(map(len, raw)) > _FAR_APART:
        return False
    if _is_about_words(a) and _is_about_words(b):
        # What a word means depends on every letter of it.
        return sum(map(len, raw)) <= 2 * _LONGEST_PLACE and not _are_interchangeable(*raw)
    one, other = differing_place(_expanded(a), _expanded(b))
    if not (one and other) or max(len(one), len(other)) > _LONGEST_PLACE or _has_digit(one + other):
        return False
    if len(raw[0]) == len(raw[1]) == 1 and _is_mistaken(raw[0][0], raw[1][0]):
        return True
    open_sides = _is_open(one) + _is_open(other)
    if len(one) == len(other) == 1:
        if any(one[0] in kind and other[0] in kind for kind in SMALL_WORDS):
            return True
        if are_other_steps(one[0], other[0]):
            return True
        if open_sides == 1:
            return _look_alike(one[0], other[0])
    return open_sides == 0 and not _are_interchangeable(one, other)


def _differ_in_small_places(ours: Words, theirs: Words) -> bool:
    """Whether small words alone differ, each in its place, and one of them means as much as no other."""
    if len(ours) != len(theirs):
        return False
    changed = [(one, other) for one, other in zip(ours, theirs, strict=True) if one != other]
    if not 2 <= len(changed) <= _FAR_APART or not all(_SMALL.issuperset(pair) for pair in changed):
        return False
    return any(
        are_other_steps(one, other) or any(one in kind and other in kind for kind in SMALL_WORDS)
        for one, other in changed
    )


@lru_cache(maxsize=_CACHED)
def _words(text: str) -> Words:
    plain = composed(text).lower().translate(_APOSTROPHES)
    return tuple(_WORD.findall(plain))


@lru_cache(maxsize=_CACHED)
def _is_about_words(text: str) -> bool:
    return not MEANING_WORDS.isdisjoint(_words(text))


@lru_cache(maxsize=_CACHED)
def _expanded(text: str) -> Words:
    """The words with each contraction written out, and without the apostrophes of possessives that people leave out."""
    return tuple(part for word in _words(text) for part in _written_out(SLOPPY_WORDS.get(word, word)))


def _written_out(word: str) -> Sequence[str]:
    head, mark, tail = word.rpartition("'")
    if word.endswith("n't"):
        stem = {"ca": "can", "wo": "will", "sha": "shall", "ai": "is"}.get(word[:-3], word[:-3])
        return stem, "not"
    if word == "cannot":
        return "can", "not"
    if mark and tail in CONTRACTIONS and (tail != "s" or head in _SMALL):
        return head, CONTRACTIONS[tail]
    return (word,)


def differing_place(ours: Words, theirs: Words) -> tuple[Words, Words]:
    """What stands between the words that both begin with and those that both end with."""
    head = _shared(ours, theirs)
    tail = _shared(ours[head:][::-1], theirs[head:][::-1])
    return ours[head : len(ours) - tail], theirs[head : len(theirs) - tail]


def _shared(ours: Words, theirs: Words) -> int:
    length = 0
    for one, other in zip(ours, theirs, strict=False):
        if one != other:
            break
        length += 1
    return length


def _are_interchangeable(one: Words, other: Words) -> bool:
    return INTERCHANGEABLE_WORDS.issuperset(one) and INTERCHANGEABLE_WORDS.issuperset(other)


def _is_open(words: Words) -> bool:
    """Whether one of them carries meaning."""
    return any(len(word) > 1 and word not in _SMALL for word in words)


def _has_digit(words: Words) -> bool:
    return any(any(map(str.isdigit, word)) for word in words)


def _is_mistaken(one: str, other: str) -> bool:
    """A contraction and what is mistaken for it, "your" and "you're"; one owner and several, "friend's", "friends'"."""
    if "'" in one and "'" in other:
        return one.replace("'", "") == other.replace("'", "")
    is_contraction = any(len(_written_out(SLOPPY_WORDS.get(word, word))) > 1 for word in (one, other))
    return is_contraction and _look_alike(one.replace("'", ""), other.replace("'", ""))


def _look_alike(one: str, other: str) -> bool:
    """Whether one or two letters are all the difference: "den" and "denn", "no" and "know"."""
    if max(len(one), len(other)) > _LONGEST_WORD:
        return False
    most = 1 if max(len(one), len(other)) < _LONG else 2
    above = list(range(len(other) + 1))
    for row, letter in enumerate(one, start=1):
        line = [row]
        for column, theirs in enumerate(other, start=1):
            line.append(min(above[column] + 1, line[-1] + 1, above[column - 1] + (letter != theirs)))
        above = line
    return above[-1] <= most
