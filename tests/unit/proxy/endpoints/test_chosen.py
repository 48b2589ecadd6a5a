"""What a client says of how a provider is asked: credentials and accounts are refused, what SDKs send passes."""

from typing import Any

import pytest

from thriftgate.errors import InvalidRequestError
from thriftgate.proxy.endpoints.chosen import check_chosen, check_headers, check_operators, check_targets
from thriftgate.proxy.limits.dialects import api_of

SDKS = {
    "openai": (
        "Accept User-Agent Idempotency-Key X-Stainless-Lang X-Stainless-Package-Version X-Stainless-OS "
        "X-Stainless-Arch X-Stainless-Runtime X-Stainless-Runtime-Version X-Stainless-Async X-Stainless-Retry-Count "
        "X-Stainless-Read-Timeout X-Stainless-Raw-Response X-Stainless-Helper-Method OpenAI-Beta X-Client-Request-Id"
    ),
    "anthropic": (
        "anthropic-version anthropic-beta anthropic-dangerous-direct-browser-access X-Stainless-Timeout "
        "x-stainless-helper Idempotency-Key"
    ),
    "claude code": "x-app X-Claude-Code-Session-Id x-claude-remote-session-id",
    "codex": (
        "originator session_id conversation_id version x-codex-turn-metadata x-codex-turn-state x-codex-beta-features"
    ),
    "litellm": "x-litellm-timeout x-litellm-tags x-litellm-trace-id x-litellm-call-id x-litellm-end-user-id",
    "langchain": "X-LangChain-Trace langsmith-trace baggage",
    "vercel": "HTTP-Referer Referer X-Title ai-sdk-version",
    "others": (
        "traceparent tracestate b3 x-request-id X-Correlation-Id X-Author X-Authored-By X-Tokenizer X-Monkey "
        "x-session-token-count x-portkey-trace-id x-amzn-trace-id X-Idempotency-Key X-Tenant sentry-trace"
    ),
}  # fmt: skip
CREDENTIALS = (
    "Authorization Proxy-Authorization x-api-key api-key apikey x-apikey X-Auth-Token x-auth-key x-access-token Cookie "
    "Set-Cookie x-goog-api-key x-goog-user-project X-Amz-Security-Token x-amz-date Helicone-Auth x-portkey-api-key "
    "x-portkey-virtual-key Ocp-Apim-Subscription-Key cf-access-client-secret OpenAI-Organization OpenAI-Project "
    "x_api_key x-api_key x-secret-key x-accesskey anthropic-workspace-id x-signature x-key-id"
)
HTTPS = "Host Connection Content-Length Transfer-Encoding TE Upgrade Expect Accept-Encoding Content-Encoding"


@pytest.mark.parametrize("name", [name for names in SDKS.values() for name in names.split()])
@pytest.mark.parametrize("place", ["extra_headers", "headers"])
def test_a_header_that_an_sdk_sends_passes(place: str, name: str) -> None:
    check_headers({place: {name: "a value"}})
    check_headers({"extra_body": {place: {name: "a value"}}})


@pytest.mark.parametrize("name", f"{CREDENTIALS} {HTTPS}".split())
def test_a_header_by_which_a_provider_knows_who_asks_or_how_is_refused(name: str) -> None:
    with pytest.raises(InvalidRequestError):
        check_headers({"extra_headers": {name: "a value"}})


def test_what_the_body_is_may_be_said_and_nothing_else() -> None:
    check_headers({"extra_headers": {"Content-Type": "application/json"}})
    with pytest.raises(InvalidRequestError):
        check_headers({"extra_headers": {"Content-Type": "text/plain"}})


@pytest.mark.parametrize("body", [{}, {"stream": False}, {"stream": None}])
def test_no_stream_may_be_said_twice(body: dict[str, Any]) -> None:
    check_chosen({**body, "extra_body": {"stream": False}})
    for stray in (True, 0, None):
        with pytest.raises(InvalidRequestError):
            check_chosen({**body, "extra_body": {"stream": stray}})
    with pytest.raises(InvalidRequestError):
        check_chosen({"stream": True, "extra_body": {"stream": False}})


