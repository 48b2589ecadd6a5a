"""Every call of a model is booked once, however it ends, and its tokens are the provider's or marked as counted."""

import asyncio
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes import FakeClock, FakeCompleter, FakePricer, Held, Streamed, answer_of, ask, failure, settle, stream_of

from thriftgate.errors import TierFailedError
from thriftgate.services.request.asking import AskedStream, Asker
from thriftgate.services.request.journal import Journal
from thriftgate.tracing.attributes import TokenPrices, split_cost
from thriftgate.types import CallPurpose, Status, StreamPiece, TierCall, Usage

ANSWER = answer_of("within five working days", logprob=-0.5)
REQUEST = ask("when is my refund here")


class Setup:
    """An asker, and what it is made of."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.completer = FakeCompleter()
        self.pricer = FakePricer()
        self.journal = Journal(REQUEST, clock=self.clock, stream=False, capture_content=False)
        self.asker = Asker(self.completer, self.pricer, self.journal)

    @property
    def call(self) -> TierCall:
        (call,) = self.journal.calls
        return call


@pytest.fixture
def setup() -> Setup:
    return Setup()


async def read(stream: AskedStream, *, at_most: int | None = None) -> list[Mapping[str, Any]]:
    """The stream's chunks; the stream is closed after `at_most` of them."""
    found: list[Mapping[str, Any]] = []
    async with aclosing(stream.pieces()) as pieces:
        async for piece in pieces:
            found.append(piece.event)
            if len(found) == at_most:
                break
    return found


async def test_a_call_is_booked_with_what_the_answer_cost(setup: Setup) -> None:
    held = Held(ANSWER)
    setup.completer.enqueue("small", held)
    asking = asyncio.create_task(setup.asker.ask("small", REQUEST))
    await held.reached.wait()
    setup.clock.advance(1.5)
    held.release.set()
    answer = await asking
    assert answer.text == ANSWER.text
    assert setup.call == TierCall(
        model="small",
        deployment="fake/small",
        purpose=CallPurpose.ANSWER,
        started_at=setup.clock.now - 1.5,
        duration=1.5,
        usage=Usage(10, 4),
        cost_usd=0.014,
        cost_parts=split_cost(Usage(10, 4), 0.014, TokenPrices(1.0, 0.5, 1.0)),
        status=Status.OK,
        mean_logprob=-0.5,
        min_logprob=-0.5,
    )
    assert setup.journal.cost_usd == answer.cost_usd


async def test_a_failed_call_is_booked_as_failed_without_the_words_of_the_provider(setup: Setup) -> None:
    setup.completer.enqueue("small", failure(cause="secret words", status_code=504))
    with pytest.raises(TierFailedError):
        await setup.asker.ask("small", REQUEST, purpose=CallPurpose.SECOND_SAMPLE)
    assert (setup.call.status, setup.call.error) == (Status.FAILED, "TierFailedError 504")
    assert (setup.call.usage, setup.call.cost_usd, setup.call.deployment) == (Usage(), 0.0, "fake/small")
    assert setup.call.purpose is CallPurpose.SECOND_SAMPLE


async def test_of_what_a_model_was_asked_with_only_numbers_and_words_are_kept(setup: Setup) -> None:
    params: dict[str, Any] = {
        "temperature": 0.5, "thinking": {"type": "enabled", "budget_tokens": 9, "note": "my secret"}, "top_p": "my pin",
        "stop": ["my secret"], "tools": [{}], "user": "ada", "reasoning_effort": "low", "seed": float("nan"),
    }  # fmt: skip
    setup.completer.enqueue("small", ANSWER)
    await setup.asker.ask("small", replace(REQUEST, params=params))
    assert setup.call.parameters == {
        "temperature": 0.5, "thinking": {"type": "enabled", "budget_tokens": 9}, "reasoning_effort": "low",
    }  # fmt: skip
    assert (setup.call.input, setup.call.output) == (None, None)


async def test_what_was_said_is_kept_only_where_the_operator_wants_it(setup: Setup) -> None:
    setup.journal.capture_content = True
    setup.completer.enqueue("small", ANSWER)
    await setup.asker.ask("small", REQUEST)
    assert (setup.call.input, setup.call.output) == (REQUEST.messages, ANSWER.text)


