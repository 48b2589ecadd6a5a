"""What is kept of a request that failed before anybody knew whose it is."""

import warnings

import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # LiteLLM's own imports are not ours to mend
    from litellm.proxy._types import UserAPIKeyAuth

    from thriftgate.errors import GatewayError, RateLimitExceededError, StoreUnavailableError
    from thriftgate.proxy.authentication import RefusedCallerError
    from thriftgate.proxy.edge import current
    from thriftgate.proxy.hooks import EdgeHooks
    from thriftgate.types import RequestRecord

AWAY = RefusedCallerError(StoreUnavailableError("keys cannot be looked up at the moment"), code="service_unavailable")


@pytest.mark.parametrize(("error", "kept"), [(AWAY, 0), (RateLimitExceededError("too many", retry_after=1.0), 1)])
async def test_a_request_whose_key_cannot_be_looked_up_leaves_no_record_and_a_known_callers_does(
    error: RefusedCallerError | GatewayError, kept: int
) -> None:
    records: list[RequestRecord] = []
    hooks = EdgeHooks(
        lambda: {"support": "support"}, on_failure=lambda _: None, fitting=list, record=records.append,
        intercept=lambda: None, strangers=lambda: None,
    )  # fmt: skip
    token = current.set(None)
    try:
        asked: dict[str, object] = {"model": "support", "litellm_call_id": "1"}
        await hooks.async_post_call_failure_hook(asked, error, UserAPIKeyAuth())
    finally:
        current.reset(token)
    assert len(records) == kept


@pytest.mark.parametrize("model", ["support", "plain"])
async def test_the_router_is_seen_to_before_any_model_is_asked_a_plain_one_too(model: str) -> None:
    seen: list[bool] = []
    hooks = EdgeHooks(
        lambda: {"support": "support"}, on_failure=lambda _: None, fitting=list, record=lambda _: None,
        intercept=lambda: seen.append(True), strangers=lambda: None,
    )  # fmt: skip
    token = current.set(None)
    try:
        asked = {"model": model, "messages": [{"role": "user", "content": "hi"}]}
        await hooks.async_pre_call_hook(UserAPIKeyAuth(), None, asked, "acompletion")
    finally:
        current.reset(token)
    assert seen == [True]
