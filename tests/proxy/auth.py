"""Custom authentication of the test proxy: `sk-<key>-<team>-<user>` is who it says; copied beside the config.

The key `limited` may ask once a minute, `single` one thing at a time and `wordy` for 1,000 tokens a minute; `frugal`
has spent nearly all of its budget, and that of `reserved` is one request's; `viewer` is an admin who may only look.
"""

import hashlib

from fastapi import HTTPException, Request
from litellm.exceptions import BudgetExceededError
from litellm.proxy._types import LitellmUserRoles, ProxyException, UserAPIKeyAuth

_WAYS = {
    "plain-exception": lambda: Exception("no such key"),
    "value-error": lambda: ValueError("no such key"),
    "forbidden": lambda: HTTPException(403, "no such key"),
    "proxy-exception": lambda: ProxyException(message="no such key", type="auth_error", param="key", code=401),
}
"""What companies raise for a key that they do not know."""


async def authenticate(request: Request, api_key: str) -> UserAPIKeyAuth:
    if api_key == "sk-master-of-the-tests-0123456789abcdef":
        return UserAPIKeyAuth(api_key=api_key, user_role=LitellmUserRoles.PROXY_ADMIN)
    if api_key in _WAYS:
        raise _WAYS[api_key]()
    parts = api_key.removeprefix("sk-").split("-")
    if not api_key.startswith("sk-") or len(parts) != 3:
        raise HTTPException(401, "no such key")
    key, team, user = parts
    digest = hashlib.sha256(api_key.encode()).hexdigest()
    if key == "broke":
        raise BudgetExceededError(current_cost=2.0, max_budget=1.0)
    limit = 1 if key == "limited" else None
    spend, budget = {"frugal": (0.99, 1.0), "reserved": (0.0, 0.0015)}.get(key, (0.0, None))
    return UserAPIKeyAuth(
        api_key=digest, key_alias=key, team_id=team, team_alias=f"team {team}", user_id=user, rpm_limit=limit,
        user_role=LitellmUserRoles.PROXY_ADMIN_VIEW_ONLY if key == "viewer" else None,
        max_parallel_requests=1 if key == "single" else None, tpm_limit=1000 if key == "wordy" else None,
        spend=spend, max_budget=budget, metadata={"tier": key} if key in ("patient", "batch") else {},
    )  # fmt: skip
