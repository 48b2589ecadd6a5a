"""Chunks of a stream as OpenAI's SDK makes them, without its looking up how each field of each chunk is made.

The SDK builds every chunk by reflection over the types of its fields: a sixth of the CPU of a stream, for chunks of
which nearly all are some words of a text. Those are built here, to the very same objects. Any other chunk (tool calls,
log-probabilities, usage, a field of another type than the API documents) is the SDK's own to build.

Failure behaviour: nothing is raised; what is not plain goes to the SDK.
"""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, cast

from openai import AsyncOpenAI
from openai.types.chat.chat_completion_chunk import ChatCompletionChunk, Choice, ChoiceDelta

_TEXT = frozenset({str})
_TEXT_OR_NOT = frozenset({str, type(None)})
_NUMBER = frozenset({int})
_ABSENT = frozenset({type(None)})
_CHUNK = {
    "id": _TEXT, "object": _TEXT, "model": _TEXT, "created": _NUMBER, "system_fingerprint": _TEXT_OR_NOT,
    "service_tier": _TEXT_OR_NOT, "obfuscation": _TEXT_OR_NOT, "usage": _ABSENT, "choices": frozenset({list}),
}  # fmt: skip
_CHOICE = {"index": _NUMBER, "finish_reason": _TEXT_OR_NOT, "logprobs": _ABSENT, "delta": frozenset({dict})}
_DELTA = {"role": _TEXT_OR_NOT, "content": _TEXT_OR_NOT, "refusal": _TEXT_OR_NOT}
_KINDS: tuple[Any, ...] = (ChatCompletionChunk, Choice, ChoiceDelta)
_EMPTY: Mapping[Any, Mapping[str, Any]] = {kind: cast("dict[str, Any]", vars(kind.construct())) for kind in _KINDS}
"""Each kind's fields where nothing is said, in the SDK's order."""


def build_plain_chunks() -> None:
    """Build plain chunks of streams here from now on; again changes nothing."""
    theirs = cast("Callable[..., Any]", AsyncOpenAI._process_response_data)  # pyright: ignore[reportPrivateUsage]
    if hasattr(theirs, "_builds_plain_chunks"):
        return

    @wraps(theirs)
    def processed(self: Any, *, data: object, cast_to: Any, response: Any) -> Any:
        if cast_to is ChatCompletionChunk and not self._strict_response_validation:
            chunk = plain_chunk(data)
            if chunk is not None:
                return chunk
        return theirs(self, data=data, cast_to=cast_to, response=response)

    setattr(processed, "_builds_plain_chunks", True)  # noqa: B010  functions have no such field
    setattr(AsyncOpenAI, "_process_response_data", processed)  # noqa: B010


def plain_chunk(data: object) -> ChatCompletionChunk | None:
    """The chunk of some words of a text; None for any other."""
    if not _is_plain(data, _CHUNK):
        return None
    chunk = cast("dict[str, Any]", data)
    choices: list[Choice] = []
    for choice in chunk.get("choices", ()):
        if not _is_plain(choice, _CHOICE) or not _is_plain(choice.get("delta", {}), _DELTA):
            return None
        told = {**choice, "delta": _built(ChoiceDelta, choice["delta"])} if "delta" in choice else choice
        choices.append(_built(Choice, told))
    return _built(ChatCompletionChunk, {**chunk, "choices": choices} if "choices" in chunk else chunk)


def _is_plain(data: Any, fields: Mapping[str, frozenset[type]]) -> bool:
    if type(data) is not dict:
        return False
    return all(type(value) in fields.get(name, ()) for name, value in cast("dict[str, Any]", data).items())


def _built(kind: Any, values: Mapping[str, Any]) -> Any:
    """What the SDK's `construct` makes of values that need no conversion."""
    made: Any = kind.__new__(kind)
    for name, value in (
        ("__dict__", {**_EMPTY[kind], **values}),
        ("__pydantic_private__", None),
        ("__pydantic_extra__", {}),
        ("__pydantic_fields_set__", set(values)),
    ):
        object.__setattr__(made, name, value)
    return made
