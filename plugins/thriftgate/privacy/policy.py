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


_STRICTER = (
    Action.ALLOW, Action.PRIVATE, Action.LOCAL, Action.PSEUDONYMIZE, Action.HASH, Action.MASK, Action.DROP,
    Action.BLOCK,
)  # fmt: skip
"""From what lets most out to what lets nothing out."""
_LETS_OUT = {
    Action.ALLOW: 3, Action.PRIVATE: 2, Action.LOCAL: 2, Action.PSEUDONYMIZE: 2, Action.HASH: 1, Action.MASK: 1,
    Action.DROP: 1, Action.BLOCK: 0,
}  # fmt: skip
"""What a provider may get by an action: the value, what its caller sees as the value again, no value, nothing at all.

A value that is private is no less well kept by a placeholder; where it goes out as it is, its call falls back nowhere.
"""


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
        if self.action(span.entity_type) is Action.ALLOW or span.score < self.threshold(span.entity_type):
            return False
        return " ".join(text[span.start : span.end].split()).lower() not in self.allow

    def action(self, kind: str) -> Action:
        """What happens to values of a kind."""
        return self.actions.get(kind, Action.ALLOW)

    def threshold(self, kind: str) -> float:
        """From which score on a finding of a kind counts."""
        return self.thresholds.get(kind, self.min_score)

    def keeps(self, other: "PrivacyPolicy") -> bool:
        """Whether a request that went through this policy may be sent where the other holds."""
        return (
            all(
                _LETS_OUT[self.action(kind)] <= _LETS_OUT[action] and self.threshold(kind) <= other.threshold(kind)
                for kind, action in other.actions.items()
                if action is not Action.ALLOW
            )
            and self.allow <= other.allow
            and set(other.deny) <= set(self.deny)
            and (self.languages is None or (other.languages is not None and self.languages >= other.languages))
        )

    def for_private_model(self) -> "PrivacyPolicy":
        """The same for a model that may see what is `local`."""
        private = {kind: Action.PRIVATE for kind, action in self.actions.items() if action is Action.LOCAL}
        return replace(self, actions={**self.actions, **private})

    def private_kinds(self, kinds: Iterable[str]) -> frozenset[str]:
        """Of the kinds that a conversation has values of, those that only private models may see."""
        return frozenset(kind for kind in kinds if self.actions.get(kind) is Action.PRIVATE)


def strictest(policies: Sequence[PrivacyPolicy]) -> PrivacyPolicy:
    """One policy that keeps all of these: for a request that goes to several models at once."""
    if len(policies) == 1:
        return policies[0]
    kinds = {kind for one in policies for kind in one.actions}
    written = [one.languages for one in policies if one.languages is not None]
    return PrivacyPolicy(
        actions={kind: max((one.action(kind) for one in policies), key=_STRICTER.index) for kind in kinds},
        thresholds={kind: min(one.threshold(kind) for one in policies) for kind in kinds},
        min_score=min(one.min_score for one in policies),
        allow=policies[0].allow.intersection(*(one.allow for one in policies)),
        deny=tuple(dict.fromkeys(listed for one in policies for listed in one.deny)),
        languages=frozenset[str]().union(*written) if len(written) == len(policies) else None,
    )


def keyed_hash(key: bytes, entity_type: str, value: str) -> str:
    """Twelve hex digits that cannot be traced back to the value without the key."""
    return hmac.new(key, f"{entity_type}\0{value}".encode(), hashlib.sha256).hexdigest()[:12]
