"""From what was found in a text to the text that may leave.

Failure behaviour: pure; a value whose action is to block raises ContentBlockedError (400), which names the kind only.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from thriftgate.errors import ContentBlockedError
from thriftgate.privacy.policy import Action, PrivacyPolicy, keyed_hash
from thriftgate.privacy.pseudonyms import Pseudonyms, identity_of
from thriftgate.privacy.spans import TextSpan

_WORD = re.compile(r"\w+")
_SPOKEN_OF_AGAIN = frozenset({"PERSON", "ADDRESS", "EMAIL_ADDRESS", "SECRET"})
"""Kinds of which a value that was found once is masked wherever else it stands, also where nothing found it."""
_SHORTEST_AGAIN = 4
_MOST_PER_WORD = 64
"""Values that begin with one word: a bound on the work that a conversation can cause."""


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
            case Action.PSEUDONYMIZE:
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
    """Finds values again that were found elsewhere in the conversation, as whole words and in the same spelling.

    Linear in the text: each word is looked up once, and compared with the values that begin with it.
    """

    def __init__(self, values: Iterable[tuple[str, str]]) -> None:
        self._by_word: dict[str, dict[str, str]] = {}
        for entity_type, value in values:
            first = _WORD.search(value)
            if first is None or first.start() > 0:  # only values that begin with a word are looked up by it
                continue
            same = self._by_word.setdefault(first[0], {})
            if len(same) < _MOST_PER_WORD:
                same[value] = entity_type

    def find(self, text: str) -> list[TextSpan]:
        """Every occurrence; its score lets any recognizer's finding give the kind."""
        if not self._by_word:
            return []
        found: list[TextSpan] = []
        for word in _WORD.finditer(text):
            for value, entity_type in self._by_word.get(word[0], {}).items():
                end = word.start() + len(value)
                if text.startswith(value, word.start()) and not (text[end : end + 1].isalnum() and value[-1].isalnum()):
                    found.append(TextSpan(word.start(), end, entity_type, 0.0, "recurrences"))
        return found


def spoken_of_again(values: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Of the values (kind, spelling) that were found, those that are looked for elsewhere too."""
    return (
        (entity_type, value)
        for entity_type, value in values
        if entity_type in _SPOKEN_OF_AGAIN and len(value) >= _SHORTEST_AGAIN
    )
