"""Streams a cheap answer before it was judged as a whole, but not before its first tokens look good.

The first `until` tokens are held back. If the running confidence collapses among them, nothing was shown and the
stronger tier is asked; an answer that ends among them is judged like any other. After them it is shown as it comes,
and can no longer be taken back.

Failure behaviour: a stream that breaks off while it is held back fails its tier; later it is the client's to hear.
"""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

from thriftgate.cascade.running import Running, RunningConfidence


class OptimisticStream:
    """Decides while it streams. Iterate `choices()`; the attributes then say what came of it."""

    def __init__(self, running: RunningConfidence) -> None:
        self._running = running
        self.is_shown = False
        self.has_collapsed = False
        self.held: list[Mapping[str, Any]] = []
        """What was not shown, when the answer ended or collapsed before it was settled."""

    async def choices(self, source: AsyncGenerator[Mapping[str, Any], None]) -> AsyncGenerator[Mapping[str, Any], None]:
        """The choices that may be shown by now."""
        async with aclosing(source):
            async for choice in source:
                if self.is_shown:
                    yield choice
                    continue
                self.held.append(choice)
                match self._feed(choice):
                    case Running.COLLAPSED:
                        self.has_collapsed = True
                        return
                    case Running.SETTLED:
                        self.is_shown = True
                        released, self.held = self.held, []
                        for earlier in released:
                            yield earlier
                    case Running.GO_ON:
                        pass

    def _feed(self, choice: Mapping[str, Any]) -> Running:
        delta: Mapping[str, Any] = choice.get("delta") or {}
        logprobs: Mapping[str, Any] = choice.get("logprobs") or {}
        return self._running.feed(delta.get("content") or "", logprobs.get("content") or ())
