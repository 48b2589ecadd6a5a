"""What must see every request at the edge: who it is, which headers and which errors it gets.

LiteLLM finds a hook only on the leaf class and only under its exact name and parameter names; the contract
tests notice when one goes dead.

Failure behaviour: a malformed conversation is refused with HTTP 400 before a model is asked; a stream that breaks off
ends with an error event of ours; any other error passes through as it came.
"""

import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from typing import Any, cast

from fastapi import HTTPException
from litellm.integrations.custom_logger import CustomLogger
from litellm.proxy._types import UserAPIKeyAuth

from thriftgate.errors import GatewayError
from thriftgate.proxy.edge import EdgeRequest, current, headers_of
from thriftgate.proxy.errors import ClientHTTPException, ClientStreamError
from thriftgate.proxy.messages import chunk_of
from thriftgate.proxy.refusals import early_error, edge_of, refusal_of
from thriftgate.proxy.validation import check_request
from thriftgate.tracing.identity import outgoing_traceparent
from thriftgate.types import RequestRecord

_FINGERPRINT = {"system_fingerprint": "thriftgate"}
"""LiteLLM's fast serializer drops fields it does not know; a chunk with a fingerprint takes the complete one."""
_MESSAGE_DELTA = b"event: message_delta\ndata: "
_NOT_FOR_MODELS = frozenset({"model", "messages", "metadata", "proxy_server_request", "secret_fields", "user"})


class EdgeHooks(CustomLogger):
    """Opens the EdgeRequest of each request to a route, and closes it with headers, chunks or an error."""

    def __init__(
        self,
        routes: Callable[[], Mapping[str, str]],
        *,
        on_failure: Callable[[Mapping[str, Any]], None],
        record: Callable[[RequestRecord], None],
    ) -> None:
        super().__init__()
        self._routes = routes
        self._on_failure = on_failure
        self._record = record

    async def async_log_failure_event(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, kwargs: Mapping[str, Any], response_obj: object, start_time: object, end_time: object
    ) -> None:
        """A call of a deployment failed."""
        self._on_failure(kwargs)

    async def async_pre_call_hook(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, user_api_key_dict: UserAPIKeyAuth, cache: object, data: dict[str, Any], call_type: str
    ) -> dict[str, Any] | None:
        """Note who asks, and let every parameter through to the route."""
        model = str(data.get("model") or "")
        if model not in self._routes():
            current.set(None)
            return None
        edge = edge_of(data, user_api_key_dict)
        current.set(edge)
        try:
            check_request(data, call_type)
        except GatewayError as error:
            edge.error = error
            raise ClientHTTPException(error) from None
        # Left there, LiteLLM would look for it in a prompt management of its own.
        edge.prompt_id = data.pop("prompt_id", None)
        # A route passes on what it does not know; without this LiteLLM refuses such parameters for our provider.
        data["allowed_openai_params"] = [name for name in data if name not in _NOT_FOR_MODELS]
        # Retries belong to the tiers' own calls: here they would multiply.
        data["num_retries"] = 0
        return data

    async def async_post_call_response_headers_hook(  # pyright: ignore[reportIncompatibleMethodOverride]
        self,
        data: dict[str, Any],
        user_api_key_dict: UserAPIKeyAuth,
        response: object,
        request_headers: dict[str, str] | None = None,
    ) -> dict[str, str] | None:
        """`x-thriftgate-*`: all of them on whole answers; on streams those known when the first chunk goes out."""
        edge = current.get()
        if edge is None:
            return None
        hidden: object = getattr(response, "_hidden_params", None)
        if isinstance(hidden, dict) and not edge.summary:
            # A stream that has not begun: LiteLLM reads these once more when it has the first chunk.
            edge.late_headers = cast("dict[str, Any]", hidden).setdefault("additional_headers", {})
        headers = headers_of(edge.summary or {"request_id": edge.request_id})
        headers["traceparent"] = outgoing_traceparent(edge.request_id, edge.headers.get("traceparent"))
        if "cost" in edge.summary:
            headers["x-litellm-response-cost"] = str(edge.summary["cost"])
        return headers

    async def async_post_call_failure_hook(  # pyright: ignore[reportIncompatibleMethodOverride]
        self,
        request_data: dict[str, Any],
        original_exception: Exception,
        user_api_key_dict: UserAPIKeyAuth,
        traceback_str: str | None = None,
    ) -> HTTPException | None:
        """Our own error instead of what LiteLLM made of it.

        A stream that is being handed out got its error from the iterator hook: an HTTPException would tear it.
        """
        route = self._routes().get(str(request_data.get("model") or ""))
        edge = current.get()
        if edge is None:
            edge = edge_of(request_data, user_api_key_dict)
            edge.error = early_error(request_data, original_exception, is_route=route is not None)
            if route is not None:
                current.set(edge)
        self._note_refusal(edge, route, original_exception)
        if edge.error is None or edge.is_streaming:
            return None
        return ClientHTTPException(edge.error)

    def _note_refusal(self, edge: EdgeRequest, route: str | None, error: Exception) -> None:
        """Record a request to a route that never reached it; the route records all others."""
        if route is not None and not edge.is_recorded:
            edge.is_recorded = True
            record = refusal_of(edge, route, edge.error or error)
            if record is not None:
                self._record(record)

    async def async_post_call_streaming_iterator_hook(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, user_api_key_dict: UserAPIKeyAuth, response: AsyncIterator[Any], request_data: dict[str, Any]
    ) -> AsyncGenerator[Any, None]:
        """The route's own chunks instead of what LiteLLM's stream wrapper made of them; see `provider.py`."""
        edge = current.get()
        if edge is not None:
            edge.is_streaming = True
        try:
            if edge is None or not _is_chat_completion(request_data):
                async for chunk in response:
                    yield _annotated(chunk, edge.summary) if edge is not None else chunk
                return
            outbox = _Outbox(edge, with_usage=_wants_usage(request_data))
            async for _ in response:
                for chunk in outbox.take():
                    yield chunk
            for chunk in outbox.take():
                yield chunk
        except Exception as error:
            if edge is not None and edge.error is not None:
                raise ClientStreamError(edge.error) from error
            raise


