"""What a client sees of a cascade, and when: never an answer that may still be refused, unless it asked for that."""

import asyncio
import math
from dataclasses import replace
from typing import Any

import pytest
from tests.cascade_desk import STRONG, SURE, THREE, UNSURE, Client, Desk
from tests.fakes import Held, Streamed, answer_of, ask, failure, settle, stream_of

from thriftgate.cascade.flow import Tier
from thriftgate.errors import TierFailedError
from thriftgate.types import Answer, DecisionKind, Status


async def test_a_held_answer_is_shown_only_after_it_was_accepted() -> None:
    desk = Desk()
    client, held = Client(desk.run), Held(SURE)
    desk.completer.enqueue("small", held)
    reading = asyncio.create_task(client.read())
    await held.reached.wait()
    await settle()
    assert client.choices == []
    held.release.set()
    await reading
    assert client.text == SURE.text
    assert client.expected == (DecisionKind.ACCEPTED, "small")
    assert not desk.completer.history[0].is_streamed


async def test_a_held_answer_that_is_refused_is_never_seen_and_the_strong_one_is_streamed() -> None:
    desk = Desk()
    client, pause = Client(desk.run), Held(STRONG)
    desk.completer.enqueue("small", UNSURE)
    desk.completer.enqueue("large", Streamed([*stream_of(STRONG)[:2], pause]))
    reading = asyncio.create_task(client.read())
    await pause.reached.wait()
    assert client.text == "the"  # while the strong tier still writes
    assert client.expected == (DecisionKind.ESCALATED, "large")
    assert "perhaps" not in client.text
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    assert desk.completer.cancelled == ["large"]
    assert desk.booked == [("small", Status.OK), ("large", Status.CANCELLED)]


async def test_a_held_answer_that_takes_too_long_is_given_up_and_escalated() -> None:
    desk = Desk(hold_limit=1e-6)
    client = Client(desk.run)
    desk.completer.enqueue("small", Held(SURE))
    await client.read()
    assert client.text == STRONG.text
    assert desk.booked == [("small", Status.CANCELLED), ("large", Status.OK)]
    assert [str(one) for one in desk.outcome.failures] == ["small: did not answer within 1e-06 s"]


async def test_the_last_tier_that_gives_nothing_may_leave_a_rejected_answer_to_be_served() -> None:
    for stream in (False, True):
        desk = Desk(on_strong_failure="serve_rejected")
        client = Client(desk.run)
        desk.completer.enqueue("small", UNSURE)
        desk.completer.enqueue("large", failure("large"))
        await (client.read() if stream else desk.run.answer())
        assert (desk.outcome.answer.text, desk.outcome.reason) == (UNSURE.text, "stronger_tiers_failed")
        assert client.text == (UNSURE.text if stream else "")


async def test_a_stream_that_breaks_off_after_its_first_token_is_not_started_over() -> None:
    desk = Desk()
    client = Client(desk.run)
    desk.completer.enqueue("small", UNSURE)
    desk.completer.enqueue("large", Streamed([*stream_of(STRONG)[:3], failure("large")]))
    with pytest.raises(TierFailedError):
        await client.read()
    assert client.text == "the strong"
    assert desk.run.outcome is None
    assert desk.booked[-1] == ("large", Status.FAILED)


async def test_one_tier_alone_is_streamed_through_and_not_judged() -> None:
    desk = Desk((Tier("large"),), reason="tools_offered")
    client = Client(desk.run)
    await client.read()
    assert (client.text, client.expected) == (STRONG.text, (DecisionKind.ONLY_TIER, "large"))
    assert (desk.outcome.reason, desk.scorer.second) == ("tools_offered", [])


async def test_a_tier_that_is_trusted_unseen_is_streamed_through_though_others_stand_behind_it() -> None:
    for is_well in (True, False):
        desk = Desk((Tier("small"), Tier("large")), reason="good_outlook")
        client = Client(desk.run)
        desk.completer.enqueue("small", SURE if is_well else failure("small"))
        await client.read()
        assert client.text == (SURE.text if is_well else STRONG.text)
        assert client.expected == (desk.outcome.decision, desk.outcome.tier.model)
        assert desk.completer.history[0].is_streamed
        assert desk.scorer.second == []


OPTIMISTIC: dict[str, Any] = {"streaming": "optimistic", "optimistic": {"floor": 0.5, "until": 3, "window": 2}}


