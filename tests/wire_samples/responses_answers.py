"""Whole responses of OpenAI's, and the events that the provider would stream for each, cut anywhere."""

from collections.abc import Iterator
from typing import Any

from tests.wire_samples.chat_answers import Cut, logprob
from tests.wire_samples.samples import PNG, Body, named

USAGE: Body = {
    "input_tokens": 36, "input_tokens_details": {"cached_tokens": 8, "cache_write_tokens": 0}, "output_tokens": 87,
    "output_tokens_details": {"reasoning_tokens": 20}, "total_tokens": 123,
}  # fmt: skip


def response(*output: Body, status: str = "completed", usage: Any = USAGE, **more: Any) -> Body:
    return {
        "id": "resp_01Aa", "object": "response", "created_at": 1764300000, "status": status, "completed_at": 1764300002,
        "background": False, "error": None, "incomplete_details": None, "instructions": None,
        "max_output_tokens": None, "model": "gpt-5-mini-2025-08-07", "output": list(output),
        "parallel_tool_calls": True, "previous_response_id": None, "prompt_cache_key": None,
        "reasoning": {"effort": None, "summary": None}, "safety_identifier": None, "service_tier": "default",
        "store": True, "temperature": 1.0, "text": {"format": {"type": "text"}}, "tool_choice": "auto", "tools": [],
        "top_logprobs": 0, "top_p": 1.0, "truncation": "disabled", "usage": usage, "user": None, "metadata": {}, **more,
    }  # fmt: skip


def words(text: str, **more: Any) -> Body:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": [], **more}


def says(*parts: Body, **more: Any) -> Body:
    return {"id": "msg_01Aa", "type": "message", "status": "completed", "role": "assistant", "content": list(parts),
            **more}  # fmt: skip


def thought(*texts: str, **more: Any) -> Body:
    summary = [{"type": "summary_text", "text": text} for text in texts]
    return {"id": "rs_01Aa", "type": "reasoning", "summary": summary, **more}


def call(name: str, arguments: str, **more: Any) -> Body:
    return {"id": f"fc_{name}", "type": "function_call", "status": "completed", "call_id": f"call_{name}",
            "name": name, "arguments": arguments, **more}  # fmt: skip


CITED: Body = {
    "type": "url_citation", "url": "https://example.com", "title": "A", "start_index": 0, "end_index": 4,
}  # fmt: skip

RESPONSES_ANSWERS = named(
    {
        "text": response(says(words("Lima is the capital of Peru."))),
        "blanks": response(says(words("  a  b\n\n\tc \n"))),
        "unicode": response(says(words("Grüße 😀 a\u0301 漢字漢字"))),
        "nothing": response(),
        "empty text": response(says(words(""))),
        "two parts": response(says(words("One. "), words("Two."))),
        "two messages": response(says(words("I look."), phase="commentary"),
                                 says(words("Lima."), id="msg_2", phase="final_answer")),
        "refusal": response(says({"type": "refusal", "refusal": "I cannot help with that."})),
        "incomplete": response(says(words("Lima is"), status="incomplete"), status="incomplete",
                               incomplete_details={"reason": "max_output_tokens"}),
        "filtered": response(status="incomplete", incomplete_details={"reason": "content_filter"}),
        "failed": response(status="failed", usage=None, error={"code": "server_error", "message": "Sorry."}),
        "reasoning": response(thought("First, ", "then Lima."), says(words("Lima."))),
        "encrypted reasoning": response(thought(encrypted_content="ZW5jcnlwdGVk"), says(words("Lima."))),
        "open reasoning": response(thought(content=[{"type": "reasoning_text", "text": "Peru … Lima."}]),
                                   says(words("Lima."))),
        "call": response(call("weather", '{"city":"Lima"}')),
        "calls": response(says(words("I look.")), call("weather", '{"city":"Lima"}'), call("time", "{}")),
        "reasoned call": response(thought("I need it."), call("weather", '{"city":"Lima"}')),
        "custom call": response({"id": "ctc_1", "type": "custom_tool_call", "status": "completed", "call_id": "c",
                                 "name": "sql", "input": "select 1"}),
        "shell call": response({"id": "lsh_1", "type": "local_shell_call", "status": "completed", "call_id": "c",
                                "action": {"type": "exec", "command": ["ls"], "env": {}}}),
        "web search": response({"id": "ws_1", "type": "web_search_call", "status": "completed",
                                "action": {"type": "search", "query": "Lima"}},
                               says(words("Lima.", annotations=[CITED, {**CITED, "title": "B"}]))),
        "file search": response({"id": "fs_1", "type": "file_search_call", "status": "completed", "queries": ["x"],
                                 "results": None}, says(words("y"))),
        "code": response({"id": "ci_1", "type": "code_interpreter_call", "status": "completed", "code": "print(1)\n",
                          "container_id": "cntr_1", "outputs": [{"type": "logs", "logs": "1"}]}, says(words("1"))),
        "image": response({"id": "ig_1", "type": "image_generation_call", "status": "completed", "result": PNG}),
        "mcp": response({"id": "mcpl_1", "type": "mcp_list_tools", "server_label": "kb", "tools": [
                            {"name": "find", "input_schema": {"type": "object"}}]},
                        {"id": "mcp_1", "type": "mcp_call", "status": "completed", "name": "find", "server_label": "kb",
                         "arguments": '{"q":"x"}', "output": "y", "error": None}, says(words("y"))),
        "logprobs": response(says(words("Lima.", logprobs=[logprob("Lima", -0.01, -4.2), logprob(".", -0.5, -1.0)])),
                             top_logprobs=2),
        "echo": response(says(words("Hi")), metadata={}, user=None, temperature=0.2, max_output_tokens=64),
        "no details": response(says(words("Hi")), usage={"input_tokens": 1, "output_tokens": 2, "total_tokens": 3,
                                                         "input_tokens_details": None}),
        "unknown item": response({"id": "h_1", "type": "hologram", "data": "x"}, says(words("Hi"))),
        "unknown fields": response(says(words("Hi", brand_new=1), other=2), top={"x": None}),
    }
)  # fmt: skip


