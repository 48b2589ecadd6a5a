"""Requests for chat completions."""

from typing import Any

from tests.wire_samples.samples import PDF, PNG, WAV, WEATHER_SCHEMA, Body, named


def user(content: Any = "What is the capital of Peru?", **more: Any) -> Body:
    return {"role": "user", "content": content, **more}


def chat(*messages: Body, **params: Any) -> Body:
    return {"model": "support", "messages": list(messages) or [user()], **params}


def words(text: str, **more: Any) -> Body:
    return {"type": "text", "text": text, **more}


def image(url: str = f"data:image/png;base64,{PNG}", **more: Any) -> Body:
    return {"type": "image_url", "image_url": {"url": url, **more}}


WEATHER: Body = {
    "type": "function",
    "function": {"name": "weather", "description": "The weather of a city", "parameters": WEATHER_SCHEMA},
}
TIME: Body = {"type": "function", "function": {"name": "time", "parameters": {"type": "object", "properties": {}}}}
CALL: Body = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "weather", "arguments": '{"city": "Lima", "unit": "C"}'},
}
CALLED: Body = {"role": "assistant", "content": None, "tool_calls": [CALL]}
RESULT: Body = {"role": "tool", "tool_call_id": "call_1", "content": '{"celsius": 19}'}
PERSON_FORMAT: Body = {
    "type": "json_schema",
    "json_schema": {
        "name": "person",
        "strict": True,
        "schema": {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]},
    },
}

