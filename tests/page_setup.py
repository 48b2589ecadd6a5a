"""A live page without a proxy around it: a ledger in memory, operators by a table, a clock that stands still."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from tests.fakes import FakeClock, MemoryLedger
from tests.memory_identity import MemoryIdentityStore
from tests.memory_overview import MemoryOverview

from thriftgate.prompts.registry import Registry
from thriftgate.proxy.page.routes import PageResponder, live_page
from thriftgate.proxy.page.sessions import Sessions
from thriftgate.proxy.page.state import QueueState, ShownDeployment, State
from thriftgate.services.books.key_use import KeyUses
from thriftgate.services.books.overview import OverviewService
from thriftgate.services.books.standing import RoutePromise
from thriftgate.services.identity.administration import IdentityAdministration
from thriftgate.stores.files.prompt_stops import PromptStops
from thriftgate.stores.files.prompts import PromptFiles
from thriftgate.types import Audit, AuditKind, Caller, DecisionKind, PromptRef, RequestRecord, Status, TierCall, Usage

MASTER_KEY = "sk-master-of-the-page-0123456789"
ADMIN_KEY = "sk-another-admin"
VIEWER_KEY = "sk-an-admin-who-may-only-look"
NOW = 1_795_457_000.0
PROMISE = RoutePromise(max_quality_loss=0.05, max_error=0.02)
HOSTILE = "<script>alert('x')</script>\"&{{7*7}}"
"""A name that must come out as it went in."""

EXPERIMENT = """
description: Answers customers.
labels: {production: control}
experiments:
  concise-answers:
    variants: {control: 80, concise: 20}
    unit: user
    metric: cost
"""


def request(number: int, decision: DecisionKind = DecisionKind.ACCEPTED, **fields: Any) -> RequestRecord:
    """One request, a second after the one before it; the cheap tier was asked, and the strong one after it."""
    calls = {
        DecisionKind.ACCEPTED: ("small",), DecisionKind.ESCALATED: ("small", "large"),
        DecisionKind.ONLY_TIER: ("large",), DecisionKind.FAILED: ("small", "large"),
    }.get(decision, ())  # fmt: skip
    tier = calls[-1] if calls else "small"
    reasons = {DecisionKind.ACCEPTED: "confident", DecisionKind.ESCALATED: "below_threshold",
               DecisionKind.ONLY_TIER: "tools_offered"}  # fmt: skip
    failed = decision is DecisionKind.FAILED
    plain = RequestRecord(
        request_id=f"request-{number:04d}",
        route="support",
        caller=Caller(user_id=f"user-{number % 11:02d}", team_id="acme", team_alias="Acme"),
        started_at=NOW - 3_000.0 + number,
        duration=0.3,
        status=Status.FAILED if failed else Status.OK,
        error="AllTiersFailedError 502" if failed else None,
        decision=decision,
        reason=reasons.get(decision),
        tier=tier,
        confidence=0.93 if decision is DecisionKind.ACCEPTED else 0.42,
        similarity=0.971 if decision is DecisionKind.SEMANTIC_HIT else None,
        usage=Usage(200, 40),
        cost_usd={"small": 0.0002, "large": 0.0024}[tier] if calls else 0.0,
        baseline_cost_usd=0.0021,
        calls=tuple(
            TierCall(
                model=model, deployment=f"openai/demo-{model}", started_at=NOW - 3_000.0 + number, duration=0.2,
                status=Status.FAILED if failed else Status.OK,
            )
            for model in calls
        ),
    )  # fmt: skip
    return replace(plain, **fields)


def day(n: int = 300, *, seed: int = 0) -> list[RequestRecord]:
    """Requests of every kind, over the last hour."""
    rng = random.Random(seed)
    kinds = rng.choices(list(DecisionKind), weights=[30, 8, 30, 22, 9, 1], k=n)
    return [
        request(
            number,
            kind,
            started_at=NOW - 3_500.0 * (1 - number / n),
            prompt=PromptRef(
                name="support",
                variant="concise" if number % 11 in (2, 7) else "control",
                version="v1",
                experiment="concise-answers",
            ),
        )
        for number, kind in enumerate(kinds)
    ]


def audit(record: RequestRecord, *, good: bool | None = True, kind: AuditKind = AuditKind.CASCADE) -> Audit:
    """A verdict on a request, drawn at random."""
    return Audit(
        request_id=record.request_id,
        kind=kind,
        route=record.route,
        tier=record.tier,
        judged_at=record.started_at + 1.0,
        is_acceptable=good,
        holdout=True,
        details={"is_accepted": True},
    )


@dataclass
class Admins:
    """Implements the page's `Operators`."""

    master_key: str | None = MASTER_KEY
    asked: list[str] = field(default_factory=list[str])

    def sessions(self) -> Sessions | None:
        return Sessions(self.master_key) if self.master_key else None

    def lifetime(self, key: str) -> int:
        return 8 * 3_600 if key == self.master_key else 3_600

    async def is_operator(self, key: str, request: Request) -> bool:
        self.asked.append(key)
        return key in (self.master_key, ADMIN_KEY, VIEWER_KEY)

    async def may_change(self, key: str, request: Request) -> bool:
        self.asked.append(key)
        return key in (self.master_key, ADMIN_KEY)


