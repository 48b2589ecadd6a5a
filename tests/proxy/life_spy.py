"""Stands for whoever else hangs on LiteLLM: a logger that writes its calls down, and a guardrail.

The guardrail refuses a word before the call, another beside it, and a third in an answer, whole or
streamed. Copied beside the config.
"""

import json
import os
from collections.abc import AsyncGenerator
from typing import Any

from fastapi import HTTPException
from litellm.integrations.custom_guardrail import CustomGuardrail
from litellm.integrations.custom_logger import CustomLogger
from litellm.proxy._types import UserAPIKeyAuth


def note(event: str, call_id: object, auth: UserAPIKeyAuth | None, **more: Any) -> None:
    key = None if auth is None else auth.key_alias
    row = {"event": event, "id": call_id, "key": key, **more}
    with open(os.environ["THRIFTGATE_TEST_LIFE"], "a", encoding="utf-8") as file:
        file.write(json.dumps(row, default=str) + "\n")


def refuse(word: str, text: str) -> None:
    if word in text:
        raise HTTPException(status_code=400, detail={"error": f"the house does not take {word}"})


class Spy(CustomLogger):
    async def async_pre_call_hook(
        self, user_api_key_dict: UserAPIKeyAuth, cache: object, data: dict[str, Any], call_type: str
    ) -> None:
        held = user_api_key_dict.budget_reservation
        note("pre_call", data.get("litellm_call_id"), user_api_key_dict, type=call_type, held=held)

    async def async_moderation_hook(
        self, data: dict[str, Any], user_api_key_dict: UserAPIKeyAuth, call_type: str
    ) -> None:
        note("moderation", data.get("litellm_call_id"), user_api_key_dict)

    async def async_post_call_success_hook(
        self, data: dict[str, Any], user_api_key_dict: UserAPIKeyAuth, response: object
    ) -> None:
        note("post_call", data.get("litellm_call_id"), user_api_key_dict)

    async def async_post_call_failure_hook(
        self,
        request_data: dict[str, Any],
        original_exception: Exception,
        user_api_key_dict: UserAPIKeyAuth,
        traceback_str: str | None = None,
    ) -> None:
        note("post_call_failure", request_data.get("litellm_call_id"), user_api_key_dict)

    async def async_log_success_event(
        self, kwargs: dict[str, Any], response_obj: object, start_time: object, end_time: object
    ) -> None:
        self._logged("success", kwargs)

    async def async_log_failure_event(
        self, kwargs: dict[str, Any], response_obj: object, start_time: object, end_time: object
    ) -> None:
        self._logged("failure", kwargs)

    def _logged(self, event: str, kwargs: dict[str, Any]) -> None:
        payload: dict[str, Any] = kwargs.get("standard_logging_object") or {}
        metadata: dict[str, Any] = payload.get("metadata") or {}
        note(
            event,
            kwargs.get("litellm_call_id"),
            None,
            trace=payload.get("trace_id"),
            model=payload.get("model"),
            group=payload.get("model_group"),
            provider=payload.get("custom_llm_provider"),
            cost=payload.get("response_cost") or 0.0,
            tokens=payload.get("total_tokens"),
            alias=metadata.get("user_api_key_alias"),
            hash=metadata.get("user_api_key_hash"),
            status=payload.get("status"),
            tags=payload.get("request_tags"),
        )


class House(CustomGuardrail):
    async def async_pre_call_hook(
        self, user_api_key_dict: UserAPIKeyAuth, cache: object, data: dict[str, Any], call_type: str
    ) -> None:
        refuse("plums", json.dumps([data.get("messages"), data.get("input")]))

    async def async_moderation_hook(
        self, data: dict[str, Any], user_api_key_dict: UserAPIKeyAuth, call_type: str
    ) -> None:
        refuse("figs", json.dumps([data.get("messages"), data.get("input")]))

    async def async_post_call_success_hook(
        self, data: dict[str, Any], user_api_key_dict: UserAPIKeyAuth, response: object
    ) -> None:
        refuse("quinces", str(response))

    async def async_post_call_streaming_iterator_hook(
        self, user_api_key_dict: UserAPIKeyAuth, response: Any, request_data: dict[str, Any]
    ) -> AsyncGenerator[Any, None]:
        note("stream", request_data.get("litellm_call_id"), user_api_key_dict)
        async for chunk in response:
            refuse("quinces", chunk.decode() if isinstance(chunk, bytes) else str(chunk))
            yield chunk


spy = Spy()