def responses_stream(whole: Body, cut: Cut) -> Iterator[Body]:
    """The events of a provider that plays OpenAI, numbered."""
    for number, event in enumerate(_events(whole, cut)):
        yield {**event, "sequence_number": number}


def _events(whole: Body, cut: Cut) -> Iterator[Body]:
    begun: Body = {**whole, "status": "in_progress", "output": list[Body](), "usage": None, "completed_at": None}
    begun |= {"error": None, "incomplete_details": None}
    yield {"type": "response.created", "response": begun}
    yield {"type": "response.in_progress", "response": begun}
    for index, item in enumerate(whole["output"]):
        where: Body = {"output_index": index, "item_id": item["id"]}
        yield {"type": "response.output_item.added", "output_index": index, "item": _begun(item)}
        for event in _written(item, cut):
            yield {**event, **where}
        yield {"type": "response.output_item.done", "output_index": index, "item": item}
    yield {"type": f"response.{whole['status']}", "response": whole}


def _begun(item: Body) -> Body:
    empty: Body = {"content": list[Body](), "summary": list[Body](), "arguments": "", "input": "", "code": "",
                   "outputs": None, "result": None, "output": None}  # fmt: skip
    begun: Body = {**item, **{name: value for name, value in empty.items() if name in item}}
    return {**begun, "status": "in_progress"} if "status" in item else begun


_STRINGS = {
    "function_call": ("arguments", "function_call_arguments"),
    "custom_tool_call": ("input", "custom_tool_call_input"),
    "mcp_call": ("arguments", "mcp_call_arguments"),
    "code_interpreter_call": ("code", "code_interpreter_call_code"),
}


def _written(item: Body, cut: Cut) -> Iterator[Body]:
    if item["type"] in _STRINGS:
        name, stem = _STRINGS[item["type"]]
        for piece in cut(item[name]):
            yield {"type": f"response.{stem}.delta", "delta": piece}
        yield {"type": f"response.{stem}.done", name: item[name]}
    elif item["type"] == "web_search_call":
        for stage in ("in_progress", "searching", "completed"):
            yield {"type": f"response.web_search_call.{stage}"}
    for index, part in enumerate(item.get("summary") or ()):
        where: Body = {"summary_index": index}
        yield {"type": "response.reasoning_summary_part.added", **where, "part": {"type": "summary_text", "text": ""}}
        for piece in cut(part["text"]):
            yield {"type": "response.reasoning_summary_text.delta", **where, "delta": piece}
        yield {"type": "response.reasoning_summary_text.done", **where, "text": part["text"]}
        yield {"type": "response.reasoning_summary_part.done", **where, "part": part}
    for index, part in enumerate(item.get("content") or ()):
        for event in _part(part, cut):
            yield {**event, "content_index": index}


def _part(part: Body, cut: Cut) -> Iterator[Body]:
    stem, name = {
        "output_text": ("output_text", "text"),
        "refusal": ("refusal", "refusal"),
        "reasoning_text": ("reasoning_text", "text"),
    }[part["type"]]
    empty: Body = {field: list[Body]() for field in ("annotations", "logprobs") if field in part}
    yield {"type": "response.content_part.added", "part": {**part, name: "", **empty}}
    logprobs = list(part.get("logprobs", ()))
    for piece in cut(part[name]):
        told: Body = {"logprobs": [logprobs.pop(0)] if logprobs else list[Body]()} if stem == "output_text" else {}
        yield {"type": f"response.{stem}.delta", "delta": piece, **told}
    for place, annotation in enumerate(part.get("annotations", ())):
        yield {"type": "response.output_text.annotation.added", "annotation_index": place, "annotation": annotation}
    yield {
        "type": f"response.{stem}.done",
        name: part[name],
        **({"logprobs": part["logprobs"]} if "logprobs" in part else {}),
    }
    yield {"type": "response.content_part.done", "part": part}
