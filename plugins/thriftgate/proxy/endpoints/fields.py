"""What the documented fields of the three endpoints are, and LiteLLM's own beside them: the one table of their types.

`validation` refuses by it what no provider takes; `stumbles` guesses by it what LiteLLM tripped over.

Failure behaviour: pure and total; null is no value of a wrong type.
"""

import math
from collections.abc import Callable, Mapping
from typing import cast

from thriftgate.errors import InvalidRequestError
from thriftgate.proxy.endpoints.parts import is_json_object, is_text, must_be

_MAX_CHOICES = 128
_LONGEST_NUMBER = 40
"""Characters of a number that is written as a text."""

Check = tuple[Callable[[object], bool], str]
"""Whether a value is of the type, and the type in words."""


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_count(value: object) -> bool:
    return _is_whole(value) and 1 <= cast("int", value) <= _MAX_CHOICES


def _is_number(value: object) -> bool:
    return _is_whole(value) or isinstance(value, float)


def _is_truth(value: object) -> bool:
    return isinstance(value, bool)


def _is_text_or_object(value: object) -> bool:
    return isinstance(value, str | Mapping)


def _are_objects(value: object) -> bool:
    return isinstance(value, list) and all(map(is_json_object, cast("list[object]", value)))


def _are_texts(value: object) -> bool:
    return isinstance(value, list) and all(map(is_text, cast("list[object]", value)))


def seconds_of(written: str | bytes) -> float:
    """A time-out that is written as a text. Raises ValueError where it is no number of seconds that may pass."""
    seconds = float(written) if len(written) <= _LONGEST_NUMBER else math.nan
    if not (math.isfinite(seconds) and seconds >= 0):
        raise ValueError("not a number of seconds")
    return seconds


def is_seconds(value: object) -> bool:
    """Whether it is a time-out as SDKs and LiteLLM write it: a number, or the text of one."""
    if isinstance(value, str):
        try:
            return seconds_of(value) >= 0
        except ValueError:
            return False
    return _is_number(value) and cast("float", value) >= 0


OBJECT: Check = (is_json_object, "an object")
TEXT_OR_OBJECTS: Check = (lambda value: isinstance(value, str) or _are_objects(value), "a text or a list of objects")
_TYPES: tuple[tuple[Check, str], ...] = (
    ((is_text, "a text"), "model user instructions previous_response_id prompt_cache_key prompt_cache_retention speed "
     "verbosity reasoning_effort safety_identifier service_tier truncation inference_geo litellm_session_id "
     "litellm_trace_id litellm_call_id prompt_id api_key"),
    ((_is_number, "a number"), "temperature top_p top_k frequency_penalty presence_penalty request_timeout"),
    ((is_seconds, "a number"), "timeout"),
    ((_is_count, f"a whole number from 1 to {_MAX_CHOICES}"), "n"),
    ((_is_whole, "a whole number"), "seed max_tokens max_completion_tokens max_output_tokens max_tool_calls "
     "top_logprobs num_retries"),
    ((_is_truth, "true or false"), "stream store background logprobs parallel_tool_calls drop_params"),
    (OBJECT, "metadata litellm_metadata logit_bias response_format audio prediction stream_options thinking "
     "web_search_options reasoning text prompt output_config output_format cache_control extra_headers extra_body "
     "cache context_window_fallback_dict prompt_variables model_group_retry_policy "
     "provider_specific_header"),
    ((_is_text_or_object, "a text or an object"), "tool_choice function_call conversation container"),
    ((lambda value: isinstance(value, list), "a list"), "messages fallbacks guardrails"),
    ((_are_objects, "a list of objects"), "tools functions mcp_servers"),
    ((_are_texts, "a list of texts"), "modalities include stop_sequences tags betas"),
    ((lambda value: isinstance(value, list | Mapping), "a list or an object"), "context_management"),
    ((lambda value: isinstance(value, str | list), "a text or a list"), "input"),
    ((lambda value: isinstance(value, str) or _are_objects(value), "a text or a list of blocks"), "system"),
    ((lambda value: isinstance(value, str) or _are_texts(value), "a text or a list of texts"), "stop"),
)  # fmt: skip
TYPES: Mapping[str, Check] = {name: check for check, names in _TYPES for name in names.split()}


_NOTES: tuple[tuple[Check, str], ...] = (
    ((is_text, "a text"), "model_group agent_id deployment"),
    (OBJECT, "requester_metadata"),
    # LiteLLM passes over a text, which OpenAI's metadata may have; an item that is no text is no key of its counts.
    ((lambda value: isinstance(value, str) or _are_texts(value), "a text or a list of texts"), "tags"),
)
"""What LiteLLM reads of a client's `metadata` and `litellm_metadata` and trips over; all else there may be anything."""
_NOTED = ("metadata", "litellm_metadata")


def type_fault(path: str, check: Check, value: object) -> InvalidRequestError | None:
    """What to say where a field may not have the value; None where it may."""
    return None if value is None or check[0](value) else must_be(path, check[1])


def note_fault(body: Mapping[str, object]) -> InvalidRequestError | None:
    """What to say of a value in the request's metadata that is of a wrong type."""
    for bucket in _NOTED:
        notes = body.get(bucket)
        if not isinstance(notes, Mapping):
            continue
        found = cast("Mapping[str, object]", notes)
        for check, names in _NOTES:
            for name in names.split():
                if (fault := type_fault(f"{bucket}.{name}", check, found.get(name))) is not None:
                    return fault
    return None
