"""A request for chat completions, looked at. Source: OpenAI's API reference, "Create chat completion".

Failure behaviour: pure; see `wire.request`.
"""

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any, ClassVar

from thriftgate.wire.paths import Path, json_leaves, removed
from thriftgate.wire.request import RequestView
from thriftgate.wire.shapes import Body, Json, items, mapping, text, text_or_none
from thriftgate.wire.texts import CARRIED, definition_texts, turn_texts, unturned_texts
from thriftgate.wire.turns import (
    MEDIA,
    AnswerFormat,
    Attachment,
    Dialect,
    Part,
    PartKind,
    Role,
    StateReference,
    TextKind,
    TextPlace,
    Tool,
    Turn,
)
from thriftgate.wire.writing import around

_ROLES: dict[str, Role] = {
    "system": "system", "developer": "system", "user": "user", "assistant": "assistant", "tool": "tool",
    "function": "tool",
}  # fmt: skip
_PARTS = {
    "text": PartKind.TEXT, "image_url": PartKind.IMAGE, "input_audio": PartKind.AUDIO, "file": PartKind.FILE,
    "video_url": PartKind.VIDEO, "document": PartKind.DOCUMENT, "refusal": PartKind.REFUSAL,
    "thinking": PartKind.THINKING, "tool_use": PartKind.TOOL_CALL, "tool_result": PartKind.TOOL_RESULT,
}  # fmt: skip
_PART_TEXTS = {PartKind.TEXT: "text", PartKind.REFUSAL: "refusal", PartKind.THINKING: "thinking"}
_THINKING_FIELDS = ("reasoning_content", "reasoning")
_KINDS: dict[Role, TextKind] = {
    "system": TextKind.SYSTEM, "user": TextKind.USER, "assistant": TextKind.ASSISTANT, "tool": TextKind.TOOL_RESULT,
}  # fmt: skip


