"""Whole chat completions, and the chunks that a provider would stream for each, cut anywhere."""

from collections.abc import Callable, Iterator
from typing import Any

from tests.wire_samples.samples import PNG, WAV, Body, named

Cut = Callable[[str], list[str]]
"""Cuts a text into pieces; joined they are the text."""

USAGE: Body = {
    "prompt_tokens": 19, "completion_tokens": 10, "total_tokens": 29,
    "prompt_tokens_details": {"cached_tokens": 8, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 4, "audio_tokens": 0, "accepted_prediction_tokens": 0,
                                  "rejected_prediction_tokens": 0},
}  # fmt: skip


def choice(message: Body, finish_reason: Any = "stop", index: int = 0, **more: Any) -> Body:
    return {
        "index": index,
        "message": {"role": "assistant", **message},
        "logprobs": None,
        "finish_reason": finish_reason,
        **more,
    }


def completion(*choices: Body, usage: Any = USAGE, **more: Any) -> Body:
    return {
        "id": "chatcmpl-Aa1", "object": "chat.completion", "created": 1764300000, "model": "gpt-5-mini-2025-08-07",
        "choices": list(choices), "usage": usage, "service_tier": "default", "system_fingerprint": "fp_1", **more,
    }  # fmt: skip


def said(text: Any, **more: Any) -> Body:
    return {"content": text, "refusal": None, **more}


def call(identity: str, name: str, arguments: str) -> Body:
    return {"id": identity, "type": "function", "function": {"name": name, "arguments": arguments}}


def logprob(token: str, value: float, *others: float) -> Body:
    tops = [{"token": token, "logprob": value, "bytes": list(token.encode())}]
    tops += [{"token": "x", "logprob": other, "bytes": None} for other in others]
    return {"token": token, "logprob": value, "bytes": list(token.encode()), "top_logprobs": tops}


CHAT_ANSWERS = named(
    {
        "text": completion(choice(said("Lima is the capital of Peru.", annotations=[]))),
        "blanks": completion(choice(said("  a  b\n\n\tc \n"))),
        "unicode": completion(choice(said("Grüße 😀 a\u0301 漢字漢字"))),
        "empty text": completion(choice(said(""))),
        "no usage": completion(choice(said("Hi")), usage=None),
        "length": completion(choice(said("Lima is"), "length")),
        "filtered": completion(choice(said("Lima"), "content_filter")),
        "refusal": completion(choice({"content": None, "refusal": "I cannot help with that."})),
        "tool call": completion(
            choice(said(None, tool_calls=[call("call_1", "weather", '{"city":"Lima"}')]), "tool_calls")
        ),
        "text and tool calls": completion(
            choice(
                said("One moment.", tool_calls=[call("c1", "weather", '{"city":"Lima"}'), call("c2", "time", "{}")]),
                "tool_calls",
            )
        ),
        "call without arguments": completion(choice(said(None, tool_calls=[call("c1", "time", "")]), "tool_calls")),
        "custom tool call": completion(
            choice(
                said(None, tool_calls=[{"id": "c", "type": "custom", "custom": {"name": "sql", "input": "select 1"}}]),
                "tool_calls",
            )
        ),
        "old function call": completion(
            choice(said(None, function_call={"name": "weather", "arguments": '{"city": "Lima"}'}), "function_call")
        ),
        "three choices": completion(
            choice(said("One"), index=0), choice(said("Two and more"), index=1), choice(said("3"), "length", index=2)
        ),
        "choices with calls": completion(
            choice(said("One"), index=0), choice(said(None, tool_calls=[call("c", "f", "{}")]), "tool_calls", index=1)
        ),
        "logprobs": completion(
            choice(
                said("Lima."),
                logprobs={"content": [logprob("Lima", -0.01, -4.2), logprob(".", -0.5, -1.0)], "refusal": None},
            )
        ),
        "audio": completion(
            choice(said(None, audio={"id": "audio_1", "data": WAV, "transcript": "Lima", "expires_at": 1764300600}))
        ),
        "reasoning": completion(choice(said("Lima.", reasoning_content="Peru's capital … Lima."))),
        "signed thinking": completion(
            choice(
                said(
                    "Lima.",
                    reasoning_content="First. Second.",
                    thinking_blocks=[
                        {"type": "thinking", "thinking": "First. ", "signature": "c2lnMQ=="},
                        {"type": "redacted_thinking", "data": "b3BhcXVl"},
                        {"type": "thinking", "thinking": "Second.", "signature": "c2lnMg=="},
                    ],
                )
            )
        ),
        "signed thinking only": completion(
            choice(
                said(
                    "Lima.",
                    thinking_blocks=[
                        {"type": "thinking", "thinking": "One more", "signature": "c2lnMQ=="},
                        {"type": "thinking", "thinking": "", "signature": "c2lnMg=="},
                    ],
                )
            )
        ),
        "citations": completion(choice(said("Lima [1].")), citations=["http://example.com/a"]),
        "annotations": completion(
            choice(
                said(
                    "Lima.",
                    annotations=[
                        {
                            "type": "url_citation",
                            "url_citation": {"url": "https://example.com", "title": "A", "start_index": 0,
                                             "end_index": 4},
                        }
                    ],
                )
            )
        ),
        "images": completion(
            choice(said("Here", images=[{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}]))
        ),
        "filter results": completion(
            choice(said("Hi"), content_filter_results={"hate": {"filtered": False, "severity": "safe"}})
        ),
        "renamed finish": completion(
            choice(said("Half an ans"), provider_specific_fields={"native_finish_reason": "error"})
        ),
        "content in parts": completion(choice({"content": [{"type": "text", "text": "Hi"}]})),
        "unknown fields": completion(choice(said("Hi", brand_new={"a": [1]}), other=2), top={"x": None}),
    }
)  # fmt: skip


