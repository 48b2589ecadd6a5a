"""Requests for OpenAI's Responses."""

from typing import Any

from tests.wire_samples.samples import PDF, PNG, WAV, WEATHER_SCHEMA, Body, named


def ask(given: Any = "What is the capital of Peru?", **params: Any) -> Body:
    return {"model": "support", "input": given, **params}


def says(role: str, content: Any) -> Body:
    return {"role": role, "content": content}


def user(content: Any = "What is the capital of Peru?") -> Body:
    return says("user", content)


def words(text: str) -> Body:
    return {"type": "input_text", "text": text}


def image(**more: Any) -> Body:
    return {"type": "input_image", "detail": "auto", **(more or {"image_url": f"data:image/png;base64,{PNG}"})}


WEATHER: Body = {"type": "function", "name": "weather", "description": "The weather", "parameters": WEATHER_SCHEMA,
                 "strict": True}  # fmt: skip
TIME: Body = {"type": "function", "name": "time", "parameters": {"type": "object", "properties": {}}}
CALL: Body = {"type": "function_call", "call_id": "call_1", "name": "weather", "arguments": '{"city": "Lima"}'}
OUTPUT: Body = {"type": "function_call_output", "call_id": "call_1", "output": '{"celsius": 19}'}
REPLY: Body = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
               "content": [{"type": "output_text", "text": "Hello.", "annotations": []}]}  # fmt: skip
THOUGHT: Body = {"type": "reasoning", "id": "rs_1", "encrypted_content": "ZW5j",
                 "summary": [{"type": "summary_text", "text": "A greeting."}]}  # fmt: skip

