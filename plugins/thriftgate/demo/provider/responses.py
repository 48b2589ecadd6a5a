"""The demo provider's Responses API: a request read as the chat completion it amounts to, its answer written back.

LiteLLM asks an `openai/` model here for whatever came in as Anthropic's messages or as Responses.

Failure behaviour: pure. What OpenAI would refuse, and what an offline model cannot follow (stored conversations, tools
that the provider runs), raises RequestRejectedError with OpenAI's `param`. Other unknown parameters are ignored.
"""

from collections.abc import Collection, Iterator
from itertools import count
from typing import Any, cast

from thriftgate.demo.provider.logprobs import logprobs_object
from thriftgate.demo.provider.rendering import Completion, RenderedChoice
from thriftgate.demo.request import CompletionCall, parse_call
from thriftgate.errors import InvalidRequestError
from thriftgate.wire.responses.replaying import replay
from thriftgate.wire.shapes import Body, Json, items, mapping, objects, text
from thriftgate.wire.streaming.sse import encode
from thriftgate.wire.turns import Dialect

_SAME = ("model", "stream", "temperature", "top_p", "seed")
_STORED = ("previous_response_id", "conversation", "prompt")
_WANTS_LOGPROBS = "message.output_text.logprobs"
_PARAMS = {"messages": "input", "max_completion_tokens": "max_output_tokens", "response_format": "text.format"}
"""What Responses calls the parameters of a chat completion."""


def parse_response_call(body: object, models: Collection[str]) -> CompletionCall:
    """A request to `/v1/responses` as the chat completion that it amounts to.

    Raises:
        RequestRejectedError: as `request.parse_call`, with the parameters' names in Responses.
    """
    sent = mapping(body)
    if not sent:
        raise InvalidRequestError("The request body must be a JSON object.")
    for name in _STORED:
        if sent.get(name) is not None:
            raise InvalidRequestError("The demo provider stores nothing to go back to.", param=name)
    call: Body = {name: sent[name] for name in _SAME if name in sent}
    wants_logprobs = _WANTS_LOGPROBS in items(sent.get("include"))
    call |= {
        "messages": _messages(sent),
        "tools": [_tool(tool) for tool in objects(sent.get("tools"))],
        "tool_choice": _tool_choice(sent.get("tool_choice")),
        "max_completion_tokens": sent.get("max_output_tokens"),
        "response_format": _answer_format(mapping(mapping(sent.get("text")).get("format"))),
        "logprobs": wants_logprobs,
        "top_logprobs": sent.get("top_logprobs") if wants_logprobs else 0,
    }
    try:
        return parse_call(call, models)
    except InvalidRequestError as error:
        name = error.param or ""
        param = _PARAMS.get(name.split(".")[0], name) or None
        raise type(error)(error.message.replace(f"'{name}'", f"'{param}'"), param=param, code=error.code) from None


def response_body(sent: Json, completion: Completion) -> Body:
    """The `response` object; `sent` is the request, parts of which it repeats."""
    choice = completion.choices[0]
    is_cut = choice.finish_reason == "length"
    usage = completion.usage
    return {
        "id": _id("resp", completion),
        "object": "response",
        "created_at": completion.created,
        "status": "incomplete" if is_cut else "completed",
        "background": False,
        "error": None,
        "incomplete_details": {"reason": "max_output_tokens"} if is_cut else None,
        "instructions": sent.get("instructions"),
        "max_output_tokens": sent.get("max_output_tokens"),
        "model": completion.model,
        "output": [_item(completion, choice, is_cut=is_cut)],
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "reasoning": {"effort": None, "summary": None},
        "store": False,
        "temperature": sent.get("temperature", 1.0),
        "text": sent.get("text") or {"format": {"type": "text"}},
        "tool_choice": sent.get("tool_choice") or "auto",
        "tools": sent.get("tools") or [],
        "top_logprobs": completion.top_logprobs,
        "top_p": sent.get("top_p", 1.0),
        "truncation": "disabled",
        "usage": {
            "input_tokens": usage["prompt_tokens"],
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": usage["completion_tokens"],
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": usage["total_tokens"],
        },
        "user": sent.get("user"),
        "metadata": sent.get("metadata") or {},
    }


