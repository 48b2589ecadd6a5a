"""The offline demo provider over real HTTP, as OpenAI's own SDK sees it."""

import json
import math
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import openai
import pytest
from openai import AsyncOpenAI
from openai.types.chat import ChatCompletionChunk

from thriftgate.demo.provider.__main__ import create_provider, create_server
from thriftgate.demo.provider.server import DemoProvider

QUESTION: Any = [{"role": "user", "content": "How long does standard shipping take?"}]
TOOL: Any = {
    "type": "function",
    "function": {
        "name": "get_order_status",
        "description": "Look up where an order is.",
        "parameters": {"type": "object", "properties": {"order_id": {"type": "string"}}, "required": ["order_id"]},
    },
}
_POLLS = 2000


@dataclass(frozen=True)
class Running:
    provider: DemoProvider
    url: str

    async def wait_for(self, count: str, http: httpx.AsyncClient) -> None:
        """Return when the provider has counted this once."""
        for _ in range(_POLLS):
            if (await http.get(f"{self.url}/demo/stats")).json().get(count) == 1:
                return
        pytest.fail(f"the provider never counted '{count}'")


def run(provider: DemoProvider) -> Iterator[Running]:
    listener = socket.create_server(("127.0.0.1", 0))
    server = create_server(provider)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    yield Running(provider, f"http://127.0.0.1:{listener.getsockname()[1]}")
    server.should_exit = True
    thread.join()
    listener.close()


@pytest.fixture
def fast() -> Iterator[Running]:
    yield from run(create_provider(latency=0.0))


@pytest.fixture
def slow() -> Iterator[Running]:
    yield from run(create_provider(latency=600.0, token_latency=0.0, jitter=0.0))


@pytest.fixture
def trickling() -> Iterator[Running]:
    yield from run(create_provider(latency=0.0, token_latency=0.05, jitter=0.0))


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient() as client:
        yield client


def client_of(running: Running, **options: Any) -> AsyncOpenAI:
    return AsyncOpenAI(base_url=f"{running.url}/v1", api_key="any", max_retries=0, **options)


async def test_a_whole_answer_is_labelled_and_billed(fast: Running):
    async with client_of(fast) as client:
        raw = await client.chat.completions.with_raw_response.create(model="demo-large", messages=QUESTION)
    completion = raw.parse()
    assert raw.headers["x-demo-provider"] == "thriftgate-offline-demo"
    assert completion.system_fingerprint == "thriftgate-demo"
    assert completion.model == "demo-large"
    assert "4 to 6 business days" in (completion.choices[0].message.content or "")
    assert completion.choices[0].finish_reason == "stop"
    assert completion.usage is not None
    assert completion.usage.total_tokens == completion.usage.prompt_tokens + completion.usage.completion_tokens > 30


async def test_a_stream_says_the_same_as_the_whole_and_ends_with_usage(fast: Running):
    async with client_of(fast) as client:
        whole = await client.chat.completions.create(model="demo-large", messages=QUESTION)
        stream = await client.chat.completions.create(
            model="demo-large", messages=QUESTION, stream=True, stream_options={"include_usage": True}
        )
        chunks = [chunk async for chunk in stream]
    text = "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)
    assert text == whole.choices[0].message.content
    assert [chunk.usage for chunk in chunks[:-1]] == [None] * (len(chunks) - 1)
    assert chunks[-1].usage == whole.usage
    assert len(chunks) > 20


async def test_logprobs_come_whole_and_streamed(fast: Running):
    params: Any = {"model": "demo-small", "messages": QUESTION, "logprobs": True, "top_logprobs": 3}
    async with client_of(fast) as client:
        whole = await client.chat.completions.create(**params, stream=False)
        stream = await client.chat.completions.create(**params, stream=True)
        streamed = [
            token.logprob
            async for chunk in stream
            for choice in chunk.choices
            if choice.logprobs
            for token in choice.logprobs.content or ()
        ]
    assert whole.choices[0].logprobs is not None
    content = whole.choices[0].logprobs.content or []
    assert "".join(token.token for token in content) == whole.choices[0].message.content
    assert [token.logprob for token in content] == streamed
    assert all(sum(math.exp(top.logprob) for top in token.top_logprobs) < 1.0001 for token in content)
    assert all(len(token.top_logprobs) == 3 for token in content)


