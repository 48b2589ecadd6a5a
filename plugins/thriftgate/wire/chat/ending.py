"""The ending of a stream of chat chunks, held back.

Failure behaviour: pure and total.
"""

from thriftgate.wire.chat.answer import hide_logprobs
from thriftgate.wire.chat.assembling import is_choice_ended, usage_only
from thriftgate.wire.request import RequestView
from thriftgate.wire.shapes import Json, integer, mapping, objects
from thriftgate.wire.streaming.codec import Ending

_FRAME = frozenset({"id", "object", "created", "model", "system_fingerprint", "service_tier", "choices", "usage"})
"""A chunk of these alone, and without a choice, was there for the usage; some providers send it without any."""


class ChatEnding(Ending):
    """Holds from the chunk on in which the last of the `n` choices ends."""

    def __init__(self, view: RequestView, **settings: bool) -> None:
        super().__init__(view, **settings)
        self._ended: set[int] = set()

    def _begins_ending(self, event: Json) -> bool:
        choices = objects(event.get("choices"))
        self._ended.update(integer(choice.get("index")) or 0 for choice in choices if is_choice_ended(choice))
        return len(self._ended) >= self.view.n or usage_only(event) or bool(mapping(event.get("error")))

    def _shown(self, event: Json) -> Json | None:
        if self.hide_usage:
            if usage_only(event) or (not event.get("choices") and event.keys() <= _FRAME):
                return None
            event = {name: value for name, value in event.items() if name != "usage"} if "usage" in event else event
        has_logprobs = self.hide_logprobs and any(
            choice.get("logprobs") is not None for choice in objects(event.get("choices"))
        )
        return hide_logprobs(event) if has_logprobs else event

    def _with_fields(self, held: list[Json], fields: Json) -> list[Json]:
        return [*held[:-1], {**held[-1], **fields}]