class ChatRequestView(RequestView):
    """A chat completions request. Developer messages count as system texts; a `function` message is a tool's."""

    dialect: ClassVar[Dialect] = Dialect.CHAT
    max_tokens_names: ClassVar[tuple[str, ...]] = ("max_completion_tokens", "max_tokens")
    turns_field: ClassVar[str] = "messages"
    turns_sources: ClassVar[tuple[str, ...]] = ("messages",)

    @cached_property
    def turns(self) -> tuple[Turn, ...]:
        """One turn a message."""
        turns: list[Turn] = []
        for place, message in enumerate(items(self.body.get("messages"))):
            fields, path = mapping(message), ("messages", place)
            role = _ROLES.get(text(fields.get("role")), "user")
            turns.append(Turn(role, path, tuple(_parts(fields, path, role)), fields))
        return tuple(turns)

    @cached_property
    def tools(self) -> tuple[Tool, ...]:
        """Functions, custom tools and the older `functions`; web search and unknown types run at the provider."""
        tools = [_tool(tool, ("tools", place)) for place, tool in enumerate(items(self.body.get("tools")))]
        for place, function in enumerate(items(self.body.get("functions"))):
            tools.append(_function(mapping(function), ("functions", place), mapping(function)))
        if self.body.get("web_search_options") is not None:
            tools.append(
                Tool("web_search", ("web_search_options",), mapping(self.body["web_search_options"]), None, True)
            )
        return tuple(tools)

    @cached_property
    def forced_tool(self) -> Tool | None:
        """The tool that `tool_choice` names, or the only one where some tool is required."""
        choice: Any = self.body.get("tool_choice") or self.body.get("function_call")
        fields = mapping(choice)
        named = mapping(fields.get("function") or fields.get("custom")).get("name") or fields.get("name")
        if named:
            return next((tool for tool in self.tools if tool.name == named), None)
        if not self.must_call_tool:
            return None
        allowed = self._allowed(fields)
        return allowed[0] if len(allowed) == 1 else None

    @property
    def must_call_tool(self) -> bool:
        """True for `required`, for a named tool, and for allowed tools of mode `required`."""
        choice = self.body.get("tool_choice") or self.body.get("function_call")
        if isinstance(choice, str):
            return choice in ("required", "any")
        fields = mapping(choice)
        if fields.get("type") == "allowed_tools":
            return mapping(fields.get("allowed_tools")).get("mode") == "required"
        return bool(fields)

    def _allowed(self, choice: Json) -> Sequence[Tool]:
        if choice.get("type") != "allowed_tools":
            return self.tools
        listed = [mapping(tool) for tool in items(mapping(choice.get("allowed_tools")).get("tools"))]
        names = {mapping(tool.get("function") or tool.get("custom")).get("name") for tool in listed}
        return [tool for tool in self.tools if tool.name in names]

    @cached_property
    def answer_format(self) -> AnswerFormat | None:
        """Of `response_format`, else of a single forced tool."""
        wanted = mapping(self.body.get("response_format"))
        if wanted.get("type") == "json_object":
            return AnswerFormat("json_object", ("response_format",))
        if wanted.get("type") == "json_schema":
            named = mapping(wanted.get("json_schema"))
            schema = named.get("schema")
            return AnswerFormat(
                "json_schema",
                ("response_format", "json_schema", "schema"),
                text_or_none(named.get("name")),
                mapping(schema) if schema is not None else None,
                named.get("strict") is True,
            )
        tool = self.forced_tool
        if tool is None or tool.is_server:
            return None
        strict = mapping(tool.value.get("function")).get("strict") is True
        return AnswerFormat("forced_tool", tool.path, tool.name, tool.schema, strict)

    @cached_property
    def attachments(self) -> tuple[Attachment, ...]:
        """Images, audio, video and files of all messages."""
        return tuple(_attachment(part) for turn in self.turns for part in turn.parts if part.kind in MEDIA)

    @cached_property
    def state_references(self) -> tuple[StateReference, ...]:
        """Files by id, media by address, earlier audio by id, and what the client wants kept."""
        found = [StateReference("store", ("store",))] if self.body.get("store") is True else []
        found += [
            StateReference("url" if attachment.carried == "url" else "file", attachment.path)
            for attachment in self.attachments
            if attachment.carried != "inline"
        ]
        found += [
            StateReference("audio", (*turn.path, "audio"))
            for turn in self.turns
            if turn.role == "assistant" and mapping(turn.value.get("audio")).get("id")
        ]
        return tuple(found)

    @property
    def asks_logprobs(self) -> bool:
        """True for `logprobs: true`."""
        return self.body.get("logprobs") is True

    @property
    def shows_usage(self) -> bool:
        """True when the client wants the chunk with the usage at the end of a stream."""
        return mapping(self.body.get("stream_options")).get("include_usage") is True

    def with_prompt(self, before: Sequence[Json], after: Sequence[Json] = (), *, keep_system: bool = True) -> Body:
        """The prompt's messages around the client's; see `RequestView.with_prompt`."""
        dropped = [] if keep_system else [turn.path for turn in self.turns if turn.role == "system"]
        theirs = list(items(removed(dict(self.body), dropped).get("messages")))
        return {**self.body, "messages": around(theirs, before, after)}

    def with_logprobs(self, top: int) -> Body:
        """The body with `logprobs` and `top_logprobs`; never fewer alternatives than the client asked for."""
        asked = self.body.get("top_logprobs")
        wanted = max(top, asked) if isinstance(asked, int) and self.asks_logprobs else top
        return self.with_fields({"logprobs": True, "top_logprobs": wanted})

    def _texts(self) -> Iterator[TextPlace]:
        for turn in self.turns:
            kind = _KINDS[turn.role]
            yield from turn_texts(turn, kind, lambda part, kind=kind: _part_texts(part, kind))
        yield from unturned_texts(self.body.get("messages"), ("messages",))
        for name in ("tools", "functions", "response_format", "web_search_options", *CARRIED):
            yield from definition_texts(self.body.get(name), (name,))
        predicted: Any = self.body.get("prediction")
        parts = tuple(_content_parts(mapping(predicted), ("prediction",), "assistant"))
        foretold = Turn("assistant", ("prediction",), parts, predicted)
        yield from turn_texts(foretold, TextKind.OTHER, lambda part: _part_texts(part, TextKind.OTHER))


