"""What a signal may look at, and what a signal is."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, cast

from thriftgate.types import ChatRequest, Choice, Message

LONGEST_TEXT = 3000
"""Characters of an answer that the text signals read; the rest changes nothing and would cost time."""

Cost = Literal["free", "logprobs", "second_sample", "judge"]
"""What a signal needs: nothing, token log-probabilities (free where the provider has them), another cheap answer, or a
judge model's word."""


class SignalEvidence:
    """One answer with all that is known about it. What several signals need is worked out once."""

    def __init__(
        self, request: ChatRequest, choice: Choice, *, second: Choice | None = None, rating: float | None = None
    ) -> None:
        self.request = request
        self.choice = choice
        self.second = second
        """Another answer to the same request, by the same or another cheap model."""
        self.rating = rating
        """What a judge model made of the answer, in [0, 1]."""

    @cached_property
    def text(self) -> str:
        """The answer's text, at most `LONGEST_TEXT` characters from its end (where the conclusion stands)."""
        return self.choice.text[-LONGEST_TEXT:]

    @cached_property
    def folded(self) -> str:
        """The text for phrase search: lower case, plain apostrophes."""
        return fold(self.text)

    @cached_property
    def question(self) -> str:
        """The last user message as text."""
        for message in reversed(self.request.messages):
            if message.get("role") == "user":
                return message_text(message)[-LONGEST_TEXT:]
        return ""

    @cached_property
    def parsed(self) -> object:
        """The answer as JSON (also inside a Markdown fence); `NOT_JSON` when it is none."""
        return parse_json(self.choice.text)


NOT_JSON = object()
_FENCE = "```"


@dataclass(frozen=True, slots=True)
class Signal:
    """One way to tell a good answer from a bad one."""

    name: str
    cost: Cost
    features: tuple[str, ...]
    """Names of what `measure` returns, so that an artefact can be checked before it is used."""
    measure: Callable[[SignalEvidence], Mapping[str, float] | None]
    """The features' values; None when there is nothing to go by (no logprobs, no second answer)."""


def fold(text: str) -> str:
    """Lower case, plain apostrophes, plain spaces. Not `casefold`, which would turn ß into ss."""
    return text.lower().replace("\u2019", "'").replace("\u00a0", " ")


def message_text(message: Message) -> str:
    """The text of a message; images and other parts are left out."""
    content = message.get("content")
    if isinstance(content, str):
        return content
    if not isinstance(content, list | tuple):
        return ""
    parts = cast("list[Any]", content)
    return "\n".join(str(cast("Mapping[str, Any]", part).get("text") or "") for part in parts if isinstance(part, dict))


def parse_json(text: str) -> object:
    """The JSON value that is the whole text, with or without a Markdown fence around it; else `NOT_JSON`."""
    candidate = _inside_fence(text.strip())
    if not candidate or candidate[0] not in '{["-0123456789tfn':
        return NOT_JSON
    try:
        return json.loads(candidate)
    except (ValueError, RecursionError):
        return NOT_JSON


def _inside_fence(text: str) -> str:
    """What stands between a first line of three backticks, alone or with `json`, and three backticks at the end."""
    if not (text.startswith(_FENCE) and text.endswith(_FENCE)):
        return text
    opening, _, rest = text.partition("\n")
    if opening[len(_FENCE) :].strip() not in ("", "json"):
        return text
    return rest[: -len(_FENCE)].strip()
