"""Builds the way of traces to Langfuse from the configuration and the environment.

Failure behaviour: tracing that is asked for and has no keys raises ConfigurationError at the start. With one of two
keys it is off, and a line in the log says so. A Langfuse that is away is nobody's business but the exporter's.
"""

import logging
import random
from collections.abc import Mapping

from thriftgate.config import ThriftgateConfig
from thriftgate.config.checks.routes import RouteFinding
from thriftgate.config.checks.tracing import check_tracing, is_traced
from thriftgate.config.problems import spell
from thriftgate.errors import ConfigurationError
from thriftgate.ports import Clock
from thriftgate.services.telemetry.exporting import ExportQueueLimits
from thriftgate.services.telemetry.trace_settings import settings_of
from thriftgate.services.telemetry.traces import TraceService
from thriftgate.stores.langfuse.client import keys_from
from thriftgate.stores.langfuse.intake import LangfuseIntake
from thriftgate.stores.langfuse.prompts import LangfuseNumbers

logger = logging.getLogger(__name__)


def open_traces(
    config: ThriftgateConfig, environ: Mapping[str, str], numbers: LangfuseNumbers | None, clock: Clock
) -> TraceService | None:
    """Sends traces to Langfuse; None where tracing is off. Raises ConfigurationError."""
    findings = list(check_tracing(config, {}, environ))
    if problems := [_words(finding) for finding in findings if not finding.is_warning]:
        raise ConfigurationError(problems)
    for finding in findings:
        logger.warning(_words(finding))
    if not is_traced(config, environ):
        return None
    langfuse = config.tracing.langfuse
    return TraceService(
        LangfuseIntake(keys_from(environ), timeout=langfuse.timeout),
        settings_of(config, environ, numbers),
        limits=ExportQueueLimits(max_items=langfuse.max_queue, max_bytes=langfuse.max_queue_bytes),
        flush_interval=langfuse.flush_interval,
        clock=clock,
        draw=random.random,
    )


def _words(finding: RouteFinding) -> str:
    return f"{spell(finding.problem.path)}: {finding.problem.message}"
