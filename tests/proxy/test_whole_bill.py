"""A day over HTTP of every kind of request: what Langfuse adds up to is the ledger's sum and the providers' bill.

Two workers of the real proxy; all three endpoints, whole and streamed; hits, escalations, failures, plain models,
audits, checked hits, feedback. Langfuse keeps what it gets by its own rules, is away for a while, loses what waits when
the gateway stops, and is made whole again from the ledger by the command, twice.
"""

import csv
import io
import json
import math
import re
from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from tests.proxy.played_day import PATHS, PRICES, ROUTES, BookedLangfuse, Played, play, total_of
from tests.proxy.traced import traced_gateway

from thriftgate.tracing import attributes as names
from thriftgate.tracing.dashboard import WIDGETS

pytestmark = [pytest.mark.xdist_group("proxy-bill"), pytest.mark.timeout(600)]


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
