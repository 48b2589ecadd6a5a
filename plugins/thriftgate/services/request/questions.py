"""What a conversation asks: the text of its last user message."""

from collections.abc import Mapping, Sequence
from typing import Any

from thriftgate.cascade.signals.evidence import message_text


def question_of(messages: Sequence[Mapping[str, Any]]) -> str:
    """The last user message as plain text; empty when there is none."""
    return next((message_text(message) for message in reversed(messages) if message.get("role") == "user"), "")
