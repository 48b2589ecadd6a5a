"""More requests and answers of Responses: the rarer items, parts and fields, and edges of each."""

from tests.wire_samples.chat_answers import logprob
from tests.wire_samples.responses_answers import CITED, call, response
from tests.wire_samples.responses_answers import USAGE as TOKENS
from tests.wire_samples.responses_answers import says as said
from tests.wire_samples.responses_answers import thought as thought_of
from tests.wire_samples.responses_answers import words as told
from tests.wire_samples.responses_requests import (
    CALL,
    OUTPUT,
    REPLY,
    THOUGHT,
    TIME,
    WEATHER,
    ask,
    image,
    says,
    user,
    words,
)  # fmt: skip
from tests.wire_samples.samples import PDF, PNG, Body, named

NESTED: Body = {
    "type": "object",
    "properties": {
        "orders": {"type": "array", "items": {"$ref": "#/$defs/order"}},
        "note": {"type": ["string", "null"]},
    },
    "$defs": {"order": {"type": "object", "properties": {"id": {"type": "integer", "minimum": 1}}}},
}


def reply(*parts: Body, identity: str = "msg_1", **more: object) -> Body:
    return {**REPLY, "id": identity, "content": list(parts), **more}


def spoken(text: str, **more: object) -> Body:
    return {"type": "output_text", "text": text, "annotations": [], **more}


def item(kind: str, identity: str, **more: object) -> Body:
    return {"id": identity, "type": kind, "status": "completed", **more}


SEARCHED = item("web_search_call", "ws_1", action={"type": "search", "query": "Lima ü", "sources": []})
FILES = item("file_search_call", "fs_1", queries=["x"], results=[{"file_id": "file_1", "filename": "a.md",
             "score": 0.5, "text": "apples", "attributes": {"k": 1}}])  # fmt: skip
CODE = item("code_interpreter_call", "ci_1", code="print(1)\n", container_id="cntr_1", outputs=[
            {"type": "logs", "logs": "1"}])  # fmt: skip
MCP = item("mcp_call", "mcp_1", name="find", server_label="kb", arguments="{}", output="y", error=None)

