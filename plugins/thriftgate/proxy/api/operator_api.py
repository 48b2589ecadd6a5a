"""Our own HTTP endpoints on the proxy, under `/thriftgate/`; for operators, behind the proxy's own authentication.

Failure behaviour: a store that is away gives 503; whoever is no proxy admin gets 403, and so does an admin who may only
look and wants to change something. Feedback may be given with any key, but only about requests of that key.
"""

import asyncio
import os
from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, HTTPException
from litellm.proxy._types import LitellmUserRoles, UserAPIKeyAuth
from litellm.proxy.auth.user_api_key_auth import user_api_key_auth
from pydantic import BaseModel, ConfigDict, Field

from thriftgate.caching.entries import PurgeFilter
from thriftgate.config.taken import TakenConfig
from thriftgate.errors import StoreUnavailableError
from thriftgate.proxy.compose.gateway import Gateway
from thriftgate.services.books.overview import PERIODS, OverviewService, figures_of

Auth = Annotated[UserAPIKeyAuth, Depends(user_api_key_auth)]


_OF_ONE_WORKER = ("deployments", "ledger", "budgets", "tracing", "outages", "away", "stores", "background")
"""What a worker knows of itself alone; what it knows from the ledger every worker says alike, a little later."""


class PurgeRequest(BaseModel):
    """Which cache entries to forget; all given conditions must hold."""

    model_config = ConfigDict(extra="forbid")

    route: str | None = None
    tag: str | None = None
    entry_id: str | None = None
    scope: str | None = None
    collection: str | None = None
    prompt_version: str | None = None
    prompt_versions_not: tuple[str, ...] = ()
    everything: bool = Field(default=False, description="Must be true when nothing else is given.")


class FeedbackRequest(BaseModel):
    """What a user thought of an answer."""

    model_config = ConfigDict(extra="forbid")

    request_id: str = Field(min_length=1, max_length=200)
    is_correct: bool


def operator_api(gateway: Callable[[], Gateway], overviews: Callable[[], OverviewService]) -> APIRouter:
    """The endpoints, to be included in the proxy's app."""
    router = APIRouter(prefix="/thriftgate", tags=["thriftgate"])

    @router.get("/status")
    async def status(auth: Auth, period: Literal["1h", "24h", "7d", "30d"] | None = None) -> dict[str, Any]:
        """Every deployment with its breaker's state, and what waits or was lost; of a `period` also the figures."""
        require_viewer(auth)
        one = gateway()
        return {
            **({"figures": await _figures(overviews(), period)} if period else {}),
            "routes": sorted(one.routes),
            "worker": {"pid": os.getpid(), "knows_alone": _OF_ONE_WORKER},
            "deployments": [asdict(state) for state in await one.breaker.states()],
            "ledger": {"waiting": one.writer.waiting, "dropped": one.writer.dropped},
            "budgets": {"waiting": one.budgets.waiting, "dropped": one.budgets.dropped},
            "tracing": one.traces and {name: asdict(state) for name, state in one.traces.states().items()},
            "configuration": await _configuration(one.taken),
            "prompts": {"problems": [str(problem) for problem in one.prompts.source.snapshot().problems]},
            "outages": [asdict(line) for line in one.away],
            "away": {name: asdict(found) for name, found in one.outages.all.items()},
            "stores": {"redis_slow": one.redis.slow} if one.redis is not None else {},
            "background": {"failures": dict(one.background.failures), "dropped": dict(one.background.dropped)},
        }

    @router.post("/cache/purge")
    async def purge(body: PurgeRequest, auth: Auth) -> dict[str, int]:
        """Forget cached answers by route, tag, entry, scope, collection or version of the prompt."""
        require_admin(auth)
        one = gateway()
        what = PurgeFilter(**body.model_dump(exclude={"everything"}))
        if what == PurgeFilter() and not body.everything:
            raise HTTPException(400, "name a route, a tag, an entry or another condition, or set 'everything'")
        if one.cache is None:
            return {"purged": 0}
        try:
            return {"purged": await one.cache.purge(what)}
        except StoreUnavailableError as error:
            raise HTTPException(503, "the cache is away") from error

    @router.post("/feedback", status_code=202)
    async def feedback(body: FeedbackRequest, auth: Auth) -> dict[str, str]:
        """Say whether an answer was right; the cache and the cascade learn from it."""
        one = gateway()
        try:
            is_known = await one.feedback.take(
                body.request_id,
                is_correct=body.is_correct,
                key_hash=None if may_change(auth) else auth.api_key or auth.token,
            )
        except StoreUnavailableError as error:
            raise HTTPException(503, "the ledger is away") from error
        if not is_known:
            raise HTTPException(404, "there is no such request of this key")
        return {"status": "accepted"}

    return router


async def _configuration(taken: TakenConfig | None) -> dict[str, Any] | None:
    """When it was read, and which of its files are no longer what was read; None where `up` did not start us."""
    if taken is None:
        return None
    return {"read_at": taken.at, "changed": await asyncio.to_thread(taken.changed), "command": taken.command}


async def _figures(overviews: OverviewService, period: str) -> dict[str, Any] | None:
    """None while the ledger is away: the rest of the status is worth having then above all."""
    try:
        return figures_of(await overviews.get(PERIODS[period]))
    except StoreUnavailableError:
        return None


def is_admin(auth: UserAPIKeyAuth) -> bool:
    """Whether a key is a proxy admin's, also of one who may only look."""
    return may_change(auth) or auth.user_role == LitellmUserRoles.PROXY_ADMIN_VIEW_ONLY


def may_change(auth: UserAPIKeyAuth) -> bool:
    """Whether a key is of a proxy admin who may do more than look."""
    return auth.user_role == LitellmUserRoles.PROXY_ADMIN


def require_viewer(auth: UserAPIKeyAuth) -> None:
    """Let every proxy admin look. Raises HTTPException 403."""
    if not is_admin(auth):
        raise HTTPException(403, "this is for proxy admins: use the master key")


def require_admin(auth: UserAPIKeyAuth) -> None:
    """Let only proxy admins who may do more than look. Raises HTTPException 403."""
    if not may_change(auth):
        raise HTTPException(403, "this is for proxy admins who may change things: use the master key")
