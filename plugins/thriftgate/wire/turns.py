"""What a request is made of, whatever its dialect: turns and their parts, texts, tools, attachments, references.

Failure behaviour: pure; values only.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

from thriftgate.wire.paths import Path
from thriftgate.wire.shapes import Json

Role = Literal["system", "user", "assistant", "tool"]


class Dialect(StrEnum):
    """The wire formats a client may speak."""

    CHAT = "chat"
    """OpenAI's chat completions."""
    MESSAGES = "messages"
    """Anthropic's messages."""
    RESPONSES = "responses"
    """OpenAI's Responses."""


class PartKind(StrEnum):
    """What a part of a turn is."""

    TEXT = "text"
    THINKING = "thinking"
    TOOL_CALL = "tool_call"
    TOOL_RESULT = "tool_result"
    IMAGE = "image"
    DOCUMENT = "document"
    AUDIO = "audio"
    VIDEO = "video"
    FILE = "file"
    REFUSAL = "refusal"
    OTHER = "other"


_RULES_OF_ALL = frozenset(
    {
        "$ref", "allOf", "anyOf", "const", "dependencies", "dependentRequired", "dependentSchemas", "enum", "if",
        "maxProperties", "minProperties", "not", "oneOf", "patternProperties", "propertyNames", "unevaluatedProperties",
    }
)  # fmt: skip
_INLINED = "#/definitions/"
"""Definitions of this place LiteLLM writes where they are referred to."""
MEDIA = frozenset({PartKind.IMAGE, PartKind.DOCUMENT, PartKind.AUDIO, PartKind.VIDEO, PartKind.FILE})
SPEAKERS: frozenset[Role] = frozenset({"system", "assistant"})
"""Whose turns LiteLLM's translations take for text: what is shown in them is left out."""


@dataclass(frozen=True, slots=True)
class Part:
    """One block of a turn, in its place."""

    kind: PartKind
    path: Path
    value: Any
    """The block as the client sent it; a string where the content is a bare string."""
    text: str = ""
    text_path: Path | None = None
    """Where the text stands; None when the block has none."""
    in_tool_result: bool = False


@dataclass(frozen=True, slots=True)
class Turn:
    """One message (or, of Responses, one item) of the conversation; the system text outside of it is one too."""

    role: Role
    path: Path
    parts: tuple[Part, ...]
    value: Any

    @property
    def text(self) -> str:
        """What is said in this turn: its text parts, one a line; of a tool's turn, what the tool gave back."""
        return "\n".join(part.text for part in self.parts if part.kind is PartKind.TEXT and self._speaks(part))

    @property
    def has(self) -> frozenset[PartKind]:
        """The kinds of parts, also those inside tool results."""
        return frozenset(part.kind for part in self.parts)

    def _speaks(self, part: Part) -> bool:
        return not part.in_tool_result or self.role == "tool"


class TextKind(StrEnum):
    """Who wrote a text, and as what."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"
    THINKING = "thinking"
    TOOL_ARGUMENTS = "tool_arguments"
    """One string inside the arguments of a tool call, unescaped; the whole text where it is no JSON."""
    TOOL_RESULT = "tool_result"
    DOCUMENT = "document"
    DEFINITION = "definition"
    """A tool's description, or one in its schema or in that of an answer."""
    DATA = "data"
    """What stands beside a tool's words: a title, what came back in a call, a block of a kind that nobody knows."""
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class TextPlace:
    """One text of a body and where it stands."""

    path: Path
    text: str
    kind: TextKind


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool that the model may call."""

    name: str
    path: Path
    value: Json
    schema: Json | None
    """The JSON schema of its arguments, where the client sent one."""
    is_server: bool
    """The provider runs it (web search, code execution …): answers then depend on more than the request."""


def rules_of_all(schema: Json) -> Iterator[str]:
    """Words of a tool's schema about all arguments together: LiteLLM leaves them out on the way to Anthropic."""
    if schema.get("type") not in (None, "object"):
        yield "type"
    for word, rule in schema.items():
        is_inlined = word == "$ref" and isinstance(rule, str) and rule.startswith(_INLINED)
        says_nothing = rule is not False and rule in (None, [], {}, 0)
        if word in _RULES_OF_ALL and not says_nothing and not is_inlined:
            yield word


@dataclass(frozen=True, slots=True)
class Attachment:
    """Something in the conversation that is not text."""

    kind: PartKind
    path: Path
    carried: Literal["inline", "url", "file_id"]
    """`inline`: its content is in the body. `url` and `file_id`: the body only names it."""
    media_type: str | None = None
    size: int = 0
    """Characters of the inline content."""


@dataclass(frozen=True, slots=True)
class AnswerFormat:
    """The shape the answer must have."""

    kind: Literal["json_object", "json_schema", "forced_tool"]
    """`forced_tool`: the client lets the model call one tool and no other, so its arguments are the answer."""
    path: Path
    name: str | None = None
    schema: Json | None = None
    strict: bool = False


@dataclass(frozen=True, slots=True)
class StateReference:
    """A field that makes the answer depend on something outside the body, or leaves something behind."""

    kind: str
    """A fixed word: previous_response, conversation, container, file, prompt_template, background, store, url …"""
    path: Path
