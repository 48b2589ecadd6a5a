"""What a stream says in its pieces is what its client gets, and what a hit shows again."""

import json
from typing import Any
from uuid import uuid4

import httpx
import pytest
from tests.proxy.conftest import GatewayProcess
from tests.proxy.faults.conftest import HAIKU, OPUS, ask, decision
from tests.proxy.faults.test_odd_answers import chunk
from tests.proxy.upstream import fails, gives, raw_stream
from tests.proxy.waiting import eventually
from tests.wire_samples.dialects import ANSWERS

from thriftgate.wire.dialects import assembler
from thriftgate.wire.streaming.sse import SseDecoder
from thriftgate.wire.turns import Dialect

pytestmark = pytest.mark.xdist_group("proxy-faults")

USAGE: dict[str, Any] = {
    **chunk({}),
    "choices": [],
    "usage": {"prompt_tokens": 10, "completion_tokens": 4, "total_tokens": 14},
}


def placed(delta: Any, finish: Any = None, index: int = 0, **more: Any) -> dict[str, Any]:
    one = chunk(delta, finish)
    return {**one, "choices": [{**one["choices"][0], "index": index, **more}]}


def whole(response: httpx.Response) -> dict[str, Any]:
    """What a client has at the end of a stream of chat completions."""
    growing, decoder = assembler(Dialect.CHAT), SseDecoder()
    for event in [*decoder.feed(response.content), *decoder.flush()]:
        growing.feed(event.body or {})
    return growing.finish()


ENDS: dict[str, tuple[list[str], list[str]]] = {
    "the second was cut": (["stop", "length"], ["stop", "length"]),
    "the first was cut": (["length", "stop"], ["length", "stop"]),
    "the last was filtered": (["stop", "stop", "content_filter"], ["stop", "stop", "content_filter"]),
    "all were cut": (["length", "length"], ["length", "length"]),
    "a call and a text": (["stop", "tool_calls"], ["stop", "tool_calls"]),
}


@pytest.mark.parametrize("together", [False, True], ids=["apart", "in one chunk"])
@pytest.mark.parametrize("tier", [("one", "o-large"), ("cachedvllm", "c-vllm")], ids=["openai", "vllm"])
@pytest.mark.parametrize("kind", ENDS)
def test_each_choice_of_a_stream_ends_as_its_provider_ended_it(
    gateway: GatewayProcess, kind: str, tier: tuple[str, str], together: bool
) -> None:
    said, told = ENDS[kind]
    events = [placed({"role": "assistant", "content": f"Text {at}"}, index=at) for at in range(len(said))]
    ends = [placed({}, word, index=at) for at, word in enumerate(said)]
    if together:
        ends = [{**ends[0], "choices": [end["choices"][0] for end in ends]}]
    route, model = tier
    gateway.upstream.on(model, raw_stream(*events, *ends, USAGE))
    response = ask(gateway, "chat", route, f"Ends {uuid4().hex}", stream=True, n=len(said))
    assert [choice["finish_reason"] for choice in whole(response)["choices"]] == told


@pytest.mark.parametrize("dialect", ["chat", "messages"])
@pytest.mark.parametrize("own", ["error", "burnt_out", "MAX_TOKENS"])
def test_a_providers_own_word_beside_a_stop_is_heard_in_a_stream(
    gateway: GatewayProcess, own: str, dialect: str
) -> None:
    end = placed({}, "stop", native_finish_reason=own)
    gateway.upstream.on("c-vllm", raw_stream(placed({"role": "assistant", "content": "Half"}), end, USAGE))
    question = f"Own words {own} {uuid4().hex}"
    ask(gateway, dialect, "cachedvllm", question, stream=True)
    assert decision(ask(gateway, dialect, "cachedvllm", question, stream=True)) == "only_tier"


@pytest.mark.parametrize("tier", [("one", "o-large"), ("cachedvllm", "c-vllm")], ids=["openai", "vllm"])
def test_a_refusal_arrives_with_all_its_pieces(gateway: GatewayProcess, tier: tuple[str, str]) -> None:
    route, model = tier
    pieces = [placed({"refusal": piece}) for piece in ("I can", "not help", " with that.")]
    gateway.upstream.on(
        model, raw_stream(placed({"role": "assistant", "content": None}), *pieces, placed({}, "stop"), USAGE)
    )
    response = ask(gateway, "chat", route, f"Refuse {uuid4().hex}", stream=True)
    assert whole(response)["choices"][0]["message"]["refusal"] == "I cannot help with that."


