"""Budgets over real HTTP with two workers: what is refused, how it is said, and that the sums are the ledger's."""

import csv
import io
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anthropic
import openai
import pytest
from tests.proxy.identity.conftest import KeyedGateway
from tests.proxy.upstream import drips, says
from tests.proxy.waiting import eventually

pytestmark = [pytest.mark.xdist_group("identity"), pytest.mark.timeout(400)]

PLAIN_COST = 10 * 10e-6 + 4 * 20e-6
"""Of one answer of the model `large`, which the route `plain` asks."""
ASKED: Any = [{"role": "user", "content": "hello"}]


def spent(keyed: KeyedGateway, kind: str, name: str) -> list[float]:
    """What is booked of an account, in its windows."""
    found = keyed.admin("GET", f"budgets/{kind}/{name}").json()["windows"]
    return [one["spent_usd"] for one in found]


def booked(keyed: KeyedGateway, kind: str, name: str, usd: float) -> bool:
    return eventually(lambda: bool(spent(keyed, kind, name)) and abs(spent(keyed, kind, name)[0] - usd) < 1e-9)


def settled(keyed: KeyedGateway, kind: str, name: str) -> bool:
    """Whether nothing is held any more."""
    found = keyed.admin("GET", f"budgets/{kind}/{name}").json()["windows"]
    return not any(one["reserved_usd"] for one in found)


@pytest.mark.parametrize("owner", ["key", "user", "team"])
@pytest.mark.parametrize("model", ["plain", "large"])
def test_a_used_up_budget_of_a_key_a_user_or_a_team_refuses_on_every_endpoint(
    keyed: KeyedGateway, owner: str, model: str
) -> None:
    """A route, and a plain model, for which LiteLLM says what it cost."""
    chat = "/v1/chat/completions"
    # For a plain model LiteLLM would translate Anthropic's messages into an API that the test's upstream lacks.
    paths = (chat, "/v1/messages", chat) if model == "plain" else (chat, chat, chat)
    budget = {"budgets": [{"usd": 2.5 * PLAIN_COST, "per": "month"}]}
    name = f"budget-{owner}-{model}"
    keyed.make("teams", id=name, **(budget if owner == "team" else {}))
    keyed.make("users", id=name, team=name, **(budget if owner == "user" else {}))
    made = keyed.make("keys", user=name, **(budget if owner == "key" else {}))
    account = made["id"] if owner == "key" else name
    for count, path in enumerate(paths, start=1):
        assert keyed.ask(made["key"], model, path).status_code == 200
        assert booked(keyed, owner, account, count * PLAIN_COST)
    refused = keyed.ask(made["key"], model)
    assert refused.status_code == 429
    assert f"this month's budget of this {owner} is used up" in refused.text
    assert refused.headers["x-should-retry"] == "false"
    assert float(refused.headers["retry-after"]) > 1
    # The SDKs do not try again what is of no use.
    asked = len(keyed.upstream.asked("large"))
    with (
        keyed.openai(
            made["key"],
        ) as client,
        pytest.raises(openai.RateLimitError),
    ):
        client.with_options(max_retries=3).responses.create(model=model, input="hello")
    with keyed.anthropic(made["key"]) as other, pytest.raises(anthropic.RateLimitError):
        other.with_options(max_retries=3).messages.create(model=model, messages=ASKED, max_tokens=20)
    assert len(keyed.upstream.asked("large")) == asked


def test_many_at_once_in_both_workers_end_at_most_one_request_over(keyed: KeyedGateway) -> None:
    limit = 10.5 * PLAIN_COST
    made = keyed.make("keys", budgets=[{"usd": limit, "per": "day"}])
    with ThreadPoolExecutor(12) as pool:
        answers = [answer.status_code for answer in pool.map(keyed.ask, [str(made["key"])] * 60)]
    # On a machine that is too busy the database may not answer in time: nobody is served then either.
    assert {200, 429} <= set(answers) <= {200, 429, 503}
    served = answers.count(200)
    assert served * PLAIN_COST <= limit + PLAIN_COST
    assert booked(keyed, "key", made["id"], served * PLAIN_COST)
    while keyed.ask(made["key"]).status_code == 200:
        served += 1
        assert booked(keyed, "key", made["id"], served * PLAIN_COST)
    assert served == 11
    report = json.loads(keyed.cli("report", "--by", "key", "--json"))
    (row,) = [row for row in report["rows"] if row["group"] == made["id"]]
    assert row["cost_usd"] == pytest.approx(spent(keyed, "key", made["id"])[0], abs=1e-9)


def test_a_stream_that_its_reader_left_is_booked_and_a_failure_gives_everything_back(keyed: KeyedGateway) -> None:
    made = keyed.make("keys", budgets=[{"usd": 1, "per": "day"}])
    keyed.upstream.on("large", drips(keyed.upstream, ["word "] * 100, pause=0.05))
    for model in ("plain", "large"):
        with keyed.openai(made["key"]) as client:
            stream = client.chat.completions.create(model=model, messages=ASKED, stream=True)
            next(iter(stream))
            stream.close()
        assert eventually(lambda: settled(keyed, "key", made["id"]))
    before = spent(keyed, "key", made["id"])[0]
    assert 0 < before < 0.1
    for model in ("lost", "lost-large"):
        assert keyed.ask(made["key"], model).status_code >= 400
        assert eventually(lambda: settled(keyed, "key", made["id"]))
    assert keyed.post("/v1/chat/completions", {"model": "plain", "messages": 7}, made["key"]).status_code == 400
    assert settled(keyed, "key", made["id"])
    assert spent(keyed, "key", made["id"])[0] == before


