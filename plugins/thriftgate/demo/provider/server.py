"""The offline demo provider over HTTP: OpenAI's `/v1/chat/completions`, `/v1/responses` and `/v1/models`, and faults.

Every response has the header `x-demo-provider` and every answer the fingerprint `thriftgate-demo`: these are not a
model's words but a knowledge base's.

Failure behaviour: bad requests get OpenAI-shaped 4xx, configured faults OpenAI-shaped errors. A client that goes
away ends the generation at once. Requests are never logged.
"""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Any, cast

from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Send

from thriftgate.demo.models.engine import MODELS, Engine
from thriftgate.demo.provider.faults import Failure, Faults, FaultTable, Pace
from thriftgate.demo.provider.rendering import Completion, body, completion_of
from thriftgate.demo.provider.responses import parse_response_call, response_body, response_events
from thriftgate.demo.provider.stream import events
from thriftgate.demo.request import CompletionCall, parse_call
from thriftgate.errors import InvalidRequestError, RequestRejectedError

LABEL_HEADERS = {"x-demo-provider": "thriftgate-offline-demo"}
_FOREVER = 24 * 3600.0
_ERRORS = {
    429: ("Rate limit reached for this demo model.", "rate_limit_error", "rate_limit_exceeded"),
    503: ("The demo model is overloaded.", "overloaded_error", "overloaded"),
}


class StreamBrokenError(Exception):
    """A stream ends in the middle because a fault says so."""


class EventResponse(StreamingResponse):
    """Server-sent events; a StreamBrokenError leaves the response unfinished, so that the server hangs up."""

    async def stream_response(self, send: Send) -> None:
        """Send the events as they come."""
        with suppress(StreamBrokenError):
            await super().stream_response(send)


@dataclass(slots=True)
class DemoProvider:
    """What the HTTP handlers share."""

    engine: Engine
    faults: FaultTable
    pace: Pace
    rng: Random
    clock: Callable[[], float]
    """Seconds since the epoch."""
    counts: Counter[str] = field(default_factory=Counter[str])
    """Requests by `<model> <what became of them>`, for `GET /demo/stats`."""

    async def complete(self, request: Request) -> Response:
        """`POST /v1/chat/completions`."""
        try:
            call = parse_call(await _json(request), MODELS)
        except RequestRejectedError as error:
            self.counts["rejected"] += 1
            return _refuse(error)

        def stream_of(completion: Completion) -> Iterator[tuple[bytes, bool]]:
            return events(completion, with_usage=call.wants_usage_chunk)

        return await self._served(request, call, body, stream_of)

    async def respond(self, request: Request) -> Response:
        """`POST /v1/responses`."""
        try:
            sent: Any = await _json(request)
            call = parse_response_call(sent, MODELS)
        except RequestRejectedError as error:
            self.counts["rejected"] += 1
            return _refuse(error)
        return await self._served(request, call, partial(response_body, sent), partial(response_events, sent))

    async def _served(
        self,
        request: Request,
        call: CompletionCall,
        whole: Callable[[Completion], Mapping[str, Any]],
        stream_of: Callable[[Completion], Iterator[tuple[bytes, bool]]],
    ) -> Response:
        self.counts[f"{call.model} started"] += 1
        failure = self.faults.draw(call.model, self.rng)
        if failure is not None and failure.status is not None:
            self.counts[f"{call.model} failed"] += 1
            return _fail(failure)
        completion = self._answer(call)
        latency, token_latency = self._delays(call, completion)
        if failure is not None and failure.hangs:
            latency = _FOREVER
        if call.stream:
            breaks = failure is not None and failure.breaks
            left = completion.completion_tokens // 2 if breaks else -1
            stream = self._stream(call.model, stream_of(completion), latency, token_latency, left)
            return EventResponse(stream, media_type="text/event-stream", headers=LABEL_HEADERS)
        # The choices of one request are generated side by side.
        longest = max(choice.completion_tokens for choice in completion.choices)
        if await _client_left(request, latency + token_latency * longest):
            self.counts[f"{call.model} cancelled"] += 1
            return Response(status_code=499, headers=LABEL_HEADERS)
        self.counts[f"{call.model} finished"] += 1
        return _reply(whole(completion))

    async def models(self, _request: Request) -> Response:
        """`GET /v1/models`."""
        cards = [{"id": name, "object": "model", "created": 0, "owned_by": "thriftgate-demo"} for name in MODELS]
        return _reply({"object": "list", "data": cards})

    async def health(self, _request: Request) -> Response:
        """`GET /health`."""
        return _reply({"status": "ok", "provider": LABEL_HEADERS["x-demo-provider"], "models": list(MODELS)})

    async def stats(self, _request: Request) -> Response:
        """`GET /demo/stats`: what became of the requests so far."""
        return _reply(dict(self.counts))

    async def show_faults(self, _request: Request) -> Response:
        """`GET /demo/faults`."""
        return _reply({model: faults.model_dump() for model, faults in self.faults.all().items()})

    async def set_faults(self, request: Request) -> Response:
        """`POST /demo/faults {"model": "demo-large", "error_rate": 1.0}`; without a model, all of them."""
        try:
            wanted: Any = await _json(request)
            if not isinstance(wanted, dict):
                raise InvalidRequestError("The request body must be a JSON object.")
            model, faults = _split_model(cast("dict[str, Any]", wanted))
            if model is not None and model not in MODELS:
                raise InvalidRequestError(f"There is no such model; there are {', '.join(MODELS)}.", param="model")
            self.faults.set(model, Faults.model_validate(faults))
        except ValidationError as error:
            fields = ", ".join(str(problem["loc"][0]) for problem in error.errors())
            return _refuse(InvalidRequestError(f"Not a fault: {fields}. Known: {', '.join(Faults.model_fields)}."))
        except RequestRejectedError as error:
            return _refuse(error)
        return await self.show_faults(request)

    async def clear_faults(self, request: Request) -> Response:
        """`DELETE /demo/faults`: everything works again."""
        self.faults.set(None, Faults())
        return await self.show_faults(request)

    def _answer(self, call: CompletionCall) -> Completion:
        completion_id = f"chatcmpl-demo-{self.rng.getrandbits(64):016x}"
        return completion_of(call, self.engine.reply(call), completion_id=completion_id, created=int(self.clock()))

    def _delays(self, call: CompletionCall, completion: Completion) -> tuple[float, float]:
        latency, token_latency = self.pace.delays(completion.completion_tokens, MODELS[call.model].slowness, self.rng)
        override = self.faults.of(call.model).latency
        return (latency if override is None else override), token_latency

    async def _stream(
        self, model: str, told: Iterator[tuple[bytes, bool]], latency: float, token_latency: float, left: int
    ) -> AsyncIterator[bytes]:
        """Events at the model's pace; whoever closes the iterator before its end counts as a client that left.

        The stream breaks when `left` tokens are out; below 0 it does not.
        """
        outcome = "cancelled"
        try:
            if latency:
                await asyncio.sleep(latency)
            for event, is_token in told:
                if is_token:
                    if left == 0:
                        outcome = "broken"
                        raise StreamBrokenError
                    left -= 1
                    if token_latency:
                        await asyncio.sleep(token_latency)
                yield event
            outcome = "finished"
        finally:
            self.counts[f"{model} {outcome}"] += 1


