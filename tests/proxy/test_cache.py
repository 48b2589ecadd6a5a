"""The answer cache through the real proxy and a real PostgreSQL."""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from tests.proxy.conftest import MASTER_KEY, GatewayProcess
from tests.proxy.upstream import calls_tool, drips, says, slow
from tests.proxy.waiting import eventually, settle

pytestmark = pytest.mark.xdist_group("proxy")


def ask(gateway: GatewayProcess, question: str, *, key: str = "sk-app-acme-ada", **params: Any) -> httpx.Response:
    body = {"model": "cached", "messages": [{"role": "user", "content": question}], **params}
    headers = params.pop("headers", {})
    body.pop("headers", None)
    return gateway.post("/v1/chat/completions", body, key, **headers)


def decision(response: httpx.Response) -> str:
    return response.headers["x-thriftgate-decision"]


def settled(gateway: GatewayProcess, question: str, **params: Any) -> httpx.Response:
    """Ask until the answer comes from the cache: it is kept beside the request, a moment later."""
    responses = [ask(gateway, question, **params)]

    def is_hit() -> bool:
        responses.append(ask(gateway, question, **params))
        return decision(responses[-1]).endswith("_hit")

    eventually(is_hit)
    return responses[-1]


def test_the_same_question_again_costs_nothing_and_says_so(gateway: GatewayProcess) -> None:
    gateway.upstream.on("small", says("Ten days."))
    first = ask(gateway, "How long is the return window for shoes?")
    again = settled(gateway, "How long is the return window for shoes?")
    assert decision(first) == "accepted"
    assert decision(again) == "exact_hit"
    assert again.json()["choices"][0]["message"]["content"] == "Ten days."
    assert float(again.headers["x-thriftgate-cost"]) == 0
    assert float(again.headers["x-thriftgate-saved"]) == pytest.approx(10 * (10 * 1e-6 + 4 * 2e-6))


def test_a_paraphrase_is_answered_by_meaning_and_says_how_near_it_was(gateway: GatewayProcess) -> None:
    gateway.upstream.on("small", says("Write to help@example.com."))
    ask(gateway, "How can I contact your customer support team?")
    settled(gateway, "How can I contact your customer support team?")
    hit = ask(gateway, "How can I contact your customer support?")
    assert decision(hit) == "semantic_hit"
    assert 0.9 <= float(hit.headers["x-thriftgate-similarity"]) < 1


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_from_a_kept_answer_to_another_question_nobody_goes_on(gateway: GatewayProcess, stream: bool) -> None:
    """Its provider stored it with the words of the one who asked first."""
    word = "streamed" if stream else "whole"
    gateway.upstream.on("small", says("Two weeks."))

    def respond(text: str, **more: Any) -> httpx.Response:
        body = {"model": "cached", "input": text, "stream": stream, **more}
        return gateway.post("/v1/responses", body, "sk-app-acme-ada")

    def shown(response: httpx.Response) -> dict[str, Any]:
        if not stream:
            return response.json()
        last = [line for line in response.text.splitlines() if line.startswith("data: {")][-1]
        return json.loads(last.removeprefix("data: "))["response"]

    question = f"How do I ask your support team for a {word} parcel to be sent again?"
    eventually(lambda: decision(respond(question)) == "exact_hit")
    hit = respond(f"How can I ask your support team for a {word} parcel to be sent again?")
    assert decision(hit) == "semantic_hit"
    asked = len(gateway.upstream.asked("small"))
    refused = respond("And to another address?", previous_response_id=shown(hit)["id"])
    assert refused.status_code == 400
    assert refused.json()["error"]["code"] == "previous_response_not_found"
    assert refused.json()["error"]["param"] == "previous_response_id"
    assert len(gateway.upstream.asked("small")) == asked


def test_another_number_in_the_question_is_no_hit(gateway: GatewayProcess) -> None:
    gateway.upstream.on("small", says("The fee is 2 euros."))
    ask(gateway, "What is the fee for sending 100 euros abroad?")
    settled(gateway, "What is the fee for sending 100 euros abroad?")
    assert decision(ask(gateway, "What is the fee for sending 900 euros abroad?")) == "accepted"


