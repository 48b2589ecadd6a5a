"""What keys of our own need of LiteLLM, and that a key of LiteLLM's own is still checked by it."""

import inspect
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import Request

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # LiteLLM's own imports are not ours to mend
    from litellm.proxy import proxy_server
    from litellm.proxy._types import LitellmUserRoles, ProxyException, UserAPIKeyAuth
    from litellm.proxy.auth.user_api_key_auth import run_centralized_common_checks, validate_resolved_virtual_key
    from litellm.proxy.utils import hash_token

    from thriftgate.proxy.authentication import Authentication, RefusedCallerError, master_key_auth

pytestmark = [pytest.mark.xdist_group("litellm"), pytest.mark.filterwarnings("ignore")]

MASTER = "sk-master-of-the-contract-tests"


def request(path: str = "/v1/chat/completions", **body: Any) -> Request:
    scope: dict[str, Any] = {
        "type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "query_string": b"",
        "headers": [], "path_params": {}, "app": None, "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80),
        "scheme": "http", "parsed_body": (tuple(body), body),
    }  # fmt: skip
    return Request(scope)


@pytest.fixture
def litellms_database(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """LiteLLM as it is with a database of its own, of which it remembers one key."""
    monkeypatch.setattr(proxy_server, "prisma_client", object())
    monkeypatch.setattr(proxy_server, "master_key", MASTER)
    yield
    proxy_server.user_api_key_cache.flush_cache()


async def remember(key: str, **fields: Any) -> None:
    hashed = hash_token(key)
    found = UserAPIKeyAuth(api_key=hashed, token=hashed, user_role=LitellmUserRoles.INTERNAL_USER, **fields)
    await proxy_server.user_api_key_cache.async_set_cache(key=hashed, value=found)


def test_what_we_call_by_hand_has_the_parameters_that_we_give() -> None:
    assert {"valid_token", "api_key", "route", "start_time", "end_user_params", "_end_user_object"} <= set(
        inspect.signature(validate_resolved_virtual_key).parameters
    )
    assert {"force_virtual_key_checks", "sub_call"} <= set(inspect.signature(run_centralized_common_checks).parameters)


async def test_a_key_that_is_not_ours_is_litellms_where_it_has_a_database(litellms_database: None) -> None:
    await remember("sk-virtual", models=["small"], team_id=None)
    auth = await Authentication(lambda: None)(request(model="small"), "sk-virtual")
    assert auth.token == hash_token("sk-virtual")


async def test_litellm_still_refuses_its_own_keys_what_they_may_not(litellms_database: None) -> None:
    await remember("sk-virtual", models=["small"])
    with pytest.raises(Exception, match="large") as refused:
        await Authentication(lambda: None)(request(model="large"), "sk-virtual")
    assert isinstance(refused.value, ProxyException) or getattr(refused.value, "status_code", None) == 403
    await remember("sk-blocked", blocked=True)
    with pytest.raises(Exception, match="blocked"):
        await Authentication(lambda: None)(request(model="small"), "sk-blocked")


async def test_without_litellms_database_a_key_that_is_not_ours_is_nobodys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proxy_server, "master_key", MASTER)
    for key in ("sk-virtual", "", None, MASTER + "x"):
        with pytest.raises(RefusedCallerError) as refused:
            await Authentication(lambda: None)(request(model="small"), key)
        assert refused.value.code == "401"


async def test_the_master_key_becomes_an_administrator_without_its_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proxy_server, "master_key", MASTER)
    auth = await Authentication(lambda: None)(request(model="small"), MASTER)
    assert auth == master_key_auth()
    assert auth.user_role is LitellmUserRoles.PROXY_ADMIN
    assert MASTER not in str(auth.model_dump())
    assert hash_token(MASTER) not in str(auth.model_dump())