class _Outbox:
    """Empties an EdgeRequest's outbox; without `with_usage` the usage chunk's own field moves one chunk ahead."""

    def __init__(self, edge: EdgeRequest, *, with_usage: bool) -> None:
        self._edge = edge
        self._with_usage = with_usage
        self._held: Mapping[str, Any] | None = None

    def take(self) -> list[Any]:
        waiting, self._edge.outbox = self._edge.outbox, []
        return [chunk_of(chunk) for chunk in waiting for chunk in self._ready(chunk)]

    def _ready(self, chunk: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        if self._with_usage:
            return [chunk]
        held, self._held = self._held, None
        if not chunk["choices"]:
            return [{**held, **_FINGERPRINT, "thriftgate": chunk.get("thriftgate")}] if held else []
        if chunk["choices"][0].get("finish_reason"):
            self._held = chunk
            return [held] if held else []
        return [held, chunk] if held else [chunk]


def _is_chat_completion(request_data: Mapping[str, Any]) -> bool:
    return "chat/completions" in str(_sent(request_data).get("url") or "")


def _wants_usage(request_data: Mapping[str, Any]) -> bool:
    # LiteLLM asks for usage on every stream and marks those whose client did not.
    options = cast("Mapping[str, Any]", request_data.get("stream_options") or {})
    return bool(options.get("include_usage")) and not request_data.get("_litellm_strip_stream_usage")


def _annotated(chunk: object, summary: Mapping[str, Any]) -> object:
    """The last event of an Anthropic or Responses stream with the field `thriftgate`; any other as it is."""
    if isinstance(chunk, bytes) and chunk.startswith(_MESSAGE_DELTA):
        event = cast("dict[str, Any]", json.loads(chunk.removeprefix(_MESSAGE_DELTA)))
        return _MESSAGE_DELTA + json.dumps({**event, "thriftgate": dict(summary)}).encode() + b"\n\n"
    if getattr(chunk, "type", None) == "response.completed":
        chunk.response.thriftgate = dict(summary)  # pyright: ignore[reportAttributeAccessIssue]
    return chunk


def _sent(request_data: Mapping[str, Any]) -> Mapping[str, Any]:
    """The request as it came in over HTTP."""
    return cast("Mapping[str, Any]", request_data.get("proxy_server_request") or {})