async def test_a_cancelled_call_is_booked_as_cancelled(setup: Setup) -> None:
    held = Held(ANSWER)
    setup.completer.enqueue("small", held)
    asking = asyncio.create_task(setup.asker.ask("small", REQUEST))
    await held.reached.wait()
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    assert (setup.call.status, setup.call.error) == (Status.CANCELLED, "CancelledError")
    assert setup.completer.cancelled == ["small"]


async def test_a_stream_that_ends_well_is_booked_with_the_provider_s_own_count(setup: Setup) -> None:
    setup.completer.enqueue("small", ANSWER)
    stream = setup.asker.stream("small", REQUEST)
    chunks = await read(stream)
    assert "".join(one["delta"].get("content") or "" for chunk in chunks for one in chunk["choices"]) == ANSWER.text
    assert chunks[-1]["usage"] == {"prompt_tokens": 10, "completion_tokens": 4}
    assert stream.answer is not None
    assert stream.answer.text == stream.text == ANSWER.text
    assert stream.answer.choices == ANSWER.choices
    assert (setup.call.status, setup.call.usage, setup.call.cost_usd) == (Status.OK, Usage(10, 4), 0.014)
    assert (setup.call.deployment, setup.call.mean_logprob) == ("fake/small", -0.5)
    assert not setup.completer.cancelled


