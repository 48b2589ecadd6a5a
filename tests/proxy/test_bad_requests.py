"""What a client gets for a request that cannot be served: OpenAI's error shape, the right status, no secrets."""

import json
from typing import Any, cast

import httpx
import pytest
from tests.proxy.conftest import CLIENT_KEY, GatewayProcess
from tests.proxy.upstream import fails, garbage, says, slow

pytestmark = pytest.mark.xdist_group("proxy")

USER = {"role": "user", "content": "My secret word is xylophone-42"}


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": "hello"}, "messages"),
        ({"messages": ["hello"]}, "messages[0]"),
        ({"messages": [{"role": "wizard", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": cast("list[Any]", [[]]), "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": {"text": "x"}}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": [{"text": "x"}]}]}, "messages[0].content"),
        ({"messages": [USER], "n": 0}, "n"),
        ({"messages": [USER], "n": "many"}, "n"),
        ({"messages": [USER], "tools": {}}, "tools"),
        ({"messages": [USER], "tools": [1]}, "tools"),
        ({"messages": [USER], "tool_choice": 5}, "tool_choice"),
        ({"messages": [USER], "temperature": "hot"}, "temperature"),
        ({"messages": [USER], "stream": "yes"}, "stream"),
        ({"messages": [USER], "stop": 5}, "stop"),
        ({"messages": [USER], "seed": 2**70}, "seed"),
        ({"messages": [USER], "response_format": "json"}, "response_format"),
        ({"messages": [USER], "logit_bias": [1]}, "logit_bias"),
        ({"messages": [USER], "prompt_variables": "x"}, "prompt_variables"),
        ({"messages": [USER], "prompt_id": 5}, "prompt_id"),
        ({"messages": [USER], "prompt_id": []}, "prompt_id"),
    ],
)
def test_a_malformed_request_is_a_400_that_names_the_parameter(
    gateway: GatewayProcess, body: dict[str, Any], param: str
) -> None:
    response = gateway.post("/v1/chat/completions", {"model": "support", **body})
    error = response.json()["error"]
    assert response.status_code == 400
    assert error["type"] == "invalid_request_error"
    assert error["param"] == param
    assert "Traceback" not in error["message"]
    assert "xylophone" not in response.text


@pytest.mark.parametrize(
    ("value", "param"), [("NaN", "temperature"), ("-Infinity", "temperature"), ('"\\ud800", "x": NaN', "user")]
)
def test_what_only_pythons_json_takes_is_refused_and_cools_nobody_down(
    gateway: GatewayProcess, value: str, param: str
) -> None:
    gateway.upstream.on("small", says("Yes."))
    body = f'{{"model": "support", "messages": [{json.dumps(USER)}], "{param}": {value}}}'
    headers = {"Authorization": f"Bearer {CLIENT_KEY}", "Content-Type": "application/json"}
    refused = httpx.post(
        f"{gateway.base_url}/v1/chat/completions", content=body, headers=headers, timeout=60, verify=False
    )
    assert refused.status_code == 400
    assert gateway.upstream.asked("small") == []
    assert gateway.post("/v1/chat/completions", {"model": "support", "messages": [USER]}).status_code == 200


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/messages", {"max_tokens": 5, "messages": "x"}),
        ("/v1/messages", {"max_tokens": 5, "messages": []}),
        ("/v1/messages", {"max_tokens": 5, "messages": [{"role": "user", "content": 5}]}),
        ("/v1/messages", {"max_tokens": 5, "messages": [{"content": "x"}]}),
        ("/v1/messages", {"max_tokens": "many", "messages": [USER]}),
        ("/v1/messages", {"max_tokens": 5, "messages": [USER], "system": 7}),
        ("/v1/responses", {"input": 5}),
        ("/v1/responses", {"input": [1]}),
        ("/v1/responses", {"input": "x", "instructions": 5}),
        ("/v1/responses", {"input": "x", "tools": "y"}),
    ],
)
def test_the_other_endpoints_refuse_malformed_requests_in_their_own_shape(
    gateway: GatewayProcess, path: str, body: dict[str, Any]
) -> None:
    response = gateway.post(path, {"model": "support", **body})
    assert response.status_code == 400
    assert response.json()["error"]["type"] == "invalid_request_error"
    assert "Traceback" not in response.text
    assert "xylophone" not in response.text


