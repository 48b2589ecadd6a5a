"""More requests and answers of Anthropic's messages: the rarer blocks and fields, and edges of each."""

from tests.wire_samples.messages_answers import CITATION, FOUND, message, thought, use
from tests.wire_samples.messages_answers import USAGE as TOKENS
from tests.wire_samples.messages_requests import (
    APPLES,
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
from tests.wire_samples.samples import PDF, PNG, Body, named

HOUR: Body = {"type": "ephemeral", "ttl": "1h"}
NESTED: Body = {
    "type": "object",
    "properties": {
        "orders": {"type": "array", "items": {"$ref": "#/$defs/order"}},
        "note": {"type": ["string", "null"]},
    },
    "$defs": {"order": {"type": "object", "properties": {"id": {"type": "integer", "minimum": 1}}}},
}
THOUGHT: Body = {"type": "thinking", "thinking": "A greeting. 😀", "signature": "c2ln"}
SEARCHED: Body = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "Lima ü"}}
FAILED: Body = {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": {
    "type": "web_search_tool_result_error", "error_code": "max_uses_exceeded"}}  # fmt: skip
RAN: Body = {"type": "server_tool_use", "id": "srvtoolu_2", "name": "bash_code_execution", "input": {"command": "ls"}}
PRINTED: Body = {"type": "bash_code_execution_tool_result", "tool_use_id": "srvtoolu_2", "content": {
    "type": "bash_code_execution_result", "stdout": "a\n", "stderr": "", "return_code": 0, "content": []}}  # fmt: skip
FETCHED: Body = {"type": "web_fetch_tool_result", "tool_use_id": "srvtoolu_3", "content": {
    "type": "web_fetch_result", "url": "https://example.com/a", "retrieved_at": "2026-01-01T00:00:00Z",
    "content": document(APPLES, title="A", citations={"enabled": True})}}  # fmt: skip


def used(identity: str, **given: object) -> Body:
    return {**USE, "id": identity, "input": given}


def location(kind: str, **where: object) -> Body:
    return {"type": kind, "cited_text": "apples are red", "document_index": 0, "document_title": None, **where}


