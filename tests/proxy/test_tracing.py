"""Langfuse gets one trace for each request through the real proxy, whatever becomes of the request."""

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from uuid import uuid4

import httpx
import pytest
from pytest_httpserver import HTTPServer
from tests.proxy.conftest import (
    CLIENT_KEY,
    MASTER_KEY,
    SCRAPER_TOKEN,
)
from tests.proxy.stored import stored
from tests.proxy.test_limits import PATHS
from tests.proxy.traced import QUESTION, TracedGateway, traced_gateway
from tests.proxy.upstream import drips, fails, says, slow
from tests.proxy.waiting import eventually, settle
from tests.trace_setup import TRACEPARENT, SeenSpan

from thriftgate.tracing import attributes as names
from thriftgate.tracing.identity import span_id_of, trace_id_of

pytestmark = pytest.mark.xdist_group("proxy-tracing")


@pytest.fixture(scope="module")
def langfuse_server() -> Iterator[HTTPServer]:
    server = HTTPServer(threaded=True)
    server.start()
    yield server
    server.clear()
    server.stop()


@pytest.fixture(scope="module")
def traced(langfuse_server: HTTPServer) -> Iterator[TracedGateway]:
    """One proxy for all tests of this file."""
    with traced_gateway(langfuse_server) as made:
        yield made


def kinds(trace: list[SeenSpan]) -> list[tuple[str, str]]:
    return [(span.name, span.kind) for span in trace]


def test_the_live_page_leads_from_a_request_to_its_trace(traced: TracedGateway) -> None:
    traced.upstream.on("small", says("Ten days.", logprob=-0.01))
    found = traced.traced(traced.ask("support"))
    address = f'href="https://langfuse.example.com/project/p-1/traces/{found[0].trace_id}"'
    headers = {"Authorization": f"Bearer {MASTER_KEY}"}
    assert eventually(lambda: address in httpx.get(f"{traced.process.base_url}/thriftgate", headers=headers).text, 60)


def test_a_plain_answer_is_a_route_and_one_generation(traced: TracedGateway) -> None:
    traced.upstream.on("small", says("Ten days.", logprob=-0.01))
    response = traced.ask("support", temperature=0.5, user="someone", headers={"x-session-id": "s-1"})
    trace = traced.traced(response)
    root, plan, cascade, small = trace
    assert kinds(trace) == [("support", "chain"), ("plan", "span"), ("cascade", "chain"), ("small", "generation")]
    assert root.parent_id == ""
    assert root.trace_id == trace_id_of(response.headers["x-thriftgate-request-id"])
    assert (plan.parent_id, cascade.parent_id, small.parent_id) == (root.span_id, root.span_id, cascade.span_id)
    assert small.attributes[names.MODEL] == "openai/small"
    assert small.parsed(names.USAGE) == {
        "input": 10, "input_cached_tokens": 0, "output": 4, "output_reasoning_tokens": 0, "total": 14,
    }  # fmt: skip
    assert small.parsed(names.COST) == {
        "input": pytest.approx(10e-6), "output": pytest.approx(8e-6), "total": pytest.approx(10e-6 + 4 * 2e-6),
    }  # fmt: skip
    assert small.parsed(names.PARAMETERS)["temperature"] == 0.5
    assert small.about("mean_logprob") == small.about("min_logprob") == pytest.approx(-0.01)
    assert root.about("decision") == "accepted"
    assert root.about("saved_usd") == pytest.approx(float(response.headers["x-thriftgate-saved"]))
    assert names.MODEL not in root.attributes
    for span in trace:
        assert span.level == "DEFAULT"
        assert span.attributes[names.ENVIRONMENT] == "test"
        assert span.attributes[names.RELEASE] == "r-1"
        assert span.attributes[names.TAGS] == ("team acme",)
        assert span.attributes[names.SESSION_ID] == "s-1"
        assert span.attributes[names.USER_ID] == "ada"  # whose key it is, whatever the client's `user` says
    assert root.about("end_user") == "someone"
    scores = traced.langfuse.scores
    assert eventually(lambda: {"confidence", "saved_usd"} <= set(scores(response.headers["x-thriftgate-request-id"])))


