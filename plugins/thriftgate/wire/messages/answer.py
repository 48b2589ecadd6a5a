"""An answer of Anthropic's messages, looked at. Source: Anthropic's API reference, "Create a Message".

Failure behaviour: pure and total.
"""

import json
from collections.abc import Iterator
from functools import cached_property
from typing import ClassVar

from thriftgate.wire.answer import AnswerView, ChoiceView, Finish, FinishKind, Media, ToolCall, UsageDetails
from thriftgate.wire.shapes import Body, Json, count, is_count, items, mapping, objects, text, text_or_none
from thriftgate.wire.turns import Dialect, PartKind

_FINISHES = {
    "end_turn": FinishKind.STOP, "stop_sequence": FinishKind.STOP, "tool_use": FinishKind.TOOL_CALLS,
    "max_tokens": FinishKind.LENGTH, "model_context_window_exceeded": FinishKind.LENGTH,
    "refusal": FinishKind.REFUSED, "pause_turn": FinishKind.PAUSED,
}  # fmt: skip
_COUNTS = ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
_SERVER_CALLS = ("server_tool_use", "mcp_tool_use")
_WORDS = frozenset(
    {
        "text", "thinking", "redacted_thinking", "tool_use", "web_search_tool_result", "web_fetch_tool_result",
        "tool_search_tool_result", "mcp_tool_result", "compaction", "fallback",
    }
)  # fmt: skip
"""Blocks that are words, calls, or what a model read to find some."""


class MessagesAnswerView(AnswerView):
    """A message of the assistant; always one choice."""

    dialect: ClassVar[Dialect] = Dialect.MESSAGES

    @cached_property
    def choices(self) -> tuple[ChoiceView, ...]:
        """The one answer; none where the body has no content."""
        if not isinstance(self.body.get("content"), list):
            return ()
        blocks = objects(self.body["content"])
        texts = [block for block in blocks if block.get("type") == "text"]
        return (
            ChoiceView(
                index=0,
                text="".join(text(block.get("text")) for block in texts),
                finish=self._finish(),
                thinking="".join(text(block.get("thinking")) for block in blocks if block.get("type") == "thinking"),
                refusal=text(mapping(self.body.get("stop_details")).get("explanation")) or None,
                tool_calls=tuple(_call(block) for block in blocks if block.get("type") == "tool_use"),
                server_tool_calls=tuple(_call(block) for block in blocks if block.get("type") in _SERVER_CALLS),
                citations=tuple(citation for block in texts for citation in items(block.get("citations"))),
                media=tuple(_media(blocks)),
            ),
        )

    @cached_property
    def usage(self) -> UsageDetails | None:
        """Tokens with all their details; Anthropic counts cached input beside `input_tokens`, we within."""
        usage = mapping(self.body.get("usage"))
        if usage.get("input_tokens") is None and usage.get("output_tokens") is None:
            return None
        read, written = count(usage.get("cache_read_input_tokens")), count(usage.get("cache_creation_input_tokens"))
        return UsageDetails(
            input_tokens=count(usage.get("input_tokens")) + read + written,
            output_tokens=count(usage.get("output_tokens")),
            cached_tokens=read,
            cache_write_tokens=written,
            cache_write_1h_tokens=count(mapping(usage.get("cache_creation")).get("ephemeral_1h_input_tokens")),
            reasoning_tokens=count(mapping(usage.get("output_tokens_details")).get("thinking_tokens")),
            service_tier=text_or_none(usage.get("service_tier")),
            is_clamped=not all(map(is_count, map(usage.get, _COUNTS))),
            raw=usage,
        )

    def without_logprobs(self) -> Body:
        """The body: there are no log-probabilities in this dialect."""
        return {**self.body}

    def with_alternatives(self, most: int) -> Json:
        """The very body: there are no log-probabilities in this dialect."""
        return self.body

    def _finish(self) -> Finish:
        said = text_or_none(self.body.get("stop_reason"))
        return Finish(_FINISHES.get(said or "", FinishKind.UNKNOWN), said)


def _media(blocks: list[Json]) -> Iterator[Media]:
    """What is said in no words; a block that nobody knows is something too."""
    for block in blocks:
        kind = text(block.get("type"))
        if kind == "image":
            yield Media(PartKind.IMAGE, block)
        elif kind not in _WORDS and kind not in _SERVER_CALLS:
            yield Media(PartKind.OTHER, block)


def _call(block: Json) -> ToolCall:
    given = block.get("input")
    arguments = given if isinstance(given, str) else json.dumps(given, ensure_ascii=False, default=str)
    return ToolCall(text(block.get("id")), text(block.get("name")), arguments)
