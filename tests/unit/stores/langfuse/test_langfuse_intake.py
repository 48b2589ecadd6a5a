"""What Langfuse may answer to a trace or a score, and what we make of it."""

import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from tests.trace_setup import ACCEPTED, SEMANTIC_HIT, decode
from werkzeug import Request, Response

from thriftgate.stores.langfuse.client import LangfuseKeys
from thriftgate.stores.langfuse.intake import INGESTION, PROJECTS, TRACES, LangfuseIntake
from thriftgate.tracing.delivery import Away, Delivered, Unacceptable
from thriftgate.tracing.otlp import encode_spans
from thriftgate.tracing.scores import scores_of
from thriftgate.tracing.spans import trace_spans

BODY = encode_spans(trace_spans(ACCEPTED))
SCORES = scores_of(SEMANTIC_HIT)
LONG_AGO = "Thu, 01 Jan 1970 00:00:00 GMT"


@pytest.fixture
def intake(httpserver: HTTPServer) -> Iterator[LangfuseIntake]:
    made = LangfuseIntake(LangfuseKeys(httpserver.url_for("").rstrip("/"), "pk-1", "sk-secret"), timeout=10)
    yield made
    made.close()


def test_spans_arrive_as_protobuf_with_the_keys_and_the_version(httpserver: HTTPServer, intake: LangfuseIntake) -> None:
    httpserver.expect_request(TRACES, method="POST").respond_with_json({})
    assert intake.spans(BODY) == Delivered()
    request, _ = httpserver.log[0]
    assert (request.authorization.username, request.authorization.password) == ("pk-1", "sk-secret")  # pyright: ignore[reportOptionalMemberAccess]
    assert request.headers["content-type"] == "application/x-protobuf"
    assert request.headers["x-langfuse-ingestion-version"] == "4"
    assert [span.name for span in decode(request.get_data())] == ["support", "prompt", "cascade", "small"]


def test_scores_arrive_as_events(httpserver: HTTPServer, intake: LangfuseIntake) -> None:
    httpserver.expect_request(INGESTION, method="POST").respond_with_json({"successes": [], "errors": []}, status=207)
    assert intake.scores(SCORES) == Delivered()
    events = json.loads(httpserver.log[0][0].get_data())["batch"]
    assert [(event["type"], event["body"]) for event in events] == [("score-create", score.body()) for score in SCORES]
    assert {event["timestamp"] for event in events} == {"2023-11-14T22:13:20.000000Z"}


def test_a_score_sent_again_is_another_event_with_the_same_score_and_time(
    httpserver: HTTPServer, intake: LangfuseIntake
) -> None:
    httpserver.expect_request(INGESTION).respond_with_json({"successes": [], "errors": []}, status=207)
    intake.scores(SCORES)
    intake.scores(SCORES)
    first, again = (json.loads(request.get_data())["batch"] for request, _ in httpserver.log)
    assert not {event["id"] for event in first} & {event["id"] for event in again}
    for one, other in zip(first, again, strict=True):
        assert (one["body"], one["timestamp"]) == (other["body"], other["timestamp"])


def test_scores_that_langfuse_does_not_want_are_counted(httpserver: HTTPServer, intake: LangfuseIntake) -> None:
    answer = {"successes": [{"id": "a", "status": 201}], "errors": [{"id": "b", "status": 400, "message": "no"}]}
    httpserver.expect_request(INGESTION).respond_with_json(answer, status=207)
    assert intake.scores(SCORES) == Delivered(refused=1)


@pytest.mark.parametrize(
    ("response", "delivery"),
    [
        (Response("", 200), Delivered()),
        (Response(b"", 200, content_type="application/x-protobuf"), Delivered()),
        (Response("[]", 200), Delivered()),
        (Response("<html>log in", 200), Away("answers with something that is not Langfuse's")),
        (Response("x" * 10_000_000, 200), Away("answers with something that is not Langfuse's")),
        (Response("{}", 302, headers={"location": "http://127.0.0.1:1/"}), Away("answers with status 302")),
        (Response("{}", 400), Unacceptable("refused with status 400")),
        (Response("{}", 413), Unacceptable("refused with status 413")),
        (Response("{}", 401), Away("answers with status 401, its keys are not accepted")),
        (Response("{}", 404), Away("answers with status 404")),
        (Response("{}", 429, headers={"retry-after": "7"}), Away("answers with status 429", 7.0)),
        (Response("{}", 429, headers={"retry-after": LONG_AGO}), Away("answers with status 429", 0)),
        (Response("{}", 429, headers={"retry-after": "soon"}), Away("answers with status 429")),
        (Response("<html>bad gateway", 502), Away("answers with status 502")),
    ],
)  # fmt: skip
def test_every_answer_has_its_meaning(
    httpserver: HTTPServer, intake: LangfuseIntake, response: Response, delivery: Any
) -> None:
    httpserver.expect_request(TRACES).respond_with_response(response)
    assert intake.spans(BODY) == delivery


def test_nobody_there_and_a_host_that_is_none_are_away() -> None:
    for host in ("http://127.0.0.1:1", "http://", "nonsense", "http://a b"):
        intake = LangfuseIntake(LangfuseKeys(host, "pk-1", "sk-secret"))
        assert isinstance(intake.spans(BODY), Away)
        intake.close()


def test_a_server_that_hangs_is_away_after_the_timeout(httpserver: HTTPServer) -> None:
    release = threading.Event()

    def hang(_: Request) -> Response:
        release.wait(30)
        return Response("{}")

    httpserver.expect_request(TRACES).respond_with_handler(hang)
    intake = LangfuseIntake(LangfuseKeys(httpserver.url_for("").rstrip("/"), "pk-1", "sk-secret"), timeout=0.1)
    try:
        assert intake.spans(BODY) == Away("does not answer (ReadTimeout)")
    finally:
        release.set()
        intake.close()


@pytest.mark.parametrize(
    ("status", "answer", "found"),
    [
        (200, {"data": [{"id": "p", "name": "desk"}]}, "desk"),
        (200, {"data": []}, Away("answers with something that is not Langfuse's")),
        (401, {}, Away("answers with status 401, its keys are not accepted")),
        (400, {}, Away("refused with status 400")),
    ],
)
def test_the_project_of_the_keys(
    httpserver: HTTPServer, intake: LangfuseIntake, status: int, answer: Any, found: Any
) -> None:
    httpserver.expect_request(PROJECTS).respond_with_json(answer, status=status)
    assert intake.project() == found
