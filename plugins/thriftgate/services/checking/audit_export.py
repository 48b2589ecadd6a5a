"""Audited conversations with both answers, out of the ledger: to read, to label by hand, to fine-tune a small model on.

Failure behaviour: raises what the ledger raises (StoreUnavailableError). Audits of requests whose content was not
captured have nothing to tell and are counted.
"""

from collections import Counter
from collections.abc import AsyncGenerator, Mapping
from typing import Any

from thriftgate.ports import Ledger
from thriftgate.services.checking.audit_labels import LONGEST_AFTER
from thriftgate.types import Audit, AuditKind, RequestRecord


async def audited_conversations(
    ledger: Ledger, *, route: str, since: float | None = None, left_out: Counter[str]
) -> AsyncGenerator[Mapping[str, Any]]:
    """One JSON object for each audit of the route, as `cascade.label_file` reads it.

    `messages` is the conversation as the model got it, the route's prompt included. `left_out` counts the audits that
    give no line, by the reason.
    """
    found = await ledger.audits(route=route, kind=AuditKind.CASCADE, since=since)
    audits = {audit.request_id: audit for audit in found}
    left = set(audits)
    async for record in ledger.records(route=route, since=None if since is None else since - LONGEST_AFTER):
        audit = audits.get(record.request_id)
        if audit is None:
            continue
        left.discard(record.request_id)
        line = _line(audit, record)
        if isinstance(line, str):
            left_out[line] += 1
        else:
            yield line
    if left:
        left_out["the request is not in the ledger any more"] += len(left)


def _line(audit: Audit, record: RequestRecord) -> Mapping[str, Any] | str:
    """The line, or why there is none."""
    content: Mapping[str, Any] | None = audit.details.get("content")
    if audit.is_acceptable is None:
        return "the judge could not tell"
    if not content:
        return "the content was not captured"
    return {
        "request_id": record.request_id,
        **content,
        "label": audit.is_acceptable,
        "prompt_version": record.prompt.version if record.prompt else "",
    }
