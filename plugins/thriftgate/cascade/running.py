"""While a cheap answer is streamed before it is judged (`streaming: optimistic`): go on, or give it up?

The guarantee of a calibrated route does not cover this: a whole answer is judged by all signals, a running one by
its latest tokens alone, and after `until` tokens nothing can be taken back.

Failure behaviour: without log-probabilities only a refusal in the first words is caught.
"""

import math
from collections import deque
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

from thriftgate.cascade.signals.evidence import fold
from thriftgate.cascade.signals.refusal import IGNORANCE, REFUSALS


class Running(StrEnum):
    """What to do with an answer that is being written."""

    GO_ON = "go_on"
    COLLAPSED = "collapsed"
    """Stop, and ask the stronger tier."""
    SETTLED = "settled"
    """Finish it whatever comes."""


class RunningConfidence:
    """One object per stream; feed it every chunk.

    Args:
        floor: Geometric mean probability of the latest tokens below which the answer collapses.
        until: Tokens after which the answer is settled.
        window: How many of the latest tokens count; none collapses before half a window was seen.
    """

    def __init__(self, *, floor: float, until: int = 64, window: int = 16) -> None:
        if not 0 <= floor <= 1 or until < 1 or window < 1:
            raise ValueError(f"no such floor, length or window: {floor}, {until}, {window}")
        self.floor = floor
        self.until = until
        self._latest: deque[float] = deque(maxlen=window)
        self._least = max(1, window // 2)
        self._opening = ""
        self._tokens = 0
        self._state = Running.GO_ON

    def feed(self, text: str, logprobs: Sequence[Mapping[str, Any]] = ()) -> Running:
        """Take in one chunk: its text, and OpenAI's logprob entries of its tokens where there are any."""
        if self._state is not Running.GO_ON:
            return self._state
        values = [float(entry["logprob"]) for entry in logprobs if entry.get("logprob") is not None]
        self._latest.extend(values)
        # Providers without log-probabilities send about one token per chunk.
        self._tokens += len(values) or bool(text)
        self._opening = (self._opening + text)[:200]
        if self.confidence is not None and self.confidence < self.floor:
            self._state = Running.COLLAPSED
        elif self._tokens >= self.until:
            self._state = Running.SETTLED
        elif not values and self._is_giving_up():
            self._state = Running.COLLAPSED
        return self._state

    @property
    def confidence(self) -> float | None:
        """The geometric mean probability of the latest tokens; None before there are enough."""
        if len(self._latest) < self._least:
            return None
        return math.exp(max(-700.0, sum(self._latest) / len(self._latest)))

    def _is_giving_up(self) -> bool:
        opening = fold(self._opening)
        return any(phrase in opening for phrase in (*REFUSALS, *IGNORANCE))
