"""What a client sees of a cascade, and when: never an answer that may still be refused, unless it asked for that."""

import asyncio
import math
from dataclasses import replace
from typing import Any

import pytest
from tests.cascade_setup import STRONG, SURE, THREE, UNSURE, Client, Setup
from tests.fakes import Held, Streamed, answer_of, ask, failure, settle, stream_of

from thriftgate.cascade.flow import Tier
from thriftgate.errors import TierFailedError
from thriftgate.types import Answer, DecisionKind, Status


async def test_a_held_answer_is_shown_only_after_it_was_accepted() -> None:
    setup = Setup()
    client, held = Client(setup.run), Held(SURE)
    setup.completer.enqueue("small", held)
    reading = asyncio.create_task(client.read())
    await held.reached.wait()
    await settle()
    assert client.choices == []
    held.release.set()
    await reading
    assert client.text == SURE.text
    assert client.expected == (DecisionKind.ACCEPTED, "small")
    assert not setup.completer.history[0].is_streamed


async def test_a_held_answer_that_is_refused_is_never_seen_and_the_strong_one_is_streamed() -> None:
    setup = Setup()
    client, pause = Client(setup.run), Held(STRONG)
    setup.completer.enqueue("small", UNSURE)
    setup.completer.enqueue("large", Streamed([*stream_of(STRONG)[:2], pause]))
    reading = asyncio.create_task(client.read())
    await pause.reached.wait()
    assert client.text == "the"  # while the strong tier still writes
    assert client.expected == (DecisionKind.ESCALATED, "large")
    assert "perhaps" not in client.text
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    assert setup.completer.cancelled == ["large"]
    assert setup.booked == [("small", Status.OK), ("large", Status.CANCELLED)]


async def test_a_held_answer_that_takes_too_long_is_given_up_and_escalated() -> None:
    setup = Setup(hold_limit=1e-6)
    client = Client(setup.run)
    setup.completer.enqueue("small", Held(SURE))
    await client.read()
    assert client.text == STRONG.text
    assert setup.booked == [("small", Status.CANCELLED), ("large", Status.OK)]
    assert [str(one) for one in setup.outcome.failures] == ["small: did not answer within 1e-06 s"]


async def test_the_last_tier_that_gives_nothing_may_leave_a_rejected_answer_to_be_served() -> None:
    for stream in (False, True):
        setup = Setup(on_strong_failure="serve_rejected")
        client = Client(setup.run)
        setup.completer.enqueue("small", UNSURE)
        setup.completer.enqueue("large", failure("large"))
        await (client.read() if stream else setup.run.answer())
        assert (setup.outcome.answer.text, setup.outcome.reason) == (UNSURE.text, "stronger_tiers_failed")
        assert client.text == (UNSURE.text if stream else "")


async def test_a_stream_that_breaks_off_after_its_first_token_is_not_started_over() -> None:
    setup = Setup()
    client = Client(setup.run)
    setup.completer.enqueue("small", UNSURE)
    setup.completer.enqueue("large", Streamed([*stream_of(STRONG)[:3], failure("large")]))
    with pytest.raises(TierFailedError):
        await client.read()
    assert client.text == "the strong"
    assert setup.run.outcome is None
    assert setup.booked[-1] == ("large", Status.FAILED)


async def test_one_tier_alone_is_streamed_through_and_not_judged() -> None:
    setup = Setup((Tier("large"),), reason="tools_offered")
    client = Client(setup.run)
    await client.read()
    assert (client.text, client.expected) == (STRONG.text, (DecisionKind.ONLY_TIER, "large"))
    assert (setup.outcome.reason, setup.scorer.second) == ("tools_offered", [])


async def test_a_tier_that_is_trusted_unseen_is_streamed_through_though_others_stand_behind_it() -> None:
    for is_well in (True, False):
        setup = Setup((Tier("small"), Tier("large")), reason="good_outlook")
        client = Client(setup.run)
        setup.completer.enqueue("small", SURE if is_well else failure("small"))
        await client.read()
        assert client.text == (SURE.text if is_well else STRONG.text)
        assert client.expected == (setup.outcome.decision, setup.outcome.tier.model)
        assert setup.completer.history[0].is_streamed
        assert setup.scorer.second == []


OPTIMISTIC: dict[str, Any] = {"streaming": "optimistic", "optimistic": {"floor": 0.5, "until": 3, "window": 2}}


async def test_an_optimistic_stream_is_shown_once_its_first_tokens_look_good() -> None:
    setup = Setup(**OPTIMISTIC)
    client, pause = Client(setup.run), Held(Answer(choices=(), model="small"))
    whole = stream_of(SURE)
    setup.completer.enqueue("small", Streamed([*whole[:3], pause, *whole[3:]]))
    reading = asyncio.create_task(client.read())
    await pause.reached.wait()
    assert client.choices == []
    pause.release.set()
    await reading
    assert client.text == SURE.text
    assert client.expected == (DecisionKind.ACCEPTED, "small")
    assert (setup.outcome.decision, setup.outcome.confidence) == (DecisionKind.ACCEPTED, 0.9)