@pytest.mark.parametrize(
    "difference",
    [
        {"key": "sk-app-rival-ada"},
        {"temperature": 0.5},
        {"max_tokens": 3},
        {"response_format": {"type": "json_object"}},
        {"a_parameter_nobody_knows": 1},
    ],
)
def test_whatever_differs_keeps_answers_apart(gateway: GatewayProcess, difference: dict[str, Any]) -> None:
    gateway.upstream.on("small", says("By bank transfer."))
    gateway.upstream.on("large", says("By bank transfer."))
    settled(gateway, "Which ways of paying do you take?")
    assert not decision(ask(gateway, "Which ways of paying do you take?", **difference)).endswith("_hit")


def test_another_user_of_the_same_team_shares_the_answer(gateway: GatewayProcess) -> None:
    gateway.upstream.on("small", says("On weekdays."))
    settled(gateway, "When is the shop open?")
    assert decision(ask(gateway, "When is the shop open?", key="sk-app2-acme-bob")) == "exact_hit"


def test_a_follow_up_in_another_conversation_is_no_hit(gateway: GatewayProcess) -> None:
    gateway.upstream.on("small", says("Yes."))

    def follow_up(earlier: str) -> httpx.Response:
        messages = [
            {"role": "user", "content": earlier},
            {"role": "assistant", "content": "Of course."},
            {"role": "user", "content": "And for business customers too?"},
        ]
        return gateway.post("/v1/chat/completions", {"model": "cached", "messages": messages})

    assert eventually(lambda: decision(follow_up("Do you ship to Norway?")) == "exact_hit")
    assert decision(follow_up("Do you offer gift wrapping?")) == "accepted"


@pytest.mark.parametrize(
    "wish",
    [{"headers": {"Cache-Control": "no-cache"}}, {"cache": {"no-cache": True}}],
)
def test_a_client_that_wants_a_fresh_answer_gets_one(gateway: GatewayProcess, wish: dict[str, Any]) -> None:
    gateway.upstream.on("small", says("In the app."))
    settled(gateway, "Where do I find my invoices?")
    assert decision(ask(gateway, "Where do I find my invoices?", **wish)) == "accepted"


def test_an_answer_that_must_not_be_stored_is_not(gateway: GatewayProcess) -> None:
    gateway.upstream.on("small", says("Under settings."))
    for _ in range(3):
        response = ask(gateway, "Where do I change my password, secretly?", headers={"Cache-Control": "no-store"})
        assert decision(response) == "accepted"


@pytest.mark.parametrize(
    ("question", "reply"),
    [
        ("How does a cut answer end?", says("It ends with", finish_reason="length")),
        ("What does an empty answer say?", says("")),
        ("Which tool would you call?", calls_tool("look", {})),
        ("What is the weather like today?", says("Sunny.")),
    ],
)
def test_what_must_not_be_served_again_is_not(gateway: GatewayProcess, question: str, reply: Any) -> None:
    gateway.upstream.on("small", reply)
    gateway.upstream.on("large", reply)
    assert not decision(ask(gateway, question)).endswith("_hit")
    settle(0.3)
    assert not decision(ask(gateway, question)).endswith("_hit")


def test_a_hit_is_replayed_as_a_stream_with_usage(gateway: GatewayProcess) -> None:
    gateway.upstream.on("small", says("First line.\nSecond line, with  two spaces."))
    settled(gateway, "How do I fold the box?")
    with gateway.openai() as client:
        chunks = list(
            client.chat.completions.create(
                model="cached",
                messages=[{"role": "user", "content": "How do I fold the box?"}],
                stream=True,
                stream_options={"include_usage": True},
            )
        )
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == "First line.\nSecond line, with  two spaces."
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == 4
    told: Any = chunks[-1].to_dict()["thriftgate"]
    assert told["decision"] == "exact_hit"


