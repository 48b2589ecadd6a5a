"""Every documented field of the three endpoints with values of a wrong type: refused by name, or sent as it stands.

Each model gets another wrong value of each field; `THRIFTGATE_FUZZ_FIELDS=1` sends all of them to all.
"""

import json
import os
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from tests.proxy.conftest import CLIENT_KEY, GatewayProcess
from tests.proxy.faults.conftest import HAIKU, OPUS, PATHS, ask, at_once, error_of, text_of
from tests.proxy.faults.test_stream_money import charged
from tests.proxy.upstream import says
from tests.proxy.waiting import eventually

pytestmark = pytest.mark.xdist_group("proxy-faults")

FIELDS = {
    "chat": "messages audio frequency_penalty function_call functions logit_bias logprobs max_completion_tokens "
    "max_tokens metadata modalities n parallel_tool_calls prediction presence_penalty prompt_cache_key "
    "reasoning_effort response_format seed service_tier stop store stream stream_options temperature tool_choice "
    "tools top_logprobs top_p user verbosity web_search_options thinking timeout tags extra_body extra_headers",
    "messages": "messages max_tokens container context_management mcp_servers metadata output_config service_tier "
    "stop_sequences stream system temperature thinking tool_choice tools top_k top_p timeout tags cache_control "
    "litellm_metadata extra_headers",
    "responses": "input background context_management conversation include instructions max_output_tokens "
    "max_tool_calls metadata parallel_tool_calls prompt reasoning service_tier store stream "
    "stream_options temperature text tool_choice tools top_p truncation user timeout tags litellm_metadata "
    "extra_headers extra_body",
}
LITELLMS = "prompt_id prompt_variables model_group_retry_policy start_time original_function"
"""Fields that LiteLLM reads, or takes for itself, before any hook."""
WRONG: tuple[Any, ...] = (5, "x", [{"a": 1}], {"type": {"a": [1]}})
PYTHONS = ("Traceback", "object has no", "validation error", "site-packages", "unhashable", "<class")


MODELS = ("opus", "claudeone", "o-large", "one")


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("dialect", FIELDS)
def test_a_field_of_a_wrong_type_is_refused_in_words_or_served(
    gateway: GatewayProcess, dialect: str, model: str
) -> None:
    for name in (HAIKU, OPUS, "o-large"):
        gateway.upstream.on(name, says("Fine."))
    start = MODELS.index(model)
    cases = [
        (name, value)
        for place, name in enumerate(f"{FIELDS[dialect]} {LITELLMS}".split())
        for at, value in enumerate(WRONG)
        if "THRIFTGATE_FUZZ_FIELDS" in os.environ or at == (place + start) % len(WRONG)
    ]
    calls = [partial(ask, gateway, dialect, model, **{name: value}) for name, value in cases]
    for case, response in zip(cases, at_once(*calls), strict=True):
        assert response.status_code in (200, 400), (case, response.status_code, response.text[:500])
        if response.status_code == 400:
            assert not any(word in response.text for word in PYTHONS), (case, response.text[:500])
    assert text_of(ask(gateway, dialect, model)) == "Fine."  # none of it closed anything


TRIPPED: list[tuple[str, str, str, Any]] = [
    ("chat", "one", "extra_body", "x"), ("chat", "claudeone", "extra_headers", 5), ("chat", "opus", "tags", [{}]),
    ("chat", "claudeone", "tags", [{}]), ("messages", "opus", "context_management", ["x"]),
    ("messages", "claudeone", "context_management", ["x"]), ("chat", "opus", "extra_headers", [1]),
    ("chat", "o-large", "prompt_id", 2**80), ("responses", "opus", "prompt_id", True),
    ("chat", "one", "prompt_id", 1.5),
    ("messages", "opus", "start_time", "x"), ("chat", "one", "start_time", 1), ("responses", "one", "start_time", {}),
    ("chat", "opus", "original_function", "x"), ("messages", "claudeone", "original_function", [1]),
    ("chat", "one", "deployment_id", "x"), ("chat", "o-large", "azure", True), ("chat", "opus", "request_timeout", "x"),
    ("chat", "claudeone", "provider_specific_header", "x"), ("messages", "one", "request_timeout", "x"),
    ("messages", "opus", "model_group_retry_policy", True), ("responses", "one", "model_group_retry_policy", 1.5),
]  # fmt: skip