async def test_a_tool_call_comes_whole_and_streamed_and_its_result_is_told(fast: Running):
    messages: Any = [{"role": "user", "content": "Has order BB-20431 shipped yet?"}]
    async with client_of(fast) as client:
        whole = await client.chat.completions.create(model="demo-large", messages=messages, tools=[TOOL])
        stream = await client.chat.completions.create(model="demo-large", messages=messages, tools=[TOOL], stream=True)
        pieces = [
            call
            async for chunk in stream
            for choice in chunk.choices
            for call in choice.delta.tool_calls or ()
        ]  # fmt: skip
        assert whole.choices[0].finish_reason == "tool_calls"
        (call,) = whole.choices[0].message.model_dump()["tool_calls"]
        assert json.loads(call["function"]["arguments"]) == {"order_id": "BB-20431"}
        assert pieces[0].id == call["id"]
        assert (
            "".join((piece.function and piece.function.arguments) or "" for piece in pieces)
            == call["function"]["arguments"]
        )
        result = {"status": "shipped", "carrier": "DHL", "expected_delivery": "2026-02-03"}
        answer: Any = {"role": "assistant", "content": None, "tool_calls": [call]}
        told: Any = {"role": "tool", "tool_call_id": call["id"], "content": json.dumps(result)}
        after = await client.chat.completions.create(
            model="demo-large", messages=[*messages, answer, told], tools=[TOOL]
        )
    assert "shipped" in (after.choices[0].message.content or "")
    assert "2026-02-03" in (after.choices[0].message.content or "")


async def test_responses_say_the_same_as_chat_completions_whole_and_streamed(fast: Running):
    async with client_of(fast) as client:
        chat = await client.chat.completions.create(model="demo-large", messages=QUESTION)
        raw = await client.responses.with_raw_response.create(model="demo-large", input=QUESTION[0]["content"])
        stream = await client.responses.create(model="demo-large", input=QUESTION, stream=True)
        events = [event async for event in stream]
    whole = raw.parse()
    assert raw.headers["x-demo-provider"] == "thriftgate-offline-demo"
    assert whole.output_text == chat.choices[0].message.content
    assert (whole.status, whole.model) == ("completed", "demo-large")
    assert chat.usage is not None
    assert whole.usage is not None
    assert (whole.usage.input_tokens, whole.usage.output_tokens) == (
        chat.usage.prompt_tokens, chat.usage.completion_tokens
    )  # fmt: skip
    deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert "".join(deltas) == whole.output_text
    assert len(deltas) == chat.usage.completion_tokens
    assert [event.sequence_number for event in events] == list(range(len(events)))
    last = events[-1]
    assert last.type == "response.completed"
    assert last.response.output_text == whole.output_text


async def test_a_response_calls_a_tool_and_tells_its_result(fast: Running):
    tool: Any = {"type": "function", **TOOL["function"]}
    asked: Any = {"role": "user", "content": "Has order BB-20431 shipped yet?"}
    async with client_of(fast) as client:
        whole = await client.responses.create(model="demo-large", input=[asked], tools=[tool])
        stream = await client.responses.create(model="demo-large", input=[asked], tools=[tool], stream=True)
        pieces = [event.delta async for event in stream if event.type == "response.function_call_arguments.delta"]
        call: Any = whole.output[0].to_dict()
        assert (call["type"], call["name"]) == ("function_call", "get_order_status")
        assert "".join(pieces) == call["arguments"] == '{"order_id": "BB-20431"}'
        output = json.dumps({"status": "shipped", "carrier": "DHL", "expected_delivery": "2026-02-03"})
        told: Any = {"type": "function_call_output", "call_id": call["call_id"], "output": output}
        after = await client.responses.create(model="demo-large", input=[asked, call, told], tools=[tool])
    assert "2026-02-03" in after.output_text


