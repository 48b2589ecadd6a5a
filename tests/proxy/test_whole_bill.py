"""A day over HTTP of every kind of request: what Langfuse adds up to is the ledger's sum and the providers' bill.

Two workers of the real proxy; all three endpoints, whole and streamed; hits, escalations, failures, plain models,
audits, checked hits, feedback. Langfuse keeps what it gets by its own rules, is away for a while, loses what waits when
the gateway stops, and is made whole again from the ledger by the command, twice.
"""

import asyncio
import csv
import io
import json
import math
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import httpx
import pytest
from pytest_httpserver import HTTPServer
from tests.langfuse_books import LangfuseBooks
from tests.proxy.asked import Asked
from tests.proxy.cascade_routes import CLEAN, DOUBTFUL
from tests.proxy.conftest import MASTER_KEY, SCRAPER_TOKEN
from tests.proxy.langfuse_intake import LangfuseIntakeServer
from tests.proxy.scrape import read_series, total
from tests.proxy.traced import TracedGateway, traced_gateway
from tests.proxy.upstream import Reply, drips, fails, says
from tests.proxy.waiting import eventually, settle
from tests.trace_setup import SeenSpan
from werkzeug import Request, Response

from thriftgate.stores.embedded.database import EmbeddedPostgres
from thriftgate.stores.postgres.database import Database
from thriftgate.tracing import attributes as names
from thriftgate.tracing.dashboard import WIDGETS

pytestmark = [pytest.mark.xdist_group("proxy-bill"), pytest.mark.timeout(600)]

PATHS = ("/v1/chat/completions", "/v1/messages", "/v1/responses")
KEYS = ("sk-app-acme-ada", "sk-app-globex-bob")
PRICES = {"small": 10e-6 + 4 * 2e-6, "judge": 10e-6 + 4 * 2e-6, "large": 10 * 10e-6 + 4 * 20e-6}
PRICES["direct-large"] = PRICES["large"]
"""Of one answer of each model, which is always of 10 and 4 tokens."""
ROUTES: dict[str, Any] = {
    "whole": {
        "cascade": {
            "tiers": [{"model": "small"}, {"model": "large"}],
            "accept_at": 0.8,
            "audit": {"share": 1, "judge": "judge", "max_per_minute": 1000},
            "holdout": 0,
        },
        "cache": {
            "max_error": 0.01,
            "ttl": "1h",
            "min_similarity": 0.9,
            "verify": {"share": 1, "first": 0, "judge": "judge", "max_per_minute": 1000},
        },
    }
}
ASKED_ONCE = "How do I return parcel {}?"
SIMILAR = ("How can I contact your customer support team?", "How can I contact your customer support?")


class BookedLangfuse(LangfuseIntakeServer):
    """A Langfuse whose pages can be read."""

    def __init__(self) -> None:
        super().__init__()
        self.books = LangfuseBooks()

    def take_traces(self, request: Request) -> Response:
        taken = super().take_traces(request)
        if self.status == 200:
            self.books.spans(request.get_data())
        return taken

    def take_scores(self, request: Request) -> Response:
        if self.status != 200:
            return Response("<html>bad gateway", self.status)
        super().take_scores(request)
        return self.books.take_scores(request)


def unless(word: str, otherwise: Reply, usual: Reply) -> Reply:
    """The usual reply, unless the word is said."""

    def reply(body: Asked) -> Response:
        return (otherwise if word in json.dumps(body.prompt) else usual)(body)

    return reply


@dataclass(frozen=True)
class Seen:
    """What Langfuse held at one moment."""

    observations: Mapping[tuple[str, str], Any]
    scores: Mapping[tuple[str, str, str], Any]


