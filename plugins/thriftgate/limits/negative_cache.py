"""Remembers who is refused again and again, so that the next refusal costs next to nothing.

The idea is DNS's negative cache (RFC 2308): a refusal holds for a while, and is said again without being worked out
again. It holds only for a caller who was refused often lately, one who does not wait as it is told to: everybody else
is looked at each time.
"""

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

_MOST_TOPICS = 32

R = TypeVar("R")


@dataclass(slots=True)
class _Caller(Generic[R]):
    since: float
    n: int = 0
    until: float = 0.0
    """When the last of its refusals stops to hold."""
    held: dict[str, tuple[float, R]] = field(default_factory=dict[str, tuple[float, R]])


class NegativeCache(Generic[R]):
    """Refusals by caller and by what was asked for.

    Args:
        after: Refusals within `window` seconds from which on they are remembered.
        window: Seconds.
        longest: Seconds that a refusal holds at most, whatever the caller was told.
        most: Callers that are known at once; who was refused longest ago is forgotten.
    """

    def __init__(self, *, after: int = 8, window: float = 10.0, longest: float = 1.0, most: int = 4096) -> None:
        self._after = after
        self._window = window
        self._longest = longest
        self._most = most
        self._callers: OrderedDict[Hashable, _Caller[R]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._callers)

    def note(self, caller: Hashable, topic: str, refusal: R, *, now: float, retry_after: float) -> None:
        """The caller was refused what it asked for, and told to come back after so many seconds."""
        known = self._callers.get(caller)
        if known is None or now - known.since > self._window:
            known = self._callers[caller] = _Caller(now)
        known.n += 1
        self._callers.move_to_end(caller)
        if len(self._callers) > self._most:
            self._callers.popitem(last=False)
        if known.n <= self._after:
            return
        known.until = now + min(retry_after, self._longest)
        known.held[topic] = (known.until, refusal)
        if len(known.held) > _MOST_TOPICS:
            del known.held[next(iter(known.held))]

    def holds(self, caller: Hashable, *, now: float) -> bool:
        """Whether anything is refused to this caller for now."""
        known = self._callers.get(caller)
        return known is not None and now < known.until

    def refusal(self, caller: Hashable, topic: str, *, now: float) -> R | None:
        """What the caller was told last, as long as it holds."""
        known = self._callers.get(caller)
        until, refusal = known.held.get(topic, (0.0, None)) if known is not None else (0.0, None)
        return refusal if now < until else None
