"""The ledger beside a provider's invoice, by day and model: what differs, and what may be why.

Failure behaviour: raises what the ledger raises (StoreUnavailableError).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from thriftgate.ports import Ledger
from thriftgate.services.books.invoices import WHOLE_DAY, Invoice, InvoiceTally, model_name
from thriftgate.types import AuditKind, Status
from thriftgate.wording import day_of

CENT = 0.005
"""US dollars within which two sums are the same to the cent."""


@dataclass(slots=True)
class LedgerSide:
    """What the ledger has of a day and model, and what makes its figures less sure."""

    tally: InvoiceTally = field(default_factory=lambda: InvoiceTally(0, 0, 0, 0, 0.0))
    estimated: int = 0
    """Calls whose tokens a tokenizer counted, because the provider sent no usage."""
    broken: int = 0
    """Calls that failed or were cancelled, for which a provider may charge all the same."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One day and model."""

    day: str
    model: str
    invoice: InvoiceTally | None
    ledger: InvoiceTally | None
    reasons: Sequence[str] = ()
    """Empty where both sides agree."""

    @property
    def agrees(self) -> bool:
        """Whether there is nothing to explain."""
        return not self.reasons


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """Everything that was compared."""

    lines: Sequence[Difference] = field(default_factory=list[Difference])

    @property
    def agrees(self) -> bool:
        """Whether the ledger and the invoice say the same."""
        return all(line.agrees for line in self.lines)


async def reconcile(ledger: Ledger, invoice: Invoice) -> Reconciliation:
    """Compare the days that the invoice covers."""
    days = sorted({day for day, _ in invoice.lines})
    if not days:
        return Reconciliation()
    since, until = _start(days[0]), _start(days[-1]) + 86_400.0
    named = {model for _, model in invoice.lines}
    books: dict[tuple[str, str], LedgerSide] = {}
    # A request that began before midnight may have called a model after it.
    async for record in ledger.records(since=since - 3_600.0, until=until):
        for call in record.calls:
            day, model = day_of(call.started_at), model_name(call.deployment or call.model)
            if not days[0] <= day <= days[-1] or not _is_of(invoice, call.deployment, model, named):
                continue
            side = books.setdefault((day, model), LedgerSide())
            usage = call.usage
            side.tally += InvoiceTally(
                1, usage.prompt_tokens, usage.cached_tokens, usage.completion_tokens, call.cost_usd
            )
            side.estimated += usage.is_estimated
            side.broken += call.status is not Status.OK
    audits: dict[str, float] = {}
    guards = await ledger.audits(kind=AuditKind.GUARD, since=since)
    for audit in (*await ledger.audits(since=since), *guards):
        day = day_of(audit.judged_at)
        audits[day] = audits.get(day, 0.0) + audit.cost_usd
    return compare_invoice(invoice, books, audits)


def compare_invoice(
    invoice: Invoice, books: Mapping[tuple[str, str], LedgerSide], audits: Mapping[str, float]
) -> Reconciliation:
    """Both sides, by day and model; `audits` is what audits and other checks cost on each day."""
    merged = _whole_days(books) if any(model == WHOLE_DAY for _, model in invoice.lines) else books
    keys = sorted({*invoice.lines, *merged})
    return Reconciliation([_difference(key, invoice.lines.get(key), merged.get(key), audits) for key in keys])


def _difference(
    key: tuple[str, str], theirs: InvoiceTally | None, ours: LedgerSide | None, audits: Mapping[str, float]
) -> Difference:
    day, model = key
    reasons: list[str] = []
    if theirs is None:
        reasons.append("the invoice does not have it: was it exported for another key, project or workspace?")
    elif ours is None:
        if _has_any(theirs):
            reasons.append("no route asked it: a plain model of the proxy, or another client of the same account")
            reasons += _beside(day, audits)
    else:
        reasons += _reasons(theirs, ours, day, audits)
    return Difference(day, model, theirs, ours.tally if ours else None, tuple(reasons))


def _reasons(theirs: InvoiceTally, ours: LedgerSide, day: str, audits: Mapping[str, float]) -> list[str]:
    mine = ours.tally
    gaps = _token_gaps(theirs, mine)
    money = None if theirs.cost_usd is None else theirs.cost_usd - (mine.cost_usd or 0.0)
    if not gaps and (money is None or abs(money) < CENT):
        return []
    reasons = [f"{name}: {gap:+,} on the invoice" for name, gap in gaps.items()]
    if money is not None and abs(money) >= CENT:
        reasons.append(f"money: {money:+,.2f} $ on the invoice")
    if ours.estimated:
        reasons.append(f"{ours.estimated:,} calls were counted by a tokenizer: the provider sent no usage")
    if ours.broken:
        reasons.append(f"{ours.broken:,} calls failed or were cancelled, which a provider may charge for")
    more = sum(gaps.values()) > 0 or (not gaps and (money or 0.0) > 0)
    if more:
        reasons += _beside(day, audits) or ["plain models of the proxy, or other clients of the same account"]
    elif not ours.estimated and not ours.broken:
        reasons.append(
            "a discount, or another price than LiteLLM knows"
            if not gaps
            else "the invoice has less: another key, project or workspace, or batch prices"
        )
    return reasons


def _token_gaps(theirs: InvoiceTally, mine: InvoiceTally) -> dict[str, int]:
    pairs = (
        ("requests", theirs.requests, mine.requests),
        ("input tokens", theirs.input_tokens, mine.input_tokens),
        ("cached tokens", theirs.cached_tokens, mine.cached_tokens),
        ("output tokens", theirs.output_tokens, mine.output_tokens),
    )
    return {name: one - (other or 0) for name, one, other in pairs if one is not None and one != (other or 0)}


def _beside(day: str, audits: Mapping[str, float]) -> list[str]:
    """Audits and other checks are booked apart, as the operator's."""
    cost = audits.get(day, 0.0)
    return [f"audits, verifications and guards of that day, booked apart: {cost:,.4f} $"] if cost > 0 else []


def _has_any(tally: InvoiceTally) -> bool:
    return any((tally.requests, tally.input_tokens, tally.output_tokens, tally.cost_usd))


def _whole_days(books: Mapping[tuple[str, str], LedgerSide]) -> Mapping[tuple[str, str], LedgerSide]:
    """An invoice that names no models is compared day by day."""
    merged: dict[tuple[str, str], LedgerSide] = {}
    for (day, _), side in books.items():
        whole = merged.setdefault((day, WHOLE_DAY), LedgerSide())
        whole.tally += side.tally
        whole.estimated += side.estimated
        whole.broken += side.broken
    return merged


def _is_of(invoice: Invoice, deployment: str, model: str, named: set[str]) -> bool:
    """Whether a call went to the invoice's provider: by the name before the slash, or because the invoice names it."""
    provider, slash, _ = deployment.partition("/")
    return provider == invoice.provider if slash else model in named


def _start(day: str) -> float:
    return datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()