def test_nothing_that_was_said_is_sent_unless_the_route_allows_it(traced: TracedGateway) -> None:
    traced.upstream.on("small", says("Write to bob@example.com."))
    hidden, shown = traced.traced(traced.ask("support")), traced.traced(traced.ask("open"))
    assert not any(names.INPUT in span.attributes or names.OUTPUT in span.attributes for span in hidden)
    assert "return shoes to <EMAIL>?" in shown[0].attributes[names.INPUT]
    assert shown[0].attributes[names.OUTPUT] == "Write to <EMAIL>."
    assert shown[-1].attributes[names.OUTPUT] == "Write to <EMAIL>."
    assert b"@example.com" not in b"".join(traced.langfuse.bodies)


def test_a_streamed_answer_has_its_time_to_first_token(traced: TracedGateway) -> None:
    traced.upstream.on("large", says("A long answer in words."))
    response = traced.ask("plain", stream=True)
    assert "data: [DONE]" in response.text
    root, *_, large = traced.traced(response)
    assert root.about("stream") is True
    assert 0 <= root.about("time_to_first_token") <= root.ended_at - root.started_at
    assert names.FIRST_TOKEN_AT in large.attributes
    assert names.FIRST_TOKEN_AT in root.attributes
    whole = traced.traced(traced.ask("plain"))[-1]
    assert large.attributes[names.MODEL] == whole.attributes[names.MODEL] == "openai/large"
    assert large.parsed(names.USAGE)["total"] == 14


@pytest.mark.parametrize("stream", [False, True])
def test_an_escalated_request_has_both_generations(traced: TracedGateway, stream: bool) -> None:
    traced.upstream.on("small", says("unsure", logprob=-3.0))
    traced.upstream.on("large", says("Certain."))
    response = traced.ask("support", stream=stream)
    root, _, cascade, small, large = traced.traced(response)
    assert root.about("decision") == "escalated"
    assert [(span.name, span.kind, span.parent_id) for span in (small, large)] == [
        ("rejected: small", "generation", cascade.span_id),
        ("large", "generation", cascade.span_id),
    ]
    assert (names.FIRST_TOKEN_AT in root.attributes) is stream
    costs = [span.parsed(names.COST)["total"] for span in (small, large)]
    assert sum(costs) == pytest.approx(root.about("cost_usd"))
    assert small.about("confidence") < 0.8


def test_hits_have_the_look_up_and_no_generation(traced: TracedGateway) -> None:
    traced.upstream.on("small", says("Write to help."))
    question = "How can I contact your customer support team?"
    first = traced.ask("cached", question)
    assert eventually(lambda: traced.ask("cached", question).headers["x-thriftgate-decision"] == "exact_hit")
    exact, semantic = traced.ask("cached", question), traced.ask("cached", "How can I contact your customer support?")
    root, cache = traced.traced(exact)
    assert (root.about("decision"), cache.name, cache.about("outcome")) == ("exact_hit", "cache", "exact_hit")
    assert names.COST not in root.attributes
    assert root.about("saved_usd") == pytest.approx(18e-5)
    assert root.about("reused_request_id") in traced.asked
    streamed = traced.traced(traced.ask("cached", question, stream=True))[0]
    assert (streamed.about("decision"), names.FIRST_TOKEN_AT in streamed.attributes) == ("exact_hit", True)
    root, cache = traced.traced(semantic)
    assert (root.about("decision"), cache.about("outcome")) == ("semantic_hit", "semantic_hit")
    scores = traced.langfuse.scores
    assert eventually(lambda: "similarity" in scores(semantic.headers["x-thriftgate-request-id"]))
    assert "cache" in [span.name for span in traced.traced(first)]


def test_everybody_who_waited_for_the_same_answer_has_a_trace(traced: TracedGateway) -> None:
    traced.upstream.on("small", slow(1.0, says("Once.")))
    with ThreadPoolExecutor(4) as pool:
        question = "How often is a question asked that four people ask at once?"
        responses = [future.result() for future in [pool.submit(traced.ask, "cached", question) for _ in range(4)]]
    traces = [traced.traced(response) for response in responses]
    assert sum(span.kind == "generation" for trace in traces for span in trace) == 1
    joined = [trace for trace in traces if trace[0].about("coalesced")]
    assert joined
    (leader,) = [trace for trace in traces if trace not in joined]
    for trace in joined:
        assert trace[0].about("reused_trace_id") == leader[0].trace_id
        (waited,) = [span for span in trace if span.name == "coalesce"]
        assert waited.about("outcome") == "joined"
        assert trace[0].about("reason") == "coalesced"