def test_an_id_that_the_caller_chose_twice_is_paid_for_twice(keyed: KeyedGateway) -> None:
    made = keyed.make("keys", budgets=[{"usd": 1, "per": "day"}])
    for count in (1, 2):
        body = {"model": "plain", "messages": ASKED}
        answer = keyed.post("/v1/chat/completions", body, made["key"], **{"x-litellm-call-id": "mine"})
        assert answer.status_code == 200
        assert booked(keyed, "key", made["id"], count * PLAIN_COST)

    def requests() -> list[int]:
        report = json.loads(keyed.cli("report", "--by", "key", "--json"))
        return [row["requests"] for row in report["rows"] if row["group"] == made["id"]]

    assert eventually(lambda: requests() == [2], 30)


def test_a_soft_budget_refuses_nothing_and_tells_the_webhook_once(keyed: KeyedGateway) -> None:
    made = keyed.make("keys", budgets=[{"usd": 1.5 * PLAIN_COST, "per": "day", "hard": False}])
    for count in (1, 2, 3):
        assert keyed.ask(made["key"]).status_code == 200
        assert booked(keyed, "key", made["id"], count * PLAIN_COST)
    assert eventually(lambda: len(keyed.told(made["id"])) == 1)
    (event,) = keyed.told(made["id"])
    assert (event["event"], event["period"]) == ("soft_budget_used_up", "day")
    assert event["spent_usd"] == pytest.approx(2 * PLAIN_COST)


def test_a_routes_budget_is_everybodys_and_a_keys_budget_is_not_of_others(keyed: KeyedGateway) -> None:
    one, other = keyed.key(), keyed.key(budgets=[{"usd": 1e-9, "per": "day"}])
    keyed.upstream.on("judge", says("ATTACK"))
    attack: Any = [{"role": "user", "content": "what the judge takes for an attack"}]
    assert keyed.ask(one, "rationed", messages=attack).status_code == 400
    assert eventually(lambda: settled(keyed, "route", "rationed"))
    keyed.upstream.on("judge", says("SAFE"))
    assert keyed.ask(one, "rationed").status_code == 200
    assert booked(keyed, "route", "rationed", PLAIN_COST)
    judged = len(keyed.upstream.asked("judge"))
    new: Any = [{"role": "user", "content": "which nobody has said before"}]
    refused = keyed.ask(one, "rationed", messages=new)
    assert (refused.status_code, "of this route" in refused.text) == (429, True)
    assert len(keyed.upstream.asked("judge")) == judged == 2
    assert keyed.ask(one, "plain").status_code == 200
    assert keyed.ask(other, "plain").status_code == 200  # nothing is spent yet: one request over


def test_a_request_with_an_id_that_is_in_use_is_refused_and_frees_nothing_of_the_first(keyed: KeyedGateway) -> None:
    made = keyed.make("keys", budgets=[{"usd": 1, "per": "day"}])
    keyed.upstream.on("large", drips(keyed.upstream, [f"word{n} " for n in range(300)], pause=0.05))
    headers = {"x-litellm-call-id": "the-same"}
    with keyed.openai(made["key"]) as client:
        stream = client.chat.completions.create(model="large", messages=ASKED, stream=True, extra_headers=headers)
        next(iter(stream))
        refusals: list[int] = []
        while 400 not in refusals and len(refusals) < 200:  # each on a connection of its own: either worker takes it
            with keyed.openai(made["key"]) as other, pytest.raises(openai.APIStatusError) as refused:
                other.chat.completions.create(model="lost-large", messages=ASKED, extra_headers=headers)
            refusals.append(refused.value.status_code)
        assert 400 in refusals, "the worker that has the first refuses it"
        assert not settled(keyed, "key", made["id"])
        for _ in stream:
            pass
    assert eventually(lambda: settled(keyed, "key", made["id"]))
    assert spent(keyed, "key", made["id"])[0] > 0


def test_what_a_budget_counts_is_what_the_report_says_was_spent(keyed: KeyedGateway) -> None:
    name = "budget-told"
    budget = {"budgets": [{"usd": 2.5 * PLAIN_COST, "per": "month"}]}
    keyed.make("teams", id=name, alias=name)
    keyed.make("users", id=name, team=name)
    made = keyed.make("keys", user=name, alias=name, **budget)
    paths = ("/v1/chat/completions", "/v1/messages", "/v1/responses", "/v1/chat/completions")
    assert [keyed.ask(made["key"], path=path).status_code for path in paths[:2]] == [200, 200]
    assert booked(keyed, "key", made["id"], 2 * PLAIN_COST)
    body = {"model": "plain", "input": "hello", "stream": True}
    assert keyed.post(paths[2], body, made["key"]).status_code == 200
    cost = 3 * PLAIN_COST
    assert booked(keyed, "key", made["id"], cost)
    assert keyed.ask(made["key"]).status_code == 429

    def reported(by: str) -> float | None:
        rows = csv.DictReader(io.StringIO(keyed.cli("report", "--csv", "--by", by)))
        return next((float(row["cost_usd"]) for row in rows if name in (row["group"], row["label"])), None)

    assert eventually(lambda: reported("team") == pytest.approx(cost, abs=1e-9))
    assert reported("user") == reported("key") == pytest.approx(cost, abs=1e-9)