ODD_DELTAS: dict[str, dict[str, Any]] = {
    "an image without a place": {"images": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}]},
    "annotations of texts": {"annotations": ["x"]},
}


@pytest.mark.parametrize("kind", ODD_DELTAS)
def test_a_hit_of_a_stream_with_odd_pieces_is_an_answer(gateway: GatewayProcess, kind: str) -> None:
    delta = {"role": "assistant", "content": "Here", **ODD_DELTAS[kind]}
    gateway.upstream.on("c-vllm", raw_stream(placed(delta), placed({}, "stop"), USAGE))
    question = f"Odd pieces, {kind} {uuid4().hex}"
    # Kept beside the request: until then the one that plays the provider has a stream for whoever asks.
    assert eventually(lambda: decision(ask(gateway, "chat", "cachedvllm", question, stream=True)) == "exact_hit")
    again = ask(gateway, "chat", "cachedvllm", question)
    assert again.status_code == 200, again.text
    assert decision(again) == "exact_hit"
    name = next(iter(ODD_DELTAS[kind]))
    assert json.loads(again.text)["choices"][0]["message"][name] == ODD_DELTAS[kind][name]


def test_a_hit_of_a_translated_stream_has_its_thoughts_and_citations_whole(gateway: GatewayProcess) -> None:
    cited = [
        {"type": "char_location", "cited_text": text, "document_index": 0, "document_title": "Fruit",
         "start_char_index": at, "end_char_index": at + 3}
        for at, text in enumerate(("red", "ripe"))
    ]  # fmt: skip
    content = [
        {"type": "thinking", "thinking": "I need it all.", "signature": "c2lnMQ=="},
        {"type": "text", "text": "Apples are red.", "citations": cited},
    ]
    usage = {"input_tokens": 10, "output_tokens": 4}
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": content,
               "stop_reason": "end_turn", "stop_sequence": None, "usage": usage}  # fmt: skip
    gateway.upstream.on("claude-haiku-4-5", fails(400, "not with this model"))
    gateway.upstream.on(OPUS, gives(message))
    question = f"Thoughts {uuid4().hex}"
    assert eventually(lambda: decision(ask(gateway, "chat", "claude", question, stream=True)) == "exact_hit")
    again = ask(gateway, "chat", "claude", question)
    assert decision(again) == "exact_hit"
    said = again.json()["choices"][0]["message"]
    beside = said["provider_specific_fields"]
    thought = {"type": "thinking", "thinking": "I need it all.", "signature": "c2lnMQ=="}
    assert said["thinking_blocks"] == [thought]
    assert beside.get("thinking_blocks", [thought]) == [thought]
    assert [one["cited_text"] for one in beside["citations"][0]] == ["red", "ripe"]


KEPT = {
    Dialect.CHAT: ("cachedvllm", "c-vllm"),
    Dialect.MESSAGES: ("claude", OPUS),
    Dialect.RESPONSES: ("cached", "o-large"),
}
"""A route that keeps the strong tier's answers in each dialect, and that tier."""
BY_ITSELF = ("text", "blanks", "unicode", "unknown fields", "citations", "filter results", "logprobs", "echo",
             "two texts", "no caches", "thinking tokens", "no details", "two parts", "null citations")  # fmt: skip


@pytest.mark.parametrize("dialect", list(Dialect))
def test_a_hit_shows_what_the_whole_answer_showed_and_what_was_null_as_well(
    gateway: GatewayProcess, dialect: Dialect
) -> None:
    route, tier = KEPT[dialect]
    for name in (HAIKU, "o-small"):
        gateway.upstream.on(name, fails(500))
    hits = 0
    for one, sample in ANSWERS:
        if one.dialect is not dialect or sample.name not in BY_ITSELF:
            continue
        gateway.upstream.on(tier, gives(sample.body))
        said = f"{uuid4().hex} {sample.name}"
        first = ask(gateway, dialect, route, said)
        assert first.status_code == 200, (sample.name, first.text)
        again = ask(gateway, dialect, route, said)
        if decision(again) != "exact_hit":  # the first one may still be on its way into the cache
            assert eventually(lambda said=said: decision(ask(gateway, dialect, route, said)) == "exact_hit"), (
                sample.name
            )
            again = ask(gateway, dialect, route, said)
        ours = {"thriftgate", "id"} if dialect is Dialect.RESPONSES else {"thriftgate"}
        shown = [{name: value for name, value in one.json().items() if name not in ours} for one in (first, again)]
        assert shown[1] == shown[0], sample.name
        hits += 1
    assert hits > 3
