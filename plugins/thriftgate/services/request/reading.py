"""What the pipeline reads of a request and of an answer, in whatever dialect they are: OpenAI's shape, as a view.

Signals, guards, judges and the ledger look at conversations and answers in one shape. What travels is the body itself
(`ChatRequest.body`, `Answer.body`), which nothing here changes.

Failure behaviour: pure and total; a provider's odd field counts as absent.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from thriftgate.cascade.scoring import TOP_LOGPROBS
from thriftgate.cascade.signals.evidence import message_text
from thriftgate.errors import InvalidRequestError
from thriftgate.types import Answer, ChatRequest, Choice, Message, Usage
from thriftgate.wire.answer import AnswerView, ChoiceView, FinishKind, ToolCall
from thriftgate.wire.chat.answer import limited
from thriftgate.wire.dialects import answer_view, request_view
from thriftgate.wire.request import Dialect, Part, PartKind, RequestView, Turn
from thriftgate.wire.shapes import Json, items, mapping, objects, text

_FINISH: Mapping[FinishKind, str | None] = {
    FinishKind.STOP: "stop",
    FinishKind.TOOL_CALLS: "tool_calls",
    FinishKind.LENGTH: "length",
    FinishKind.FILTERED: "content_filter",
    FinishKind.REFUSED: "refusal",
    FinishKind.PAUSED: "pause",
    FinishKind.FAILED: "error",
    FinishKind.UNKNOWN: None,
}
_FULL = frozenset({"model_context_window_exceeded"})
"""No limit of the client's cut such an answer: a model with a larger window would have gone on."""
_MEDIA = {PartKind.IMAGE: "image_url", PartKind.AUDIO: "input_audio"}
_FRAMES = frozenset(
    {
        "message_start", "ping", "content_block_stop", "message_delta", "message_stop",
        "response.created", "response.in_progress", "response.queued", "response.completed", "response.incomplete",
    }
)  # fmt: skip
"""Events that say where an answer, or a part of one, begins or ends."""
_HELD = ("content_block", "item", "part")
"""Under which name an event has the part that begins or ends with it."""
_OF_NOBODY = "resp_cached_"
"""How the id of a response begins that no provider knows."""


def body_of(request: ChatRequest) -> Mapping[str, Any]:
    """The request as it goes to a tier, but for the model's name."""
    if request.body is not None:
        return request.body
    return {"messages": [dict(message) for message in request.messages], **request.params}


def view_of(request: ChatRequest) -> RequestView:
    """The request's body, looked at: once, however many ask, since a body of many parts is long to look at."""
    seen = request.view
    if (
        isinstance(seen, RequestView)
        and seen.body is request.body
        and seen.dialect == request.dialect
        and seen.headers == request.headers
    ):
        return seen
    return request_view(Dialect(request.dialect), body_of(request), request.headers)


def with_body(request: ChatRequest, body: Mapping[str, Any]) -> ChatRequest:
    """The request with another body of the same dialect, and the view that belongs to it."""
    view = view_of(request).reread(body)
    return replace(request, body=body, messages=messages_of(view), params=params_of(view), view=view)


def with_fields(request: ChatRequest, body: Mapping[str, Any], **changes: Any) -> ChatRequest:
    """The request with a body that has other parameters and the same conversation."""
    return replace(request, body=body, view=view_of(request).reread(body), **changes)


def messages_of(view: RequestView) -> tuple[Message, ...]:
    """The conversation as OpenAI's messages; of chat completions the very ones."""
    if view.dialect is Dialect.CHAT:
        return tuple(objects(view.body.get("messages")))
    return tuple(message for turn in view.turns for message in _messages(turn))


def params_of(view: RequestView) -> Mapping[str, Any]:
    """The parameters in OpenAI's names; of chat completions the very ones."""
    params: dict[str, Any] = dict(view.params)
    if view.dialect is Dialect.CHAT:
        return params
    for name in (*view.max_tokens_names, "system", "instructions", "text"):
        params.pop(name, None)
    params["tools"] = [
        {"type": "function", "function": {"name": tool.name, "parameters": tool.schema or {}}} for tool in view.tools
    ]
    params["tool_choice"] = _tool_choice(view)
    params["max_tokens"] = view.max_tokens
    wanted = view.answer_format
    if wanted is not None and wanted.kind != "forced_tool":
        schema = {"name": wanted.name, "schema": wanted.schema, "strict": wanted.strict}
        params["response_format"] = {"type": wanted.kind, **({"json_schema": schema} if wanted.schema else {})}
    return {name: value for name, value in params.items() if value not in (None, [])}


def _tool_choice(view: RequestView) -> Any:
    if view.forced_tool is not None:
        return {"type": "function", "function": {"name": view.forced_tool.name}}
    if view.must_call_tool:
        return "required"
    chosen = view.body.get("tool_choice")
    kind = mapping(chosen).get("type") if mapping(chosen) else chosen
    return kind if kind in ("auto", "none") else None