@dataclass
class Played:
    """What was asked, and what everybody said of it before the gateway ended."""

    gateway: TracedGateway
    langfuse: BookedLangfuse
    environ: Mapping[str, str]
    rows: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    """What a client knows of each request."""
    feedback: list[int] = field(default_factory=list[int])
    seen: list[Seen] = field(default_factory=list[Seen])
    """Langfuse as the gateway left it, and after each backfill."""
    figures: dict[str, Any] = field(default_factory=dict[str, Any])
    pages: dict[str, str] = field(default_factory=dict[str, str])
    """The live page of each team."""
    metrics: dict[str, float] = field(default_factory=dict[str, float])

    @property
    def books(self) -> LangfuseBooks:
        return self.langfuse.books

    def ask(self, path: str, model: str, question: str, *, stream: bool = False, key: str = KEYS[0]) -> httpx.Response:
        said = [{"role": "user", "content": question}]
        body: dict[str, Any] = {
            "model": model,
            "stream": stream,
            **({"input": said} if "responses" in path else {"messages": said}),
        }
        if "messages" in path:
            body["max_tokens"] = 50
        answer = self.gateway.process.post(path, body, key)
        self.note(path, stream, answer)
        return answer

    def note(self, path: str, stream: bool, answer: httpx.Response) -> None:
        usual = "plain" if answer.is_success else "failed"
        told = answer.headers
        self.rows.append({"path": path, "stream": stream, "decision": told.get("x-thriftgate-decision", usual),
                          "id": told.get("x-thriftgate-request-id", told["x-litellm-call-id"])})  # fmt: skip

    def note_what_the_running_gateway_says(self) -> None:
        process, headers = self.gateway.process, self.gateway.process.headers(MASTER_KEY)

        def spent() -> float:
            url = f"{process.base_url}/thriftgate/status?period=24h"
            self.figures = httpx.get(url, headers=headers, timeout=60).json()["figures"]
            found = read_series(process.base_url, SCRAPER_TOKEN)
            checks, saved = (total(found, f"thriftgate_{one}") for one in ("checking_cost_usd_total", "saved_usd"))
            self.metrics = {"cost": total(found, "thriftgate_cost_usd_total"), "checks": checks, "net": saved - checks}
            return self.metrics["cost"] + checks

        settle(3)  # audits go on for a moment, and a worker's rows are written every second
        bill = self.providers_bill() + self.left_cost()
        # The other worker's counts are read every two seconds, and each worker keeps its figures for a while.
        assert eventually(
            lambda: (
                math.isclose(spent(), bill, abs_tol=1e-9)
                and math.isclose(self.figures["spent_usd"], bill, abs_tol=1e-9)
            ),
            60,
        )
        for team in ("team acme", "team globex"):
            page = httpx.get(f"{process.base_url}/thriftgate", params={"who": team}, headers=headers, timeout=60)
            self.pages[team] = page.text

    def note_langfuse(self) -> None:
        books = self.books
        scores = {key: {**row} for key, row in books.score_rows.items()}
        self.seen.append(Seen(dict(books.observations), scores))

    def providers_bill(self) -> float:
        """What the providers were asked for and answered in full."""
        return math.fsum(len(self.gateway.upstream.asked(model)) * price for model, price in PRICES.items())

    def left_cost(self) -> float:
        """What the stream cost that its reader left."""
        return asyncio.run(self._sums())["left"]

    def ledger(self) -> dict[str, float]:
        """The sums of the ledger, as they stand in its tables."""
        return asyncio.run(self._sums())

    async def _sums(self) -> dict[str, float]:
        server = EmbeddedPostgres(self.gateway.process.folder / ".thriftgate")
        database = Database(server.start(), max_connections=1)
        requests = "coalesce(sum(cost_usd), 0)::float8 AS cost FROM requests"
        try:
            (requested,) = await database.fetch(f"SELECT {requests}")
            (left,) = await database.fetch(f"SELECT {requests} WHERE route = 'gpt'")
            (audits,) = await database.fetch(
                "SELECT sum(cost_usd)::float8 AS cost, count(*) FILTER (WHERE cost_usd > 0) AS paid FROM audits"
            )
            return {
                "requests": requested["cost"], "left": left["cost"], "audits": audits["cost"], "paid": audits["paid"],
            }  # fmt: skip
        finally:
            await database.close()
            server.release()

    def charted(self, name: str) -> dict[tuple[Any, ...], tuple[float, ...]]:
        """What the dashboard in Langfuse shows."""
        (widget,) = [one for one in WIDGETS if one.name == name]
        return self.books.answer(widget)

    def spans(self) -> list[SeenSpan]:
        """Every observation once, as it was sent last."""
        return list({(span.trace_id, span.span_id): span for span in self.langfuse.spans}.values())

    def command(self, *words: str) -> str:
        """What an operator's command prints."""
        argv = [sys.executable, "-m", "thriftgate", *words, "--config", "config.yaml"]
        environ, folder = {**os.environ, **self.environ}, self.gateway.process.folder
        done = subprocess.run(argv, capture_output=True, text=True, check=False, cwd=folder, env=environ)
        assert done.returncode == 0, done.stderr
        return done.stdout


