"""Requests for Anthropic's messages."""

from typing import Any

from tests.wire_samples.samples import PDF, PNG, WEATHER_SCHEMA, Body, named


def user(content: Any = "What is the capital of Peru?") -> Body:
    return {"role": "user", "content": content}


def assistant(content: Any) -> Body:
    return {"role": "assistant", "content": content}


def ask(*messages: Body, **params: Any) -> Body:
    return {"model": "claude", "max_tokens": 1024, "messages": list(messages) or [user()], **params}


def words(text: str, **more: Any) -> Body:
    return {"type": "text", "text": text, **more}


def image(source: Body | None = None, **more: Any) -> Body:
    return {"type": "image", "source": source or {"type": "base64", "media_type": "image/png", "data": PNG}, **more}


def document(source: Body, **more: Any) -> Body:
    return {"type": "document", "source": source, **more}


APPLES: Body = {"type": "text", "media_type": "text/plain", "data": "apples are red"}
TANKS: Body = {"type": "text", "media_type": "text/plain", "data": "tanks are heavy"}
MARK: Body = {"type": "ephemeral"}
WEATHER: Body = {"name": "weather", "description": "The weather of a city", "input_schema": WEATHER_SCHEMA}
TIME: Body = {"name": "time", "input_schema": {"type": "object"}}
USE: Body = {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Lima", "days": [1, 2]}}


def result(content: Any = "19 degrees", **more: Any) -> Body:
    return {"type": "tool_result", "tool_use_id": "toolu_1", "content": content, **more}


def tool_talk(*blocks: Body, **params: Any) -> Body:
    return ask(user("Weather?"), assistant([words("I look."), USE]), user(list(blocks)), tools=[WEATHER], **params)


BILLING = "x-anthropic-billing-header: cc_version=2.0; cch=abc12;"

MESSAGES_REQUESTS = named(
    {
        "plain": ask(),
        "text blocks": ask(user([words("How many blanks"), words("are in 'a  b'?")])),
        "system": ask(system="Be brief."),
        "system blocks": ask(system=[words("Be"), words("brief.")]),
        "cached system": ask(system=[words("Be"), words("brief.", cache_control=MARK)]),
        "billing line": ask(system=[words(BILLING), words("You are Claude Code.", cache_control=MARK)]),
        "history": ask(user("Hi"), assistant("Hello."), user("And again?")),
        "history in blocks": ask(user("Hi"), assistant([words("Hello.")]), user([words("Bye", cache_control=MARK)])),
        "late system": ask(user("Hi"), assistant("Hello."), {"role": "system", "content": "Be rude."}, user("Bye")),
        "prefill": ask(user("Count"), assistant("1, 2,")),
        "unicode": ask(user("Grüße 😀 a\u0301")),
        "white space": ask(user("  a  b\n\n\tc \r\n")),
        "inline image": ask(user([image(), words("What is this?")])),
        "image by address": ask(user([image({"type": "url", "url": "https://example.com/a.png"}), words("What?")])),
        "image by id": ask(user([image({"type": "file", "file_id": "file_1"}), words("What?")])),
        "apples": ask(user([document(APPLES), words("Summarise it")])),
        "tanks": ask(user([document(TANKS), words("Summarise it")])),
        "pdf": ask(user([document({"type": "base64", "media_type": "application/pdf", "data": PDF}), words("Sum")])),
        "pdf by address": ask(user([document({"type": "url", "url": "https://example.com/a.pdf"}), words("Sum")])),
        "pdf by id": ask(user([document({"type": "file", "file_id": "file_2"}), words("Sum")])),
        "cited document": ask(user([document(APPLES, title="Fruit", context="A list", citations={"enabled": True}),
                                    words("What is red?")])),
        "document of blocks": ask(user([document({"type": "content", "content": [words("one"), words("two")]}),
                                        words("Sum")])),
        "search result": ask(user([{"type": "search_result", "source": "kb/1", "title": "Fruit",
                                    "content": [words("apples are red")], "citations": {"enabled": True}},
                                   words("What is red?")])),
        "container upload": ask(user([{"type": "container_upload", "file_id": "file_3"}, words("Plot it")])),
        "tools": ask(tools=[WEATHER, TIME]),
        "cached tools": ask(tools=[WEATHER, {**TIME, "cache_control": MARK}]),
        "custom type": ask(tools=[{**WEATHER, "type": "custom", "strict": True}]),
        "choice auto": ask(tools=[WEATHER], tool_choice={"type": "auto"}),
        "choice any": ask(tools=[WEATHER, TIME], tool_choice={"type": "any"}),
        "the only tool": ask(tools=[WEATHER], tool_choice={"type": "any"}),
        "named tool": ask(tools=[WEATHER, TIME], tool_choice={"type": "tool", "name": "time"}),
        "choice none": ask(tools=[WEATHER], tool_choice={"type": "none"}),
        "one call at a time": ask(tools=[WEATHER], tool_choice={"type": "auto", "disable_parallel_tool_use": True}),
        "bash and editor": ask(tools=[{"type": "bash_20250124", "name": "bash"},
                                      {"type": "text_editor_20250728", "name": "str_replace_based_edit_tool"}]),
        "web search": ask(tools=[{"type": "web_search_20250305", "name": "web_search", "max_uses": 3}]),
        "web fetch": ask(tools=[{"type": "web_fetch_20250910", "name": "web_fetch"}]),
        "code execution": ask(tools=[{"type": "code_execution_20250825", "name": "code_execution"}]),
        "mcp": ask(mcp_servers=[{"type": "url", "name": "kb", "url": "https://example.com/mcp"}]),
        "tool result": tool_talk(result()),
        "failed tool": tool_talk(result("no such city", is_error=True)),
        "tool that worked": tool_talk(result("no such city", is_error=False)),
        "image from a tool": tool_talk(result([words("See"), image()])),
        "document from a tool": tool_talk(result([document(APPLES)])),
        "result and question": tool_talk(result(), words("And tomorrow?")),
        "empty result": tool_talk({"type": "tool_result", "tool_use_id": "toolu_1"}),
        "thinking": ask(max_tokens=5000, thinking={"type": "enabled", "budget_tokens": 2000}),
        "no thinking": ask(thinking={"type": "disabled"}),
        "adaptive thinking": ask(thinking={"type": "adaptive"}, output_config={"effort": "low"}),
        "thought before": ask(user("Hi"), assistant([
            {"type": "thinking", "thinking": "A greeting.", "signature": "c2ln"},
            {"type": "redacted_thinking", "data": "b3BhcXVl"}, words("Hello.")]), user("Bye")),
        "thought before a tool": ask(user("Weather?"), assistant([
            {"type": "thinking", "thinking": "I need it.", "signature": "c2ln"}, USE]), user([result()]),
            tools=[WEATHER], thinking={"type": "enabled", "budget_tokens": 1024}),
        "server tool before": ask(user("News?"), assistant([
            {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "Lima"}},
            {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": [
                {"type": "web_search_result", "url": "https://example.com", "title": "A",
                 "encrypted_content": "eA==", "page_age": None}]}, words("Nothing.")]), user("Thanks")),
        "json schema": ask(output_config={"format": {"type": "json_schema", "schema": WEATHER_SCHEMA}}),
        "sampling": ask(temperature=0.2, top_p=0.9, top_k=40, stop_sequences=["END", "\n\n"]),
        "few tokens": ask(max_tokens=5),
        "who asks": ask(metadata={"user_id": "u-1"}),
        "tier": ask(service_tier="standard_only"),
        "container": ask(container="container_1"),
        "context management": ask(context_management={"edits": [{"type": "clear_tool_uses_20250919"}]}),
        "stream": ask(stream=True),
        "unknown field": ask(brand_new={"deep": [1, 2.5, None, True]}),
        "unknown block": ask(user([words("Hi"), {"type": "hologram", "data": "x"}])),
        "nulls": ask(temperature=None, system=None, tools=None),
    }
)  # fmt: skip
