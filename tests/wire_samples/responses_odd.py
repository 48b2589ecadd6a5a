"""Odd requests and answers of Responses: newer tools, items and fields."""

from tests.wire_samples.responses_answers import USAGE, call, response
from tests.wire_samples.responses_answers import says as said
from tests.wire_samples.responses_answers import words as told
from tests.wire_samples.responses_more import CODE, MCP, SEARCHED, item, reply, spoken
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

NAMESPACE: Body = {"type": "namespace", "name": "crm", "description": "Customers", "tools": [
    {**TIME, "name": "list", "defer_loading": True, "strict": False}]}  # fmt: skip
LISTED: Body = {"id": "mcpl_2", "type": "mcp_list_tools", "server_label": "kb", "error": None, "tools": [
    {"name": "find", "description": None, "annotations": None, "input_schema": {"type": "object"}}]}  # fmt: skip
SEEN = item("computer_call", "cu_2", call_id="c", pending_safety_checks=[
    {"id": "s", "code": "malicious_instructions", "message": "m"}], actions=[{"type": "screenshot"}, {
        "type": "drag", "path": [{"x": 1, "y": 2}], "keys": None}])  # fmt: skip
TOOLS_FOUND: Body = {"type": "tool_search_output", "id": "tso_1", "call_id": None, "execution": "server",
                     "status": "completed", "tools": [NAMESPACE]}  # fmt: skip
SEARCH_TOOLS: Body = {"type": "tool_search_call", "id": "tsc_1", "call_id": None, "execution": "server",
                      "status": "completed", "arguments": {"paths": ["crm"]}}  # fmt: skip

ODD_RESPONSES_REQUESTS = named(
    {
        "message as an SDK dumps it": ask([user("Hi"), {**REPLY, "phase": None, "content": [
            spoken("Hello.", logprobs=None)]}, user("Bye")]),
        "thought as an SDK dumps it": ask([user("Hi"), {**THOUGHT, "content": None, "status": None}, REPLY, user()]),
        "call as an SDK dumps it": ask([user("Go"), {**CALL, "id": None, "status": None, "namespace": None}, OUTPUT]),
        "commentary before": ask([user("Hi"), reply(spoken("I look."), phase="commentary"), reply(spoken("So."),
                                  identity="msg_2", phase="final_answer"), user("Bye")]),
        "bare reference": ask([{"id": "msg_1"}, user("Bye")]),
        "empty list": ask([]),
        "nothing but a template": ask(None, prompt={"id": "pmpt_1", "version": None, "variables": {
            "pic": image(), "text": words("x"), "city": "Lima"}}),
        "conversation object": ask(conversation={"id": "conv_1"}),
        "image by id in detail": ask([user([image(file_id="file_1") | {"detail": "original"}])]),
        "file from a tool": ask([user("Go"), CALL, {**OUTPUT, "output": [{
            "type": "input_file", "filename": "a.pdf", "file_data": f"data:application/pdf;base64,{PDF}"}]}]),
        "mcp listed before": ask([user("Go"), LISTED, MCP, REPLY, user("More")]),
        "tools found before": ask([user("Go"), SEARCH_TOOLS, TOOLS_FOUND, {**CALL, "namespace": "crm"}, OUTPUT],
                                  tools=[{"type": "tool_search"}, NAMESPACE]),
        "tools found by the client": ask([user("Go"), {**SEARCH_TOOLS, "execution": "client", "call_id": "c"}, {
            **TOOLS_FOUND, "execution": "client", "call_id": "c"}], tools=[{"type": "tool_search", "execution":
            "client", "description": "Find", "parameters": {"type": "object"}}]),
        "computer before": ask([user("Go"), SEEN, {"type": "computer_call_output", "call_id": "c",
            "acknowledged_safety_checks": [{"id": "s"}], "output": {"type": "computer_screenshot", "detail": "original",
            "image_url": f"data:image/png;base64,{PNG}"}}], tools=[{"type": "computer"}]),
        "refused approval": ask([{"type": "mcp_approval_response", "approve": False, "reason": "No.",
                                  "approval_request_id": "mcpr_1", "id": None}], previous_response_id="resp_A"),
        "compaction asked for": ask([user("Hi"), REPLY, {"type": "compaction_trigger"}]),
        "code with files": ask([user("Run"), {**CODE, "code": None, "outputs": []}, REPLY, user("Again")]),
        "search with sources": ask([user("News?"), {**SEARCHED, "action": {"type": "search", "queries": ["a", "b"],
            "query": "a", "sources": [{"type": "url", "url": "https://example.com"}]}}, REPLY, user("More")]),
        "system late": ask([user("Hi"), REPLY, {"type": "message", **says("system", "In Spanish.")}, user("Bye")]),
        "search of today": ask(tools=[{"type": "web_search_2025_08_26", "external_web_access": False,
                                       "filters": None, "user_location": None}]),
        "shell in a container": ask(tools=[{"type": "shell", "environment": {"type": "container_auto", "skills": [{
            "type": "skill_reference", "skill_id": "skill_1", "version": "latest"}], "network_policy": {
                "type": "allowlist", "allowed_domains": ["example.com"]}}}], tool_choice={"type": "shell"}),
        "connector": ask(tools=[{"type": "mcp", "server_label": "mail", "connector_id": "connector_gmail",
            "authorization": "t", "require_approval": "never", "defer_loading": True, "allowed_tools": {
                "read_only": True, "tool_names": ["find"]}}], tool_choice={"type": "mcp", "server_label": "mail"}),
        "namespace": ask(tools=[NAMESPACE, {"type": "tool_search"}]),
        "image edited": ask(tools=[{"type": "image_generation", "action": "edit", "input_fidelity": "high",
            "input_image_mask": {"file_id": "file_1"}, "model": "gpt-image-1.5", "moderation": "low",
            "output_compression": 50}], tool_choice={"type": "image_generation"}),
        "allowed of all kinds": ask(tools=[WEATHER, {"type": "web_search"}], tool_choice={
            "type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "weather"}, {
                "type": "mcp", "server_label": "kb"}, {"type": "image_generation"}]}),
        "hard names": ask(tools=[{**TIME, "name": "model", "strict": None, "description": None, "parameters": {
            "type": "object", "properties": {"stream": {"type": "boolean"}, "input": {"type": "array"},
                                             "ü ß": {"enum": [1.0, -0.0]}, "$ref": {"type": "string"}}}}]),
        "highest effort": ask(reasoning={"effort": "xhigh", "summary": "concise"}),
        "null text": ask(text=None, truncation=None, max_tool_calls=None, stream_options=None, service_tier=None),
        "nulls of all kinds": ask(metadata=None, include=None, store=None, user=None, reasoning=None, top_p=None,
                                  tool_choice=None, parallel_tool_calls=None, max_output_tokens=None, background=None),
        "everything included": ask(include=["file_search_call.results", "web_search_call.results",
            "web_search_call.action.sources", "computer_call_output.output.image_url",
            "code_interpreter_call.outputs", "reasoning.encrypted_content"]),
        "moderated": ask(moderation={"model": "omni-moderation-latest"}),
        "empties of all kinds": ask(metadata={}, user="", text={}),
        "template with a file": ask(prompt={"id": "pmpt_1", "variables": {"doc": {
            "type": "input_file", "file_id": "file_1"}}}),
    }
)  # fmt: skip

