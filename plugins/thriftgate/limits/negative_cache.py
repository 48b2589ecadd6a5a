"""Remembers who is refused again and again, so that the next refusal costs next to nothing.

The idea is DNS's negative cache (RFC 2308): a refusal holds for a while, and is said again without being worked out
again; afterwards it may hold on for as long as its cause does, which is cheaper to ask than the request is to look at.
It holds only for a caller who was refused often lately, one who does not wait as it is told to: everybody else is
looked at each time.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

_MOST_TOPICS = 32

R = TypeVar("R")


@dataclass(slots=True)
class _Held(Generic[R]):
    refusal: R
    until: float
    """Up to then it holds without a question."""
    ends: float
    """Up to then it holds if its cause does."""


@dataclass(slots=True)
class _Caller(Generic[R]):
    since: float
    n: int = 0
    ends: float = 0.0
    """When the last of its refusals stops to hold, whatever its cause does."""
    held: dict[str, _Held[R]] = field(default_factory=dict[str, _Held[R]])


class NegativeCache(Generic[R]):
    """Refusals by caller and by what was asked for.

    Args:
        after: Refusals within `window` seconds from which on they are remembered, and in the window after it.
        window: Seconds.
        longest: Seconds that a refusal holds at most without a look at its cause, whatever the caller was told.
        renewed: Seconds after which the caller is looked at again, though the cause may hold.
        most: Callers that are known at once; who was refused longest ago is forgotten.
    """

    def __init__(
        self, *, after: int = 8, window: float = 10.0, longest: float = 1.0, renewed: float = 10.0, most: int = 4096
    ) -> None:
        self._after = after
        self._window = window
        self._longest = longest
        self._renewed = renewed
        self._most = most
        self._callers: OrderedDict[Hashable, _Caller[R]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._callers)

    def note(self, caller: Hashable, topic: str, refusal: R, *, now: float, retry_after: float) -> None:
        """The caller was refused what it asked for, and told to come back after so many seconds."""
        known = self._counted(caller, now)
        if known.n <= self._after:
            return
        held = known.held[topic] = _Held(refusal, now + min(retry_after, self._longest), now + self._renewed)
        known.ends = held.ends
        if len(known.held) > _MOST_TOPICS:
            del known.held[next(iter(known.held))]

    def holds(self, caller: Hashable, *, now: float) -> bool:
        """Whether anything may be refused to this caller for now."""
        known = self._callers.get(caller)
        return known is not None and now < known.ends

    def refusal(
        self, caller: Hashable, topic: str, *, now: float, is_still: Callable[[R], bool] = lambda _: False
    ) -> R | None:
        """What the caller was told last, as long as it holds; `is_still` says whether its cause does."""
        known = self._callers.get(caller)
        held = known.held.get(topic) if known is not None else None
        if held is None or now >= held.ends or not (now < held.until or is_still(held.refusal)):
            return None
        self._counted(caller, now)
        return held.refusal

    def _counted(self, caller: Hashable, now: float) -> _Caller[R]:
        known = self._callers.get(caller)
        if known is None or now - known.since > 2 * self._window:
            known = self._callers[caller] = _Caller(now)
        elif now - known.since > self._window:
            # Who goes on as before is not given the first few again.
            known.since, known.n = now, self._after if known.n > self._after else 0
        known.n += 1
        self._callers.move_to_end(caller)
        if len(self._callers) > self._most:
            self._callers.popitem(last=False)
        return known
