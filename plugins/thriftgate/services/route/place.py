"""A request's place among those for which models may work at once, as its route sees it.

A place is held while models are asked, and only then: what comes before and after costs us time, not them.
"""

from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from typing import Any, Protocol

from thriftgate.services.request.journal import Journal


class WorkPlace(Protocol):
    """A request's place among those for which models may work at once."""

    def held(self) -> AbstractAsyncContextManager[float]:
        """Hold it while models are asked; gives the seconds for which it was waited for. Raises OverloadedError."""
        ...

    def lend(self) -> None:
        """Another's answer is waited for: somebody else may have the place until it is known that it does not come."""
        ...

    def leave(self) -> None:
        """No model is asked any more; again changes nothing."""
        ...


class NoPlace:
    """Where as many may ask as come."""

    def held(self) -> AbstractAsyncContextManager[float]:
        """At once."""
        return nullcontext(0.0)

    def lend(self) -> None:
        """Nothing to lend."""

    def leave(self) -> None:
        """Nothing to leave."""


@asynccontextmanager
async def asking(place: WorkPlace, journal: Journal) -> AsyncGenerator[dict[str, Any]]:
    """The stage in which models are asked, with its place held; gives the stage's attributes."""
    async with place.held() as waited:
        if waited:
            journal.queued(waited)
        with journal.stage("cascade") as notes:
            yield notes
