"""Audited conversations as lines: what a person reads, and a small model learns from."""

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

from tests.fakes import MemoryLedger

from thriftgate.cascade.calibration.label_file import TierPrice, read_labels
from thriftgate.services.checking.audit_labels import audited_conversations
from thriftgate.types import Audit, AuditKind, Caller, DecisionKind, Message, PromptRef, RequestRecord

PROMPTED: tuple[Message, ...] = (
    {"role": "system", "content": "Be kind."},
    {"role": "user", "content": "How long does ß take?"},
)
CONTENT = {"messages": list(PROMPTED), "cheap": "five days", "strong": "nine days"}


async def remember(ledger: MemoryLedger, number: int, **audit: Any) -> None:
    """One request and its audit."""
    record = RequestRecord(
        request_id=f"r{number}", route="support", caller=Caller(key_hash="k"), started_at=100.0 * number, duration=0.1,
        decision=DecisionKind.ACCEPTED, prompt=PromptRef(name="support", variant="control", version="v1"),
    )  # fmt: skip
    await ledger.record([record])
    given: dict[str, Any] = {
        "request_id": f"r{number}", "kind": AuditKind.CASCADE, "route": "support", "tier": "small",
        "judged_at": 100.0 * number + 1, "is_acceptable": False, "holdout": True,
        "details": {"signals": {"hedges": 0.5}, "content": CONTENT},
    }  # fmt: skip
    await ledger.add_audit(Audit(**(given | audit)))


async def read(ledger: MemoryLedger, **options: Any) -> tuple[list[Mapping[str, Any]], Counter[str]]:
    left_out: Counter[str] = Counter()
    lines = [line async for line in audited_conversations(ledger, route="support", left_out=left_out, **options)]
    return lines, left_out


async def test_a_line_has_the_conversation_as_the_model_got_it_and_both_answers() -> None:
    ledger = MemoryLedger()
    await remember(ledger, 1)
    (line,), left_out = await read(ledger)
    assert line == {
        "request_id": "r1",
        "messages": list(PROMPTED),
        "cheap": "five days",
        "strong": "nine days",
        "label": False,
        "prompt_version": "v1",
    }
    assert not left_out


async def test_calibration_reads_the_lines() -> None:
    ledger = MemoryLedger()
    await remember(ledger, 1)
    await remember(ledger, 2, is_acceptable=True, details={"content": {**CONTENT, "strong": "5 days"}})
    lines, _ = await read(ledger)
    prices = {"small": TierPrice(1e-6, 1e-6), "large": TierPrice(1e-5, 1e-5)}
    found = read_labels(map(json.dumps, lines), tiers=("small", "large"), prices=prices)
    assert not found.problems
    assert [label.quality for label in found.labels] == [(0.0, 1.0), (1.0, 1.0)]
    assert found.prompt_version == "v1"


async def test_what_was_not_captured_or_not_judged_is_left_out_and_counted() -> None:
    ledger = MemoryLedger()
    await remember(ledger, 1, details={"signals": {}})
    await remember(ledger, 2, is_acceptable=None)
    await ledger.add_audit(
        Audit(
            request_id="gone", kind=AuditKind.CASCADE, route="support", tier="small", judged_at=1.0, is_acceptable=True
        )
    )
    lines, left_out = await read(ledger)
    assert lines == []
    assert left_out == {
        "the content was not captured": 1,
        "the judge could not tell": 1,
        "the request is not in the ledger any more": 1,
    }


async def test_only_audits_of_the_asked_time_are_written() -> None:
    ledger = MemoryLedger()
    await remember(ledger, 1)
    await remember(ledger, 2)
    lines, left_out = await read(ledger, since=200.0)
    assert [line["request_id"] for line in lines] == ["r2"]
    assert not left_out
