"""What LiteLLM charges for a stream that its reader left: what was said by then, as of a plain model's stream.

LiteLLM does so for the answer that it hands to a client; of a route's it sees no provider's chunks, and the stream of
the tier inside ends without a word. Whoever left before the end would have asked for nothing, and been counted nothing
by a limit on tokens.

Failure behaviour: nothing is raised; what LiteLLM cannot put together is not charged, as with a plain model.
"""

import asyncio
from contextlib import suppress
from typing import Any, cast

from litellm.litellm_core_utils.litellm_logging import Logging
from litellm.proxy import common_request_processing

from thriftgate.proxy.edge import current
from thriftgate.types import Usage
from thriftgate.wire.shapes import mapping

_bill = cast("Any", common_request_processing)._bill_partial_streamed_spend_on_disconnect
_INSIDE = ("inner", "_source_iterator", "_wrapper", "responses_stream")
_tasks: set[asyncio.Task[Usage]] = set()


def charge(response: object, model: str) -> None:
    """Charge for a tier's stream that nobody reads on, beside whoever closes it."""
    stream, logging = _logged(response)
    if logging is None:
        return
    task = asyncio.ensure_future(_charged(stream, model, logging))
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)
    edge = current.get()
    if edge is not None:
        edge.unread.append(task)


async def used(unread: list["asyncio.Task[Usage]"]) -> Usage:
    """What these streams took in all."""
    found = await asyncio.gather(*unread)
    return Usage(sum(one.prompt_tokens for one in found), sum(one.completion_tokens for one in found))


async def _charged(response: object, model: str, logging: Logging) -> Usage:
    with suppress(Exception):  # a logger of somebody else's may be in there
        await _bill({"litellm_logging_obj": logging, "model": model}, response)
        row = mapping(logging.model_call_details.get("standard_logging_object"))
        return Usage(int(row.get("prompt_tokens") or 0), int(row.get("completion_tokens") or 0))
    return Usage()


def _logged(response: object) -> tuple[object, Logging | None]:
    """The stream that its log belongs to: for `/v1/messages` LiteLLM wraps another API's in several more."""
    stream: object = response
    while stream is not None:
        found: object = getattr(stream, "logging_obj", None)
        if isinstance(found, Logging):
            return stream, found
        stream = next((inner for name in _INSIDE if (inner := getattr(stream, name, None)) is not None), None)
    return response, None
