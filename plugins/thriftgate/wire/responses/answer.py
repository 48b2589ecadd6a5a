"""A response, looked at. Source: OpenAI's API reference, "The response object".

Failure behaviour: pure and total.
"""

import json
from collections.abc import Iterator
from functools import cached_property
from typing import Any, ClassVar

from thriftgate.wire.answer import (
    AnswerView,
    ChoiceView,
    Finish,
    FinishKind,
    Media,
    ToolCall,
    UsageDetails,
    fewer_alternatives,
    openai_usage,
    token_logprobs,
)
from thriftgate.wire.shapes import Body, Json, integer, items, mapping, objects, text, text_or_none
from thriftgate.wire.turns import Dialect, PartKind

CLIENT_CALLS = frozenset(
    {
        "function_call", "custom_tool_call", "computer_call", "local_shell_call", "shell_call", "apply_patch_call",
        "mcp_approval_request",
    }
)  # fmt: skip
"""Items that are the calls of a response."""
_SERVER_CALLS = frozenset(
    {"web_search_call", "file_search_call", "code_interpreter_call", "image_generation_call", "mcp_call"}
)
_INCOMPLETE = {"max_output_tokens": FinishKind.LENGTH, "content_filter": FinishKind.FILTERED}
_WORDS = frozenset({"reasoning", "mcp_list_tools", "compaction"})
"""Items that are no answer by themselves, beside calls."""


class ResponsesAnswerView(AnswerView):
    """A response; always one choice."""

    dialect: ClassVar[Dialect] = Dialect.RESPONSES

    @cached_property
    def choices(self) -> tuple[ChoiceView, ...]:
        """The one answer; none where the body has no output."""
        if not isinstance(self.body.get("output"), list):
            return ()
        output = objects(self.body["output"])
        parts = [part for item in output if item.get("type") == "message" for part in objects(item.get("content"))]
        texts = [part for part in parts if part.get("type") == "output_text"]
        calls = tuple(_call(item) for item in output if item.get("type") in CLIENT_CALLS)
        return (
            ChoiceView(
                index=0,
                text="".join(text(part.get("text")) for part in texts),
                finish=self._finish(output, has_calls=bool(calls)),
                thinking="".join(_thinking(item) for item in output if item.get("type") == "reasoning"),
                refusal="".join(text(part.get("refusal")) for part in parts if part.get("type") == "refusal") or None,
                tool_calls=calls,
                server_tool_calls=tuple(_call(item) for item in output if item.get("type") in _SERVER_CALLS),
                citations=tuple(note for part in texts for note in items(part.get("annotations"))),
                media=tuple(_media(output)),
                logprobs=token_logprobs([entry for part in texts for entry in items(part.get("logprobs"))]),
            ),
        )

    @cached_property
    def usage(self) -> UsageDetails | None:
        """Tokens with all their details."""
        tier = self.body.get("service_tier")
        return openai_usage(self.body.get("usage"), sent="input", got="output", service_tier=tier)

    def without_logprobs(self) -> Body:
        """The body with every part's `logprobs` empty, as OpenAI sends it unasked."""
        return hide_in_response(self.body)

    def with_alternatives(self, most: int) -> Json:
        """The body with no more than `most` alternatives a token, and `top_logprobs` that says so."""
        limited = hide_in_response(self.body, most)
        return self.body if limited == self.body else limited

    def _finish(self, output: list[Json], *, has_calls: bool) -> Finish:
        status = text_or_none(self.body.get("status"))
        if mapping(self.body.get("error")) or status in ("failed", "cancelled"):
            return Finish(FinishKind.FAILED, status)
        reason = text_or_none(mapping(self.body.get("incomplete_details")).get("reason"))
        if status == "incomplete" or reason is not None:  # that it says why counts, whatever it calls itself
            return Finish(_INCOMPLETE.get(reason or "", FinishKind.UNKNOWN), reason or status)
        is_whole = all(item.get("status") not in ("incomplete", "in_progress") for item in output)
        if status != "completed" or not is_whole:
            return Finish(FinishKind.UNKNOWN, status)
        return Finish(FinishKind.TOOL_CALLS if has_calls else FinishKind.STOP, status)


def hide_in_response(response: Json, most: int | None = None) -> Body:
    """The response object without log-probabilities, or with no more than `most` alternatives a token."""
    body: Body = dict(response)
    if isinstance(body.get("output"), list):
        body["output"] = [hide_in_item(item, most) for item in body["output"]]
    if (integer(body.get("top_logprobs")) or 0) > (most or 0):
        body["top_logprobs"] = most or 0
    return body


def hide_in_item(item: Any, most: int | None = None) -> Any:
    """An output item without log-probabilities, or with no more than `most` alternatives a token."""
    if mapping(item).get("type") != "message" or not isinstance(mapping(item).get("content"), list):
        return item
    return {**mapping(item), "content": [hide_in_part(part, most) for part in mapping(item)["content"]]}


def hide_in_part(part: Any, most: int | None = None) -> Any:
    """A content part, or an event, without log-probabilities, or with no more than `most` alternatives a token."""
    told = mapping(part).get("logprobs")
    if not told:
        return part
    shown: Any = [] if most is None else fewer_alternatives(told, most)
    return part if shown is told else {**mapping(part), "logprobs": shown}


def _call(item: Json) -> ToolCall:
    given: Any = next((item[name] for name in ("arguments", "input", "code", "action") if name in item), "")
    arguments = given if isinstance(given, str) else json.dumps(given, ensure_ascii=False, default=str)
    name = text(item.get("name")) or text(item.get("type")).removesuffix("_call")
    is_function = item.get("type") == "function_call"
    return ToolCall(text(item.get("call_id")) or text(item.get("id")), name, arguments, is_function=is_function)


def _thinking(item: Json) -> str:
    return "".join(text(part.get("text")) for name in ("summary", "content") for part in objects(item.get(name)))


def _media(output: list[Json]) -> Iterator[Media]:
    """What is said in no words; an item or a part that nobody knows is something too."""
    for item in output:
        kind = text(item.get("type"))
        if kind == "image_generation_call":
            if item.get("result"):
                yield Media(PartKind.IMAGE, item)
        elif kind == "message":
            for part in objects(item.get("content")):
                said = text(part.get("type"))
                if said not in ("output_text", "refusal"):
                    yield Media(PartKind.AUDIO if said == "output_audio" else PartKind.OTHER, part)
        elif items(item.get("outputs")) or kind not in _WORDS | CLIENT_CALLS | _SERVER_CALLS:
            yield Media(PartKind.OTHER, item)
