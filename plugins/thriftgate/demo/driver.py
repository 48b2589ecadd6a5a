"""Sends a workload through a running gateway with the real OpenAI SDK, and notes what came back.

Failure behaviour: a request that fails becomes an outcome with `error`, the exception's class and status, never its
text; `GatewayUnreachableError` and `KeyRefusedError` are raised by `check_gateway` before anything is sent.
"""

import asyncio
import hashlib
import json
import math
import time
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import Any, cast

import httpx
from openai import APIError, APIStatusError, AsyncOpenAI
from openai.types.chat import ChatCompletionChunk

from thriftgate.demo.judge import check_facts
from thriftgate.demo.workload import Case
from thriftgate.errors import GatewayError

_PREFIX = "x-thriftgate-"
_LITELLM_COST = "x-litellm-response-cost"
_PATIENCE = 5.0


class GatewayUnreachableError(GatewayError):
    """Nothing answers at the gateway's address, or what answers is no gateway."""


class KeyRefusedError(GatewayError):
    """The gateway does not know the key."""


class ModelMissingError(GatewayError):
    """The gateway does not have the model that the demo asks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestOutcome:
    """What became of one request. Costs in US dollars, None where the gateway did not say; latency in seconds."""

    case: Case
    is_right: bool = False
    latency: float = math.nan
    is_streamed: bool = False
    decision: str | None = None
    tier: str | None = None
    confidence: float | None = None
    similarity: float | None = None
    cost_usd: float | None = None
    saved_usd: float | None = None
    is_coalesced: bool = False
    """It got the answer of an identical request that was in flight."""
    request_id: str | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0
    error: str | None = None
    said: str | None = None
    """Digest of the answer: the same words, the same digest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drive:
    """How a workload is sent. `streamed` has the ids of the cases that are asked with `stream: true`."""

    model: str
    concurrency: int
    streamed: Set[str] = frozenset()
    system: str | None = None
    """A system message put before every conversation."""
    run: str | None = None
    """Runs of different names share no cached answers; None: this one shares whatever the gateway has."""


async def drive(
    client: AsyncOpenAI, cases: Sequence[Case], plan: Drive, on_done: Callable[[RequestOutcome], None]
) -> list[RequestOutcome]:
    """Ask every case, `plan.concurrency` at a time and started in their order; outcomes in the cases' order."""
    waiting = iter(list(enumerate(cases)))
    outcomes: dict[int, RequestOutcome] = {}

    async def work() -> None:
        for place, case in waiting:
            outcomes[place] = await ask(client, case, plan)
            on_done(outcomes[place])

    async with asyncio.TaskGroup() as group:
        for _ in range(plan.concurrency):
            group.create_task(work())
    return [outcomes[place] for place in range(len(cases))]


async def ask(client: AsyncOpenAI, case: Case, plan: Drive) -> RequestOutcome:
    """Ask one case and judge the answer."""
    started = time.monotonic()
    try:
        outcome = await (_ask_streamed if case.id in plan.streamed else _ask_whole)(client, case, plan)
    except APIStatusError as error:
        return RequestOutcome(case=case, error=f"{type(error).__name__} {error.status_code}")
    except (APIError, httpx.HTTPError) as error:
        return RequestOutcome(case=case, error=type(error).__name__)
    return replace(outcome, latency=time.monotonic() - started)


async def check_gateway(base_url: str, api_key: str, models: Sequence[str]) -> None:
    """Make sure that there is a gateway which knows the key and the models.

    Raises:
        GatewayUnreachableError: nothing answers, or not a gateway.
        KeyRefusedError: the key is wrong or missing.
        ModelMissingError: a model is not offered.
    """
    url = f"{base_url}/v1/models"
    try:
        async with httpx.AsyncClient(timeout=_PATIENCE) as client:
            response = await client.get(url, headers={"authorization": f"Bearer {api_key}"})
    except httpx.HTTPError as error:
        raise GatewayUnreachableError(
            f"no gateway answers at {base_url} ({type(error).__name__}): start one with `thriftgate up`, "
            "or name its address with --base-url"
        ) from error
    if response.status_code in {401, 403}:
        raise KeyRefusedError(
            f"the gateway at {base_url} refuses the key: give the right one with --api-key, in LITELLM_MASTER_KEY, "
            "or run the command where `thriftgate up` was run (.thriftgate/master_key)"
        )
    offered = _model_names(response)
    if offered is None:
        raise GatewayUnreachableError(f"{url} answered with status {response.status_code}, which no gateway would")
    for model in models:
        if model not in offered:
            raise ModelMissingError(f"the gateway has no model '{model}'; it has {', '.join(sorted(offered))}")


async def fetch_price(base_url: str, api_key: str, model: str) -> tuple[float, float] | None:
    """US dollars per input and output token of a model group, as the gateway knows them; None when it does not."""
    for entry in await _model_info(base_url, api_key, model):
        info: Mapping[str, Any] = entry.get("model_info") or {}
        price = _number(info.get("input_cost_per_token")), _number(info.get("output_cost_per_token"))
        if price[0] is not None and price[1] is not None:
            return price[0], price[1]
    return None


async def fetch_deployments(base_url: str, api_key: str, model: str) -> list[str]:
    """The provider's models behind a model group, each once; none when the gateway does not say."""
    params: list[Mapping[str, Any]] = [
        entry.get("litellm_params") or {} for entry in await _model_info(base_url, api_key, model)
    ]
    return sorted({str(one["model"]) for one in params if "model" in one})


async def _model_info(base_url: str, api_key: str, model: str) -> list[dict[str, Any]]:
    async with httpx.AsyncClient(timeout=_PATIENCE) as client:
        try:
            response = await client.get(f"{base_url}/model/info", headers={"authorization": f"Bearer {api_key}"})
            entries: list[dict[str, Any]] = response.json().get("data") or [] if response.is_success else []
        except (httpx.HTTPError, ValueError):
            return []
    return [entry for entry in entries if entry.get("model_name") == model]