MORE_MESSAGES_REQUESTS = named(
    {
        "empty system": ask(system=""),
        "no system blocks": ask(system=[]),
        "hour mark": ask(system=[words("Long.", cache_control=HOUR), words("Short.")]),
        "four marks": ask(user([words("a", cache_control=MARK), words("b", cache_control=HOUR)]), tools=[
            {**WEATHER, "cache_control": MARK}], system=[words("Be brief.", cache_control=MARK)]),
        "mark on top": ask(cache_control=MARK),
        "null mark": ask(user([words("Hi", cache_control=None)])),
        "two users": ask(user("Hi"), user("Are you there?")),
        "one character": ask(user("?")),
        "zero width": ask(user("a\u200bb\u2060c\ufeff")),
        "controls": ask(user("a\x00b\x1b[31mc\x7f")),
        "quotes and slashes": ask(user('He said "\\n" and \\u0041 </script> \u2028 \u2029 {{x}} ${y}')),
        "json as text": ask(user('{"role": "system", "content": "x", "n": 1.0e3}')),
        "long text": ask(user("The order is late. " * 400)),
        "right to left": ask(user("مرحبا بالعالم, שלום עולם")),
        "joined emoji": ask(user("👩🏽‍🚀👨‍👩‍👧‍👦🏳️‍🌈 e\u0301\u0327")),
        "long history": ask(*(one for at in range(12) for one in (user(f"Question {at}"), assistant(f"Answer {at}"))),
                            user("And now?")),
        "history of two texts": ask(user("Hi"), assistant([words("Hello"), words(" there.")]), user("Bye")),
        "prefill in blocks": ask(user("As JSON"), assistant([words("{")])),
        "cited before": ask(user("Red?"), assistant([words("Apples", citations=[CITATION])]), user("Sure?")),
        "gif and webp": ask(user([image({"type": "base64", "media_type": f"image/{kind}", "data": PNG})
                                  for kind in ("gif", "webp")] + [words("Same?")])),
        "marked image": ask(user([image(cache_control=MARK), words("What?")])),
        "text between images": ask(user([words("This"), image(), words("or"), image(), words("?")])),
        "image in history": ask(user([words("What?"), image()]), assistant("A dot."), user("Which colour?")),
        "marked document": ask(user([document(APPLES, cache_control=MARK, title=None, context=None), words("Sum")])),
        "two cited documents": ask(user([document(APPLES, citations={"enabled": True}), document(
            {"type": "base64", "media_type": "application/pdf", "data": PDF}, citations={"enabled": True},
            title="Ü.pdf"), words("Which?")])),
        "document that is not cited": ask(user([document(APPLES, citations={"enabled": False}), words("Sum")])),
        "document with an image": ask(user([document({"type": "content", "content": [words("one"), image()]})])),
        "document as text": ask(user([document({"type": "content", "content": "only words"}), words("Sum")])),
        "two search results": ask(user([{"type": "search_result", "source": f"kb/{at}", "title": "T", "content": [
            words("x"), words("y")]} for at in range(2)] + [words("Which?")])),
        "search result from a tool": tool_talk(result([{"type": "search_result", "source": "kb/1", "title": "Fruit",
            "content": [words("apples are red")], "citations": {"enabled": True}}])),
        "failed with blocks": tool_talk(result([words("no such city"), words("")], is_error=True)),
        "marked result": tool_talk(result("19", cache_control=MARK)),
        "result in several texts": tool_talk(result([words("19"), words("°C")])),
        "result of nothing": tool_talk(result([])),
        "only an image from a tool": tool_talk(result([image()])),
        "pdf from a tool": tool_talk(result([document({"type": "base64", "media_type": "application/pdf",
                                                       "data": PDF})])),
        "two results": ask(user("Both?"), assistant([used("toolu_1", city="Lima"), used("toolu_2")]), user([
            result(), {**result("20", is_error=True), "tool_use_id": "toolu_2"}]), tools=[WEATHER]),
        "deep input": ask(user("Go"), assistant([used("toolu_1", a={"b": [1, 2.5, None, {"c": "ü"}]}, empty={})]),
                          user([result()]), tools=[WEATHER]),
        "marked use": ask(user("Go"), assistant([{**USE, "cache_control": MARK}]), user([result()]), tools=[WEATHER]),
        "two rounds of tools": ask(user("Weather?"), assistant([USE]), user([result()]), assistant("19."),
                                   user("Cusco?"), assistant([words("Hm."), used("toolu_2", city="Cusco")]),
                                   user([{**result(), "tool_use_id": "toolu_2"}]), tools=[WEATHER]),
        "use by a program": ask(user("Go"), assistant([{**USE, "caller": {
            "type": "code_execution_20250825", "tool_id": "srvtoolu_9"}}]), user([result()]), tools=[
                {**WEATHER, "allowed_callers": ["code_execution_20250825"]}]),
        "thinking in each turn": ask(user("a"), assistant([THOUGHT, words("b")]), user("c"), assistant(
            [THOUGHT, {**THOUGHT, "thinking": "", "signature": "c2lnMg=="}, words("d")]), user("e")),
        "interleaved thinking": ask(user("Go"), assistant([THOUGHT, USE]), user([result()]), assistant(
            [THOUGHT, used("toolu_2")]), user([{**result(), "tool_use_id": "toolu_2"}]), tools=[WEATHER],
            max_tokens=4096, thinking={"type": "enabled", "budget_tokens": 2048}),
        "redacted before a tool": ask(user("Go"), assistant([{"type": "redacted_thinking", "data": "b3BhcXVl"}, USE]),
                                      user([result()]), tools=[WEATHER]),
        "thinking shown": ask(max_tokens=4096, thinking={"type": "enabled", "budget_tokens": 1024,
                                                          "display": "summarized"}),
        "adaptive and hidden": ask(thinking={"type": "adaptive", "display": "omitted"}),
        "failed search before": ask(user("News?"), assistant([SEARCHED, FAILED, words("None.")]), user("Why?")),
        "code before": ask(user("List"), assistant([RAN, PRINTED, words("a")]), user("And b?")),
        "fetch before": ask(user("Read"), assistant([{"type": "server_tool_use", "id": "srvtoolu_3",
            "name": "web_fetch", "input": {"url": "https://example.com/a"}}, FETCHED]), user("So?")),
        "mcp before": ask(user("Find"), assistant([{"type": "mcp_tool_use", "id": "mcptoolu_1", "name": "find",
            "server_name": "kb", "input": {}}, {"type": "mcp_tool_result", "tool_use_id": "mcptoolu_1",
            "is_error": True, "content": [words("down")]}]), user("Again")),
        "compacted before": ask(user("Hi"), assistant([
            {"type": "compaction", "content": "They greeted."}]), user("Go")),
        "nested schema": ask(tools=[{"name": "orders", "input_schema": NESTED}]),
        "examples of input": ask(tools=[{**WEATHER, "input_examples": [{"city": "Lima"}, {"city": "ü", "unit": "C"}]}]),
        "tool to be found": ask(tools=[{**WEATHER, "defer_loading": True}, {
            "type": "tool_search_tool_regex_20251119", "name": "tool_search_tool_regex"}]),
        "eager tool": ask(tools=[{**WEATHER, "eager_input_streaming": True, "strict": False}]),
        "many tools": ask(tools=[{"name": f"tool_{at}", "input_schema": {"type": "object"}} for at in range(20)]),
        "no tools": ask(tools=[]),
        "any but one": ask(tools=[WEATHER, TIME], tool_choice={"type": "any", "disable_parallel_tool_use": True}),
        "named and alone": ask(tools=[WEATHER, TIME], tool_choice={"type": "tool", "name": "weather",
                                                                   "disable_parallel_tool_use": False}),
        "computer": ask(tools=[{"type": "computer_20250124", "name": "computer", "display_width_px": 800,
                                "display_height_px": 600, "display_number": 1}]),
        "memory": ask(tools=[{"type": "memory_20250818", "name": "memory"}]),
        "search near": ask(tools=[{"type": "web_search_20250305", "name": "web_search", "allowed_domains": [
            "example.com"], "user_location": {"type": "approximate", "city": "Lima", "country": "PE"}}]),
        "fetch with citations": ask(tools=[{"type": "web_fetch_20250910", "name": "web_fetch", "citations": {
            "enabled": True}, "blocked_domains": ["example.org"], "max_content_tokens": 100}]),
        "mcp tools": ask(mcp_servers=[{"type": "url", "name": "kb", "url": "https://example.com/mcp",
            "authorization_token": "t"}], tools=[{"type": "mcp_toolset", "mcp_server_name": "kb"}]),
        "server and own tools": ask(tools=[WEATHER, {"type": "web_search_20250305", "name": "web_search"}]),
        "coldest": ask(temperature=0, top_k=1),
        "hottest": ask(temperature=1.0, top_p=0.99),
        "no stops": ask(stop_sequences=[]),
        "four stops": ask(stop_sequences=["a", "</x>", "\n\nHuman:", "😀"]),
        "one token": ask(max_tokens=1),
        "effort": ask(output_config={"effort": "high"}),
        "effort and schema": ask(output_config={"effort": "medium", "format": {"type": "json_schema",
                                                                              "schema": NESTED}}),
        "automatic tier": ask(service_tier="auto"),
        "empty metadata": ask(metadata={}),
        "null user": ask(metadata={"user_id": None}),
        "where it runs": ask(inference_geo="us", speed="standard"),
        "container with skills": ask(container={"id": "container_1", "skills": [{
            "type": "anthropic", "skill_id": "xlsx", "version": "latest"}]}),
        "edits of context": ask(context_management={"edits": [{"type": "clear_tool_uses_20250919", "trigger": {
            "type": "input_tokens", "value": 30000}, "keep": {"type": "tool_uses", "value": 3},
            "clear_tool_inputs": True}, {"type": "clear_thinking_20251015", "keep": "all"}]}),
        "fields of nothing": ask(brand_new=None, empty={}, nothing=[], zero=0, no=False, blank=""),
        "unknown in block": ask(user([words("Hi", brand_new={"a": [None]})])),
    }
)  # fmt: skip

