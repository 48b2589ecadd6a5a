"""The ending of a Responses stream, held back.

Failure behaviour: pure and total.
"""

from thriftgate.wire.responses.answer import hide_in_item, hide_in_part, hide_in_response
from thriftgate.wire.responses.echo import echoed
from thriftgate.wire.shapes import Body, Json, mapping
from thriftgate.wire.streaming.codec import Ending, is_last_event


class ResponsesEnding(Ending):
    """Holds the event that has the whole response; late fields stand in that response.

    Every response that an event repeats shows the client's own instructions and metadata.
    """

    def _begins_ending(self, event: Json) -> bool:
        return is_last_event(event) or event.get("type") == "error"

    def _shown(self, event: Json) -> Json | None:
        response = mapping(event.get("response"))
        if response:
            event = {**event, "response": echoed(self.view.body, response)}
        return _hidden(event) if self.hide_logprobs else event

    def _with_fields(self, held: list[Json], fields: Json) -> list[Json]:
        return [
            {**event, "response": {**mapping(event.get("response")), **fields}} if is_last_event(event) else event
            for event in held
        ]


def _hidden(event: Json) -> Json:
    changed: Body = {}
    if event.get("logprobs"):
        changed["logprobs"] = []
    if mapping(event.get("part")):
        changed["part"] = hide_in_part(event["part"])
    if mapping(event.get("item")):
        changed["item"] = hide_in_item(event["item"])
    if mapping(event.get("response")):
        changed["response"] = hide_in_response(mapping(event["response"]))
    return {**event, **changed} if changed else event
