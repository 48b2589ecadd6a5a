"""Providers that LiteLLM translates itself: how their answers end, and what they refuse."""

from functools import partial
from uuid import uuid4

import httpx
import pytest
from tests.proxy.conftest import GatewayProcess
from tests.proxy.faults.conftest import PATHS, at_once, decision, error_of
from tests.proxy.faults.native_providers import TEXT
from tests.proxy.faults.neighbours import everybody_says

pytestmark = pytest.mark.xdist_group("proxy-faults")

WAYS = [(dialect, stream) for dialect in PATHS for stream in (False, True)]


def asked(gateway: GatewayProcess, route: str, mark: str, dialect: str, *, stream: bool) -> httpx.Response:
    said = f"Say {mark} {uuid4().hex}"
    body = {"input": said} if dialect == "responses" else {"messages": [{"role": "user", "content": said}]}
    if dialect == "messages":
        body["max_tokens"] = 100  # pyright: ignore[reportArgumentType]
    return gateway.post(PATHS[dialect], {"model": route, "stream": stream, **body})


@pytest.mark.parametrize("ending", ["none", "SAFETY", "BURNT_OUT"])
def test_a_candidate_of_geminis_that_did_not_finish_is_escalated(gateway: GatewayProcess, ending: str) -> None:
    """LiteLLM calls one without a reason finished."""
    everybody_says(gateway, "The whole answer.")
    calls = [partial(asked, gateway, "geminifirst", f"%{ending}%", dialect, stream=stream) for dialect, stream in WAYS]
    for way, answer in zip(WAYS, at_once(*calls), strict=True):
        assert answer.status_code == 200, (way, answer.text)
        assert TEXT not in answer.text, (way, decision(answer))


def test_a_candidate_of_geminis_that_finished_is_taken(gateway: GatewayProcess) -> None:
    calls = [partial(asked, gateway, "gemini", "%STOP%", dialect, stream=stream) for dialect, stream in WAYS]
    for way, answer in zip(WAYS, at_once(*calls), strict=True):
        assert TEXT in answer.text, (way, answer.text)
        assert '"error"' not in answer.text.replace('"error":null', ""), (way, answer.text)


def test_what_gemini_refuses_keeps_its_class_also_where_litellm_has_opened_a_stream(gateway: GatewayProcess) -> None:
    """Of `/v1/messages` it begins the stream before it has asked, and made an event without a class of the refusal."""
    for dialect, stream in WAYS:
        long = asked(gateway, "gemini", "!400!", dialect, stream=stream)
        assert long.status_code == 400, (dialect, stream, long.text)
        assert error_of(long)["message"].startswith("prompt is too long"), long.text
        limited = asked(gateway, "gemini", "!429!", dialect, stream=stream)
        assert (limited.status_code, limited.headers.get("retry-after")) == (429, "7"), (dialect, stream, limited.text)
