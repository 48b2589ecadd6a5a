"""How much money, in which day or month.

What is spent is kept per account (a key, a user, a team or a route) and window. Before a request is served, the most
that it may cost is reserved in every account it is charged to; after it, what it did cost takes the reservation's
place. A request enters an account while

    spent + reserved + its own most <= the budget,   or   nothing is reserved and spent < the budget.

The second lets somebody with little left go on, one request at a time; so an account ends at most one request over its
budget, whatever the number of workers, as long as no request costs more than the most it was said to.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from thriftgate.identity.records import Budget, Grants, Identity, Period


@dataclass(frozen=True, slots=True)
class Account:
    """Whose money."""

    kind: str
    """`key`, `user`, `team` or `route`."""
    name: str


@dataclass(frozen=True, slots=True)
class BudgetCharge:
    """One account, and one budget of it that a request counts against."""

    account: Account
    budget: Budget


@dataclass(frozen=True, slots=True)
class Window:
    """An account in one day or month; `start` and `end` in seconds since the epoch."""

    account: Account
    name: str
    """`2026-11-28` or `2026-11`, UTC."""
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Spent:
    """What had gone from an account in a window before a request was settled, and after."""

    account: Account
    window: str
    before_usd: float
    after_usd: float


@dataclass(frozen=True, slots=True)
class Balance:
    """What has gone from an account in a window."""

    spent_usd: float = 0.0
    reserved_usd: float = 0.0


def charges_of(identity: Identity, route: str | None, route_budgets: Sequence[Budget] = ()) -> tuple[BudgetCharge, ...]:
    """Every budget that a request of this identity counts against, in a fixed order."""
    found: list[BudgetCharge] = []
    owners: tuple[tuple[str, str | None, Grants | None], ...] = (
        ("key", identity.key.key_id if identity.key else None, identity.key.grants if identity.key else None),
        ("user", identity.user_id, identity.user.grants if identity.user else None),
        ("team", identity.team_id, identity.team.grants if identity.team else None),
    )
    for kind, name, grants in owners:
        if name is not None and grants is not None:
            found += [BudgetCharge(Account(kind, name), budget) for budget in grants.budgets]
    found += _of_tier(identity)
    if route is not None:
        found += [BudgetCharge(Account("route", route), budget) for budget in route_budgets]
    return tuple(sorted(set(found), key=_order))


def _of_tier(identity: Identity) -> Iterable[BudgetCharge]:
    """A tier's budgets are of each key in it; of each user, where there is no key."""
    if identity.tier is None:
        return ()
    if identity.key is not None:
        account = Account("key", identity.key.key_id)
    elif identity.user_id is not None:
        account = Account("user", identity.user_id)
    else:
        return ()
    return [BudgetCharge(account, budget) for budget in identity.tier.budgets]


def admits(budget: Budget, balance: Balance, most_usd: float) -> bool:
    """Whether a request that costs at most so much may enter; a soft budget admits everything."""
    if not budget.is_hard:
        return True
    if balance.spent_usd + balance.reserved_usd + most_usd <= budget.usd:
        return True
    return balance.reserved_usd <= 0.0 and balance.spent_usd < budget.usd


def window_at(account: Account, period: Period, at: float) -> Window:
    """The account's day or month at a moment."""
    start = datetime.fromtimestamp(at, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    if period is Period.MONTH:
        start = start.replace(day=1)
    return Window(account, window_of(period, at), start.timestamp(), window_end(period, at))


def used_share(charges: Sequence[BudgetCharge], balances: Sequence[Balance]) -> float | None:
    """Of the tightest budget, hard or soft, how much is spent or held; None without any."""
    shares = [
        (balance.spent_usd + balance.reserved_usd) / charge.budget.usd
        for charge, balance in zip(charges, balances, strict=True)
    ]
    return max(shares) if shares else None


def crossed(
    charges: Iterable[BudgetCharge], spent: Sequence[Spent], at: float
) -> tuple[tuple[BudgetCharge, Spent], ...]:
    """The soft budgets that a settlement has used up just now."""
    found: list[tuple[BudgetCharge, Spent]] = []
    for charge in charges:
        for one in spent:
            is_its = one.account == charge.account and one.window == window_of(charge.budget.period, at)
            if is_its and not charge.budget.is_hard and one.before_usd < charge.budget.usd <= one.after_usd:
                found.append((charge, one))
    return tuple(found)


def window_of(period: Period, at: float) -> str:
    """The day or month of a moment, UTC: `2026-11-28`, `2026-11`."""
    moment = datetime.fromtimestamp(at, UTC)
    return moment.strftime("%Y-%m-%d" if period is Period.DAY else "%Y-%m")


def window_end(period: Period, at: float) -> float:
    """When the day or month of a moment ends, in seconds since the epoch."""
    start = datetime.fromtimestamp(at, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    if period is Period.DAY:
        return (start + timedelta(days=1)).timestamp()
    return (start.replace(day=1) + timedelta(days=32)).replace(day=1).timestamp()


def _order(charge: BudgetCharge) -> tuple[str, str, str, float, bool]:
    """The same for everybody, so that two that reserve the same accounts never wait for each other."""
    return (charge.account.kind, charge.account.name, charge.budget.period, charge.budget.usd, charge.budget.is_hard)