def test_a_prompt_is_a_stage_and_named(traced: TracedGateway) -> None:
    traced.upstream.on("small", says("Ten days."))
    root, prompt, *_ = traced.traced(traced.ask("prompted"))
    assert prompt.name == "prompt"
    assert root.about("prompt") == "support"
    assert len(root.about("prompt_version")) > 5


def test_a_malformed_request_is_one_span_with_a_warning(traced: TracedGateway) -> None:
    response = traced.process.post("/v1/chat/completions", {"model": "support", "messages": []})
    assert response.status_code == 400
    (root,) = traced.langfuse.trace(response.headers["x-litellm-call-id"])
    assert (root.level, root.status, root.attributes[names.STATUS_MESSAGE]) == (
        "WARNING", "ERROR", "InvalidRequestError 400",
    )  # fmt: skip
    assert root.attributes[names.TAGS] == ("team acme",)


def test_a_request_over_litellms_limit_is_one_span_with_a_warning(traced: TracedGateway) -> None:
    traced.upstream.on("small", says("Ten days."))
    key = "sk-limited-acme-eve"
    responses = [traced.ask("support", key=key) for _ in range(3)]
    refused = next(response for response in responses if response.status_code == 429)
    call_id = refused.headers["x-litellm-call-id"]
    (root,) = traced.langfuse.trace(call_id)
    assert root.level == "WARNING"
    assert root.attributes[names.STATUS_MESSAGE].endswith(" 429")
    assert root.attributes[names.USER_ID] == "eve"


def test_a_request_over_its_budget_is_one_span_with_a_warning(traced: TracedGateway) -> None:
    refused = traced.process.post("/v1/chat/completions", {"model": "support", "messages": []}, "sk-broke-acme-eve")
    assert 400 <= refused.status_code < 500

    def over_budget() -> list[SeenSpan]:
        roots = traced.langfuse.roots()
        return [root for root in roots if "Budget" in root.attributes.get(names.STATUS_MESSAGE, "")]

    assert eventually(lambda: bool(over_budget()))
    (root,) = over_budget()
    assert (root.level, root.name, root.about("reason")) == ("WARNING", "support", "refused")


def test_strangers_leave_no_trace_however_authentication_says_so_and_are_said_once(traced: TracedGateway) -> None:
    # The key for which the test's own authentication raises a plain Exception, as LiteLLM's documentation shows it.
    for model in ("support", "large", "support"):
        assert traced.ask(model, key="plain-exception").status_code == 401
    settle(0.5)
    assert not [root for root in traced.langfuse.roots() if root.attributes.get(names.STATUS_MESSAGE) == "Exception"]
    assert traced.process.log.count("without a valid key were refused") == 1
    master = {"Authorization": f"Bearer {MASTER_KEY}"}
    scraped = httpx.get(f"{traced.process.base_url}/thriftgate/metrics", headers=master, timeout=60).text
    (counted,) = [line for line in scraped.splitlines() if line.startswith("thriftgate_strangers_total")]
    assert float(counted.rpartition(" ")[2]) >= 3


@pytest.mark.parametrize("key", ["", "wrong", "plain-exception", "value-error", "forbidden", "proxy-exception"])
def test_strangers_leave_neither_row_nor_trace_at_any_endpoint(traced: TracedGateway, key: str) -> None:
    def left() -> tuple[int, int]:
        assert eventually(lambda: traced.process.get_status()["ledger"]["waiting"] == 0)
        rows = asyncio.run(stored(traced.process.folder))["table thriftgate.requests"]
        return len(rows.splitlines()), len(traced.langfuse.roots())

    before = left()
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    for path, body in PATHS.items():
        for model, stream in product(("support", "large"), (False, True)):
            asked = {**body, "model": model, "stream": stream}
            refused = httpx.post(f"{traced.process.base_url}{path}", json=asked, headers=headers, timeout=60)
            assert refused.status_code == (403 if key == "forbidden" else 401)
    settle(0.5)
    assert left() == before


