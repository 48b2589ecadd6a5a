"""Who is an operator: by LiteLLM's own authentication, so that every proxy admin's key works, and no other.

Failure behaviour: whatever LiteLLM refuses, for whatever reason, is no operator.
"""

import hmac
from typing import Any

from fastapi import Request
from litellm.proxy import proxy_server
from litellm.proxy._types import UserAPIKeyAuth
from litellm.proxy.auth.user_api_key_auth import user_api_key_auth

from thriftgate.proxy.api.operator_api import is_admin, may_change
from thriftgate.proxy.page.sessions import Sessions

LIFETIME = 8 * 3_600
"""Of a session for the master key, in seconds: a working day."""
SHORT_LIFETIME = 3_600
"""Of a session for another admin's key: such a key can be revoked, and a session does not notice."""
_PROBE = "/thriftgate/status"
"""What LiteLLM is asked whether the key may: who may read this may look at the page."""


class Operators:
    """The sessions of this proxy's operators."""

    def __init__(self) -> None:
        self._sessions: tuple[str, Sessions] | None = None

    def sessions(self) -> Sessions | None:
        """Signed with the master key as it is now; None without one."""
        key = _master_key()
        if not key:
            return None
        if self._sessions is None or self._sessions[0] != key:
            self._sessions = (key, Sessions(key))
        return self._sessions[1]

    async def is_operator(self, key: str, request: Request) -> bool:
        """Whether LiteLLM takes this key for a proxy admin's."""
        auth = await _auth_of(key, request)
        return auth is not None and is_admin(auth)

    async def may_change(self, key: str, request: Request) -> bool:
        """Whether LiteLLM takes this key for that of a proxy admin who may do more than look."""
        auth = await _auth_of(key, request)
        return auth is not None and may_change(auth)

    def lifetime(self, key: str) -> int:
        """How many seconds a session for this key is good."""
        return LIFETIME if hmac.compare_digest(key.encode(), (_master_key() or "").encode()) else SHORT_LIFETIME


def _master_key() -> str | None:
    return proxy_server.master_key


async def _auth_of(key: str, request: Request) -> UserAPIKeyAuth | None:
    """Whose key LiteLLM takes this for; None for one that it refuses."""
    # Latin-1 is what a header can hold; no key has anything else.
    header = f"Bearer {key}".encode("latin-1", "replace")
    scope: dict[str, Any] = {
        "type": "http",
        "method": "GET",
        "path": _PROBE,
        "raw_path": _PROBE.encode(),
        "query_string": b"",
        "headers": [(b"authorization", header)],
        "client": request.scope.get("client"),
        "server": request.scope.get("server"),
        "scheme": request.scope.get("scheme", "http"),
        "app": request.scope.get("app"),
        "state": {},
    }
    try:
        return await user_api_key_auth(
            request=Request(scope, _no_body),
            api_key=header.decode("latin-1"),
            azure_api_key_header="",
            anthropic_api_key_header=None,
            google_ai_studio_api_key_header=None,
            azure_apim_header=None,
            custom_litellm_key_header=None,
        )
    except Exception:
        # LiteLLM refuses with errors of many classes, and its custom authentication with any at all.
        return None


async def _no_body() -> dict[str, object]:
    return {"type": "http.request", "body": b"", "more_body": False}
