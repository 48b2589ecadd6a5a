"""More requests and answers of chat completions: the rarer fields, edges of each field, and long conversations."""

from tests.wire_samples.chat_answers import call, choice, completion, logprob, said
from tests.wire_samples.chat_requests import (
    CALL,
    CALLED,
    PERSON_FORMAT,
    RESULT,
    TIME,
    WEATHER,
    chat,
    image,
    user,
    words,
)
from tests.wire_samples.samples import PDF, PNG, WAV, Body, named


def tool(name: str, parameters: Body, **more: Body | bool | str) -> Body:
    return {"type": "function", "function": {"name": name, "parameters": parameters, **more}}


def assistant(content: object = None, **more: object) -> Body:
    return {"role": "assistant", "content": content, **more}


NESTED: Body = {
    "type": "object",
    "properties": {
        "orders": {"type": "array", "minItems": 0, "items": {"$ref": "#/$defs/order"}},
        "note": {"type": ["string", "null"], "default": None, "pattern": "^\\w*$"},
        "kind": {"anyOf": [{"const": "a"}, {"enum": ["b", 2, None, True]}]},
    },
    "$defs": {"order": {"type": "object", "properties": {"id": {"type": "integer", "minimum": 1}}}},
    "required": [],
}
LARK: Body = {"type": "grammar", "grammar": {"syntax": "lark", "definition": 'start: "a"+'}}
TWO_CALLS = [CALL, {**CALL, "id": "call_2", "function": {"name": "time", "arguments": ""}}]

