"""Nothing that one caller sends keeps a model, a route or the gateway from another."""

import json
from typing import Any
from uuid import uuid4

import pytest
from pytest_httpserver import HTTPServer
from tests.proxy.asked import Asked
from tests.proxy.conftest import GatewayProcess
from tests.proxy.faults.conftest import GPT, HAIKU, MINI, OPUS, PATHS, ask, error_of, fetched_paths, raw_post, text_of
from tests.proxy.upstream import Reply, fails, says
from tests.proxy.waiting import eventually
from werkzeug import Response

pytestmark = pytest.mark.xdist_group("proxy-faults")

DIALECTS = ("chat", "messages", "responses")


def everybody_says(gateway: GatewayProcess, text: str = "All is well.") -> None:
    for model in (HAIKU, OPUS, MINI, GPT, "o-small", "o-large", "my-llama", "broken-backup"):
        gateway.upstream.on(model, says(text))


# K1: an address in a client's request that nobody answers at


@pytest.mark.parametrize(
    "content",
    [
        [{"type": "text", "text": "what?"}, {"type": "image_url", "image_url": {"url": "http://nope.invalid/a.png"}}],
        [{"type": "text", "text": "what?"}, {"type": "image_url", "image_url": {"url": "http://127.0.0.1:9/a.png"}}],
        [{"type": "text", "text": "what?"}, {"type": "file", "file": {"file_id": "http://nope.invalid/a.pdf"}}],
        [{"type": "text", "text": "what?"}, {"type": "image_url", "image_url": {"url": "data:image/png;base64,@@"}}],
        [{"type": "text", "text": "what?"}, {"type": "image_url", "image_url": {"url": "file:///etc/passwd"}}],
    ],
    ids=["no such host", "nobody listens", "file", "no base64", "local file"],
)
@pytest.mark.parametrize("model", ["support", "claudeone", "large"])
def test_an_attachment_that_cannot_be_had_closes_nothing_to_others(
    gateway: GatewayProcess, model: str, content: list[Any]
) -> None:
    everybody_says(gateway)
    refused = ask(gateway, "chat", model, content)
    assert refused.status_code < 500
    if refused.status_code != 200:
        error_of(refused)
    assert text_of(ask(gateway, "chat", model)) == "All is well."
    assert text_of(ask(gateway, "messages", model)) == "All is well."


# K2: schemas of clients


def schema_format(schema: Any) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "properties": {"a": {"$ref": "{server}/ssrf/x.json"}}},
        {"$schema": "{server}/ssrf/meta.json", "type": "object"},
        {"$id": "{server}/ssrf/", "$ref": "x.json"},
        {"$dynamicRef": "{server}/ssrf/x.json#a"},
        {"type": "object", "properties": {"a": {"$ref": "file:///etc/hostname"}}},
        {"type": "object", "properties": {"a": {"type": "integer", "$ref": "#/nowhere"}}},
    ],
    ids=["ref", "meta schema", "relative to id", "dynamic", "file", "nowhere"],
)
@pytest.mark.parametrize("model", ["plainroute", "cached", "one"])
def test_a_schema_of_a_client_is_never_fetched(
    gateway: GatewayProcess, provider_server: HTTPServer, model: str, schema: Any
) -> None:
    fetched = fetched_paths(provider_server, ["/ssrf/x.json", "/ssrf/meta.json"])
    everybody_says(gateway, '{"a": 1}')
    schema = json.loads(json.dumps(schema).replace("{server}", provider_server.url_for("").rstrip("/")))
    wanted = [
        ask(gateway, "chat", model, "x", response_format=schema_format(schema)),
        ask(gateway, "chat", model, "x", tools=[{"type": "function", "function": {"name": "f", "parameters": schema}}]),
        ask(gateway, "responses", model, "x", text={"format": {"type": "json_schema", "name": "x", "schema": schema}}),
        ask(gateway, "messages", model, "x", tools=[{"name": "f", "input_schema": schema}]),
    ]
    assert [response.status_code < 500 for response in wanted] == [True] * 4
    assert fetched == []


@pytest.mark.parametrize(
    "pattern", ["(a+)+$", "(a|a)*b", "^(([a-z])+.)+[A-Z]([a-z])+$", "(?=a)b", "(a{1,1000}){1,1000}"]
)
def test_a_pattern_of_a_client_takes_no_time(gateway: GatewayProcess, pattern: str) -> None:
    everybody_says(gateway, json.dumps({"a": "a" * 5000 + "!"}))
    schema = {"type": "object", "properties": {"a": {"type": "string", "pattern": pattern}}}
    response = ask(gateway, "chat", "plainroute", "x", response_format=schema_format(schema))
    assert response.status_code < 500


# K3, K19: size and depth (the time is measured by `scripts/fuzz_bodies.py`)