def build_app(provider: DemoProvider) -> Starlette:
    """The provider as an ASGI application."""
    routes = [
        Route("/v1/chat/completions", provider.complete, methods=["POST"]),
        Route("/v1/responses", provider.respond, methods=["POST"]),
        Route("/v1/models", provider.models, methods=["GET"]),
        Route("/health", provider.health, methods=["GET"]),
        Route("/demo/faults", provider.show_faults, methods=["GET"]),
        Route("/demo/faults", provider.set_faults, methods=["POST"]),
        Route("/demo/faults", provider.clear_faults, methods=["DELETE"]),
        Route("/demo/stats", provider.stats, methods=["GET"]),
    ]
    return Starlette(routes=routes, exception_handlers={404: _not_found, 405: _not_found})


async def _json(request: Request) -> Any:
    raw = await request.body()
    try:
        return json.loads(raw)
    except ValueError:
        raise InvalidRequestError("We could not parse the JSON body of your request.") from None


def _split_model(wanted: dict[str, Any]) -> tuple[str | None, dict[str, Any]]:
    return wanted.get("model"), {key: value for key, value in wanted.items() if key != "model"}


async def _client_left(request: Request, seconds: float) -> bool:
    """Wait; True as soon as the client hangs up meanwhile."""
    if not seconds:
        return False
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while (await request.receive())["type"] != "http.disconnect":
                pass
            return True
    return False


async def _not_found(request: Request, error: Exception) -> Response:
    status = getattr(error, "status_code", 404)
    message = f"Unknown request URL or method: {request.method} {request.url.path}."
    return _reply(_error_body(message, "invalid_request_error", "unknown_url"), status)


def _refuse(error: RequestRejectedError) -> Response:
    return _reply(_error_body(error.message, error.error_type, error.code, error.param), error.status_code)


def _fail(failure: Failure) -> Response:
    status = failure.status or 500
    message, kind, code = _ERRORS.get(status, ("The demo model failed, as it was told to.", "server_error", None))
    response = _reply(_error_body(message, kind, code), status)
    if failure.retry_after is not None:
        response.headers["retry-after"] = f"{failure.retry_after:g}"
    return response


def _error_body(message: str, kind: str, code: str | None, param: str | None = None) -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def _reply(content: Mapping[str, Any], status: int = 200) -> Response:
    return JSONResponse(content, status, LABEL_HEADERS)