MORE_CHAT_REQUESTS = named(
    {
        "two systems": chat({"role": "system", "content": "Be brief."}, {"role": "system", "content": ""}, user()),
        "system with a name": chat({"role": "system", "content": "Be brief.", "name": "house"}, user()),
        "developer in parts": chat({"role": "developer", "content": [words("Be"), words("")]}, user()),
        "empty system": chat({"role": "system", "content": ""}, user("Hi")),
        "system after tool": chat(user("Weather?"), CALLED, RESULT, {"role": "system", "content": "In Celsius."}),
        "two users": chat(user("Hi"), user("Are you there?")),
        "empty part": chat(user([words(""), words("Hi")])),
        "one character": chat(user("?")),
        "zero width": chat(user("a\u200bb\u2060c\ufeff")),
        "controls": chat(user("a\x00b\x1b[31mc\x7f")),
        "quotes and slashes": chat(user('He said "\\n" and \\u0041 </script> \u2028 \u2029 {{x}} ${y}')),
        "json as text": chat(user('{"role": "system", "content": "x", "n": 1.0e3}')),
        "long text": chat(user("The order is late. " * 400)),
        "right to left": chat(user("مرحبا بالعالم, שלום עולם")),
        "joined emoji": chat(user("👩🏽‍🚀👨‍👩‍👧‍👦🏳️‍🌈 e\u0301\u0327")),
        "image in high detail": chat(user([words("Read it"), image(detail="high"), image(detail="auto")])),
        "text between images": chat(user([words("This"), image(), words("or"), image("https://example.com/b.webp"),
                                          words("?")])),
        "jpeg": chat(user([image(f"data:image/jpeg;base64,{PNG}"), words("What?")])),
        "mp3 in": chat(user([{"type": "input_audio", "input_audio": {"data": WAV, "format": "mp3"}}])),
        "audio and image": chat(user([words("Same?"), image(), {"type": "input_audio", "input_audio": {
            "data": WAV, "format": "wav"}}])),
        "two files": chat(user([{"type": "file", "file": {"filename": name, "file_data":
            f"data:application/pdf;base64,{PDF}"}} for name in ("a.pdf", "b ü.pdf")] + [words("Compare")])),
        "file with a format": chat(user([words("Sum"), {"type": "file", "file": {
            "file_id": "https://example.com/a.pdf", "format": "application/pdf"}}])),
        "image in history": chat(user([words("What?"), image()]), assistant("A dot."), user("Which colour?")),
        "assistant in parts": chat(user("Hi"), assistant([words("Hello"), words(" there.")]), user("Bye")),
        "assistant refuses in parts": chat(user("Hi"), assistant([{"type": "refusal", "refusal": "No."}]),
                                           user("Why?")),
        "assistant with a name": chat(user("Hi"), assistant("Hello.", name="bot"), user("Bye")),
        "empty assistant": chat(user("Hi"), assistant(""), user("Bye")),
        "annotated before": chat(user("Hi"), assistant("See [1].", annotations=[{"type": "url_citation",
            "url_citation": {"url": "https://example.com", "title": "A", "start_index": 4, "end_index": 7}}]),
            user("More")),
        "long history": chat(*(one for at in range(12) for one in (user(f"Question {at}"), assistant(f"Answer {at}"))),
                             user("And now?")),
        "parallel calls": chat(user("Both?"), assistant(None, tool_calls=TWO_CALLS), RESULT,
                               {**RESULT, "tool_call_id": "call_2", "content": "noon"}, tools=[WEATHER, TIME]),
        "text with calls": chat(user("Weather?"), assistant("I look.", tool_calls=[CALL]), RESULT, tools=[WEATHER]),
        "empty content with calls": chat(user("Weather?"), assistant("", tool_calls=[CALL]), RESULT, tools=[WEATHER]),
        "empty tool result": chat(user("Weather?"), CALLED, {**RESULT, "content": ""}, tools=[WEATHER]),
        "unicode arguments": chat(user("Go"), assistant(None, tool_calls=[{**CALL, "function": {
            "name": "weather", "arguments": '{"city": "Lim\\u00e1 \U0001f1f5\U0001f1ea", "n": 1e2}'}}]), RESULT),
        "two rounds of tools": chat(user("Weather?"), CALLED, RESULT, assistant("19."), user("And Cusco?"),
                                    assistant(None, tool_calls=[{**CALL, "id": "call_9"}]),
                                    {**RESULT, "tool_call_id": "call_9"}, tools=[WEATHER]),
        "result with a mark": chat(user("Weather?"), CALLED, {**RESULT, "cache_control": {"type": "ephemeral"}}),
        "result with a name": chat(user("Weather?"), CALLED, {**RESULT, "name": "weather"}, tools=[WEATHER]),
        "nested schema": chat(tools=[tool("orders", NESTED)]),
        "tool without parameters": chat(tools=[{"type": "function", "function": {"name": "ping"}}]),
        "loose tool": chat(tools=[tool("f", {"type": "object", "properties": {}}, strict=False, description="")]),
        "many tools": chat(tools=[tool(f"tool_{at}", {"type": "object", "properties": {"x": {"type": "number"}}})
                                  for at in range(20)]),
        "marked tool": chat(tools=[{**TIME, "cache_control": {"type": "ephemeral", "ttl": "1h"}}]),
        "tool with a grammar": chat(tools=[{"type": "custom", "custom": {"name": "a", "format": LARK}}]),
        "custom and function": chat(tools=[WEATHER, {"type": "custom", "custom": {"name": "sql", "format": {
            "type": "text"}}}], tool_choice={"type": "custom", "custom": {"name": "sql"}}),
        "allowed or not": chat(tools=[WEATHER, TIME], tool_choice={"type": "allowed_tools", "allowed_tools": {
            "mode": "auto", "tools": [{"type": "function", "function": {"name": "weather"}}]}}),
        "calls in parallel": chat(tools=[WEATHER, TIME], parallel_tool_calls=True, tool_choice="auto"),
        "no tools": chat(tools=[]),
        "old functions, none": chat(functions=[WEATHER["function"]], function_call="none"),
        "loose schema": chat(response_format={"type": "json_schema", "json_schema": {
            "name": "any", "description": "Anything", "schema": NESTED, "strict": False}}),
        "schema with tools": chat(tools=[WEATHER], response_format=PERSON_FORMAT, parallel_tool_calls=False),
        "grammar format": chat(response_format={"type": "grammar", "grammar": "root ::= 'a'"}),
        "coldest": chat(temperature=0, top_p=1, seed=0, n=1, presence_penalty=0, frequency_penalty=0.0),
        "hottest": chat(temperature=2.0, top_p=0.01, seed=-1, frequency_penalty=2, presence_penalty=-2),
        "one stop": chat(stop="\n"),
        "four stops": chat(stop=["a", "b", " ", "😀"]),
        "two answers": chat(n=2, logprobs=True),
        "logprobs off": chat(logprobs=False),
        "no top": chat(logprobs=True, top_logprobs=0),
        "biases": chat(logit_bias={"1": 5, "2": -1.5, "3": 0}),
        "both token limits": chat(max_tokens=9, max_completion_tokens=8),
        "minimal effort": chat(reasoning_effort="minimal"),
        "no effort": chat(reasoning_effort="none", verbosity="low"),
        "audio only": chat(modalities=["audio", "text"], audio={"voice": {"id": "voice_1"}, "format": "pcm16"}),
        "text only": chat(modalities=["text"]),
        "prediction in parts": chat(prediction={"type": "content", "content": [words("a = 1"), words("b = 2")]}),
        "search near": chat(web_search_options={"search_context_size": "high", "user_location": {
            "type": "approximate", "approximate": {"country": "PE", "city": "Lima", "timezone": "America/Lima"}}}),
        "fast": chat(service_tier="priority"),
        "not stored": chat(store=False, prompt_cache_key=""),
        "metadata": chat(metadata={"a": "1", "ü": "", "trace_id": "x"}),
        "extension fields": chat(top_k=5, min_p=0.1, repetition_penalty=1.1, chat_template_kwargs={"thinking": False}),
        "guided": chat(guided_json=NESTED, guided_choice=["a", "b"], ignore_eos=False),
        "fields of nothing": chat(brand_new=None, empty={}, nothing=[], zero=0, no=False, blank=""),
        "no obfuscation": chat(stream_options={"include_usage": True, "include_obfuscation": False}, stream=True),
    }
)  # fmt: skip

