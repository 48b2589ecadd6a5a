"""What of a chat completions request LiteLLM's translation loses on the way to an Anthropic tier.

Most parameters that Anthropic lacks LiteLLM refuses by itself; here stands what it would leave out, and what it
refuses only until somebody sets `drop_params`.

Failure behaviour: pure and total.
"""

from collections.abc import Iterator

from thriftgate.wire.chat.request import ChatRequestView
from thriftgate.wire.paths import Path
from thriftgate.wire.shapes import items, mapping
from thriftgate.wire.turns import MEDIA, SPEAKERS, PartKind, Turn, rules_of_all

_NOT_AT_ANTHROPIC = ("audio", "prediction", "logit_bias", "top_logprobs")
_LOST_PARTS = frozenset({PartKind.AUDIO, PartKind.VIDEO, PartKind.OTHER, PartKind.REFUSAL})


def lost(view: ChatRequestView) -> Iterator[Path]:
    """The places that an Anthropic tier would never see."""
    body = view.body
    yield from ((name,) for name in _NOT_AT_ANTHROPIC if body.get(name))
    if view.n > 1:
        yield ("n",)
    if view.asks_logprobs:
        yield ("logprobs",)
    if "audio" in items(body.get("modalities")):
        yield ("modalities",)
    for tool in view.tools:
        if tool.value.get("type") == "custom":
            yield (*tool.path, "type")
        below = ("function", "parameters") if tool.path[0] == "tools" else ("parameters",)
        yield from ((*tool.path, *below, name) for name in rules_of_all(tool.schema or {}))
    if mapping(body.get("tool_choice")).get("type") in ("allowed_tools", "custom"):
        yield ("tool_choice",)
    for turn in view.turns:
        yield from _lost_in_turn(turn)


def _lost_in_turn(turn: Turn) -> Iterator[Path]:
    """What was heard, shown or refused before, by whoever answered, and calls of tools that take any text."""
    for part in turn.parts:
        is_custom = part.kind is PartKind.TOOL_CALL and mapping(part.value).get("type") == "custom"
        is_shown = part.kind in MEDIA and turn.role in SPEAKERS
        if part.kind in _LOST_PARTS or is_custom or is_shown:
            yield part.path
    if mapping(turn.value.get("audio")).get("id"):
        yield (*turn.path, "audio")
    if turn.role == "assistant" and turn.value.get("images"):
        yield (*turn.path, "images")
