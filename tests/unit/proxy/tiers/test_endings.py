"""What LiteLLM makes of an ending that is not there, and how long a caller waits."""

import asyncio
import json
from typing import Any

import pytest

from thriftgate.errors import DeadlineExceededError
from thriftgate.proxy.patience import patience_of, within
from thriftgate.proxy.tiers import endings, provider_answer
from thriftgate.services.request.reading import answer_of


def seen(raw: object) -> provider_answer.ProviderAnswer:
    answer = provider_answer.ProviderAnswer()
    token = provider_answer.current.set(answer)
    try:
        provider_answer.note({"original_response": raw})
    finally:
        provider_answer.current.reset(token)
    return answer


def provided(*reasons: Any) -> str:
    return json.dumps({"choices": [{"index": place, "finish_reason": one} for place, one in enumerate(reasons)]})


def served(count: int) -> dict[str, Any]:
    """As LiteLLM hands it out: every choice stopped."""
    message = {"role": "assistant", "content": "Half"}
    return {"choices": [{"index": place, "message": message, "finish_reason": "stop"} for place in range(count)]}


@pytest.mark.parametrize(
    ("reasons", "expected"),
    [
        (["stop"], ["stop"]),
        ([None], [None]),
        ([""], [None]),
        (["stop", None], ["stop", None]),
        ([None, "stop"], [None, "stop"]),
    ],
)
def test_each_choice_ends_as_its_provider_ended_it(reasons: list[Any], expected: list[Any]) -> None:
    body = endings.as_ended("chat", served(len(reasons)), seen(provided(*reasons)))
    assert [choice.finish_reason for choice in answer_of("chat", body, model="m").choices] == expected


@pytest.mark.parametrize("raw", [None, "", "no json", '{"choices": 5}', '["choices"]', "[" * 100_000 + '"choices"', 7])
def test_what_cannot_be_read_changes_nothing(raw: object) -> None:
    body = served(1)
    assert endings.as_ended("chat", body, seen(raw)) is body


def test_a_translated_answer_without_an_ending_has_none_in_its_own_dialect() -> None:
    answer = seen(provided(None))
    assert endings.as_ended("messages", {"stop_reason": "end_turn"}, answer)["stop_reason"] is None
    assert endings.as_ended("responses", {"status": "completed"}, answer)["status"] == "incomplete"


def test_nothing_is_noted_for_nobody() -> None:
    provider_answer.note({"original_response": "x"})


@pytest.mark.parametrize(
    ("kwargs", "expected"),
    [
        ({}, None),
        ({"timeout": 3}, 3),
        ({"timeout": 0.5, "request_timeout": 9}, 0.5),
        ({"request_timeout": 9}, 9),
        ({"stream_timeout": 2, "timeout": 3}, 3),
        ({"stream": True, "stream_timeout": 2, "timeout": 3}, 2),
        ({"timeout": -1}, None),
        ({"timeout": "soon"}, None),
        ({"timeout": float("nan")}, None),
        ({"timeout": float("inf")}, None),
        ({"timeout": True}, None),
    ],
)
def test_how_long_a_caller_waits(kwargs: dict[str, Any], expected: float | None) -> None:
    assert patience_of(kwargs) == expected


async def test_who_waits_too_long_is_told_so() -> None:
    with pytest.raises(DeadlineExceededError, match=r"route 'support' did not answer within 0\.01 s"):
        async with within("support", {"timeout": 0.01}):
            await asyncio.Event().wait()


async def test_a_timeout_of_somebody_else_is_not_the_callers() -> None:
    with pytest.raises(TimeoutError):
        async with within("support", {"timeout": 60}):
            raise TimeoutError


def test_a_client_does_not_see_our_remark_about_a_choice_without_an_ending() -> None:
    remarked = endings.doubted({"index": 1, "delta": {}, "finish_reason": "stop"}, provider_answer.MISSING)
    said = endings.doubted({"index": 0, "delta": {}, "finish_reason": "stop"}, "burnt_out")
    shown = endings.undoubted({"id": "c", "choices": [said, remarked]})
    assert shown == {"id": "c", "choices": [said, {"index": 1, "delta": {}, "finish_reason": "stop"}]}
    kept = {"choices": [{"provider_specific_fields": {"native_finish_reason": provider_answer.MISSING, "more": 1}}]}
    assert endings.undoubted(kept) == {"choices": [{"provider_specific_fields": {"more": 1}}]}
    assert endings.undoubted(shown) is shown


ERROR = {"error": {"code": 502}}
FILTERED = {"content_filter_results": {"hate": {"filtered": True}}}
UNFILTERED = {"content_filter_results": {"hate": {"filtered": False}, "violence": {"filtered": False}}}
STOP = {"finish_reason": "stop"}


@pytest.mark.parametrize(
    ("chunks", "expected"),
    [
        ([ERROR, STOP], "error"),
        ([ERROR, UNFILTERED, STOP], "error"),
        ([FILTERED, STOP], "content_filter"),
        ([FILTERED, UNFILTERED, STOP | UNFILTERED], "content_filter"),
        ([UNFILTERED, STOP | FILTERED], "content_filter"),
        ([{"native_finish_reason": "burnt_out"}, STOP], "burnt_out"),
        ([STOP, {"finish_reason": None}, UNFILTERED], None),
        ([UNFILTERED, STOP], None),
    ],
)
def test_what_a_choice_ended_by_is_not_forgotten_over_a_clean_ending(
    chunks: list[dict[str, Any]], expected: str | None
) -> None:
    answer = provider_answer.ProviderAnswer()
    for chunk in chunks:
        answer.note_end(1, chunk)
    choice: dict[str, Any] = {"index": 1, "delta": {}, "finish_reason": "stop"}
    ended = endings.event_as_ended("m", "chat", {"choices": [choice]}, answer)
    assert ended == {"choices": [choice if expected is None else endings.doubted(choice, expected)]}
    assert answer.translated_word == expected


def test_a_chunk_that_says_nothing_of_an_ending_is_not_noted() -> None:
    answer = provider_answer.ProviderAnswer()
    for chunk in ({}, UNFILTERED, {"error": None}, {"finish_reason": ""}, {"content_filter_results": [1]}):
        answer.note_end(0, chunk)
    assert answer.ends == {}
