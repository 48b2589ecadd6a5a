"""The metrics endpoint: what all workers of this gateway have counted, whichever of them is asked.

`/thriftgate/metrics` is read by proxy admins and, where the operator says so, by a scraper's own token or by
everybody. `/metrics` is the same under the usual name, with two limits that LiteLLM sets: its middleware lets only
its own keys through there (unless `require_auth_for_metrics_endpoint: false`), and when its `prometheus` callback is
on, the path is LiteLLM's.

Failure behaviour: what other workers wrote and cannot be read is counted and left out; when the folder cannot be used
at all, a worker answers for itself alone. Nothing here is waited for by requests.
"""

import asyncio
import hmac
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from importlib.metadata import version
from typing import TYPE_CHECKING, Protocol

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.routing import APIRoute
from starlette.routing import Match, Mount
from starlette.types import Scope

from thriftgate.config.sections.observability import MetricsConfig
from thriftgate.services.request.background import BackgroundTasks
from thriftgate.services.telemetry import catalogue
from thriftgate.services.telemetry.exposition import exposed
from thriftgate.services.telemetry.metrics import Metrics, Samples, merged
from thriftgate.services.telemetry.state import StandingWatch, WorkQueue, put_standings, put_work
from thriftgate.stores.files.metrics import MetricFiles

if TYPE_CHECKING:
    from thriftgate.proxy.tiers.breaker import DeploymentState

logger = logging.getLogger(__name__)

PATH = "/thriftgate/metrics"
USUAL_PATH = "/metrics"
WRITE_EVERY = 2.0
"""Seconds: so old may be what a scrape says of the workers that were not asked."""

Guard = Callable[[str, Request], Awaitable[bool]]


class Deployments(Protocol):
    """Knows which deployments the breaker leaves out."""

    async def states(self) -> "Sequence[DeploymentState]":
        """Every deployment. Raises RuntimeError while the proxy does not know them yet."""
        ...


class MetricsReader:
    """Puts together what this worker counts, what it is doing, and what the other workers wrote."""

    def __init__(
        self,
        metrics: Metrics,
        files: MetricFiles,
        *,
        queues: Mapping[str, WorkQueue],
        background: BackgroundTasks,
        deployments: Deployments,
        standings: StandingWatch,
    ) -> None:
        self._metrics = metrics
        self._files = files
        self._queues = dict(queues)
        self._background = background
        self._deployments = deployments
        self._standings = standings
        self._problems = 0
        self._has_warned = False
        self._writing = asyncio.Lock()

    async def share(self) -> Samples:
        """Write what the other workers may say of this one, and give it; never raises OSError."""
        async with self._writing:  # what is read later is written later: a file never falls back
            samples = await self._own()
            try:
                await asyncio.to_thread(self._files.write, samples.to_json())
            except OSError as error:
                self._problem(error)
            return samples

    def close(self) -> None:
        """Leave the last word, and count as ended."""
        try:
            self._files.write(self._metrics.samples.to_json())
        except OSError as error:
            self._problem(error)
        self._files.close()

    async def exposition(self, accept: str) -> tuple[bytes, str]:
        """The body of a scrape and its content type.

        What it says of this worker is written first: another worker that is asked next says no less, as it must, since
        Prometheus takes a counter that falls for one that began anew and adds all of it once more.
        """
        own = await self.share()
        standings = self._standings.standings()
        return await asyncio.to_thread(self._exposed, own, partial(put_standings, standings=standings), accept)

    def _exposed(self, own: Samples, complete: Callable[[Samples], None], accept: str) -> tuple[bytes, str]:
        whole = merged(own, self._others())
        complete(whole)
        whole.put(catalogue.BUILD, (version("thriftgate"),), 1)
        return exposed(whole, accept=accept)

    async def _own(self) -> Samples:
        samples = merged(self._metrics.samples, ())
        put_work(samples, self._queues, self._background)
        samples.put(catalogue.WORKERS, (), 1)
        samples.put(catalogue.SCRAPE_PROBLEMS, (), self._problems + self._files.unreadable)
        for one in await self._states():
            labels = one.group, one.model
            is_cold = max(samples.value(catalogue.COOLING_DOWN.name, *labels), float(one.is_cooling_down))
            samples.put(catalogue.COOLING_DOWN, labels, is_cold)
        return samples

    async def _states(self) -> "Sequence[DeploymentState]":
        try:
            return await self._deployments.states()
        except RuntimeError:
            return ()

    def _others(self) -> Sequence[tuple[Samples, bool]]:
        found: list[tuple[Samples, bool]] = []
        try:
            for snapshot, is_alive in self._files.others():
                try:
                    found.append((Samples.from_json(snapshot), is_alive))
                except ValueError:
                    self._problems += 1
        except OSError as error:
            self._problem(error)
        return found

    def _problem(self, error: OSError) -> None:
        self._problems += 1
        if not self._has_warned:
            self._has_warned = True
            logger.warning("metrics of several workers cannot be added up: %s", type(error).__name__)


class _YieldingRoute(APIRoute):
    """Stands back where something else is mounted at its path."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        app: object = scope.get("app")
        if isinstance(app, FastAPI) and any(isinstance(one, Mount) and one.path == self.path for one in app.routes):
            return Match.NONE, {}
        return super().matches(scope)


def metrics_api(reader: Callable[[], MetricsReader], config: MetricsConfig, is_operator: Guard) -> APIRouter:
    """The endpoints, to be included in the proxy's app; `is_operator` is asked of keys that are not the token."""
    router = APIRouter(include_in_schema=False)

    async def metrics(request: Request) -> Response:
        if not config.public:
            key = _bearer(request)
            if not _is_token(key, config.token) and not (key and await is_operator(key, request)):
                return Response("a proxy admin's key, or metrics.token, may read this\n", 403 if key else 401)
        body, content_type = await reader().exposition(request.headers.get("accept", ""))
        return Response(body, headers={"Content-Type": content_type, "Cache-Control": "no-store"})

    router.add_api_route(PATH, metrics, methods=["GET"])
    router.routes.append(_YieldingRoute(USUAL_PATH, metrics, methods=["GET"], include_in_schema=False))
    return router


def _bearer(request: Request) -> str:
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""


def _is_token(key: str, token: str | None) -> bool:
    return token is not None and hmac.compare_digest(key.encode(), token.encode())
