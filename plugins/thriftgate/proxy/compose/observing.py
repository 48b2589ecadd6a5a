"""Builds what watches the requests: metrics for all workers together, and the request log.

Failure behaviour: nothing is raised; see `metrics.py` and `logs.py`.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from thriftgate.config import ThriftgateConfig
from thriftgate.ports import Clock, Ledger
from thriftgate.proxy.api.metrics import MetricsReader
from thriftgate.proxy.books.logs import RequestLog, open_logs
from thriftgate.proxy.edge import current
from thriftgate.proxy.tiers.breaker import Breaker
from thriftgate.services.books.overview import PERIODS, OverviewService
from thriftgate.services.books.promises import promises_of
from thriftgate.services.books.standing import RouteStanding
from thriftgate.services.request.background import BackgroundTasks
from thriftgate.services.telemetry.metrics import Metrics
from thriftgate.services.telemetry.state import StandingWatch, WorkQueue
from thriftgate.stores.files.metrics import FOLDER, MetricFiles
from thriftgate.stores.files.prompt_sources import STOPS, OpenPrompts
from thriftgate.stores.files.prompt_stops import PromptStops
from thriftgate.stores.postgres.connection.database import Database
from thriftgate.stores.postgres.ledger.overview import PostgresOverview
from thriftgate.types import RequestRecord

_OF_THE_LAST = PERIODS["7d"]


def log_sinks(config: ThriftgateConfig) -> Sequence[Callable[[RequestRecord], None]]:
    """Where records go besides the ledger: the request log, when it is on."""
    if config.logs is None:
        return ()
    open_logs(config.logs, _request)
    return (RequestLog().submit,)


def _request() -> Mapping[str, str]:
    edge = current.get()
    return {} if edge is None else {"request_id": edge.request_id, "route": edge.route}


def open_metrics(
    config: ThriftgateConfig,
    metrics: Metrics,
    *,
    base_dir: Path,
    database: Database,
    ledger: Ledger,
    prompts: OpenPrompts,
    queues: Mapping[str, WorkQueue],
    background: BackgroundTasks,
    breaker: Breaker,
    clock: Clock,
) -> MetricsReader:
    """The metrics of this worker; it reads the ledger only after somebody has asked for the metrics."""
    data_dir = base_dir / config.data_dir

    async def standings() -> Sequence[RouteStanding]:
        overviews = OverviewService(
            PostgresOverview(database),
            ledger,
            prompts.source,
            PromptStops(data_dir / STOPS),
            promises_of(config, base_dir),
            clock,
        )
        return (await overviews.get(_OF_THE_LAST)).standings

    return MetricsReader(
        metrics,
        MetricFiles(data_dir / FOLDER),
        queues=queues,
        background=background,
        deployments=breaker,
        standings=StandingWatch(standings, background, clock),
    )