def chat_stream(whole: Body, cut: Cut, *, include_usage: bool = True) -> Iterator[Body]:
    """The chunks of a provider that plays OpenAI: choices take turns, each text cut as `cut` says."""
    frame = {name: value for name, value in whole.items() if name not in ("choices", "usage", "object")}
    frame["object"] = "chat.completion.chunk"
    beside: Body = {"usage": None} if include_usage else {}
    playing = [_choice(one, cut) for one in whole["choices"]]
    while playing:
        for one in list(playing):
            piece = next(one, None)
            if piece is None:
                playing.remove(one)
            else:
                yield {**frame, "choices": [piece], **beside}
    if include_usage and "usage" in whole:
        yield {**frame, "choices": [], "usage": whole["usage"]}


_TEXTS = ("reasoning_content", "content", "refusal")


def _choice(whole: Body, cut: Cut) -> Iterator[Body]:
    message = whole["message"]
    more = {
        name: value
        for name, value in whole.items()
        if name not in ("index", "message", "finish_reason", "logprobs")
    }  # fmt: skip

    def piece(delta: Body, logprobs: Any = None, finish: Any = None, **fields: Any) -> Body:
        return {"index": whole["index"], "delta": delta, "logprobs": logprobs, "finish_reason": finish, **fields}

    first: Body = {"role": "assistant"}
    for name, value in message.items():
        if name in _TEXTS:
            first[name] = "" if isinstance(value, str) else value
        elif name not in ("role", "tool_calls", "function_call", "audio", "thinking_blocks"):
            first[name] = value
    yield piece(first)
    for delta in _deltas(message, cut):
        yield piece(delta)
    logprobs: Body = whole["logprobs"] or {}
    for entry in logprobs.get("content") or ():
        yield piece({}, {"content": [entry], "refusal": None})
    yield piece({}, None, whole["finish_reason"], **more)


def _deltas(message: Body, cut: Cut) -> Iterator[Body]:
    yield from _thinking(message, cut)
    for name in _TEXTS:
        if isinstance(message.get(name), str):
            for words in cut(message[name]):
                yield {name: words}
    yield from _calls(message, cut)
    if message.get("audio"):
        audio = message["audio"]
        yield {"audio": {"id": audio["id"], "transcript": ""}}
        for words in cut(audio["transcript"]):
            yield {"audio": {"transcript": words}}
        for start in range(0, len(audio["data"]), 8):
            yield {"audio": {"data": audio["data"][start : start + 8]}}
        yield {"audio": {"expires_at": audio["expires_at"]}}


def _thinking(message: Body, cut: Cut) -> Iterator[Body]:
    for block in message.get("thinking_blocks") or ():
        if block["type"] != "thinking":
            yield {"thinking_blocks": [block]}
            continue
        for words in cut(block["thinking"]):
            yield {"thinking_blocks": [{"type": "thinking", "thinking": words, "signature": ""}]}
        yield {"thinking_blocks": [{"type": "thinking", "thinking": "", "signature": block["signature"]}]}


def _calls(message: Body, cut: Cut) -> Iterator[Body]:
    for place, made in enumerate(message.get("tool_calls") or ()):
        kind, field = ("function", "arguments") if made["type"] == "function" else ("custom", "input")
        yield {"tool_calls": [{"index": place, **made, kind: {**made[kind], field: ""}}]}
        for words in cut(made[kind][field]):
            yield {"tool_calls": [{"index": place, kind: {field: words}}]}
    if message.get("function_call"):
        yield {"function_call": {"name": message["function_call"]["name"], "arguments": ""}}
        for words in cut(message["function_call"]["arguments"]):
            yield {"function_call": {"arguments": words}}
