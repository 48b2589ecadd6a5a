"""Whatever a provider sends in place of an answer: the next tier's chance, or an error in words; never a fault of ours.

Every shape by every provider's API, in the dialect of that API and behind LiteLLM's translations of it: a third of them
each, in turns; `THRIFTGATE_FUZZ_SHAPES=1` sends all of them everywhere.
"""

import json
import os
import re
from collections.abc import Iterator
from functools import partial

import httpx
import pytest
from tests.proxy.asked import Asked
from tests.proxy.conftest import GatewayProcess
from tests.proxy.faults.conftest import ask, at_once, error_of, text_of
from tests.proxy.faults.odd_shapes import FINE, PAGES, STREAMS, WHOLE, sends, streams
from tests.proxy.upstream import Reply, says
from werkzeug import Response

pytestmark = pytest.mark.xdist_group("proxy-faults")

SPOKEN = {
    ("openai", "chat"): "chat", ("openai", "responses"): "responses", ("openai", "messages"): "responses",
    ("claude", "messages"): "messages", ("claude", "chat"): "messages", ("claude", "responses"): "messages",
    ("vllm", "chat"): "chat", ("vllm", "messages"): "chat", ("vllm", "responses"): "responses",
}  # fmt: skip
"""By provider and the client's dialect: the API in which LiteLLM asks that provider."""
INSIDES = ("Traceback", "site-packages", "/work/", ".py", "thriftgate.proxy", "litellm.", "object has no attribute")
_NUMBER = re.compile(r"shape (\d+)!")


PAIRS = tuple(SPOKEN)
TURNS = 3


def shapes_of(provider: str, dialect: str, *, stream: bool, only: bool) -> dict[str, Reply]:
    spoken = SPOKEN[provider, dialect]
    made = {name: streams(events) for name, events in STREAMS[spoken].items()} if stream else {}
    made = made or {name: sends(body) for name, body in WHOLE[spoken].items()}
    turn = PAIRS.index((provider, dialect)) + only
    return {
        name: reply
        for place, (name, reply) in enumerate((made | PAGES).items())
        if "THRIFTGATE_FUZZ_SHAPES" in os.environ or place % TURNS == turn % TURNS
    }


def answered_by(
    gateway: GatewayProcess, provider: str, shapes: dict[str, Reply], dialect: str, route: str, *, stream: bool
) -> Iterator[tuple[str, httpx.Response]]:
    """What the route makes of each shape: the provider answers with the one whose number is asked for."""
    replies = list(shapes.values())

    def reply(asked: Asked) -> Response:
        number = _NUMBER.search(json.dumps(asked.prompt))
        assert number is not None
        return replies[int(number[1])](asked)

    gateway.upstream.on(f"any-{provider}", reply)
    gateway.upstream.on("o-large", says("Strong."))
    calls = [partial(ask, gateway, dialect, route, f"shape {at}!", stream=stream) for at in range(len(shapes))]
    return zip(shapes, at_once(*calls), strict=True)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(("provider", "dialect"), PAIRS)
def test_a_shape_that_is_no_answer_is_the_next_tiers_chance(
    gateway: GatewayProcess, provider: str, dialect: str, stream: bool
) -> None:
    shapes = shapes_of(provider, dialect, stream=stream, only=False)
    for name, response in answered_by(gateway, provider, shapes, dialect, f"any-{provider}-first", stream=stream):
        assert response.status_code == 200, (name, response.text)
        assert not any(word in response.text for word in INSIDES), (name, response.text)
        assert '"error":{' not in response.text.replace(" ", ""), (name, response.text)
    assert text_of(ask(gateway, dialect, "one")) == "Strong."


@pytest.mark.timeout(600)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(("provider", "dialect"), PAIRS)
def test_a_shape_that_is_no_answer_of_the_only_tier_is_an_error_in_words(
    gateway: GatewayProcess, provider: str, dialect: str, stream: bool
) -> None:
    shapes = shapes_of(provider, dialect, stream=stream, only=True)
    route = f"any-{provider}-only"
    for name, response in answered_by(gateway, provider, shapes, dialect, route, stream=stream):
        assert response.status_code in (200, 502, 529, 418, 504, 408), (name, response.status_code, response.text)
        assert not any(word in response.text for word in INSIDES), (name, response.text)
        if response.status_code != 200:
            error_of(response)
    gateway.upstream.on(f"any-{provider}", says(FINE))
    assert text_of(ask(gateway, dialect, route)) == FINE  # none of it closed the tier
