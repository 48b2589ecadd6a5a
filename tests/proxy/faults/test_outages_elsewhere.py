"""Outages and fetches again, at other endpoints, in streams and in other places of a request than the first example."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from pytest_httpserver import HTTPServer
from tests.proxy.conftest import GatewayProcess
from tests.proxy.faults.conftest import ask, error_of, fetched_paths, text_of
from tests.proxy.faults.neighbours import DIALECTS, STREAMED, everybody_says, result, said
from tests.proxy.upstream import fails, says

pytestmark = pytest.mark.xdist_group("proxy-faults")

NOBODY = "http://nope.invalid/a"


# K1: what cannot be fetched, in whatever place and dialect


PICTURE = {"type": "image", "source": {"type": "url", "url": f"{NOBODY}.png"}}
UNREACHABLE: dict[str, tuple[str, dict[str, Any]]] = {
    "chat: audio": ("chat", {"messages": said(
        {"type": "input_audio", "input_audio": {"data": NOBODY, "format": "wav"}})}),
    "chat: file": ("chat", {"messages": said({"type": "file", "file": {"file_data": NOBODY, "filename": "a.pdf"}})}),
    "chat: https": ("chat", {"messages": said(
        {"type": "image_url", "image_url": {"url": "https://nope.invalid/a.png", "detail": "low"}})}),
    "chat: ftp": ("chat", {"messages": said({"type": "image_url", "image_url": {"url": "ftp://nope.invalid/a.png"}})}),
    "chat: in an earlier turn": ("chat", {"messages": [
        *said({"type": "image_url", "image_url": {"url": f"{NOBODY}.png"}}),
        {"role": "assistant", "content": "A cat."}, {"role": "user", "content": "Sure?"}]}),
    "messages: image": ("messages", {"messages": said(PICTURE)}),
    "messages: document": ("messages", {"messages": said(
        {"type": "document", "source": {"type": "url", "url": f"{NOBODY}.pdf"}})}),
    "messages: file id": ("messages", {"messages": said(
        {"type": "document", "source": {"type": "file", "file_id": "file_nope"}})}),
    "messages: in a tool's result": ("messages", {"messages": result([PICTURE]),
                                                   "tools": [{"name": "w", "input_schema": {"type": "object"}}]}),
    "responses: image": ("responses", {"input": said({"type": "input_image", "image_url": f"{NOBODY}.png"})}),
    "responses: file": ("responses", {"input": said({"type": "input_file", "file_url": f"{NOBODY}.pdf"})}),
    "responses: file id": ("responses", {"input": said({"type": "input_image", "file_id": "file_nope"})}),
}  # fmt: skip


@STREAMED
@pytest.mark.parametrize("kind", UNREACHABLE)
def test_what_cannot_be_fetched_closes_nothing_wherever_it_stands(
    gateway: GatewayProcess, kind: str, stream: bool
) -> None:
    everybody_says(gateway)
    dialect, fields = UNREACHABLE[kind]
    for model in ("support", "claudeone", "one", "opus"):
        response = ask(gateway, dialect, model, stream=stream, **fields)
        assert response.status_code < 500, (model, response.text)
        if response.status_code != 200:
            error_of(response)
        assert text_of(ask(gateway, "chat", model, f"Are you there, {uuid4().hex}?")) == "Fine.", model


# K2: nothing that a client names is fetched


def fetching(server: str) -> dict[str, tuple[str, dict[str, Any]]]:
    ref = {"$ref": f"{server}/fetched/x.json"}
    deep = {"type": "object", "properties": {"a": {"type": "array", "items": {"allOf": [ref, {"not": ref}]}}}}
    defined = {"$defs": {"a": {"$id": f"{server}/fetched/", "$ref": "x.json#/$defs/b"}}, "$ref": "#/$defs/a"}
    dated = {"$schema": f"{server}/fetched/meta.json", "$vocabulary": {f"{server}/fetched/v": True}, "type": "object"}
    image = f"{server}/fetched/a.png"
    mcp = {"type": "mcp", "server_label": "x", "server_url": f"{server}/fetched/mcp", "require_approval": "never"}
    found: dict[str, tuple[str, dict[str, Any]]] = {
        "chat: image": ("chat", {"messages": said({"type": "image_url", "image_url": {"url": image}})}),
        "messages: image": ("messages", {"messages": said({"type": "image", "source": {"type": "url", "url": image}})}),
        "responses: image": ("responses", {"input": said({"type": "input_image", "image_url": image})}),
        "responses: mcp": ("responses", {"tools": [mcp]}),
        "chat: mcp": ("chat", {"tools": [mcp]}),
        "chat: template": ("chat", {"messages": said({"type": "text", "text": "{% include '" + image + "' %}"})}),
        "chat: address": ("chat", {"api_base": f"{server}/fetched", "base_url": f"{server}/fetched"}),
        "messages: address": ("messages", {"api_base": f"{server}/fetched"}),
        "responses: address": ("responses", {"api_base": f"{server}/fetched"}),
        "chat: body": ("chat", {"extra_body": {"api_base": f"{server}/fetched"}}),
    }
    for name, schema in (("items", deep), ("definitions", defined), ("vocabulary", dated)):
        found |= {
            f"chat: {name}": ("chat", {"response_format": {"type": "json_schema",
                                                           "json_schema": {"name": "x", "schema": schema}}}),
            f"chat: tool {name}": ("chat", {
                "tools": [{"type": "function", "function": {"name": "f", "parameters": schema, "strict": True}}],
                "tool_choice": {"type": "function", "function": {"name": "f"}}}),
            f"messages: {name}": ("messages", {"tools": [{"name": "f", "input_schema": schema}],
                                                "tool_choice": {"type": "tool", "name": "f"}}),
            f"messages: output {name}": ("messages", {"output_config": {"format": {"type": "json_schema",
                                                                                    "schema": schema}}}),
            f"responses: {name}": ("responses", {"text": {"format": {"type": "json_schema", "name": "x",
                                                                       "schema": schema}}}),
            f"responses: tool {name}": ("responses", {
                "tools": [{"type": "function", "name": "f", "parameters": schema}],
                "tool_choice": {"type": "function", "name": "f"}}),
        }  # fmt: skip
    return found


@STREAMED
@pytest.mark.parametrize("kind", fetching(""))
def test_nothing_that_a_client_names_is_fetched(
    gateway: GatewayProcess, provider_server: HTTPServer, kind: str, stream: bool
) -> None:
    names = ("x.json", "meta.json", "v", "a.png", "mcp", "chat/completions", "v1/messages", "responses")
    fetched = fetched_paths(provider_server, [f"/fetched/{name}" for name in names])
    everybody_says(gateway, '{"a": [1]}')
    dialect, fields = fetching(provider_server.url_for("").rstrip("/"))[kind]
    for model in ("plainroute", "claude"):
        response = ask(gateway, dialect, model, "x", stream=stream, **fields)
        assert response.status_code < 500, (model, response.text)
    assert fetched == []


# K3: long texts of a client, wherever they stand


TEXTS = {
    "is": "is " * 100_000, "hex": "0123456789abcdef" * 18_000, "letter": "a" * 300_000, "at": "a@" * 150_000,
    "calls": "a.a(" * 75_000, "marks": "'\"`" * 100_000, "apostrophes": "s' " * 100_000, "now": ".now " * 60_000,
    "braces": "{{" * 150_000, "breaks": "\n\t" * 150_000, "digits": "1," * 150_000, "fence": "```" * 100_000,
    "arabic": "\u0627\u0644 " * 100_000, "han": "\u4e00" * 300_000, "marks above": "a\u0301" * 150_000,
}  # fmt: skip
PLACES: dict[str, tuple[str, Callable[[str], dict[str, Any]]]] = {
    "question": ("chat", lambda text: {"messages": [{"role": "user", "content": text}]}),
    "part": ("messages", lambda text: {"messages": said({"type": "text", "text": text})}),
    "system": ("messages", lambda text: {"system": [{"type": "text", "text": text}]}),
    "instructions": ("responses", lambda text: {"instructions": text}),
    "tool's result": ("messages", lambda text: {"messages": result([{"type": "text", "text": text}]),
                                                "tools": [{"name": "w", "input_schema": {"type": "object"}}]}),
    "tool's description": ("chat", lambda text: {"tools": [{"type": "function", "function": {
        "name": "f", "description": text, "parameters": {"type": "object"}}}]}),
    "earlier answer": ("responses", lambda text: {"input": [
        {"role": "user", "content": "a"}, {"role": "assistant", "content": text}, {"role": "user", "content": "b"}]}),
    "user": ("chat", lambda text: {"user": text}),
    "stop": ("chat", lambda text: {"stop": [text]}),
    "a field nobody knows": ("chat", lambda text: {"brand_new": text}),
    "its name": ("chat", lambda text: {text[:50_000]: 1}),
}  # fmt: skip


@pytest.mark.parametrize("place", PLACES)
def test_a_long_text_is_answered_wherever_it_stands(gateway: GatewayProcess, place: str) -> None:
    """The client gives up after a minute; what was quadratic took half an hour for these."""
    everybody_says(gateway)
    dialect, fields = PLACES[place]
    for name, text in TEXTS.items():
        model = "claude" if dialect == "messages" else "cached"
        response = ask(gateway, dialect, model, "What is this token?", **fields(text))
        assert response.status_code in (200, 400), (name, response.text[:300])
    assert text_of(ask(gateway, "chat", "cached", "still there?")) == "Fine."


# N1: a dead primary, and a backup that refuses in every way


@STREAMED
@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_dead_primary_and_a_refusal_close_the_route_to_nobody(
    gateway: GatewayProcess, dialect: str, status: int, stream: bool
) -> None:
    gateway.upstream.on("broken-backup", fails(status, "I do not take this"))
    for _ in range(3):
        assert ask(gateway, dialect, "broken", "BAD", stream=stream).status_code == status
    gateway.upstream.on("broken-backup", says("Fine."))
    for asked in DIALECTS:
        assert text_of(ask(gateway, asked, "broken", "good")) == "Fine."
