"""Keys, users and teams over HTTP, under `/thriftgate/`: what `thriftgate keys`, `users` and `teams` do, for admins.

A key's text is in the answer that makes it, and nowhere afterwards. Who may only look may list, and not make.

Failure behaviour: 400 for what makes no sense, 403 for who is no admin, 404 for who is not there and where `identity`
is off, 503 when the database is away; nothing is then changed.
"""

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, HTTPException, Response
from pydantic import BaseModel, ConfigDict, Field

from thriftgate.config.sections.base import Duration
from thriftgate.errors import GatewayError, StoreUnavailableError
from thriftgate.identity.budgets import Account
from thriftgate.identity.fields import key_fields, owner_fields
from thriftgate.ports import Clock
from thriftgate.proxy.api.operator_api import Auth, require_admin, require_viewer
from thriftgate.services.identity.administration import IdentityAdministration, OwnerKind
from thriftgate.services.identity.budgets import BudgetService

Values = Annotated[dict[str, Any], Body()]


class RotateRequest(BaseModel):
    """How a key gets another secret."""

    model_config = ConfigDict(extra="forbid")

    grace: Duration = Field(default=0.0, ge=0, le=7_776_000, description="The old secret is good for so long.")


def identity_api(administration: Callable[[], IdentityAdministration | None], clock: Clock) -> APIRouter:
    """The endpoints, to be included in the proxy's app; `administration` gives None where `identity` is off."""
    router = APIRouter(prefix="/thriftgate", tags=["thriftgate"])

    @asynccontextmanager
    async def opened() -> AsyncGenerator[IdentityAdministration]:
        one = administration()
        if one is None:
            raise HTTPException(404, "keys are off: add the section `identity` to the configuration")
        try:
            yield one
        except GatewayError as error:
            raise HTTPException(error.status_code, error.message) from None

    _add_keys(router, opened, clock)
    _add_owners(router, opened, "team")
    _add_owners(router, opened, "user")
    return router


_Opened = Any
"""The context manager of `identity_api`, in which errors become HTTP."""


def _add_keys(router: APIRouter, opened: _Opened, clock: Clock) -> None:
    @router.get("/keys")
    async def keys(auth: Auth, user: str | None = None, team: str | None = None) -> dict[str, Any]:
        """Every key, or those of a user or team."""
        require_viewer(auth)
        async with opened() as one:
            found = await one.keys(user_id=user, team_id=team)
        return {"keys": [key_fields(key, now=clock.time()) for key in found]}

    @router.post("/keys", status_code=201)
    async def create(values: Values, auth: Auth, response: Response) -> dict[str, Any]:
        """A new key; its text is shown only here."""
        require_admin(auth)
        async with opened() as one:
            key, made = await one.create_key(values)
        response.headers["cache-control"] = "no-store"
        return {"key": made.text, **key_fields(key, now=clock.time())}

    @router.get("/keys/{key_id}")
    async def key(key_id: str, auth: Auth) -> dict[str, Any]:
        """One key."""
        require_viewer(auth)
        async with opened() as one:
            return key_fields(await one.key(key_id), now=clock.time())

    @router.patch("/keys/{key_id}")
    async def change(key_id: str, values: Values, auth: Auth) -> dict[str, Any]:
        """Change what a key may do: what is named, and null takes a setting away."""
        require_admin(auth)
        async with opened() as one:
            return key_fields(await one.change_key(key_id, values), now=clock.time())

    @router.post("/keys/{key_id}/revoke")
    async def revoke(key_id: str, auth: Auth) -> dict[str, Any]:
        """The key opens nothing any more, in every worker within a second."""
        require_admin(auth)
        async with opened() as one:
            return key_fields(await one.revoke_key(key_id), now=clock.time())

    @router.post("/keys/{key_id}/rotate")
    async def rotate(key_id: str, auth: Auth, response: Response, body: RotateRequest | None = None) -> dict[str, Any]:
        """Another secret for the key; it is shown only here."""
        require_admin(auth)
        async with opened() as one:
            key, made = await one.rotate_key(key_id, grace=body.grace if body else 0.0)
        response.headers["cache-control"] = "no-store"
        return {"key": made.text, **key_fields(key, now=clock.time())}


def _add_owners(router: APIRouter, opened: _Opened, kind: OwnerKind) -> None:
    @router.get(f"/{kind}s", name=f"{kind}s", description=f"Every {kind}.")
    async def owners(auth: Auth) -> dict[str, Any]:
        require_viewer(auth)
        async with opened() as one:
            return {f"{kind}s": [owner_fields(owner) for owner in await one.owners(kind)]}

    @router.post(f"/{kind}s", status_code=201, name=f"create {kind}", description=f"A new {kind}, by its `id`.")
    async def create(values: Values, auth: Auth) -> dict[str, Any]:
        require_admin(auth)
        async with opened() as one:
            return owner_fields(await one.create_owner(kind, *_named(values)))

    @router.get(f"/{kind}s/{{name}}", name=kind, description=f"One {kind}.")
    async def owner(name: str, auth: Auth) -> dict[str, Any]:
        require_viewer(auth)
        async with opened() as one:
            return owner_fields(await one.owner(kind, name))

    said = f"Change what a {kind} may do: what is named, and null takes a setting away."

    @router.patch(f"/{kind}s/{{name}}", name=f"change {kind}", description=said)
    async def change(name: str, values: Values, auth: Auth) -> dict[str, Any]:
        require_admin(auth)
        async with opened() as one:
            return owner_fields(await one.change_owner(kind, name, values))


def budgets_api(budgets: Callable[[], BudgetService]) -> APIRouter:
    """What has gone from an account, to be included in the proxy's app."""
    router = APIRouter(prefix="/thriftgate", tags=["thriftgate"])

    @router.get("/budgets/{kind}/{name}")
    async def spent(kind: Literal["key", "user", "team", "route"], name: str, auth: Auth) -> dict[str, Any]:
        """What a key, user, team or route has spent, and what requests under way hold, in this day and month."""
        require_viewer(auth)
        try:
            found = await budgets().balances(Account(kind, name))
        except StoreUnavailableError as error:
            raise HTTPException(503, "the budgets are away") from error
        return {
            "windows": [
                {
                    "window": window.name,
                    "spent_usd": round(balance.spent_usd, 9),
                    "reserved_usd": round(balance.reserved_usd, 9),
                }
                for window, balance in found
            ]
        }

    return router


def _named(values: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """The id, and the rest."""
    name = values.get("id")
    if not isinstance(name, str):
        raise HTTPException(400, "`id` must say what it is called")
    return name, {key: value for key, value in values.items() if key != "id"}
