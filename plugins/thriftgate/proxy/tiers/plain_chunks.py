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

_NONE = type(None)


def _fields(**kinds: type | tuple[type, ...]) -> frozenset[tuple[str, type]]:
    return frozenset((name, kind) for name, of in kinds.items() for kind in (of if isinstance(of, tuple) else (of,)))


_CHUNK = _fields(
    id=str, object=str, model=str, created=int, choices=list, usage=_NONE, system_fingerprint=(str, _NONE),
    service_tier=(str, _NONE), obfuscation=(str, _NONE),
)  # fmt: skip
_CHOICE = _fields(index=int, delta=dict, finish_reason=(str, _NONE), logprobs=_NONE)
_DELTA = _fields(role=(str, _NONE), content=(str, _NONE), refusal=(str, _NONE))
"""Fields and the types in which they need no conversion."""
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


def _is_plain(data: object, fields: frozenset[tuple[str, type]]) -> bool:
    if type(data) is not dict:
        return False
    said = cast("dict[str, Any]", data)
    return fields.issuperset(zip(said, map(type, said.values()), strict=True))


def _built(kind: Any, values: Mapping[str, Any]) -> Any:
    """What the SDK's `construct` makes of values that need no conversion."""
    made: Any = kind.__new__(kind)
    fill = object.__setattr__  # as the SDK does: pydantic's own checks each name
    fill(made, "__dict__", {**_EMPTY[kind], **values})
    fill(made, "__pydantic_private__", None)
    fill(made, "__pydantic_extra__", {})
    fill(made, "__pydantic_fields_set__", set(values))
    return made