def total_of(seen: Seen) -> float:
    """What the project's observations cost."""
    return math.fsum(row["totalCost"] for row in seen.observations.values())


def play(played: Played) -> None:
    """The day, up to the gateway's end, which is during an outage of Langfuse."""
    upstream = played.gateway.upstream
    upstream.on("small", unless("hard", says(DOUBTFUL, logprob=-3.0), says(CLEAN)))
    for model in ("large", "direct-large"):
        upstream.on(model, says(CLEAN))
    upstream.on("judge", says("SAME"))
    for model in ("fragile-small", "fragile-large"):
        upstream.on(model, fails(500))
    upstream.on("gpt-large", drips(upstream, ["word "] * 60, pause=0.05))
    for place, (path, stream) in enumerate(product(PATHS, (False, True))):
        key = KEYS[place % 2]
        if place == 2:
            played.langfuse.status = 503
        if place == 4:
            assert eventually(lambda: played.gateway.process.get_status()["tracing"]["traces"]["failures"] > 0)
            played.langfuse.status = 200
        for words in (ASKED_ONCE, "This one is hard: where is parcel {}?"):
            answer = played.ask(path, "whole", words.format(place), stream=stream, key=key)
            assert answer.status_code == 200, answer.text
            request_id = answer.headers["x-thriftgate-request-id"]
            told = {"request_id": request_id, "is_correct": place != 1}
            played.feedback.append(played.gateway.process.post("/thriftgate/feedback", told, key).status_code)
        played.ask(path, "fragile", "what is wrong today", stream=stream, key=key)
        played.ask(path, "direct-large", "straight to a model", stream=stream, key=key)
        assert eventually(lambda key=key, path=path, place=place, stream=stream: "hit" in played.ask(
            path, "whole", ASKED_ONCE.format(place), stream=stream, key=key
        ).headers["x-thriftgate-decision"])  # fmt: skip
    chat = PATHS[0]
    played.ask(chat, "whole", SIMILAR[0])
    assert eventually(lambda: played.ask(chat, "whole", SIMILAR[1], stream=True).headers["x-thriftgate-decision"]
                      == "semantic_hit")  # fmt: skip
    body = {"model": "gpt", "messages": [{"role": "user", "content": "a long story"}], "stream": True}
    url = f"{played.gateway.process.base_url}{chat}"
    with httpx.stream("POST", url, json=body, headers={"Authorization": f"Bearer {KEYS[0]}"}) as left:
        next(left.iter_lines())
        played.note(chat, True, left)
    played.langfuse.status = 503
    for key in KEYS:
        played.ask(chat, "whole", f"Asked while nobody looks, by {key[-3:]}?", key=key)


