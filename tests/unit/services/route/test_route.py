"""One request, one record, whatever happens; and what a client is told and shown."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes import Held, Reply, Streamed, ask, failure, settle, stream_of
from tests.route_desk import STRONG, SURE, UNSURE, Client, RouteDesk

from thriftgate.errors import AllTiersFailedError, InvalidPromptError, TierFailedError
from thriftgate.types import ChatRequest, DecisionKind, PromptRef, RequestRecord, Status, Usage

REFERENCE = PromptRef(name="support", variant="control", version="v1")


def prompted(request: ChatRequest) -> tuple[ChatRequest, PromptRef]:
    return request.with_messages([{"role": "system", "content": "Be kind."}, *request.messages]), REFERENCE


def adds_up(record: RequestRecord) -> None:
    assert record.cost_usd == pytest.approx(sum(call.cost_usd for call in record.calls))
    assert record.saved_usd == pytest.approx(record.baseline_cost_usd - record.cost_usd)


@pytest.mark.parametrize("stream", [False, True])
async def test_an_accepted_answer_saves_what_the_baseline_would_have_cost(stream: bool) -> None:
    desk = RouteDesk()
    await (Client(desk.route).read(ask()) if stream else desk.answer(ask()))
    record = desk.record
    assert (record.status, record.decision, record.tier) == (Status.OK, DecisionKind.ACCEPTED, "small")
    assert (record.reason, record.stream, record.usage) == ("confident", stream, Usage(10, 6))
    assert (record.cost_usd, record.baseline_cost_usd) == (pytest.approx(0.016), pytest.approx(0.16))
    assert record.confidence == pytest.approx(0.99, abs=0.01)
    assert (record.time_to_first_token is not None) is stream
    adds_up(record)


@pytest.mark.parametrize("stream", [False, True])
async def test_an_escalated_answer_costs_more_than_the_baseline_and_says_so(stream: bool) -> None:
    desk = RouteDesk()
    desk.completer.enqueue("small", UNSURE)
    await (Client(desk.route).read(ask()) if stream else desk.answer(ask()))
    record = desk.record
    assert (record.decision, record.tier) == (DecisionKind.ESCALATED, "large")
    assert record.saved_usd == pytest.approx(-0.014)  # the small tier's answer, for nothing
    assert [call.model for call in record.calls] == ["small", "large"]
    adds_up(record)


async def test_savings_are_counted_against_the_baseline_the_operator_named() -> None:
    desk = RouteDesk(baseline="middle")
    await desk.answer(ask())
    assert desk.record.baseline_cost_usd == pytest.approx(0.003 * 16)


async def test_without_a_price_of_the_baseline_nothing_is_saved() -> None:
    desk = RouteDesk(baseline="unknown")
    await desk.answer(ask())
    assert desk.record.saved_usd == 0.0


@pytest.mark.parametrize("stream", [False, True])
async def test_a_hit_costs_nothing_and_saves_all(stream: bool) -> None:
    desk = RouteDesk()
    await desk.answer(ask())
    await settle()
    desk.records.clear()
    client = Client(desk.route)
    text = await client.read(ask()) if stream else (await desk.answer(ask())).text
    record = desk.record
    assert text == SURE.text
    assert (record.decision, record.tier, record.similarity) == (DecisionKind.EXACT_HIT, "small", 1.0)
    assert (record.cost_usd, record.usage, record.calls) == (0.0, Usage(), ())
    assert record.saved_usd == pytest.approx(0.16)
    assert record.cache_entry_id == (await desk.entries())[0].entry_id


@pytest.mark.parametrize("stream", [False, True])
async def test_a_request_that_no_tier_answered_is_one_failed_record(stream: bool) -> None:
    desk = RouteDesk()
    desk.completer.standing = {"small": failure(), "large": failure("large")}
    with pytest.raises(AllTiersFailedError):
        await (Client(desk.route).read(ask()) if stream else desk.answer(ask()))
    record = desk.record
    assert (record.status, record.decision, record.error) == (
        Status.FAILED,
        DecisionKind.FAILED,
        "AllTiersFailedError 502",
    )
    assert [call.status for call in record.calls] == [Status.FAILED, Status.FAILED]
    assert await desk.entries() == []


async def test_a_prompt_that_cannot_be_rendered_is_one_failed_record() -> None:
    def broken(request: ChatRequest) -> tuple[ChatRequest, PromptRef]:
        raise InvalidPromptError("the variable 'name' is missing")

    desk = RouteDesk(prompt=broken)
    with pytest.raises(InvalidPromptError):
        await desk.answer(ask())
    assert (desk.record.status, desk.record.error) == (Status.FAILED, "InvalidPromptError 400")
    assert desk.completer.history == []


async def test_an_error_nobody_foresaw_is_one_failed_record_too() -> None:
    desk = RouteDesk()
    desk.completer.enqueue("small", ZeroDivisionError("what the user said"))
    with pytest.raises(ZeroDivisionError):
        await desk.answer(ask())
    assert (desk.record.status, desk.record.error) == (Status.FAILED, "ZeroDivisionError")
    assert "what the user said" not in repr(desk.record)


@pytest.mark.parametrize("stream", [False, True])
async def test_a_client_that_leaves_before_the_first_token_is_one_cancelled_record(stream: bool) -> None:
    desk = RouteDesk()
    held = Held(SURE)
    desk.completer.enqueue("small", held)
    asking = asyncio.create_task(Client(desk.route).read(ask()) if stream else desk.answer(ask()))
    await held.reached.wait()
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    assert (desk.record.status, desk.record.error) == (Status.CANCELLED, "CancelledError")
    assert [call.status for call in desk.record.calls] == [Status.CANCELLED]
    assert desk.completer.cancelled == ["small"]
    assert await desk.entries() == []


async def test_a_client_that_leaves_in_the_middle_is_one_cancelled_record_with_what_it_cost() -> None:
    desk = RouteDesk()
    desk.completer.enqueue("small", UNSURE)
    client = Client(desk.route)
    await client.read(ask(), at_most=3)
    assert client.text == "the strong"
    record = desk.record
    assert (record.status, record.error, record.tier) == (Status.CANCELLED, "GeneratorExit", "large")
    assert record.decision is DecisionKind.ESCALATED  # what it would have been
    assert [call.status for call in record.calls] == [Status.OK, Status.CANCELLED]
    assert record.calls[1].usage.is_estimated
    assert await desk.entries() == []
    adds_up(record)


async def test_a_stream_thrown_away_is_one_cancelled_record_once_the_loop_collects_it() -> None:
    desk = RouteDesk()
    chunks = desk.route.stream(ask(), lambda _: None)
    await anext(chunks)
    del chunks
    await settle()
    assert desk.record.status is Status.CANCELLED


async def test_a_stream_that_breaks_off_is_one_failed_record_and_is_not_kept() -> None:
    desk = RouteDesk()
    desk.completer.enqueue("small", UNSURE)
    desk.completer.enqueue("large", Streamed([*stream_of(STRONG)[:3], failure("large")]))
    client = Client(desk.route)
    with pytest.raises(TierFailedError):
        await client.read(ask())
    assert client.text == "the strong"
    assert (desk.record.status, desk.record.decision) == (Status.FAILED, DecisionKind.FAILED)
    assert await desk.entries() == []
    adds_up(desk.record)


REPLIES: dict[str, Reply] = {
    "good": SURE,
    "poor": UNSURE,
    "fails": failure(),
    "rejects": failure(status_code=400, rejected=True),
    "crashes": ZeroDivisionError(),
    "breaks off": Streamed([*stream_of(STRONG)[:3], failure()]),
    "is cut": Streamed(stream_of(STRONG)[:-2]),
}


@given(
    small=st.sampled_from(["good", "poor", "fails", "rejects", "crashes"]),
    large=st.sampled_from([*REPLIES]),
    leaves_after=st.none() | st.integers(1, 4),
    fields=st.fixed_dictionaries({"no_cache": st.booleans(), "no_store": st.booleans()}),
    away=st.booleans(),
)
async def test_there_is_exactly_one_record_whatever_happens_and_it_adds_up(
    small: str, large: str, leaves_after: int | None, fields: dict[str, Any], away: bool
) -> None:
    desk = RouteDesk()
    desk.store.is_away = desk.flights.is_away = away
    desk.completer.enqueue("small", REPLIES[small])
    desk.completer.enqueue("large", REPLIES[large])
    client = Client(desk.route)
    status = Status.OK
    try:
        await client.read(ask(**fields), at_most=leaves_after)
    except (AllTiersFailedError, TierFailedError, ZeroDivisionError):
        status = Status.FAILED
    else:
        if leaves_after == len(client.chunks):
            status = Status.CANCELLED
    record = desk.record
    assert record.status is status
    assert (record.decision is DecisionKind.FAILED) is (status is Status.FAILED)
    assert [call.model for call in record.calls] == desk.completer.models
    adds_up(record)
    await settle()
    desk.store.is_away = False
    kept = [entry.choices[0].text for entry in await desk.entries()]
    if status is Status.OK:
        assert client.chunks[-1]["thriftgate"]["cost"] == f"{record.cost_usd:.8f}"
        assert client.text == (SURE if "good" in (small, large) else UNSURE).text
        assert kept == ([] if away or fields["no_store"] else [client.text])
    elif status is Status.FAILED:
        assert kept == []


async def test_a_stream_says_before_its_first_chunk_what_is_known_and_all_of_it_at_the_end() -> None:
    desk = RouteDesk()
    desk.completer.enqueue("small", UNSURE)
    client = Client(desk.route)
    await client.read(ask(request_id="r7"))
    assert client.told_at_first_chunk == {"decision": "escalated", "tier": "large", "request_id": "r7"}
    *_, last = client.chunks
    assert last["choices"][0]["finish_reason"] == "stop"
    assert "usage" not in last  # the client asked for none; it is for the books
    assert last["thriftgate"] == client.told[-1]
    assert client.told[-1]["cost"] == f"{desk.record.cost_usd:.8f}"
    assert client.told[-1]["saved"] == f"{desk.record.saved_usd:.8f}"


async def test_a_held_answer_is_told_of_as_a_whole_before_its_first_chunk() -> None:
    desk = RouteDesk()
    client = Client(desk.route)
    await client.read(ask())
    assert client.told_at_first_chunk is not None
    assert client.told_at_first_chunk["cost"] == f"{desk.record.cost_usd:.8f}"


@pytest.mark.parametrize("is_hit", [False, True])
async def test_every_chunk_is_of_one_frame_and_the_finish_reason_comes_after_all_text(is_hit: bool) -> None:
    desk = RouteDesk()
    if is_hit:
        await desk.answer(ask())
        await settle()
    client = Client(desk.route)
    await client.read(ask(request_id="r8"))
    frames: set[Any] = {(chunk["id"], chunk["object"], chunk["model"]) for chunk in client.chunks}
    assert frames == {("chatcmpl-r8", "chat.completion.chunk", "support")}
    finishes = [chunk["choices"][0]["finish_reason"] for chunk in client.chunks if chunk["choices"]]
    assert finishes == [None] * (len(finishes) - 1) + ["stop"]


async def test_a_prompt_is_put_in_front_and_recorded() -> None:
    desk = RouteDesk(prompt=prompted)
    await desk.answer(ask())
    assert [message["role"] for message in desk.completer.history[0].request.messages] == ["system", "user"]
    assert desk.record.prompt == REFERENCE
    assert [stage.name for stage in desk.record.stages] == ["prompt", "cache", "coalesce", "plan", "cascade"]


async def test_logprobs_for_our_own_judgement_are_not_kept_and_those_a_client_asked_for_are() -> None:
    for params, are_kept in (({}, False), ({"logprobs": True}, True)):
        desk = RouteDesk()
        await desk.answer(ask(params=params))
        ((entry),) = await desk.entries()
        assert (entry.choices[0].logprobs is not None) is are_kept


async def test_while_every_store_is_away_requests_are_answered_as_if_there_were_none() -> None:
    desk = RouteDesk()
    desk.store.is_away = desk.flights.is_away = True
    for name in "ab":
        assert (await desk.answer(ask(request_id=name))).text == SURE.text
    assert [record.decision for record in desk.records] == [DecisionKind.ACCEPTED] * 2


async def test_content_is_recorded_only_where_the_operator_turned_it_on() -> None:
    desk = RouteDesk()
    desk.config = desk.config.model_copy(update={"capture_content": True})
    desk.route = desk.worker()
    await desk.answer(ask("what was said"))
    assert (desk.record.input, desk.record.output) == (ask("what was said").messages, SURE.text)
    assert replace(desk.record, input=None, output=None).status is Status.OK
