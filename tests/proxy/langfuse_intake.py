"""A Langfuse that takes traces and scores, and remembers them."""

import json
import threading
from dataclasses import dataclass, field
from typing import Any

from pytest_httpserver import HTTPServer
from tests.proxy.waiting import eventually
from tests.trace_setup import SeenSpan, decode
from werkzeug import Request, Response

from thriftgate.tracing import attributes as names
from thriftgate.tracing.identity import span_id_of, trace_id_of


@dataclass
class LangfuseIntakeServer:
    """A Langfuse that takes traces and scores, and remembers them."""

    bodies: list[bytes] = field(default_factory=list[bytes])
    events: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    status: int = 200
    lock: threading.Lock = field(default_factory=threading.Lock)

    def serve(self, server: HTTPServer) -> dict[str, str]:
        """Answer at this server; the environment that leads there."""
        server.expect_request("/api/public/otel/v1/traces").respond_with_handler(self.take_traces)
        server.expect_request("/api/public/ingestion").respond_with_handler(self.take_scores)
        server.expect_request("/api/public/projects").respond_with_json({"data": [{"id": "p-1"}]})
        return {
            "LANGFUSE_HOST": server.url_for("").rstrip("/"),
            "LANGFUSE_BROWSER_URL": "https://langfuse.example.com",
            "LANGFUSE_PUBLIC_KEY": "pk-1",
            "LANGFUSE_SECRET_KEY": "sk-secret",
        }

    def take_traces(self, request: Request) -> Response:
        assert request.headers["content-type"] == "application/x-protobuf"
        assert request.headers["x-langfuse-ingestion-version"] == "4"
        if self.status == 200:
            with self.lock:
                self.bodies.append(request.get_data())
        return Response("{}", self.status, content_type="application/json")

    def take_scores(self, request: Request) -> Response:
        with self.lock:
            self.events += json.loads(request.get_data())["batch"]
        return Response('{"successes": [], "errors": []}', 207, content_type="application/json")

    @property
    def spans(self) -> list[SeenSpan]:
        with self.lock:
            return [span for body in self.bodies for span in decode(body)]

    def roots(self) -> list[SeenSpan]:
        return [span for span in self.spans if span.attributes.get(names.IS_ROOT)]

    def trace(self, request_id: str) -> list[SeenSpan]:
        """The trace of one request, the root first; waits for it."""
        root_id = span_id_of(request_id)
        assert eventually(lambda: any(span.span_id == root_id for span in self.spans)), f"no trace of {request_id}"
        (root,) = [span for span in self.spans if span.span_id == root_id]
        children = [span for span in self.spans if span.trace_id == root.trace_id and span.span_id != root_id]
        return [root, *sorted(children, key=lambda span: span.started_at)]

    def scores(self, request_id: str) -> dict[str, float]:
        trace_id = trace_id_of(request_id)
        with self.lock:
            return {
                event["body"]["name"]: event["body"]["value"]
                for event in self.events
                if event["body"]["traceId"] == trace_id
            }
