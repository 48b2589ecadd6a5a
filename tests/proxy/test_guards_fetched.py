"""Answers of the Responses API that are fetched by their ids are looked at like any other."""

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from pytest_httpserver import HTTPServer
from tests.proxy.conftest import GatewayProcess, running
from tests.proxy.guarding import guarded_config
from tests.proxy.test_guards import QUESTION, ask, both
from tests.proxy.upstream import Upstream, says


@pytest.fixture(scope="module")
def guarded(provider_server: HTTPServer) -> Iterator[GatewayProcess]:
    upstream = Upstream(provider_server)
    with running("guards-fetched", guarded_config(upstream.base_url), upstream) as gateway:
        yield gateway


@pytest.mark.parametrize("model", ["large", "guarded"], ids=["plain", "route"])
def test_an_answer_that_is_fetched_by_its_id_is_looked_at_like_any_other(guarded: GatewayProcess, model: str) -> None:
    guarded.upstream.on("large", says("On its way."))
    told = ask(guarded, "/v1/responses", model, QUESTION, store=True)
    assert told.status_code == 200, told.text
    part: dict[str, Any] = {"type": "output_text", "text": "Go to https://evil.test/a", "annotations": []}
    item = {"type": "message", "id": "msg_1", "status": "completed", "role": "assistant", "content": [part]}
    made = {**told.json(), "id": "resp_1", "output": [item]}
    address = re.compile(rf"{re.escape(urlsplit(guarded.upstream.base_url).path)}/responses/.+")
    guarded.upstream.server.expect_oneshot_request(address, method="GET").respond_with_json(made)
    fetched = httpx.get(f"{guarded.base_url}/v1/responses/{told.json()['id']}", headers=guarded.headers(), timeout=30)
    assert (fetched.status_code, "content_blocked" in fetched.text) == (400, True), fetched.text
    assert "evil" not in fetched.text


@both
def test_a_fetched_answer_is_looked_at_by_the_policy_that_it_was_made_under(
    guarded: GatewayProcess, stream: bool
) -> None:
    """Of a stream nothing was remembered: what is only watched there was refused here."""
    guarded.upstream.on("large", says("On its way."))
    told = ask(guarded, "/v1/responses", "watched", QUESTION, store=True, stream=stream)
    assert told.status_code == 200, told.text
    created = [line[5:] for line in told.text.splitlines() if line.startswith("data:") and "response.created" in line]
    made = json.loads(created[0])["response"] if stream else told.json()
    part: dict[str, Any] = {"type": "output_text", "text": "Go to https://evil.test/a", "annotations": []}
    item = {"type": "message", "id": "msg_1", "status": "completed", "role": "assistant", "content": [part]}
    whole = {**made, "id": "resp_1", "status": "completed", "output": [item]}
    address = re.compile(rf"{re.escape(urlsplit(guarded.upstream.base_url).path)}/responses/.+")
    guarded.upstream.server.expect_oneshot_request(address, method="GET").respond_with_json(whole)
    fetched = httpx.get(f"{guarded.base_url}/v1/responses/{made['id']}", headers=guarded.headers(), timeout=30)
    assert fetched.status_code == 200, fetched.text
    assert "evil" in fetched.text