@pytest.mark.parametrize(("dialect", "model", "name", "value"), TRIPPED)
def test_what_litellm_trips_over_is_the_requests_fault_and_is_named(
    gateway: GatewayProcess, dialect: str, model: str, name: str, value: Any
) -> None:
    gateway.upstream.on(OPUS, says("Fine."))
    response = ask(gateway, dialect, model, **{name: value})
    assert response.status_code == 400, response.text
    assert f"'{name}'" in response.json()["error"]["message"]
    assert gateway.upstream.asked(OPUS) == []


@pytest.mark.parametrize("model", ["cached,plainroute", "o-large, one", "chatbot,o-large"])
def test_a_route_in_a_list_of_models_is_refused_in_words(gateway: GatewayProcess, model: str) -> None:
    """LiteLLM asks them all at once, and gave its own errors as an answer."""
    for more in ({}, {"fastest_response": True}):
        response = ask(gateway, "chat", model, **more)
        assert response.status_code == 400, response.text
        assert "not in a list of models" in response.json()["error"]["message"]


@pytest.mark.parametrize("model", ["o-large", "one"])
def test_a_timeout_may_be_the_text_of_a_number(gateway: GatewayProcess, model: str) -> None:
    gateway.upstream.on("o-large", says("Fine."))
    assert text_of(ask(gateway, "chat", model, timeout="30")) == "Fine."
    for value in ("nan", "inf", "soon", "1e999", "", "-1", -0.5):
        assert ask(gateway, "chat", model, timeout=value).status_code == 400


EVERYWHERE = (
    "/v1/chat/completions", "/v1/messages", "/v1/messages/count_tokens", "/v1/responses", "/v1/embeddings",
    "/v1/completions", "/v1/rerank",
)  # fmt: skip
REFUSED_BY: tuple[tuple[str, str], ...] = ((CLIENT_KEY, "nonsense"), ("sk-nobody", "one"), (CLIENT_KEY, "one"))
"""A model that nobody knows, a caller whom nobody knows, and neither."""


@pytest.mark.parametrize("path", EVERYWHERE)
@pytest.mark.parametrize(("key", "model"), REFUSED_BY)
def test_a_refusal_is_one_whatever_stands_beside(gateway: GatewayProcess, path: str, key: str, model: str) -> None:
    """LiteLLM's log of a refused request once failed in the refusal's place, on a number for `metadata`."""
    gateway.upstream.on("o-large", says("Fine."))
    base: dict[str, Any] = {"model": model, "messages": [{"role": "user", "content": "hi"}], "input": "hi"}
    names = ("metadata", "litellm_metadata", "user", "model", "litellm_call_id", "litellm_logging_obj",
             "proxy_server_request", "secret_fields", "litellm_params", "standard_logging_object", "tags")  # fmt: skip
    values: tuple[Any, ...] = (None, 5, "x", [{"a": 1}], {"a": {"b": [1]}})
    bodies = [
        {**base, name: value}
        for place, name in enumerate(names)
        for at, value in enumerate(values)
        if "THRIFTGATE_FUZZ_FIELDS" in os.environ or at == (place + EVERYWHERE.index(path)) % len(values)
    ]
    bodies += [{**base, "model": {"a": 1}, "metadata": 5}, {**base, "metadata": None}, {**base, "tags": [{}]}]
    calls = [partial(gateway.post, path, body, key) for body in bodies]
    for body, response in zip(bodies, at_once(*calls), strict=True):
        assert response.status_code in (200, 400, 401, 403, 404, 502), (body, response.text[:500])
        assert not any(word in response.text for word in PYTHONS), (body, response.text[:500])
        json.loads(response.text)


NOTES: tuple[tuple[str, Any], ...] = (
    ("requester_metadata", "x"), ("requester_metadata", [1]), ("model_group", 5), ("model_group", {"a": 1}),
    ("model_group", ["x"]), ("agent_id", [{"a": 1}]), ("agent_id", {"a": 1}), ("tags", [{"a": 1}]), ("tags", 5),
    ("deployment", 5), ("deployment", {"a": 1}),
)  # fmt: skip


@pytest.mark.parametrize("bucket", ["metadata", "litellm_metadata"])
@pytest.mark.parametrize("model", ["one", "opus"])
@pytest.mark.parametrize("dialect", FIELDS)
def test_what_litellm_trips_over_in_metadata_is_refused_by_name(
    gateway: GatewayProcess, dialect: str, model: str, bucket: str
) -> None:
    gateway.upstream.on(OPUS, says("Fine."))
    for name, value in NOTES:
        response = ask(gateway, dialect, model, stream=name == "agent_id", **{bucket: {name: value}})
        assert response.status_code == 400, (name, value, response.text)
        assert f"'{bucket}.{name}'" in response.json()["error"]["message"]
    assert gateway.upstream.asked(OPUS) == []