RESPONSES_REQUESTS = named(
    {
        "plain": ask(),
        "one message": ask([user()]),
        "text parts": ask([user([words("How many blanks"), words("are in 'a  b'?")])]),
        "typed message": ask([{"type": "message", **user([words("Hi")])}]),
        "instructions": ask(instructions="Be brief."),
        "developer": ask([says("developer", "Be brief."), user()]),
        "system in parts": ask([says("system", [words("Be brief.")]), user()]),
        "instructions and developer": ask([says("developer", "In Spanish."), user()], instructions="Be brief."),
        "history": ask([user("Hi"), says("assistant", "Hello."), user("And again?")]),
        "history of items": ask([user("Hi"), REPLY, user("Bye")]),
        "late developer": ask([user("Hi"), REPLY, says("developer", "Be rude."), user("Bye")]),
        "unicode": ask("Grüße 😀 a\u0301"),
        "white space": ask("  a  b\n\n\tc \r\n"),
        "empty": ask(""),
        "inline image": ask([user([words("What is this?"), image()])]),
        "image by address": ask([user([words("What?"), image(image_url="https://example.com/a.png")])]),
        "image by id": ask([user([words("What?"), image(file_id="file_1")])]),
        "inline file": ask([user([{"type": "input_file", "filename": "a.pdf",
                                   "file_data": f"data:application/pdf;base64,{PDF}"}, words("Sum")])]),
        "file by address": ask([user([{"type": "input_file", "file_url": "https://example.com/a.pdf"}, words("S")])]),
        "file by id": ask([user([{"type": "input_file", "file_id": "file_2"}, words("Sum")])]),
        "audio": ask([user([{"type": "input_audio", "input_audio": {"data": WAV, "format": "wav"}}, words("Say")])]),
        "tools": ask(tools=[WEATHER, TIME]),
        "choice auto": ask(tools=[WEATHER], tool_choice="auto"),
        "choice none": ask(tools=[WEATHER], tool_choice="none"),
        "choice required": ask(tools=[WEATHER, TIME], tool_choice="required"),
        "the only tool": ask(tools=[WEATHER], tool_choice="required"),
        "named tool": ask(tools=[WEATHER, TIME], tool_choice={"type": "function", "name": "time"}),
        "allowed tools": ask(tools=[WEATHER, TIME], tool_choice={
            "type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "time"}]}),
        "custom tool": ask(tools=[{"type": "custom", "name": "sql", "description": "Run SQL",
                                   "format": {"type": "grammar", "syntax": "lark", "definition": "start: A"}}]),
        "one call at a time": ask(tools=[WEATHER], parallel_tool_calls=False, max_tool_calls=2),
        "local tools": ask(tools=[{"type": "local_shell"}, {"type": "apply_patch"}, {"type": "shell"}]),
        "web search": ask(tools=[{"type": "web_search", "search_context_size": "low"}]),
        "file search": ask(tools=[{"type": "file_search", "vector_store_ids": ["vs_1"]}]),
        "code interpreter": ask(tools=[{"type": "code_interpreter", "container": {"type": "auto"}}]),
        "image generation": ask(tools=[{"type": "image_generation"}]),
        "mcp": ask(tools=[{"type": "mcp", "server_label": "kb", "server_url": "https://example.com/mcp"}]),
        "computer": ask(tools=[{"type": "computer_use_preview", "display_width": 800, "display_height": 600,
                                "environment": "browser"}], truncation="auto"),
        "tool turn": ask([user("Weather?"), CALL, OUTPUT], tools=[WEATHER]),
        "tool output in parts": ask([user("Weather?"), CALL, {**OUTPUT, "output": [words("19"), image()]}]),
        "thought and tool": ask([user("Weather?"), THOUGHT, CALL, OUTPUT], tools=[WEATHER],
                                include=["reasoning.encrypted_content"], store=False),
        "kept thought": ask([user("Hi"), {"type": "reasoning", "id": "rs_2", "summary": []}, REPLY, user("Bye")]),
        "custom tool turn": ask([user("Rows?"), {"type": "custom_tool_call", "call_id": "c", "name": "sql",
                                                 "input": "select 1"},
                                 {"type": "custom_tool_call_output", "call_id": "c", "output": "1"}]),
        "shell turn": ask([user("List"), {"type": "local_shell_call", "id": "l", "call_id": "c", "status": "completed",
                                          "action": {"type": "exec", "command": ["ls"], "env": {}}},
                           {"type": "local_shell_call_output", "id": "l", "output": "a.txt"}]),
        "computer turn": ask([user("Click"), {"type": "computer_call", "id": "cu", "call_id": "c",
                                              "status": "completed", "action": {"type": "screenshot"}},
                              {"type": "computer_call_output", "call_id": "c", "output": {
                                  "type": "computer_screenshot", "image_url": f"data:image/png;base64,{PNG}"}}]),
        "refused before": ask([user("Hi"), {**REPLY, "content": [{"type": "refusal", "refusal": "No."}]},
                               user("Why?")]),
        "item reference": ask([{"type": "item_reference", "id": "msg_1"}, user("Bye")]),
        "previous response": ask("Tell a joke about that cat.", previous_response_id="resp_A"),
        "another previous response": ask("Tell a joke about that cat.", previous_response_id="resp_B"),
        "conversation": ask(conversation="conv_1"),
        "prompt template": ask(prompt={"id": "pmpt_1", "version": "2", "variables": {"city": "Lima"}}),
        "background": ask(background=True),
        "json object": ask(text={"format": {"type": "json_object"}}),
        "json schema": ask(text={"format": {"type": "json_schema", "name": "w", "schema": WEATHER_SCHEMA,
                                            "strict": True}}),
        "verbosity": ask(text={"verbosity": "low"}),
        "reasoning": ask(reasoning={"effort": "low", "summary": "auto"}),
        "sampling": ask(temperature=0.2, top_p=0.9),
        "max_output_tokens": ask(max_output_tokens=16),
        "logprobs": ask(include=["message.output_text.logprobs"], top_logprobs=3),
        "who asks": ask(user="u-1", safety_identifier="s-1", metadata={"ticket": "7"}, store=True),
        "prices and speed": ask(service_tier="flex", prompt_cache_key="k", prompt_cache_retention="24h"),
        "stream": ask(stream=True),
        "unknown field": ask(brand_new={"deep": [1, 2.5, None, True]}),
        "unknown part": ask([user([words("Hi"), {"type": "hologram", "data": "x"}])]),
        "unknown item": ask([{"type": "hologram", "data": "x"}, user("Hi")]),
        "nulls": ask(temperature=None, instructions=None, tools=None),
    }
)  # fmt: skip
