"""The layer before endpoints that no route serves: which of LiteLLM's faults are told as what they are."""

import json
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from thriftgate.proxy.endpoints.unclaimed import UnclaimedLayer
from thriftgate.proxy.tiers import provider_answer

ROUTES = {"one": "one", "chatbot": "one"}
FAULT = {"error": {"message": "Internal server error", "type": "internal_server_error"}}
NO_DATABASE = {"detail": {"error": "DB not connected. Set DATABASE_URL."}}
NO_PROVIDER = {"error": {"message": "'custom_llm_provider' must be set. Either via:\n `Router(...)`"}}


async def answered(
    path: str,
    said: object,
    *,
    body: object = None,
    query: str = "",
    status: int = 500,
    asks: bool = False,
    raises: Exception | None = None,
    kind: str = "application/json",
) -> tuple[int, Any]:
    """What goes out when an endpoint says this of the request."""

    async def endpoint(_scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        if asks:
            answer = provider_answer.current.get()
            assert answer is not None
            answer.is_sent = True
        if raises is not None:
            raise raises
        head = {"type": "http.response.start", "status": status, "headers": [(b"content-type", b"application/json")]}
        await send(head)
        whole = json.dumps(said).encode()
        await send({"type": "http.response.body", "body": whole[:5], "more_body": True})
        await send({"type": "http.response.body", "body": whole[5:], "more_body": False})

    raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()

    async def receive() -> Message:
        return {"type": "http.request", "body": raw}

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    headers = [(b"content-type", kind.encode())]
    scope = {"type": "http", "method": "POST", "path": path, "query_string": query.encode(), "headers": headers}
    await UnclaimedLayer(endpoint, lambda: ROUTES)(scope, receive, send)
    return sent[0]["status"], json.loads(b"".join(one["body"] for one in sent[1:]))


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
        ("/v1/somewhere", {"models": ["none", "one"]}, ""),
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


@pytest.mark.parametrize("raises", [None, RuntimeError("Stream consumed"), ValueError("Expecting value")])
async def test_a_form_where_json_is_read_is_the_requests_fault(raises: Exception | None) -> None:
    said = {"error": {"message": "Stream consumed"}}
    status, told = await answered("/v1/moderations", said, raises=raises, kind="multipart/form-data; boundary=x")
    assert status == 400
    assert "must be JSON" in told["error"]["message"]


async def test_a_route_may_be_named_in_a_form() -> None:
    form = b'--x\r\nContent-Disposition: form-data; name="model"\r\n\r\none\r\n--x--\r\n'
    status, told = await answered("/v1/files", FAULT, body=form, kind="multipart/form-data; boundary=x")
    assert (status, told["error"]["param"]) == (400, "model")


@pytest.mark.parametrize(
    ("path", "body", "more"),
    [
        ("/v1/files/one", None, {"asks": True}),
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