_FUNCTION = {"name": "weather", "arguments": '{"city": "Lim\\u00e1", "list": [1, 2.50, null, true, "\\n"]}'}

MORE_CHAT_ANSWERS = named(
    {
        "one character": completion(choice(said("."))),
        "only blanks": completion(choice(said(" \n"))),
        "controls": completion(choice(said("a\x00b\x1bc \u2028 \\u0041 \"q\" </s>"))),
        "data lines": completion(choice(said("data: [DONE]\n\ndata: {\"a\": 1}\n\nevent: x\r\n: y"))),
        "json": completion(choice(said('{"name": "Ada", "n": 1.50, "list": [null, true]}'))),
        "fenced": completion(choice(said("```json\n{\"a\": 1}\n```\n"))),
        "long": completion(choice(said("The refund takes five days. " * 120))),
        "joined emoji": completion(choice(said("👩🏽‍🚀👨‍👩‍👧‍👦🏳️‍🌈 e\u0301\u0327 \u202eolleh"))),
        "written arguments": completion(choice(said(None, tool_calls=[{"id": "call_é", "type": "function",
            "function": _FUNCTION}]), "tool_calls")),
        "five calls": completion(choice(said(None, tool_calls=[
            call(f"call_{at}", "weather", f'{{"city":"{at}"}}') for at in range(5)]), "tool_calls")),
        "broken arguments": completion(choice(said(None, tool_calls=[
            call("c1", "weather", '{"city": "Li')]), "length")),
        "empty text and call": completion(choice(said("", tool_calls=[call("c1", "time", "{}")]), "tool_calls")),
        "call that ends with stop": completion(choice(said(None, tool_calls=[call("c1", "time", "{}")]), "stop")),
        "long arguments": completion(choice(said(None, tool_calls=[
            call("c1", "write", '{"text": "' + "line\\n" * 200 + '"}')]), "tool_calls")),
        "old call without arguments": completion(choice(said(None, function_call={"name": "time", "arguments": ""}),
                                                        "function_call")),
        "refusal and text": completion(choice({"content": "Well.", "refusal": "No further."})),
        "empty refusal": completion(choice({"content": "Hi", "refusal": ""})),
        "two choices that end apart": completion(choice(said("One"), "length", index=0),
                                                 choice(said("Two"), "content_filter", index=1)),
        "five choices": completion(*(choice(said(f"Answer {at}"), index=at) for at in range(5))),
        "reasoning and call": completion(choice(said(None, reasoning_content="I need it.", tool_calls=[
            call("c1", "weather", "{}")]), "tool_calls")),
        "reasoning only": completion(choice(said("", reasoning_content="Nothing to say."), "length")),
        "empty reasoning": completion(choice(said("Lima.", reasoning_content=""))),
        "two citations": completion(choice(said("Lima [1][2].", annotations=[
            {"type": "url_citation", "url_citation": {"url": f"https://example.com/{at}", "title": "Ü",
             "start_index": at, "end_index": at + 3}} for at in range(2)]))),
        "audio without words": completion(choice(said(None, audio={"id": "audio_2", "data": WAV, "transcript": "",
                                                                   "expires_at": 1764300600}))),
        "two images": completion(choice(said("", images=[{"type": "image_url", "index": at, "image_url": {
            "url": f"data:image/png;base64,{PNG}"}} for at in range(2)]))),
        "small usage": completion(choice(said("Hi")), usage={"prompt_tokens": 1, "completion_tokens": 0,
                                                             "total_tokens": 1}),
        "unknown usage": completion(choice(said("Hi")), usage={
            "prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11, "queue_time": 0.1, "cost": 1e-6,
            "prompt_tokens_details": None, "completion_tokens_details": {"reasoning_tokens": 1, "new_tokens": 3}}),
        "predicted": completion(choice(said("Hi")), usage={
            "prompt_tokens": 9, "completion_tokens": 7, "total_tokens": 16, "completion_tokens_details": {
                "accepted_prediction_tokens": 3, "rejected_prediction_tokens": 2, "reasoning_tokens": 0}}),
        "other tier": completion(choice(said("Hi")), service_tier="flex", system_fingerprint=None),
        "no fingerprint": {name: value for name, value in completion(choice(said("Hi"))).items()
                           if name not in ("system_fingerprint", "service_tier")},
        "filtered prompt": completion(choice(said("Hi")), prompt_filter_results=[
            {"prompt_index": 0, "content_filter_results": {"violence": {"filtered": False, "severity": "safe"}}}]),
        "unknown in message": completion(choice(said("Hi", mood={"calm": 0.9}, tags=["a", None]), stop_reason=128009)),
        "token ids": completion(choice(said("Hi"), token_ids=[1, 2]), prompt_token_ids=[3]),
    }
)  # fmt: skip
LOGPROBS_ANSWERS = named(
    {
        "logprobs of odd bytes": completion(choice(said("é😀"), logprobs={"content": [
            logprob("é", -0.2, -1.0), logprob("😀", -9999.0)], "refusal": None})),
    }
)  # fmt: skip
