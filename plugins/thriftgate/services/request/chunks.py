"""Answers as streams and streams as answers: OpenAI `chat.completion.chunk` objects, both ways, pure."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, cast

from thriftgate.types import Answer, Choice, Usage

_PIECE = re.compile(r"\S+\s*|\s+")
"""A word with the white space behind it; cannot backtrack, as models have been seen to answer 10,000 blanks."""
_WORDS_PER_CHUNK = 4
"""A replayed answer comes in pieces of so many words: few enough to look alive, enough to stay cheap."""


def usage_of(raw: Mapping[str, Any] | None) -> Usage | None:
    """Our `Usage` from OpenAI's usage object; None when there is none."""
    if not raw or (raw.get("prompt_tokens") is None and raw.get("completion_tokens") is None):
        return None
    prompt_details: Mapping[str, Any] = raw.get("prompt_tokens_details") or {}
    completion_details: Mapping[str, Any] = raw.get("completion_tokens_details") or {}
    return Usage(
        prompt_tokens=int(raw.get("prompt_tokens") or 0),
        completion_tokens=int(raw.get("completion_tokens") or 0),
        cached_tokens=int(prompt_details.get("cached_tokens") or 0),
        reasoning_tokens=int(completion_details.get("reasoning_tokens") or 0),
    )


def usage_object(usage: Usage) -> dict[str, Any]:
    """OpenAI's usage object of our `Usage`."""
    raw: dict[str, Any] = {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.total_tokens,
    }
    if usage.cached_tokens:
        raw["prompt_tokens_details"] = {"cached_tokens": usage.cached_tokens}
    if usage.reasoning_tokens:
        raw["completion_tokens_details"] = {"reasoning_tokens": usage.reasoning_tokens}
    return raw


def chunks_of(answer: Answer) -> Iterator[Mapping[str, Any]]:
    """Replay a whole answer as the `choices` of a stream's chunks, one choice after the other.

    Each yielded mapping is one element of `choices`: the role first, then the content in pieces, tool calls
    whole, and the finish reason on an empty delta.
    """
    for index, choice in enumerate(answer.choices):
        yield from _choice_chunks(index, choice)


def _choice_chunks(index: int, choice: Choice) -> Iterator[Mapping[str, Any]]:
    message = choice.message
    rest = {key: value for key, value in message.items() if key not in {"role", "content", "tool_calls"} and value}
    opening = None if message.get("content") is None else ""
    yield {"index": index, "delta": {"role": "assistant", "content": opening, **rest}, "finish_reason": None}
    logprobs = choice.logprobs
    for piece in _pieces(choice.text):
        chunk: dict[str, Any] = {"index": index, "delta": {"content": piece}, "finish_reason": None}
        if logprobs is not None:
            chunk["logprobs"], logprobs = logprobs, None
        yield chunk
    calls = [{**call, "index": place} for place, call in enumerate(choice.tool_calls)]
    if calls:
        yield {"index": index, "delta": {"tool_calls": calls}, "finish_reason": None}
    yield {"index": index, "delta": {}, "finish_reason": choice.finish_reason or "stop"}


def _pieces(text: str) -> Iterator[str]:
    """The text in pieces of a few words; joined they are the text again, white space included."""
    words = _PIECE.findall(text)
    for start in range(0, len(words), _WORDS_PER_CHUNK):
        yield "".join(words[start : start + _WORDS_PER_CHUNK])