@pytest.mark.parametrize("stream", [False, True])
def test_a_plain_model_past_the_routes_is_on_the_bill(traced: TracedGateway, stream: bool) -> None:
    traced.upstream.on("large", says("Straight from the model."))
    response = traced.ask("large", stream=stream, user="someone")
    assert response.status_code == 200
    root, call = traced.langfuse.trace(response.headers["x-litellm-call-id"])
    assert (root.name, root.about("reason"), root.about("saved_usd")) == ("large", "plain_model", 0.0)
    assert call.attributes[names.MODEL] == "openai/large"
    assert call.parsed(names.COST)["total"] == pytest.approx(10 * 10e-6 + 4 * 20e-6)
    assert (root.attributes[names.USER_ID], root.about("end_user")) == ("ada", "someone")
    assert root.attributes[names.TAGS] == ("team acme",)
    assert (names.FIRST_TOKEN_AT in root.attributes) is stream


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("status", [500, 401])
def test_a_plain_model_that_failed_for_good_is_booked_once_by_its_callers_key(
    traced: TracedGateway, status: int, stream: bool
) -> None:
    traced.upstream.on("large", fails(status))
    response = traced.ask("large", stream=stream, user="someone")
    assert response.status_code == status, response.text
    root, call = traced.langfuse.trace(response.headers["x-litellm-call-id"])
    assert (root.name, root.about("reason"), root.about("status")) == ("large", "plain_model", "failed")
    assert root.about("decision") == "failed"
    assert call.attributes[names.MODEL] == "openai/large"
    assert (root.attributes[names.USER_ID], root.about("end_user")) == ("ada", "someone")


def test_a_failed_request_has_every_failed_generation(traced: TracedGateway) -> None:
    traced.upstream.on("fragile-small", fails(500))
    traced.upstream.on("fragile-large", fails(503))
    response = traced.ask("fragile")
    assert response.status_code == 502
    trace = traced.langfuse.trace(response.headers["x-litellm-call-id"])
    assert (trace[0].level, trace[0].attributes[names.STATUS_MESSAGE]) == ("ERROR", "AllTiersFailedError 502")
    failed = [span for span in trace if span.kind == "generation"]
    assert [(span.name, span.level) for span in failed] == [("fragile-small", "ERROR"), ("fragile-large", "ERROR")]
    assert all(span.attributes[names.STATUS_MESSAGE].startswith("TierFailedError 50") for span in failed)
    assert [span.attributes[names.MODEL] for span in failed] == ["openai/fragile-small", "openai/fragile-large"]


def test_a_client_that_left_is_a_warning_and_its_generation_is_paid(traced: TracedGateway) -> None:
    traced.upstream.on("large", drips(traced.upstream, ["word "] * 40, pause=0.1))
    body = {"model": "plain", "messages": [{"role": "user", "content": QUESTION}], "stream": True}
    url, headers = f"{traced.process.base_url}/v1/chat/completions", {"Authorization": f"Bearer {CLIENT_KEY}"}
    with httpx.stream("POST", url, json=body, headers=headers) as response:
        request_id = response.headers["x-thriftgate-request-id"]
        next(response.iter_lines())
    root, *_, large = traced.langfuse.trace(request_id)
    assert (root.about("status"), root.level, large.level) == ("cancelled", "WARNING", "WARNING")
    assert large.parsed(names.COST)["total"] > 0
    assert large.about("usage_is_estimated") is True


def test_the_callers_trace_goes_on_through_us_and_to_the_model(traced: TracedGateway) -> None:
    traced.upstream.server.clear_log()
    traced.upstream.on("small", says("Ten days."))
    response = traced.ask("support", headers={"traceparent": TRACEPARENT})
    request_id = response.headers["x-thriftgate-request-id"]
    handed_on = f"{TRACEPARENT[:35]}-{span_id_of(request_id)}-01"
    assert response.headers["traceparent"] == handed_on
    root = traced.langfuse.trace(request_id)[0]
    assert (root.trace_id, root.parent_id) == (TRACEPARENT[3:35], TRACEPARENT[36:52])
    asked = [request.headers.get("traceparent") for request, _ in traced.upstream.server.log]
    assert asked == [handed_on]