def _messages(turn: Turn) -> Iterable[Message]:
    """A turn as OpenAI's messages: results of tools are messages of their own, before what the user adds."""
    results = [part for part in turn.parts if part.kind is PartKind.TOOL_RESULT]
    inside = [part for part in turn.parts if part.in_tool_result and part.kind is PartKind.TEXT]
    if results or turn.role == "tool":
        yield {"role": "tool", "content": "\n".join(part.text for part in [*inside, *results] if part.text)}
    said = [part for part in turn.parts if not part.in_tool_result and part.kind is not PartKind.TOOL_RESULT]
    if turn.role == "tool" or (results and not said):
        return
    message: dict[str, Any] = {"role": turn.role, "content": [block for part in said for block in _block(part)]}
    if all(block["type"] == "text" for block in message["content"]):
        message["content"] = "\n".join(block["text"] for block in message["content"])
    calls = [_call(part) for part in said if part.kind is PartKind.TOOL_CALL]
    yield {**message, "tool_calls": calls} if calls else message


def _block(part: Part) -> list[dict[str, Any]]:
    if part.kind is PartKind.TEXT:
        return [{"type": "text", "text": part.text}]
    if part.kind in (PartKind.TOOL_CALL, PartKind.THINKING):
        return []
    return [{"type": _MEDIA.get(part.kind, "file")}]


def _call(part: Part) -> dict[str, Any]:
    value = mapping(part.value)
    arguments = value.get("arguments", value.get("input"))
    return {"id": text(value.get("id")), "type": "function",
            "function": {"name": text(value.get("name")), "arguments": arguments}}  # fmt: skip


def answer_of(
    dialect: str,
    body: Json,
    *,
    model: str,
    deployment: str = "",
    cost_usd: float = 0.0,
    usage: Usage | None = None,
    edge: object = None,
) -> Answer:
    """A whole answer of a tier. `usage` stands for what the provider's own says, where that is not to be used."""
    view = answer_view(Dialect(dialect), body)
    if usage is None:
        usage = view.usage.usage if view.usage is not None else Usage()
    return Answer(
        choices=choices_of(view),
        model=model,
        deployment=deployment or view.model,
        usage=usage,
        cost_usd=cost_usd,
        provider_id=view.id or None,
        body=body,
        edge=edge,
    )


def choices_of(view: AnswerView) -> tuple[Choice, ...]:
    """The answer's choices in OpenAI's shape."""
    raw = objects(view.body.get("choices")) if view.dialect is Dialect.CHAT else []
    return tuple(_choice(choice, mapping(raw[place]) if place < len(raw) else {})
                 for place, choice in enumerate(view.choices))  # fmt: skip


def _choice(choice: ChoiceView, raw: Json) -> Choice:
    message: dict[str, Any] = {
        name: value for name, value in mapping(raw.get("message")).items() if value not in ({}, [])
    }
    if not message:
        message = {"role": "assistant", "content": choice.text or None}
        if choice.tool_calls:
            message["tool_calls"] = [_tool_call(call) for call in choice.tool_calls]
        if choice.refusal:
            message["refusal"] = choice.refusal
        if choice.media:
            message["media"] = [media.kind.value for media in choice.media]
    message.setdefault("content", None)
    logprobs = (mapping(raw.get("logprobs")) or _content(choice)) if choice.logprobs else None
    ending = None if choice.finish.native in _FULL else _FINISH[choice.finish.kind]
    return Choice(message=message, finish_reason=ending, logprobs=logprobs or None)


def _content(choice: ChoiceView) -> dict[str, Any]:
    """The tokens of a response, which has them in its parts, as chat completions have them."""
    return {
        "content": [
            {
                "token": one.token,
                "logprob": one.logprob,
                "top_logprobs": [{"logprob": logprob} for logprob in one.top_logprobs],
            }
            for one in choice.logprobs
        ]
    }


def _tool_call(call: ToolCall) -> dict[str, Any]:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}


def of_nobody(request: ChatRequest, answer: Answer) -> Answer:
    """A kept response under an id from which nothing goes on: what its provider stored is another client's question."""
    if request.dialect != Dialect.RESPONSES or answer.body is None:
        return answer
    return replace(answer, body={**answer.body, "id": f"{_OF_NOBODY}{request.request_id}"}, edge=None)


def refuse_what_nobody_stored(body: Mapping[str, Any]) -> None:
    """Raise InvalidRequestError where a request goes on from a response of the cache."""
    if text(body.get("previous_response_id")).startswith(_OF_NOBODY):
        raise InvalidRequestError(
            "this response was answered from a cache and no provider stores it: send the conversation itself",
            code="previous_response_not_found",
            param="previous_response_id",
        )