class AnswerAssembler:
    """Puts a streamed answer together again: `feed()` every chunk, then take `answer()`.

    Tool calls grow by their `index`, texts by concatenation, lists and logprobs by appending; of other fields
    that we do not know the last seen value is kept.
    """

    def __init__(self) -> None:
        self._choices: dict[int, _GrowingChoice] = {}
        self.usage: Usage | None = None
        self.provider_id: str | None = None
        self.deployment = ""

    def feed(self, chunk: Mapping[str, Any]) -> None:
        """Take one `chat.completion.chunk`."""
        self.provider_id = self.provider_id or chunk.get("id")
        self.deployment = self.deployment or str(chunk.get("model") or "")
        self.usage = usage_of(chunk.get("usage")) or self.usage
        for choice in chunk.get("choices") or ():
            index = int(choice.get("index") or 0)
            self._choices.setdefault(index, _GrowingChoice()).feed(choice)

    @property
    def text(self) -> str:
        """The first choice's text so far."""
        first = self._choices.get(0)
        return first.content if first else ""

    @property
    def generated(self) -> str:
        """All that was written so far, tool arguments included: what a tokenizer would count."""
        return "".join(choice.generated for _, choice in sorted(self._choices.items()))

    @property
    def is_complete(self) -> bool:
        """True when every choice has come to its finish reason."""
        return bool(self._choices) and all(choice.finish_reason for choice in self._choices.values())

    def answer(self, *, model: str, usage: Usage, cost_usd: float, deployment: str | None = None) -> Answer:
        """The whole answer; `usage` and `cost_usd` as the caller knows them."""
        return Answer(
            choices=tuple(choice.choice() for _, choice in sorted(self._choices.items())),
            model=model,
            deployment=deployment or self.deployment,
            usage=usage,
            cost_usd=cost_usd,
            provider_id=self.provider_id,
        )


class _GrowingChoice:
    """One choice of a stream while it is written."""

    def __init__(self) -> None:
        self.content = ""
        self.finish_reason: str | None = None
        self._has_content = False
        self._fields: dict[str, Any] = {}
        self._tool_calls: dict[int, dict[str, Any]] = {}
        self._logprobs: list[Any] = []

    @property
    def generated(self) -> str:
        functions = [call["function"] for call in self._tool_calls.values()]
        functions += [self._fields["function_call"]] if "function_call" in self._fields else []
        arguments = [str(one.get("name") or "") + str(one.get("arguments") or "") for one in functions]
        beside = [str(self._fields.get(name) or "") for name in ("reasoning_content", "refusal")]
        return "".join([self.content, *beside, *arguments])

    def feed(self, choice: Mapping[str, Any]) -> None:
        delta: Mapping[str, Any] = choice.get("delta") or {}
        for key, value in delta.items():
            if key == "content":
                if value is not None:
                    self.content += value
                    self._has_content = True
            elif key == "tool_calls":
                for call in value or ():
                    self._grow_tool_call(call)
            elif key == "function_call" and value:
                _grow_function(self._fields.setdefault(key, {}), value)
            elif key != "role" and value is not None:
                _grow(self._fields, key, value)
        logprobs: Mapping[str, Any] = choice.get("logprobs") or {}
        self._logprobs.extend(logprobs.get("content") or ())
        self.finish_reason = choice.get("finish_reason") or self.finish_reason

    def _grow_tool_call(self, piece: Mapping[str, Any]) -> None:
        place = int(piece.get("index") or 0)
        call = self._tool_calls.setdefault(place, {"id": None, "type": "function", "function": {}})
        call["id"] = call["id"] or piece.get("id")
        call["type"] = piece.get("type") or call["type"]
        _grow_function(call["function"], piece.get("function") or {})
        for key, value in piece.items():
            if key not in _TOOL_CALL_FIELDS and value is not None:
                _grow(call, key, value)

    def choice(self) -> Choice:
        message: dict[str, Any] = {"role": "assistant", **self._fields}
        message["content"] = self.content if self._has_content or not self._tool_calls else None
        if self._tool_calls:
            message["tool_calls"] = [call for _, call in sorted(self._tool_calls.items())]
        return Choice(
            message=message,
            finish_reason=self.finish_reason,
            logprobs={"content": self._logprobs} if self._logprobs else None,
        )


_TOOL_CALL_FIELDS = frozenset({"index", "id", "type", "function"})


def _grow(fields: dict[str, Any], key: str, value: object) -> None:
    known = fields.get(key)
    if isinstance(known, str) and isinstance(value, str):
        fields[key] = known + value
    elif isinstance(known, list) and isinstance(value, list):
        fields[key] = [*cast("list[Any]", known), *cast("list[Any]", value)]
    else:
        fields[key] = value


def _grow_function(function: dict[str, Any], pieces: Mapping[str, Any]) -> None:
    for key, value in pieces.items():
        if value is not None:
            _grow(function, key, value)