async def test_the_time_to_the_first_token_is_that_of_the_first_chunk(setup: Setup) -> None:
    first = Held(ANSWER)
    usage: dict[str, Any] = {"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 0}}
    setup.completer.enqueue("small", Streamed([usage, first]))
    stream = setup.asker.stream("small", REQUEST)
    reading = asyncio.create_task(read(stream))
    await first.reached.wait()
    setup.clock.advance(0.25)
    assert not stream.has_started
    first.release.set()
    await reading
    assert (setup.call.time_to_first_token, setup.call.duration) == (0.25, 0.25)


@given(read_chunks=st.integers(2, 5))
async def test_a_stream_that_the_client_leaves_is_booked_with_counted_tokens(read_chunks: int) -> None:
    setup = Setup()
    setup.completer.enqueue("small", ANSWER)
    stream = setup.asker.stream("small", REQUEST)
    await read(stream, at_most=read_chunks)
    words = read_chunks - 1  # the first chunk is the role
    expected = Usage(len(["when", "is", "my", "refund", "here"]), words, is_estimated=True)
    assert (setup.call.status, setup.call.usage) == (Status.CANCELLED, expected)
    assert setup.call.cost_usd == pytest.approx(0.001 * expected.total_tokens)
    assert stream.answer is None
    assert setup.completer.cancelled == ["small"]
    assert setup.completer.chunks_sent["small"] == read_chunks


async def test_a_stream_cancelled_while_the_model_thinks_is_closed_upstream(setup: Setup) -> None:
    pause = Held("never")
    setup.completer.enqueue("small", Streamed([*stream_of(ANSWER)[:3], pause]))
    reading = asyncio.create_task(read(setup.asker.stream("small", REQUEST)))
    await pause.reached.wait()
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    assert setup.completer.cancelled == ["small"]
    assert (setup.call.status, setup.call.usage.completion_tokens) == (Status.CANCELLED, 2)


async def test_a_stream_that_gives_nothing_costs_nothing(setup: Setup) -> None:
    setup.completer.enqueue("small", failure(status_code=503))
    stream = setup.asker.stream("small", REQUEST)
    with pytest.raises(TierFailedError):
        await read(stream)
    assert not stream.has_started
    assert (setup.call.status, setup.call.error) == (Status.FAILED, "TierFailedError 503")
    assert (setup.call.usage, setup.call.cost_usd, setup.call.time_to_first_token) == (Usage(), 0.0, None)


async def test_a_stream_that_breaks_off_is_booked_with_what_had_come(setup: Setup) -> None:
    setup.completer.enqueue("small", Streamed([*stream_of(ANSWER)[:4], failure()]))
    stream = setup.asker.stream("small", REQUEST)
    with pytest.raises(TierFailedError):
        await read(stream)
    assert stream.has_started
    assert stream.answer is None
    assert (setup.call.status, setup.call.usage) == (Status.FAILED, Usage(5, 3, is_estimated=True))
    assert setup.call.cost_usd == pytest.approx(0.008)


async def test_a_stream_without_a_finish_reason_is_cut_and_not_an_answer(setup: Setup) -> None:
    setup.completer.enqueue("small", Streamed(stream_of(ANSWER)[:-2]))
    stream = setup.asker.stream("small", REQUEST)
    with pytest.raises(TierFailedError, match="without a finish reason"):
        await read(stream)
    assert stream.answer is None
    assert setup.call.status is Status.FAILED


async def test_tokens_that_the_provider_did_not_count_are_counted_and_marked(setup: Setup) -> None:
    setup.completer.enqueue("small", Streamed(stream_of(ANSWER)[:-1]))
    stream = setup.asker.stream("small", REQUEST)
    await read(stream)
    assert setup.call.usage == Usage(5, 4, is_estimated=True)
    assert stream.answer is not None
    assert stream.answer.usage.is_estimated
    assert setup.call.cost_usd == pytest.approx(0.009)


async def test_an_estimate_that_the_edge_made_stays_one(setup: Setup) -> None:
    *chunks, usage = stream_of(ANSWER)
    setup.completer.enqueue("small", Streamed([*chunks, StreamPiece(usage, usage_is_estimated=True)]))
    await read(setup.asker.stream("small", REQUEST))
    assert (setup.call.usage, setup.call.cost_usd) == (Usage(10, 4, is_estimated=True), 0.014)


@pytest.mark.parametrize("at_most", [3, None], ids=["left", "whole"])
async def test_what_a_stream_used_is_settled_once_and_booked_as_the_edge_knows_it(
    setup: Setup, at_most: int | None
) -> None:
    settled: list[tuple[Usage, float, type[BaseException] | None]] = []

    def settle_at(usage: Usage, cost_usd: float, error: BaseException | None) -> tuple[Usage, float]:
        settled.append((usage, cost_usd, None if error is None else type(error)))
        return Usage(100, 7, is_estimated=True), 0.5

    first, *rest = stream_of(ANSWER)
    setup.completer.enqueue("small", Streamed([StreamPiece(first, settle=settle_at), *rest]))
    await read(setup.asker.stream("small", REQUEST), at_most=at_most)
    expected = (
        (Usage(10, 4), 0.014, None) if at_most is None else (Usage(5, 2, is_estimated=True), 0.007, GeneratorExit)
    )
    assert settled == [(expected[0], pytest.approx(expected[1]), expected[2])]
    assert (setup.call.usage, setup.call.cost_usd) == (Usage(100, 7, is_estimated=True), 0.5)


async def test_what_was_written_after_the_provider_last_counted_is_counted_on(setup: Setup) -> None:
    first, *rest = stream_of(ANSWER)
    begun = {**first, "usage": {"prompt_tokens": 50, "completion_tokens": 1, "total_tokens": 51}}
    setup.completer.enqueue("small", Streamed([begun, *rest[:3], failure()]))
    with pytest.raises(TierFailedError):
        await read(setup.asker.stream("small", REQUEST))
    assert setup.call.usage == Usage(50, 3, is_estimated=True)
    assert setup.call.cost_usd == pytest.approx(0.053)


async def test_an_answer_that_was_charged_and_is_none_is_booked_at_what_it_cost(setup: Setup) -> None:
    error = failure()
    error.tokens, error.cost_usd = (10, 4), 0.25
    setup.completer.enqueue("small", error)
    with pytest.raises(TierFailedError):
        await setup.asker.ask("small", REQUEST)
    assert (setup.call.status, setup.call.usage, setup.call.cost_usd) == (Status.FAILED, Usage(10, 4), 0.25)


async def test_a_model_without_a_price_is_booked_as_free(setup: Setup) -> None:
    setup.completer.enqueue("homemade", Streamed(stream_of(ANSWER)[:-1]))
    await read(setup.asker.stream("homemade", REQUEST))
    assert setup.call.cost_usd == 0.0


async def test_the_deployment_that_took_over_is_the_one_in_the_books(setup: Setup) -> None:
    pieces = [StreamPiece(chunk, deployment="fake/backup") for chunk in stream_of(ANSWER)]
    setup.completer.enqueue("small", Streamed(pieces))
    await read(setup.asker.stream("small", REQUEST))
    assert setup.call.deployment == "fake/backup"


async def test_a_stream_thrown_away_is_booked_when_the_loop_collects_it(setup: Setup) -> None:
    setup.completer.enqueue("small", ANSWER)
    pieces = setup.asker.stream("small", REQUEST).pieces()
    await anext(pieces)
    await anext(pieces)
    del pieces
    await settle()
    assert setup.call.status is Status.CANCELLED
    assert setup.completer.cancelled == ["small"]
