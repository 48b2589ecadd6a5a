"""What a request says, whatever its dialect: what the three views have in common.

A view never changes the body it looks at. Each `with_…` returns a NEW body in which only the owned place differs;
everything else, known to us or not, is the very same object in the same place.

Failure behaviour: pure. Reading is total: an odd field counts as absent. Writing raises InvalidRequestError only
where the body has no place for what is to be written.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import ClassVar

from thriftgate.errors import InvalidRequestError
from thriftgate.wire.abilities import Ability
from thriftgate.wire.paths import Path, removed, replaced
from thriftgate.wire.shapes import Body, Json, integer, number, text, text_or_none
from thriftgate.wire.turns import (
    AnswerFormat,
    Attachment,
    Dialect,
    Part,
    PartKind,
    StateReference,
    TextPlace,
    Tool,
    Turn,
)
from thriftgate.wire.weight import is_heavy


class RequestView(ABC):
    """A client's request, looked at. `headers` are those of the request, in lower case; few dialects use one."""

    dialect: ClassVar[Dialect]
    max_tokens_names: ClassVar[tuple[str, ...]]
    """The parameters that limit an answer's length, the newest first."""
    not_params: ClassVar[frozenset[str]] = frozenset({"model", "stream"})
    turns_field: ClassVar[str]
    """The field of the body that holds the conversation."""
    turns_sources: ClassVar[tuple[str, ...]]
    """All fields of the body that turns are made of."""

    def __init__(self, body: Json, headers: Mapping[str, str] | None = None) -> None:
        self.body = body
        self.headers: Mapping[str, str] = headers or {}
        self.lost: dict[tuple[Dialect, frozenset[Ability]], tuple[str, ...]] = {}
        """What a provider of another dialect would not get, where that was asked (`dialects.carries`)."""

    @cached_property
    def is_heavy(self) -> bool:
        """Whether looking through the body takes longer than an event loop should wait."""
        return is_heavy(self.body)

    # ---- what every dialect has to say

    @cached_property
    @abstractmethod
    def turns(self) -> tuple[Turn, ...]:
        """The conversation in order; system texts outside of it come first as turns of their own."""

    @cached_property
    @abstractmethod
    def tools(self) -> tuple[Tool, ...]:
        """The tools the model may call."""

    @cached_property
    @abstractmethod
    def forced_tool(self) -> Tool | None:
        """The one tool the model must call; None when it may choose, also among several."""

    @property
    @abstractmethod
    def must_call_tool(self) -> bool:
        """True when the model may not answer in words."""

    @cached_property
    @abstractmethod
    def answer_format(self) -> AnswerFormat | None:
        """The shape that the answer must have; None for free text."""

    @cached_property
    @abstractmethod
    def attachments(self) -> tuple[Attachment, ...]:
        """Images, documents, audio and files, also those inside tool results."""

    @cached_property
    @abstractmethod
    def state_references(self) -> tuple[StateReference, ...]:
        """What ties the request to state outside its body."""

    @property
    @abstractmethod
    def asks_logprobs(self) -> bool:
        """True when the client wants token log-probabilities."""

    @property
    def alternatives(self) -> int | None:
        """How many alternatives a token the client wants with log-probabilities; None: it wants none, or no number."""
        asked = self.body.get("top_logprobs")
        if not self.asks_logprobs or isinstance(asked, bool):
            return None
        return 0 if asked is None else asked if isinstance(asked, int) and asked >= 0 else None

    @abstractmethod
    def with_prompt(self, before: Sequence[Json], after: Sequence[Json] = (), *, keep_system: bool = True) -> Body:
        """The body with a prompt's messages around the client's conversation.

        `before` and `after` are messages of role system, user or assistant with a text `content`. The leading
        system messages stand before the client's own system text, the others directly before its conversation.
        `keep_system=False` takes the client's system texts out.
        """

    @abstractmethod
    def with_logprobs(self, top: int) -> Body | None:
        """The body asking for log-probabilities and `top` alternatives; None where the dialect has none."""

    @abstractmethod
    def _texts(self) -> Iterator[TextPlace]:
        """All texts of the body in order."""

    # ---- reading, the same for all

    @property
    def model(self) -> str:
        """The model or route that the client names."""
        return text(self.body.get("model"))

    @property
    def stream(self) -> bool:
        """True when the client wants events."""
        return self.body.get("stream") is True

    @property
    def shows_usage(self) -> bool:
        """True when a stream tells the client its usage, as it always does where nobody can ask for it."""
        return True

    @property
    def n(self) -> int:
        """How many answers the client wants."""
        wanted = integer(self.body.get("n"))
        return wanted if wanted is not None and wanted > 0 else 1

    @property
    def max_tokens(self) -> int | None:
        """The most tokens the client lets the answer have."""
        found = (integer(self.body.get(name)) for name in self.max_tokens_names)
        return next((limit for limit in found if limit is not None), None)

    @property
    def temperature(self) -> float | None:
        """The temperature that the client asks for."""
        return number(self.body.get("temperature"))

    @property
    def user(self) -> str | None:
        """Whom the client says it asks for."""
        return text_or_none(self.body.get("user"))

    @cached_property
    def params(self) -> Json:
        """Everything but the conversation, model and stream, by the client's own names; null counts as absent."""
        left_out = self.not_params | {self.turns_field}
        return {name: value for name, value in self.body.items() if name not in left_out and value is not None}

    @cached_property
    def question_turn(self) -> Turn | None:
        """The last turn in which the user says something of their own."""
        return next((turn for turn in reversed(self.turns) if turn.role == "user"), None)

    @cached_property
    def question_parts(self) -> tuple[Part, ...]:
        """The text parts of the question, each in its place."""
        turn = self.question_turn
        if turn is None:
            return ()
        return tuple(part for part in turn.parts if part.kind is PartKind.TEXT and not part.in_tool_result)

    @cached_property
    def question(self) -> str:
        """What the user asks: the text parts of the last user turn, one a line."""
        return "\n".join(part.text for part in self.question_parts)

    @cached_property
    def instructions(self) -> str:
        """The system texts, with an empty line between them."""
        return "\n\n".join(turn.text for turn in self.turns if turn.role == "system")

    @cached_property
    def texts(self) -> tuple[TextPlace, ...]:
        """Every text that a human, a model or a tool wrote, with its place; of 5,000 parts they take 60 ms to find."""
        return tuple(self._texts())

    # ---- writing, the same for all

    def with_fields(self, fields: Json) -> Body:
        """The body with top-level fields set; a value of None takes the field out."""
        kept = {name: value for name, value in self.body.items() if fields.get(name, value) is not None}
        return {**kept, **{name: value for name, value in fields.items() if value is not None}}

    def with_texts(self, texts: Mapping[Path, str]) -> Body:
        """The body with other texts at places of `texts`."""
        return replaced(dict(self.body), texts)

    def with_question(self, words: str) -> Body:
        """The body with another question: the first text part has it, further text parts of the turn go.

        Raises InvalidRequestError when there is no text of a user to replace.
        """
        first, *others = self._question_parts_or_refuse()
        body = replaced(dict(self.body), {_place(first): words})
        return removed(body, [part.path for part in others])

    def without_turns(self, turns: Iterable[Turn]) -> Body:
        """The body without these turns; whoever trims decides which, and keeps tool calls with their results."""
        return removed(dict(self.body), [turn.path for turn in turns])

    def reread(self, body: Json) -> "RequestView":
        """A view of another body of the same dialect with the same headers.

        What was seen of the conversation is seen already where the other body has the very same one.
        """
        view = type(self)(body, self.headers)
        if "turns" in vars(self) and all(body.get(name) is self.body.get(name) for name in self.turns_sources):
            vars(view)["turns"] = self.turns
        return view

    def _question_parts_or_refuse(self) -> tuple[Part, ...]:
        if not self.question_parts:
            raise InvalidRequestError("the conversation has no text of a user", param=self.turns_field)
        return self.question_parts


def _place(part: Part) -> Path:
    return part.text_path if part.text_path is not None else part.path