@pytest.fixture(scope="module")
def played() -> Iterator[Played]:
    """The day, after Langfuse was made whole from the ledger twice; nothing runs any more."""
    server, langfuse = HTTPServer(threaded=True), BookedLangfuse()
    server.start()
    # The shipped interval: what was answered a moment ago waits in the worker that answered it.
    more: dict[str, Any] = {"ledger": {}}
    with traced_gateway(
        server, "--num_workers", "2", langfuse=langfuse, routes=ROUTES, models=["direct-large"], **more
    ) as gateway:
        played = Played(gateway, langfuse, langfuse.serve(server))
        play(played)
        played.note_what_the_running_gateway_says()
        gateway.end()
        langfuse.status = 200
        played.note_langfuse()
        for _ in range(2):
            played.command("langfuse", "backfill", "--since", "1d")
            played.note_langfuse()
        yield played
    server.clear()
    server.stop()


def test_feedback_is_taken_the_moment_after_the_answer_whichever_worker_is_told(played: Played) -> None:
    assert played.feedback == [202] * 12


def test_every_kind_of_request_was_asked_at_every_endpoint(played: Played) -> None:
    wanted = {"accepted", "escalated", "exact_hit", "failed", "only_tier"}
    for path, stream in product(PATHS, (False, True)):
        kinds = {row["decision"] for row in played.rows if row["path"] == path and row["stream"] is stream}
        assert wanted - {"only_tier"} <= kinds, (path, stream)
    assert wanted | {"semantic_hit"} <= {row["decision"] for row in played.rows}


def test_langfuses_total_is_the_ledgers_and_the_providers_bill_with_audits(played: Played) -> None:
    ledger, bill = played.ledger(), played.providers_bill()
    assert ledger["audits"] > 0.3 * ledger["requests"], "audits are no small part of this day"
    lost, whole, again = (total_of(seen) for seen in played.seen)
    assert lost < ledger["requests"] + ledger["audits"] - PRICES["small"], "something was lost with the gateway"
    assert whole == again == pytest.approx(ledger["requests"] + ledger["audits"], abs=1e-9)
    # A stream that its reader left is an estimate; everything else is what the providers were asked for.
    assert whole == pytest.approx(bill + played.left_cost(), abs=1e-9)
    assert played.left_cost() > 0


def test_a_backfill_moves_nothing_and_doubles_nothing(played: Played) -> None:
    live, once, twice = played.seen
    assert once == twice
    assert live.observations.items() <= once.observations.items(), (
        "what had arrived is as it was, time to first token and all"
    )
    assert live.scores.items() <= once.scores.items()
    assert len(once.scores) > len(live.scores)


def test_report_csv_page_metrics_and_langfuse_agree_for_everybody(played: Played) -> None:
    ledger = played.ledger()
    ((net,),) = played.charted("Saved, net").values()
    money = {"cost": ledger["requests"], "checks": ledger["audits"], "net": net}
    row = json.loads(played.command("report", "--json"))["total"]
    told = {
        "report": {"cost": row["cost_usd"], "checks": row["checking_cost_usd"],
                   "net": row["saved_usd"] - row["checking_cost_usd"]},
        "page": {"cost": played.figures["cost_usd"], "checks": played.figures["checking_cost_usd"],
                 "net": played.figures["net_saved_usd"]},
        "metrics": played.metrics,
    }  # fmt: skip
    for by in ("team", "user", "route", "key", "day"):
        rows = list(csv.DictReader(io.StringIO(played.command("report", "--csv", "--by", by))))
        told[f"csv by {by}"] = {
            name: math.fsum(float(one[column]) for one in rows)
            for name, column in (("cost", "cost_usd"), ("checks", "checking_cost_usd"), ("net", "net_saved_usd"))
        }
    assert told == {place: pytest.approx(money, abs=1e-9) for place in told}


