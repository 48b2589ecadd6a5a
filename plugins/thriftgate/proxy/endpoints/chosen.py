"""What an operator chooses and no client: who is asked, with which credentials, and how HTTP carries it.

LiteLLM believes some fields of a body as if the operator had written them. With them one caller's wrong key is a 401 of
the operator's deployment, which counts for the breaker; a transfer encoding hangs the call; another model is asked than
the one that is priced. Headers and fields of a provider's that change neither are the client's to send.

Failure behaviour: raises InvalidRequestError (HTTP 400), which never quotes a value, nor a name that is not known here.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

from thriftgate.config.litellm.model_list import FALLBACK_FIELDS
from thriftgate.errors import InvalidRequestError
from thriftgate.wire.shapes import mapping

_CHOOSING = ("deployment_id", "azure", "custom_llm_provider", "organization")
"""With these LiteLLM asks another provider, or another deployment or account there, than the model's."""
_OPERATORS = re.compile(
    r"(?:aws|azure|vertex|vertex_ai|watsonx|wx|oci|s3|gcs|sagemaker|databricks|snowflake|token_exchange|github_copilot)_.+"
    r"|anthropic[_-](?:federation|identity|issuer|keycloak|organization|service|workspace|disable)[_-].+"
    r"|openai_(?:identity|service)_.+"
    r"|(?:api|base|deployment|endpoint)_(?:base|version|type|url)|region_name|ssl_.+|use_ssl|client|client_id|client_secret"
    r"|tenant_id|workspace_id|project_id|space_id|bucket_name|litellm_credential_name|shared_session|default_headers"
    r"|max_retries|cooldown_time|use_litellm_proxy|use_xai_oauth|use_chat_completions_api|user_config"
    r"|configurable_clientside_auth_params"
)
"""With these LiteLLM asks with other credentials than the operator's, for another account or region, at another address
or in another way, or keeps a deployment closed for longer. Most are in LiteLLM's `CredentialLiteLLMParams`."""
_OF_THE_BODY = (
    "model", "models", "messages", "input", "system", "instructions", "stream", "stream_options", "n", "background",
    "previous_response_id", "conversation",
)  # fmt: skip
"""What `extra_body` may not have: LiteLLM writes that over the request, so that another model than the priced one
would be asked, or a stream would come where a whole answer is read, which is then the provider's fault to it."""
_OF_TARGETS = frozenset(
    {
        *(name for name in _OF_THE_BODY if name != "model"),
        "prompt", "prompt_id", "prompt_variables", "tools", "functions", "response_format", "text", "prediction",
        "documents", "web_search_options", "extra_body", "query",
        "metadata", "litellm_metadata", "litellm_params", "proxy_server_request", "secret_fields", "client_body",
        "litellm_logging_obj", "litellm_call_id", "litellm_trace_id", "litellm_session_id", "litellm_parent_otel_span",
        "user", "tags", "guardrails", "callbacks", "success_callback", "failure_callback", "cache", "caching", "no-log",
        "turn_off_message_logging", "standard_callback_dynamic_params", "provider_specific_header", "model_info",
        "disable_fallbacks", "max_fallbacks", "fallback_depth", "attempted_targets", "original_model_group",
        "original_function", "original_generic_function", "specific_deployment", "deployment",
    }
)  # fmt: skip
"""What a target of a client's `fallbacks` may not have. LiteLLM writes a target over the call, whose words privacy and
guards have read, and whose notes say which key, team and end user it is counted for, and that it stays at home."""
_HEADER_FIELDS = ("extra_headers", "headers")
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,200}")
_VALUE = re.compile(r"[\t\x20-\x7e]{0,8000}")
_TRANSPORT = frozenset(
    {
        "host", "connection", "content-length", "content-type", "content-encoding", "transfer-encoding", "te",
        "trailer", "upgrade", "expect", "keep-alive", "proxy-connection", "accept-encoding",
    }
)  # fmt: skip
_AS_IT_IS = ("content-type", "application/json")
"""A header of HTTP's that many write though it is so anyway."""
_CREDENTIALS = re.compile(
    r"(?:^|[-_.])(?:auth|authorization|authentication|keys?|tokens?|secrets?|credentials?|cookies?|signature|password|bearer"
    r"|\w*(?:api|access|auth|secret|session|subscription)(?:key|token))(?:$|[-_.])"
    r"|^x-amz-|^x-goog-|^openai-(?!beta$)|^anthropic-workspace"
)
"""In the names of headers by which providers know who asks and who pays, as whole words."""
_NO_CREDENTIALS = re.compile(r"(?:x-)?idempotency-key|.+-trace-id|.+-(?:token|key)s?-(?:count|limit)")


