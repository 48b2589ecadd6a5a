"""Words of a stream through LiteLLM's wrapper, without its building and taking apart four objects for each chunk.

LiteLLM makes a chunk of its own of each of the provider's: a third of the CPU of a stream. Two chunks of some words
that differ in nothing else lead to two of LiteLLM's that differ in nothing else, so here the second is a copy of the
first with its own words. The first two chunks, and whatever says more than some words (an ending, a call, usage,
log-probabilities, another choice), are LiteLLM's to make.

Failure behaviour: nothing is raised; what is not plain goes to LiteLLM.
"""

import time
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, cast

from litellm.litellm_core_utils.streaming_handler import CustomStreamWrapper
from litellm.types.utils import Delta, ModelResponseStream, StreamingChoices
from openai.types.chat.chat_completion_chunk import ChatCompletionChunk, Choice, ChoiceDelta

_BEFORE = "_thriftgate_words_before"
"""Where a stream's wrapper keeps the chunk that the next is made after."""
_OWN = frozenset({"choices", "obfuscation"})
"""What each chunk says for itself, beside its words."""
_NOTHING: Mapping[str, Any] = {}


def copy_wrapped_chunks() -> None:
    """Make LiteLLM's chunks of words after the one before from now on; again changes nothing."""
    theirs = cast("Any", CustomStreamWrapper).chunk_creator
    if not hasattr(theirs, "_copies_chunks"):
        setattr(CustomStreamWrapper, "chunk_creator", copying(theirs))  # noqa: B010


def copying(theirs: Callable[[CustomStreamWrapper, Any], Any]) -> Callable[[CustomStreamWrapper, Any], Any]:
    """What makes LiteLLM's chunks: by a copy where that is the same, by `theirs` where it is not."""

    @wraps(theirs)
    def created(self: CustomStreamWrapper, chunk: Any) -> Any:
        words = _words(chunk) if type(chunk) is ChatCompletionChunk else None
        if words is None:
            # Whatever it says may change what LiteLLM makes of the words after it.
            self.__dict__.pop(_BEFORE, None)
            return theirs(self, chunk)
        before = cast("_Words | None", self.__dict__.get(_BEFORE))
        if before is not None and before.fits(self, words):
            return before.made(self, words)
        was_first = not self.sent_first_chunk
        made = theirs(self, chunk)
        setattr(self, _BEFORE, None if was_first else _kept(words, made))
        return made

    setattr(created, "_copies_chunks", True)  # noqa: B010  functions have no such field
    return created


class _Said:
    """A provider's chunk of some words, taken apart."""

    __slots__ = ("choice", "chunk", "content", "delta")

    def __init__(self, chunk: dict[str, Any], choice: dict[str, Any], delta: dict[str, Any], content: str) -> None:
        self.chunk = chunk
        self.choice = choice
        self.delta = delta
        self.content = content

    def differs(self, other: "_Said") -> bool:
        """Whether the two differ in more than their words."""
        return (
            _differ(self.delta, other.delta, ("content",))
            or _differ(self.choice, other.choice, ("delta",))
            or _differ(self.chunk, other.chunk, _OWN)
        )


def _words(chunk: Any) -> _Said | None:
    """What the chunk says, where that is some words of one choice and nothing else."""
    told: dict[str, Any] = chunk.__dict__
    choices = told.get("choices")
    if chunk.__pydantic_extra__ or type(choices) is not list or len(cast("list[Any]", choices)) != 1:
        return None
    choice = cast("Any", choices[0])
    if not isinstance(choice, Choice) or choice.__pydantic_extra__:
        return None
    of_choice = vars(choice)
    delta = of_choice.get("delta")
    if not isinstance(delta, ChoiceDelta) or delta.__pydantic_extra__:
        return None
    of_delta = vars(delta)
    content = of_delta.get("content")
    is_plain = (
        type(content) is str
        and content
        and told.get("id")
        and told.get("usage") is None
        and of_choice.get("finish_reason") is None
        and of_choice.get("logprobs") is None
        and of_delta.get("tool_calls") is None
        and of_delta.get("function_call") is None
    )
    return _Said(told, of_choice, of_delta, cast("str", content)) if is_plain else None


