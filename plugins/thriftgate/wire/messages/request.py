"""A request for Anthropic's messages, looked at. Source: Anthropic's API reference, "Create a Message".

Failure behaviour: pure; see `wire.request`.
"""

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any, ClassVar

from thriftgate.wire.messages.blocks import attachment_of, parts_of, texts_of
from thriftgate.wire.paths import Path
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
from thriftgate.wire.writing import SYSTEM_ROLES

_ROLES: dict[str, Role] = {"user": "user", "assistant": "assistant", "system": "system", "tool": "tool"}
_KINDS: dict[Role, TextKind] = {
    "system": TextKind.SYSTEM, "user": TextKind.USER, "assistant": TextKind.ASSISTANT, "tool": TextKind.TOOL_RESULT,
}  # fmt: skip
_CLIENT_TOOLS = ("bash_", "text_editor_", "computer_", "memory_", "browser_")
"""Tools with Anthropic's own schema that the client runs; every other typed tool runs at the provider."""


class MessagesRequestView(RequestView):
    """A messages request. A user's message that holds nothing but tool results is a tool's turn."""

    dialect: ClassVar[Dialect] = Dialect.MESSAGES
    max_tokens_names: ClassVar[tuple[str, ...]] = ("max_tokens",)
    not_params: ClassVar[frozenset[str]] = frozenset({"model", "stream", "system"})
    turns_field: ClassVar[str] = "messages"
    turns_sources: ClassVar[tuple[str, ...]] = ("system", "messages")

    @cached_property
    def turns(self) -> tuple[Turn, ...]:
        """The system field, then one turn a message."""
        turns: list[Turn] = []
        if self.body.get("system") is not None:
            parts = tuple(parts_of(self.body["system"], ("system",)))
            turns.append(Turn("system", ("system",), parts, self.body["system"]))
        for place, raw in enumerate(items(self.body.get("messages"))):
            message, path = mapping(raw), ("messages", place)
            parts = tuple(parts_of(message.get("content"), (*path, "content")))
            role = _ROLES.get(text(message.get("role")), "user")
            if role == "user" and _is_tools(parts):
                role = "tool"
            turns.append(Turn(role, path, parts, message))
        return tuple(turns)

    @cached_property
    def tools(self) -> tuple[Tool, ...]:
        """The client's tools, Anthropic's own, and MCP servers."""
        tools = [_tool(mapping(tool), ("tools", place)) for place, tool in enumerate(items(self.body.get("tools")))]
        for place, server in enumerate(items(self.body.get("mcp_servers"))):
            fields = mapping(server)
            tools.append(Tool(text(fields.get("name")), ("mcp_servers", place), fields, None, is_server=True))
        return tuple(tools)

    @cached_property
    def forced_tool(self) -> Tool | None:
        """The tool that `tool_choice` names, or the only one where some tool is required."""
        choice = mapping(self.body.get("tool_choice"))
        if choice.get("type") == "tool":
            return next((tool for tool in self.tools if tool.name == choice.get("name")), None)
        return self.tools[0] if self.must_call_tool and len(self.tools) == 1 else None

    @property
    def must_call_tool(self) -> bool:
        """True for the choices `any` and `tool`."""
        return mapping(self.body.get("tool_choice")).get("type") in ("any", "tool")

    @cached_property
    def answer_format(self) -> AnswerFormat | None:
        """Of `output_config.format` (or the older `output_format`), else of a single forced tool."""
        for path in (("output_config", "format"), ("output_format",)):
            wanted: Any = self.body
            for step in path:
                wanted = mapping(wanted).get(step)
            schema = mapping(wanted).get("schema")
            if mapping(wanted).get("type") == "json_schema":
                found = mapping(schema) if schema is not None else None
                return AnswerFormat("json_schema", (*path, "schema"), None, found, strict=True)
        tool = self.forced_tool
        if tool is None or tool.is_server:
            return None
        return AnswerFormat("forced_tool", tool.path, tool.name, tool.schema, tool.value.get("strict") is True)

    @cached_property
    def attachments(self) -> tuple[Attachment, ...]:
        """Images, documents and files, also those that tools gave back."""
        return tuple(attachment_of(part) for turn in self.turns for part in turn.parts if part.kind in MEDIA)

    @cached_property
    def state_references(self) -> tuple[StateReference, ...]:
        """Containers, files by id and media by address."""
        found = [StateReference("container", ("container",))] if self.body.get("container") is not None else []
        for turn in self.turns:
            for part in turn.parts:
                if mapping(part.value).get("type") == "container_upload":
                    found.append(StateReference("container", part.path))
                elif part.kind in MEDIA and attachment_of(part).carried != "inline":
                    kind = "url" if attachment_of(part).carried == "url" else "file"
                    found.append(StateReference(kind, part.path))
        return tuple(found)

    @property
    def asks_logprobs(self) -> bool:
        """Always False: there are none in this dialect."""
        return False

    @property
    def user(self) -> str | None:
        """`metadata.user_id`."""
        return text_or_none(mapping(self.body.get("metadata")).get("user_id"))

    def with_prompt(self, before: Sequence[Json], after: Sequence[Json] = (), *, keep_system: bool = True) -> Body:
        """The prompt around the client's conversation; all its system texts go into `system`, as this API has it."""
        theirs = list(items(self.body.get("messages")))
        if not keep_system:
            theirs = [message for message in theirs if mapping(message).get("role") not in SYSTEM_ROLES]
        examples, last = ([m for m in ours if m.get("role") not in SYSTEM_ROLES] for ours in (before, after))
        body: Body = {**self.body, "messages": [*examples, *theirs, *last]}
        system = _system(before, self.body.get("system") if keep_system else None, after)
        if system is None:
            body.pop("system", None)
        else:
            body["system"] = system
        return body

    def with_logprobs(self, top: int) -> Body | None:
        """None: Anthropic has no log-probabilities."""
        return None

    def _texts(self) -> Iterator[TextPlace]:
        for turn in self.turns:
            kind = _KINDS[turn.role]
            yield from turn_texts(turn, kind, lambda part, kind=kind: texts_of(part, kind))
        yield from unturned_texts(self.body.get("messages"), ("messages",))
        for name in ("tools", "mcp_servers", "output_config", "output_format", *CARRIED):
            yield from definition_texts(self.body.get(name), (name,))


def _is_tools(parts: tuple[Part, ...]) -> bool:
    """True when there is nothing but results of tools."""
    return bool(parts) and all(part.in_tool_result or part.kind is PartKind.TOOL_RESULT for part in parts)


def _system(before: Sequence[Json], theirs: Any, after: Sequence[Json]) -> Any:
    """Our system texts around the client's: as they are where one side has none, else as blocks."""
    ours = [[_block(m) for m in messages if m.get("role") in SYSTEM_ROLES] for messages in (before, after)]
    if not any(ours):
        return theirs
    if isinstance(theirs, str):
        theirs = [{"type": "text", "text": theirs}]
    blocks = [*ours[0], *items(theirs), *ours[1]]
    return blocks[0]["text"] if len(blocks) == 1 and set(blocks[0]) == {"type", "text"} else blocks


def _block(message: Json) -> Body:
    return {"type": "text", "text": text(message.get("content"))}


def _tool(tool: Json, path: Path) -> Tool:
    kind = text(tool.get("type")) or "custom"
    schema = tool.get("input_schema")
    is_server = kind != "custom" and not kind.startswith(_CLIENT_TOOLS)
    name = text(tool.get("name")) or text(tool.get("mcp_server_name")) or kind
    return Tool(name, path, tool, mapping(schema) if schema is not None else None, is_server)