def response_events(sent: Json, completion: Completion) -> Iterator[tuple[bytes, bool]]:
    """The stream's events in order, each with whether it carries a token (and so takes a token's time)."""
    choice = completion.choices[0]
    places = iter(range(len(choice.tokens)))
    numbers = count()
    for event in replay(response_body(sent, completion)):
        if not text(event.get("type")).endswith(".delta"):
            yield _encoded(event, next(numbers)), False
            continue
        # In place of the first piece of the replay, the model's own tokens; in place of the others, nothing.
        for place in places:
            told = {"logprobs": _logprobs(completion, choice, place)} if "logprobs" in event else {}
            yield _encoded({**event, "delta": choice.tokens[place], **told}, next(numbers)), True


def _encoded(event: Json, number: int) -> bytes:
    return encode(Dialect.RESPONSES, {**event, "sequence_number": number})


def _id(prefix: str, completion: Completion) -> str:
    return f"{prefix}_{completion.id.removeprefix('chatcmpl-')}"


def _item(completion: Completion, choice: RenderedChoice, *, is_cut: bool) -> Body:
    if choice.tool_name:
        call = {"call_id": choice.tool_call_id, "name": choice.tool_name, "arguments": choice.text}
        return {"id": _id("fc", completion), "type": "function_call", "status": "completed", **call}
    part = {"type": "output_text", "text": choice.text, "annotations": [], "logprobs": _logprobs(completion, choice)}
    status = "incomplete" if is_cut else "completed"
    return {
        "id": _id("msg", completion), "type": "message", "role": "assistant", "status": status, "content": [part],
    }  # fmt: skip


def _logprobs(completion: Completion, choice: RenderedChoice, place: int | None = None) -> list[Any]:
    """Of the token at a place, or of all; none unless the request asked for them."""
    if not choice.logprobs:
        return []
    chosen = slice(None) if place is None else slice(place, place + 1)
    found = logprobs_object(choice.tokens[chosen], choice.logprobs[chosen], top=completion.top_logprobs)
    return found["content"]


def _messages(sent: Json) -> list[Body]:
    instructions = sent.get("instructions")
    messages: list[Body] = [{"role": "system", "content": instructions}] if instructions else []
    said = sent.get("input")
    if isinstance(said, str):
        return [*messages, {"role": "user", "content": said}]
    for place, item in enumerate(items(said)):
        messages += _message(place, mapping(item))
    return messages


def _message(place: int, item: Json) -> list[Body]:
    match item.get("type", "message"):
        case "message":
            return [{"role": item.get("role"), "content": _content(item.get("content"))}]
        case "function_call":
            function = {"name": item.get("name"), "arguments": item.get("arguments")}
            call = {"id": item.get("call_id"), "type": "function", "function": function}
            return [{"role": "assistant", "content": None, "tool_calls": [call]}]
        case "function_call_output":
            content = _content(item.get("output"))
            return [{"role": "tool", "tool_call_id": item.get("call_id"), "content": content}]
        case "reasoning":
            return []
        case _:
            raise InvalidRequestError(
                "The demo provider cannot follow this kind of item.", param=f"input[{place}].type"
            )


def _content(content: object) -> object:
    """Parts in chat's form; anything else as it is, for the check."""
    if not isinstance(content, list):
        return content
    parts: list[Body] = []
    for part in objects(cast("object", content)):
        is_image = part.get("type") == "input_image"
        parts.append({"type": "image_url"} if is_image else {"type": "text", "text": part.get("text")})
    return parts


def _tool(tool: Json) -> Body:
    function = {name: tool[name] for name in ("name", "description", "parameters") if tool.get(name) is not None}
    return {"type": tool.get("type"), "function": function}


def _tool_choice(chosen: object) -> object:
    fields = mapping(chosen)
    return {"type": "function", "function": {"name": fields.get("name")}} if fields else chosen


def _answer_format(wanted: Json) -> object:
    if wanted.get("type") != "json_schema":
        return wanted or None
    schema = {name: wanted[name] for name in ("name", "schema") if name in wanted}
    return {"type": "json_schema", "json_schema": schema}
