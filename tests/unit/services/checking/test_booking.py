"""A call that a check makes is in its bill with what was charged for it, however it ended."""

import asyncio

import pytest
from tests.fakes import FakeClock, FakeCompleter, ask, failure

from thriftgate.services.checking.booking import CheckingBill
from thriftgate.services.checking.judges import ModelJudge
from thriftgate.services.request.unpaid import note_given_up
from thriftgate.types import CallPurpose, Status, Usage

USED = Usage(40, is_estimated=True)


@pytest.mark.parametrize(
    ("error", "status"), [(failure("large"), Status.FAILED), (asyncio.CancelledError(), Status.CANCELLED)]
)
async def test_a_call_of_a_check_that_was_given_up_is_in_its_bill(error: BaseException, status: Status) -> None:
    note_given_up(error, USED, 0.02)
    completer = FakeCompleter({"large": error})
    bill = CheckingBill(completer, FakeClock())
    with pytest.raises(type(error)):
        await bill.ask("large", ask(), purpose=CallPurpose.AUDIT)
    (call,) = bill.calls
    assert (call.status, call.usage, call.cost_usd) == (status, USED, 0.02)
    assert bill.cost_usd == 0.02


async def test_a_judge_that_was_given_up_costs_what_was_charged() -> None:
    error = failure("large")
    note_given_up(error, USED, 0.02)
    judged = await ModelJudge(FakeCompleter({"large": error}), "large", FakeClock()).compare(ask(), "a", "b")
    assert (judged.is_acceptable, judged.cost_usd) == (None, 0.02)
