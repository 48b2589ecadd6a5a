"""Streams a cheap answer before it was judged as a whole, but not before its first tokens look good.

The first `until` tokens are held back. If the running confidence collapses among them, nothing was shown and the
stronger tier is asked; an answer that ends among them is judged like any other. After them it is shown as it comes,
and can no longer be taken back.

Failure behaviour: a stream that breaks off while it is held back fails its tier; later it is the client's to hear.
"""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from thriftgate.cascade.running import Running, RunningConfidence
from thriftgate.services.request.reading import chat_delta
from thriftgate.types import StreamPiece


class OptimisticStream:
    """Holds back until the running confidence has settled. Iterate `pieces()`; `is_shown` says what came of it."""

    def __init__(self, running: RunningConfidence) -> None:
        self._running = running
        self._read = 0
        self.is_shown = False

    async def pieces(
        self, source: AsyncGenerator[StreamPiece, None], text: Callable[[], str]
    ) -> AsyncGenerator[StreamPiece, None]:
        """The events that may be shown by now; `text` tells what was written so far."""
        held: list[StreamPiece] = []
        async with aclosing(source):
            async for piece in source:
                if self.is_shown:
                    yield piece
                    continue
                held.append(piece)
                match self._feed(piece, text):
                    case Running.COLLAPSED:
                        return
                    case Running.SETTLED:
                        self.is_shown = True
                        for earlier in held:
                            yield earlier
                        held = []
                    case Running.GO_ON:
                        pass

    def _feed(self, piece: StreamPiece, written: Callable[[], str]) -> Running:
        new, logprobs = chat_delta(piece.event)
        if "choices" not in piece.event:
            # No chat chunk: what the answer has grown by.
            whole = written()
            new, self._read = whole[self._read :], len(whole)
        return self._running.feed(new, logprobs)