async def test_a_response_takes_limits_schemas_instructions_and_gives_logprobs(fast: Running):
    schema = {"type": "object", "properties": {"answer": {"type": "string"}}, "required": ["answer"]}
    wanted: Any = {"format": {"type": "json_schema", "name": "reply", "schema": schema, "strict": True}}
    question = QUESTION[0]["content"]
    async with client_of(fast) as client:
        cut = await client.responses.create(
            model="demo-small", input=question, max_output_tokens=4, include=["message.output_text.logprobs"],
            top_logprobs=2,
        )  # fmt: skip
        structured = await client.responses.create(
            model="demo-large", input=question, text=wanted, instructions="Be brief."
        )
    assert cut.status == "incomplete"
    assert cut.incomplete_details is not None
    assert cut.incomplete_details.reason == "max_output_tokens"
    message: Any = cut.output[0].to_dict()
    logprobs = message["content"][0]["logprobs"]
    assert [len(token["top_logprobs"]) for token in logprobs] == [2] * 4
    assert "4 to 6" in json.loads(structured.output_text)["answer"]
    assert structured.instructions == "Be brief."


async def test_a_response_that_the_demo_cannot_give_is_refused_by_the_parameters_own_name(fast: Running):
    refused: list[tuple[dict[str, Any], str | None]] = [
        ({"input": 5}, "input"),
        ({"input": []}, "input"),
        ({"input": "x", "previous_response_id": "resp_1"}, "previous_response_id"),
        ({"input": [{"type": "computer_call"}]}, "input[0].type"),
        ({"input": "x", "max_output_tokens": 0}, "max_output_tokens"),
        ({"input": "x", "tools": [{"type": "web_search"}]}, "tools.0.type"),
    ]
    async with client_of(fast) as client:
        for body, param in refused:
            with pytest.raises(openai.BadRequestError) as error:
                await client.responses.create(model="demo-small", **body)
            assert error.value.param == param


async def test_n_choices_stop_and_limit_work_together(fast: Running):
    async with client_of(fast) as client:
        completion = await client.chat.completions.create(model="demo-small", messages=QUESTION, n=3, max_tokens=4)
        stopped = await client.chat.completions.create(model="demo-large", messages=QUESTION, stop=["business"])
    assert [choice.finish_reason for choice in completion.choices] == ["length"] * 3
    assert completion.usage is not None
    assert completion.usage.completion_tokens == 12
    assert (stopped.choices[0].message.content or "").endswith("4 to 6 ")


async def test_a_structured_answer_parses(fast: Running):
    schema = {"type": "object", "properties": {"answer": {"type": "string"}}, "required": ["answer"]}
    wanted: Any = {"type": "json_schema", "json_schema": {"name": "reply", "schema": schema, "strict": True}}
    async with client_of(fast) as client:
        completion = await client.chat.completions.create(model="demo-large", messages=QUESTION, response_format=wanted)
    assert "4 to 6" in json.loads(completion.choices[0].message.content or "")["answer"]


async def test_models_and_health_answer(fast: Running, http: httpx.AsyncClient):
    async with client_of(fast) as client:
        models = [model.id async for model in client.models.list()]
    assert models == ["demo-small", "demo-large", "demo-large-backup"]
    health = await http.get(f"{fast.url}/health")
    assert health.json()["status"] == "ok"
    assert health.headers["x-demo-provider"] == "thriftgate-offline-demo"


async def test_bad_input_raises_the_errors_of_the_sdk(fast: Running, http: httpx.AsyncClient):
    async with client_of(fast) as client:
        with pytest.raises(openai.NotFoundError) as unknown:
            await client.chat.completions.create(model="gpt-5", messages=QUESTION)
        with pytest.raises(openai.BadRequestError) as hot:
            await client.chat.completions.create(model="demo-small", messages=QUESTION, temperature=9)
    assert unknown.value.code == "model_not_found"
    assert hot.value.param == "temperature"
    broken = await http.post(f"{fast.url}/v1/chat/completions", content=b"{")
    assert (broken.status_code, broken.json()["error"]["type"]) == (400, "invalid_request_error")
    elsewhere = await http.get(f"{fast.url}/v1/nothing")
    assert (elsewhere.status_code, elsewhere.json()["error"]["code"]) == (404, "unknown_url")


