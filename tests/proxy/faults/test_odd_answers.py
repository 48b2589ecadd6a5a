"""A provider's answer that did not finish, or is not what an answer looks like, is neither served as good nor kept."""

from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from tests.proxy.conftest import GatewayProcess
from tests.proxy.faults.conftest import HAIKU, OPUS, ask, at_once, decision, error_of, text_of
from tests.proxy.upstream import fails, gives, raw, raw_stream, says
from tests.proxy.waiting import eventually

pytestmark = pytest.mark.xdist_group("proxy-faults")

USAGE = {"prompt_tokens": 10, "completion_tokens": 4, "total_tokens": 14}


def completion(*choices: Any, **more: Any) -> dict[str, Any]:
    return {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m", "choices": list(choices),
            "usage": USAGE, **more}  # fmt: skip


def choice(text: Any = "Half an ans", finish: Any = "stop", index: int = 0, **more: Any) -> dict[str, Any]:
    logprobs: dict[str, Any] = {"content": [{"token": "x", "logprob": -0.001, "bytes": None, "top_logprobs": []}]}
    return {"index": index, "message": {"role": "assistant", "content": text}, "finish_reason": finish,
            "logprobs": logprobs, **more}  # fmt: skip


def without_finish() -> dict[str, Any]:
    one = choice()
    del one["finish_reason"]
    return one


def message(content: Any, stop_reason: Any = "end_turn") -> dict[str, Any]:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": content,
        "stop_reason": stop_reason,
        "stop_sequence": None,
        "usage": {"input_tokens": 10, "output_tokens": 4},
    }


# K10: whole answers that did not finish

UNFINISHED: dict[str, Any] = {
    "error": completion(choice(finish="error")),
    "null": completion(choice(finish=None)),
    "missing": completion(without_finish()),
    "unheard of": completion(choice(finish="burnt_out")),
    "aborted": completion(choice(finish="abort")),
    "length": completion(choice(finish="length")),
    "number": completion(choice(finish=7)),
    "empty": completion(choice(finish="")),
    "second of two": completion(choice("Whole."), choice(finish=None, index=1)),
    "first of two": completion(choice(finish=None), choice("Whole.", index=1)),
    "second failed": completion(choice("Whole."), choice(finish="error", index=1)),
}


@pytest.mark.parametrize("kind", UNFINISHED)
def test_a_whole_answer_that_did_not_finish_is_escalated_and_not_kept(gateway: GatewayProcess, kind: str) -> None:
    gateway.upstream.on("o-small", raw(UNFINISHED[kind]))
    gateway.upstream.on("o-large", says("The whole answer."))
    question = f"Explain recursion, {kind} {uuid4().hex}"
    more: dict[str, Any] = {"n": 2} if "of two" in kind or "second" in kind else {}
    first = ask(gateway, "chat", "cached", question, **more)
    assert decision(first) == "escalated"
    assert text_of(first) == "The whole answer."
    second = ask(gateway, "chat", "cached", question, **more)
    assert text_of(second) == "The whole answer."


@pytest.mark.parametrize("kind", ["error", "null", "missing", "unheard of", "length"])
def test_an_unfinished_answer_of_the_last_tier_is_told_as_such_and_not_kept(gateway: GatewayProcess, kind: str) -> None:
    for model in ("o-small", "o-large"):
        gateway.upstream.on(model, raw(UNFINISHED[kind]))
    question = f"Explain iteration, {kind} {uuid4().hex}"
    ask(gateway, "chat", "cached", question)
    assert decision(ask(gateway, "chat", "cached", question)) != "exact_hit"


@pytest.mark.parametrize("stop_reason", ["refusal", "pause_turn", None, "burnt_out", "error"])
@pytest.mark.parametrize("stream", [False, True])
def test_a_message_that_did_not_finish_is_escalated_and_not_kept(
    gateway: GatewayProcess, stream: bool, stop_reason: Any
) -> None:
    gateway.upstream.on(HAIKU, raw(message([{"type": "text", "text": "Half"}], stop_reason)))
    gateway.upstream.on(OPUS, gives(message([{"type": "text", "text": "Whole"}])))
    question = f"Explain loops, {stop_reason} {uuid4().hex}"
    for _ in range(2):
        response = ask(gateway, "messages", "claude", question, stream=stream)
        assert response.status_code == 200
        assert "Whole" in response.text
        assert "Half" not in response.text


