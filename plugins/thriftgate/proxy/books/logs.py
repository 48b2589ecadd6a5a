"""One log line for each request to a route, and our warnings in the same format, with the request's id.

The lines have loggers and a handler of their own: LiteLLM's logging, its `json_logs` too, stays as it is. As JSON the
fields are named as LiteLLM names them (`timestamp`, `level`, `message`, `component`), so that one rule of a log
collector reads both.

Failure behaviour: a line that cannot be written is lost and counted in `LineHandler.lost`; nothing is raised into a
request. No line holds what was said: a record's fixed words, numbers and ids only.
"""

import json
import logging
import sys
from collections.abc import Callable, Mapping
from typing import Any, TextIO

from thriftgate.config.sections.observability import LogsConfig
from thriftgate.types import RequestRecord
from thriftgate.wording import machine_moment

ROOT = "thriftgate"
REQUESTS = "thriftgate.requests"
_FIELDS = "thriftgate_fields"


def request_fields(record: RequestRecord) -> dict[str, Any]:
    """What a request's line says; durations in seconds, money in US dollars. What is not known is left out."""
    fields: dict[str, Any] = {
        "request_id": record.request_id,
        "route": record.route,
        "status": record.status.value,
        "decision": record.decision.value,
        "reason": record.reason,
        "tier": record.tier,
        "duration": round(record.duration, 4),
        "time_to_first_token": None if record.time_to_first_token is None else round(record.time_to_first_token, 4),
        "stream": record.stream,
        "prompt_tokens": record.usage.prompt_tokens,
        "completion_tokens": record.usage.completion_tokens,
        "cost_usd": round(record.cost_usd, 8),
        "saved_usd": round(record.saved_usd, 8),
        "confidence": None if record.confidence is None else round(record.confidence, 4),
        "similarity": None if record.similarity is None else round(record.similarity, 4),
        "calls": len(record.calls),
        "coalesced": record.coalesced or None,
        "prompt": f"{record.prompt.name}/{record.prompt.variant}" if record.prompt else None,
        "error": record.error,
        "key_alias": record.caller.key_alias,
        "team_id": record.caller.team_id,
        "traceparent": record.traceparent,
    }
    return {name: value for name, value in fields.items() if value is not None}


class RequestLog:
    """Writes the line of each request; a sink of `services.recording.Recorders`."""

    def __init__(self) -> None:
        self._logger = logging.getLogger(REQUESTS)

    def submit(self, record: RequestRecord) -> None:
        """Write the line of a request that has ended."""
        self._logger.info("request", extra={_FIELDS: request_fields(record)})


class LineFormatter(logging.Formatter):
    """One line for each record, as JSON or for eyes."""

    def __init__(self, *, as_json: bool, request: Callable[[], Mapping[str, Any]]) -> None:
        super().__init__()
        self._as_json = as_json
        self._request = request

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        fields: Mapping[str, Any] = getattr(record, _FIELDS, None) or self._request()
        at = machine_moment(record.created, "milliseconds")
        if self._as_json:
            head = {
                "message": record.getMessage(),
                "level": record.levelname,
                "timestamp": at,
                "component": record.name,
            }
            if record.exc_info and record.exc_info[0] is not None:
                # Its class alone: an exception's text may hold what somebody said.
                head["exception"] = record.exc_info[0].__name__
            return json.dumps({**head, **fields}, ensure_ascii=True, default=str)
        words = " ".join(f"{name}={_word(value)}" for name, value in fields.items())
        return f"{at} {record.levelname} {record.name}: {_one_line(record.getMessage())} {words}".rstrip()


class LineHandler(logging.StreamHandler[TextIO]):
    """Writes to a stream, and goes on without it."""

    lost = 0
    """Lines that could not be written."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  logging's name
        """Count it: the default writes a traceback to a stream that may be the broken one."""
        self.lost += 1


def open_logs(
    config: LogsConfig, request: Callable[[], Mapping[str, Any]], stream: TextIO | None = None
) -> LineHandler:
    """Send our loggers' records to standard output, in the operator's format; again replaces the handler.

    `request` names the request that is being served, for lines that are written meanwhile.
    """
    handler = LineHandler(stream or sys.stdout)
    handler.setFormatter(LineFormatter(as_json=config.format == "json", request=request))
    root = logging.getLogger(ROOT)
    for old in [one for one in root.handlers if isinstance(one, LineHandler)]:
        root.removeHandler(old)
    root.addHandler(handler)
    # LiteLLM may give the root logger a handler (json_logs): a line must not come twice.
    root.propagate = False
    if root.level == logging.NOTSET:
        root.setLevel(logging.WARNING)
    logging.getLogger(REQUESTS).setLevel(logging.INFO)
    return handler


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _word(value: object) -> str:
    text = str(value)
    return text if text and text.isprintable() and not any(mark in text for mark in ' "=') else json.dumps(text)