def _nothing(_name: str, _value: object) -> bool:
    return False


def check_chosen(body: Mapping[str, Any]) -> None:
    """What a client may say of how a provider is asked. Raises InvalidRequestError naming the field."""
    for name in _CHOOSING:
        if body.get(name):
            raise InvalidRequestError(f"'{name}' is not a field of a request", param=name)
    beside = mapping(body.get("extra_body"))
    for name in _OF_THE_BODY:
        is_said_twice = name == "stream" and beside.get(name) is False and not body.get(name)
        if name in beside and not is_said_twice:
            raise InvalidRequestError(f"'{name}' is for the body itself, not for 'extra_body'", param="extra_body")


def check_operators(body: Mapping[str, Any], *, allows: Callable[[str, object], bool] = _nothing) -> None:
    """What only the operator says of credentials, accounts, regions and addresses. Raises InvalidRequestError.

    Args:
        body: As it was sent.
        allows: Whether the operator lets clients send a field with its value.
    """
    for fields in (body, mapping(body.get("extra_body")), *targets_of(body)):
        for name, value in fields.items():
            if value is not None and _OPERATORS.fullmatch(name) and not allows(name, value):
                raise InvalidRequestError(f"'{name}' is not a field of a request", param=name)


def check_targets(body: Mapping[str, Any]) -> None:
    """What a client says of other models in its fallbacks, as it was sent: nothing that is the gateway's.

    Raises InvalidRequestError. The operator's own targets, of a key or team, are in the same place later.
    """
    for fields in targets_of(body):
        for name in fields:
            if name in _OF_TARGETS or name in _CHOOSING or name.startswith("_"):
                known = "_…" if name.startswith("_") else name
                raise InvalidRequestError(f"'{known}' is not a field of a target in 'fallbacks'", param="fallbacks")
        for path in _HEADER_FIELDS:
            _check_headers(path, fields.get(path))


def targets_of(body: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The objects in a client's fallbacks: LiteLLM asks those with their fields in place of the request's."""
    waiting: list[object] = [body.get(name) for name in FALLBACK_FIELDS]
    while waiting:
        one = waiting.pop()
        if isinstance(one, list):
            waiting += cast("list[object]", one)
        elif isinstance(one, Mapping):
            fields = cast("Mapping[str, Any]", one)
            yield fields
            waiting += [value for value in fields.values() if isinstance(value, list)]


def check_headers(body: Mapping[str, Any]) -> None:
    """What a client wants a provider to be told in headers, as it was sent. Raises InvalidRequestError.

    Later an operator may have had LiteLLM put headers of theirs in the same place.
    """
    for path, headers in _headers_in(body):
        _check_headers(path, headers)


def _headers_in(body: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    """What a client would have sent as headers to a provider, with its path."""
    yield from ((name, body.get(name)) for name in _HEADER_FIELDS)
    yield from ((f"extra_body.{name}", mapping(body.get("extra_body")).get(name)) for name in _HEADER_FIELDS)
    yield (
        "provider_specific_header.extra_headers",
        mapping(body.get("provider_specific_header")).get("extra_headers"),
    )


def _check_headers(path: str, headers: object) -> None:
    if headers is None:
        return
    if not isinstance(headers, Mapping):
        raise InvalidRequestError(f"'{path}' must be an object", param=path)
    for name, value in cast("Mapping[str, object]", headers).items():
        if not (_NAME.fullmatch(name) and isinstance(value, str) and _VALUE.fullmatch(value)):
            raise InvalidRequestError(f"'{path}' must have names and texts that HTTP can carry", param=path)
        word = name.lower()
        if (word, value) == _AS_IT_IS or _NO_CREDENTIALS.fullmatch(word):
            continue
        if word in _TRANSPORT or _CREDENTIALS.search(word):
            raise InvalidRequestError(f"'{path}' may not have credentials, nor headers of HTTP itself", param=path)
