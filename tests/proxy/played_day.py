"""A day of every kind of request, played through two workers of the real proxy, and what everybody said of it."""

import asyncio
import json
import math
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import httpx
from tests.langfuse_books import LangfuseBooks
from tests.proxy.asked import Asked
from tests.proxy.cascade_routes import CLEAN, DOUBTFUL
from tests.proxy.conftest import MASTER_KEY, SCRAPER_TOKEN
from tests.proxy.langfuse_intake import LangfuseIntakeServer
from tests.proxy.scrape import read_series, total
from tests.proxy.traced import TracedGateway
from tests.proxy.upstream import Reply, drips, fails, says
from tests.proxy.waiting import eventually, settle
from tests.trace_setup import SeenSpan
from werkzeug import Request, Response

from thriftgate.stores.embedded.database import EmbeddedPostgres
from thriftgate.stores.postgres.connection.database import Database
from thriftgate.tracing.dashboard import WIDGETS

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
        self.note(path, model, stream, answer)
        return answer

    def note(self, path: str, model: str, stream: bool, answer: httpx.Response) -> None:
        usual = "plain" if answer.is_success else "failed"
        told = answer.headers
        self.rows.append({"path": path, "route": model, "stream": stream,
                          "decision": told.get("x-thriftgate-decision", usual),
                          "id": told.get("x-thriftgate-request-id", told["x-litellm-call-id"])})  # fmt: skip

    def note_what_the_running_gateway_says(self) -> None:
        process, headers = self.gateway.process, self.gateway.process.headers(MASTER_KEY)

        def spent() -> float:
            url = f"{process.base_url}/thriftgate/status?period=24h"
            self.figures = httpx.get(url, headers=headers, timeout=60, verify=False).json()["figures"]
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
    settle(1)  # kept a moment later: the like question would be asked and kept as well
    assert eventually(lambda: played.ask(chat, "whole", SIMILAR[1], stream=True).headers["x-thriftgate-decision"]
                      == "semantic_hit")  # fmt: skip
    body = {"model": "gpt", "messages": [{"role": "user", "content": "a long story"}], "stream": True}
    url = f"{played.gateway.process.base_url}{chat}"
    with httpx.stream("POST", url, json=body, headers={"Authorization": f"Bearer {KEYS[0]}"}) as left:
        next(left.iter_lines())
        played.note(chat, "gpt", True, left)
    played.langfuse.status = 503
    for key in KEYS:
        played.ask(chat, "whole", f"Asked while nobody looks, by {key[-3:]}?", key=key)