def priced(outcomes: Sequence[RequestOutcome], price: tuple[float, float] | None) -> list[RequestOutcome]:
    """The outcomes, with tokens times price where the gateway named no cost."""
    if price is None:
        return list(outcomes)
    return [
        outcome
        if outcome.cost_usd is not None
        else replace(outcome, cost_usd=outcome.prompt_tokens * price[0] + outcome.completion_tokens * price[1])
        for outcome in outcomes
    ]


def _model_names(response: httpx.Response) -> set[str] | None:
    try:
        document: object = response.json() if response.is_success else None
    except ValueError:
        return None
    if not isinstance(document, dict):
        return None
    cards: object = cast("dict[str, object]", document).get("data")
    if not isinstance(cards, list):
        return None
    return {str(card.get("id")) for card in cast("list[dict[str, Any]]", cards)}


def _body(case: Case, plan: Drive) -> dict[str, Any]:
    system = [{"role": "system", "content": plan.system}] if plan.system else []
    body: dict[str, Any] = {"model": plan.model, "messages": [*system, *case.messages], "user": case.user}
    if case.tools:
        body["tools"] = list(case.tools)
    if plan.run is not None:
        # The one header of an OpenAI client that is part of a cache's scope: it may change what a request means.
        body["extra_headers"] = {"openai-beta": f"thriftgate-demo={plan.run}"}
    body["extra_body"] = {"metadata": {"tags": [f"team:{case.team}", f"kind:{case.kind.value}"]}}
    return body


async def _ask_whole(client: AsyncOpenAI, case: Case, plan: Drive) -> RequestOutcome:
    raw = await client.chat.completions.with_raw_response.create(**_body(case, plan), stream=False)
    completion = raw.parse()
    told = _from_headers(raw.headers)
    message = completion.choices[0].message
    calls = [call.model_dump() for call in message.tool_calls or ()]
    usage = completion.usage
    return RequestOutcome(
        case=case,
        is_right=check_facts(case.truth, message.content or "", calls).is_right,
        said=_digest(message.content or "", calls),
        prompt_tokens=usage.prompt_tokens if usage else 0,
        completion_tokens=usage.completion_tokens if usage else 0,
        **told,
    )


async def _ask_streamed(client: AsyncOpenAI, case: Case, plan: Drive) -> RequestOutcome:
    raw = await client.chat.completions.with_raw_response.create(
        **_body(case, plan), stream=True, stream_options={"include_usage": True}
    )
    stream = raw.parse()
    told = _from_headers(raw.headers)
    text: list[str] = []
    calls: dict[int, dict[str, Any]] = {}
    usage: tuple[int, int] = (0, 0)
    async for chunk in stream:
        for choice in chunk.choices:
            text.append(choice.delta.content or "")
            _grow(calls, choice.delta.tool_calls or ())
        if chunk.usage is not None:
            usage = (chunk.usage.prompt_tokens, chunk.usage.completion_tokens)
        told |= _from_chunk(chunk)
    return RequestOutcome(
        case=case,
        is_streamed=True,
        is_right=check_facts(case.truth, "".join(text), list(calls.values())).is_right,
        said=_digest("".join(text), list(calls.values())),
        prompt_tokens=usage[0],
        completion_tokens=usage[1],
        **told,
    )


def _digest(text: str, calls: Sequence[Mapping[str, Any]]) -> str:
    functions = [call.get("function") for call in calls]
    return hashlib.sha256(json.dumps([text, functions], default=str).encode()).hexdigest()[:16]


def _grow(calls: dict[int, dict[str, Any]], pieces: Sequence[Any]) -> None:
    """Add the pieces of tool calls that one chunk brought."""
    for piece in pieces:
        function = calls.setdefault(piece.index, {"function": {"name": "", "arguments": ""}})["function"]
        function["name"] += (piece.function and piece.function.name) or ""
        function["arguments"] += (piece.function and piece.function.arguments) or ""


def _from_headers(headers: Mapping[str, str]) -> dict[str, Any]:
    told = {name.removeprefix(_PREFIX): value for name, value in headers.items() if name.startswith(_PREFIX)}
    if "cost" not in told and _LITELLM_COST in headers:
        told["cost"] = headers[_LITELLM_COST]
    return _told(told)


def _from_chunk(chunk: ChatCompletionChunk) -> dict[str, Any]:
    """The extra field `thriftgate` of a chunk or of its usage."""
    for holder in (chunk.model_extra, chunk.usage.model_extra if chunk.usage else None):
        extra: object = (holder or {}).get("thriftgate")
        if isinstance(extra, dict):
            return _told(cast("dict[str, object]", extra))
    return {}


def _told(values: Mapping[str, object]) -> dict[str, Any]:
    """The fields of an Outcome that the gateway told, from headers or from a chunk."""
    told: dict[str, Any] = {}
    for name, key in (("decision", "decision"), ("tier", "tier"), ("request_id", "request_id")):
        if value := values.get(key) or values.get(key.replace("_", "-")):
            told[name] = str(value)
    numbers = (("confidence", "confidence"), ("similarity", "similarity"), ("cost_usd", "cost"), ("saved_usd", "saved"))
    for name, key in numbers:
        if (number := _number(values.get(key))) is not None:
            told[name] = number
    if told:
        # Told only of requests that were.
        told["is_coalesced"] = str(values.get("coalesced", False)).lower() == "true"
    return told


def _number(value: object) -> float | None:
    try:
        number = float(str(value))
    except ValueError:
        return None
    return number if math.isfinite(number) else None