CHAT_REQUESTS = named(
    {
        "plain": chat(),
        "system": chat({"role": "system", "content": "Be brief."}, user()),
        "developer": chat({"role": "developer", "content": "Be brief."}, user()),
        "system in parts": chat({"role": "system", "content": [words("Be"), words("brief.")]}, user()),
        "late system": chat(user("Hi"), {"role": "assistant", "content": "Hello."},
                            {"role": "system", "content": "Now in Spanish."}, user("Bye")),
        "history": chat(user("Hi"), {"role": "assistant", "content": "Hello."}, user("And again?")),
        "text parts": chat(user([words("How many blanks"), words("are in 'a  b'?")])),
        "one part": chat(user([words("Hi")])),
        "empty content": chat(user("")),
        "named speaker": chat(user("Hi", name="Ada")),
        "unicode": chat(user("Grüße 😀 \u202eolleh\u202c a\u0301")),
        "white space": chat(user("  a  b\n\n\tc \r\n")),
        "inline image": chat(user([words("What is this?"), image()])),
        "image first": chat(user([image(detail="low"), words("What is this?")])),
        "image by address": chat(user([words("What is this?"), image("https://example.com/a.png")])),
        "only an image": chat(user([image()])),
        "audio in": chat(user([words("Write it down"),
                               {"type": "input_audio", "input_audio": {"data": WAV, "format": "wav"}}])),
        "inline file": chat(user([words("Summarise"), {"type": "file", "file": {
            "filename": "a.pdf", "file_data": f"data:application/pdf;base64,{PDF}"}}])),
        "file by id": chat(user([words("Summarise"), {"type": "file", "file": {"file_id": "file-1"}}])),
        "cache marks": chat({"role": "system", "content": [words("Long.", cache_control={"type": "ephemeral"})]},
                            user([words("Hi", cache_control={"type": "ephemeral"})])),
        "tools": chat(tools=[WEATHER, TIME]),
        "strict tool": chat(tools=[{"type": "function", "function": {**WEATHER["function"], "strict": True}}]),
        "tool choice auto": chat(tools=[WEATHER], tool_choice="auto"),
        "tool choice none": chat(tools=[WEATHER], tool_choice="none"),
        "tool choice required": chat(tools=[WEATHER, TIME], tool_choice="required"),
        "the only tool required": chat(tools=[WEATHER], tool_choice="required"),
        "named tool": chat(tools=[WEATHER, TIME],
                           tool_choice={"type": "function", "function": {"name": "weather"}}),
        "allowed tools": chat(tools=[WEATHER, TIME], tool_choice={"type": "allowed_tools", "allowed_tools": {
            "mode": "required", "tools": [{"type": "function", "function": {"name": "time"}}]}}),
        "custom tool": chat(tools=[{"type": "custom", "custom": {"name": "sql", "description": "Run SQL"}}]),
        "old functions": chat(functions=[WEATHER["function"]], function_call={"name": "weather"}),
        "web search": chat(web_search_options={"search_context_size": "low"}),
        "one call at a time": chat(tools=[WEATHER], parallel_tool_calls=False),
        "tool turn": chat(user("Weather in Lima?"), CALLED, RESULT, tools=[WEATHER]),
        "tool result in parts": chat(user("Weather?"), CALLED, {**RESULT, "content": [words("19"), words("C")]}),
        "two tool results": chat(
            user("Weather?"),
            {"role": "assistant", "content": "One moment.", "tool_calls": [CALL, {**CALL, "id": "call_2"}]},
            RESULT,
            {**RESULT, "tool_call_id": "call_2"},
        ),
        "custom tool turn": chat(user("Rows?"), {"role": "assistant", "content": None, "tool_calls": [
            {"id": "c1", "type": "custom", "custom": {"name": "sql", "input": "select 1"}}]},
            {"role": "tool", "tool_call_id": "c1", "content": "1"}),
        "old function turn": chat(user("Weather?"), {"role": "assistant", "content": None, "function_call": {
            "name": "weather", "arguments": "{}"}}, {"role": "function", "name": "weather", "content": "19"}),
        "broken arguments": chat(user("Go"), {"role": "assistant", "tool_calls": [
            {"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"a": '}}]},
            {"role": "tool", "tool_call_id": "c", "content": "no JSON"}),
        "refused before": chat(user("Hi"), {"role": "assistant", "content": None, "refusal": "No."}, user("Why?")),
        "spoken before": chat(user("Hi"), {"role": "assistant", "audio": {"id": "audio_1"}}, user("Louder")),
        "reasoned before": chat(user("Hi"), {
            "role": "assistant", "content": "Hello.", "reasoning_content": "A greeting.",
            "thinking_blocks": [{"type": "thinking", "thinking": "A greeting.", "signature": "c2ln"}],
        }, user("Bye")),
        "prefill": chat(user("Count"), {"role": "assistant", "content": "1, 2,"}),
        "json object": chat(response_format={"type": "json_object"}),
        "json schema": chat(response_format=PERSON_FORMAT),
        "text format": chat(response_format={"type": "text"}),
        "sampling": chat(temperature=0.2, top_p=0.9, seed=7, stop=["END", "\n\n"], frequency_penalty=0.5,
                         presence_penalty=-0.5, logit_bias={"50256": -100}),
        "max_tokens": chat(max_tokens=7),
        "max_completion_tokens": chat(max_completion_tokens=7),
        "three answers": chat(n=3, temperature=1),
        "logprobs": chat(logprobs=True, top_logprobs=5),
        "reasoning effort": chat(reasoning_effort="low", verbosity="high"),
        "thinking through LiteLLM": chat(thinking={"type": "enabled", "budget_tokens": 1024}),
        "audio out": chat(modalities=["text", "audio"], audio={"voice": "alloy", "format": "wav"}),
        "prediction": chat(prediction={"type": "content", "content": "def f(): pass"}),
        "who asks": chat(user_field=None, user="u-1", safety_identifier="s-1", metadata={"ticket": "7"}, store=True),
        "prices and speed": chat(service_tier="flex", prompt_cache_key="k", prompt_cache_retention="24h"),
        "stream": chat(stream=True),
        "stream with usage": chat(stream=True, stream_options={"include_usage": True}),
        "unknown field": chat(brand_new={"deep": [1, 2.5, None, True]}),
        "unknown part": chat(user([words("Hi"), {"type": "hologram", "hologram": {"data": "x"}}])),
        "nulls": chat(temperature=None, tools=None, stop=None, response_format=None),
    }
)  # fmt: skip
