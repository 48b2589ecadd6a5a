"""Where a request waits: LiteLLM's hook before a call, for routes and plain models alike.

Failure behaviour: a refused request raises; the layer around it tells the client why in its own dialect. A client that
goes away while its request waits leaves the queue.
"""

import asyncio
import uuid
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from fastapi import HTTPException
from litellm.integrations.custom_logger import CustomLogger
from litellm.proxy._types import UserAPIKeyAuth

from thriftgate.limits.ladder import LadderStep
from thriftgate.proxy.errors import ClientHTTPException
from thriftgate.proxy.limits.dialects import waiting_comment
from thriftgate.proxy.limits.reading import arrival_of, cap_tokens
from thriftgate.proxy.limits.request import LimitedRequest, current
from thriftgate.services.limits.admission import Admission
from thriftgate.services.limits.passes import ClientGoneError, QueuePlace, RefusedError

_CLIENT_GONE = 499
_COMMENT_EVERY = 2.0
"""Seconds between two comments in a stream that waits."""


class LimitHooks(CustomLogger):
    """Lets requests in."""

    def __init__(
        self,
        admission: Callable[[], Admission],
        *,
        behind: Callable[[str], tuple[str, bool]],
        max_answer_tokens: int | None,
        comments_after: float | None,
    ) -> None:
        """Tells the request how to wait.

        Args:
            admission: The limits.
            behind: The route or model behind what a client calls, and whether it is a route, which says itself when its
                models work.
            max_answer_tokens: How long answers may be on the ladder's step `shorter`.
            comments_after: Seconds after which a stream that waits is begun with comments; None: never.
        """
        super().__init__()
        self._admission = admission
        self._behind = behind
        self._max_answer_tokens = max_answer_tokens
        self._comments_after = comments_after

    async def async_pre_call_hook(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, user_api_key_dict: UserAPIKeyAuth, cache: object, data: dict[str, Any], call_type: str
    ) -> dict[str, Any] | None:
        """Wait until the request may run."""
        request = current.get()
        if request is None or request.responder.passed is not None:
            return None
        model, is_route = self._behind(str(data.get("model") or ""))
        arrival = arrival_of(
            data,
            user_api_key_dict,
            # Not LiteLLM's id, which a client may choose: two requests of one id would share a reservation.
            request_id=uuid.uuid4().hex,
            model=model,
            is_of_route=is_route,
        )
        comments = _Comments(request, self._comments_after if data.get("stream") is True else None)
        try:
            request.responder.passed = await self._admission().admit(
                arrival, gone=request.connection.gone, on_wait=comments.start
            )
        except RefusedError as refused:
            request.responder.refusal = refused.refusal
            if request.caller is not None:
                self._admission().again.remember(request.caller, str(data.get("model")), arrival, refused.refusal)
            raise ClientHTTPException(refused.refusal.error) from None
        except ClientGoneError:
            raise HTTPException(_CLIENT_GONE, "the client went away") from None
        finally:
            await comments.stop()
        if LadderStep.SHORTER in request.responder.passed.steps and self._max_answer_tokens is not None:
            cap_tokens(data, self._max_answer_tokens)
            return data
        return None


class _Comments:
    """Tells a stream that waits where it stands."""

    def __init__(self, request: LimitedRequest, after: float | None) -> None:
        self._request = request
        self._after = after
        self._task: asyncio.Task[None] | None = None

    def start(self, place: Callable[[], QueuePlace]) -> None:
        if self._after is not None:
            self._task = asyncio.create_task(self._run(place, self._after), name="thriftgate:limits_comments")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError, OSError):
                await self._task

    async def _run(self, place: Callable[[], QueuePlace], after: float) -> None:
        await asyncio.sleep(after)
        while True:
            await self._request.responder.comment(waiting_comment(place()))
            await asyncio.sleep(_COMMENT_EVERY)
