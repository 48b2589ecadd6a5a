"""Budgets in days and months, and that an account ends at most one request over its budget."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from thriftgate.identity.budgets import Account, Balance, BudgetCharge, admits, charges_of, window_end, window_of
from thriftgate.identity.records import Budget, Grants, Identity, Key, Period, ServiceClass, Team, identity_of_key

moments = st.floats(0, 4e9)


@given(moments, st.sampled_from(Period))
def test_a_window_holds_its_moment_and_ends_where_the_next_begins(at: float, period: Period) -> None:
    end = window_end(period, at)
    assert at < end
    assert window_of(period, at) == window_of(period, end - 1e-3)
    assert window_of(period, end) != window_of(period, at)


def test_windows_are_named_by_their_day_and_month_in_utc() -> None:
    at = datetime(2026, 11, 30, 23, 59, 59, tzinfo=UTC).timestamp()
    assert (window_of(Period.DAY, at), window_of(Period.MONTH, at)) == ("2026-11-30", "2026-11")
    assert window_end(Period.MONTH, at) == datetime(2026, 12, 1, tzinfo=UTC).timestamp()


events = st.lists(st.tuples(st.floats(0.01, 3), st.floats(0, 1), st.booleans()), max_size=60)


@given(events, st.floats(0.5, 10))
def test_an_account_ends_at_most_one_request_over_its_budget(
    requests: list[tuple[float, float, bool]], usd: float
) -> None:
    """Each request: the most it may cost, the share of that it does cost, and whether an older one ends now."""
    budget, balance, in_flight = Budget(usd, Period.DAY), Balance(), list[tuple[float, float]]()
    dearest = 0.0

    def settle() -> Balance:
        _, cost = in_flight.pop(0)
        return Balance(balance.spent_usd + cost, sum(one for one, _ in in_flight))

    for most, share, ends in requests:
        if in_flight and ends:
            balance = settle()
        if admits(budget, balance, most):
            in_flight.append((most, most * share))
            dearest = max(dearest, most * share)
            balance = Balance(balance.spent_usd, sum(one for one, _ in in_flight))
    while in_flight:
        balance = settle()
    assert balance.spent_usd <= usd + dearest + 1e-9


@given(st.floats(0, 5), st.floats(0, 5), st.floats(0, 5))
def test_a_soft_budget_refuses_nothing(spent: float, reserved: float, most: float) -> None:
    assert admits(Budget(0.01, Period.DAY, is_hard=False), Balance(spent, reserved), most)


def test_a_used_up_budget_refuses_whatever_is_in_flight() -> None:
    assert not admits(Budget(1.0, Period.DAY), Balance(1.0, 0.0), 0.01)
    assert not admits(Budget(1.0, Period.DAY), Balance(0.5, 0.4), 0.2)
    assert admits(Budget(1.0, Period.DAY), Balance(0.9, 0.0), 0.2)


def test_a_request_counts_against_every_budget_of_key_user_team_tier_and_route() -> None:
    day, month = Budget(1, Period.DAY), Budget(9, Period.MONTH)
    identity = identity_of_key(
        Key(key_id="k", digest=bytes(32), grants=Grants(budgets=(day,), tier="gold")),
        None,
        Team(team_id="t", grants=Grants(budgets=(day, month))),
        {"gold": ServiceClass(name="gold", budgets=(month,))},
    )
    identity = Identity(key=identity.key, team=identity.team, tier=identity.tier, team_id="t")
    found = charges_of(identity, "support", (day,))
    assert set(found) == {
        BudgetCharge(Account("key", "k"), day),
        BudgetCharge(Account("key", "k"), month),
        BudgetCharge(Account("team", "t"), day),
        BudgetCharge(Account("team", "t"), month),
        BudgetCharge(Account("route", "support"), day),
    }
    assert list(found) == sorted(found, key=lambda one: (one.account.kind, one.account.name, one.budget.period))


def test_a_tiers_budget_is_of_the_user_where_there_is_no_key() -> None:
    budget = Budget(1, Period.DAY)
    identity = Identity(user_id="ada", tier=ServiceClass(name="gold", budgets=(budget,)))
    assert charges_of(identity, None) == (BudgetCharge(Account("user", "ada"), budget),)
