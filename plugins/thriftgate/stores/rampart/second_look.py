"""Full names that the network passed over, asked about again in a sentence that it knows well.

The network sees no capitals, and of languages other than English it has seen less: "Bestellt hat das Gisbert Rauch" has
a name that it finds at once in "I spoke with Gisbert Rauch on Monday". So two or more capitalised words in the middle
of a sentence are read again in two such sentences, and are a name where every word is one in both. In a text that does
not rely on capitals it is also words of which the network was not sure, and both sentences have to be plain, and a word
before a listed surname, of which they need not be plainer than of words with capitals.

So that this costs about what the text itself costs, its sentences have at most a quarter of its characters, or somewhat
more in a short one. Where that is too little, `TOGETHER` names are first read in one sentence, which finds nine of ten
that are found alone; what is left for the others goes to those that are likeliest. As each text's cost is bounded by
its length, so is a request's. Sentences are not read in batches: the 8-bit network rounds by the largest number in a
batch, and of 120 Dutch messages seven more were missed.

Failure behaviour: pure but for the model that is passed in. Linear; every name is read, a different one once to thrice.
"""

import re
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass

from thriftgate.privacy.scanning import PAUSE
from thriftgate.privacy.spans import TextSpan
from thriftgate.stores.rampart.closed_class import CLOSED_CLASS
from thriftgate.stores.rampart.ordinary import are_ordinary
from thriftgate.stores.rampart.spans import PERSON, ScoredWord, relies_on_capitals, somebody, writes_capitals
from thriftgate.stores.rampart.surnames import is_surname, is_surname_in_lower_case

LEAST = 320
"""Characters of sentences that a short text may cost: four or five names; a very short one less."""
TOGETHER = 4
_LIST, _AND, _LIST_CHARACTERS = "I spoke with {} on Monday.", " and ", 240
_SENTENCES = ("I spoke with {} on Monday.", "{} and his wife")
_SURE, _SURE_WITHOUT_CAPITALS = 0.3, 0.9
"""The second where capitals say nothing: at the beginning of a sentence, and in a text that has none."""
_SURE_OF_SURNAME = 0.1
"""Of words with capitals that end with a listed surname."""
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
_Places = tuple[tuple[int, int], ...]


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


@dataclass(frozen=True, slots=True)
class _Question:
    """What may be a name, where its words are in it, and how sure the network has to be."""

    name: str
    places: _Places
    sure: float

    @property
    def asked(self) -> str:
        """The words that are left."""
        return self.name[self.places[0][0] : self.places[-1][1]]

    @property
    def cost(self) -> int:
        """Characters of the sentences in which it stands alone."""
        return sum(len(sentence) + len(self.asked) for sentence in _SENTENCES)

    def scores(self, words: Sequence[ScoredWord], start: int) -> list[float]:
        """How sure each word is, in a sentence in which what is asked stands at `start`."""
        shift = start - self.places[0][0]
        return [
            min(
                (
                    word.scores[0]
                    for word in words
                    if first <= word.start - shift < last and self.name[word.start - shift].isalnum()
                ),
                default=0.0,
            )
            for first, last in self.places
        ]

    def without(self, scores: Sequence[float]) -> "Iterator[_Question]":
        """The same without what the name is introduced with ("Kollegin"), where something can be left out."""
        drop = 0
        while len(self.places) - drop > 2 and scores[drop] < self.sure:
            drop += 1
        if drop:
            yield _Question(self.name, self.places[drop:], self.sure)


_Answers = dict[str, tuple[int, int, float]]
"""By what was asked about: where in it a name is, and how sure that is."""


def looked_again(text: str, words: Sequence[ScoredWord], found: Sequence[TextSpan], read: Reader) -> Iterator[TextSpan]:
    """Names of two to four words that `found` has nothing of; `read` is the network."""
    return (span for span in second_look_steps(text, words, found, read) if span is not PAUSE)


def second_look_steps(
    text: str, words: Sequence[ScoredWord], found: Sequence[TextSpan], read: Reader
) -> Iterator[TextSpan]:
    """The same with a pause each time that something was asked."""
    taken = sorted((span.start, span.end) for span in found if span.entity_type == PERSON)
    places: list[tuple[int, str]] = []
    questions: dict[str, _Question] = {}
    place = 0
    for run, sure in _runs(text, _words(text, words)):
        start, end = run[0].start, run[-1].end
        while place < len(taken) and taken[place][1] < end:
            place += 1
        if place < len(taken) and taken[place][0] <= start:
            continue
        name = text[start:end]
        if name not in questions:
            questions[name] = _Question(name, tuple((word.start - start, word.end - start) for word in run), sure)
        places.append((start, name))
    answers = yield from _answers(list(questions.values()), sentence_characters(len(text)), read)
    for start, name in places:
        if name in answers:
            first, last, score = answers[name]
            first, last = somebody(text, start + first, start + last)
            if first < last:
                yield TextSpan(first, last, PERSON, score, "rampart")


