"""Builds the limits, and puts them around and into LiteLLM's proxy.

Failure behaviour: nothing is asked of the store before the first request; see `services/limits/`.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import litellm
from fastapi import FastAPI
from litellm.proxy import proxy_server

from thriftgate.config import ThriftgateConfig
from thriftgate.config.sections.limits import LimitsConfig
from thriftgate.ports import Clock
from thriftgate.proxy.compose.stores import token_buckets
from thriftgate.proxy.limits.hooks import LimitHooks
from thriftgate.proxy.limits.layer import LimitLayer
from thriftgate.services.limits.admission import Admission
from thriftgate.services.request.outages import Outages
from thriftgate.services.telemetry.metrics import Samples
from thriftgate.services.upkeep.jobs import Job
from thriftgate.stores.postgres.connection.database import Database

if TYPE_CHECKING:
    from thriftgate.stores.redis.connection import RedisServer

_EVERY_SECOND = 1.0
_RENEWALS = 3
"""In each lease."""


def open_limits(
    config: ThriftgateConfig,
    *,
    redis: "RedisServer | None",
    database: Database,
    clock: Clock,
    samples: Samples,
    outages: Outages,
) -> Admission | None:
    """The limits of this worker; None where there are none."""
    if config.limits is None:
        return None
    return Admission(config.limits, token_buckets(redis, database), clock=clock, samples=samples, outages=outages)


def limit_jobs(config: LimitsConfig, admission: Admission) -> Sequence[Job]:
    """What limits do by themselves from time to time."""
    jobs = [Job("limits_look", _EVERY_SECOND, admission.look)]
    if config.rules:
        jobs += [
            Job("limits_leases", config.lease / _RENEWALS, admission.renew),
            Job("limits_sweep", _EVERY_SECOND, admission.sweep),
        ]
    return jobs


def install_limits(
    app: FastAPI, config: LimitsConfig, admission: Admission, routes: Callable[[], Mapping[str, str]]
) -> None:
    """Put the layer around every endpoint, inside LiteLLM's own middlewares, and the hook before every call."""
    router = app.router
    router.middleware_stack = LimitLayer(router.middleware_stack, lambda: admission, key_header=_key_header)
    hooks = LimitHooks(
        lambda: admission,
        behind=lambda name: _behind(name, routes()),
        max_answer_tokens=config.ladder.max_answer_tokens if config.ladder else None,
        comments_after=config.queue.comments_after if config.queue else None,
    )
    litellm.logging_callback_manager.add_litellm_callback(hooks)


def _key_header() -> str | None:
    settings = cast("Mapping[str, object]", proxy_server.general_settings)
    name = settings.get("litellm_key_header_name")
    return name if isinstance(name, str) else None


def _behind(name: str, routes: Mapping[str, str]) -> tuple[str, bool]:
    """The route or model group that a client's model name leads to, and whether it is a route."""
    if name in routes:
        return routes[name], True
    router = proxy_server.llm_router
    aliases = cast("Mapping[str, Any]", getattr(router, "model_group_alias", None) or {})
    alias: object = aliases.get(name)
    if isinstance(alias, Mapping):
        alias = cast("Mapping[str, object]", alias).get("model")
    if not isinstance(alias, str):
        return name, False
    return routes.get(alias, alias), alias in routes