def whole_body(request: ChatRequest, answer: Answer) -> Mapping[str, Any]:
    """The answer's body in the request's dialect; made of its choices where it has none (chat completions only)."""
    if answer.body is not None:
        return answer.body
    usage: dict[str, Any] = {
        "prompt_tokens": answer.usage.prompt_tokens,
        "completion_tokens": answer.usage.completion_tokens,
        "total_tokens": answer.usage.total_tokens,
    }
    if answer.usage.cached_tokens:
        usage["prompt_tokens_details"] = {"cached_tokens": answer.usage.cached_tokens}
    if answer.usage.reasoning_tokens:
        usage["completion_tokens_details"] = {"reasoning_tokens": answer.usage.reasoning_tokens}
    choices: list[dict[str, Any]] = []
    for index, choice in enumerate(answer.choices):
        one: dict[str, Any] = {"index": index, "message": dict(choice.message), "finish_reason": choice.finish_reason}
        if choice.logprobs is not None:
            one["logprobs"] = dict(choice.logprobs)
        choices.append(one)
    return {
        "id": answer.provider_id or f"chatcmpl-{request.request_id}",
        "object": "chat.completion",
        "model": request.route,
        "choices": choices,
        "usage": usage,
    }


def as_asked(request: ChatRequest, answer: Answer, *, may_have_more: bool = True) -> Answer:
    """The answer as its client may see it: without log-probabilities, and alternatives, that only we have asked for.

    The one place where they are taken out of whole answers; `wire`'s Ending does it for streams. `may_have_more`: more
    alternatives than its client wants were perhaps asked for; where not, they are the provider's own.
    """
    if not any(choice.logprobs for choice in answer.choices):
        return answer
    asked = view_of(request)
    seen = None if answer.body is None else answer_view(Dialect(request.dialect), answer.body)
    if not asked.asks_logprobs:
        body = None if seen is None else seen.without_logprobs()
        bare = tuple(replace(choice, logprobs=None) for choice in answer.choices)
        return replace(answer, choices=bare, body=body, edge=None)
    most = alternatives_shown(asked)
    if most is None or not may_have_more:
        return answer
    body = None if seen is None else seen.with_alternatives(most)
    told = [limited(choice.logprobs, most) for choice in answer.choices]
    if body is answer.body and all(one is choice.logprobs for one, choice in zip(told, answer.choices, strict=True)):
        return answer  # the provider's very own
    few = tuple(
        replace(choice, logprobs=mapping(one) or None) for choice, one in zip(answer.choices, told, strict=True)
    )
    return replace(answer, choices=few, body=body, edge=None)


def alternatives_shown(view: RequestView) -> int | None:
    """How many alternatives a token its client sees, where the cascade asks for more; None where it sees what came."""
    wanted = view.alternatives
    return wanted if wanted is not None and wanted < TOP_LOGPROBS else None


def is_frame(dialect: str, event: Mapping[str, Any]) -> bool:
    """Whether an event only says that an answer, or an empty part of it, begins or ends: nothing of it is in there."""
    if dialect != Dialect.CHAT:
        return (
            event.get("type") in _FRAMES
            or any(_is_empty_text(event.get(name)) for name in _HELD)
            or _adds_nothing(event)
        )
    return not any(_says_something(choice) for choice in objects(event.get("choices")))


def _adds_nothing(event: Mapping[str, Any]) -> bool:
    """Whether it is a piece, or the whole, of a text in which nothing is."""
    match event.get("type"):
        case "response.output_text.delta":
            return not event.get("delta")
        case "response.output_text.done":
            return not event.get("text")
        case "content_block_delta":
            delta = mapping(event.get("delta"))
            return delta.get("type") == "text_delta" and not delta.get("text")
        case _:
            return False


def _is_empty_text(part: object) -> bool:
    fields = mapping(part)
    if fields.get("type") == "message":
        return all(_is_empty_text(one) for one in items(fields.get("content")))
    return fields.get("type") in ("text", "output_text") and not fields.get("text")


def _says_something(choice: Json) -> bool:
    return any(
        value not in (None, "", [], {}) for name, value in mapping(choice.get("delta")).items() if name != "role"
    )


def chat_delta(event: Mapping[str, Any]) -> tuple[str, tuple[Mapping[str, Any], ...]]:
    """The text and the log-probability entries that a chat chunk adds to its first choice."""
    choices = objects(event.get("choices"))
    if not choices:
        return "", ()
    logprobs = items(mapping(choices[0].get("logprobs")).get("content"))
    return text(mapping(choices[0].get("delta")).get("content")), tuple(mapping(one) for one in logprobs)


def question_of(messages: Sequence[Mapping[str, Any]]) -> str:
    """The last user message as plain text; empty when there is none."""
    return next((message_text(message) for message in reversed(messages) if message.get("role") == "user"), "")
