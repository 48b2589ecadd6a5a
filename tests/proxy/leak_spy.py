"""Writes down what LiteLLM would tell any logger, and breaks the analyzer on demand; copied beside the config."""

import json
import os
import time
from pathlib import Path
from typing import Any

from litellm.integrations.custom_logger import CustomLogger

from thriftgate.stores.presidio import engine

CRASH = "CRASH-THE-ANALYZER"
LATE = "KEEP-THE-ANALYZER-WAITING"
STUCK = "NEVER-LET-THE-ANALYZER-END"
LET_GO = Path(os.environ["THRIFTGATE_TEST_SPEND"]).with_name("let-go")
"""While this file is not there, a text with `STUCK` in it is analysed on and on."""
_steps = engine.PresidioEngine.steps


def _crashing(self: engine.PresidioEngine, text: Any) -> Any:
    if CRASH in text.text:
        raise ValueError(f"choked on {text.text}")
    if LATE in text.text:
        raise TimeoutError(f"no answer about {text.text}")
    while STUCK in text.text and not LET_GO.exists():
        time.sleep(0.05)
    return _steps(self, text)


engine.PresidioEngine.steps = _crashing


class LeakSpy(CustomLogger):
    async def async_log_success_event(
        self, kwargs: dict[str, Any], response_obj: object, start_time: object, end_time: object
    ) -> None:
        _write(kwargs, response_obj)

    async def async_log_failure_event(
        self, kwargs: dict[str, Any], response_obj: object, start_time: object, end_time: object
    ) -> None:
        _write(kwargs, response_obj)

    async def async_post_call_failure_hook(
        self,
        request_data: dict[str, Any],
        original_exception: Exception,
        user_api_key_dict: object,
        traceback_str: str | None = None,
    ) -> None:
        _write({"request_data": request_data, "error": str(original_exception)}, None)


def _write(kwargs: dict[str, Any], response: object) -> None:
    seen = {name: value for name, value in kwargs.items() if name != "litellm_params"}
    params: dict[str, Any] = kwargs.get("litellm_params") or {}
    sent: dict[str, Any] = params.get("proxy_server_request") or {}
    notes = [params.get("metadata"), params.get("litellm_metadata")]
    row = json.dumps([seen, sent.get("body"), notes, response], default=str, ensure_ascii=False)
    with open(os.environ["THRIFTGATE_TEST_SPEND"] + ".spy", "a", encoding="utf-8") as file:
        file.write(row + "\n")


spy = LeakSpy()
