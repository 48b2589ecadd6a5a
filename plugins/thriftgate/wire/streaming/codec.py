"""Answers while they are written, whatever their dialect: what the three stream codecs share.

Failure behaviour: pure. Assemblers and holders never raise on an event, whatever its shape.
"""

import base64
import binascii
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from thriftgate.wire.request import RequestView
from thriftgate.wire.shapes import Body, Json, text

_WORD = re.compile(r"\S+\s*|\s+")
"""A word with the white space behind it; cannot backtrack, as models have been seen to answer 10,000 blanks."""
_WORDS_PER_PIECE = 4
_LONGEST_PIECE = 200
"""Characters; a text without blanks (base64, JSON, Chinese) comes in pieces of so many."""

_LAST = frozenset(
    {"message_stop", "response.completed", "response.incomplete", "response.failed", "response.cancelled"}
)  # fmt: skip


def is_last_event(event: Json) -> bool:
    """Whether a stream's answer ends with this event, well or not; chat completions end without an event of their own.

    Source: Anthropic's "Streaming messages", OpenAI's "Streaming events".
    """
    return text(event.get("type")) in _LAST


def pieces(words: str) -> list[str]:
    """A text in the pieces a replay sends: a few words each. Joined they are the text again."""
    found = _WORD.findall(words)
    joined = ("".join(found[start : start + _WORDS_PER_PIECE]) for start in range(0, len(found), _WORDS_PER_PIECE))
    return [piece[at : at + _LONGEST_PIECE] for piece in joined for at in range(0, len(piece), _LONGEST_PIECE)]


def joined_base64(parts: Sequence[str]) -> str:
    """Pieces of base64 as one: pieces that were encoded one by one are decoded and encoded together."""
    whole = "".join(parts)
    if all("=" not in part for part in parts[:-1]) and all(len(part) % 4 == 0 for part in parts[:-1]):
        return whole
    try:
        return base64.b64encode(b"".join(base64.b64decode(part, validate=True) for part in parts)).decode()
    except (binascii.Error, ValueError):
        return whole


class Assembler(ABC):
    """Puts a streamed answer together: `feed()` every event, then take `finish()`."""

    error: Json | None = None
    """The error that the provider sent in the middle of its stream."""

    @abstractmethod
    def feed(self, event: Json) -> None:
        """Take one event as the provider sent it."""

    @abstractmethod
    def finish(self) -> Body:
        """The whole answer, as the provider would have sent it without `stream`; what is missing stays missing."""

    @property
    @abstractmethod
    def text(self) -> str:
        """The first choice's text so far."""

    @property
    @abstractmethod
    def generated(self) -> str:
        """All that was written so far, thinking and tool arguments included: what a tokenizer would count."""

    @property
    @abstractmethod
    def is_complete(self) -> bool:
        """True when the answer's ending has been seen."""


class Ending(ABC):
    """Holds back a stream's ending, so that what is only known at the end can still be said in the provider's events.

    `feed()` gives the events to pass on now, the very same objects and in order, but for what is withheld.
    `end()` gives the held ones with the late fields; `flush()` gives them as they came, for a stream that broke off.
    """

    def __init__(
        self,
        view: RequestView,
        *,
        is_own: bool = False,
        hide_logprobs: bool = False,
        hide_usage: bool = False,
        alternatives: int | None = None,
    ) -> None:
        self.view = view
        """The client's request: how many answers it expects, and what they repeat of it."""
        self.is_own = is_own
        """The provider was sent this very request: what it repeats is the client's, a template's words as well."""
        self.hide_logprobs = hide_logprobs
        """We asked for log-probabilities and the client did not."""
        self.hide_usage = hide_usage
        """We asked for the chunk with the usage and the client did not."""
        self.alternatives = alternatives
        """So many a token are shown, where we asked for more of them than the client; None: all."""
        self.held: list[Json] = []

    def feed(self, event: Json) -> list[Json]:
        """The events that may be passed on now."""
        shown = self._shown(event)
        if shown is None:
            return []
        if self.held or self._begins_ending(shown):
            self.held.append(shown)
            return []
        return [shown]

    def flush(self) -> list[Json]:
        """What was held, as it came."""
        held, self.held = self.held, []
        return held

    def end(self, fields: Json | None = None) -> list[Json]:
        """What was held, with `fields` in the event that ends the answer."""
        held = self.flush()
        return self._with_fields(held, fields) if fields and held else held

    @abstractmethod
    def _begins_ending(self, event: Json) -> bool:
        """True when this event and all after it belong to the ending."""

    @abstractmethod
    def _shown(self, event: Json) -> Json | None:
        """The event without what is withheld; None when nothing of it is left."""

    @abstractmethod
    def _with_fields(self, held: list[Json], fields: Json) -> list[Json]:
        """The held events with the late fields."""


def fields_but(value: Mapping[str, Any], names: Iterable[str]) -> Body:
    """The object without the named fields."""
    left_out = frozenset(names)
    return {name: content for name, content in value.items() if name not in left_out}