def test_a_stream_that_a_client_left_is_not_stored(gateway: GatewayProcess) -> None:
    gateway.upstream.on("small", says("unsure", logprob=-3.0))
    gateway.upstream.on("large", drips(gateway.upstream, ["half ", "of ", "an ", "answer "] * 5, pause=0.1))
    question = "What did the interrupted client ask?"
    body = {"model": "cached", "messages": [{"role": "user", "content": question}], "stream": True}
    headers = {"Authorization": "Bearer sk-app-acme-ada"}
    with httpx.stream("POST", f"{gateway.base_url}/v1/chat/completions", json=body, headers=headers) as response:
        next(response.iter_lines())
    settle(0.5)
    gateway.upstream.on("large", says("A whole answer."))
    assert decision(ask(gateway, question)) == "escalated"


def test_identical_questions_at_the_same_time_go_upstream_once(gateway: GatewayProcess) -> None:
    gateway.upstream.on("small", slow(1.0, says("Once is enough.")))
    question = "How often is a question asked that eight people ask at once?"
    with ThreadPoolExecutor(8) as pool:
        futures = [pool.submit(ask, gateway, question, stream=index % 2 == 0) for index in range(8)]
    responses = [future.result() for future in futures]
    assert len(gateway.upstream.asked("small")) == 1
    assert all("Once is enough." in response.text or "Once" in response.text for response in responses)


def test_an_operator_can_forget_a_route_and_nobody_else_can(gateway: GatewayProcess) -> None:
    gateway.upstream.on("small", says("Old price."))
    settled(gateway, "How much is the gift card fee?")
    refused = gateway.post("/thriftgate/cache/purge", {"route": "cached"})
    assert refused.status_code == 403
    purged = gateway.post("/thriftgate/cache/purge", {"route": "cached"}, MASTER_KEY)
    assert purged.status_code == 200
    assert purged.json()["purged"] >= 1
    assert decision(ask(gateway, "How much is the gift card fee?")) == "accepted"


def test_what_an_operator_warms_is_what_a_client_gets(gateway: GatewayProcess) -> None:
    lines = gateway.folder / "answers.jsonl"
    lines.write_text(json.dumps({"question": "Which paper sizes fit?", "answer": "A4 and A5."}), encoding="utf-8")
    arguments = ["cache", "warm", str(lines), "--route", "cached", "--team", "acme"]
    config = ["--config", str(gateway.folder / "config.yaml")]
    subprocess.run([sys.executable, "-m", "thriftgate", *arguments, *config], check=True, capture_output=True)
    hit = ask(gateway, "Which paper sizes fit?")
    assert decision(hit) == "exact_hit"
    assert hit.json()["choices"][0]["message"]["content"] == "A4 and A5."
    assert decision(ask(gateway, "Which paper sizes fit?", key="sk-app-other-bob")) != "exact_hit"


def test_an_operator_can_forget_by_version_of_the_prompt_and_collection(gateway: GatewayProcess) -> None:
    gateway.upstream.on("small", says("Blue and green."))
    question = "Which colours does the tent come in?"
    settled(gateway, question)
    for condition in ({"prompt_version": "another"}, {"collection": "another"}, {"scope": "another"}):
        kept = gateway.post("/thriftgate/cache/purge", {"route": "cached", **condition}, MASTER_KEY)
        assert kept.json() == {"purged": 0}
    assert decision(ask(gateway, question)) == "exact_hit"
    gone = gateway.post("/thriftgate/cache/purge", {"prompt_versions_not": ["another"]}, MASTER_KEY)
    assert gone.json()["purged"] >= 1
    assert not decision(ask(gateway, question)).endswith("_hit")


def test_nothing_is_forgotten_without_a_condition_or_for_one_that_does_not_exist(gateway: GatewayProcess) -> None:
    for body, status in (({}, 400), ({"tenant": "acme"}, 422)):
        assert gateway.post("/thriftgate/cache/purge", body, MASTER_KEY).status_code == status


def test_a_temperature_above_the_limit_is_neither_kept_nor_served(gateway: GatewayProcess) -> None:
    gateway.upstream.on("small", says("Perhaps."))
    gateway.upstream.on("large", says("Perhaps."))
    assert not decision(ask(gateway, "Will it rain on my parade?", temperature=1.9)).endswith("_hit")
    settle(0.3)
    assert not decision(ask(gateway, "Will it rain on my parade?", temperature=1.9)).endswith("_hit")
