"""The layer before endpoints that no route serves: which of LiteLLM's faults are told as what they are."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import httpx
import pytest
from starlette.types import Message, Receive, Scope, Send

from thriftgate.proxy.endpoints.unclaimed import UnclaimedLayer
from thriftgate.proxy.tiers import provider_answer
from thriftgate.proxy.tiers.stumbles import note_sending

ROUTES = {"one": "one", "chatbot": "one", "org/one": "one"}
FAULT = {"error": {"message": "Internal server error", "type": "internal_server_error"}}
NO_DATABASE = {"detail": {"error": "DB not connected. Set DATABASE_URL."}}
NO_PROVIDER = {"error": {"message": "'custom_llm_provider' must be set. Either via:\n `Router(...)`"}}
FORM = "multipart/form-data; boundary=x"


async def asked_a_provider() -> None:
    """A provider is asked, as the last of several calls that a request leads to."""
    note_sending()
    provider_answer.current.set(provider_answer.ProviderAnswer())
    async with httpx.AsyncClient(transport=httpx.MockTransport(lambda _: httpx.Response(500))) as client:
        await client.get("http://provider.example")
    provider_answer.current.set(provider_answer.ProviderAnswer())


async def sent(
    path: str,
    pieces: Sequence[bytes] = (),
    *,
    body: object = None,
    query: str = "",
    status: int = 500,
    asks: bool = False,
    raises: Exception | None = None,
    kind: str = "application/json",
    method: str = "POST",
    root: str = "",
    headers: Mapping[str, str] | None = None,
    routes: Mapping[str, str] | None = ROUTES,
    has_database: bool = False,
) -> list[Message]:
    """What goes out when an endpoint answers the request with these pieces; with no `routes` the router is broken."""

    async def endpoint(_scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        if asks:
            await asked_a_provider()
        if raises is not None:
            raise raises
        head = {"type": "http.response.start", "status": status, "headers": [(b"content-type", b"application/json")]}
        await send(head)
        for piece in pieces:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    def known() -> Mapping[str, str]:
        if routes is None:
            raise LookupError("no router")
        return routes

    raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()

    async def receive() -> Message:
        return {"type": "http.request", "body": raw}

    told: list[Message] = []

    async def send(message: Message) -> None:
        told.append(message)

    scope = {
        "type": "http", "method": method, "path": path, "root_path": root, "query_string": query.encode(),
        "headers": [(key.encode(), value.encode()) for key, value in {"content-type": kind, **(headers or {})}.items()],
    }  # fmt: skip
    await UnclaimedLayer(endpoint, known, has_database=lambda: has_database)(scope, receive, send)
    return told


async def answered(path: str, said: object, **more: Any) -> tuple[int, Any]:
    """The status and the document that go out when an endpoint says this of the request."""
    whole = json.dumps(said).encode()
    told = await sent(path, (whole[:5], whole[5:]), **more)
    return told[0]["status"], json.loads(b"".join(one["body"] for one in told[1:]))


@pytest.mark.parametrize(
    ("path", "body", "query"),
    [
        ("/v1/assistants", {"model": "one"}, ""),
        ("/v1/threads/x/runs", {"model": "chatbot", "assistant_id": "a"}, ""),
        ("/v1/search", {"search_tool_name": "one", "query": "x"}, ""),
        ("/v1/search/one", {"query": "x"}, ""),
        ("/v1/files", None, "model=one"),
        ("/v1/files", None, "target_model_names=one"),
        ("/v1/fine_tuning/jobs", {"model": "one", "training_file": "f"}, ""),
        ("/v1/vector_stores", {"target_model_names": "none, one"}, ""),
        ("/v1/vector_stores", {"target_model_names": ["none", "one"]}, ""),
        ("/openai/deployments/org/one/images/generations", {}, ""),
        ("/a2a/one/message/send", {}, ""),
    ],
)
async def test_an_endpoint_that_trips_over_a_route_says_what_routes_are_for(
    path: str, body: object, query: str
) -> None:
    status, told = await answered(path, FAULT, body=body, query=query)
    assert status == 400
    assert told["error"]["message"].startswith("route 'one' serves conversations")
    assert told["error"]["type"] == "invalid_request_error"


async def test_a_fault_that_an_endpoint_does_not_catch_is_told_as_well() -> None:
    status, told = await answered("/v1/search", None, body={"model": "one"}, raises=KeyError("x"))
    assert (status, told["error"]["param"]) == (400, "model")
    with pytest.raises(KeyError):
        await answered("/v1/search", None, body={"model": "large"}, raises=KeyError("x"))


async def test_the_error_has_the_form_of_its_endpoint() -> None:
    _, told = await answered("/v1/skills", FAULT, body={"model": "one"})
    assert (told["type"], told["error"]["type"]) == ("error", "invalid_request_error")
    _, told = await answered("/v1beta/models/one:embedContent", FAULT)
    assert (told["error"]["code"], told["error"]["status"]) == (400, "INVALID_ARGUMENT")
    _, told = await answered("/a2a/one", {"jsonrpc": "2.0", "id": 7, "error": {"code": -32603, "message": "?"}})
    assert (told["id"], told["error"]["code"]) == (7, -32600)


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        (NO_DATABASE, "this endpoint needs a database of LiteLLM's own (DATABASE_URL); there is none here"),
        (NO_PROVIDER, "this gateway is not set up for this endpoint"),
    ],
)
async def test_what_is_not_set_up_is_not_there(said: object, sentence: str) -> None:
    status, told = await answered("/v1/threads", said, body={})
    assert (status, told["error"]["message"], told["error"]["type"]) == (404, sentence, "not_found_error")


async def test_a_route_is_no_model_of_an_endpoint_whatever_else_that_needs() -> None:
    status, told = await answered("/v1/search", NO_DATABASE, body={"model": "one"})
    assert (status, told["error"]["param"]) == (400, "model")
    assert (await answered("/model/metrics", NO_DATABASE, query="model=one"))[0] == 404


@pytest.mark.parametrize(
    "raises", [None, RuntimeError("Stream consumed"), json.JSONDecodeError("Expecting value", "--x\r\n", 0)]
)
async def test_a_form_where_json_is_read_is_the_requests_fault(raises: Exception | None) -> None:
    said = {"error": {"message": "Stream consumed"}}
    status, told = await answered("/v1/moderations", said, body=b"--x\r\n--x--\r\n", raises=raises, kind=FORM)
    assert status == 400
    assert "must be JSON" in told["error"]["message"]


@pytest.mark.parametrize(
    "raises", [ValueError("I/O operation on closed file"), json.JSONDecodeError("Expecting value", "<html>", 0)]
)
async def test_any_other_fault_behind_a_form_is_no_fault_of_the_form(raises: Exception) -> None:
    with pytest.raises(type(raises)) as raised:
        await sent("/v1/audio/transcriptions", body=b"--x\r\n--x--\r\n", raises=raises, kind=FORM)
    assert raised.value is raises


@pytest.mark.parametrize(
    ("kind", "form"),
    [
        (FORM, b'--x\r\nContent-Disposition: form-data; name="model"\r\n\r\none\r\n--x--\r\n'),
        ("application/x-www-form-urlencoded", b"input=x&model=org%2Fone"),
    ],
)
async def test_a_route_may_be_named_in_a_form(kind: str, form: bytes) -> None:
    status, told = await answered("/v1/files", FAULT, body=form, kind=kind)
    assert (status, told["error"]["param"]) == (400, "model")


@pytest.mark.parametrize("parts", [("model", "file"), ("file", "model"), ("file", "model", "file")], ids=" ".join)
async def test_a_route_may_be_named_before_or_behind_a_large_file(parts: tuple[str, ...]) -> None:
    forms = {
        "model": b'--x\r\nContent-Disposition: form-data; name="model"\r\n\r\none\r\n',
        "file": b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
        + bytes(30_000)
        + b"\r\n",
    }
    sound = forms["file"].replace(bytes(30_000), bytes(2_000_000), 1)
    form = b"".join([sound if part == "file" and place < 2 else forms[part] for place, part in enumerate(parts)])
    path = "/v1/audio/transcriptions"
    status, told = await answered(path, FAULT, body=form + b"--x--\r\n", kind=FORM)
    assert (status, told["error"]["param"]) == (400, "model")
    other = form.replace(b"\r\none\r\n", b"\r\nwhisper\r\n")
    assert (await answered(path, FAULT, body=other, kind=FORM))[0] == 500


async def test_a_route_may_be_named_in_a_header() -> None:
    status, told = await answered("/v1/files", FAULT, headers={"x-litellm-model": "one"})
    assert (status, told["error"]["param"]) == (400, "model")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/key/generate", {"models": ["one"]}),
        ("/team/new", {"team_alias": "a", "models": ["one"], "model": "one"}),
        ("/key/one/regenerate", {}),
        ("/model/new", {"model_name": "one", "model": "one"}),
        ("/v1/agents", {"model": "one"}),
        ("/v1/embeddings", {"model": "plain", "user_id": "one"}),
        ("/v1/rerank", {"model": "plain", "name": "one"}),
        ("/v1/search", {"model": "plain", "search_tool_name": "one"}),
        ("/v1/embeddings?model=one", {"model": "plain"}),
    ],
)
async def test_a_routes_name_for_another_end_leaves_a_fault_what_it_is(path: str, body: object) -> None:
    path, _, query = path.partition("?")
    assert await answered(path, FAULT, body=body, query=query) == (500, FAULT)


@pytest.mark.parametrize(
    ("path", "route", "method"),
    [
        ("/health", "health", "GET"),
        ("/v1/models", "models", "GET"),
        ("/v1/models/one", "one", "GET"),
        ("/search/tools", "tools", "GET"),
        ("/model/info", "model", "GET"),
        ("/v1/audio/speech", "audio", "POST"),
        ("/v1/embeddings", "v1", "POST"),
        ("/engines/oneself/completions", "one", "POST"),
    ],
)
async def test_a_route_may_be_called_like_a_part_of_an_address(path: str, route: str, method: str) -> None:
    assert await answered(path, FAULT, body={}, routes={route: route}, method=method) == (500, FAULT)


async def test_the_path_before_the_gateway_is_no_part_of_an_address() -> None:
    assert await answered("/gw/thriftgate/status", FAULT, body={"model": "one"}, root="/gw") == (500, FAULT)
    _, told = await answered("/gw/v1beta/models/one:embedContent", FAULT, body={}, root="/gw")
    assert told["error"]["status"] == "INVALID_ARGUMENT"


async def test_more_fields_than_anybody_reads_name_nothing_and_hide_nothing() -> None:
    query = "&".join(["model=one"] * 101)
    assert await answered("/v1/files", FAULT, query=query) == (500, FAULT)
    with pytest.raises(KeyError):
        await sent("/v1/files", query=query, raises=KeyError("x"))


async def test_a_fault_in_looking_for_a_route_leaves_the_first_fault_what_it_is() -> None:
    assert await answered("/v1/files", FAULT, body={"model": "one"}, routes=None) == (500, FAULT)
    with pytest.raises(KeyError):
        await sent("/v1/files", body={"model": "one"}, routes=None, raises=KeyError("x"))


@pytest.mark.parametrize(
    ("message", "more"),
    [
        ("OpenAIException - enterprise feature temporarily unavailable", {}),
        ("'custom_llm_provider' must be set. Either via: x", {"asks": True}),
        ("ProviderException: failed on prompt 'a prisma client'", {}),
        ("No db connected", {"asks": True}),
        ("No db connected", {"has_database": True}),
        ("Error connecting prisma client: P1001 can't reach database server", {"has_database": True}),
        ("Error connecting prisma client: P1001 can't reach database server", {}),
        ("Stream consumed", {}),
    ],
)
async def test_only_litellms_own_sentences_are_taken_for_a_gateway_that_is_not_set_up(
    message: str, more: dict[str, Any]
) -> None:
    said = {"error": {"message": message}}
    assert await answered("/v1/images/generations", said, body={"model": "img"}, **more) == (500, said)


async def test_a_long_error_goes_out_as_it_comes() -> None:
    pieces = [b"x" * 16_000] * 20
    told = await sent("/v1/files", pieces, body={"model": "one"})
    assert [len(one["body"]) for one in told[1:]] == [80_000, *[16_000] * 15, 0]
    assert [one["more_body"] for one in told[1:]] == [True] * 16 + [False]
    assert told[0]["status"] == 500


@pytest.mark.parametrize(
    ("path", "body", "more"),
    [
        ("/v1/files", {"model": "one"}, {"asks": True}),
        ("/v1/messages/count_tokens", {"model": "one"}, {}),
        ("/v1/embeddings", {"model": "large"}, {}),
        ("/v1/embeddings", {"model": "one"}, {"status": 503}),
        ("/v1/chat/completions", {"model": "one"}, {}),
        ("/thriftgate/status", {"model": "one"}, {}),
        ("/v1/embeddings", {"input": "one"}, {}),
    ],
    ids=["a provider was asked", "tokens are counted", "a model", "not a fault", "a conversation", "ours", "no name"],
)
async def test_any_other_answer_goes_out_untouched(path: str, body: object, more: dict[str, Any]) -> None:
    assert await answered(path, FAULT, body=body, **more) == (more.get("status", 500), FAULT)