async def test_an_optimistic_stream_that_collapses_is_stopped_unseen_and_escalated() -> None:
    setup = Setup(**OPTIMISTIC)
    client = Client(setup.run)
    setup.completer.enqueue("small", UNSURE)
    await client.read()
    assert client.text == STRONG.text
    assert (setup.outcome.decision, setup.outcome.reason) == (DecisionKind.ESCALATED, "collapsed")
    assert setup.completer.cancelled == ["small"]
    assert setup.completer.chunks_sent["small"] < len(stream_of(UNSURE))


async def test_what_an_optimistic_stream_has_shown_is_given_whatever_it_is_worth_and_says_so() -> None:
    setup = Setup(**OPTIMISTIC)
    client = Client(setup.run)
    setup.scorer.confidence[SURE.text] = 0.1
    setup.completer.enqueue("small", SURE)
    await client.read()
    assert client.text == SURE.text
    assert (setup.outcome.decision, setup.outcome.reason) == (DecisionKind.ACCEPTED, "streamed_optimistically")
    assert (setup.outcome.confidence, setup.outcome.signals) == (0.1, {"length": float(len(SURE.text))})
    assert setup.completer.models == ["small"]


async def test_an_optimistic_stream_of_a_later_tier_is_an_escalation_from_its_first_chunk_to_its_outcome() -> None:
    setup = Setup(THREE, **OPTIMISTIC)
    client = Client(setup.run)
    setup.scorer.confidence[SURE.text] = 0.1
    setup.completer.enqueue("small", failure("small"))
    setup.completer.enqueue("middle", SURE)
    await client.read()
    assert client.expected == (setup.outcome.decision, setup.outcome.tier.model) == (DecisionKind.ESCALATED, "middle")


async def test_a_short_answer_that_ends_before_it_is_settled_is_judged_like_a_held_one() -> None:
    for confidence, shown in ((0.9, "yes"), (0.2, STRONG.text)):
        setup = Setup(**OPTIMISTIC)
        client = Client(setup.run)
        setup.scorer.confidence["yes"] = confidence
        setup.completer.enqueue("small", answer_of("yes", logprob=-0.01))
        await client.read()
        assert client.text == shown


@pytest.mark.parametrize(
    ("params", "added", "raised"),
    [
        ({}, {"logprobs", "top_logprobs"}, {}),
        ({"logprobs": False}, {"top_logprobs"}, {"logprobs": False}),
        ({"logprobs": True}, {"top_logprobs"}, {}),
        ({"logprobs": True, "top_logprobs": None}, set[str](), {"top_logprobs": None}),
        ({"logprobs": True, "top_logprobs": 1}, set[str](), {"top_logprobs": 1}),
        ({"logprobs": True, "top_logprobs": 5}, set[str](), {}),
        ({"logprobs": True, "top_logprobs": "1"}, set[str](), {}),
        ({"logprobs": True, "top_logprobs": True}, set[str](), {}),
        ({"logprobs": True, "top_logprobs": -1}, set[str](), {}),
    ],
)
@pytest.mark.parametrize("streaming", ["hold", "optimistic"])
async def test_log_probabilities_and_two_alternatives_are_asked_for_where_the_client_did_not_and_marked_as_ours(
    streaming: str, params: dict[str, Any], added: set[str], raised: dict[str, Any]
) -> None:
    setup = Setup(streaming=streaming, optimistic=OPTIMISTIC["optimistic"])
    alternatives = [{"logprob": -0.01}] * 2
    tokens: list[Any] = [{"token": word, "logprob": -0.01, "top_logprobs": alternatives} for word in SURE.text.split()]
    answer = replace(SURE, choices=(replace(SURE.choices[0], logprobs={"content": tokens}),))
    setup.completer.enqueue("small", answer)
    setup.run = setup.of(ask(params=params))
    client = Client(setup.run)
    await client.read()
    assert client.text == SURE.text
    asked = setup.completer.history[0].request
    assert asked.added == added
    assert asked.params["logprobs"] is True
    assert asked.raised == raised
    assert asked.params["top_logprobs"] == (2 if added or raised else params["top_logprobs"])


async def test_an_answer_asked_for_its_label_alone_is_never_shown_not_even_optimistically() -> None:
    setup = Setup((Tier("small", math.inf), Tier("large")), reason="collecting_labels", **OPTIMISTIC)
    client = Client(setup.run)
    setup.completer.enqueue("small", SURE)
    await client.read()
    assert client.text == STRONG.text
    assert (setup.outcome.decision, setup.outcome.reason) == (DecisionKind.ESCALATED, "collecting_labels")
    assert setup.outcome.rejected[0].answer.text == SURE.text
