"""Tells an operator's webhook what happened, beside the requests.

Failure behaviour: a post that fails (no connection, a status that is not 2xx) is tried again with growing pauses, five
times in all; then it is given up, counted and logged, as it is at once where too much runs behind the requests.
Nothing is raised.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from thriftgate.services.request.background import BackgroundTasks

logger = logging.getLogger(__name__)

PAUSES = (1.0, 4.0, 15.0, 60.0)
"""Seconds between the tries."""


class Alerts:
    """Posts events to one webhook; without one they are only logged."""

    def __init__(
        self,
        post: Callable[[Mapping[str, Any]], Awaitable[bool]] | None,
        background: BackgroundTasks,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`post` says whether the event was taken, and does not raise."""
        self._post = post
        self._background = background
        self._sleep = sleep
        self.given_up = 0
        """Events that nobody took."""

    def tell(self, event: Mapping[str, Any]) -> None:
        """Post an event, soon."""
        account = event["account"]
        logger.warning("%s: %s %s, %s", event["event"], account["kind"], account["name"], event["window"])
        if self._post is not None and not self._background.start("webhook", self._deliver(self._post, event)):
            self.given_up += 1
            logger.error("the webhook was not told of %s: too much runs behind the requests", event["event"])

    async def _deliver(self, post: Callable[[Mapping[str, Any]], Awaitable[bool]], event: Mapping[str, Any]) -> None:
        for pause in (*PAUSES, None):
            if await post(event):
                return
            if pause is not None:
                await self._sleep(pause)
        self.given_up += 1
        logger.error("the webhook did not take %s", event["event"])
