"""A request for a response, looked at. Source: OpenAI's API reference, "Create a model response".

Failure behaviour: pure; see `wire.request`.
"""

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any, ClassVar

from thriftgate.wire.paths import Path
from thriftgate.wire.request import RequestView
from thriftgate.wire.responses.parts import attachment_of, parts_of, texts_of, turn_of
from thriftgate.wire.shapes import Body, Json, integer, items, mapping, text, text_or_none
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
from thriftgate.wire.writing import SYSTEM_ROLES, around, leading_system, system_text

_KINDS: dict[Role, TextKind] = {
    "system": TextKind.SYSTEM, "user": TextKind.USER, "assistant": TextKind.ASSISTANT, "tool": TextKind.TOOL_RESULT,
}  # fmt: skip
_CLIENT_TOOLS = frozenset(
    {"function", "custom", "local_shell", "apply_patch", "computer", "computer_use_preview", "namespace"}
)
LOGPROBS = "message.output_text.logprobs"
_REFERENCES = {"previous_response_id": "previous_response", "conversation": "conversation", "prompt": "prompt_template"}


class ResponsesRequestView(RequestView):
    """A Responses request; each item of `input` is a turn."""

    dialect: ClassVar[Dialect] = Dialect.RESPONSES
    max_tokens_names: ClassVar[tuple[str, ...]] = ("max_output_tokens",)
    not_params: ClassVar[frozenset[str]] = frozenset({"model", "stream", "instructions"})
    turns_field: ClassVar[str] = "input"
    turns_sources: ClassVar[tuple[str, ...]] = ("instructions", "input")

    @cached_property
    def turns(self) -> tuple[Turn, ...]:
        """The instructions, then one turn an item; a bare text is the user's."""
        turns: list[Turn] = []
        if self.body.get("instructions") is not None:
            parts = tuple(parts_of(self.body["instructions"], ("instructions",)))
            turns.append(Turn("system", ("instructions",), parts, self.body["instructions"]))
        given: Any = self.body.get("input")
        if isinstance(given, str):
            turns.append(Turn("user", ("input",), (Part(PartKind.TEXT, ("input",), given, given, ("input",)),), given))
        turns += [turn_of(item, ("input", place)) for place, item in enumerate(items(given))]
        return tuple(turns)

    @cached_property
    def tools(self) -> tuple[Tool, ...]:
        """Functions and other tools of the client, and those that OpenAI runs."""
        return tuple(_tool(mapping(tool), ("tools", place)) for place, tool in enumerate(items(self.body.get("tools"))))

    @cached_property
    def forced_tool(self) -> Tool | None:
        """The tool that `tool_choice` names, or the only one where some tool is required."""
        choice = mapping(self.body.get("tool_choice"))
        if choice.get("name"):
            return next((tool for tool in self.tools if tool.name == choice["name"]), None)
        if not self.must_call_tool:
            return None
        allowed: Sequence[Tool] = self.tools
        if choice.get("type") == "allowed_tools":
            names = [mapping(tool).get("name") for tool in items(choice.get("tools"))]
            allowed = [tool for tool in self.tools if tool.name in names]
        elif choice:
            allowed = [tool for tool in self.tools if tool.value.get("type") == choice.get("type")]
        return allowed[0] if len(allowed) == 1 else None

    @property
    def must_call_tool(self) -> bool:
        """True for `required`, for a named tool or type, and for allowed tools of mode `required`."""
        choice = self.body.get("tool_choice")
        if isinstance(choice, str):
            return choice == "required"
        fields = mapping(choice)
        return fields.get("mode") == "required" if fields.get("type") == "allowed_tools" else bool(fields)

    @cached_property
    def answer_format(self) -> AnswerFormat | None:
        """Of `text.format`, else of a single forced tool."""
        wanted = mapping(mapping(self.body.get("text")).get("format"))
        if wanted.get("type") == "json_object":
            return AnswerFormat("json_object", ("text", "format"))
        if wanted.get("type") == "json_schema":
            schema = wanted.get("schema")
            found = mapping(schema) if schema is not None else None
            path: Path = ("text", "format", "schema")
            name = text_or_none(wanted.get("name"))
            return AnswerFormat("json_schema", path, name, found, wanted.get("strict") is True)
        tool = self.forced_tool
        if tool is None or tool.is_server:
            return None
        return AnswerFormat("forced_tool", tool.path, tool.name, tool.schema, tool.value.get("strict") is True)

    @cached_property
    def attachments(self) -> tuple[Attachment, ...]:
        """Images, files and audio, also those that tools gave back."""
        return tuple(attachment_of(part) for turn in self.turns for part in turn.parts if part.kind in MEDIA)

    @cached_property
    def state_references(self) -> tuple[StateReference, ...]:
        """Earlier responses, conversations, stored prompts and items, files by id, media by address."""
        found = [StateReference(kind, (name,)) for name, kind in _REFERENCES.items() if self.body.get(name) is not None]
        found += [StateReference(name, (name,)) for name in ("background", "store") if self.body.get(name) is True]
        for turn in self.turns:
            item = mapping(turn.value)
            # A thought without its encrypted content is only a name of one that OpenAI keeps.
            is_kept = item.get("type") == "reasoning" and item.get("id") and not item.get("encrypted_content")
            if is_kept or item.get("type") == "item_reference":
                found.append(StateReference("item", turn.path))
        found += [
            StateReference("url" if one.carried == "url" else "file", one.path)
            for one in self.attachments
            if one.carried != "inline"
        ]
        return tuple(found)

    @property
    def asks_logprobs(self) -> bool:
        """True when `include` names them or `top_logprobs` is set."""
        return LOGPROBS in items(self.body.get("include")) or bool(integer(self.body.get("top_logprobs")))

    @property
    def alternatives(self) -> int | None:
        """As everywhere; None also where `include` does not name log-probabilities: who is to send them is unclear."""
        return super().alternatives if LOGPROBS in items(self.body.get("include")) else None

    def with_prompt(self, before: Sequence[Json], after: Sequence[Json] = (), *, keep_system: bool = True) -> Body:
        """The prompt around the client's items; its leading system texts go before the client's `instructions`."""
        body: Body = dict(self.body)
        theirs = self.body.get("instructions") if keep_system else None
        if not keep_system:
            body.pop("instructions", None)
        ours, others = system_text(before), before[leading_system(before) :]
        if theirs is not None and not isinstance(theirs, str):
            others, ours = before, ""
        if ours:
            body["instructions"] = f"{ours}\n\n{theirs}" if theirs else ours
        given: Any = self.body.get("input")
        listed = [{"role": "user", "content": given}] if isinstance(given, str) else list(items(given))
        if not keep_system:
            listed = [item for item in listed if mapping(item).get("role") not in SYSTEM_ROLES]
        if others or after or not isinstance(given, str):
            body["input"] = around(listed, others, after)
        return body

    def with_logprobs(self, top: int) -> Body:
        """The body that includes log-probabilities; never fewer alternatives than the client asked for."""
        asked = integer(self.body.get("top_logprobs")) or 0
        include = list(items(self.body.get("include")))
        return {
            **self.body,
            "include": include if LOGPROBS in include else [*include, LOGPROBS],
            "top_logprobs": max(top, asked),
        }

    def _texts(self) -> Iterator[TextPlace]:
        for turn in self.turns:
            kind = _KINDS[turn.role]
            yield from turn_texts(turn, kind, lambda part, kind=kind: texts_of(part, kind))
        if not isinstance(self.body.get("input"), str | list | tuple):
            yield from unturned_texts(self.body.get("input"), ("input",))
        for name in ("tools", "text", "prompt", *CARRIED):
            yield from definition_texts(self.body.get(name), (name,))


def _tool(tool: Json, path: Path) -> Tool:
    kind = text(tool.get("type"))
    schema = tool.get("parameters")
    is_local = kind == "shell" and mapping(tool.get("environment")).get("type", "local") == "local"
    is_searched_by_client = kind == "tool_search" and tool.get("execution") == "client"
    return Tool(
        text(tool.get("name")) or kind,
        path,
        tool,
        mapping(schema) if schema is not None else None,
        is_server=not (kind in _CLIENT_TOOLS or is_local or is_searched_by_client),
    )
