"""Odd requests and answers of Anthropic's messages: newer tools, blocks and fields."""

from tests.wire_samples.messages_answers import USAGE, message, thought, use
from tests.wire_samples.messages_more import HOUR, PRINTED, RAN, SEARCHED, THOUGHT, used
from tests.wire_samples.messages_requests import (
    MARK,
    TIME,
    USE,
    WEATHER,
    ask,
    assistant,
    document,
    image,
    result,
    tool_talk,
    user,
    words,
)  # fmt: skip
from tests.wire_samples.samples import Body, named


def server(kind: str, identity: str, **given: object) -> Body:
    return {"type": "server_tool_use", "id": identity, "name": kind, "input": given, "caller": {"type": "direct"}}


def came(kind: str, identity: str, content: object, **more: object) -> Body:
    return {"type": f"{kind}_tool_result", "tool_use_id": identity, "content": content, **more}


RUN = server("code_execution", "srvtoolu_5", code="print(1)")
SEALED = came("code_execution", "srvtoolu_5", {"type": "encrypted_code_execution_result", "encrypted_stdout": "ZW5j",
                                               "stderr": "", "return_code": 0, "content": []})  # fmt: skip
EDIT = server("text_editor_code_execution", "srvtoolu_6", command="view", path="a.py")
VIEWED = came("text_editor_code_execution", "srvtoolu_6", {
    "type": "text_editor_code_execution_view_result", "content": "a", "file_type": "text", "num_lines": 1,
    "start_line": None, "total_lines": 1})  # fmt: skip
FOUND_TOOLS = came("tool_search", "srvtoolu_7", {"type": "tool_search_tool_search_result", "tool_references": [
    {"type": "tool_reference", "tool_name": "weather"}]})  # fmt: skip
LOST = came("web_fetch", "srvtoolu_8", {"type": "web_fetch_tool_result_error", "error_code": "url_not_accessible"})

ODD_MESSAGES_REQUESTS = named(
    {
        "result without content": ask(user("Go"), assistant([USE]), user([{
            "type": "tool_result", "tool_use_id": "toolu_1"}]), tools=[WEATHER]),
        "empty result": tool_talk(result("")),
        "null error": tool_talk(result("19", is_error=None)),
        "result and words": ask(user("Go"), assistant([USE]), user([result(), words("And now?")]), tools=[WEATHER]),
        "marks in a result": tool_talk(result([words("19", cache_control=MARK), image(cache_control=HOUR)])),
        "found tool in a result": tool_talk(result([{"type": "tool_reference", "tool_name": "weather"}])),
        "empty assistant": ask(user("Hi"), assistant([]), user("Bye")),
        "system in the middle": ask(user("Hi"), assistant("Hello."), {"role": "system", "content": "In Spanish."},
                                    user("Bye")),
        "upload": ask(user([{"type": "container_upload", "file_id": "file_3", "cache_control": MARK}, words("Run")])),
        "marked search result": ask(user([{"type": "search_result", "source": "kb/1", "title": "", "content": [
            words("x", cache_control=MARK)], "citations": {"enabled": False}, "cache_control": HOUR}, words("Q?")])),
        "marked thought": ask(user("a"), assistant([{**THOUGHT, "cache_control": MARK}, words("b")]), user("c")),
        "code in history": ask(user("Run"), assistant([RUN, SEALED, words("1")]), user("Again")),
        "tools found before": ask(user("Go"), assistant([server("tool_search_tool_bm25", "srvtoolu_7", query="x"),
            FOUND_TOOLS, USE]), user([result()]), tools=[{**WEATHER, "defer_loading": True}, {
                "type": "tool_search_tool_bm25_20251119", "name": "tool_search_tool_bm25"}]),
        "turn that was paused": ask(user("Go"), assistant([SEARCHED])),
        "compacted to nothing": ask(user("Hi"), assistant([{"type": "compaction", "content": None}]), user("Go")),
        "fallback before": ask(user("Hi"), assistant([{"type": "fallback", "from": {"model": "a"}, "to": {
            "model": "b"}}, words("Hello.")]), user("Bye")),
        "computer that zooms": ask(tools=[{"type": "computer_20251124", "name": "computer", "display_width_px": 1,
                                           "display_height_px": 1, "enable_zoom": True}]),
        "search by a program": ask(tools=[{"type": "web_search_20260209", "name": "web_search", "max_uses": 1,
            "allowed_callers": ["direct", "code_execution_20260120"], "blocked_domains": None}]),
        "advisor": ask(tools=[{"type": "advisor_20260301", "name": "advisor", "model": "claude-opus-4-6"}]),
        "mcp tools one by one": ask(mcp_servers=[{"type": "url", "name": "kb", "url": "https://example.com/mcp",
            "tool_configuration": {"enabled": True, "allowed_tools": ["find"]}}], tools=[{
                "type": "mcp_toolset", "mcp_server_name": "kb", "default_config": {"enabled": False}, "configs": {
                    "find": {"enabled": True, "defer_loading": True}}, "cache_control": HOUR}]),
        "tool of type custom": ask(tools=[{"type": "custom", **TIME, "description": "", "strict": True}]),
        "hard names": ask(tools=[{"name": "model", "input_schema": {"type": "object", "properties": {
            "stream": {"type": "boolean"}, "messages": {"type": "array"}, "ü ß": {"enum": [1.0, -0.0, None]},
            "$ref": {"type": "string"}}}}], tool_choice={"type": "none"}),
        "hard input": ask(user("Go"), assistant([used("toolu_1", type="text", text="x", content=[{"type": "image"}],
                                                      id=None)]), user([result()]), tools=[WEATHER]),
        "long number": ask(user("Go"), assistant([used("toolu_1", n=2**60, f=1.0, e=1e-9)]), user([result()])),
        "task budget": ask(output_config={"effort": "high", "task_budget": {"type": "tokens", "total": 20000,
                                                                          "remaining": None}}),
        "old output format": ask(output_format={"type": "json_schema", "schema": {"type": "object"}}),
        "null container": ask(container=None, context_management=None, mcp_servers=None),
        "compaction asked for": ask(context_management={"edits": [{"type": "compact_20260112", "trigger": {
            "type": "input_tokens", "value": 150000}, "pause_after_compaction": True, "instructions": None}]}),
        "nulls of all kinds": ask(metadata=None, stop_sequences=None, tools=None, tool_choice=None, temperature=None,
                                  thinking=None, system=None, top_k=None, top_p=None, service_tier=None),
        "fallbacks of Anthropic's": ask(fallback_credit=True, diagnostics={"previous_message_id": None}),
        "unknown source": ask(user([document({"type": "hologram", "data": "x"}), words("Sum")])),
    }
)  # fmt: skip