REFUSED = (
    "api_version api_base base_url api_type aws_access_key_id aws_secret_access_key aws_session_token aws_region_name "
    "aws_bedrock_runtime_endpoint vertex_project vertex_location vertex_credentials vertex_ai_project region_name "
    "ssl_verify max_retries azure_ad_token azure_ad_token_provider azure_scope watsonx_region_name tenant_id client_id "
    "client_secret oci_key s3_bucket_name gcs_bucket_name bucket_name litellm_credential_name anthropic_identity_token "
    "openai_service_account_id token_exchange_endpoint sagemaker_base_url deployment_url use_ssl cooldown_time client"
)
PASSING = (
    "model messages input user metadata timeout num_retries tags store safety_identifier prompt_cache_key service_tier "
    "anthropic_version anthropic_beta client_metadata extra_headers extra_query top_k guided_json chat_template_kwargs "
    "project session_id trace_id vendor ssl aws azure_ s3 api_key"
)


@pytest.mark.parametrize("name", REFUSED.split())
def test_who_is_asked_with_whose_credentials_is_the_operators(name: str) -> None:
    for body in ({name: "x"}, {"extra_body": {name: "x"}}, {"fallbacks": [{"model": "m", name: "x"}]},
                 {"context_window_fallbacks": [{"m": [{"model": "n", name: False}]}]}):  # fmt: skip
        with pytest.raises(InvalidRequestError, match=f"'{name}'"):
            check_operators(body)
        check_operators(body, allows=lambda field, _: field == name)
    check_operators({name: None})


@pytest.mark.parametrize("name", PASSING.split())
def test_a_field_of_a_providers_is_the_clients(name: str) -> None:
    check_operators({name: "x", "extra_body": {name: "x"}})


@pytest.mark.parametrize(
    "path", ["/v1/mcp/server", "/config/pass_through_endpoint", "/model/new", "/v1/workflows/runs/r1/messages"]
)
def test_what_an_administrator_sends_is_no_request_to_a_model(path: str) -> None:
    assert api_of(path) is None


NOT_OF_TARGETS = (
    "metadata litellm_metadata litellm_params proxy_server_request secret_fields litellm_call_id litellm_trace_id "
    "user guardrails cache disable_fallbacks fallback_depth max_fallbacks original_function stream n messages input "
    "system instructions tools extra_body prompt models custom_llm_provider organization litellm_logging_obj"
)


@pytest.mark.parametrize("name", NOT_OF_TARGETS.split())
def test_a_target_of_a_clients_fallbacks_takes_the_place_of_nothing_that_is_the_gateways(name: str) -> None:
    listed: list[Any] = [
        [{"model": "m", name: {"x": "1"}}],
        ["a", {"m": ["b", {"model": "n", name: None}]}],
        [{"model": "m", "fallbacks": [{"model": "n", name: []}]}],
        {"model": "m", name: "x"},
    ]
    for targets in listed:
        for field in ("fallbacks", "context_window_fallbacks", "content_policy_fallbacks"):
            with pytest.raises(InvalidRequestError, match=f"'{name}'"):
                check_targets({field: targets})


def test_a_mark_or_a_credential_in_a_target_is_refused_without_its_name() -> None:
    for target in ({"_target_order": 1}, {"extra_headers": {"x-api-key": "mine"}}):
        with pytest.raises(InvalidRequestError) as told:
            check_targets({"fallbacks": [{"model": "m", **target}]})
        assert not any(word in str(told.value) for word in ("order", "mine"))


def test_a_target_may_say_how_its_model_is_asked() -> None:
    cooler = {"model": "d", "temperature": 0, "max_tokens": 9, "top_p": None, "timeout": 3, "reasoning_effort": "low"}
    check_targets({"fallbacks": ["a", {"b": ["c"]}, cooler], "metadata": {"a": "b"}})
    others: list[Any] = [None, "a", 1, [], {}, [None, 1, ["a"]]]
    for other in others:
        check_targets({"fallbacks": other})
