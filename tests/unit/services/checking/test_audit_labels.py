"""Labels out of the ledger: what was audited, with what its request took, and why the rest is left out."""

from typing import Any

import numpy as np
from tests.fakes import MemoryLedger

from thriftgate.cascade.calibration.calibration import Promise, calibrate
from thriftgate.cascade.calibration.report import artefact_of
from thriftgate.services.checking.audit_labels import AuditLabels, read_audit_labels
from thriftgate.types import Audit, AuditKind, Caller, CallPurpose, DecisionKind, PromptRef, RequestRecord, TierCall

TIERS = ("small", "large")


def call(model: str, cost_usd: float, purpose: CallPurpose = CallPurpose.ANSWER) -> TierCall:
    return TierCall(model=model, purpose=purpose, started_at=0.0, duration=0.1, cost_usd=cost_usd)


async def remember(
    ledger: MemoryLedger, number: int, *, calls: tuple[TierCall, ...] = (), version: str = "", **fields: Any
) -> None:
    """One request and its audit."""
    record = RequestRecord(
        request_id=f"r{number}", route="support", caller=Caller(key_hash="k"), started_at=float(number), duration=0.1,
        decision=DecisionKind.ACCEPTED, calls=calls or (call("small", 0.01),),
        prompt=PromptRef(name="support", variant="control", version=version) if version else None,
    )  # fmt: skip
    await ledger.record([record])
    details = {"signals": {"hedges": 0.5}, "veto": None, "group": f"g{number}", "reference_cost_usd": 0.2}
    given: dict[str, Any] = {
        "request_id": f"r{number}", "kind": AuditKind.CASCADE, "route": "support", "tier": "small",
        "judged_at": float(number) + 1, "is_acceptable": True, "holdout": True, "details": details,
    }  # fmt: skip
    await ledger.add_audit(Audit(**(given | fields)))


async def read(ledger: MemoryLedger) -> AuditLabels:
    return await read_audit_labels(ledger, route="support", tiers=TIERS)


async def test_an_audit_becomes_a_label_with_what_both_answers_took() -> None:
    ledger = MemoryLedger()
    await remember(ledger, 1, calls=(call("small", 0.01), call("small", 0.02, CallPurpose.SECOND_SAMPLE)))
    await remember(ledger, 2, is_acceptable=False)
    first, second = (await read(ledger)).labels
    assert (first.quality, first.group) == ((1.0, 1.0), "r1")
    assert first.cost_usd == (0.03, 0.2)
    assert first.features == ({"hedges": 0.5},)
    assert second.quality == (0.0, 1.0)


async def test_a_reference_without_a_price_counts_as_the_strongest_tiers_mean() -> None:
    ledger = MemoryLedger()
    await remember(ledger, 1, details={"signals": {"hedges": 0.5}})
    await remember(ledger, 2, calls=(call("small", 0.01), call("large", 0.3)))
    await remember(ledger, 3, calls=(call("small", 0.01), call("large", 0.5)))
    assert (await read(ledger)).labels[0].cost_usd == (0.01, 0.4)


async def test_what_teaches_nothing_is_left_out_and_counted() -> None:
    ledger = MemoryLedger()
    await remember(ledger, 1, version="old")
    await remember(ledger, 2, version="new", is_acceptable=None)
    await remember(ledger, 3, version="new", tier="tiny")
    await remember(ledger, 4, version="new")
    await ledger.add_audit(
        Audit(
            request_id="gone", kind=AuditKind.CASCADE, route="support", tier="small", judged_at=9.0,
            is_acceptable=True, holdout=True, details={"signals": {"hedges": 0.5}},
        )
    )  # fmt: skip
    found = await read(ledger)
    assert len(found.labels) == 1
    assert found.prompt_version == "new"
    assert found.left_out == {
        "the prompt had another version": 1,
        "the judge could not tell": 1,
        "the answer was not of small": 1,
        "the request is not in the ledger any more": 1,
    }


async def test_audits_alone_prove_a_promise_that_can_be_served_from() -> None:
    ledger, rng = MemoryLedger(), np.random.default_rng(0)
    for number in range(900):
        doubt = float(rng.uniform() < 0.4)
        good = bool(rng.uniform() < (0.4 if doubt else 0.995))
        details = {"signals": {"hedges": doubt, "answer_length": 3.0}, "reference_cost_usd": 0.2}
        await remember(ledger, number, is_acceptable=good, details=details)
    found = await read(ledger)
    calibration = calibrate(found.labels, Promise(0.05, 0.05), rng)
    artefact = artefact_of(calibration, tiers=TIERS, rng=rng, route="support")
    assert artefact.guarantee.holds
    assert artefact.labels == 900
    assert calibration.chosen is not None
    assert calibration.chosen.cost_share < 0.7