def test_feedback_becomes_a_score_of_the_trace(traced: TracedGateway) -> None:
    traced.upstream.on("small", says("Ten days."))
    request_id = traced.ask("support").headers["x-thriftgate-request-id"]
    given = traced.process.post("/thriftgate/feedback", {"request_id": request_id, "is_correct": False})
    assert given.status_code == 202
    assert eventually(lambda: traced.langfuse.scores(request_id).get("feedback") == 0.0)


def test_messages_of_anthropics_api_are_traced_alike(traced: TracedGateway) -> None:
    traced.upstream.on("small", says("Ten days."))
    body = {"model": "support", "max_tokens": 20, "messages": [{"role": "user", "content": QUESTION}]}
    response = traced.process.post("/v1/messages", body)
    trace = traced.traced(response)
    assert [span.name for span in trace if span.kind == "generation"] == ["small"]


def test_a_langfuse_that_was_away_gets_what_it_missed(traced: TracedGateway) -> None:
    traced.upstream.on("small", says("Ten days."))
    traced.langfuse.status = 503
    missed = traced.ask("support")
    status = {"Authorization": f"Bearer {MASTER_KEY}"}

    def failures() -> int:
        answer = httpx.get(f"{traced.process.base_url}/thriftgate/status", headers=status).json()
        return answer["tracing"]["traces"]["failures"]

    assert eventually(lambda: failures() > 0)
    traced.langfuse.status = 200
    assert traced.traced(missed)[0].about("decision") == "accepted"
    assert eventually(lambda: failures() == 0)


def test_never_two_traces_for_one_request_and_none_is_lost(traced: TracedGateway) -> None:
    traced.upstream.on("small", says("Ten days."))
    traced.ask("support")

    def requests() -> Counter[str]:
        return Counter(root.about("request_id") for root in traced.langfuse.roots())

    assert eventually(lambda: set(traced.asked) <= set(requests()))
    settle(0.3)
    assert set(requests().values()) == {1}
    spans = Counter((span.trace_id, span.span_id) for span in traced.langfuse.spans)
    assert set(spans.values()) == {1}


def test_what_a_provider_says_of_a_request_reaches_its_sender_and_nobody_else(traced: TracedGateway) -> None:
    """It may quote the request. To its sender it is said only where the request is at fault."""
    secret = f"xylophone{uuid4().hex}"
    paths = ("/v1/chat/completions", "/v1/messages", "/v1/responses")
    for path, (stream, status) in product(paths, ((False, 400), (False, 500), (True, 422), (True, 429))):
        for model in ("fragile-small", "fragile-large", "lost-large", "upset-primary", "upset-backup"):
            traced.upstream.on(model, fails(status, f"I cannot read '{secret}' in this prompt"))
        for model in ("fragile", "lost", "fragile-large", "lost-large"):
            said = {"role": "user", "content": f"my word is {secret}"}
            body = {"model": model, "max_tokens": 9, "messages": [said], "input": [said], "stream": stream}
            body.pop("input" if path != "/v1/responses" else "messages")
            told = traced.process.post(path, body, "sk-app-rival-eve")
            assert told.status_code >= 400, told.text
            assert "litellm." not in told.text
            assert status < 429 or secret not in told.text
    answers = [traced.ask(model).text for model in ("fragile", "fragile-large", "plain")]
    settle(0.5)
    metrics = httpx.get(
        f"{traced.process.base_url}/thriftgate/metrics", headers=traced.process.headers(SCRAPER_TOKEN), timeout=60
    )
    assert metrics.status_code == 200
    places = {
        "log": traced.process.log,
        "Langfuse": "".join(body.decode("utf-8", "replace") for body in traced.langfuse.bodies),
        "scores": json.dumps(traced.langfuse.events),
        "metrics": metrics.text,
        "status": json.dumps(traced.process.get_status()),
        "report": traced.process.cli("report", "--by", "user"),
        "others": "".join(answers),
        "database": "".join(asyncio.run(stored(traced.process.folder)).values()),
    }
    assert [name for name, text in places.items() if secret in text] == []
    assert all(places[name] for name in ("log", "Langfuse", "metrics", "database"))
