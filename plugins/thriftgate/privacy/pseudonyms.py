"""Which placeholder stands for which value, the same one for as long as a conversation lasts.

Numbers go up in the order in which values are first seen, so a conversation that is sent again with one more turn gets
the same placeholders without anybody's memory, and a provider's prompt cache sees the same beginning. Two values
never share a placeholder. Two spellings of one value share the number, and differ in a letter, so that each comes back
as it was written.

Failure behaviour: pure; nothing raises.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from thriftgate.privacy.placeholders import literal_numbers, written
from thriftgate.privacy.views import privacy_view

_DIGITS_ONLY = frozenset({"CREDIT_CARD", "US_SSN", "PHONE_NUMBER"})
_WITHOUT_CASE = frozenset({"PERSON", "EMAIL_ADDRESS", "ADDRESS", "LOCATION", "ORGANIZATION"})


def identity_of(entity_type: str, value: str) -> str:
    """What is the same for all spellings of a value, escaped ones among them; of a secret each sign counts."""
    if entity_type in _DIGITS_ONLY or entity_type in _WITHOUT_CASE or entity_type == "IBAN_CODE":
        value = privacy_view(value).text
    if entity_type in _DIGITS_ONLY:
        digits = re.sub(r"\D", "", value)
        return digits or value
    if entity_type == "IBAN_CODE":
        return re.sub(r"[\W_]", "", value).upper()
    if entity_type in _WITHOUT_CASE:
        return " ".join(value.split()).casefold()
    return value


@dataclass(frozen=True, slots=True)
class Pseudonym:
    """One spelling of one value."""

    entity_type: str
    number: int
    variant: int
    value: str

    @property
    def placeholder(self) -> str:
        """What stands for it."""
        return written(self.entity_type, self.number, self.variant)


@dataclass(slots=True)
class Pseudonyms:
    """The pseudonyms of one conversation; grows while texts are masked.

    `first_number` is where numbers begin: above 1 for a conversation whose earlier numbers nobody knows any more.
    """

    first_number: int = 1
    _by_spelling: dict[tuple[str, str], Pseudonym] = field(default_factory=dict[tuple[str, str], Pseudonym])
    _numbers: dict[tuple[str, str], int] = field(default_factory=dict[tuple[str, str], int])
    _variants: dict[tuple[str, int], int] = field(default_factory=dict[tuple[str, int], int])
    _next: dict[str, int] = field(default_factory=dict[str, int])
    _reserved: set[tuple[str, int]] = field(default_factory=set[tuple[str, int]])

    @classmethod
    def of(cls, known: Iterable[Pseudonym], *, first_number: int = 1) -> "Pseudonyms":
        """The state that these pseudonyms make up."""
        state = cls(first_number=first_number)
        for pseudonym in known:
            state._add(pseudonym)
        return state

    def __len__(self) -> int:
        return len(self._by_spelling)

    def entries(self) -> Sequence[Pseudonym]:
        """All of them, in the order in which they were given out."""
        return tuple(self._by_spelling.values())

    def values(self) -> Mapping[str, str]:
        """Placeholder → value."""
        return {pseudonym.placeholder: pseudonym.value for pseudonym in self._by_spelling.values()}

    def reserve(self, texts: Iterable[str], entity_types: Iterable[str]) -> None:
        """Leave out the numbers that the texts themselves use, unless they are ours already."""
        kinds = tuple(entity_types)
        ours = set(self._variants)
        for text in texts:
            self._reserved |= literal_numbers(text, kinds) - ours

    def placeholder_for(self, entity_type: str, value: str) -> str:
        """The placeholder of a value; a new one when the conversation has not had it."""
        known = self._by_spelling.get((entity_type, value))
        if known is None:
            identity = entity_type, identity_of(entity_type, value)
            number = self._numbers.get(identity) or self._new_number(entity_type)
            variant = self._variants.get((entity_type, number), -1) + 1
            known = Pseudonym(entity_type, number, variant, value)
            self._add(known)
        return known.placeholder

    def _new_number(self, entity_type: str) -> int:
        number = self._next.get(entity_type, self.first_number)
        while (entity_type, number) in self._reserved:
            number += 1
        return number

    def _add(self, pseudonym: Pseudonym) -> None:
        entity_type, number = pseudonym.entity_type, pseudonym.number
        self._by_spelling[entity_type, pseudonym.value] = pseudonym
        self._numbers[entity_type, identity_of(entity_type, pseudonym.value)] = number
        self._variants[entity_type, number] = max(pseudonym.variant, self._variants.get((entity_type, number), -1))
        self._next[entity_type] = max(number + 1, self._next.get(entity_type, self.first_number))
