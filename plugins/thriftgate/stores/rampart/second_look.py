"""Full names that the network passed over, asked about again in a sentence that it knows well.

The network sees no capitals, and of languages other than English it has seen less: "Bestellt hat das Gisbert Rauch" has
a name that it finds at once in "I spoke with Gisbert Rauch on Monday". So two or more capitalised words in the middle
of a sentence are read again in two such sentences, and are a name where every word is one in both. In a text without
capitals it is words of which the network was not sure, and both sentences have to be plain.

Failure behaviour: pure but for the model that is passed in. Linear; at most `MOST` different names of a text are asked
about.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from thriftgate.privacy.spans import TextSpan
from thriftgate.stores.rampart.closed_class import CLOSED_CLASS
from thriftgate.stores.rampart.spans import PERSON, ScoredWord, writes_capitals

MOST = 256
_SENTENCES = ("I spoke with {} on Monday.", "{} and his wife")
_SURE, _SURE_WITHOUT_CAPITALS = 0.3, 0.9
"""The second where capitals say nothing: at the beginning of a sentence, and in a text that has none."""
_DOUBTFUL, _DOUBTFUL_WORD = 0.08, 0.02
"""Of a name in lower case one word, and each, has this probability where it stands."""
_WORD = re.compile(r"[^\W\d_]+(?:['\u2019-][^\W\d_]+)*")
_PARTICLES = frozenset({
    "van", "de", "del", "della", "di", "da", "dos", "du", "la", "le", "el", "al", "ter", "ten", "te", "bin", "ibn", "y",
    "e", "los", "las", "dal", "der", "den",
})  # fmt: skip
_LEADING = _PARTICLES - {"der", "den"}
"""What a name's small words begin with: "der" and "den" alone are German articles, "von" is mostly a preposition."""
_LONGEST = 4
_SENTENCE_ENDS = frozenset(".!?\n¿¡")
_NOT_IN_NAMES = frozenset("@/_")

Reader = Callable[[str], Sequence[ScoredWord]]


@dataclass(frozen=True, slots=True)
class _Word:
    start: int
    end: int
    text: str
    score: float
    begins: bool
    """True for the first word of a sentence or line, whose capital says nothing."""

    @property
    def is_capital(self) -> bool:
        return self.text[0].isupper()


def looked_again(text: str, words: Sequence[ScoredWord], found: Sequence[TextSpan], read: Reader) -> Iterator[TextSpan]:
    """Names of two to four words that `found` has nothing of; `read` is the network."""
    listed = _words(text, words)
    capitals = writes_capitals(text)
    asked: dict[str, tuple[int, int, float] | None] = {}
    taken = sorted((span.start, span.end) for span in found if span.entity_type == PERSON)
    place = 0
    for run in _capital_runs(text, listed) if capitals else _doubtful_runs(text, listed):
        start, end = run[0].start, run[-1].end
        while place < len(taken) and taken[place][1] < end:
            place += 1
        if place < len(taken) and taken[place][0] <= start:
            continue
        name = text[start:end]
        if name not in asked:
            if len(asked) >= MOST:
                return
            sure = _SURE if capitals and not _begins(text, run) else _SURE_WITHOUT_CAPITALS
            asked[name] = _asked([(word.start - start, word.end - start) for word in run], name, read, sure)
        answer = asked[name]
        if answer is not None:
            yield TextSpan(start + answer[0], start + answer[1], PERSON, answer[2], "rampart")


def _words(text: str, scored: Sequence[ScoredWord]) -> list[_Word]:
    out: list[_Word] = []
    place, last = 0, 0
    for match in _WORD.finditer(text):
        start, end = match.span()
        while place < len(scored) and scored[place].end <= start:
            place += 1
        score, other = 0.0, place
        while other < len(scored) and scored[other].start < end:
            score, other = max(score, scored[other].scores[0]), other + 1
        gap = text[last:start]
        begins = not out or not _SENTENCE_ENDS.isdisjoint(gap)
        out.append(_Word(start, end, match[0], score, begins))
        last = end
    return out


def _are_beside(text: str, one: _Word, other: _Word) -> bool:
    return other.start - one.end == 1 and text[one.end] == " "


def _stands_free(text: str, start: int, end: int) -> bool:
    """False for what is part of an address, a path or an identifier."""
    before, after = text[max(0, start - 1) : start], text[end : end + 1]
    return not (before in _NOT_IN_NAMES and before) and not (after in _NOT_IN_NAMES and after) and before != "."


def _capital_runs(text: str, words: Sequence[_Word]) -> Iterator[list[_Word]]:
    """Capitalised words beside each other, with the small words that stand in names between them."""
    at = 0
    while at < len(words):
        run = [words[at]]
        if not _is_name_like(words[at]):
            at += 1
            continue
        following = at + 1
        while following < len(words) and _are_beside(text, words[following - 1], words[following]):
            word = words[following]
            if not (_is_name_like(word) or _is_particle(word, run)):
                break
            run.append(word)
            following += 1
        at = following
        while run and not run[-1].is_capital:
            run.pop()
        is_full = sum(word.is_capital for word in run) > 1 and len(run) <= _LONGEST + 1
        if is_full and _stands_free(text, run[0].start, run[-1].end):
            yield run


def _begins(text: str, run: Sequence[_Word]) -> bool:
    """True at the beginning of a sentence that goes on; what is all of a line is none."""
    return run[0].begins and text[run[-1].end : run[-1].end + 1] not in ("", "\n", "\r")


def _is_name_like(word: _Word) -> bool:
    """Acronyms are not."""
    is_written_so = word.is_capital and len(word.text) > 1 and not word.text.isupper()
    return is_written_so and word.text.lower() not in CLOSED_CLASS


def _is_particle(word: _Word, run: Sequence[_Word]) -> bool:
    return word.text in (_LEADING if run[-1].is_capital else _PARTICLES)


def _doubtful_runs(text: str, words: Sequence[_Word]) -> Iterator[list[_Word]]:
    """Words beside each other of which the network was not sure, in a text without capitals."""
    run: list[_Word] = []
    for word in [*words, None]:
        is_part = word is not None and word.score >= _DOUBTFUL_WORD and word.text.lower() not in CLOSED_CLASS
        if run and (word is None or not is_part or not _are_beside(text, run[-1], word)):
            is_doubtful = 1 < len(run) <= _LONGEST and max(one.score for one in run) >= _DOUBTFUL
            if is_doubtful and _stands_free(text, run[0].start, run[-1].end):
                yield run
            run = []
        if word is not None and is_part:
            run.append(word)


def _asked(places: Sequence[tuple[int, int]], name: str, read: Reader, sure: float) -> tuple[int, int, float] | None:
    """Where in the words a name is, and how sure that is; what it is introduced with ("Kollegin") is left out."""
    while len(places) > 1:
        first, last = places[0][0], places[-1][1]
        scores = [_lowest(sentence, name[first:last], read) for sentence in _SENTENCES]
        lowest = min(min(one) for one in scores)
        if lowest >= sure:
            return first, last, lowest
        if min(one[0] for one in scores) >= sure or len(places) == 2:
            return None
        places = places[1:]
    return None


def _lowest(sentence: str, name: str, read: Reader) -> tuple[float, float]:
    """How sure the first word, and the least sure one, is in a sentence."""
    start = sentence.index("{}")
    scores = [
        word.scores[0]
        for word in read(sentence.format(name))
        if start <= word.start < start + len(name) and name[word.start - start].isalnum()
    ]
    return (scores[0], min(scores)) if scores else (0.0, 0.0)
