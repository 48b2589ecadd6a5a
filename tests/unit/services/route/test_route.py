"""One request, one record, whatever happens; and what a client is told and shown."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes import Held, Reply, Streamed, ask, failure, settle, stream_of
from tests.route_setup import STRONG, SURE, UNSURE, Client, RouteSetup

from thriftgate.errors import AllTiersFailedError, InvalidPromptError, TierFailedError
from thriftgate.services.request.reading import answer_of as of_body
from thriftgate.services.request.reading import as_asked
from thriftgate.types import ChatRequest, DecisionKind, PromptRef, RequestRecord, Status, Usage
from thriftgate.wire.shapes import items, mapping

REFERENCE = PromptRef(name="support", variant="control", version="v1")


def prompted(request: ChatRequest) -> tuple[ChatRequest, PromptRef]:
    return replace(request, messages=({"role": "system", "content": "Be kind."}, *request.messages)), REFERENCE


def adds_up(record: RequestRecord) -> None:
    assert record.cost_usd == pytest.approx(sum(call.cost_usd for call in record.calls))
    assert record.saved_usd == pytest.approx(record.baseline_cost_usd - record.cost_usd)


@pytest.mark.parametrize("stream", [False, True])
async def test_an_accepted_answer_saves_what_the_baseline_would_have_cost(stream: bool) -> None:
    setup = RouteSetup()
    await (Client(setup.route).read(ask()) if stream else setup.answer(ask()))
    record = setup.record
    assert (record.status, record.decision, record.tier) == (Status.OK, DecisionKind.ACCEPTED, "small")
    assert (record.reason, record.stream, record.usage) == ("confident", stream, Usage(10, 6))
    assert (record.cost_usd, record.baseline_cost_usd) == (pytest.approx(0.016), pytest.approx(0.16))
    assert record.confidence == pytest.approx(0.99, abs=0.01)
    assert (record.time_to_first_token is not None) is stream
    adds_up(record)


@pytest.mark.parametrize("stream", [False, True])
async def test_an_escalated_answer_costs_more_than_the_baseline_and_says_so(stream: bool) -> None:
    setup = RouteSetup()
    setup.completer.enqueue("small", UNSURE)
    await (Client(setup.route).read(ask()) if stream else setup.answer(ask()))
    record = setup.record
    assert (record.decision, record.tier) == (DecisionKind.ESCALATED, "large")
    assert record.saved_usd == pytest.approx(-0.014)  # the small tier's answer, for nothing
    assert [call.model for call in record.calls] == ["small", "large"]
    adds_up(record)


async def test_savings_are_counted_against_the_baseline_the_operator_named() -> None:
    setup = RouteSetup(baseline="middle")
    await setup.answer(ask())
    assert setup.record.baseline_cost_usd == pytest.approx(0.003 * 16)


@pytest.mark.parametrize("stream", [False, True])
async def test_a_hit_on_an_answer_put_there_by_hand_saves_what_the_baseline_would_have_cost(stream: bool) -> None:
    setup = RouteSetup()
    await setup.answer(ask())
    (entry,) = await setup.entries()
    asked = replace(entry, baseline_cost_usd=0.0)
    for kept, saved in ((asked, 0.0), (replace(asked, request_id="", usage=Usage()), True)):
        await setup.store.store(kept)
        await (Client(setup.route).read(ask()) if stream else setup.answer(ask()))
        record = setup.records[-1]
        words = len(f"{ask().messages[-1]['content']} {SURE.text}".split())
        assert record.decision is DecisionKind.EXACT_HIT
        assert record.saved_usd == pytest.approx(0.01 * words if saved else 0.0)
        assert record.metadata.get("saving_is_estimated", False) is bool(saved)
        assert record.usage == Usage()


async def test_without_a_price_of_the_baseline_nothing_is_saved() -> None:
    setup = RouteSetup(baseline="unknown")
    await setup.answer(ask())
    assert setup.record.saved_usd == 0.0


@pytest.mark.parametrize("stream", [False, True])
async def test_a_hit_costs_nothing_and_saves_all(stream: bool) -> None:
    setup = RouteSetup()
    await setup.answer(ask())
    await settle()
    setup.records.clear()
    client = Client(setup.route)
    text = await client.read(ask()) if stream else (await setup.answer(ask())).text
    record = setup.record
    assert text == SURE.text
    assert (record.decision, record.tier, record.similarity) == (DecisionKind.EXACT_HIT, "small", 1.0)
    assert (record.cost_usd, record.usage, record.calls) == (0.0, Usage(), ())
    assert record.saved_usd == pytest.approx(0.16)
    assert record.cache_entry_id == (await setup.entries())[0].entry_id


@pytest.mark.parametrize("stream", [False, True])
async def test_a_request_that_no_tier_answered_is_one_failed_record(stream: bool) -> None:
    setup = RouteSetup()
    setup.completer.standing = {"small": failure(), "large": failure("large")}
    with pytest.raises(AllTiersFailedError):
        await (Client(setup.route).read(ask()) if stream else setup.answer(ask()))
    record = setup.record
    assert (record.status, record.decision, record.error) == (
        Status.FAILED,
        DecisionKind.FAILED,
        "AllTiersFailedError 502",
    )
    assert [call.status for call in record.calls] == [Status.FAILED, Status.FAILED]
    assert await setup.entries() == []


async def test_a_prompt_that_cannot_be_rendered_is_one_failed_record() -> None:
    def broken(request: ChatRequest) -> tuple[ChatRequest, PromptRef]:
        raise InvalidPromptError("the variable 'name' is missing")

    setup = RouteSetup(prompt=broken)
    with pytest.raises(InvalidPromptError):
        await setup.answer(ask())
    assert (setup.record.status, setup.record.error) == (Status.FAILED, "InvalidPromptError 400")
    assert setup.completer.history == []


async def test_an_error_nobody_foresaw_is_one_failed_record_too() -> None:
    setup = RouteSetup()
    setup.completer.enqueue("small", ZeroDivisionError("what the user said"))
    with pytest.raises(ZeroDivisionError):
        await setup.answer(ask())
    assert (setup.record.status, setup.record.error) == (Status.FAILED, "ZeroDivisionError")
    assert "what the user said" not in repr(setup.record)


@pytest.mark.parametrize("stream", [False, True])
async def test_a_client_that_leaves_before_the_first_token_is_one_cancelled_record(stream: bool) -> None:
    setup = RouteSetup()
    held = Held(SURE)
    setup.completer.enqueue("small", held)
    asking = asyncio.create_task(Client(setup.route).read(ask()) if stream else setup.answer(ask()))
    await held.reached.wait()
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    assert (setup.record.status, setup.record.error) == (Status.CANCELLED, "CancelledError")
    assert [call.status for call in setup.record.calls] == [Status.CANCELLED]
    assert setup.completer.cancelled == ["small"]
    assert await setup.entries() == []


async def test_a_client_that_leaves_in_the_middle_is_one_cancelled_record_with_what_it_cost() -> None:
    setup = RouteSetup()
    setup.completer.enqueue("small", UNSURE)
    client = Client(setup.route)
    await client.read(ask(), at_most=3)
    assert client.text == "the strong"
    record = setup.record
    assert (record.status, record.error, record.tier) == (Status.CANCELLED, "GeneratorExit", "large")
    assert record.decision is DecisionKind.ESCALATED  # what it would have been
    assert [call.status for call in record.calls] == [Status.OK, Status.CANCELLED]
    assert record.calls[1].usage.is_estimated
    assert await setup.entries() == []
    adds_up(record)


async def test_a_stream_thrown_away_is_one_cancelled_record_once_the_loop_collects_it() -> None:
    setup = RouteSetup()
    chunks = setup.route.stream(ask(), lambda _: None)
    await anext(chunks)
    del chunks
    await settle()
    assert setup.record.status is Status.CANCELLED


async def test_a_stream_that_breaks_off_is_one_failed_record_and_is_not_kept() -> None:
    setup = RouteSetup()
    setup.completer.enqueue("small", UNSURE)
    setup.completer.enqueue("large", Streamed([*stream_of(STRONG)[:3], failure("large")]))
    client = Client(setup.route)
    with pytest.raises(TierFailedError):
        await client.read(ask())
    assert client.text == "the strong"
    assert (setup.record.status, setup.record.decision) == (Status.FAILED, DecisionKind.FAILED)
    assert await setup.entries() == []
    adds_up(setup.record)


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
    setup = RouteSetup()
    setup.store.is_away = setup.single_flight.is_away = away
    setup.completer.enqueue("small", REPLIES[small])
    setup.completer.enqueue("large", REPLIES[large])
    client = Client(setup.route)
    status = Status.OK
    try:
        await client.read(ask(**fields), at_most=leaves_after)
    except (AllTiersFailedError, TierFailedError, ZeroDivisionError):
        status = Status.FAILED
    else:
        if leaves_after == len(client.chunks):
            status = Status.CANCELLED
    record = setup.record
    assert record.status is status
    assert (record.decision is DecisionKind.FAILED) is (status is Status.FAILED)
    assert [call.model for call in record.calls] == setup.completer.models
    adds_up(record)
    await settle()
    setup.store.is_away = False
    kept = [entry.choices[0].text for entry in await setup.entries()]
    if status is Status.OK:
        assert client.chunks[-1]["thriftgate"]["cost"] == f"{record.cost_usd:.8f}"
        assert client.text == (SURE if "good" in (small, large) else UNSURE).text
        assert kept == ([] if away or fields["no_store"] else [client.text])
    elif status is Status.FAILED:
        assert kept == []


async def test_a_stream_says_before_its_first_chunk_what_is_known_and_all_of_it_at_the_end() -> None:
    setup = RouteSetup()
    setup.completer.enqueue("small", UNSURE)
    client = Client(setup.route)
    await client.read(ask(request_id="r7"))
    assert client.told_at_first_chunk is not None
    known = dict(client.told_at_first_chunk)
    assert known.pop("confidence") == client.told[-1]["confidence"] < 0.9
    assert known == {"decision": "escalated", "reason": "below_threshold", "tier": "large", "request_id": "r7"}
    *_, last = client.chunks
    assert last["choices"][0]["finish_reason"] == "stop"
    assert "usage" not in last  # the client asked for none; it is for the books
    assert last["thriftgate"] == client.told[-1]
    assert client.told[-1]["cost"] == f"{setup.record.cost_usd:.8f}"
    assert client.told[-1]["saved"] == f"{setup.record.saved_usd:.8f}"


async def test_a_held_answer_is_told_of_as_a_whole_before_its_first_chunk() -> None:
    setup = RouteSetup()
    client = Client(setup.route)
    await client.read(ask())
    assert client.told_at_first_chunk is not None
    assert client.told_at_first_chunk["cost"] == f"{setup.record.cost_usd:.8f}"


@pytest.mark.parametrize("is_hit", [False, True])
async def test_every_chunk_is_of_one_frame_and_the_finish_reason_comes_after_all_text(is_hit: bool) -> None:
    setup = RouteSetup()
    if is_hit:
        await setup.answer(ask())
        await settle()
    client = Client(setup.route)
    await client.read(ask(request_id="r8"))
    frames: set[Any] = {(chunk["id"], chunk["object"], chunk["model"]) for chunk in client.chunks}
    assert frames == {("chatcmpl-r8", "chat.completion.chunk", "support")}
    finishes = [chunk["choices"][0]["finish_reason"] for chunk in client.chunks if chunk["choices"]]
    assert finishes == [None] * (len(finishes) - 1) + ["stop"]


async def test_a_prompt_is_put_in_front_and_recorded() -> None:
    setup = RouteSetup(prompt=prompted)
    await setup.answer(ask())
    assert [message["role"] for message in setup.completer.history[0].request.messages] == ["system", "user"]
    assert setup.record.prompt == REFERENCE
    assert [stage.name for stage in setup.record.stages] == ["prompt", "cache", "coalesce", "plan", "cascade"]


async def test_logprobs_for_our_own_judgement_are_not_kept_and_those_a_client_asked_for_are() -> None:
    for params, are_kept in (({}, False), ({"logprobs": True}, True)):
        setup = RouteSetup()
        await setup.answer(ask(params=params))
        ((entry),) = await setup.entries()
        assert (entry.choices[0].logprobs is not None) is are_kept


@pytest.mark.parametrize("wanted", [None, 0, 1, 2])
async def test_a_client_sees_as_many_alternatives_as_it_asked_for_fresh_streamed_and_kept(wanted: int | None) -> None:
    params = {"logprobs": True} | ({} if wanted is None else {"top_logprobs": wanted})
    tops = [{"token": "a", "logprob": -0.01}, {"token": "b", "logprob": -5.0}]
    said = {"content": [{"token": word, "logprob": -0.01, "top_logprobs": tops} for word in SURE.text.split()]}
    setup = RouteSetup()
    setup.completer.standing["small"] = replace(SURE, choices=(replace(SURE.choices[0], logprobs=said),))
    fresh = await setup.answer(ask(params=params))
    assert setup.completer.history[0].request.params["top_logprobs"] == 2
    kept = await setup.answer(ask(params=params))
    assert len(setup.completer.history) == 1
    ((entry),) = await setup.entries()
    client = Client(setup.route)
    await client.read(ask(params=params))
    await client.read(ask(params=params, no_cache=True))
    shown = [mapping(choice.logprobs) for choice in (*fresh.choices, *kept.choices, *entry.choices)]
    shown += [mapping(choice.get("logprobs")) for chunk in client.chunks for choice in chunk["choices"]]
    seen = [token["top_logprobs"] for logprobs in shown for token in items(logprobs.get("content"))]
    assert len(seen) == 5 * len(SURE.text.split())
    assert all(alternatives == tops[: wanted or 0] for alternatives in seen)


async def test_a_response_is_judged_by_its_tokens_which_only_a_client_sees_that_asked() -> None:
    tops = [{"token": "a", "logprob": -0.01}, {"token": "b", "logprob": -5.0}]
    token = {"token": "a", "logprob": -0.01, "bytes": None, "top_logprobs": tops}
    part: dict[str, Any] = {"type": "output_text", "text": "a", "annotations": [], "logprobs": [token]}
    body: dict[str, Any] = {"id": "r", "object": "response", "status": "completed", "model": "m", "top_logprobs": 2,
                            "output": [{"type": "message", "status": "completed", "content": [part]}]}  # fmt: skip
    answer = of_body("responses", body, model="small")
    assert answer.choices[0].token_logprobs[0].top_logprobs == (-0.01, -5.0)
    included = {"include": ["message.output_text.logprobs"]}
    for asked, alternatives in (({}, None), (included, 0), ({**included, "top_logprobs": 1}, 1)):
        request = replace(ask(), dialect="responses", body={"input": "hi", **asked})
        shown = as_asked(request, answer).body or {}
        tokens = shown["output"][0]["content"][0]["logprobs"]
        assert [len(token["top_logprobs"]) for token in tokens] == ([] if alternatives is None else [alternatives])
        assert shown["top_logprobs"] == (alternatives or 0)
    request = replace(ask(), dialect="responses", body={"input": "hi", **included, "top_logprobs": 2})
    assert as_asked(request, answer) is answer


async def test_while_every_store_is_away_requests_are_answered_as_if_there_were_none() -> None:
    setup = RouteSetup()
    setup.store.is_away = setup.single_flight.is_away = True
    for name in "ab":
        assert (await setup.answer(ask(request_id=name))).text == SURE.text
    assert [record.decision for record in setup.records] == [DecisionKind.ACCEPTED] * 2


async def test_content_is_recorded_only_where_the_operator_turned_it_on() -> None:
    setup = RouteSetup()
    setup.config = setup.config.model_copy(update={"capture_content": True})
    setup.route = setup.worker()
    await setup.answer(ask("what was said"))
    assert (setup.record.input, setup.record.output) == (ask("what was said").messages, SURE.text)
    assert replace(setup.record, input=None, output=None).status is Status.OK