MORE_RESPONSES_REQUESTS = named(
    {
        "empty instructions": ask(instructions=""),
        "two developers": ask([says("developer", "Be brief."), says("developer", ""), user()]),
        "system and developer": ask([says("system", "Be brief."), says("developer", [words("In Spanish.")]), user()]),
        "two users": ask([user("Hi"), user("Are you there?")]),
        "empty part": ask([user([words(""), words("Hi")])]),
        "empty message": ask([user("")]),
        "one character": ask("?"),
        "zero width": ask("a\u200bb\u2060c\ufeff"),
        "controls": ask("a\x00b\x1b[31mc\x7f"),
        "quotes and slashes": ask('He said "\\n" and \\u0041 </script> \u2028 \u2029 {{x}} ${y}'),
        "json as text": ask('{"role": "system", "content": "x", "n": 1.0e3}'),
        "long text": ask("The order is late. " * 400),
        "right to left": ask("مرحبا بالعالم, שלום עולם"),
        "joined emoji": ask("👩🏽‍🚀👨‍👩‍👧‍👦🏳️‍🌈 e\u0301\u0327"),
        "long history": ask([one for at in range(12) for one in (user(f"Question {at}"), says(
            "assistant", f"Answer {at}"))] + [user("And now?")]),
        "status of a message": ask([{**user([words("Hi")]), "status": "completed", "id": "msg_9"}]),
        "reply in two parts": ask([user("Hi"), reply(spoken("Hello"), spoken(" there.")), user("Bye")]),
        "reply with phase": ask([user("Hi"), reply(spoken("I look."), phase="commentary"), reply(spoken("Lima."),
                                 identity="msg_2", phase="final_answer"), user("Bye")]),
        "cited reply": ask([user("Hi"), reply(spoken("Lima", annotations=[CITED])), user("More")]),
        "reply with logprobs": ask([user("Hi"), reply(spoken("Lima", logprobs=[])), user("More")]),
        "incomplete reply": ask([user("Hi"), reply(spoken("Lim"), status="incomplete"), user("Go on")]),
        "text and refusal": ask([user("Hi"), reply(spoken("Well."), {"type": "refusal", "refusal": "No."}), user("?")]),
        "plain reply": ask([user("Hi"), {"type": "message", "role": "assistant", "content": "Hello."}, user("Bye")]),
        "image in detail": ask([user([words("Read"), image(image_url=f"data:image/png;base64,{PNG}", detail="high")])]),
        "low image": ask([user([image(image_url="https://example.com/b.webp", detail="low")])]),
        "text between images": ask([user([words("This"), image(), words("or"), image(), words("?")])]),
        "image in history": ask([user([words("What?"), image()]), says("assistant", "A dot."), user("Colour?")]),
        "two files": ask([user([{"type": "input_file", "filename": name, "file_data":
            f"data:application/pdf;base64,{PDF}"} for name in ("a.pdf", "b ü.pdf")] + [words("Compare")])]),
        "file and image": ask([user([{"type": "input_file", "file_id": "file_2"}, image(), words("Same?")])]),
        "parallel calls": ask([user("Both?"), CALL, {**CALL, "call_id": "call_2", "name": "time", "arguments": ""},
                               OUTPUT, {**OUTPUT, "call_id": "call_2", "output": "noon"}], tools=[WEATHER, TIME]),
        "call with id": ask([user("Go"), {**CALL, "id": "fc_1", "status": "completed"}, {**OUTPUT, "id": "fco_1",
                             "status": "completed"}], tools=[WEATHER]),
        "text then call": ask([user("Go"), REPLY, CALL, OUTPUT], tools=[WEATHER]),
        "empty output": ask([user("Go"), CALL, {**OUTPUT, "output": ""}], tools=[WEATHER]),
        "output of nothing": ask([user("Go"), CALL, {**OUTPUT, "output": []}], tools=[WEATHER]),
        "file from a tool": ask([user("Go"), CALL, {**OUTPUT, "output": [{"type": "input_file", "filename": "a.pdf",
            "file_data": f"data:application/pdf;base64,{PDF}"}]}], tools=[WEATHER]),
        "unicode arguments": ask([user("Go"), {**CALL, "arguments": '{"city": "Lim\\u00e1 \U0001f1f5", "n": 1e2}'},
                                  OUTPUT]),
        "broken arguments": ask([user("Go"), {**CALL, "arguments": '{"city": "Li'}, {**OUTPUT, "output": "no JSON"}]),
        "two rounds of tools": ask([user("Weather?"), CALL, OUTPUT, says("assistant", "19."), user("Cusco?"),
                                    {**CALL, "call_id": "c9"}, {**OUTPUT, "call_id": "c9"}], tools=[WEATHER]),
        "thoughts in each turn": ask([user("a"), THOUGHT, REPLY, user("c"), {**THOUGHT, "id": "rs_2", "summary": [],
                                      "encrypted_content": None}, reply(spoken("d"), identity="msg_2"), user("e")]),
        "open thought": ask([user("a"), {**THOUGHT, "content": [{"type": "reasoning_text", "text": "Hm."}]}, REPLY,
                             user("b")]),
        "searched before": ask([user("News?"), SEARCHED, REPLY, user("More")]),
        "file search before": ask([user("Find"), FILES, REPLY, user("More")]),
        "code before": ask([user("Run"), CODE, REPLY, user("More")], include=["code_interpreter_call.outputs"]),
        "image made before": ask([user("Draw"), item("image_generation_call", "ig_1", result=PNG), user("Redder")]),
        "mcp before": ask([user("Find"), MCP, REPLY, user("More")]),
        "mcp approval": ask([user("Find"), {"type": "mcp_approval_request", "id": "mcpr_1", "name": "find",
            "server_label": "kb", "arguments": "{}"}, {"type": "mcp_approval_response", "approve": True,
            "approval_request_id": "mcpr_1"}]),
        "patch before": ask([user("Fix"), {"type": "apply_patch_call", "call_id": "c", "status": "completed",
            "operation": {"type": "update_file", "path": "a.py", "diff": "@@\n-a\n+b"}}, {
            "type": "apply_patch_call_output", "call_id": "c", "status": "completed", "output": ""}]),
        "shell before": ask([user("List"), {"type": "shell_call", "call_id": "c", "action": {"commands": ["ls"],
            "timeout_ms": 1000}}, {"type": "shell_call_output", "call_id": "c", "output": [{"stdout": "a", "stderr":
            "", "outcome": {"type": "exit", "exit_code": 0}}]}]),
        "compacted before": ask([{"type": "compaction", "id": "cmp_1", "encrypted_content": "ZW5j"}, user("Go on")]),
        "custom output in parts": ask([user("Rows?"), {"type": "custom_tool_call", "call_id": "c", "name": "sql",
            "input": ""}, {"type": "custom_tool_call_output", "call_id": "c", "output": [words("1")]}]),
        "nested schema": ask(tools=[{**TIME, "name": "orders", "parameters": NESTED, "strict": False}]),
        "tool without parameters": ask(tools=[{"type": "function", "name": "ping", "parameters": None,
                                              "strict": None}]),
        "many tools": ask(tools=[{**TIME, "name": f"tool_{at}", "strict": False} for at in range(20)]),
        "no tools": ask(tools=[]),
        "text tool": ask(tools=[{"type": "custom", "name": "note", "format": {"type": "text"}}], tool_choice={
            "type": "custom", "name": "note"}),
        "searched for": ask(tools=[{"type": "web_search"}], tool_choice={"type": "web_search"}),
        "search near": ask(tools=[{"type": "web_search", "filters": {"allowed_domains": ["example.com"]},
                                   "user_location": {"type": "approximate", "city": "Lima", "country": "PE"}}],
                           include=["web_search_call.action.sources"]),
        "filtered file search": ask(tools=[{"type": "file_search", "vector_store_ids": ["vs_1", "vs_2"],
            "max_num_results": 3, "filters": {"type": "and", "filters": [{"type": "eq", "key": "k", "value": 1}]},
            "ranking_options": {"ranker": "auto", "score_threshold": 0.1}}], include=["file_search_call.results"]),
        "known container": ask(tools=[{"type": "code_interpreter", "container": "cntr_1"}]),
        "container with files": ask(tools=[{"type": "code_interpreter", "container": {"type": "auto", "file_ids": [
            "file_1"], "memory_limit": "4g"}}]),
        "image options": ask(tools=[{"type": "image_generation", "size": "1024x1024", "quality": "low",
                                     "background": "transparent", "partial_images": 2, "output_format": "png"}]),
        "mcp with rules": ask(tools=[{"type": "mcp", "server_label": "kb", "server_url": "https://example.com/mcp",
            "allowed_tools": ["find"], "require_approval": {"never": {"tool_names": ["find"]}}, "headers": {"x": "y"},
            "server_description": "ü"}]),
        "server and own tools": ask(tools=[WEATHER, {"type": "web_search_preview"}], parallel_tool_calls=True),
        "calls in parallel": ask(tools=[WEATHER, TIME], parallel_tool_calls=True, tool_choice="auto"),
        "loose schema": ask(text={"format": {"type": "json_schema", "name": "any", "schema": NESTED, "strict": False,
                                             "description": "Anything"}}),
        "schema and verbosity": ask(text={"verbosity": "high", "format": {"type": "text"}}),
        "high effort": ask(reasoning={"effort": "high", "summary": "detailed"}),
        "no effort": ask(reasoning={"effort": "none"}),
        "null reasoning": ask(reasoning={"effort": None, "summary": None}),
        "coldest": ask(temperature=0, top_p=1, top_logprobs=0),
        "hottest": ask(temperature=2.0, top_p=0.01),
        "both includes": ask(include=["reasoning.encrypted_content", "message.input_image.image_url"], store=False),
        "nothing included": ask(include=[]),
        "one token": ask(max_output_tokens=1, truncation="disabled"),
        "fast": ask(service_tier="priority", prompt_cache_key=""),
        "metadata": ask(metadata={"a": "1", "ü": ""}, store=False),
        "context": ask(context_management=[{"type": "compaction", "compact_threshold": 1000}]),
        "no obfuscation": ask(stream_options={"include_obfuscation": False}, stream=True),
        "fields of nothing": ask(brand_new=None, empty={}, nothing=[], zero=0, no=False, blank=""),
        "unknown in part": ask([user([{**words("Hi"), "brand_new": {"a": [None]}}])]),
        "unknown in item": ask([{**user("Hi"), "brand_new": 1}]),
    }
)  # fmt: skip

