"""What we assume of LiteLLM and it does not promise: when a release changes one of these, this says which.

The rest of what we assume is proven over real HTTP in `tests/proxy/`.
"""

import inspect
import json
import warnings
from collections.abc import AsyncGenerator
from importlib.metadata import version
from types import ModuleType
from typing import Any

import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # LiteLLM's own imports are not ours to mend
    import litellm
    from litellm.caching.dual_cache import DualCache
    from litellm.constants import INTERNAL_CALL_ORIGIN_METADATA_KEY
    from litellm.integrations.custom_logger import CustomLogger
    from litellm.litellm_core_utils.internal_call_metadata import forwarded_internal_call_metadata
    from litellm.litellm_core_utils.streaming_handler import CustomStreamWrapper
    from litellm.llms.custom_llm import CustomLLM
    from litellm.proxy import common_request_processing, proxy_server
    from litellm.proxy._types import ProxyErrorTypes, ProxyException, UserAPIKeyAuth
    from litellm.proxy.hooks import parallel_request_limiter_v3
    from litellm.proxy.hooks.responses_id_security import ResponsesIDSecurity
    from litellm.proxy.utils import InternalUsageCache, ProxyLogging
    from litellm.router_utils.cooldown_cache import CooldownCache
    from litellm.types.utils import ModelResponse, ModelResponseStream, Usage

    from thriftgate.proxy.books.refusals import let_refusals_stand
    from thriftgate.proxy.dialects import body_of_response, drop_logprobs, event_of, takes_bytes
    from thriftgate.proxy.hooks import EdgeHooks
    from thriftgate.proxy.provider import ThriftgateProvider

from thriftgate.types import StreamPiece

pytestmark = [pytest.mark.xdist_group("litellm"), pytest.mark.filterwarnings("ignore")]

HOOKS = [name for name in vars(EdgeHooks) if name.startswith("async_")]
CHUNK: dict[str, Any] = {
    "id": "c",
    "object": "chat.completion.chunk",
    "created": 1,
    "model": "m",
    "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}],
}


def test_the_installed_version_is_one_that_was_tried() -> None:
    major, minor = version("litellm").split(".")[:2]
    assert (int(major), int(minor)) in {(1, 106), (1, 107), (1, 108)}


@pytest.mark.parametrize("name", HOOKS)
def test_every_hook_has_litellms_name_and_parameter_names(name: str) -> None:
    """LiteLLM calls hooks by keyword and finds them by name; a slip is silently dead."""
    theirs = inspect.signature(getattr(CustomLogger, name)).parameters
    ours = inspect.signature(getattr(EdgeHooks, name)).parameters
    needed = {name for name, parameter in theirs.items() if parameter.default is inspect.Parameter.empty}
    assert needed <= set(ours)
    assert set(ours) <= set(theirs)


def test_the_provider_overrides_what_litellm_calls() -> None:
    for name in ("acompletion", "astreaming"):
        assert hasattr(CustomLLM, name)
        assert name in vars(ThriftgateProvider)


def test_a_nested_call_keeps_the_callers_identity_and_not_the_budget_reservation() -> None:
    parent = {"user_api_key_hash": "k", "user_api_key_team_id": "t", "user_api_key_budget_reservation": object()}
    nested = forwarded_internal_call_metadata(parent, "thriftgate")  # pyright: ignore[reportArgumentType]
    assert nested["user_api_key_hash"] == "k"
    assert nested["user_api_key_team_id"] == "t"
    assert "user_api_key_budget_reservation" not in nested


def test_a_nested_calls_tokens_do_not_count_against_the_keys_limit_a_second_time() -> None:
    """The outer call of a route has counted them: LiteLLM's limiter passes over what it is told is internal."""
    nested = forwarded_internal_call_metadata({"user_api_key_hash": "k"}, "thriftgate")  # pyright: ignore[reportArgumentType]
    assert nested[INTERNAL_CALL_ORIGIN_METADATA_KEY] == "thriftgate"
    usage = Usage(prompt_tokens=10, completion_tokens=5, total_tokens=15)
    answer = ModelResponse(usage=usage)
    limiter: Any = parallel_request_limiter_v3._PROXY_MaxParallelRequestsHandler_v3(InternalUsageCache(DualCache()))  # pyright: ignore[reportPrivateUsage]
    operations = limiter._build_success_event_pipeline_operations
    own = {"user_api_key_hash": "k", "user_api_key_tpm_limit": 100}
    for metadata, counts in ((own, True), ({**own, **nested}, False)):
        kwargs = {"litellm_params": {"metadata": metadata}, "standard_logging_object": {"metadata": metadata}}
        assert bool(operations(kwargs, answer, "total")) is counts


def test_headers_may_be_added_to_a_stream_until_its_first_chunk() -> None:
    """We fill `additional_headers` late: it must be the very dict that is read when the first chunk is there."""
    from litellm.router_utils.add_retry_fallback_headers import get_hidden_params_dict

    class Streamed:
        _hidden_params: dict[str, Any]

    streamed = Streamed()
    streamed._hidden_params = {"additional_headers": {}}  # pyright: ignore[reportPrivateUsage]
    assert get_hidden_params_dict(streamed) is streamed._hidden_params  # pyright: ignore[reportPrivateUsage]
    source = inspect.getsource(
        common_request_processing.ProxyBaseLLMRequestProcessing.__dict__["_stream_response_headers"]
    )
    assert 'hidden_params.get("additional_headers")' in source
    assert "refresh_headers" in inspect.signature(common_request_processing.create_response).parameters


