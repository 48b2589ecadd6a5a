"""Where a trace is looked at: the project's id is asked for until it is known, and no answer does any harm."""

from typing import Any

import pytest
from pytest_httpserver import HTTPServer

from thriftgate.stores.langfuse.client import keys_from
from thriftgate.stores.langfuse.project import PROJECTS, TraceAddress, project_id_of

KEYS = {"LANGFUSE_PUBLIC_KEY": "pk-1", "LANGFUSE_SECRET_KEY": "sk-1"}


async def test_a_trace_is_looked_at_where_people_find_langfuse(httpserver: HTTPServer) -> None:
    httpserver.expect_ordered_request(PROJECTS).respond_with_data("bad gateway", 502)
    httpserver.expect_ordered_request(PROJECTS).respond_with_json({"data": [{"id": "p/1", "name": "desk"}]})
    host = httpserver.url_for("").rstrip("/")
    address = TraceAddress(
        keys_from({**KEYS, "LANGFUSE_HOST": host, "LANGFUSE_BROWSER_URL": "https://lf.example.com/"})
    )
    await address.look()
    assert address.prefix is None
    for _ in range(3):
        await address.look()
        assert address.prefix == "https://lf.example.com/project/p%2F1/traces/"
    assert len(httpserver.log) == 2


async def test_a_langfuse_that_is_away_is_no_address_and_no_error() -> None:
    address = TraceAddress(keys_from({**KEYS, "LANGFUSE_HOST": "http://127.0.0.1:1"}))
    await address.look()
    assert address.prefix is None


ANSWERS: list[Any] = [
    None, [], {}, {"data": None}, {"data": []}, {"data": ["p"]}, {"data": [{}]}, {"data": [{"id": 7}]},
    {"data": [{"id": ""}]},
]  # fmt: skip


@pytest.mark.parametrize("answer", ANSWERS)
def test_whatever_else_langfuse_says_is_no_project(answer: Any) -> None:
    assert project_id_of(answer) is None
