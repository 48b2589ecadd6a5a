"""Whether two answers to one question come to the same, as far as their words show it.

Compared is what they say, in this order: what they conclude with (an option, a boxed or last stated result), their
numbers, dates and negations, and only then the vectors of short texts. Two answers of a paragraph resemble each other
by their subject alone: of 754 recorded pairs of 300 to 1,000 characters vectors settled 18, five of them wrongly, and
they cost ten times a question's.

Failure behaviour: pure and total, in time linear in the texts. "Cannot tell" (None) is an answer, and the usual one for
two long texts without a stated result: a wrong verdict teaches the cache what is not so, and none costs nothing.
"""

import re

from thriftgate.caching.grouping import normalised_answer
from thriftgate.caching.guards import first_veto
from thriftgate.caching.reading import Reading, read

SAME_ABOVE = 0.85
"""Cosine of two short answers' vectors from which they count as the same, if no guard objects."""
DIFFERENT_BELOW = 0.5
"""Cosine below which two short answers count as different; between the two nobody can tell."""
LONGEST_COMPARED = 300
"""Characters of an answer whose vector speaks for what it says."""
_LONGEST_READ = 20_000
_CONCLUDING = 400
_RELATED = 0.6
"""Cosine from which two short answers speak of the same thing."""

_OPTION = re.compile(
    r"(?:answer|option|choice|antwort|réponse|respuesta|risposta|resposta)\W{0,12}(?:is|ist|est|es|è|é|:)?\W{0,6}\(?([A-J])(?![\w'])"
)
_BOXED = re.compile(r"\\boxed\{([^{}]{1,80})\}")
_MARKED = re.compile(
    r"(?:####|(?:final )?(?:answer|result|total|antwort|ergebnis|résultat|respuesta)(?: is| ist| est| es)?:?)"
    r"\s{0,3}\W{0,3}(-?\d[\d,]*(?:\.\d+)?)",
    re.IGNORECASE,
)
_LONE = re.compile(
    r"\W{0,6}(?:([A-J])|(-?\d[\d,]*(?:\.\d+)?)|(yes|no|true|false|ja|nein|oui|non|sí|sì))\W{0,6}", re.IGNORECASE
)
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
_CONCLUSION = re.compile(
    r"\b(?:so|therefore|thus|hence|in total|altogether|also|daher|somit|insgesamt|donc|por tanto|entonces)\b|=",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"-?\d+(?:,\d{3})*(?:\.\d+)?")


def say_the_same(one: str, other: str, similarity: float | None) -> bool | None:
    """Whether two answers say the same; None: cannot tell.

    `similarity` is the cosine of their vectors in [0, 1], None where there are none.
    """
    if normalised_answer(one) == normalised_answer(other):
        return True
    one, other = one[-_LONGEST_READ:], other[-_LONGEST_READ:]
    ours, theirs = result(one), result(other)
    if ours is not None and theirs is not None:
        return ours == theirs
    if similarity is None or max(len(one), len(other)) > LONGEST_COMPARED:
        return None
    if similarity < DIFFERENT_BELOW:
        return False
    left, right = read(one), read(other)
    if similarity >= SAME_ABOVE and first_veto(one, other) is None and left.numbers == right.numbers:
        return True
    # A number or a name more on one side may be detail: only others in their places make another statement.
    return False if similarity >= _RELATED and _contradict(left, right) else None


def result(text: str) -> str | None:
    """What an answer states as its result, in one form; None where it states none."""
    lone = _LONE.fullmatch(text.strip()) if len(text) < 60 else None
    if lone:
        return _form(next(part for part in lone.groups() if part))
    end = text[-_CONCLUDING:]
    boxed = _BOXED.findall(end)
    if boxed:
        return _form(boxed[-1])
    options, marked = _OPTION.findall(end), _MARKED.findall(end)
    if options:
        return options[-1].casefold()
    return _form(marked[-1]) if marked else _last_number(end)


def _last_number(end: str) -> str | None:
    """The one number of the last sentence, where that draws a conclusion from several before it."""
    sentences = [one for one in _SENTENCE.split(end.strip()) if one.strip()]
    if len(sentences) < 2 or not _CONCLUSION.search(sentences[-1]):
        return None
    numbers = {_form(found) for found in _NUMBER.findall(sentences[-1])}
    return numbers.pop() if len(numbers) == 1 else None


def _form(result: str) -> str:
    """One spelling for equal results: numbers without separators and idle zeros."""
    plain = result.strip().casefold()
    found = _NUMBER.fullmatch(plain.strip("$€£% ").rstrip("."))
    if found is None:
        return plain
    number = float(found[0].replace(",", ""))
    return f"{number:.10g}"


def _contradict(left: Reading, right: Reading) -> bool:
    """Both have numbers, or dates, and share none of them; or the same statement is denied on one side alone."""
    pairs = ((frozenset(left.numbers), frozenset(right.numbers)), (left.dates, right.dates))
    if any(one and other and one.isdisjoint(other) for one, other in pairs):
        return True
    shared = len(left.content & right.content)
    is_one_statement = shared >= 0.7 * max(len(left.content), len(right.content), 1)
    return is_one_statement and (left.negations % 2 != right.negations % 2)
