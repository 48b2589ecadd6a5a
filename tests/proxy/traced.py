"""A proxy that sends traces to a played Langfuse."""

import shutil
import tempfile
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from pytest_httpserver import HTTPServer
from tests.proxy.conftest import (
    CLIENT_KEY,
    GatewayProcess,
    everywhere,
    free_port,
    gateway_config,
    route,
    start_proxy,
    stop,
    wait_until_alive,
)
from tests.proxy.langfuse_intake import LangfuseIntakeServer
from tests.proxy.upstream import Upstream
from tests.trace_setup import SeenSpan

QUESTION = "How long does it take to return shoes to ada@example.com?"


@dataclass(frozen=True)
class TracedGateway:
    """A proxy that sends traces."""

    process: GatewayProcess
    langfuse: LangfuseIntakeServer
    end: Callable[[], None]
    """Ends the proxy as an operator would; what it left in its folder stays."""
    asked: list[str] = field(default_factory=list[str])
    """The ids of all requests so far that had a valid key."""

    @property
    def upstream(self) -> Upstream:
        return self.process.upstream

    def ask(self, model: str, question: str = QUESTION, *, key: str = CLIENT_KEY, **more: Any) -> httpx.Response:
        headers = more.pop("headers", {})
        body = {"model": model, "messages": [{"role": "user", "content": question}], **more}
        response = self.process.post("/v1/chat/completions", body, key, **headers)
        if response.status_code != 401:
            self.asked.append(response.headers["x-litellm-call-id"])
        return response

    def traced(self, response: httpx.Response) -> list[SeenSpan]:
        return self.langfuse.trace(response.headers["x-thriftgate-request-id"])


@contextmanager
def traced_gateway(
    langfuse_server: HTTPServer,
    *options: str,
    langfuse: LangfuseIntakeServer | None = None,
    routes: Mapping[str, Any] | None = None,
    models: Sequence[str] = (),
    **more: Any,
) -> Generator[TracedGateway]:
    """A running proxy with Langfuse's keys in its environment; `more` stands in our section.

    `routes` and plain `models`, which answer at all three endpoints, stand beside those that every test has; `options`
    are of the command line.
    """
    providers = HTTPServer(threaded=True)
    providers.start()
    upstream, langfuse = Upstream(providers), langfuse or LangfuseIntakeServer()
    config = gateway_config(upstream.base_url)
    section = config["callback_settings"]["thriftgate"]
    section["tracing"] = {
        "environment": "test", "release": "r-1", "forward_traceparent": True, "langfuse": {"flush_interval": "50ms"},
    }  # fmt: skip
    section |= more
    section["routes"]["open"] = {**section["routes"]["support"], "capture_content": True}
    section["routes"] |= routes or {}
    config["model_list"] += [route(name) for name in ("open", *(routes or {}))]
    config["model_list"] += [everywhere(name, upstream.base_url) for name in models]
    folder = Path(tempfile.mkdtemp(prefix="thriftgate-traced-"))
    folder.chmod(0o755)
    port = free_port()
    process = start_proxy(
        folder, config, port, *options, TIMEOUT_WORKER_HEALTHCHECK="300", **langfuse.serve(langfuse_server)
    )
    base_url = f"http://127.0.0.1:{port}"
    try:
        wait_until_alive(process, base_url, folder)
        yield TracedGateway(GatewayProcess(base_url, folder, upstream), langfuse, lambda: stop(process))
    finally:
        stop(process)
        shutil.rmtree(folder, ignore_errors=True)
        providers.clear()
        providers.stop()