@pytest.mark.parametrize("bucket", ["metadata", "litellm_metadata"])
@pytest.mark.parametrize("model", ["one", "opus"])
@pytest.mark.parametrize("dialect", FIELDS)
def test_tags_in_metadata_may_be_a_text_as_anything_there_may_be_to_openai(
    gateway: GatewayProcess, dialect: str, model: str, bucket: str
) -> None:
    for name in (OPUS, "o-large"):
        gateway.upstream.on(name, says("Fine."))
    assert text_of(ask(gateway, dialect, model, **{bucket: {"tags": "beta"}})) == "Fine."


@pytest.mark.parametrize("model", ["one", "opus"])
def test_the_id_of_anthropics_user_is_a_text_and_others_metadata_is_theirs(gateway: GatewayProcess, model: str) -> None:
    for name in (OPUS, "o-large"):
        gateway.upstream.on(name, says("Fine."))
    for value in (5, [1], {"a": 1}, True):
        response = ask(gateway, "messages", model, metadata={"user_id": value})
        assert response.status_code == 400, response.text
        assert "'metadata.user_id'" in response.json()["error"]["message"]
        assert text_of(ask(gateway, "chat", model, metadata={"user_id": value})) == "Fine."


@pytest.mark.parametrize("model", ["one", "opus"])
@pytest.mark.parametrize("dialect", FIELDS)
def test_a_field_that_litellm_lets_nobody_send_is_no_wrong_key(
    gateway: GatewayProcess, dialect: str, model: str
) -> None:
    for name, bucket in (("turn_off_message_logging", "metadata"), ("user_api_key_auth_metadata", "litellm_metadata")):
        response = ask(gateway, dialect, model, **{bucket: {name: True}})
        assert response.status_code == 400, response.text
        assert f"'{name}' is not a field of a request" in response.json()["error"]["message"]


@pytest.mark.parametrize("dialect", FIELDS)
def test_a_client_does_not_choose_whose_tokens_are_counted(gateway: GatewayProcess, dialect: str) -> None:
    """LiteLLM's limiter counts by the model group in its notes, which its router writes; of a route it is not asked."""
    gateway.upstream.on("o-large", says("Fine."))
    key = f"sk-{uuid4().hex}-acme-carol"
    body: dict[str, Any] = {"model": "one", "max_tokens": 20, "messages": [{"role": "user", "content": uuid4().hex}]}
    if dialect == "responses":
        body = {"model": "one", "input": uuid4().hex}
    notes = {"model_group": "somebody-elses", "deployment": "openai/somebody-elses"}
    for bucket in ("metadata", "litellm_metadata"):
        response = gateway.post(PATHS[dialect], {**body, bucket: notes}, key)
        assert response.status_code == 200, response.text
    assert eventually(lambda: len(charged(gateway, key)) == 4)  # each request, and its call of a tier
    assert "somebody-elses" not in {row["model"] for row in charged(gateway, key)}


_OPERATORS: tuple[dict[str, Any], ...] = (
    {"extra_headers": {"Authorization": "Bearer not-yours"}},
    {"extra_headers": {"x-api-key": "not-yours"}},
    {"extra_headers": {"content-length": "5"}},
    {"extra_headers": {"transfer-encoding": "chunked"}},
    {"extra_headers": {"host": "elsewhere.example"}},
    {"extra_headers": {"x-a": "a\r\nb: c"}},
    {"extra_headers": {"x-a": 5}},
    {"headers": "a text"},
    {"headers": {"authorization": "Bearer not-yours"}},
    {"provider_specific_header": {
        "custom_llm_provider": "openai,anthropic", "extra_headers": {"authorization": "no", "x-api-key": "no"}}},
    {"extra_body": {"model": "dearer-than-priced"}},
    {"extra_body": {"stream": True}},
    {"extra_body": {"extra_headers": {"authorization": "no"}}},
    {"custom_llm_provider": "zzz"},
    {"organization": "org-of-others"},
    {"api_version": "1999-01-01"},
    {"aws_access_key_id": "AKIA", "aws_secret_access_key": "x", "aws_session_token": "x"},
    {"aws_region_name": "eu-central-1"},
    {"vertex_project": "of-others"},
    {"watsonx_region_name": "x"},
    {"azure_ad_token_provider": "x"},
    {"ssl_verify": False},
    {"max_retries": 20},
    {"cooldown_time": 86400},
    {"litellm_credential_name": "dear"},
    {"extra_body": {"vertex_location": "x"}},
    {"fallbacks": [{"model": "any-claude", "aws_region_name": "x"}]},
    {"fallbacks": [{"model": "any-claude", "metadata": {"mine": "yes"}}]},
    {"context_window_fallbacks": [{"m": [{"model": "any-claude", "litellm_metadata": {}}]}]},
    {"fallbacks": [{"model": "any-claude", "messages": []}]},
    {"_litellm_messages_presanitized": True},
    {"model_list": []},
    {"api_base": "http://127.0.0.1:9"},
)  # fmt: skip


