"""The log line of a request: what it says, what it never says, and that nothing else is disturbed."""

import io
import json
import logging
from collections.abc import Iterator

import pytest

from thriftgate.config import LogsConfig
from thriftgate.proxy.books.logs import REQUESTS, ROOT, LineHandler, RequestLog, open_logs
from thriftgate.types import Caller, DecisionKind, PromptRef, RequestRecord, Status, Usage

SECRET = "my password is hunter2"
RECORD = RequestRecord(
    request_id="req-1",
    route="support",
    caller=Caller(user_id="ada@example.com", key_alias="app", team_id="acme", key_hash="hash"),
    started_at=1.0,
    duration=0.51234567,
    decision=DecisionKind.ACCEPTED,
    reason="confident",
    tier="small",
    confidence=0.912345,
    usage=Usage(100, 20),
    cost_usd=0.0012,
    baseline_cost_usd=0.004,
    prompt=PromptRef(name="support", variant="control", version="abc"),
    input=({"role": "user", "content": SECRET},),
    output=SECRET,
    metadata={"said": SECRET},
)


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    """Loggers are global: what a test did to them ends with it."""
    ours, requests = logging.getLogger(ROOT), logging.getLogger(REQUESTS)
    before = ours.handlers[:], ours.level, ours.propagate, requests.level
    yield
    ours.handlers[:], ours.level, ours.propagate, requests.level = before


def nobody() -> dict[str, str]:
    return {}


def lines(record: RequestRecord, config: LogsConfig) -> list[str]:
    stream = io.StringIO()
    open_logs(config, nobody, stream)
    RequestLog().submit(record)
    return stream.getvalue().splitlines()


def test_a_request_is_one_line_of_json_with_litellms_field_names() -> None:
    (line,) = lines(RECORD, LogsConfig())
    said = json.loads(line)
    assert {name: said[name] for name in ("message", "level", "component")} == {
        "message": "request", "level": "INFO", "component": "thriftgate.requests",
    }  # fmt: skip
    assert said["timestamp"].endswith("Z")
    expected = {
        "request_id": "req-1", "route": "support", "decision": "accepted", "tier": "small", "status": "ok",
        "duration": 0.5123, "cost_usd": 0.0012, "saved_usd": 0.0028, "confidence": 0.9123, "team_id": "acme",
        "prompt": "support/control",
    }  # fmt: skip
    assert {name: said[name] for name in expected} == expected
    assert "error" not in said


@pytest.mark.parametrize("config", [LogsConfig(), LogsConfig(format="text")])
def test_nothing_that_was_said_and_no_user_is_in_the_line(config: LogsConfig) -> None:
    (line,) = lines(RECORD, config)
    assert "hunter2" not in line
    assert "ada" not in line
    assert '"hash"' not in line


def test_text_is_one_line_whatever_a_name_holds() -> None:
    failed = RequestRecord(
        request_id='r"1\nforged: yes', route="support", started_at=1, duration=1, status=Status.FAILED,
        decision=DecisionKind.FAILED, error="AllTiersFailedError 502",
    )  # fmt: skip
    (line,) = lines(failed, LogsConfig(format="text"))
    assert 'error="AllTiersFailedError 502"' in line
    assert "route=support" in line
    assert len(lines(failed, LogsConfig())) == 1


def test_our_warnings_carry_the_request_they_belong_to_and_no_exceptions_text() -> None:
    stream = io.StringIO()
    open_logs(LogsConfig(), lambda: {"request_id": "req-7"}, stream)
    logger = logging.getLogger("thriftgate.services.somewhere")
    try:
        raise ValueError(SECRET)
    except ValueError:
        logger.warning("the cache is away", exc_info=True)
    logger.info("too quiet to be heard")
    said = json.loads(stream.getvalue())
    assert (said["message"], said["request_id"], said["exception"]) == ("the cache is away", "req-7", "ValueError")
    assert "hunter2" not in stream.getvalue()


def test_loggers_that_are_not_ours_stay_as_they_are() -> None:
    names = ("", "LiteLLM", "LiteLLM Proxy", "uvicorn")
    before = [(logging.getLogger(name).handlers[:], logging.getLogger(name).level) for name in names]
    open_logs(LogsConfig(), nobody, io.StringIO())
    open_logs(LogsConfig(), nobody, io.StringIO())
    assert [(logging.getLogger(name).handlers[:], logging.getLogger(name).level) for name in names] == before
    ours = [one for one in logging.getLogger(ROOT).handlers if isinstance(one, LineHandler)]
    assert len(ours) == 1, "opened twice, it still writes each line once"


def test_a_broken_stream_costs_a_line_and_not_the_request() -> None:
    class Broken(io.StringIO):
        def write(self, s: str, /) -> int:
            raise BrokenPipeError

    handler = open_logs(LogsConfig(), nobody, Broken())
    RequestLog().submit(RECORD)
    assert handler.lost == 1
