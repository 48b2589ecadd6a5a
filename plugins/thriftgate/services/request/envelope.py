"""Choices as the chunks of one stream, in OpenAI's shape: pure but for the time it began."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from thriftgate.services.request.chunks import usage_object
from thriftgate.types import Answer, ChatRequest


class Envelope:
    """Wraps choices into chunks of one stream."""

    def __init__(self, request: ChatRequest) -> None:
        self._frame: dict[str, Any] = {
            "id": f"chatcmpl-{request.request_id}",
            "object": "chat.completion.chunk",
            "created": int(time.time()),
            "model": request.route,
        }

    def chunk(self, choice: Mapping[str, Any]) -> Mapping[str, Any]:
        """One chunk with one choice."""
        return {**self._frame, "choices": [choice]}

    def ending(
        self, last: Sequence[Mapping[str, Any]], answer: Answer, summary: Mapping[str, Any]
    ) -> Sequence[Mapping[str, Any]]:
        """The chunks with the finish reasons, then one with usage and what the client is told."""
        usage: dict[str, Any] = {
            **self._frame,
            "choices": [],
            "usage": usage_object(answer.usage),
            "thriftgate": dict(summary),
        }
        return [*(self.chunk(choice) for choice in last), usage]