def _part_texts(part: Part, spoken_as: TextKind) -> Iterator[TextPlace]:
    if part.kind is PartKind.TOOL_CALL:
        if part.text_path is not None:
            for path, words in json_leaves(part.text, part.text_path):
                yield TextPlace(path, words, TextKind.TOOL_ARGUMENTS)
    elif part.text_path is not None:
        yield TextPlace(part.text_path, part.text, TextKind.THINKING if part.kind is PartKind.THINKING else spoken_as)


def _parts(message: Json, path: Path, role: Role) -> Iterator[Part]:
    for name in _THINKING_FIELDS:
        if isinstance(message.get(name), str):
            yield Part(PartKind.THINKING, (*path, name), message[name], message[name], (*path, name))
    yield from _content_parts(message, path, role)
    if isinstance(message.get("refusal"), str):
        where = (*path, "refusal")
        yield Part(PartKind.REFUSAL, where, message["refusal"], message["refusal"], where)
    for place, call in enumerate(items(message.get("tool_calls"))):
        yield _call(mapping(call), (*path, "tool_calls", place))
    if message.get("function_call") is not None:
        function = mapping(message["function_call"])
        where = (*path, "function_call")
        yield Part(PartKind.TOOL_CALL, where, function, text(function.get("arguments")), (*where, "arguments"))


def _call(call: Json, path: Path) -> Part:
    for kind, field in (("function", "arguments"), ("custom", "input")):
        words = mapping(call.get(kind)).get(field)
        if isinstance(words, str):
            return Part(PartKind.TOOL_CALL, path, call, words, (*path, kind, field))
    return Part(PartKind.TOOL_CALL, path, call)


def _content_parts(message: Json, path: Path, role: Role) -> Iterator[Part]:
    content, where = message.get("content"), (*path, "content")
    is_result = role == "tool"
    if isinstance(content, str):
        yield Part(PartKind.TEXT, where, content, content, where, is_result)
    for place, raw in enumerate(items(content)):
        part, at = mapping(raw), (*where, place)
        kind = _PARTS.get(text(part.get("type")), PartKind.OTHER)
        name = _PART_TEXTS.get(kind)
        if name is not None and isinstance(part.get(name), str):
            yield Part(kind, at, raw, part[name], (*at, name), is_result)
        else:
            yield Part(kind, at, raw, in_tool_result=is_result)


def _tool(raw: object, path: Path) -> Tool:
    tool = mapping(raw)
    if tool.get("type", "function") == "function":
        return _function(tool, path, mapping(tool.get("function")))
    if tool.get("type") == "custom":
        return Tool(text(mapping(tool.get("custom")).get("name")), path, tool, None, is_server=False)
    return Tool(text(tool.get("name")) or text(tool.get("type")), path, tool, None, is_server=True)


def _function(tool: Json, path: Path, function: Json) -> Tool:
    schema = function.get("parameters")
    return Tool(
        text(function.get("name")), path, tool, mapping(schema) if schema is not None else None, is_server=False
    )


def _attachment(part: Part) -> Attachment:
    block = mapping(part.value)
    kind = text(block.get("type"))
    held: Any = block.get(kind)
    fields = mapping(held)
    address = held if isinstance(held, str) else text(fields.get("url"))
    inline = text(fields.get("data")) or text(fields.get("file_data"))
    if address and not address.startswith("data:"):
        return Attachment(part.kind, part.path, "url", text_or_none(fields.get("format")))
    if fields.get("file_id") and not inline:
        return Attachment(part.kind, part.path, "file_id", text_or_none(fields.get("format")))
    content = address or inline
    media_type = content[5:100].partition(";")[0] if content.startswith("data:") else text_or_none(fields.get("format"))
    return Attachment(part.kind, part.path, "inline", media_type, len(content))
