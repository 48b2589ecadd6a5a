"""The ledger beside a provider's invoice: every format, every kind of difference, and a reason for each."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.memory_ledger import MemoryLedger

from thriftgate.errors import InvalidRequestError
from thriftgate.services.books.invoices import WHOLE_DAY, Invoice, InvoiceTally, model_name, read_invoice
from thriftgate.services.books.reconciling import LedgerSide, compare_invoice, reconcile
from thriftgate.types import Audit, AuditKind, DecisionKind, RequestRecord, Status, TierCall, Usage

NOON = 1_795_867_200.0  # 2026-11-28 12:00 UTC
DAY = "2026-11-28"
OPENAI_USAGE = """start_time,end_time,start_time_iso,end_time_iso,project_id,num_model_requests,user_id,model,batch,\
input_tokens,output_tokens,input_cached_tokens
1,2,2026-11-27T00:00:00+00:00,2026-11-28T00:00:00+00:00,,,,,,,,
1,2,2026-11-28T00:00:00+00:00,2026-11-29T00:00:00+00:00,p,2,,gpt-5-mini-2025-08-07,False,30,8,4
1,2,2026-11-28T00:00:00+00:00,2026-11-29T00:00:00+00:00,q,1,,gpt-5-mini-2025-08-07,False,10,4,0
""".splitlines()
OPENAI_COSTS = """start_time,end_time,start_time_iso,end_time_iso,amount_value,amount_currency,line_item,project_id
1,2,2026-11-28T00:00:00+00:00,2026-11-29T00:00:00+00:00,0.5000000000,usd,"gpt-5-mini-2025-08-07, input",p
1,2,2026-11-28T00:00:00+00:00,2026-11-29T00:00:00+00:00,0.7500000000,usd,"gpt-5-mini-2025-08-07, output",p
""".splitlines()
ANTHROPIC_USAGE = """\ufeffusage_date_utc,model_version,api_key,workspace,usage_type,context_window,\
usage_input_tokens_no_cache,usage_input_tokens_cache_write_5m,usage_input_tokens_cache_write_1h,\
usage_input_tokens_cache_read,usage_output_tokens,web_search_count
2026-11-28,claude-haiku-4-5-20251001,gateway,Default,standard,≤ 200k,"1,000",20,10,300,70,0
""".splitlines()
ANTHROPIC_COSTS = """usage_date_utc,model,workspace,api_key,usage_type,context_window,token_type,cost_usd,list_price_usd
2026-11-28,Claude Haiku 4.5,Default,gateway,message,≤ 200k,input_no_cache,1.25,1.25
2026-11-28,Claude Haiku 4.5,Default,gateway,message,≤ 200k,output,0.25,0.25
""".splitlines()
GPT, HAIKU = (DAY, "gpt-5-mini"), (DAY, "claude-haiku-4-5")


@pytest.mark.parametrize(
    ("lines", "provider", "key", "tally"),
    [
        (OPENAI_USAGE, "openai", GPT, InvoiceTally(3, 40, 4, 12, None)),
        (OPENAI_COSTS, "openai", GPT, InvoiceTally(cost_usd=1.25)),
        (ANTHROPIC_USAGE, "anthropic", HAIKU, InvoiceTally(None, 1330, 300, 70, None)),
        (ANTHROPIC_COSTS, "anthropic", HAIKU, InvoiceTally(cost_usd=1.5)),
    ],
)
def test_every_export_is_known_by_its_columns(
    lines: list[str], provider: str, key: tuple[str, str], tally: InvoiceTally
) -> None:
    assert read_invoice(lines) == Invoice(provider, {key: tally})  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([], "none of the CSV files"),
        (["a,b", "1,2"], "none of the CSV files"),
        (["usage_date_utc,cost_usd", "soon,1"], "line 2: `usage_date_utc` is no date"),
        (["usage_date_utc,cost_usd,model", "2026-11-28,x,m"], "line 2: `cost_usd` is no number"),
        (["usage_date_utc,cost_usd,model", "2026-11-28,nan,m"], "line 2: `cost_usd` is no number"),
        (["start_time_iso,amount_value,amount_currency", "2026-11-28,1,eur"], "line 2: the amount is in eur"),
        ([OPENAI_USAGE[0], "1,2,2026-11-28,x,,1,,m,,-5,0,0"], "`input_tokens` is negative"),
    ],
)
def test_a_file_that_is_no_export_is_refused_with_the_line(lines: list[str], words: str) -> None:
    with pytest.raises(InvalidRequestError) as raised:
        read_invoice(lines)
    assert words in str(raised.value)


@pytest.mark.parametrize(
    "name", ["anthropic/claude-haiku-4-5-20251001", "Claude Haiku 4.5", "claude-haiku-4-5", "claude-haiku-4-5@20251001"]
)
def test_one_model_has_one_name(name: str) -> None:
    assert model_name(name) == "claude-haiku-4-5"


tallies = st.builds(
    InvoiceTally, st.integers(0, 9), st.integers(0, 999), st.integers(0, 99), st.integers(0, 99), st.floats(0, 9)
)


@given(st.dictionaries(st.tuples(st.just(DAY), st.sampled_from("abc")), tallies, max_size=3))
def test_two_sides_that_say_the_same_agree(lines: dict[tuple[str, str], InvoiceTally]) -> None:
    found = compare_invoice(Invoice("openai", lines), {key: LedgerSide(tally) for key, tally in lines.items()}, {})
    assert found.agrees
    assert len(found.lines) == len(lines)


@given(tallies, tallies)
def test_whatever_differs_has_a_reason(theirs: InvoiceTally, ours: InvoiceTally) -> None:
    (line,) = compare_invoice(Invoice("openai", {GPT: theirs}), {GPT: LedgerSide(ours)}, {}).lines
    same_tokens = (theirs.requests, theirs.input_tokens, theirs.cached_tokens, theirs.output_tokens) == (
        ours.requests, ours.input_tokens, ours.cached_tokens, ours.output_tokens,
    )  # fmt: skip
    assert theirs.cost_usd is not None
    assert ours.cost_usd is not None
    assert line.agrees == (same_tokens and abs(theirs.cost_usd - ours.cost_usd) < 0.005)


def call(deployment: str, *, at: float = NOON, status: Status = Status.OK, estimated: bool = False) -> TierCall:
    usage = Usage(20, 6, 2, 0, estimated)
    return TierCall(
        model="small", deployment=deployment, started_at=at, duration=1.0, usage=usage, cost_usd=0.625, status=status
    )


def request(*calls: TierCall, at: float = NOON) -> RequestRecord:
    return RequestRecord(
        request_id=str(at), route="support", started_at=at, duration=1.0, decision=DecisionKind.ONLY_TIER, calls=calls
    )


async def ledger_of(*records: RequestRecord) -> MemoryLedger:
    ledger = MemoryLedger()
    await ledger.record(records)
    return ledger


async def test_calls_are_booked_on_their_own_day_and_other_providers_are_left_out() -> None:
    late = request(call("openai/gpt-5-mini", at=NOON - 43_200), at=NOON - 43_230)  # began before midnight
    ledger = await ledger_of(late, request(call("openai/gpt-5-mini"), call("anthropic/claude-haiku-4-5")))
    found = await reconcile(ledger, Invoice("openai", {GPT: InvoiceTally(2, 40, 4, 12, 1.25)}))
    assert [(line.day, line.model, line.agrees) for line in found.lines] == [(*GPT, True)]
    assert not (await reconcile(ledger, Invoice("openai", {}))).lines


@pytest.mark.parametrize(
    ("theirs", "records", "words"),
    [
        (InvoiceTally(1, 20, 2, 6), [], "no route asked it"),
        (InvoiceTally(2, 40, 4, 12), [request(call("gpt-5-mini"))], "plain models of the proxy"),
        (InvoiceTally(0, 0, 0, 0), [request(call("openai/gpt-5-mini"))], "the invoice has less"),
        (InvoiceTally(1, 21, 2, 6), [request(call("gpt-5-mini", estimated=True))], "counted by a tokenizer"),
        (InvoiceTally(1, 30, 2, 6), [request(call("gpt-5-mini", status=Status.CANCELLED))], "failed or were cancelled"),
        (InvoiceTally(cost_usd=0.5), [request(call("gpt-5-mini"))], "another price than LiteLLM knows"),
        (InvoiceTally(cost_usd=0.75), [request(call("gpt-5-mini"))], "money: +0.12 $ on the invoice"),
    ],
)
async def test_a_difference_comes_with_what_may_be_why(
    theirs: InvoiceTally, records: list[RequestRecord], words: str
) -> None:
    found = await reconcile(await ledger_of(*records), Invoice("openai", {GPT: theirs}))
    assert not found.agrees
    assert words in "; ".join(found.lines[0].reasons)


async def test_audits_are_named_where_the_invoice_has_more() -> None:
    ledger = await ledger_of(request(call("gpt-5-mini")))
    for kind, cost_usd in ((AuditKind.CASCADE, 0.2), (AuditKind.GUARD, 0.1)):
        await ledger.add_audit(
            Audit(request_id="x", kind=kind, route="support", judged_at=NOON, is_acceptable=None, cost_usd=cost_usd)
        )
    found = await reconcile(ledger, Invoice("openai", {GPT: InvoiceTally(cost_usd=0.925)}))
    assert "audits, verifications and guards of that day, booked apart: 0.3000 $" in found.lines[0].reasons


async def test_what_only_the_ledger_has_is_said_too() -> None:
    ledger = await ledger_of(request(call("openai/gpt-5-mini"), call("openai/gpt-5")))
    found = await reconcile(ledger, Invoice("openai", {GPT: InvoiceTally(1, 20, 2, 6)}))
    assert [(line.model, line.agrees) for line in found.lines] == [("gpt-5", False), ("gpt-5-mini", True)]


async def test_an_invoice_without_models_is_compared_day_by_day() -> None:
    ledger = await ledger_of(request(call("openai/gpt-5-mini"), call("openai/gpt-5")))
    found = await reconcile(ledger, Invoice("openai", {(DAY, WHOLE_DAY): InvoiceTally(cost_usd=1.25)}))
    assert found.agrees