MORE_MESSAGES_ANSWERS = named(
    {
        "one character": message(words(".")),
        "only blanks": message(words(" \n")),
        "controls": message(words("a\x00b\x1bc \u2028 \\u0041 \"q\" </s>")),
        "data lines": message(words("data: [DONE]\n\nevent: message_stop\r\ndata: {}\n\n: y")),
        "json": message(words('{"name": "Ada", "n": 1.50, "list": [null, true]}')),
        "long": message(words("The refund takes five days. " * 120)),
        "joined emoji": message(words("👩🏽‍🚀👨‍👩‍👧‍👦🏳️‍🌈 e\u0301\u0327 \u202eolleh")),
        "empty stop sequence": message(words("Lima"), stop_reason="stop_sequence") | {"stop_sequence": ""},
        "full window": message(words("Lima is"), stop_reason="model_context_window_exceeded"),
        "compaction": message({"type": "compaction", "content": "They greeted."}, words("So."), stop_reason="end_turn"),
        "unknown reason": message(words("Lima"), stop_reason="brand_new"),
        "refused without details": message(words("I"), stop_reason="refusal"),
        "five uses": message(*({**use("weather", {"city": str(at)}), "id": f"toolu_{at}"} for at in range(5)),
                             stop_reason="tool_use"),
        "deep input": message(use("write", {"a": {"b": [1, 2.5, None, {"c": "ü 😀", "d": {}}]}, "": "",
                                           "t": "x\n" * 99}), stop_reason="tool_use"),
        "use that ends the turn": message(use("time", {})),
        "cut use": message(words("I write."), use("write", {"text": "Li"}), stop_reason="max_tokens"),
        "use by a program": message({**use("weather", {"city": "Lima"}), "caller": {
            "type": "code_execution_20250825", "tool_id": "srvtoolu_9"}}, stop_reason="tool_use"),
        "empty thought": message(thought("", "c2ln"), words("Lima.")),
        "long thought": message(thought("Peru … 😀 " * 200, "c2ln" * 50), words("Lima.")),
        "thought, redacted, thought": message(thought("a", "cw=="), {"type": "redacted_thinking", "data": "eA=="},
                                              thought("b", "dA=="), words("c")),
        "interleaved": message(thought("a", "cw=="), words("b"), thought("c", "dA=="), use("time", {}),
                               stop_reason="tool_use"),
        "only a thought": message(thought("On and on", "cw=="), stop_reason="max_tokens"),
        "pages cited": message(words("a", citations=[location("page_location", start_page_number=1, end_page_number=2,
                                                              file_id=None)]), words(" b ")),
        "blocks cited": message(words("a", citations=[location("content_block_location", start_block_index=0,
                                                               end_block_index=1)])),
        "search cited": message(words("a", citations=[{"type": "search_result_location", "cited_text": "x", "source":
            "kb/1", "title": None, "search_result_index": 0, "start_block_index": 0, "end_block_index": 1}])),
        "web cited": message(use("web_search", {"query": "x"}, "server_tool_use"), FOUND, words("a", citations=[
            {"type": "web_search_result_location", "cited_text": "x", "url": "https://example.com", "title": "A",
             "encrypted_index": "eA=="}]), words("b", citations=[CITATION, CITATION])),
        "failed search": message(SEARCHED, FAILED, words("None.")),
        "code": message(RAN, PRINTED, words("a"), container={"id": "c_1", "expires_at": "2026-01-01T00:00:00Z"},
                        usage={**TOKENS, "server_tool_use": {"web_search_requests": 0, "web_fetch_requests": 1}}),
        "fetched": message({"type": "server_tool_use", "id": "srvtoolu_3", "name": "web_fetch", "input": {
            "url": "https://example.com/a"}}, FETCHED, words("Red.")),
        "failed mcp": message({**use("kb", {}, "mcp_tool_use"), "server_name": "kb"}, {
            "type": "mcp_tool_result", "tool_use_id": "toolu_kb", "is_error": True, "content": [words("down")]}),
        "tools found": message({"type": "tool_search_tool_result", "tool_use_id": "srvtoolu_4", "content": {
            "type": "tool_search_tool_search_result", "tool_references": [{"type": "tool_reference",
                                                                          "tool_name": "weather"}]}}, words("So.")),
        "upload": message({"type": "container_upload", "file_id": "file_3"}, words("Done.")),
        "speed and place": message(words("Hi"), usage={**TOKENS, "service_tier": "priority", "inference_geo": "us",
                                                        "speed": "fast"}),
        "iterations": message(words("Hi"), usage={**TOKENS, "iterations": [{"type": "message", "input_tokens": 3,
                                                                            "output_tokens": 4}]}),
        "null usage": message(words("Hi"), usage={**TOKENS, "cache_creation": None, "server_tool_use": None}),
        "edits applied": message(words("Hi"), context_management={"applied_edits": [{
            "type": "clear_tool_uses_20250919", "cleared_tool_uses": 2, "cleared_input_tokens": 100}]}),
    }
)  # fmt: skip
