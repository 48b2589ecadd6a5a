"""The ending of a stream of Anthropic's events, held back.

Failure behaviour: pure and total.
"""

from thriftgate.wire.shapes import Json
from thriftgate.wire.streaming.codec import Ending

_ENDS = ("message_delta", "message_stop", "error")


class MessagesEnding(Ending):
    """Holds from `message_delta` on; late fields stand in `message_stop`, as other hosts of this API have it."""

    def _begins_ending(self, event: Json) -> bool:
        return event.get("type") in _ENDS

    def _shown(self, event: Json) -> Json | None:
        return event

    def _with_fields(self, held: list[Json], fields: Json) -> list[Json]:
        return [{**event, **fields} if event.get("type") == "message_stop" else event for event in held]