def test_a_stranger_is_a_stranger_whatever_the_request_looks_like(gateway: GatewayProcess) -> None:
    body = {"model": "support", "messages": [USER], "prompt_id": 5}
    assert gateway.post("/v1/chat/completions", body, key="sk-nobody").status_code == 401
    assert gateway.post("/v1/chat/completions", body).status_code == 400


def test_an_unknown_model_is_refused_by_litellm(gateway: GatewayProcess) -> None:
    response = gateway.post("/v1/chat/completions", {"model": "nonsense", "messages": [USER]})
    assert response.status_code in (400, 404)


@pytest.mark.parametrize("stream", [False, True])
def test_when_every_tier_fails_the_client_gets_a_502_with_each_cause_and_no_secret(
    gateway: GatewayProcess, stream: bool
) -> None:
    leak = "key sk-upstream-secret was refused for xylophone-42"
    gateway.upstream.on("fragile-small", fails(500, leak))
    gateway.upstream.on("fragile-large", fails(503, leak))
    response = gateway.post("/v1/chat/completions", {"model": "fragile", "messages": [USER], "stream": stream})
    error = response.json()["error"]
    assert response.status_code == 502
    assert error["type"] == "upstream_error"
    assert "fragile-small: " in error["message"]
    assert "fragile-large: " in error["message"]
    assert "sk-upstream" not in response.text
    assert "xylophone" not in response.text


def test_a_request_that_every_provider_rejects_is_the_clients_400(gateway: GatewayProcess) -> None:
    gateway.upstream.on("tool-small", fails(400, "not with this model"))
    gateway.upstream.on("tool-large", fails(400, "'temperature' must be at most 2"))
    response = gateway.post("/v1/chat/completions", {"model": "tools", "messages": [USER], "temperature": 3})
    assert response.status_code == 400
    assert "'temperature' must be at most 2" in response.json()["error"]["message"]
    # The cheap one once more without the log-probabilities that only we had asked for.
    assert ["logprobs" in body for body in gateway.upstream.asked("tool-small")] == [True, False]
    assert len(gateway.upstream.asked("tool-large")) == 1


def test_garbage_from_a_provider_is_a_failed_tier(gateway: GatewayProcess) -> None:
    gateway.upstream.on("lost-large", garbage())
    response = gateway.post("/v1/chat/completions", {"model": "lost", "messages": [USER]})
    assert response.status_code == 502
    assert "load balancer" not in response.text


def test_a_tier_that_is_too_slow_is_escalated_past(gateway: GatewayProcess) -> None:
    gateway.upstream.on("impatient-small", slow(3, says("Too late.")))
    gateway.upstream.on("impatient-large", says("In time."))
    response = gateway.post("/v1/chat/completions", {"model": "impatient", "messages": [USER]})
    assert response.json()["choices"][0]["message"]["content"] == "In time."
    assert response.headers["x-thriftgate-decision"] == "escalated"


def test_nothing_that_a_user_said_is_in_the_log(gateway: GatewayProcess) -> None:
    gateway.upstream.on("small", says("I will remember xylophone-42."))
    gateway.upstream.on("fragile-small", fails(500, "no"))
    gateway.upstream.on("fragile-large", fails(500, "no"))
    gateway.post("/v1/chat/completions", {"model": "support", "messages": [USER]})
    gateway.post("/v1/chat/completions", {"model": "fragile", "messages": [USER]})
    gateway.post("/v1/chat/completions", {"model": "support", "messages": [USER, "broken"]})
    assert "xylophone" not in gateway.log


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages", "/v1/responses"])
def test_a_failure_tells_which_request_it_was_and_what_it_cost_at_every_endpoint(
    gateway: GatewayProcess, path: str, stream: bool
) -> None:
    for model in ("fragile-small", "fragile-large"):
        gateway.upstream.on(model, fails(500))
    said = [{"role": "user", "content": "Hello"}]
    body = {"model": "fragile", "stream": stream, **({"input": said} if "responses" in path else {"messages": said})}
    told = gateway.post(path, {**body, "max_tokens": 9} if "messages" in path else body).headers
    assert told["x-thriftgate-decision"] == "failed"
    assert float(told["x-thriftgate-cost"]) == 0
    assert len(told.get_list("x-thriftgate-request-id")) == 1
    refused = gateway.post(path, {**body, "temperature": "hot", "max_tokens": 9}).headers
    assert len(refused.get_list("x-thriftgate-request-id")) == 1
    assert refused["x-thriftgate-request-id"] != told["x-thriftgate-request-id"]
