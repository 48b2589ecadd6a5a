"""Whose fault it is when LiteLLM trips: its provider's who was asked by whatever transport, ours, or the request's."""

import gc
import re
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Response

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # LiteLLM's own imports are not ours to mend
    import litellm
    from litellm.router import Router

    from thriftgate.proxy.books.pricing import RouterPricer
    from thriftgate.proxy.tiers.completer import RouterCompleter
    from thriftgate.proxy.tiers.translations import Translations

from thriftgate.errors import TierFailedError
from thriftgate.services.request.reading import with_body
from thriftgate.types import CallPurpose, ChatRequest

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.xdist_group("litellm"),
    pytest.mark.filterwarnings("ignore"),
]

ASKED = (
    # httpx with aiohttp below it, by LiteLLM's own client or in OpenAI's SDK; Azure's SDK; aiohttp alone; a signed
    # request of Bedrock's and SageMaker's; providers whose answers LiteLLM reads each in its own way.
    "openai/x", "anthropic/claude-x", "hosted_vllm/x", "azure/x", "azure_ai/x", "aiohttp_openai/x", "mistral/x",
    "deepseek/deepseek-chat", "cohere_chat/command-r", "gemini/gemini-2.5-flash", "ollama_chat/x", "ollama/x", "groq/x",
    "bedrock/anthropic.claude-3-5-sonnet-20240620-v1:0", "sagemaker/x", "sagemaker_chat/x", "huggingface/x",
    "databricks/x", "snowflake/x", "text-completion-openai/x", "openrouter/x", "fireworks_ai/x", "xai/grok-3",
)  # fmt: skip
NOT_SET_UP = ("vertex_ai/gemini-2.5-flash", "predibase/x", "triton/x", "clarifai/x", "nlp_cloud/x", "watsonx/x")
"""A package is not there, a project is not named, an address is none: nobody is asked, and no request is at fault."""
SHAPES = ("[1]", '"x"', "null", '{"choices": "x", "content": 5, "output": 7}')
PLAIN: dict[str, Any] = {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 9}


@pytest.fixture(scope="module", autouse=True)
def _no_clients_left() -> Iterator[None]:  # pyright: ignore[reportUnusedFunction]
    """LiteLLM closes none of its clients: found as garbage in another module's test, each is a warning there."""
    yield
    litellm.in_memory_llm_clients_cache.flush_cache()
    gc.collect()


@pytest.fixture(scope="module")
def provider() -> Iterator[HTTPServer]:
    server = HTTPServer(threaded=True)
    server.start()
    yield server
    server.clear()
    server.stop()


async def failure_of(provider: HTTPServer, model: str, body: dict[str, Any], answer: str) -> TierFailedError | None:
    """How the call fails; None where LiteLLM makes an empty answer of it."""
    provider.clear()
    everything = provider.expect_request(re.compile(".*"))
    everything.respond_with_handler(lambda _: Response(answer, 200, content_type="application/json"))
    url = provider.url_for("").rstrip("/")
    params = {
        "model": model, "api_key": "sk-none", "api_base": url, "sagemaker_base_url": url,
        "aws_bedrock_runtime_endpoint": url, "aws_access_key_id": "a", "aws_secret_access_key": "b",
        "aws_region_name": "us-east-1", "api_version": "2024-10-21",
    }  # fmt: skip
    router = Router(model_list=[{"model_name": "m", "litellm_params": params}], num_retries=0, disable_cooldowns=True)
    source: Any = lambda: router  # noqa: E731
    completer = RouterCompleter(source, RouterPricer(source), Translations(source))
    request = with_body(ChatRequest(request_id="r", route="r", messages=(), dialect="chat"), body)
    try:
        made = await completer.complete("m", request, purpose=CallPurpose.ANSWER)
    except TierFailedError as failure:
        return failure
    assert not made.text
    return None


@pytest.mark.parametrize("model", ASKED)
async def test_an_answer_that_nobody_can_read_is_its_providers_fault(provider: HTTPServer, model: str) -> None:
    for answer in SHAPES:
        failure = await failure_of(provider, model, PLAIN, answer)
        assert len(provider.log) > 0
        assert failure is None or (failure.status_code >= 500 and not failure.rejected), (answer, failure)


@pytest.mark.parametrize("model", NOT_SET_UP)
async def test_a_deployment_that_is_not_set_up_is_no_fault_of_a_request(provider: HTTPServer, model: str) -> None:
    failure = await failure_of(provider, model, PLAIN, "{}")
    assert provider.log == []
    assert failure is not None
    assert not failure.rejected, failure


@pytest.mark.parametrize(
    ("body", "param"),
    [({"extra_headers": 5}, "extra_headers"), ({"tools": [{"a": 1}]}, "tools"), ({"logit_bias": [1]}, "logit_bias")],
    ids=["headers", "tools", "bias"],
)
async def test_what_nobody_was_asked_for_is_the_requests_fault(
    provider: HTTPServer, body: dict[str, Any], param: str
) -> None:
    failure = await failure_of(provider, "anthropic/claude-x", PLAIN | body, "{}")
    assert provider.log == []
    assert failure is not None
    assert failure.rejected
    assert failure.param == param


def _user(*parts: Any) -> list[Any]:
    return [{"role": "user", "content": list(parts)}]


def _called(*calls: Any, result: Any = None) -> list[Any]:
    turns: list[Any] = [
        {"role": "user", "content": "x"},
        {"role": "assistant", "content": None, "tool_calls": list(calls)},
    ]
    return turns if result is None else [*turns, {"role": "tool", **result}]


CALL = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}
ODD_TALK: dict[str, list[Any]] = {
    "unknown part": _user({"type": "zzz", "a": 1}),
    "part without a type": _user({"text": "x"}),
    "another API's result": _user({"type": "tool_result", "tool_use_id": "a", "content": "x"}),
    "another API's file": _user({"type": "input_file", "file_id": "x"}),
    "another API's image": _user(
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "x"}}
    ),
    "no image": _user({"type": "image_url", "image_url": {"url": "data:image/png;base64,!!!"}}),
    "no address": _user({"type": "image_url", "image_url": {"url": ""}}),
    "an image of no kind": _user({"type": "image_url", "image_url": {"url": "data:x"}}),
    "no audio": _user({"type": "input_audio", "input_audio": {"data": "x", "format": "exe"}}),
    "a result of nothing": [{"role": "tool", "tool_call_id": "zz", "content": "x"}],
    "a result without an id": _called(CALL, result={"content": "x"}),
    "a result of another": _called(CALL, result={"tool_call_id": "b", "content": "x"}),
    "no arguments": _called({**CALL, "function": {"name": "f", "arguments": "{"}}),
    "a call of no kind": _called({"id": "a", "type": "x"}),
    "an old result": [{"role": "function", "name": "f", "content": "x"}],
    "only the system": [{"role": "system", "content": "x"}],
}


@pytest.mark.parametrize("talk", ODD_TALK)
@pytest.mark.parametrize("model", ["openai/x", "anthropic/claude-x", "hosted_vllm/x", "gemini/gemini-2.0-flash"])
async def test_a_conversation_that_is_not_sent_to_anybody_is_the_requests_fault(
    provider: HTTPServer, model: str, talk: str
) -> None:
    failure = await failure_of(provider, model, {"messages": ODD_TALK[talk]}, "{}")
    if not provider.log:
        assert failure is not None
        assert failure.rejected, failure
        assert failure.status_code == 400, failure
