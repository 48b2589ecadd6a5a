"""From what was found in a text to the text that may leave.

Failure behaviour: pure; a value whose action is to block raises ContentBlockedError (400), which names the kind only.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice, pairwise

from thriftgate.errors import ContentBlockedError
from thriftgate.privacy.policy import Action, PrivacyPolicy, keyed_hash
from thriftgate.privacy.pseudonyms import Pseudonyms, identity_of
from thriftgate.privacy.spans import LISTED, TextSpan
from thriftgate.privacy.views import privacy_view

_CJK = "\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff"
_WORD = re.compile(rf"[^\W_{_CJK}]+|[{_CJK}]")
"""Where blanks do not part words each character is one."""
_PARTED = re.compile(rf"[\W_{_CJK}]")
_RUN = re.compile(r"\d+(?:[ ()./_-]{1,3}\d+)*")
_DIGITS = re.compile(r"\d+")
_BY_DIGITS = frozenset({"PHONE_NUMBER", "CREDIT_CARD", "US_SSN"})
"""Kinds that people write in groups or not: the digits tell that it is the same value."""
_WITHOUT_CASE = frozenset({"EMAIL_ADDRESS", "IBAN_CODE"})
_WITHOUT_CASE_OF_SEVERAL_WORDS = frozenset({"PERSON", "ADDRESS"})
_LONG_ENOUGH = re.compile(rf"(?s).{{4}}|[{_CJK}]{{2}}")
_MOST_DIGITS = 19
_SHORTEST_SUBSCRIBER = 8
_MOST_PER_WORD = 256
"""Lengths of values that have the same words as their first two: a bound on the work that a conversation can cause."""


@dataclass(slots=True)
class Masker:
    """Replaces findings by what their action says; one per request."""

    policy: PrivacyPolicy
    pseudonyms: Pseudonyms
    hash_key: bytes = b""
    counts: dict[str, int] = field(default_factory=dict[str, int])
    """How many values of each kind were replaced."""

    def mask(self, text: str, spans: Sequence[TextSpan]) -> str:
        """The text with every span replaced; spans are in order and do not overlap."""
        out: list[str] = []
        at = 0
        for span in spans:
            out.append(text[at : span.start])
            out.append(self._replacement(span.entity_type, text[span.start : span.end]))
            at = span.end
        out.append(text[at:])
        return "".join(out)

    def _replacement(self, entity_type: str, value: str) -> str:
        self.counts[entity_type] = self.counts.get(entity_type, 0) + 1
        match self.policy.actions[entity_type]:
            case Action.PSEUDONYMIZE | Action.LOCAL:
                return self.pseudonyms.placeholder_for(entity_type, value)
            case Action.MASK:
                return f"<{entity_type}>"
            case Action.HASH:
                return f"<{entity_type}#{keyed_hash(self.hash_key, entity_type, identity_of(entity_type, value))}>"
            case Action.DROP:
                return ""
            case Action.BLOCK:
                raise ContentBlockedError(
                    f"the request has personal data of a kind that may not be sent: {entity_type}",
                    code="personal_data_blocked",
                )
            case Action.PRIVATE:
                # Noted like the others: what has been said once stays with private models, whatever is sent later.
                self.pseudonyms.placeholder_for(entity_type, value)
                return value
            case Action.ALLOW:
                return value


class Recurrences:
    """Finds values again that were found elsewhere in the conversation: whole, and numbers in any grouping.

    Linear in the text: at each word it is looked up whether a value that begins with it and the next stands there.
    """

    def __init__(self, values: Iterable[tuple[str, str]], listed: Iterable[tuple[str, str]] = ()) -> None:
        """`listed` are values that an operator named: they are found in any case, and are what the operator says."""
        self._listed: dict[str, str] = {}
        self._spelled: dict[str, str] = {}
        self._in_any_case: dict[str, str] = {}
        self._by_digits: dict[str, str] = {}
        self._places: dict[tuple[str, str], set[tuple[int, int]]] = {}
        """First two words, of which the second may be none → how far before it a value begins, and how long it is."""
        for entity_type, value in values:
            for spelling in {value, privacy_view(value).text}:
                self._add(entity_type, spelling)
        for entity_type, value in listed:
            for spelling in {value, privacy_view(value).text}:
                self._add(entity_type, spelling)
                self._listed[spelling.lower()] = entity_type

    def find(self, text: str) -> list[TextSpan]:
        """Every occurrence; its score lets any recognizer's finding give the kind, but of a value that is listed."""
        if not self._places:
            return []
        found = [*self._words(text), *self._numbers(text)]
        view = privacy_view(text)
        if view.text != text:
            plain = (*self._words(view.text), *self._numbers(view.text))
            found += [(*view.source(start, end), kind) for start, end, kind in plain]
        return [self._span(text, *one) for one in found]

    def _span(self, text: str, start: int, end: int, kind: str) -> TextSpan:
        listed = self._listed.get(privacy_view(text[start:end]).text.lower()) if self._listed else None
        if listed is not None:
            return TextSpan(start, end, listed, 1.0, LISTED)
        return TextSpan(start, end, kind, 0.0, "recurrences")

    def _add(self, entity_type: str, value: str) -> None:
        words = list(islice(_WORD.finditer(value), 2))
        if not words:
            return
        second = words[1][0].casefold() if len(words) > 1 else ""
        places = self._places.setdefault((words[0][0].casefold(), second), set())
        if len(places) < _MOST_PER_WORD:
            places.add((words[0].start(), len(value)))
        self._spelled[value] = entity_type
        if entity_type in _WITHOUT_CASE or (entity_type in _WITHOUT_CASE_OF_SEVERAL_WORDS and " " in value):
            self._in_any_case[value.lower()] = entity_type
        if entity_type in _BY_DIGITS:
            digits = "".join(_DIGITS.findall(value))
            others = _otherwise_dialled(value, digits) if entity_type == "PHONE_NUMBER" else ()
            self._by_digits |= dict.fromkeys((digits, *others), entity_type)

    def _words(self, text: str) -> Iterator[tuple[int, int, str]]:
        words = [(word.start(), word[0].casefold()) for word in _WORD.finditer(text)]
        for (at, first), (_, second) in pairwise([*words, (len(text), "")]):
            for key in ((first, ""), (first, second)) if second else ((first, ""),):
                for offset, length in self._places.get(key, ()):
                    start, end = at - offset, at - offset + length
                    part = text[max(0, start) : end]
                    lower = part.lower()
                    kind = self._listed.get(lower) or self._spelled.get(part) or self._in_any_case.get(lower)
                    if kind and start >= 0 and (_PARTED.search(text, end - 1, end + 1) or end == len(text)):
                        yield start, end, kind

    def _numbers(self, text: str) -> Iterator[tuple[int, int, str]]:
        """Groups of digits that together are a number."""
        for run in _RUN.finditer(text) if self._by_digits else ():
            groups = [(run.start() + one.start(), run.start() + one.end()) for one in _DIGITS.finditer(run[0])]
            for first, (start, _) in enumerate(groups):
                digits = ""
                # A group has one digit at least.
                for at, end in groups[first : first + _MOST_DIGITS]:
                    digits += text[at:end]
                    if len(digits) > _MOST_DIGITS:
                        break
                    if digits in self._by_digits:
                        yield start, end, self._by_digits[digits]


def _otherwise_dialled(value: str, digits: str) -> Iterator[str]:
    """The same telephone number without its country's code, or with one."""
    if len(digits) == 10:
        yield f"1{digits}"
    is_international = value.lstrip("(").startswith(("+", "00"))
    for left_out in range(1, 4) if is_international else (0,):
        subscriber = digits.removeprefix("00")[left_out:].removeprefix("0")
        if len(subscriber) >= _SHORTEST_SUBSCRIBER:
            yield from (subscriber, f"0{subscriber}")


def spoken_of_again(values: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Of the values (kind, spelling) that were found, those that are looked for elsewhere too."""
    return ((entity_type, value) for entity_type, value in values if _LONG_ENOUGH.search(value))