def chunk(delta: Any, finish: Any = None) -> dict[str, Any]:
    return {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m",
            "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}  # fmt: skip


STREAMS: dict[str, tuple[Any, ...]] = {
    "error word": (chunk({"role": "assistant", "content": "Half"}), chunk({}, "error")),
    "unheard-of word": (chunk({"role": "assistant", "content": "Half"}), chunk({}, "burnt_out")),
    "aborted": (chunk({"role": "assistant", "content": "Half"}), chunk({}, "abort")),
    "word beside the text": (chunk({"role": "assistant", "content": "Half"}, "burnt_out"),),
    "a number": (chunk({"role": "assistant", "content": "Half"}), chunk({}, 7)),
    "cut": (chunk({"role": "assistant", "content": "Half"}),),
    "done without a reason": (chunk({"role": "assistant", "content": "Half"}),),
    "a reason of null": (chunk({"role": "assistant", "content": "Half"}), chunk({}, None)),
    "an empty reason": (chunk({"role": "assistant", "content": "Half"}), chunk({}, "")),
    "done in the text": (chunk({"role": "assistant", "content": "Half [DONE]"}),),
    "error event": (chunk({"role": "assistant", "content": "Half"}), {"error": {"message": "boom", "code": 500}}),
    "nothing": (),
}


@pytest.mark.parametrize("dialect", ["chat", "messages", "responses"])
@pytest.mark.parametrize("kind", STREAMS)
def test_a_stream_that_did_not_finish_is_never_a_hit(gateway: GatewayProcess, kind: str, dialect: str) -> None:
    """Its provider speaks chat completions only: LiteLLM translates its endings for the other two."""
    gateway.upstream.on("c-vllm", raw_stream(*STREAMS[kind], done=kind != "cut"))
    question = f"Explain streams, {kind} {uuid4().hex}"
    ask(gateway, dialect, "cachedvllm", question, stream=True)
    gateway.upstream.on("c-vllm", says("Whole"))
    again = ask(gateway, dialect, "cachedvllm", question, stream=True)
    assert decision(again) not in ("exact_hit", "semantic_hit")
    assert "Whole" in again.text


@pytest.mark.parametrize("dialect", ["chat", "messages"])
def test_the_mark_of_an_end_within_an_answer_ends_nothing(gateway: GatewayProcess, dialect: str) -> None:
    said = [
        chunk({"role": "assistant", "content": piece}) for piece in ("A stream ends with ", "[DONE]", ", they say.")
    ]
    gateway.upstream.on("c-vllm", raw_stream(*said, chunk({}, "stop")))
    question = f"How does a stream end? {uuid4().hex}"
    assert "they say." in ask(gateway, dialect, "cachedvllm", question, stream=True).text
    # It is kept behind its client's back, after a look at its neighbours' answers.
    assert eventually(lambda: decision(ask(gateway, dialect, "cachedvllm", question)) == "exact_hit")
    again = ask(gateway, dialect, "cachedvllm", question)
    assert text_of(again) == "A stream ends with [DONE], they say."


@pytest.mark.parametrize("reason", ["pause_turn", "burnt_out", None])
def test_a_stream_of_messages_read_as_chat_that_did_not_finish_is_never_a_hit(
    gateway: GatewayProcess, reason: Any
) -> None:
    gateway.upstream.on(HAIKU, fails(400, "not with this model"))
    gateway.upstream.on(OPUS, gives(message([{"type": "text", "text": "Half"}], reason)))
    question = f"Explain pauses, {reason} {uuid4().hex}"
    ask(gateway, "chat", "claude", question, stream=True)
    gateway.upstream.on(OPUS, gives(message([{"type": "text", "text": "Whole"}])))
    assert "Whole" in ask(gateway, "chat", "claude", question, stream=True).text


@pytest.mark.parametrize("dialect", ["messages", "responses"])
def test_a_whole_answer_read_in_another_dialect_that_did_not_finish_is_never_a_hit(
    gateway: GatewayProcess, dialect: str
) -> None:
    gateway.upstream.on("c-vllm", raw(completion(choice(finish="burnt_out"))))
    question = f"Explain words {uuid4().hex}"
    ask(gateway, dialect, "cachedvllm", question)
    gateway.upstream.on("c-vllm", says("Whole"))
    assert "Whole" in ask(gateway, dialect, "cachedvllm", question).text


@pytest.mark.parametrize("stream", [False, True])
def test_numbers_that_are_none_are_no_internal_error(gateway: GatewayProcess, stream: bool) -> None:
    odd = message([{"type": "text", "text": "Fine.", "score": float("nan")}])
    gateway.upstream.on(HAIKU, raw(odd))
    gateway.upstream.on(OPUS, gives(message([{"type": "text", "text": "Whole"}])))
    response = ask(gateway, "messages", "claude", f"Not a number {uuid4().hex}", stream=stream)
    assert response.status_code == 200, response.text
    assert "Whole" in response.text


def test_a_place_of_a_choice_that_is_no_number_breaks_no_stream(gateway: GatewayProcess) -> None:
    odd = chunk({"role": "assistant", "content": "Fine."})
    odd["choices"][0]["index"] = "0"
    gateway.upstream.on("o-large", raw_stream(odd, chunk({}, "stop")))
    response = ask(gateway, "chat", "one", stream=True)
    assert "Fine." in response.text
    assert '"error"' not in response.text


@pytest.mark.parametrize("usage", ["x", [1], 5, {"prompt_tokens": "ten"}], ids=["text", "list", "number", "words"])
@pytest.mark.parametrize("model", ["o-large", "c-vllm"])
def test_odd_usage_of_a_stream_takes_neither_its_ending_nor_its_summary(
    gateway: GatewayProcess, model: str, usage: Any
) -> None:
    last: dict[str, Any] = {**chunk({}, None), "choices": [], "usage": usage}
    gateway.upstream.on(model, raw_stream(chunk({"role": "assistant", "content": "Fine."}), chunk({}, "stop"), last))
    route = "one" if model == "o-large" else "cachedvllm"
    response = ask(gateway, "chat", route, f"Odd usage {uuid4().hex}", stream=True)
    assert "Fine." in response.text
    assert '"error"' not in response.text
    assert '"finish_reason":"stop"' in response.text.replace(" ", "")
    assert '"cost_is_estimated"' in response.text


@pytest.mark.parametrize("status", ["burnt_out", "failed", "cancelled", "in_progress", None, 7, "completed"])
def test_a_response_read_as_messages_is_finished_only_where_it_says_so(gateway: GatewayProcess, status: Any) -> None:
    item: dict[str, Any] = {"type": "message", "id": "m1", "role": "assistant", "status": "completed",
            "content": [{"type": "output_text", "text": "Half", "annotations": []}]}  # fmt: skip
    frame: dict[str, Any] = {"id": "resp_1", "object": "response", "created_at": 1, "model": "m", "output": []}
    usage = {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7}
    events: list[dict[str, Any]] = [
        {"type": "response.created", "response": {**frame, "status": "in_progress"}},
        {"type": "response.output_item.added", "output_index": 0, "item": {**item, "content": []}},
        {"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "item_id": "m1", "delta": "Half"},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.completed", "response": {**frame, "output": [item], "status": status, "usage": usage}},
    ]
    gateway.upstream.on("o-large", raw_stream(*({**one, "sequence_number": at} for at, one in enumerate(events))))
    response = ask(gateway, "messages", "one", f"Half {uuid4().hex}", stream=True)
    assert ("end_turn" in response.text) is (status == "completed"), response.text


@pytest.mark.parametrize("dialect", ["chat", "messages", "responses"])
def test_a_stream_with_nothing_in_it_is_a_failure(gateway: GatewayProcess, dialect: str) -> None:
    model, route = (OPUS, "claudeone") if dialect == "messages" else ("o-large", "one")
    gateway.upstream.on(model, raw_stream(done=dialect == "chat"))
    response = ask(gateway, dialect, route, stream=True)
    assert response.status_code == 502, response.text
    error_of(response)


# K21: content that is not text

AUDIO = {"id": "audio_1", "data": "UklGRg==", "expires_at": 1, "transcript": "Hello"}


def test_audio_is_an_answer(gateway: GatewayProcess) -> None:
    spoken = choice(None)
    spoken["message"]["audio"] = AUDIO
    gateway.upstream.on("o-small", raw(completion(spoken)))
    gateway.upstream.on("o-large", says("no"))
    response = ask(gateway, "chat", "plainroute", modalities=["text", "audio"], audio={"voice": "x", "format": "wav"})
    assert response.json()["choices"][0]["message"]["audio"]["data"] == AUDIO["data"]
    assert gateway.upstream.asked("o-large") == []


@pytest.mark.parametrize(
    "said",
    [
        {"content": None, "refusal": "I cannot."},
        {"content": None, "images": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}]},
        {
            "content": None,
            "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
        },
    ],
    ids=["refusal", "image", "tool call"],
)
def test_the_last_tiers_answer_of_any_content_reaches_the_client(gateway: GatewayProcess, said: Any) -> None:
    one = choice(None, "tool_calls" if "tool_calls" in said else "stop")
    one["message"] |= said
    gateway.upstream.on("o-large", raw(completion(one)))
    told = ask(gateway, "chat", "one").json()["choices"][0]["message"]
    name = next(name for name in said if name != "content")
    assert told.get(name) or told.get("provider_specific_fields", {}).get(name), told


