"""Odd requests and answers of chat completions: what newer models and other providers of the dialect have."""

from tests.wire_samples.chat_answers import USAGE, call, choice, completion, logprob, said
from tests.wire_samples.chat_more import assistant, tool
from tests.wire_samples.chat_requests import CALL, CALLED, RESULT, WEATHER, chat, image, user, words
from tests.wire_samples.samples import Body, named

ECHOED: Body = {"refusal": None, "annotations": [], "audio": None, "function_call": None, "tool_calls": None}
"""What an SDK's dump of a message has beside its text."""
SIGNED: Body = {**CALL, "extra_content": {"google": {"thought_signature": "c2ln"}}}

ODD_CHAT_REQUESTS = named(
    {
        "message as an SDK dumps it": chat(user("Hi"), assistant("Hello.", **ECHOED), user("Bye")),
        "call with an index": chat(user("Weather?"), assistant(None, tool_calls=[{**CALL, "index": 0}]), RESULT),
        "signed call": chat(user("Weather?"), assistant(None, tool_calls=[SIGNED]), RESULT, tools=[WEATHER]),
        "reasoning by OpenRouter": chat(user("Hi"), assistant("Hello.", reasoning="A greeting.", reasoning_details=[
            {"type": "reasoning.encrypted", "data": "ZW5j", "id": "r1", "format": "openai-responses-v1", "index": 0},
        ]), user("Bye")),
        "messages with ids": chat({**user("Hi"), "id": "m1", "created_at": 1.5}, assistant("Hello.", id="m2"), user()),
        "same call twice": chat(user("Weather?"), CALLED, RESULT, RESULT),
        "image from a tool": chat(user("Weather?"), CALLED, {**RESULT, "content": [words("See"), image()]}),
        "failed tool": chat(user("Weather?"), CALLED, {**RESULT, "is_error": True, "status": "error"}),
        "calls of both kinds": chat(user("Both?"), assistant(None, tool_calls=[CALL, {
            "id": "c2", "type": "custom", "custom": {"name": "sql", "input": ""}}]), RESULT,
            {**RESULT, "tool_call_id": "c2"}, tools=[WEATHER]),
        "text and refusal before": chat(user("Hi"), assistant([words("Well."), {"type": "refusal", "refusal": "No."}]),
                                        user("Why?")),
        "original detail": chat(user([words("Read"), image(detail="original")])),
        "image as a text": chat(user([words("Read"), {"type": "image_url", "image_url": "https://example.com/a.png"}])),
        "video": chat(user([words("See"), {"type": "video_url", "video_url": {"url": "https://example.com/a.mp4"}}])),
        "marked file": chat(user([{"type": "file", "file": {"file_id": "file-1"}, "cache_control": {
            "type": "ephemeral", "ttl": "1h"}}, words("Sum")])),
        "tiny and huge numbers": chat(temperature=1e-9, seed=2**53, top_p=1.0, max_tokens=128000),
        "effort beyond high": chat(reasoning_effort="xhigh"),
        "cache for a day": chat(prompt_cache_key="k", prompt_cache_retention="in_memory"),
        "nulls of all kinds": chat(logit_bias=None, metadata=None, store=None, n=None, user=None, tool_choice=None,
                                   parallel_tool_calls=None, service_tier=None, seed=None, modalities=None, audio=None),
        "empties of all kinds": chat(logit_bias={}, metadata={}, stop=[], user="", modalities=[]),
        "empty options": chat(stream_options={}),
        "no usage wanted": chat(stream_options={"include_usage": False}),
        "search without options": chat(web_search_options={}),
        "regex grammar": chat(tools=[{"type": "custom", "custom": {"name": "t", "description": "", "format": {
            "type": "grammar", "grammar": {"syntax": "regex", "definition": "^\\d+$"}}}}], tool_choice="required"),
        "allowed custom tool": chat(tools=[WEATHER, {"type": "custom", "custom": {"name": "sql"}}], tool_choice={
            "type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [
                {"type": "custom", "custom": {"name": "sql"}}]}}),
        "server tool of somebody's": chat(tools=[{"type": "web_search", "web_search": {"enable": True}}, WEATHER]),
        "Google's tools": chat(tools=[{"googleSearch": {}}, {"codeExecution": {}}]),
        "tool with hard names": chat(tools=[tool("model", {"type": "object", "properties": {
            "stream": {"type": "boolean"}, "messages": {"type": "array", "items": {}}, "ü ß": {"enum": [1.0, -0.0]},
            "$ref": {"type": "string"}, "additionalProperties": {"type": "null"}}})]),
        "schema without a schema": chat(response_format={"type": "json_schema", "json_schema": {"name": "any"}}),
        "where it may go": chat(provider={"order": ["a", "b"], "allow_fallbacks": False},
                                transforms=["middle-out"], plugins=[{"id": "web"}]),
        "thinking off": chat(thinking={"type": "disabled"}, enable_thinking=False, reasoning_split=True),
        "numbers in metadata": chat(metadata={"n": 1, "deep": {"a": [None]}}),
        "keys with dots": chat(**{"a.b": 1, "A-B": {"": 0}, "ü": "x"}),
    }
)  # fmt: skip

ODD_CHAT_ANSWERS = named(
    {
        "nothing at all": completion(choice({"content": None, "refusal": None})),
        "message as an SDK dumps it": completion(choice({"content": "Hi", **ECHOED})),
        "signed call": completion(choice(said(None, tool_calls=[{**call("c1", "time", "{}"), "extra_content": {
            "google": {"thought_signature": "c2ln"}}}]), "tool_calls")),
        "calls ended without one": completion(choice(said("Hi"), "tool_calls")),
        "reasoning by OpenRouter": completion(choice(said("Hi", reasoning="A greeting.", reasoning_details=[
            {"type": "reasoning.text", "text": "A greeting.", "format": None, "index": 0}])), provider="Someone"),
        "beside Groq": completion(choice(said("Hi")), x_groq={"id": "req_1"}),
        "odd ending": completion(choice(said("Hi"), "insufficient_system_resource")),
        "filter ended it": completion(choice(said("Hi"), "content_filter", content_filter_results={
            "hate": {"filtered": True, "severity": "high"}, "error": {"code": "x", "message": "y"}})),
        "written to the cache": completion(choice(said("Hi")), usage={
            **USAGE, "prompt_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 9, "image_tokens": 1}}),
        "cost by the provider": completion(choice(said("Hi")), usage={
            **USAGE, "cost": 0.00012, "is_byok": False, "cost_details": {"upstream_inference_cost": None}}),
        "file annotation": completion(choice(said("See.", annotations=[{"type": "file", "file": {
            "hash": "h", "name": "a.pdf", "content": [words("x")]}}]))),
    }
)  # fmt: skip
ODD_LOGPROBS_ANSWERS = named(
    {
        "logprobs without tops": completion(choice(said("Hi"), logprobs={"content": [
            {"token": "Hi", "logprob": -0.1, "bytes": None, "top_logprobs": []}], "refusal": None})),
        "logprobs of two choices": completion(
            choice(said("a"), logprobs={"content": [logprob("a", -0.2, -1.0)], "refusal": None}),
            choice(said("b"), index=1, logprobs={"content": [logprob("b", -0.3, -1.0)], "refusal": None})),
    }
)  # fmt: skip
