"""What `thriftgate langfuse status` and `thriftgate doctor` look at: Langfuse itself, and the gateway's queue for it.

Failure behaviour: nothing here raises; what cannot be had is said in words. No key is ever among them.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

from thriftgate.config import ThriftgateConfig
from thriftgate.wording import moment


@dataclass(frozen=True, slots=True)
class Look:
    """What one look found."""

    level: Literal["ok", "note", "failed"]
    words: str


def look_at_langfuse(config: ThriftgateConfig, environ: Mapping[str, str], *, patience: float) -> Look:
    """Whether Langfuse answers and accepts the keys."""
    from thriftgate.config.checks.tracing import KEYS, check_tracing, is_traced
    from thriftgate.stores.langfuse.client import keys_from
    from thriftgate.stores.langfuse.intake import LangfuseIntake
    from thriftgate.tracing.delivery import Away

    problems = list(check_tracing(config, {}, environ))
    if problems:
        level = "note" if all(one.is_warning for one in problems) else "failed"
        return Look(level, "; ".join(one.problem.message for one in problems))
    if not is_traced(config, environ):
        why = "it is turned off" if all(environ.get(name) for name in KEYS) else f"{' and '.join(KEYS)} are not set"
        return Look("ok", f"no traces are sent: {why}")
    intake = LangfuseIntake(keys_from(environ), timeout=patience)
    try:
        project = intake.project()
    finally:
        intake.close()
    if isinstance(project, Away):
        return Look("failed", f"{project.reason}; requests are served all the same, and the ledger keeps their traces")
    return Look("ok", f"takes traces for the project '{project}'")


def look_at_queue(base_url: str, master_key: str | None, *, patience: float) -> Look | None:
    """What waits in a running gateway and what it lost; None where it cannot be asked or sends no traces."""
    queues: object = read_status(base_url, master_key, patience=patience).get("tracing")
    return describe_queues(cast("Mapping[str, Mapping[str, Any]]", queues)) if isinstance(queues, Mapping) else None


def look_without_queue(base_url: str, master_key: str | None, *, patience: float) -> Look:
    """Why `look_at_queue` found nothing."""
    if not base_url.startswith(("http://", "https://")):
        return Look("note", f"'{base_url}' is no address: it must begin with http:// or https://")
    if master_key is None:
        return Look("note", "it cannot be asked without the master key: set LITELLM_MASTER_KEY")
    if read_status(base_url, master_key, patience=patience):
        return Look("ok", f"it runs at {base_url} and sends no traces: it was started without Langfuse's keys")
    return Look("note", f"none that takes the master key answers at {base_url}")


def look_at_outages(base_url: str, master_key: str | None, *, patience: float) -> list[Look]:
    """What a running gateway has to do without, or had to: since when, why, and what that cost."""
    lines: object = read_status(base_url, master_key, patience=patience).get("outages")
    found = cast("list[Any]", lines) if isinstance(lines, list) else []
    return [_outage(cast("Mapping[str, Any]", line)) for line in found if isinstance(line, Mapping)]


def _outage(line: Mapping[str, Any]) -> Look:
    since, what = line.get("since"), f"{line.get('why')}; {line.get('cost')}"
    if not isinstance(since, int | float):
        return Look("ok", f"{line.get('name')} is back; it was away: {what}")
    return Look("note", f"{line.get('name')} is away since {moment(since)}: {what}")


def read_status(base_url: str, master_key: str | None, *, patience: float) -> Mapping[str, Any]:
    """What `/thriftgate/status` says; empty where it cannot be asked."""
    import urllib.request

    address = f"{base_url.rstrip('/')}/thriftgate/status"
    if master_key is None or not address.startswith(("http://", "https://")):
        return {}
    request = urllib.request.Request(address, headers={"Authorization": f"Bearer {master_key}"})
    try:
        with urllib.request.urlopen(request, timeout=patience) as response:
            status: Any = json.load(response)
    except (OSError, ValueError):
        return {}
    return cast("Mapping[str, Any]", status) if isinstance(status, Mapping) else {}


def describe_queues(queues: Mapping[str, Mapping[str, Any]]) -> Look:
    """The state of the gateway's queues in a sentence."""
    from thriftgate.services.telemetry.exporting import backfill_command

    words = ", ".join(
        f"{queue['sent']:,} {name} sent, {queue['waiting']:,} wait, {queue['dropped'] + queue['refused']:,} were lost"
        for name, queue in queues.items()
    )
    errors = {str(queue["last_error"]) for queue in queues.values() if queue["failures"]}
    lost = any(queue["dropped"] + queue["refused"] for queue in queues.values())
    if errors:
        words += f"; Langfuse {' and '.join(sorted(errors))}"
    if lost:
        since = min((at for queue in queues.values() if (at := queue.get("lost_since")) is not None), default=None)
        words += f"; `{backfill_command(since)}` sends what was lost"
    return Look("note" if errors or lost else "ok", words)
