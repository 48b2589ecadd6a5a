"""What is kept of a request that failed before anybody knew whose it is."""

import warnings
from collections.abc import Iterator
from typing import Any, cast

import pytest
from fastapi import HTTPException

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # LiteLLM's own imports are not ours to mend
    from litellm.proxy import proxy_server
    from litellm.proxy._types import UserAPIKeyAuth
    from litellm.router import Router

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


@pytest.fixture
def no_edge() -> Iterator[None]:
    token = current.set(None)
    yield
    current.reset(token)


@pytest.mark.filterwarnings("ignore")  # LiteLLM builds its own types
@pytest.mark.usefixtures("no_edge")
@pytest.mark.parametrize("call", ["acompletion", "aembedding"])
async def test_an_operators_field_is_a_clients_where_the_operator_says_so(
    monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """LiteLLM's two settings for it: for all models, and by name for a deployment."""
    opened = {"model": "openai/gpt", "api_key": "none", "configurable_clientside_auth_params": ["api_version"]}
    models: Any = [
        {"model_name": "plain", "litellm_params": {"model": "openai/gpt", "api_key": "none"}},
        {"model_name": "opened", "litellm_params": opened},
    ]
    monkeypatch.setattr(proxy_server, "llm_router", Router(model_list=models))
    hooks = EdgeHooks(
        dict, on_failure=lambda _: None, fitting=list, record=lambda _: None,
        intercept=lambda: None, strangers=lambda: None,
    )  # fmt: skip

    async def is_refused(model: str, name: str, url: str = "http://x/v1/x") -> bool:
        body: dict[str, Any] = {"model": model, "messages": [{"role": "user", "content": "hi"}], name: "x"}
        asked = {**body, "proxy_server_request": {"url": url, "body": body}}
        try:
            await hooks.async_pre_call_hook(UserAPIKeyAuth(), None, asked, call)
        except HTTPException:
            return True
        return False

    assert await is_refused("plain", "api_version")
    assert not await is_refused("plain", "api_version", url="http://x/v1/x?api-version=x")
    assert not await is_refused("opened", "api_version")
    assert await is_refused("opened", "aws_region_name")
    monkeypatch.setitem(cast("dict[str, Any]", proxy_server.general_settings), "allow_client_side_credentials", True)
    assert not await is_refused("plain", "aws_region_name")
