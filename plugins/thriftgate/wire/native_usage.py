"""What Gemini, Bedrock's Converse, Ollama and Cohere count, in their own names, as it can be believed.

`usage` has the three dialects.

LiteLLM translates their answers itself, and takes whatever number stands there.

Failure behaviour: pure and total.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from thriftgate.wire.shapes import MOST_TOKENS, Body, Json, count, is_count, items, mapping, text
from thriftgate.wire.usage import is_believed, read_count

_COUNTED = re.compile(r"Tokens?(?:Count)?$")
_DETAILS = re.compile(r"Details$")


@dataclass(frozen=True, slots=True)
class Native:
    """Where an API's answers count, and by which names."""

    place: str
    sent: str
    got: str
    total: str
    beside: tuple[str, ...]
    """What is counted beside those two."""
    within: Mapping[str, str] = field(default_factory=dict[str, str])
    """What is a part of another count."""


GEMINI = Native(
    "usageMetadata", "promptTokenCount", "candidatesTokenCount", "totalTokenCount",
    ("thoughtsTokenCount", "toolUsePromptTokenCount", "responseTokenCount"),
    {"cachedContentTokenCount": "promptTokenCount", "promptTokensDetails": "promptTokenCount",
     "candidatesTokensDetails": "candidatesTokenCount", "cacheTokensDetails": "cachedContentTokenCount"},
)  # fmt: skip
CONVERSE = Native(
    "usage", "inputTokens", "outputTokens", "totalTokens", ("cacheReadInputTokens", "cacheWriteInputTokens")
)


@dataclass(frozen=True, slots=True)
class Counted:
    """Where an API of two numbers counts, and by which names."""

    place: tuple[str, ...]
    sent: str
    got: str


OLLAMA = Counted((), "prompt_eval_count", "eval_count")
COHERE = Counted(("usage", "tokens"), "input_tokens", "output_tokens")


def counted_of(body: Json) -> Counted | None:
    """Whose whole answer, or last line of a stream, it is; None for any other."""
    if body.get("done") is True and ("message" in body or "response" in body):
        return OLLAMA
    has_said = mapping(body.get("message")).get("role") == "assistant"
    return COHERE if has_said and "finish_reason" in body else None


def with_count(body: Json, counted: Counted, estimate: Callable[[str], tuple[int, int]] | None) -> tuple[Json, bool]:
    """The body with two numbers that can be believed, the very one where it has them; and whether any was changed.

    Where one is not there, or is none, `estimate` counts both; without it both go.
    """
    said: Json = body
    for step in counted.place:
        said = mapping(said.get(step))
    values = [said.get(name) for name in (counted.sent, counted.got)]
    read = [read_count(value) for value in values]
    if any(value is None or not (is_believed(value) or count(value)) for value in values) or not sum(read):
        return _put(body, counted, estimate(native_text(body)) if estimate is not None else None), True
    is_changed = not all(is_believed(value) for value in values)
    return (_put(body, counted, read) if read != values else body), is_changed


def _put(body: Json, counted: Counted, numbers: Sequence[int] | None) -> Body:
    names = (counted.sent, counted.got)
    given = dict(zip(names, numbers, strict=True)) if numbers is not None else {}
    if not counted.place:
        return {name: value for name, value in body.items() if name not in names} | given
    outer, inner = counted.place
    holder = mapping(body.get(outer))
    kept = {name: value for name, value in mapping(holder.get(inner)).items() if name not in names}
    return {**body, outer: {**holder, inner: kept | given}}


def native_of(body: Json) -> Native | None:
    """Whose whole answer it is; None for any other."""
    if items(body.get("candidates")):
        return GEMINI
    return CONVERSE if mapping(mapping(body.get("output")).get("message")) and "stopReason" in body else None


def native_text(body: Json) -> str:
    """All that the provider wrote in a whole answer."""
    return "".join(_written(body))


def estimated(native: Native, sent: int, got: int) -> Body:
    """A usage of these two numbers."""
    return {native.sent: sent, native.got: got, native.total: sent + got}


def believable_native(usage: object, native: Native) -> tuple[Body | None, bool]:
    """The usage with numbers that can be believed, None where nothing is counted; and whether any was changed."""
    read, is_changed = _read(mapping(usage), native)
    counted = count(sum(count(read.get(name)) for name in (native.sent, native.got, *native.beside)))
    if not counted:
        return None, is_changed
    for part, whole in native.within.items():
        if not _DETAILS.search(part) and count(read.get(part)) > count(read.get(whole)):
            read[part], is_changed = count(read.get(whole)), True
    for name in (native.sent, native.got):
        # Converse's are read without asking whether they are there, and so is Gemini's sum.
        read.setdefault(name, 0)
    if is_changed:
        read = {name: value for name, value in read.items() if not _DETAILS.search(name)} | {native.total: counted}
    read.setdefault(native.total, counted)
    return read, is_changed


def _read(said: Json, native: Native) -> tuple[Body, bool]:
    read: Body = {}
    is_changed = False
    for name, value in said.items():
        if _COUNTED.search(name):
            is_changed |= not is_believed(value)
            if value is not None:
                read[name] = read_count(value)
        elif not _DETAILS.search(name) or _are_details(value, said.get(native.within.get(name, ""))):
            read[name] = value
        else:
            is_changed = True
    return read, is_changed


def _are_details(value: object, whole: object) -> bool:
    """Whether it says what a count is made of: of numbers, none more than the whole where that is one."""
    most = whole if is_count(whole) and whole is not None else MOST_TOKENS
    parts = [one for part in items(value) for name, one in mapping(part).items() if _COUNTED.search(name)]
    return isinstance(value, list) and all(is_believed(one) and count(one) <= count(most) for one in parts)


def _written(body: Json) -> Iterator[str]:
    said = [part for one in items(body.get("candidates"))
            for part in items(mapping(mapping(one).get("content")).get("parts"))]  # fmt: skip
    said += items(mapping(mapping(body.get("output")).get("message")).get("content"))
    message = mapping(body.get("message"))
    yield text(body.get("response"))
    yield text(message.get("content"))
    said += [*items(message.get("content")), *items(message.get("tool_calls"))]
    for part in map(mapping, said):
        yield text(part.get("text"))
        called = mapping(part.get("functionCall")) or mapping(part.get("toolUse")) or mapping(part.get("function"))
        if called:
            yield f"{called.get('name')}{called.get('args') or called.get('input') or called.get('arguments')}"
