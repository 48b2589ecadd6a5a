"""Every outage of a cheap tier, of three kinds of provider, at every endpoint: the next one answers, whole or streamed.

Where the tier that fails so is the last one, the client hears of it in its own dialect, by a class it can act on.
"""

import json
from typing import Any
from uuid import uuid4

import httpx
import pytest
from tests.proxy.asked import Asked
from tests.proxy.conftest import GatewayProcess
from tests.proxy.faults.conftest import PATHS, ask, error_of
from tests.proxy.upstream import Reply, breaks_off, fails, garbage, raw, raw_stream, says, slow
from werkzeug import Response

from thriftgate.wire.turns import Dialect

pytestmark = pytest.mark.xdist_group("proxy-faults")


def nothing() -> Reply:
    """A stream without an event in it; an answer without a choice to whoever asks whole."""

    def reply(body: Asked) -> Response:
        if body.get("stream"):
            return raw_stream(done=body.dialect is Dialect.CHAT)(body)
        return raw({})(body)

    return reply


LONG = "This model's maximum context length is 100 tokens. Your messages resulted in 200 tokens."
OUTAGES: dict[str, tuple[Reply, set[int]]] = {
    "too long": (fails(400, LONG), {400}),
    "no vision": (fails(400, "image_url is only supported by certain models."), {400}),
    "filtered": (fails(400, "The response was filtered due to the content management policy."), {400}),
    "unsupported parameter": (fails(400, "Unsupported parameter: 'temperature'"), {400}),
    "401": (fails(401, "invalid api key"), {502}),
    "403": (fails(403, "not allowed"), {502}),
    "404": (fails(404, "no such model"), {404}),
    "408": (fails(408, "took too long"), {408}),
    "409": (fails(409, "in conflict"), {409, 502}),
    "413": (fails(413, "the request is too large for this one"), {400, 413}),
    "422": (fails(422, "cannot be processed"), {422}),
    "429": (fails(429, "slower", {"retry-after": "3"}), {429}),
    "500": (fails(500), {502}),
    "502": (fails(502), {502}),
    "503": (fails(503), {502, 503}),
    "503 with a pause": (fails(503, "later", {"retry-after": "3"}), {502, 503}),
    "504": (fails(504), {502, 504}),
    "529": (fails(529, "overloaded"), {529}),
    "an error with status 200": (raw({"error": {"message": "quota", "type": "server_error", "code": 500}}), {502}),
    "Anthropic's error with status 200": (
        raw({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}), {502, 529},
    ),
    "no JSON": (garbage(), {502}),
    "nothing": (nothing(), {502}),
}  # fmt: skip
"""How a provider fails, and the statuses by which a client may hear of it where nobody else is left."""
TIERS = ("any-openai", "any-claude", "any-vllm")


def said_in(response: httpx.Response) -> str:
    """All that an answer says, whole or streamed, in whatever dialect."""
    if "text/event-stream" not in response.headers.get("content-type", ""):
        return response.text
    pieces: list[str] = []
    for line in response.text.splitlines():
        if line.startswith("data: {"):
            event: dict[str, Any] = json.loads(line[6:])
            deltas: list[Any] = [event.get("delta"), *(choice.get("delta") for choice in event.get("choices") or ())]
            pieces += [one if isinstance(one, str) else one.get("content") or one.get("text") or ""
                       for one in deltas if one]  # fmt: skip
    return "".join(pieces)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("dialect", PATHS)
@pytest.mark.parametrize("tier", TIERS)
def test_however_a_cheap_tier_fails_the_next_one_answers(
    gateway: GatewayProcess, tier: str, dialect: str, stream: bool
) -> None:
    gateway.upstream.on("o-large", says("From the strong one."))
    failed: dict[str, str] = {}
    for name, (outage, _) in {**OUTAGES, "broken off": (breaks_off(["Half ", "an "]), set[int]())}.items():
        gateway.upstream.on(tier, outage)
        response = ask(gateway, dialect, f"{tier}-first", f"{name} {uuid4().hex}", stream=stream)
        if response.status_code != 200 or "From the strong one." not in said_in(response):
            failed[name] = f"{response.status_code} {response.text[:300]}"
    assert not failed


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("dialect", PATHS)
@pytest.mark.parametrize("tier", TIERS)
def test_how_the_last_tier_failed_is_told_in_the_clients_dialect(
    gateway: GatewayProcess, tier: str, dialect: str, stream: bool
) -> None:
    failed: dict[str, str] = {}
    for name, (outage, statuses) in OUTAGES.items():
        gateway.upstream.on(tier, outage)
        response = ask(gateway, dialect, f"{tier}-only", f"{name} {uuid4().hex}", stream=stream)
        told = f"{response.status_code} {response.text[:300]}"
        if response.status_code not in statuses:
            failed[name] = told
            continue
        error = error_of(response)
        if name == "429" and response.headers.get("retry-after") != "3":
            failed[name] = f"retry-after {response.headers.get('retry-after')}"
        if (dialect == "messages") is not (response.json().get("type") == "error"):
            failed[name] = told
        if name == "too long" and (
            not error["message"].startswith("prompt is too long")
            or (dialect != "messages" and error["code"] != "context_length_exceeded")
        ):
            failed[name] = told
    assert not failed


@pytest.mark.parametrize("dialect", PATHS)
@pytest.mark.parametrize("tier", TIERS)
def test_a_stream_that_breaks_off_ends_with_an_error_and_not_as_if_it_were_whole(
    gateway: GatewayProcess, tier: str, dialect: str
) -> None:
    gateway.upstream.on(tier, breaks_off(["Half ", "an "]))
    response = ask(gateway, dialect, f"{tier}-only", uuid4().hex, stream=True)
    assert '"error"' in response.text, response.text
    for clean in ('"finish_reason":"stop"', '"end_turn"', '"response.completed"'):
        assert clean not in response.text.replace(": ", ":")


def asking(dialect: str, tier: str, *, stream: bool) -> dict[str, Any]:
    plain: dict[str, Any] = {"model": f"{tier}-only", "stream": stream}
    if dialect == "responses":
        return {**plain, "input": "hi"}
    return {**plain, "max_tokens": 50, "messages": [{"role": "user", "content": "hi"}]}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("how", ["header", "body"])
@pytest.mark.parametrize("dialect", PATHS)
@pytest.mark.parametrize("tier", TIERS)
def test_a_tier_that_hangs_costs_a_caller_no_more_than_their_timeout(
    gateway: GatewayProcess, tier: str, dialect: str, how: str, stream: bool
) -> None:
    gateway.upstream.on(tier, slow(3, says("Late.")))
    body = asking(dialect, tier, stream=stream)
    headers = {"x-litellm-timeout": "0.5"} if how == "header" else {}
    response = gateway.post(PATHS[dialect], body if headers else {**body, "timeout": 0.5}, **headers)
    assert response.status_code == 408, response.text
    assert response.elapsed.total_seconds() < 2.5
    error_of(response)


@pytest.mark.parametrize("dialect", PATHS)
@pytest.mark.parametrize("tier", TIERS)
def test_a_stream_that_begins_too_late_is_over_at_the_callers_stream_timeout(
    gateway: GatewayProcess, tier: str, dialect: str
) -> None:
    gateway.upstream.on(tier, slow(3, says("Late.")))
    body = asking(dialect, tier, stream=True)
    response = gateway.post(PATHS[dialect], body, **{"x-litellm-stream-timeout": "0.5"})
    assert response.status_code == 408, response.text
    assert response.elapsed.total_seconds() < 2.5
    error_of(response)
