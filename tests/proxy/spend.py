"""Writes down what LiteLLM charges to whom; copied beside the config of the test proxy."""

import json
import os
from typing import Any

from litellm.integrations.custom_logger import CustomLogger


class SpendRecorder(CustomLogger):
    async def async_log_success_event(
        self, kwargs: dict[str, Any], response_obj: object, start_time: object, end_time: object
    ) -> None:
        payload: dict[str, Any] = kwargs.get("standard_logging_object") or {}
        metadata: dict[str, Any] = payload.get("metadata") or {}
        row: dict[str, Any] = {
            "model": payload.get("model_group"),
            "cost": payload.get("response_cost") or 0.0,
            "key": metadata.get("user_api_key_hash"),
            "team": metadata.get("user_api_key_team_id"),
            "trace": payload.get("trace_id"),
        }
        _append(json.dumps(row) + "\n")


def _append(line: str) -> None:
    with open(os.environ["THRIFTGATE_TEST_SPEND"], "a", encoding="utf-8") as file:
        file.write(line)


recorder = SpendRecorder()
