"""Labels for `thriftgate cascade calibrate`: every distinct question, answered by every tier, judged by the truth.

A label says how good each tier's answer to one question is. The tiers are asked through the gateway, as the route
would ask them: with the route's system message, and for log-probabilities where the provider has them.

Failure behaviour: a question that any tier fails to answer becomes no label and is counted, with the error's class
and status, never its text.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
from openai import APIError, APIStatusError, AsyncOpenAI

from thriftgate.cascade.scoring import TOP_LOGPROBS
from thriftgate.demo.judge import check_facts
from thriftgate.demo.workload import Case

Price = tuple[float, float]
"""US dollars per input and output token."""


@dataclass(slots=True)
class Labels:
    """Lines for the calibration, in the cases' order, and what could not be labelled."""

    rows: list[Mapping[str, Any]] = field(default_factory=list[Mapping[str, Any]])
    failures: Counter[str] = field(default_factory=Counter[str])


def labelled_cases(cases: Sequence[Case]) -> list[Case]:
    """Each distinct question once; turns with tools are left out, since they go to the strongest tier anyway."""
    distinct = {json.dumps(case.messages): case for case in reversed(cases) if not case.tools}
    return list(reversed(distinct.values()))


async def label(
    client: AsyncOpenAI,
    cases: Sequence[Case],
    tiers: Mapping[str, Price | None],
    *,
    system: str | None,
    concurrency: int,
    on_done: Callable[[], None],
) -> Labels:
    """Ask every tier every question, `concurrency` questions at a time. `tiers` are model groups, cheapest first."""
    waiting = iter(list(enumerate(cases)))
    rows: dict[int, Mapping[str, Any]] = {}
    found = Labels()

    async def work() -> None:
        for place, case in waiting:
            try:
                rows[place] = await _label(client, case, tiers, system)
            except APIStatusError as error:
                found.failures[f"{type(error).__name__} {error.status_code}"] += 1
            except (APIError, httpx.HTTPError) as error:
                found.failures[type(error).__name__] += 1
            on_done()

    async with asyncio.TaskGroup() as group:
        for _ in range(concurrency):
            group.create_task(work())
    found.rows = [rows[place] for place in sorted(rows)]
    return found


async def _label(
    client: AsyncOpenAI, case: Case, tiers: Mapping[str, Price | None], system: str | None
) -> Mapping[str, Any]:
    messages: list[Any] = [*([{"role": "system", "content": system}] if system else []), *case.messages]
    answers: dict[str, Any] = {}
    quality: dict[str, float] = {}
    costs: dict[str, float] = {}
    for tier, price in tiers.items():
        completion = await client.chat.completions.create(
            model=tier, messages=messages, logprobs=True, top_logprobs=TOP_LOGPROBS, extra_body={"drop_params": True}
        )
        choice = completion.choices[0]
        text = choice.message.content or ""
        answers[tier] = {"content": text, "finish_reason": choice.finish_reason}
        if choice.logprobs is not None:
            answers[tier]["logprobs"] = choice.logprobs.model_dump(include={"content"})
        quality[tier] = float(check_facts(case.truth, text).is_right)
        if price is not None and completion.usage is not None:
            costs[tier] = completion.usage.prompt_tokens * price[0] + completion.usage.completion_tokens * price[1]
    return {"messages": messages, "answers": answers, "quality": quality, "cost_usd": costs}