def test_what_a_team_cost_and_saved_net_is_the_same_in_csv_and_langfuse_and_on_its_page(played: Played) -> None:
    rows = {one["label"]: one for one in csv.DictReader(io.StringIO(played.command("report", "--csv", "--by", "team")))}
    spent, saved, checks = (
        {tags[0]: value for ((tags,), (value,)) in played.charted(name).items()}
        for name in ("Spend by team", "Saved by team, net", "Audits' cost by team")
    )
    assert set(rows) == set(spent) == set(saved) == set(checks) == {"team acme", "team globex"}
    for team, row in rows.items():
        assert float(row["cost_usd"]) == pytest.approx(spent[team], abs=1e-9)
        assert float(row["checking_cost_usd"]) == pytest.approx(checks[team], abs=1e-9)
        assert float(row["net_saved_usd"]) == pytest.approx(saved[team], abs=1e-9)
        shown = re.search(r"saved, net, (\S?)\$([\d.]*\d)", played.pages[team])
        assert shown is not None
        assert abs(float(shown[2]) - abs(saved[team])) < 0.5e-4


def test_answers_that_users_got_and_those_they_did_not_are_judged_apart(played: Played) -> None:
    judged = {name: (mean, n) for (_, name), (mean, n) in played.charted("Quality by route, with n").items()}
    rows = [row for row in played.books.rows("scores-numeric") if row["name"] == "rejected_was_good"]
    assert len(rows) == 6
    mean, n = judged["quality"]
    assert (n, mean) == (9, 1.0)
    assert judged["feedback"] == (pytest.approx(10 / 12), 12)


def test_one_name_for_each_model_and_no_route_is_a_model(played: Played) -> None:
    calls = {row["providedModelName"] for row in played.books.rows("observations")} - {None}
    assert calls == {
        "openai/small", "openai/large", "openai/judge", "lm_studio/direct-large", "openai/fragile-small",
        "openai/fragile-large", "openai/gpt-large",
    }  # fmt: skip
    for span in played.spans():
        if names.MODEL in span.attributes:
            cost = span.parsed(names.COST)
            assert cost["total"] == pytest.approx(sum(cost.get(part, 0.0) for part in names.COST_PARTS))
        else:
            assert names.COST not in span.attributes


def test_the_roots_of_all_streams_say_when_the_first_token_came_and_hits_whose_answer_it_was(played: Played) -> None:
    roots = {root.about("request_id"): root for root in played.spans() if root.kind == "chain" and not root.parent_id}
    requests = {row["id"]: roots[row["id"]] for row in played.rows}
    for row in played.rows:
        root = requests[row["id"]]
        if row["decision"] == "failed":
            continue
        assert (names.FIRST_TOKEN_AT in root.attributes) is row["stream"], row
        if "hit" in row["decision"]:
            assert root.about("reused_request_id") in requests


def test_rejected_drafts_are_marked_and_tags_are_short(played: Played) -> None:
    spans = played.spans()
    assert sum(span.name == "rejected: small" for span in spans) == 6
    tags = {span.attributes[names.TAGS] for span in spans}
    assert tags == {(team, *more) for team in ("team acme", "team globex") for more in ((), ("audit",))}


def test_an_audit_is_a_trace_of_its_own_that_leads_to_its_request(played: Played) -> None:
    spans = played.spans()
    audits = [span for span in spans if span.kind == "evaluator"]
    requests = {span.trace_id for span in spans if span.attributes.get(names.IS_ROOT)} - {
        one.trace_id for one in audits
    }
    assert len(audits) == played.ledger()["paid"]
    for audit in audits:
        assert audit.about("request_trace_id") in requests
        assert audit.trace_id not in requests
        calls = [span for span in spans if span.trace_id == audit.trace_id and span is not audit]
        assert math.fsum(call.parsed(names.COST)["total"] for call in calls) == pytest.approx(audit.about("cost_usd"))


def test_every_chart_shows_something_of_a_day(played: Played) -> None:
    for widget in WIDGETS:
        assert played.books.answer(widget), widget.name
