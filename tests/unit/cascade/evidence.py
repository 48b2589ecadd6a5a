"""Answers as the signals get them."""

from collections.abc import Mapping
from typing import Any

from thriftgate.cascade.signals import SignalEvidence
from thriftgate.types import ChatRequest, Choice


def said(
    text: str, *messages: Mapping[str, Any] | str, second: str | None = None, finish: str = "stop", **params: Any
) -> SignalEvidence:
    """The answer `text` to the messages; a string is what the user says."""
    asked = tuple({"role": "user", "content": one} if isinstance(one, str) else one for one in messages)
    request = ChatRequest(request_id="r", route="s", messages=asked, params=params)
    other = None if second is None else Choice({"role": "assistant", "content": second})
    return SignalEvidence(request, Choice({"role": "assistant", "content": text}, finish), second=other)