@pytest.mark.parametrize("dialect", ["chat", "messages", "responses"])
def test_a_client_does_not_choose_how_a_provider_is_asked(gateway: GatewayProcess, dialect: str) -> None:
    """LiteLLM believes these as if the operator had written them: a wrong key was the deployment's own 401."""
    kind = {"chat": "any-openai", "messages": "any-claude", "responses": "any-vllm"}[dialect]
    gateway.upstream.on(kind, says("Asked."))
    for model in (f"{kind}-only", kind):
        for stray in _OPERATORS:
            told = ask(gateway, dialect, model, **stray)
            assert told.status_code == 400, (stray, told.text)
            assert error_of(told)["type"] == "invalid_request_error", (stray, told.text)
        assert ask(gateway, dialect, model, api_key={"a": "b"}).status_code == 400
    own_key = {"fallbacks": [{"model": "any-claude", "api_key": "mine"}]}
    for stray in ({"api_key": "mine"}, own_key, {"models": ["dearer-than-priced"]}):
        assert error_of(ask(gateway, dialect, f"{kind}-only", **stray))["type"] == "invalid_request_error"
    assert gateway.upstream.asked(kind) == []
    assert ask(gateway, dialect, kind, extra_headers={"x-of-my-own": "1"}).status_code == 200
    assert gateway.upstream.asked(kind)[-1].headers["x-of-my-own"] == "1"
    # Azure's SDKs write it behind every address.
    azures = gateway.post(
        f"{PATHS[dialect]}?api-version=2024-10-21", gateway.upstream.asked(kind)[-1] | {"model": kind}
    )
    assert azures.status_code == 200, azures.text


def test_a_response_has_nothing_beside_it_that_goes_over_what_is_sent(gateway: GatewayProcess) -> None:
    gateway.upstream.on("any-openai", says("Asked."))
    strays = {"messages": [{"role": "user", "content": "no"}], "n": 5, "system": "no"}
    for name, value in strays.items():
        told = ask(gateway, "responses", "any-openai-only", **{name: value})
        assert told.status_code == 400
        assert f"'{name}'" in error_of(told)["message"]
    assert gateway.upstream.asked("any-openai") == []


def test_what_litellm_has_never_heard_of_is_handed_on(gateway: GatewayProcess) -> None:
    """It leaves such a field out: who goes on from a stored conversation was answered as if there were none."""
    gateway.upstream.on("any-openai", says("Asked."))
    gateway.upstream.on("any-claude", says("Asked."))
    assert ask(gateway, "responses", "any-openai-only", conversation="conv_1", brand_new={"a": 1}).status_code == 200
    asked = gateway.upstream.asked("any-openai")[-1]
    assert (asked["conversation"], asked["brand_new"]) == ("conv_1", {"a": 1})
    for stream in (False, True):
        told = ask(gateway, "messages", "any-claude-only", brand_new={"a": 1}, n=2, stream=stream)
        assert told.status_code == 200
        asked = gateway.upstream.asked("any-claude")[-1]
        assert (asked["brand_new"], asked["n"]) == ({"a": 1}, 2)
    refused = error_of(ask(gateway, "messages", "any-openai-only", brand_new={"a": 1}))
    assert "'brand_new'" in refused["message"]
    assert ask(gateway, "messages", "any-claude-only", timeout=20, drop_params=False, tags=["a"]).status_code == 200


def test_a_refusal_of_litellms_has_no_advice_for_operators_in_it(gateway: GatewayProcess) -> None:
    told = ask(gateway, "responses", "one", reasoning={"effort": "low"})
    assert "drop_params" not in error_of(told)["message"]