# K22: odd fields

ODD: dict[str, Any] = {
    "logprobs list": completion({**choice("Fine."), "logprobs": [1, 2]}),
    "logprobs text": completion({**choice("Fine."), "logprobs": "high"}),
    "logprobs of numbers": completion({**choice("Fine."), "logprobs": {"content": [1, 2]}}),
    "logprobs null entries": completion({**choice("Fine."), "logprobs": {"content": [None]}}),
    "logprob text": completion({**choice("Fine."), "logprobs": {"content": [{"token": "a", "logprob": "x"}]}}),
    "token number": completion({**choice("Fine."), "logprobs": {"content": [{"token": 1, "logprob": -1}]}}),
    "top logprobs odd": completion(
        {**choice("Fine."), "logprobs": {"content": [{"token": "a", "logprob": -1, "top_logprobs": "x"}]}}
    ),
    "usage list": completion(choice("Fine."), usage=[1]),
    "usage text": completion(choice("Fine."), usage="none"),
    "usage of texts": completion(choice("Fine."), usage={"prompt_tokens": "ten", "completion_tokens": "4"}),
    "usage negative": completion(choice("Fine."), usage={"prompt_tokens": -5, "completion_tokens": -4}),
    "usage huge": completion(choice("Fine."), usage={"prompt_tokens": 10**30, "completion_tokens": 4}),
    "details odd": completion(choice("Fine."), usage={**USAGE, "prompt_tokens_details": "x"}),
    "id number": completion(choice("Fine."), id=5),
    "created text": completion(choice("Fine."), created="now"),
    "model null": completion(choice("Fine."), model=None),
    "index text": completion({**choice("Fine."), "index": "first"}),
    "index missing": completion({name: value for name, value in choice("Fine.").items() if name != "index"}),
    "tool calls odd": completion(
        {**choice("Fine."), "message": {"role": "assistant", "content": "Fine.", "tool_calls": 5}}
    ),
    "annotations odd": completion(
        {**choice("Fine."), "message": {"role": "assistant", "content": "Fine.", "annotations": "x"}}
    ),
    "service tier odd": completion(choice("Fine."), service_tier=["x"]),
    "fingerprint odd": completion(choice("Fine."), system_fingerprint={"x": 1}),
    "message missing": completion({"index": 0, "finish_reason": "stop"}),
    "message text": completion({**choice(), "message": "Fine."}),
    "content number": completion(choice(5)),
    "content object": completion(choice({"a": 1})),
    "choices missing": {"id": "x", "object": "chat.completion"},
    "choices null": {**completion(), "choices": None},
    "choices object": {**completion(), "choices": {"a": 1}},
    "choices of texts": {**completion(), "choices": ["x"]},
    "no choices": completion(),
    "an error": {"error": {"message": "overloaded", "code": 500}},
    "a list": [1, 2, 3],
    "a text": "hello",
    "a number": 5,
    "null": None,
    "empty object": {},
}


