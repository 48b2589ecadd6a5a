"""What LiteLLM's loggers are told of a call that stays out of logs."""

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, cast

import httpx
import pytest
from litellm.exceptions import RateLimitError
from litellm.litellm_core_utils import redact_messages
from litellm.litellm_core_utils.litellm_logging import Logging
from litellm.types.llms.openai import ResponsesAPIResponse
from litellm.types.utils import EmbeddingResponse, ModelResponse

from thriftgate.proxy.privacy.logged import as_said, tell_no_words_of_failures, unspoken, without_words

# Of LiteLLM's own types, when the first of them is made.
pytestmark = pytest.mark.filterwarnings("ignore:Item .* using the `ReadOnly` qualifier:UserWarning")

MAIL = "alice.liddell@wonder.example"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
SILENT: dict[str, Any] = {"standard_callback_dynamic_params": {"turn_off_message_logging": True}}
TOOL: dict[str, Any] = {
    "type": "function",
    "name": "send",
    "description": MAIL,
    "parameters": {"properties": {MAIL: {"type": "string"}}},
}
RESPONSE: dict[str, Any] = {
    "id": "resp_1",
    "object": "response",
    "created_at": 1,
    "model": "gpt-5",
    "status": "completed",
    "instructions": f"You help {MAIL}",
    "metadata": {"of": MAIL, MAIL: "x"},
    "tools": [TOOL],
    "tool_choice": "auto",
    "parallel_tool_calls": True,
    "temperature": 1.0,
    "top_p": 1.0,
    "user": MAIL,
    "prompt_cache_key": MAIL,
    "text": {"format": {"type": "json_schema", "name": "a", "schema": {"properties": {MAIL: {}}}}},
    "output": [
        {
            "type": "message",
            "id": "msg_1",
            "role": "assistant",
            "status": "completed",
            "content": [
                {
                    "type": "output_text",
                    "text": MAIL,
                    "annotations": [{"type": "url_citation", "title": MAIL, "url": MAIL}],
                },
            ],
        },
        {
            "type": "code_interpreter_call",
            "id": "ci_1",
            "status": "completed",
            "code": MAIL,
            "container_id": "c",
            "outputs": [{"type": "logs", "logs": MAIL}],
        },
        {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search", "query": MAIL}},
        {
            "type": "file_search_call",
            "id": "fs_1",
            "status": "completed",
            "queries": [MAIL],
            "results": [{"text": MAIL}],
        },
        {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "send", "arguments": MAIL},
        {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": MAIL}]},
    ],
    "usage": {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7, "input_tokens_details": {"cached_tokens": 2}},
}
CHAT: dict[str, Any] = {
    "id": "chatcmpl-1",
    "model": "gpt-5",
    "service_tier": "default",
    "choices": [
        {
            "index": 0,
            "finish_reason": "stop",
            "message": {
                "role": "assistant",
                "content": MAIL,
                "annotations": [{"type": "url_citation", "url_citation": {"title": MAIL}}],
                "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "send", "arguments": MAIL}}],
            },
            "logprobs": {"content": [{"token": MAIL, "logprob": -0.1, "top_logprobs": []}]},
        }
    ],
    "usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7},
}
MESSAGE: dict[str, Any] = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude",
    "stop_reason": "end_turn",
    "content": [{"type": "text", "text": MAIL}, {"type": "tool_use", "id": "t", "name": "send", "input": {MAIL: MAIL}}],
    "usage": {"input_tokens": 3, "output_tokens": 4},
}


def details(response: Any, **more: Any) -> dict[str, Any]:
    """What LiteLLM knows of a call in whose every part that a client or a model writes there is a value."""
    words = {"instructions": MAIL, "system": MAIL, "tools": [TOOL], "user": MAIL, "prediction": {"content": MAIL}}
    notes = {
        "user_api_key_hash": "hash",
        "model_group": "small",
        "note": MAIL,
        "tags": ["blue"],
        "requester_metadata": {"note": MAIL, "tags": ["blue"], MAIL: 1},
        MAIL: 1,
    }
    request = {
        "url": "http://x",
        "method": "POST",
        "headers": {"x-a": "b"},
        "body": {"model": "small", "max_tokens": 9, **words},
    }
    return {
        **SILENT,
        **words,
        "model": "small",
        "litellm_call_id": "call",
        "response_cost": 0.5,
        "start_time": NOW,
        "messages": [{"role": "user", "content": MAIL}],
        "input": MAIL,
        "optional_params": {"temperature": 0.5, **words},
        "additional_args": {"complete_input_dict": words},
        "original_response": MAIL,
        "metadata": notes,
        "litellm_params": {"api_base": "http://x", "metadata": notes, "proxy_server_request": request, **words},
        "async_complete_streaming_response": response,
        "standard_logging_object": {
            "id": "call",
            "model": "small",
            "startTime": 1.0,
            "response_cost": 0.5,
            "request_tags": ["blue"],
            "end_user": "alice",
            "messages": [{"role": "user", "content": MAIL}],
            "metadata": notes,
            "model_parameters": {"max_tokens": 9, **words},
            "response": response if isinstance(response, dict) else response.model_dump(),
            "hidden_params": {"model_id": "1"},
            "error_str": MAIL,
            "error_information": {"error_code": "400", "error_class": "E", "error_message": MAIL, "traceback": MAIL},
            "guardrail_information": [{"guardrail_name": "g", "guardrail_response": {"match": MAIL}}],
            "standard_built_in_tools_params": {"web_search_options": {"user_location": {"city": MAIL}}},
        },
        **more,
    }


@pytest.mark.parametrize(
    "made",
    [lambda: ResponsesAPIResponse(**RESPONSE), lambda: ModelResponse(**CHAT), RESPONSE.copy, CHAT.copy, MESSAGE.copy],
    ids=["responses", "chat", "responses-dict", "chat-dict", "messages-dict"],
)
@pytest.mark.parametrize("is_redacted", [True, False], ids=["redacted-by-litellm", "as-it-was"])
def test_no_word_of_a_request_or_of_its_answer_is_told(made: Callable[[], Any], is_redacted: bool) -> None:
    response = made()
    known, result = details(response), response
    if is_redacted:
        result = cast("Any", redact_messages).perform_redaction(known, response)
    told, answer = without_words(known, result)
    assert MAIL not in json.dumps([told, answer], default=_written)


def _written(value: Any) -> Any:
    return value.model_dump(warnings=False) if hasattr(value, "model_dump") else str(value)


def test_what_a_call_cost_and_whose_it_was_is_told() -> None:
    told, answer = without_words(details(ModelResponse(**CHAT)), ModelResponse(**CHAT))
    payload = told["standard_logging_object"]
    assert (told["response_cost"], told["start_time"], told["litellm_call_id"]) == (0.5, NOW, "call")
    assert told["optional_params"] == {"temperature": 0.5}
    assert told["litellm_params"]["metadata"] == payload["metadata"]
    assert payload["metadata"] == {"user_api_key_hash": "hash", "model_group": "small", "tags": ["blue"]}
    assert told["litellm_params"]["proxy_server_request"]["body"] == {"model": "small", "max_tokens": 9}
    assert payload["model_parameters"] == {"max_tokens": 9}
    assert payload["request_tags"] == ["blue"]
    assert payload["error_information"]["error_code"] == "400"
    assert isinstance(answer, ModelResponse)
    assert answer.model_dump()["usage"]["total_tokens"] == 7
    assert answer.choices[0].finish_reason == "stop"


def test_metadata_that_goes_to_the_provider_is_the_clients_alone() -> None:
    told, _ = without_words({**SILENT, "litellm_params": {"metadata": {"user_id": MAIL, "note": [MAIL], "n": 1}}}, None)
    assert told["litellm_params"]["metadata"] == {"n": 1}


def test_a_call_that_is_logged_is_told_as_it_is() -> None:
    known, response = {"messages": [MAIL]}, ModelResponse(**CHAT)
    assert without_words(known, response) == (known, response)
    assert without_words(known, response)[0] is known


class Odd(EmbeddingResponse):
    """Cannot be copied."""

    def model_copy(self, **more: Any) -> Any:
        raise ValueError(MAIL)


def test_what_cannot_be_read_is_told_as_redacted() -> None:
    cyclic: dict[str, Any] = {"id": "1"}
    cyclic["output"] = [cyclic]
    notes: dict[str, Any] = {"user_api_key_hash": "hash"}
    for odd in (Odd.model_construct(), cyclic):
        told, answer = without_words({**SILENT, "standard_logging_object": {"id": "1", "response": odd}}, odd)
        assert answer == told["standard_logging_object"]["response"] == {"text": "redacted-by-litellm"}
        assert told["standard_logging_object"]["id"] == "1"
    loop: list[Any] = []
    loop.append(loop)
    other: list[Any] = []
    other.append(other)
    told, _ = without_words({**SILENT, "metadata": {**notes, "a": loop, "requester_metadata": {"a": other}}}, None)
    assert "a" not in told["metadata"]


def refused() -> Exception:
    """What a provider answers that quotes what it was sent."""
    response = httpx.Response(429, headers={"retry-after": "7"}, text=MAIL, request=httpx.Request("POST", "http://x"))
    error = RateLimitError(f"no {MAIL}", "openai", "small", response=response)
    error.__cause__ = ConnectionRefusedError(111, MAIL)
    return error


def test_an_error_without_words_is_of_its_class_and_says_how_long_to_wait() -> None:
    bare: Any = unspoken(refused())
    assert isinstance(bare, RateLimitError)
    assert (bare.status_code, bare.llm_provider, bare.response.headers["retry-after"]) == (429, "openai", "7")
    assert isinstance(bare.__cause__, ConnectionRefusedError)
    assert MAIL not in f"{bare} {bare!r} {bare.__cause__} {vars(bare)} {bare.response.text}"
    assert as_said(bare) is bare


class TwoWords(Exception):  # noqa: N818
    def __init__(self, first: str, second: str) -> None:
        self.first, self.second = first, second
        super().__init__(first)

    def __str__(self) -> str:
        return self.first[len(self.second)]


def test_an_error_that_cannot_be_told_without_words_is_another() -> None:
    assert type(unspoken(TwoWords(MAIL, "x" * 20))) in (RuntimeError, TwoWords)
    assert MAIL not in str(unspoken(UnicodeDecodeError("utf-8", MAIL.encode(), 0, 1, MAIL)))


@pytest.mark.parametrize("is_silent", [True, False])
def test_a_failure_is_logged_without_its_words_where_the_call_stays_out_of_logs(is_silent: bool) -> None:
    tell_no_words_of_failures()
    tell_no_words_of_failures()
    log = Logging(
        model="small",
        messages=[{"role": "user", "content": MAIL}],
        stream=False,
        call_type="acompletion",
        start_time=datetime.now(),  # noqa: DTZ005
        litellm_call_id="1",
        function_id="1",
    )
    log.update_environment_variables({"metadata": {"note": "x"}}, {"tools": [TOOL], "temperature": 0.5}, model="small")
    log.standard_callback_dynamic_params["turn_off_message_logging"] = is_silent
    error = refused()
    asyncio.run(log.async_failure_handler(error, f"Traceback: {MAIL}"))
    log.failure_handler(error, f"Traceback: {MAIL}")
    known = log.model_call_details
    assert known["standard_logging_object"]["error_information"]["error_code"] == "429"
    assert type(known["exception"]) is RateLimitError
    assert known["optional_params"]["temperature"] == 0.5
    assert (MAIL in json.dumps(known, default=str)) is not is_silent
