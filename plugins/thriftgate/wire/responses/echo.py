"""What a response repeats of its request, set to what this client sent.

A response repeats the instructions, and with them a route's own prompt; from a cache it would repeat another
client's metadata.

Failure behaviour: pure and total.
"""

from collections.abc import Mapping
from typing import Any

from thriftgate.wire.shapes import Body, Json

_ECHOED: Mapping[str, Any] = {
    "instructions": None, "metadata": {}, "user": None, "safety_identifier": None, "prompt_cache_key": None,
}  # fmt: skip
"""The fields, each with what OpenAI says where the client sent none."""


def echoed(request: Json, response: Json, *, is_own: bool = False) -> Body:
    """The response with the client's own values; a field that the provider left out stays out.

    `is_own`: it answers this very request, so that what the client did not send is the provider's to say: the
    instructions of a prompt that the provider keeps.
    """
    body: Body = dict(response)
    for name, otherwise in _ECHOED.items():
        if name in body:
            sent = request.get(name)
            if sent is not None:
                body[name] = sent
            elif body[name] and not is_own:
                body[name] = otherwise
    return body
