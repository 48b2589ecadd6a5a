"""What stands inside a request is looked at before LiteLLM trips over it, and whatever a provider documents passes."""

from typing import Any

import pytest
from tests.wire_samples.chat_requests import CHAT_REQUESTS
from tests.wire_samples.messages_requests import MESSAGES_REQUESTS
from tests.wire_samples.responses_requests import RESPONSES_REQUESTS
from tests.wire_samples.samples import Sample

from thriftgate.errors import InvalidRequestError
from thriftgate.proxy.endpoints.validation import check_plain, check_request

CALL = {"chat": "acompletion", "messages": "anthropic_messages", "responses": "aresponses"}
DOCUMENTED = [
    *((CALL["chat"], sample) for sample in CHAT_REQUESTS),
    *((CALL["messages"], sample) for sample in MESSAGES_REQUESTS),
    *((CALL["responses"], sample) for sample in RESPONSES_REQUESTS),
]


@pytest.mark.parametrize(("call", "sample"), DOCUMENTED, ids=str)
def test_whatever_a_provider_documents_passes(call: str, sample: Sample) -> None:
    body = {"model": "m", **sample.body}
    check_plain(body, call)
    check_request(body, call)


def said(*content: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": list(content)}]}


MALFORMED: list[tuple[str, dict[str, Any], str]] = [
    ("chat", said(0), "messages[0].content"),
    ("chat", said({"type": 5}), "messages[0].content"),
    ("chat", said({"type": "text"}), "messages[0].content[0].text"),
    ("chat", said({"type": "image_url", "image_url": []}), "messages[0].content[0].image_url"),
    ("chat", said({"type": "image_url", "image_url": {}}), "messages[0].content[0].image_url.url"),
    ("chat", said({"type": "input_audio", "input_audio": "x"}), "messages[0].content[0].input_audio"),
    ("chat", {"messages": [{"role": "user", "content": 5}]}, "messages[0].content"),
    ("chat", {"messages": [{"role": 5, "content": "x"}]}, "messages[0].role"),
    ("chat", {"messages": [5]}, "messages[0]"),
    ("chat", {"messages": 5}, "messages"),
    ("chat", {"messages": [{"role": "assistant", "tool_calls": 5}]}, "messages[0].tool_calls"),
    ("chat", {"messages": [{"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": {}}}]}]},
     "messages[0].tool_calls[0].function.arguments"),
    ("chat", {"tools": [5]}, "tools"),
    ("chat", {"tools": [{"type": "function", "function": {}}]}, "tools[0].function.name"),
    ("chat", {"tools": [{"type": "function", "function": {"name": "f", "parameters": 5}}]},
     "tools[0].function.parameters"),
    ("chat", {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": 5}}},
     "response_format.json_schema.schema"),
    ("chat", {"response_format": {"type": "json_schema"}}, "response_format.json_schema"),
    ("chat", {"timeout": "x"}, "timeout"),
    ("chat", {"tags": "x"}, "tags"),
    ("messages", said({"type": "image", "source": 5}), "messages[0].content[0].source"),
    ("messages", {"output_config": {"format": {"type": "json_schema", "schema": [1]}}}, "output_config.format.schema"),
    ("messages", {"output_format": {"type": "json_schema", "schema": "x"}}, "output_format.schema"),
    ("messages", said({"type": "tool_result"}), "messages[0].content[0].tool_use_id"),
    ("messages", said({"type": "tool_result", "tool_use_id": "t", "content": [5]}),
     "messages[0].content[0].content"),
    ("messages", said({"type": "tool_use", "id": "t", "name": "f", "input": "x"}),
     "messages[0].content[0].input"),
    ("messages", {"tools": [{"name": "f", "input_schema": 5}]}, "tools[0].input_schema"),
    ("messages", {"thinking": 5}, "thinking"),
    ("messages", {"context_management": 5}, "context_management"),
    ("messages", {"system": [{"type": "text", "text": 5}]}, "system[0].text"),
    ("responses", {"input": [0]}, "input"),
    ("responses", {"input": 5}, "input"),
    ("responses", {"input": [{"role": "user", "content": [{"type": "input_text", "text": 5}]}]},
     "input[0].content[0].text"),
    ("responses", {"input": [{"content": "x"}]}, "input[0].role"),
    ("responses", {"tools": [{"type": "function", "name": "f", "parameters": 5}]}, "tools[0].parameters"),
    ("responses", {"text": {"format": {"type": "json_schema", "name": "x", "schema": 5}}}, "text.format.schema"),
    ("responses", {"reasoning": 5}, "reasoning"),
]  # fmt: skip


@pytest.mark.parametrize(("dialect", "fields", "param"), MALFORMED)
def test_what_nobody_takes_is_refused_by_name_for_routes_and_plain_models(
    dialect: str, fields: dict[str, Any], param: str
) -> None:
    body: dict[str, Any] = {"model": "m", "max_tokens": 5}
    body |= {"input": "x"} if dialect == "responses" else {"messages": [{"role": "user", "content": "x"}]}
    for check in (check_plain, check_request):
        with pytest.raises(InvalidRequestError) as refused:
            check({**body, **fields}, CALL[dialect])
        assert refused.value.param == param
        assert f"'{param}'" in refused.value.message
        assert "litellm" not in refused.value.message


def test_a_plain_models_own_roles_and_kinds_of_parts_are_between_it_and_its_client() -> None:
    check_plain({"messages": [{"role": "ipython", "content": "x"}]}, "acompletion")
    check_plain({"messages": [{"role": "user", "content": [{"type": "video", "video": "x"}]}]}, "acompletion")
    check_plain({"messages": [{"role": "user", "content": [{"type": "image", "image": "x"}]}]}, "acompletion")
    check_plain({"input": 5}, "aembedding")
