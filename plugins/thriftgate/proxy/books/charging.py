"""LiteLLM charges for a stream what it charges for the same answer whole, and never less than nothing.

A provider may write a `cost` into its usage. Of a stream LiteLLM charges that number, whoever says it and whatever it
is; of a whole answer it does so for OpenRouter alone. And a negative count of tokens has a negative price: a key would
be paid for asking. What of usage can be believed is read before that, in `usages`; this is for what comes in past it.

Failure behaviour: nothing is raised; what is no number is left as it is.
"""

import math
from functools import wraps
from typing import Any, cast

from litellm.litellm_core_utils import streaming_chunk_builder_utils, streaming_handler
from litellm.litellm_core_utils.litellm_logging import Logging


def charge_alike() -> None:
    """From now on; again changes nothing."""
    theirs = cast("Any", streaming_chunk_builder_utils)._stream_builder_response_cost
    if hasattr(theirs, "_charges_alike"):
        return
    says_cost = cast("Any", streaming_handler)._USAGE_COST_HEADER_PROVIDERS

    @wraps(theirs)
    def of_stream(response: Any, logging_obj: Any) -> Any:
        if logging_obj is not None and logging_obj.model_call_details.get("custom_llm_provider") not in says_cost:
            return None  # the price of its tokens, as for a whole answer
        return _not_negative(theirs(response, logging_obj))

    setattr(of_stream, "_charges_alike", True)  # noqa: B010  functions have no such field
    setattr(streaming_chunk_builder_utils, "_stream_builder_response_cost", of_stream)  # noqa: B010
    calculated = cast("Any", Logging).response_cost_calculator

    @wraps(calculated)
    def of_answer(self: Logging, *args: Any, **kwargs: Any) -> Any:
        return _not_negative(calculated(self, *args, **kwargs))

    setattr(Logging, "response_cost_calculator", of_answer)  # noqa: B010


def _not_negative(cost: object) -> object:
    if isinstance(cost, int | float) and not (math.isfinite(cost) and cost >= 0):
        return 0.0
    return cost
