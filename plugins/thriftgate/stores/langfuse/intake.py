"""Where Langfuse takes traces and scores: its OpenTelemetry endpoint, and the ingestion endpoint for scores.

Traces go as OTLP protobuf to `/api/public/otel/v1/traces`; the header `x-langfuse-ingestion-version: 4` makes a
version 4 server show them at once. Scores go as `score-create` events to `/api/public/ingestion`, as Langfuse's own
SDK 4 sends them; a version 4 server takes nothing else there. Both count the same id once.

Failure behaviour: nothing here raises; every end is a `Delivery`. Calls block, up to `timeout` for each step of one,
and are made from a thread of their own. Redirects are not followed: they would carry the keys elsewhere. Of an
answer at most 64 KiB are read.
"""

import json
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, cast

import httpx

from thriftgate.stores.langfuse.client import LangfuseKeys
from thriftgate.tracing.attributes import iso_moment
from thriftgate.tracing.delivery import Away, Delivered, Delivery, Unacceptable
from thriftgate.tracing.model import Score

TRACES = "/api/public/otel/v1/traces"
INGESTION = "/api/public/ingestion"
PROJECTS = "/api/public/projects"
_MOST_READ = 65_536
_AT_FAULT = frozenset({400, 413, 422})
"""The request itself is wrong or too large; any other refusal may pass, as wrong keys do when they are put right."""


class LangfuseIntake:
    """Sends to Langfuse as one project (implements `services.traces.Intake`)."""

    def __init__(self, keys: LangfuseKeys, *, timeout: float = 10.0) -> None:
        self._http = httpx.Client(
            base_url=keys.host,
            auth=httpx.BasicAuth(keys.public_key, keys.secret_key),
            timeout=timeout,
        )

    def spans(self, body: bytes) -> Delivery:
        """Send an OTLP request."""
        headers = {"content-type": "application/x-protobuf", "x-langfuse-ingestion-version": "4"}
        return self._post(TRACES, body, headers)[0]

    def scores(self, scores: Sequence[Score]) -> Delivery:
        """Send judgements; those that Langfuse names as wrong count as refused."""
        # A fresh id for the event: Langfuse stores events by it, and looks for the score only from its timestamp on.
        events = [
            {"id": uuid.uuid4().hex, "type": "score-create", "timestamp": iso_moment(score.at), "body": score.body()}
            for score in scores
        ]
        body = json.dumps({"batch": events}).encode()
        delivery, answer = self._post(INGESTION, body, {"content-type": "application/json"})
        return Delivered(_refused(answer)) if isinstance(delivery, Delivered) else delivery

    def project(self) -> str | Away:
        """The name of the project that the keys belong to, or why it cannot be had."""
        delivery, answer = self._call("GET", PROJECTS)
        if not isinstance(delivery, Delivered):
            return delivery if isinstance(delivery, Away) else Away(delivery.reason)
        projects: object = answer.get("data")
        if isinstance(projects, list) and projects and isinstance(projects[0], Mapping):
            return str(cast("Mapping[str, Any]", projects[0]).get("name") or "")
        return Away("answers with something that is not Langfuse's")

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _post(self, path: str, body: bytes, headers: Mapping[str, str]) -> tuple[Delivery, Mapping[str, Any]]:
        return self._call("POST", path, content=body, headers=dict(headers))

    def _call(self, method: str, path: str, **options: Any) -> tuple[Delivery, Mapping[str, Any]]:
        try:
            with self._http.stream(method, path, **options) as response:
                answer = _read(response)
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            return Away(f"does not answer ({type(error).__name__})"), {}
        return _judged(response, answer)


def _read(response: httpx.Response) -> bytes:
    read = b""
    for part in response.iter_bytes():
        read += part
        if len(read) >= _MOST_READ:
            break
    return read[:_MOST_READ]


def _judged(response: httpx.Response, answer: bytes) -> tuple[Delivery, Mapping[str, Any]]:
    status = response.status_code
    if status in _AT_FAULT:
        return Unacceptable(f"refused with status {status}"), {}
    if not 200 <= status < 300:
        hint = ", its keys are not accepted" if status in (401, 403) else ""
        return Away(f"answers with status {status}{hint}", _retry_after(response)), {}
    if "protobuf" in response.headers.get("content-type", ""):
        return Delivered(), {}
    try:
        parsed: object = json.loads(answer) if answer.strip() else {}
    except ValueError:
        # A login page or a load balancer's greeting: whoever says so has taken nothing.
        return Away("answers with something that is not Langfuse's"), {}
    return Delivered(), cast("Mapping[str, Any]", parsed) if isinstance(parsed, Mapping) else {}


def _refused(answer: Mapping[str, Any]) -> int:
    errors: object = answer.get("errors")
    return len(cast("list[object]", errors)) if isinstance(errors, list) else 0


def _retry_after(response: httpx.Response) -> float | None:
    """Seconds of `Retry-After`, which may also be a date."""
    value = response.headers.get("retry-after", "")
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):
        return None