ODD_RESPONSES_ANSWERS = named(
    {
        "tools found": response(SEARCH_TOOLS, TOOLS_FOUND, {**call("list", "{}"), "namespace": "crm"}),
        "computer with many actions": response(SEEN),
        "shell with output": response(item("shell_call", "sh_2", call_id="c", action={"commands": ["ls"],
            "timeout_ms": 1, "max_output_length": 9}, environment={"type": "container_reference", "container_id": "c"}),
            item("shell_call_output", "sho_2", call_id="c", max_output_length=9, output=[{"stdout": "a", "stderr": "",
                "outcome": {"type": "timeout"}}]), said(told("a"))),
        "patched": response(item("apply_patch_call", "ap_2", call_id="c", operation={
            "type": "delete_file", "path": "a.py"}), {"id": "apo_2", "type": "apply_patch_call_output",
            "call_id": "c", "status": "failed", "output": "no"}),
        "sources": response({**SEARCHED, "action": {"type": "search", "queries": ["a", "b"], "query": "a", "sources": [
            {"type": "url", "url": "https://example.com"}, {"type": "api", "name": "oai-weather"}]}}, said(told("So"))),
        "picture and its prompt": response(item("image_generation_call", "ig_2", result=PNG, revised_prompt="ü",
            background="opaque", output_format="png", quality="high", size="1024x1024", action="generate")),
        "annotation of a new kind": response(said(told("Hi", annotations=[{"type": "brand_new", "x": {"a": [None]}}]))),
        "null logprobs": response(said({"type": "output_text", "text": "Hi", "annotations": []})),
        "incomplete for no reason": response(said(told("Hi"), status="incomplete"), status="incomplete",
                                             incomplete_details=None),
        "conversation": response(said(told("Hi")), conversation={"id": "conv_1"}, background=None),
        "instructions as items": response(said(told("Hi")), instructions=[{"type": "message", "role": "developer",
            "content": [words("Be brief.")]}]),
        "tools of all kinds": response(said(told("Hi")), tools=[{"type": "web_search", "filters": None,
            "search_context_size": "medium", "user_location": {"type": "approximate", "city": None, "country": "US",
            "region": None, "timezone": None}}, NAMESPACE], tool_choice={"type": "web_search"}, max_tool_calls=3),
        "tokens of all kinds": response(said(told("Hi")), usage={**USAGE, "input_tokens_details": {
            "cached_tokens": 1, "cache_write_tokens": 2, "image_tokens": 3, "new": None}, "cost": 0.1}),
        "logprobs without tops": response(said(told("Hi", logprobs=[{"token": "Hi", "bytes": [72, 105], "logprob": -0.1,
            "top_logprobs": []}])), top_logprobs=0),
    }
)  # fmt: skip
