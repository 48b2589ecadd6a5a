"""Tokens that a provider does not count: said in the client's dialect, and with whose fault it is."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from tests.proxy.conftest import GatewayProcess
from tests.proxy.faults.conftest import error_of
from werkzeug import Request, Response

pytestmark = pytest.mark.xdist_group("proxy-faults")

PATH = "/v1/messages/count_tokens"
MODELS = ("claudeone", "claude", "support", "opus")
TYPES = {
    400: "invalid_request_error", 404: "not_found_error", 408: "timeout_error", 413: "invalid_request_error",
    422: "invalid_request_error", 429: "rate_limit_error", 502: "api_error", 504: "timeout_error",
    529: "overloaded_error",
}  # fmt: skip


class Counter:
    """Answers whoever wants tokens counted."""

    def __init__(self) -> None:
        self.answer = Response("{}", 200)

    def __call__(self, request: Request) -> Response:
        assert request.get_data()
        return self.answer

    def says(self, status: int, message: str, headers: dict[str, str] | None = None) -> None:
        error = {"type": "error", "error": {"type": "whatever_error", "message": message}, "request_id": "req_1"}
        self.answer = Response(json.dumps(error), status, headers, content_type="application/json")


@pytest.fixture
def counter(gateway: GatewayProcess) -> Iterator[Counter]:
    counter, server = Counter(), gateway.upstream.server
    places = [
        urlsplit(gateway.upstream.base_url).path + end for end in ("/messages/count_tokens", "/responses/input_tokens")
    ]
    for place in places:
        server.expect_request(place, method="POST").respond_with_handler(counter)
    handlers = server.handlers[-len(places) :]
    yield counter
    for handler in handlers:
        server.handlers.remove(handler)


def count(gateway: GatewayProcess, model: str, said: str = "How many?") -> Any:
    return gateway.post(PATH, {"model": model, "messages": [{"role": "user", "content": said}]})


@pytest.mark.parametrize(
    ("status", "expected"),
    [(401, 502), (403, 502), (404, 404), (408, 408), (413, 413), (422, 422), (429, 429), (500, 502), (503, 502),
     (504, 504), (529, 529)],
)  # fmt: skip
@pytest.mark.parametrize("model", MODELS)
def test_a_count_that_fails_says_whose_fault_it_is(
    gateway: GatewayProcess, counter: Counter, model: str, status: int, expected: int
) -> None:
    counter.says(status, "the provider says no to sk-secret-0123456789abcdef", {"retry-after": "7"})
    response = count(gateway, model)
    told = error_of(response)
    assert (response.status_code, told["type"]) == (expected, TYPES[expected])
    assert response.json()["type"] == "error"
    assert "sk-secret-0123456789abcdef" not in response.text
    assert ("the provider says no" in told["message"]) == (status in (413, 422))
    assert response.headers.get("retry-after") == (None if status in (413, 422) else "7")


@pytest.mark.parametrize(("status", "expected"), [(401, 502), (429, 429), (500, 502), (529, 529)])
@pytest.mark.parametrize("model", ["claudeone", "opus"])
def test_whoever_counts_by_geminis_api_reads_the_same_in_its_form(
    gateway: GatewayProcess, counter: Counter, model: str, status: int, expected: int
) -> None:
    counter.says(status, "the provider says no", {"retry-after": "7"})
    body = {"contents": [{"role": "user", "parts": [{"text": "How many?"}]}]}
    response = gateway.post(f"/v1beta/models/{model}:countTokens", body)
    assert (response.status_code, response.json()["error"]["code"]) == (expected, expected)
    assert response.json()["error"]["status"]
    assert response.headers["retry-after"] == "7"


@pytest.mark.parametrize("model", MODELS)
def test_a_request_that_cannot_be_counted_is_the_clients(gateway: GatewayProcess, counter: Counter, model: str) -> None:
    for words in ("messages.0: all content must be non-empty", "prompt is too long: 210000 tokens > 200000 maximum"):
        counter.says(400, words)
        response = count(gateway, model)
        assert (response.status_code, error_of(response)["message"]) == (400, words)
        assert error_of(response)["type"] == "invalid_request_error"


@pytest.mark.parametrize(
    "answer", [Response("<html>502</html>", 502), Response("<html>ok</html>", 200), Response("[1]", 200)]
)
def test_a_counter_that_is_none_is_no_fault_of_the_clients(
    gateway: GatewayProcess, counter: Counter, answer: Response
) -> None:
    counter.answer = answer
    response = count(gateway, "claudeone")
    assert (response.status_code, error_of(response)["type"]) == (502, "api_error")
    assert "html" not in response.text


def test_what_a_counter_says_of_a_request_is_not_in_the_log(gateway: GatewayProcess, counter: Counter) -> None:
    secret = f"xylophone{uuid4().hex}"
    for status in (400, 422, 500):
        counter.says(status, f"cannot read '{secret}'")
        count(gateway, "claudeone", f"my word is {secret}")
    assert secret not in gateway.log


def test_a_count_that_failed_closes_nothing(gateway: GatewayProcess, counter: Counter) -> None:
    counter.says(429, "slower", {"retry-after": "30"})
    assert count(gateway, "claudeone").status_code == 429
    counter.answer = Response('{"input_tokens": 77}', 200, content_type="application/json")
    assert count(gateway, "claudeone").json()["input_tokens"] == 77


ODD: list[dict[str, Any]] = [
        {"model": 5}, {"model": {}}, {"metadata": 5}, {"metadata": "x"}, {"user": []}, {"messages": 5},
        {"messages": [5]},
        {"messages": [{"role": "user", "content": 5}]}, {"system": 5}, {"system": [5]}, {"tools": 5}, {"tools": [5]},
        {"thinking": 5}, {"tool_choice": 5}, {"context_management": 5}, {"output_config": 5}, {"model": None},
        {"messages": [{}]}, {"messages": [{"role": 5, "content": "x"}]}, {"tools": [{"name": 5}]},
    ]  # fmt: skip


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("model", ["claudeone", "one", "opus", "o-large"])
def test_an_odd_request_for_a_count_is_refused_in_words_or_counted(
    gateway: GatewayProcess, counter: Counter, model: str, odd: dict[str, Any]
) -> None:
    counter.answer = Response('{"input_tokens": 77}', 200, content_type="application/json")
    body = {"model": model, "messages": [{"role": "user", "content": "hi"}], **odd}
    response = gateway.post(PATH, body)
    assert response.status_code in (200, 400, 404), response.text
    if response.status_code != 200:
        error_of(response)