@pytest.mark.parametrize("dialect", ["chat", "messages", "responses"])
def test_an_odd_answer_of_a_cheap_tier_costs_no_client_its_answer(gateway: GatewayProcess, dialect: str) -> None:
    """Served where it is one, else the next tier's."""
    gateway.upstream.on("o-large", says("From the strong one."))
    calls = [partial(ask, gateway, dialect, f"{group}-first") for group in odd_tiers(gateway, ODD)]
    for kind, response in zip(ODD, at_once(*calls), strict=True):
        assert response.status_code == 200, (kind, response.text)
        assert "Fine." in response.text or "From the strong one." in response.text, (kind, response.text)


@pytest.mark.parametrize("stream", [False, True])
def test_an_odd_answer_of_the_only_tier_is_an_answer_or_an_error_in_words(
    gateway: GatewayProcess, stream: bool
) -> None:
    tiers = odd_tiers(gateway, ODD, stream=stream)
    calls = [partial(ask, gateway, "chat", f"{group}-only", stream=stream) for group in tiers]
    for kind, response in zip(ODD, at_once(*calls), strict=True):
        assert response.status_code in (200, 502), (kind, response.text)
        if response.status_code == 502:
            error_of(response)


def odd_tiers(gateway: GatewayProcess, kinds: dict[str, Any], *, stream: bool = False) -> list[str]:
    """A tier for each kind that answers so."""
    prefix = "odd-claude" if kinds is ODD_MESSAGES else "odd"
    names = [f"{prefix}-{place}" for place in range(len(kinds))]
    for name, answer in zip(names, kinds.values(), strict=True):
        gateway.upstream.on(name, raw_stream(answer) if stream else raw(answer))
    return names