def _differ(one: dict[str, Any], other: dict[str, Any], own: Any) -> bool:
    if len(one) != len(other):
        return True
    return any(name not in own and (name not in other or other[name] != value) for name, value in one.items())


class _Parts:
    """What one of pydantic's objects is made of, at the time it was made."""

    __slots__ = ("extra", "fields", "kind", "private", "told")

    def __init__(self, made: Any) -> None:
        self.kind: Any = type(made)
        self.fields = dict(made.__dict__)
        self.extra: dict[str, Any] = dict(made.__pydantic_extra__ or _NOTHING)
        self.private: dict[str, Any] | None = made.__pydantic_private__ and dict(made.__pydantic_private__)
        self.told = set(made.__pydantic_fields_set__)

    def made(self, extra: Mapping[str, Any] = _NOTHING, **fields: Any) -> Any:
        """Another object like it, with these fields instead."""
        one: Any = self.kind.__new__(self.kind)
        fill = object.__setattr__
        fill(one, "__dict__", {**self.fields, **fields})
        fill(one, "__pydantic_extra__", {**self.extra, **extra})
        fill(one, "__pydantic_private__", self.private and {**self.private})
        fill(one, "__pydantic_fields_set__", set(self.told))
        return one


class _Words:
    """A chunk of words, the provider's and LiteLLM's, after which the next can be made."""

    __slots__ = ("choice", "chunk", "delta", "hidden", "says_obfuscation", "was")

    def __init__(self, words: _Said, made: ModelResponseStream) -> None:
        self.was = words
        self.chunk = _Parts(made)
        choice = cast("Any", made.choices[0])
        self.choice = _Parts(choice)
        self.delta = _Parts(choice.delta)
        self.hidden = dict(cast("dict[str, Any]", made.hidden_params))
        self.says_obfuscation = "obfuscation" in self.chunk.extra

    def fits(self, wrapper: Any, words: _Said) -> bool:
        """Whether LiteLLM would do with these words what it did with the ones before."""
        if wrapper.received_finish_reason is not None or wrapper.holding_chunk or words.differs(self.was):
            return False
        # LiteLLM counts how often the same words come one after the other.
        chunks = wrapper.chunks
        if len(chunks) < 2:
            return False
        last = _content(chunks[-1])
        return last is not None and _content(chunks[-2]) not in (None, last)

    def made(self, wrapper: Any, words: _Said) -> ModelResponseStream:
        """What LiteLLM makes of these words, and notes of them."""
        wrapper.intermittent_finish_reason = None
        wrapper._repeated_messages_count = 1
        wrapper.response_id = self.was.chunk["id"]
        delta = self.delta.made({"content": words.content})
        choice = self.choice.made({"delta": delta})
        own = {"obfuscation": words.chunk.get("obfuscation")} if self.says_obfuscation else _NOTHING
        made = self.chunk.made(own, choices=[choice])
        made.__pydantic_private__["_hidden_params"] = {**self.hidden, "created_at": time.time()}
        return made


def _content(chunk: Any) -> str | None:
    """The words of one of LiteLLM's chunks, if it has some."""
    choices = chunk.__dict__.get("choices")
    extra = (choices[0].__pydantic_extra__ or _NOTHING) if choices else _NOTHING
    delta = extra.get("delta")
    content = (delta.__pydantic_extra__ or _NOTHING).get("content") if isinstance(delta, Delta) else None
    return content if isinstance(content, str) else None


def _kept(words: _Said, made: Any) -> _Words | None:
    """The chunk to make the next after, where LiteLLM passed on the words as they are."""
    if type(made) is not ModelResponseStream or len(made.choices) != 1:
        return None
    choice = made.choices[0]
    delta = choice.delta
    if type(choice) is not StreamingChoices or type(delta) is not Delta:
        return None
    # Some providers' words LiteLLM looks into, and Ollama's ids it makes up.
    is_the_same = (delta.__pydantic_extra__ or _NOTHING).get("content") == words.content
    return _Words(words, made) if is_the_same and made.id == words.chunk["id"] else None