async def test_an_outage_is_switched_on_and_off_at_run_time(fast: Running, http: httpx.AsyncClient):
    faults = f"{fast.url}/demo/faults"
    async with client_of(fast) as client:
        await http.post(faults, json={"model": "demo-large", "error_rate": 1.0})
        with pytest.raises(openai.InternalServerError):
            await client.chat.completions.create(model="demo-large", messages=QUESTION)
        assert (await client.chat.completions.create(model="demo-large-backup", messages=QUESTION)).choices
        await http.post(faults, json={"rate_limit_rate": 1.0, "retry_after": 7})
        with pytest.raises(openai.RateLimitError) as limited:
            await client.chat.completions.create(model="demo-small", messages=QUESTION)
        assert limited.value.response.headers["retry-after"] == "7"
        await http.delete(faults)
        assert (await client.chat.completions.create(model="demo-large", messages=QUESTION)).choices
    stats = (await http.get(f"{fast.url}/demo/stats")).json()
    assert (stats["demo-large failed"], stats["demo-large finished"], stats["demo-small failed"]) == (1, 1, 1)


async def test_a_fault_that_is_none_is_refused(fast: Running, http: httpx.AsyncClient):
    wrongs: list[Any] = [{"model": "gpt-5"}, {"error_rate": 2}, {"eror_rate": 1}, []]
    for wrong in wrongs:
        refused = await http.post(f"{fast.url}/demo/faults", json=wrong)
        assert refused.status_code == 400
        assert refused.json()["error"]["type"] == "invalid_request_error"
    assert set((await http.get(f"{fast.url}/demo/faults")).json()) == {"*"}


async def test_a_stream_can_be_told_to_break_in_the_middle(fast: Running, http: httpx.AsyncClient):
    await http.post(f"{fast.url}/demo/faults", json={"break_rate": 1.0})
    received: list[str] = []

    async def read(stream: AsyncIterator[ChatCompletionChunk]) -> None:
        async for chunk in stream:
            received.append(chunk.choices[0].delta.content or "")  # noqa: PERF401 - what came before the break counts

    async with client_of(fast) as client:
        stream = await client.chat.completions.create(model="demo-large", messages=QUESTION, stream=True)
        with pytest.raises((openai.APIError, httpx.HTTPError)):
            await read(stream)
    assert "".join(received).startswith("Standard shipping takes")
    await fast.wait_for("demo-large broken", http)


async def test_a_client_that_leaves_ends_the_wait_for_a_whole_answer(slow: Running, http: httpx.AsyncClient):
    async with client_of(slow, timeout=0.3) as client:
        with pytest.raises(openai.APITimeoutError):
            await client.chat.completions.create(model="demo-large", messages=QUESTION)
    await slow.wait_for("demo-large cancelled", http)


async def test_a_client_that_leaves_ends_a_stream(trickling: Running, http: httpx.AsyncClient):
    async with client_of(trickling) as client:
        stream = await client.chat.completions.create(model="demo-large", messages=QUESTION, stream=True)
        async for chunk in stream:
            if chunk.choices[0].delta.content:
                break
        await stream.close()
    await trickling.wait_for("demo-large cancelled", http)


async def test_a_hanging_model_answers_nobody(fast: Running, http: httpx.AsyncClient):
    await http.post(f"{fast.url}/demo/faults", json={"model": "demo-large", "hang_rate": 1.0})
    async with client_of(fast, timeout=0.3) as client:
        with pytest.raises(openai.APITimeoutError):
            await client.chat.completions.create(model="demo-large", messages=QUESTION)
    await fast.wait_for("demo-large cancelled", http)


def start_process(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "thriftgate.demo.provider", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_the_process_says_where_it_listens_and_ends_on_a_signal():
    with start_process("--port", "0", "--latency", "0") as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.search(r"http://[\d.]+:\d+", line)
        assert found, line
        assert "no real model" in line
        assert httpx.get(f"{found[0]}/health").status_code == 200
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=30)
    assert "Traceback" not in errors


def test_a_taken_port_is_said_in_one_line():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with start_process("--port", str(port)) as process:
            _, errors = process.communicate(timeout=30)
    assert process.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}" in errors
    assert "Traceback" not in errors