ODD_MESSAGES: dict[str, Any] = {
    "content text": message("Fine."),
    "content null": message(None),
    "content of texts": message(["Fine."]),
    "content empty": message([]),
    "unknown block": message([{"type": "hologram", "x": 1}, {"type": "text", "text": "Fine."}]),
    "text number": message([{"type": "text", "text": 5}]),
    "usage null": {**message([{"type": "text", "text": "Fine."}]), "usage": None},
    "usage text": {**message([{"type": "text", "text": "Fine."}]), "usage": "x"},
    "usage of texts": {**message([{"type": "text", "text": "Fine."}]), "usage": {"input_tokens": "x"}},
    "usage missing": {
        name: value for name, value in message([{"type": "text", "text": "Fine."}]).items() if name != "usage"
    },
    "stop odd": message([{"type": "text", "text": "Fine."}], 5),
    "an error": {"type": "error", "error": {"type": "overloaded_error", "message": "x"}},
    "a list": [1],
    "a text": "hello",
    "empty object": {},
}


@pytest.mark.parametrize("dialect", ["chat", "messages"])
def test_an_odd_message_of_a_cheap_tier_costs_no_client_its_answer(gateway: GatewayProcess, dialect: str) -> None:
    gateway.upstream.on("o-large", says("From the strong one."))
    calls = [partial(ask, gateway, dialect, f"{group}-first") for group in odd_tiers(gateway, ODD_MESSAGES)]
    for kind, response in zip(ODD_MESSAGES, at_once(*calls), strict=True):
        assert response.status_code == 200, (kind, response.text)
        assert "Fine." in response.text or "From the strong one." in response.text, (kind, response.text)
