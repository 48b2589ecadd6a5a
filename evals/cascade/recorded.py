"""Recordings of a real model with log-probabilities, made by `record.py`, as sets to replay.

The cheap tier is what was recorded. **The strong tier is the human label**: an idealised model that is never wrong,
so that every cheap answer that is wrong is a loss. The messages are read from THRIFTGATE_DATA by their ids.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from evals.cascade import intents
from evals.cascade.intents import Message

from thriftgate.types import Answer, ChatRequest, Choice, Usage

FOLDER = Path(__file__).parent / "recorded"
COLUMNS = ("id", "shown", "answer", "tokens", "finish_reason", "prompt_tokens", "completion_tokens")
"""`shown`: the ids of the examples, in order; `tokens`: text, log-probability, those of the two most likely."""


Tier = tuple[str, tuple[float, float]]
"""A tier's name and its price per million tokens, of the prompt and of the answer."""


def rows(file: Path) -> Iterator[list[Any]]:
    """The lines below the header; one that was cut short ends the recording."""
    with file.open(encoding="utf-8") as lines:
        next(lines, None)
        for line in lines:
            if not line.endswith("\n"):
                return
            yield json.loads(line)


def ids(file: Path) -> set[str]:
    """Of the messages that were asked."""
    return {row[0] for row in rows(file)}


def answered(
    file: Path, messages: Sequence[Message], cheap: Tier, strong: Tier
) -> Iterator[tuple[ChatRequest, tuple[Answer, Answer], bool]]:
    """Per recorded message: the request, the cheap and the strong answer, and whether the cheap one is right.

    A message that is not at hand raises KeyError: the data set is another one.
    """
    by_id = {one.id: one for one in messages}
    for asked, shown, answer, tokens, finish, prompt_tokens, completion_tokens in rows(file):
        message = by_id[asked]
        usage = Usage(prompt_tokens, completion_tokens)
        given = Answer(
            choices=(
                Choice(
                    {"role": "assistant", "content": answer},
                    finish,
                    {"content": [_entry(token) for token in tokens]} if tokens else None,
                ),
            ),
            model=cheap[0],
            usage=usage,
            cost_usd=_price(usage, cheap[1]),
        )
        # The strong tier reads the same prompt and names the right intent; its tokens are counted as usual.
        ideal = Usage(prompt_tokens, max(1, round(len(message.intent) / 4)))
        right = Answer(
            choices=(Choice({"role": "assistant", "content": message.intent}, "stop"),),
            model=strong[0],
            usage=ideal,
            cost_usd=_price(ideal, strong[1]),
        )
        prompt = intents.prompt(message, [by_id[one] for one in shown])
        request = ChatRequest(request_id="eval", route="eval", messages=tuple(prompt))
        yield request, (given, right), intents.named(answer) == message.intent


def _entry(token: Sequence[Any]) -> Mapping[str, Any]:
    text, logprob, *tops = token
    return {"token": text, "logprob": logprob, "top_logprobs": [{"logprob": top} for top in tops]}


def _price(usage: Usage, price: tuple[float, float]) -> float:
    return (usage.prompt_tokens * price[0] + usage.completion_tokens * price[1]) / 1e6
