"""Answers of a store that are good for a moment, so that a busy key costs one question a second and not one a request.

Failure behaviour: whatever the question raises reaches everybody who waits for its answer, and nothing is kept.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from thriftgate.ports import Clock

Question = TypeVar("Question", bound=Hashable)
Answer = TypeVar("Answer")


class RecentAnswers(Generic[Question, Answer]):
    """Keeps each answer for `good_for` seconds, counted from when it was asked for; at most `size` of them.

    Any number of tasks that ask the same at once ask the store once.
    """

    def __init__(
        self, ask: Callable[[Question], Awaitable[Answer]], clock: Clock, *, good_for: float = 1.0, size: int = 20_000
    ) -> None:
        self._ask = ask
        self._clock = clock
        self._good_for = good_for
        self._size = size
        self._kept: OrderedDict[Question, tuple[float, Answer]] = OrderedDict()
        self._asking: dict[Question, asyncio.Task[Answer]] = {}

    async def get(self, question: Question) -> Answer:
        """The answer, at most `good_for` seconds old."""
        kept = self._kept.get(question)
        if kept is not None and self._clock.monotonic() < kept[0]:
            return kept[1]
        task = self._asking.get(question)
        if task is None:
            task = self._asking[question] = asyncio.create_task(self._fetch(question))
            task.add_done_callback(_seen)
        # Whoever goes away must not take the answer from the others.
        return await asyncio.shield(task)

    def forget(self, question: Question) -> None:
        """Ask anew the next time."""
        self._kept.pop(question, None)

    async def _fetch(self, question: Question) -> Answer:
        until = self._clock.monotonic() + self._good_for
        try:
            answer = await self._ask(question)
        finally:
            self._asking.pop(question, None)
        self._kept[question] = (until, answer)
        self._kept.move_to_end(question)
        while len(self._kept) > self._size:
            self._kept.popitem(last=False)
        return answer


def _seen(task: asyncio.Task[object]) -> None:
    """An error that nobody waited for is no news."""
    if not task.cancelled():
        task.exception()