def sentence_characters(length: int) -> int:
    """How many characters the sentences of a text of this length may have in which a name stands alone."""
    return max(length // 4, min(LEAST, 3 * length + 64))


def _runs(text: str, words: Sequence[_Word]) -> list[tuple[list[_Word], float]]:
    """What to ask about, in order, with how sure the network has to be of it."""
    runs: list[tuple[list[_Word], float]] = []
    if writes_capitals(text):
        runs += [(run, _sure_of_capitals(text, run)) for run in _capital_runs(text, words)]
    if not relies_on_capitals(text):
        for others in (_listed_runs(text, words), _doubtful_runs(text, words)):
            known = {word.start for run, _ in runs for word in run}
            runs += [(run, sure) for run, sure in others if known.isdisjoint(word.start for word in run)]
    return sorted(runs, key=lambda one: one[0][0].start)


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
    if after.isdigit() and text[end - 1].isupper():
        return False
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


def _sure_of_capitals(text: str, run: Sequence[_Word]) -> float:
    if _begins(text, run):
        return _SURE_WITHOUT_CAPITALS
    return _SURE_OF_SURNAME if is_surname(run[-1].text) else _SURE


def _begins(text: str, run: Sequence[_Word]) -> bool:
    """True at the beginning of a sentence that goes on; what is all of a line is none."""
    return run[0].begins and text[run[-1].end : run[-1].end + 1] not in ("", "\n", "\r")


def _is_name_like(word: _Word) -> bool:
    """Acronyms are not."""
    is_written_so = word.is_capital and len(word.text) > 1 and not word.text.isupper()
    return is_written_so and word.text.lower() not in CLOSED_CLASS


def _is_particle(word: _Word, run: Sequence[_Word]) -> bool:
    return word.text in (_LEADING if run[-1].is_capital else _PARTICLES)


def _listed_runs(text: str, words: Sequence[_Word]) -> Iterator[tuple[list[_Word], float]]:
    """A word and a listed surname beside it, with the small words that stand in names between them."""
    free = 0
    for at, word in enumerate(words):
        if at < free or not _may_be_listed(word) or not _is_beside_next(text, words, at):
            continue
        end = at + 1
        while end <= at + 2 and words[end].text in _PARTICLES and _is_beside_next(text, words, end):
            end += 1
        if not (_may_be_listed(words[end]) and is_surname_in_lower_case(words[end].text)):
            continue
        if word.text.isupper() != words[end].text.isupper():
            continue  # an acronym
        while end + 1 - at < _LONGEST and _is_beside_next(text, words, end) and is_surname(words[end + 1].text):
            end += 1
        free = end + 1
        if _stands_free(text, word.start, words[end].end):
            yield list(words[at:free]), _SURE


def _is_beside_next(text: str, words: Sequence[_Word], at: int) -> bool:
    return at + 1 < len(words) and _are_beside(text, words[at], words[at + 1])


def _may_be_listed(word: _Word) -> bool:
    return len(word.text) > 1 and word.text.lower() not in CLOSED_CLASS and word.text.lower() not in _PARTICLES


def _doubtful_runs(text: str, words: Sequence[_Word]) -> Iterator[tuple[list[_Word], float]]:
    """Words beside each other of which the network was not sure, in a text without capitals."""
    run: list[_Word] = []
    for word in [*words, None]:
        is_part = word is not None and word.score >= _DOUBTFUL_WORD and word.text.lower() not in CLOSED_CLASS
        if run and (word is None or not is_part or not _are_beside(text, run[-1], word)):
            is_doubtful = 1 < len(run) <= _LONGEST and max(one.score for one in run) >= _DOUBTFUL
            may_be_name = is_doubtful and not are_ordinary(one.text for one in run)
            if may_be_name and _stands_free(text, run[0].start, run[-1].end):
                yield run, _SURE_WITHOUT_CAPITALS
            run = []
        if word is not None and is_part:
            run.append(word)


def _answers(questions: Sequence[_Question], allowance: int, read: Reader) -> Generator[TextSpan, None, _Answers]:
    """Each alone, or in lists where that is too much, and then alone those that are likeliest of what is left."""
    answers: _Answers = {}
    if sum(question.cost for question in questions) > allowance:
        left = yield from _left_of_lists(questions, read, answers)
        questions = [question for _, question in sorted(left, key=lambda one: one[0], reverse=True)]
    for _ in range(2):
        shorter: list[_Question] = []
        for question in questions:
            if question.cost <= allowance:
                allowance -= question.cost
                shorter += _asked_alone(question, read, answers)
                yield PAUSE
        questions = shorter
    return answers


def _asked_alone(question: _Question, read: Reader, answers: _Answers) -> Iterator[_Question]:
    """Fill in the answer, or give back what is worth another question."""
    asked = [question.scores(read(one.format(question.asked)), one.index("{}")) for one in _SENTENCES]
    scores = [min(both) for both in zip(*asked, strict=True)]
    if not _is_answered(question, scores, answers):
        yield from question.without(scores)


def _left_of_lists(
    questions: Iterable[_Question], read: Reader, answers: _Answers
) -> Generator[TextSpan, None, list[tuple[float, _Question]]]:
    """Fill in the answers, and give back the others, with how sure the surest word of each is."""
    left: list[tuple[float, _Question]] = []
    lists: list[list[_Question]] = []
    room = 0
    for question in questions:
        room -= len(question.asked)
        if not lists or len(lists[-1]) >= TOGETHER or room < 0:
            lists.append([])
            room = _LIST_CHARACTERS - len(question.asked)
        lists[-1].append(question)
    for one in lists:
        words = read(_LIST.format(_AND.join(question.asked for question in one)))
        start = _LIST.index("{}")
        for question in one:
            scores = question.scores(words, start)
            start += len(question.asked) + len(_AND)
            tried = [question, *question.without(scores)]
            if not any(_is_answered(part, scores[-len(part.places) :], answers) for part in tried):
                left.append((max(scores), question))
        yield PAUSE
    return left


def _is_answered(question: _Question, scores: Sequence[float], answers: _Answers) -> bool:
    if min(scores) >= question.sure:
        # A listed surname is as good as what lacks to the usual probability.
        answers[question.name] = question.places[0][0], question.places[-1][1], max(min(scores), _SURE)
        return True
    return False