class NoPrompts:
    """A source without prompts."""

    def snapshot(self) -> Registry:
        return Registry({})

    async def refresh(self) -> Registry:
        return Registry({})


class PageSetup:
    """The page and everything around it."""

    def __init__(self, folder: Path) -> None:
        self.clock = FakeClock(NOW)
        self.ledger = MemoryLedger()
        self.admins = Admins()
        self.folder = folder
        self.state = State(
            queues=(
                QueueState("ledger", 3, 0, 0),
                QueueState("cache_refresh", None, 2, 1),
                QueueState("traces to Langfuse", 12, 0, 0, "3 tries in a row failed: no answer"),
            ),
            deployments=(
                ShownDeployment("small", "openai/demo-small", False, "healthy"),
                ShownDeployment("large", "openai/demo-large", True, "healthy"),
                ShownDeployment("large", "openai/demo-large-backup", False, "unknown"),
            ),
            load_steps={"support": ["relaxed_cache", "cheap_only"]},
        )
        self.prompts: PromptFiles | NoPrompts = NoPrompts()
        self.identities = MemoryIdentityStore()
        self.keys: KeyUses | None = None
        """Those of `identities`, once a test turns them on."""
        self.app = FastAPI()
        self.restart()

    def list_keys(self) -> None:
        """Turn keys of the gateway's own on."""
        administration = IdentityAdministration(self.identities, self.clock, entropy=bytes)
        self.keys = KeyUses(administration, self.ledger, self.clock)

    def restart(self) -> None:
        """Wire the page anew, with the prompts as they are."""
        self.overviews = OverviewService(
            MemoryOverview(self.ledger), self.ledger, self.prompts, PromptStops(self.folder / "experiments.json"),
            {"support": PROMISE}, self.clock,
        )  # fmt: skip

        async def state() -> State:
            return self.state

        self.app.router.routes.clear()
        self.app.include_router(
            live_page(PageResponder(self.admins, lambda: self.overviews, state, self.clock, lambda: self.keys))
        )

    async def fill(self, records: Sequence[RequestRecord]) -> None:
        """Book requests, with verdicts on some of them."""
        await self.ledger.record(records)
        for record in records:
            if record.decision is DecisionKind.ACCEPTED:
                await self.ledger.add_audit(audit(record, good=not record.request_id.endswith("7")))
            if record.decision is DecisionKind.SEMANTIC_HIT:
                await self.ledger.add_audit(audit(record, kind=AuditKind.CACHE))
            if record.decision is DecisionKind.EXACT_HIT:
                await self.ledger.add_audit(audit(record, kind=AuditKind.FEEDBACK))

    def begin_experiment(self) -> None:
        """Let the prompt `support` have two variants on trial."""
        prompt = self.folder / "prompts" / "support"
        prompt.mkdir(parents=True)
        (prompt / "prompt.yaml").write_text(EXPERIMENT)
        for variant in ("control", "concise"):
            (prompt / f"{variant}.md").write_text(f"You are {variant}.\n")
        files = PromptFiles(self.folder / "prompts")
        files.reload()
        self.prompts = files
        self.restart()
