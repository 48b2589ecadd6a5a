"""What is looked for, from which score on, and what happens to it.

Failure behaviour: pure; nothing raises.
"""

import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from thriftgate.privacy.spans import TextSpan


class Action(StrEnum):
    """What happens to a value before a request leaves."""

    PSEUDONYMIZE = "pseudonymize"
    """`<PERSON_1>`; the caller sees the value again in the answer."""
    MASK = "mask"
    """`<PERSON>`; nobody sees it again."""
    HASH = "hash"
    """`<PERSON#3f9a0c21b7d4>`; the same value has the same hash under the same key, for everybody."""
    DROP = "drop"
    """Nothing is left."""
    BLOCK = "block"
    """The request is refused."""
    PRIVATE = "private"
    """The value goes out as it is, and to private models alone."""
    LOCAL = "local"
    """Private models get the value, all others its placeholder."""
    ALLOW = "allow"
    """The value goes out as it is."""


@dataclass(frozen=True, slots=True)
class PrivacyPolicy:
    """One consumer's policy; kinds that are not in `actions` are not looked for."""

    actions: Mapping[str, Action]
    thresholds: Mapping[str, float] = field(default_factory=dict[str, float])
    min_score: float = 0.3
    allow: frozenset[str] = frozenset()
    """Values that are never masked, in lower case."""
    deny: Sequence[tuple[str, str]] = ()
    """Kind and spelling of values that are always taken out."""
    languages: frozenset[str] | None = None
    """What people write in here, which decides what models of names read; None: anything."""

    def wanted(self, text: str, span: TextSpan) -> bool:
        """True when the finding counts."""
        action = self.actions.get(span.entity_type, Action.ALLOW)
        if action is Action.ALLOW or span.score < self.thresholds.get(span.entity_type, self.min_score):
            return False
        return " ".join(text[span.start : span.end].split()).lower() not in self.allow

    def for_private_model(self) -> "PrivacyPolicy":
        """The same for a model that may see what is `local`."""
        private = {kind: Action.PRIVATE for kind, action in self.actions.items() if action is Action.LOCAL}
        return replace(self, actions={**self.actions, **private})

    def private_kinds(self, kinds: Iterable[str]) -> frozenset[str]:
        """Of the kinds that a conversation has values of, those that only private models may see."""
        return frozenset(kind for kind in kinds if self.actions.get(kind) is Action.PRIVATE)


def keyed_hash(key: bytes, entity_type: str, value: str) -> str:
    """Twelve hex digits that cannot be traced back to the value without the key."""
    return hmac.new(key, f"{entity_type}\0{value}".encode(), hashlib.sha256).hexdigest()[:12]