def test_a_chunk_with_a_fingerprint_keeps_fields_that_litellm_does_not_know() -> None:
    kept = _serialized({**CHUNK, "system_fingerprint": "thriftgate", "thriftgate": {"decision": "accepted"}})
    assert kept["thriftgate"] == {"decision": "accepted"}


def test_a_chunk_without_a_fingerprint_loses_them() -> None:
    """The reason for the fingerprint; when this fails it may go."""
    assert "thriftgate" not in _serialized({**CHUNK, "thriftgate": {"decision": "accepted"}})


def _serialized(chunk: dict[str, Any]) -> dict[str, Any]:
    serialize: Any = vars(proxy_server)["_serialize_streaming_chunk"]
    return json.loads(serialize(ModelResponseStream(**chunk)))


def test_the_stream_wrapper_drops_what_follows_a_finish_reason() -> None:
    """The reason why chunks take a second way to the client; when this fails the outbox may go."""
    source = inspect.getsource(vars(CustomStreamWrapper)["_dispatch_provider_chunk"])
    assert "received_finish_reason is not None" in source
    assert "raise StopIteration" in source


def test_the_stream_wrapper_keeps_only_finish_reasons_that_a_provider_sent() -> None:
    """How a cut stream is told from one that ended: see `completer._refuse_made_up_ending`."""
    source = inspect.getsource(vars(CustomStreamWrapper)["_finalize_completed_stream"])
    assert "self.received_finish_reason is not None or self.intermittent_finish_reason is not None" in source
    assert "choices" in ModelResponseStream.model_fields


def test_the_breaker_can_be_told_and_asked() -> None:
    told = inspect.signature(CooldownCache.add_deployment_to_cooldown).parameters
    assert {"model_id", "original_exception", "exception_status", "cooldown_time"} <= set(told)
    assert {"model_ids", "parent_otel_span"} <= set(
        inspect.signature(CooldownCache.async_get_active_cooldowns).parameters
    )


def test_the_proxy_runs_without_its_proprietary_part() -> None:
    assert isinstance(proxy_server, ModuleType)
    with pytest.raises(ModuleNotFoundError):
        __import__("litellm_enterprise")


def test_bytes_of_a_chat_stream_reach_the_client_as_they_are() -> None:
    """Two events at once, and nobody adds to them: what a hit's stream is handed out as."""
    source = inspect.getsource(vars(proxy_server)["async_data_generator"])
    assert 'chunk.startswith(("data:", "event:", ":"))' in source
    assert "chunk.endswith(_SSE_FRAME_DELIMITERS)" in source
    assert "not isinstance(chunk, (BaseModel, dict))" in inspect.getsource(
        vars(proxy_server)["_restamp_streaming_chunk_model"]
    )


def test_log_probabilities_that_only_we_asked_for_leave_the_answer_once_they_are_read() -> None:
    """LiteLLM's log holds the same object, and copies it after the call has returned."""
    choice: dict[str, Any] = {
        "index": 0,
        "message": {"role": "assistant", "content": "Five."},
        "logprobs": {"content": []},
    }
    answer = ModelResponse(choices=[choice])
    drop_logprobs(answer)
    assert body_of_response(answer)["choices"][0].get("logprobs") is None
    assert body_of_response(answer)["choices"][0]["message"]["content"] == "Five."


class LooksIntoStreams(CustomLogger):
    async def async_post_call_streaming_iterator_hook(self, *_: Any, **__: Any) -> AsyncGenerator[Any, None]:
        """Somebody's guard on streams."""
        yield None


def test_where_somebody_looks_into_streams_chunks_stay_objects(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(litellm, "callbacks", [ResponsesIDSecurity()])
    assert takes_bytes()
    monkeypatch.setattr(litellm, "callbacks", [ResponsesIDSecurity(), LooksIntoStreams()])
    assert not takes_bytes()
    piece = StreamPiece({**CHUNK, "model": "small", "choices": []})
    assert isinstance(event_of(piece, "chat", model="support"), ModelResponseStream)
    assert event_of(piece, "chat", model="support", as_bytes=True).startswith(b'data: {"id"')  # pyright: ignore[reportAttributeAccessIssue]


class Refusals(CustomLogger):
    """Counts those that LiteLLM tells its hooks of."""

    seen = 0

    async def async_post_call_failure_hook(self, *args: Any, **options: Any) -> None:
        self.seen += 1


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages", "/v1/responses", "/v1/embeddings"])
async def test_litellms_log_of_a_refusal_never_fails_in_its_place(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    let_refusals_stand()
    let_refusals_stand()
    refusals = Refusals()
    monkeypatch.setattr(litellm, "callbacks", [refusals])
    logging, caller = ProxyLogging(proxy_server.user_api_key_cache), UserAPIKeyAuth(api_key="sk-x", request_route=path)
    error = ProxyException(message="who?", type="auth_error", param=None, code=401)
    odd: list[Any] = [None, 5, -1.5, True, "", "x", [], [[]], [{"a": 1}], {}, {"a": 5}]
    names = ("metadata", "litellm_metadata", "litellm_logging_obj", "model", "user", "messages", "input", "prompt")
    for name in names:
        for value in odd:
            body = {"model": {"a": 1}, "metadata": 5, name: value}
            await logging.post_call_failure_hook(
                request_data=body, original_exception=error, user_api_key_dict=caller,
                error_type=ProxyErrorTypes.auth_error, route=path,
            )  # fmt: skip
    assert refusals.seen == len(names) * len(odd)