PATH_CITED: Body = {"type": "file_citation", "file_id": "file_1", "filename": "a.md", "index": 3}
CONTAINER_CITED: Body = {"type": "container_file_citation", "container_id": "cntr_1", "file_id": "cfile_1",
                         "filename": "a.png", "start_index": 0, "end_index": 1}  # fmt: skip

MORE_RESPONSES_ANSWERS = named(
    {
        "one character": response(said(told("."))),
        "only blanks": response(said(told(" \n"))),
        "controls": response(said(told("a\x00b\x1bc \u2028 \\u0041 \"q\" </s>"))),
        "data lines": response(said(told("data: [DONE]\n\nevent: response.completed\r\ndata: {}\n\n: y"))),
        "json": response(said(told('{"name": "Ada", "n": 1.50, "list": [null, true]}'))),
        "long": response(said(told("The refund takes five days. " * 120))),
        "joined emoji": response(said(told("👩🏽‍🚀👨‍👩‍👧‍👦🏳️‍🌈 e\u0301\u0327 \u202eolleh"))),
        "text and refusal": response(said(told("Well."), {"type": "refusal", "refusal": "No further."})),
        "empty message": response(said()),
        "filtered": response(said(told("Li"), status="incomplete"), status="incomplete",
                             incomplete_details={"reason": "content_filter"}),
        "cut call": response(call("weather", '{"city": "Li', status="incomplete"), status="incomplete",
                             incomplete_details={"reason": "max_output_tokens"}),
        "cut thought": response(thought_of("On and on"), status="incomplete",
                                incomplete_details={"reason": "max_output_tokens"}),
        "five calls": response(*({**call("weather", f'{{"city":"{at}"}}'), "id": f"fc_{at}", "call_id": f"call_{at}"}
                                 for at in range(5))),
        "call without arguments": response(call("time", "")),
        "written arguments": response(call("weather", '{"city": "Lim\\u00e1", "list": [1, 2.50, null, "\\n"]}')),
        "long arguments": response(call("write", '{"text": "' + "line\\n" * 200 + '"}')),
        "thought of two": response(thought_of("First.", "Second."), said(told("Lima."))),
        "two thoughts": response(thought_of("First."), call("time", "{}"), {**thought_of("Then."), "id": "rs_2"},
                                 call("weather", "{}")),
        "empty thought": response(thought_of(), said(told("Lima."))),
        "thought of nothing": response(thought_of(""), said(told("Lima."))),
        "sealed and open": response(thought_of("a", encrypted_content="ZW5j", status="completed", content=[
            {"type": "reasoning_text", "text": "Hm."}]), said(told("Lima."))),
        "file cited": response(FILES, said(told("Apples", annotations=[PATH_CITED, CITED]))),
        "container cited": response(CODE, said(told("1", annotations=[CONTAINER_CITED]))),
        "path": response(said(told("See", annotations=[{"type": "file_path", "file_id": "file_1", "index": 0}]))),
        "page opened": response(item("web_search_call", "ws_2", action={"type": "open_page", "url":
                                     "https://example.com"}), said(told("So."))),
        "found in page": response(item("web_search_call", "ws_3", action={"type": "find_in_page", "url":
                                       "https://example.com", "pattern": "Lima"}), said(told("So."))),
        "code without output": response({**CODE, "outputs": None}, said(told("1"))),
        "image in code": response({**CODE, "outputs": [{"type": "image", "url": "https://example.com/a.png"}]}),
        "failed mcp": response({**MCP, "output": None, "error": "down", "status": "failed"}, said(told("No."))),
        "approval": response({"id": "mcpr_1", "type": "mcp_approval_request", "name": "find", "server_label": "kb",
                              "arguments": "{}"}),
        "computer": response(item("computer_call", "cu_1", call_id="c", action={"type": "click", "button": "left",
                             "x": 1, "y": 2}, pending_safety_checks=[])),
        "patch": response(item("apply_patch_call", "ap_1", call_id="c", operation={
            "type": "update_file", "path": "a.py", "diff": "@@\n-a\n+b"})),
        "shell": response(item("shell_call", "sh_1", call_id="c", action={"commands": ["ls"], "timeout_ms": None,
                                                                          "max_output_length": None})),
        "compaction": response({"id": "cmp_1", "type": "compaction", "encrypted_content": "ZW5j"}, said(told("So."))),
        "calls of both kinds": response(call("time", "{}"), item("custom_tool_call", "ctc_1", call_id="c",
                                                                 name="sql", input="select\n1 -- ü")),
        "empty custom call": response(item("custom_tool_call", "ctc_1", call_id="c", name="sql", input="")),
        "phases": response(thought_of(), said(told("I look."), phase="commentary"), call("time", "{}"),
                           said(told("So."), id="msg_2", phase="final_answer")),
        "other tier": response(said(told("Hi")), service_tier="flex", temperature=None, top_p=None),
        "reasoning echoed": response(said(told("Hi")), reasoning={"effort": "low", "summary": "auto"},
                                     text={"format": {"type": "text"}, "verbosity": "low"}, max_output_tokens=16),
        "tools echoed": response(call("weather", "{}"), tools=[WEATHER], tool_choice="required",
                                 parallel_tool_calls=False, max_tool_calls=2),
        "stored nowhere": response(said(told("Hi")), store=False, previous_response_id="resp_A",
                                   conversation={"id": "conv_1"}, prompt_cache_retention="24h"),
        "small usage": response(said(told("Hi")), usage={"input_tokens": 1, "output_tokens": 0, "total_tokens": 1}),
        "unknown usage": response(said(told("Hi")), usage={**TOKENS, "cost": 1e-6, "output_tokens_details": {
            "reasoning_tokens": 1, "new_tokens": 3}}),
        "logprobs of odd bytes": response(said(told("é😀", logprobs=[logprob("é", -0.2, -1.0),
                                                                    logprob("😀", -9999.0)])), top_logprobs=1),
    }
)  # fmt: skip