def nested(depth: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(depth):
        schema = {"type": "object", "properties": {"a": schema}}
    return schema


def with_depth(dialect: str, schema: dict[str, Any]) -> dict[str, Any]:
    if dialect == "chat":
        return {"tools": [{"type": "function", "function": {"name": "f", "parameters": schema}}]}
    if dialect == "messages":
        return {"tools": [{"name": "f", "input_schema": schema}]}
    return {"tools": [{"type": "function", "name": "f", "parameters": schema}]}


@pytest.mark.parametrize("depth", [75, 300, 2000])
@pytest.mark.parametrize("model", ["cached", "o-large"])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_request_that_is_nested_too_deeply_is_a_400_in_words(
    gateway: GatewayProcess, dialect: str, model: str, depth: int
) -> None:
    everybody_says(gateway)
    content = json.dumps(
        {"model": model, "messages": [{"role": "user", "content": "x"}], "input": "x", "max_tokens": 5}
    )
    tools = "[" * depth + "]" * depth
    response = raw_post(gateway, PATHS[dialect], (content[:-1] + f', "tools": {tools}}}').encode())
    assert response.status_code == 400
    assert "deeper than 64 levels" in error_of(response)["message"]
    assert ("type" in response.json()) == (dialect == "messages")


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("model", ["cached", "plainroute", "one", "o-large"])
def test_a_deep_schema_within_the_bound_is_served(gateway: GatewayProcess, model: str, dialect: str) -> None:
    everybody_says(gateway)
    response = ask(gateway, dialect, model, "x", **with_depth(dialect, nested(25)))
    assert response.status_code == 200, response.text


@pytest.mark.parametrize(
    "content", [b"[1]", b'["x"]', b"5", b'"x"', b"null", b"true", b"[", b"{", b"\xff\xfe{}", b"{}}"]
)
@pytest.mark.parametrize("path", [*PATHS.values(), "/v1/embeddings", "/v1/messages/count_tokens"])
def test_a_body_that_is_no_object_is_a_400(gateway: GatewayProcess, path: str, content: bytes) -> None:
    response = raw_post(gateway, path, content)
    assert response.status_code in (400, 422)
    assert "Traceback" not in response.text


@pytest.mark.parametrize("path", PATHS.values())
def test_a_body_of_too_many_values_is_a_400(gateway: GatewayProcess, path: str) -> None:
    content = b'{"model": "cached", "messages": [], "input": [' + b"0," * 200_000 + b"0]}"
    response = raw_post(gateway, path, content)
    assert response.status_code == 400
    assert "more than 100000 values" in error_of(response)["message"]


# N1, N2: the breaker


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_dead_primary_and_a_bad_request_close_the_route_to_nobody(gateway: GatewayProcess, dialect: str) -> None:
    gateway.upstream.on("broken-backup", chokes("BAD", fails(400, "I do not take this"), says("Fine.")))
    assert text_of(ask(gateway, dialect, "broken", "good")) == "Fine."
    assert ask(gateway, dialect, "broken", "BAD").status_code == 400
    assert text_of(ask(gateway, dialect, "broken", "good")) == "Fine."


@pytest.mark.parametrize("status", [401, 404, 408, 429, 500, 503])
@pytest.mark.parametrize("model", ["one", "claudeone", "support", "large"])
def test_what_one_request_makes_fail_is_there_for_the_next(gateway: GatewayProcess, model: str, status: int) -> None:
    for provider in ("o-large", HAIKU, OPUS, MINI, GPT):
        gateway.upstream.on(provider, chokes("poison", fails(status), says("Fine.")))
    for _ in range(2):
        assert ask(gateway, "chat", model, "poison").status_code >= 400
    # Within the second after which a closed group is tried again.
    assert eventually(lambda: ask(gateway, "chat", model).status_code == 200, 3)


@pytest.mark.parametrize("model", ["one", "o-large"])
@pytest.mark.parametrize("dialect", PATHS)
def test_a_key_that_fails_all_the_time_keeps_no_other_out(gateway: GatewayProcess, dialect: str, model: str) -> None:
    """Each try of the closed group was taken by whoever had closed it: another key was served 0 of 16 times."""
    gateway.upstream.on("o-large", chokes("poison", fails(401), says("Fine.")))
    key, said = f"sk-{uuid4().hex}-acme-carol", {"role": "user", "content": "hi"}
    body: dict[str, Any] = {"input": "hi"} if dialect == "responses" else {"messages": [said], "max_tokens": 20}
    body["model"] = model
    served: list[int] = []
    for _ in range(3):
        for _ in range(2):
            assert ask(gateway, dialect, model, "poison").status_code >= 400
        served.append(gateway.post(PATHS[dialect], body, key).status_code)
    assert served == [200] * 3


def chokes(word: str, how: Reply, otherwise: Reply) -> Reply:
    """Fails in this way whenever the word is said."""

    def reply(body: Asked) -> Response:
        return (how if word in json.dumps(body.prompt) else otherwise)(body)

    return reply


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("dialect", PATHS)
def test_the_next_tier_answers_at_once_where_a_provider_asks_for_a_pause(
    gateway: GatewayProcess, dialect: str, stream: bool
) -> None:
    """LiteLLM would sleep for it, twice, while the caller waits."""
    gateway.upstream.on("any-openai", fails(429, "slower", {"retry-after": "20"}))
    gateway.upstream.on("o-large", says("From the strong one."))
    response = ask(gateway, dialect, "any-openai-first", f"Pause {dialect} {stream}", stream=stream)
    assert response.status_code == 200, response.text
    assert response.elapsed.total_seconds() < 15