ODD_MESSAGES_ANSWERS = named(
    {
        "code that is sealed": message(RUN, SEALED, words("1"), container={
            "id": "c_1", "expires_at": "2026-01-01T00:00:00Z", "skills": [{
                "type": "anthropic", "skill_id": "xlsx", "version": "latest"}]}),
        "tools found and used": message(server("tool_search_tool_bm25", "srvtoolu_7", query="x"), FOUND_TOOLS,
                                        use("weather", {"city": "Lima"}), stop_reason="tool_use"),
        "printed with files": message(RAN, {**PRINTED, "content": {**PRINTED["content"], "content": [
            {"type": "bash_code_execution_output", "file_id": "file_1"}]}}, words("a")),
        "compacted to nothing": message({"type": "compaction", "content": None}, stop_reason="compaction"),
        "fallback": message({"type": "fallback", "from": {"model": "a"}, "to": {"model": "b"}}, words("Hi")),
        "advice": message(server("advisor", "srvtoolu_9"), came("advisor", "srvtoolu_9", {
            "type": "advisor_result", "text": "Go on."}), words("So.")),
        "thought without a signature": message(thought("", ""), words("Hi")),
        "refusal with no category": message(stop_reason="refusal", stop_details={
            "type": "refusal", "category": None, "explanation": None}),
        "web cited and file cited": message(words("a", citations=[
            {"type": "char_location", "cited_text": "x", "document_index": 0, "document_title": None, "file_id": "f",
             "start_char_index": 0, "end_char_index": 1},
            {"type": "brand_new_location", "x": {"a": [None]}}])),
        "iterations of all kinds": message(words("Hi"), usage={**USAGE, "iterations": [
            {"type": "compaction", "input_tokens": 3, "output_tokens": 4, "cache_creation": None},
            {"type": "advisor_message", "model": "claude-opus-4-6", "input_tokens": 1, "output_tokens": 1}]}),
        "geo unknown": message(words("Hi"), usage={**USAGE, "inference_geo": "not_available", "service_tier": "batch"}),
        "all edits": message(words("Hi"), context_management={"applied_edits": [
            {"type": "clear_thinking_20251015", "cleared_thinking_turns": 1, "cleared_input_tokens": 0},
            {"type": "compact_20260112"}]}),
        "diagnosed": message(words("Hi"), diagnostics={"cache_miss_reason": None}),
        "deep and odd input": message(use("write", {"type": "text", "id": 2**60, "f": 1.0, "e": 1e-9, "n": None,
                                                    "content": []}), stop_reason="tool_use"),
    }
)  # fmt: skip