async def test_an_optimistic_stream_is_shown_once_its_first_tokens_look_good() -> None:
    desk = Desk(**OPTIMISTIC)
    client, pause = Client(desk.run), Held(Answer(choices=(), model="small"))
    whole = stream_of(SURE)
    desk.completer.enqueue("small", Streamed([*whole[:3], pause, *whole[3:]]))
    reading = asyncio.create_task(client.read())
    await pause.reached.wait()
    assert client.choices == []
    pause.release.set()
    await reading
    assert client.text == SURE.text
    assert client.expected == (DecisionKind.ACCEPTED, "small")
    assert (desk.outcome.decision, desk.outcome.confidence) == (DecisionKind.ACCEPTED, 0.9)


async def test_an_optimistic_stream_that_collapses_is_stopped_unseen_and_escalated() -> None:
    desk = Desk(**OPTIMISTIC)
    client = Client(desk.run)
    desk.completer.enqueue("small", UNSURE)
    await client.read()
    assert client.text == STRONG.text
    assert (desk.outcome.decision, desk.outcome.reason) == (DecisionKind.ESCALATED, "collapsed")
    assert desk.completer.cancelled == ["small"]
    assert desk.completer.chunks_sent["small"] < len(stream_of(UNSURE))


async def test_what_an_optimistic_stream_has_shown_is_given_whatever_it_is_worth_and_says_so() -> None:
    desk = Desk(**OPTIMISTIC)
    client = Client(desk.run)
    desk.scorer.confidence[SURE.text] = 0.1
    desk.completer.enqueue("small", SURE)
    await client.read()
    assert client.text == SURE.text
    assert (desk.outcome.decision, desk.outcome.reason) == (DecisionKind.ACCEPTED, "streamed_optimistically")
    assert (desk.outcome.confidence, desk.outcome.signals) == (0.1, {"length": float(len(SURE.text))})
    assert desk.completer.models == ["small"]


async def test_an_optimistic_stream_of_a_later_tier_is_an_escalation_from_its_first_chunk_to_its_outcome() -> None:
    desk = Desk(THREE, **OPTIMISTIC)
    client = Client(desk.run)
    desk.scorer.confidence[SURE.text] = 0.1
    desk.completer.enqueue("small", failure("small"))
    desk.completer.enqueue("middle", SURE)
    await client.read()
    assert client.expected == (desk.outcome.decision, desk.outcome.tier.model) == (DecisionKind.ESCALATED, "middle")


async def test_a_short_answer_that_ends_before_it_is_settled_is_judged_like_a_held_one() -> None:
    for confidence, shown in ((0.9, "yes"), (0.2, STRONG.text)):
        desk = Desk(**OPTIMISTIC)
        client = Client(desk.run)
        desk.scorer.confidence["yes"] = confidence
        desk.completer.enqueue("small", answer_of("yes", logprob=-0.01))
        await client.read()
        assert client.text == shown


@pytest.mark.parametrize(
    ("params", "added"), [({}, {"logprobs", "top_logprobs"}), ({"logprobs": True, "top_logprobs": 1}, set[str]())]
)
@pytest.mark.parametrize("streaming", ["hold", "optimistic"])
async def test_log_probabilities_are_asked_for_where_the_client_did_not_and_marked_as_ours(
    streaming: str, params: dict[str, Any], added: set[str]
) -> None:
    desk = Desk(streaming=streaming, optimistic=OPTIMISTIC["optimistic"])
    alternatives = [{"logprob": -0.01}] * 2
    tokens: list[Any] = [{"token": word, "logprob": -0.01, "top_logprobs": alternatives} for word in SURE.text.split()]
    answer = replace(SURE, choices=(replace(SURE.choices[0], logprobs={"content": tokens}),))
    desk.completer.enqueue("small", answer)
    desk.run = desk.of(ask(params=params))
    client = Client(desk.run)
    await client.read()
    assert client.text == SURE.text
    asked = desk.completer.history[0].request
    assert asked.added == added
    assert asked.params["logprobs"] is True
    assert asked.params["top_logprobs"] == (2 if added else 1)


async def test_an_answer_asked_for_its_label_alone_is_never_shown_not_even_optimistically() -> None:
    desk = Desk((Tier("small", math.inf), Tier("large")), reason="collecting_labels", **OPTIMISTIC)
    client = Client(desk.run)
    desk.completer.enqueue("small", SURE)
    await client.read()
    assert client.text == STRONG.text
    assert (desk.outcome.decision, desk.outcome.reason) == (DecisionKind.ESCALATED, "collecting_labels")
    assert desk.outcome.rejected[0].answer.text == SURE.text
