"""What the live page says: a sentence for each decision, numbers that fit, nothing that a user said."""

from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.page_setup import HOSTILE, NOW, PageSetup, audit, day, request

from thriftgate.identity.records import Grants, Key, Team
from thriftgate.proxy.page import document, views, views_quality
from thriftgate.proxy.page.state import QueueState, ShownDeployment, State
from thriftgate.services.books.charts import HEIGHT, WIDTH, SpendStep, divided_bar, spending_columns, whisker
from thriftgate.services.books.explaining import why
from thriftgate.services.books.key_use import month_began_at
from thriftgate.services.books.overview import PERIODS
from thriftgate.services.books.standing import Hits, Judged, RoutePromise, RouteStanding, standing_of
from thriftgate.stats.intervals import Interval, wilson_interval
from thriftgate.stats.tallies import DeploymentTally
from thriftgate.tracing.identity import trace_id_of
from thriftgate.types import Caller, DecisionKind, RequestRecord, Status
from thriftgate.wording import UNKNOWN

K = DecisionKind


@pytest.mark.parametrize(
    ("record", "sentence"),
    [
        (request(1, K.EXACT_HIT), "The same question had been answered before: its answer came from the cache."),
        (
            request(1, K.EXACT_HIT, coalesced=True, reason="coalesced"),
            "The same question was being answered at that moment: both got that answer.",
        ),
        (
            request(1, K.SEMANTIC_HIT, confidence=0.9996),
            "A question of the same meaning (similarity 0.971) had been answered before; its answer came from the "
            "cache, 99.9% sure that it fits.",
        ),
        (request(1, K.ACCEPTED), "small was 93% sure: good enough, so nothing stronger was asked."),
        (
            request(1, K.ACCEPTED, reason="stronger_tiers_failed"),
            "Stronger tiers failed, so a rejected answer was given: small's.",
        ),
        (request(1, K.ESCALATED), "large answered because small was only 42% sure."),
        (request(1, K.ESCALATED, reason="invalid_json"),
         "large answered because small's answer was not the JSON that was asked for."),
        (request(1, K.ONLY_TIER), "Only large was asked: the request offers tools."),
        (request(1, K.ONLY_TIER, reason="new_reason"), "Only large was asked: new_reason."),
        (request(1, K.FAILED), "Nothing was answered: AllTiersFailedError 502."),
        (request(1, K.ACCEPTED, status=Status.CANCELLED), "The client left before the answer was complete."),
    ],
)  # fmt: skip
def test_every_decision_has_its_sentence(record: RequestRecord, sentence: str) -> None:
    assert why(record) == sentence


@given(
    decision=st.sampled_from(DecisionKind),
    reason=st.none() | st.sampled_from(["confident", "below_threshold", "budget_shift", "collapsed", "{first}", "x"]),
    confidence=st.none() | st.floats(0, 1),
    similarity=st.none() | st.floats(0, 1),
)
def test_a_sentence_is_one_and_never_claims_certainty(
    decision: DecisionKind, reason: str | None, confidence: float | None, similarity: float | None
) -> None:
    sentence = why(request(1, decision, reason=reason, confidence=confidence, similarity=similarity))
    assert sentence.endswith(".")
    assert "None" not in sentence
    assert "100%" not in sentence


STEPS = st.lists(st.tuples(st.integers(0, 29), st.floats(0, 10), st.floats(0, 10)), unique_by=lambda one: one[0])


@given(STEPS)
def test_columns_stay_in_their_box_and_apart_from_each_other(drawn: list[tuple[int, float, float]]) -> None:
    steps = [SpendStep(NOW + 120 * place, cost, baseline) for place, cost, baseline in drawn]
    boxes = spending_columns(steps, since=NOW, until=NOW + 3_600, step=120)
    for box in boxes:
        assert box.x >= 0
        assert box.x + box.width <= WIDTH + 0.1
        assert box.y >= -0.1
        assert box.y + box.height <= HEIGHT + 0.1
    starts = sorted({box.x for box in boxes})
    assert all(after - before >= 0.8 * WIDTH / 30 for before, after in pairwise(starts))


@given(st.dictionaries(st.sampled_from([kind.value for kind in DecisionKind]), st.integers(0, 1_000)))
def test_a_bar_is_divided_by_its_counts(parts: dict[str, int]) -> None:
    boxes = divided_bar(parts)
    total = sum(parts.values())
    assert [box.look for box in boxes] == [name for name, n in parts.items() if n]
    assert sum(box.width for box in boxes) == pytest.approx(WIDTH if total else 0.0, abs=0.1)


@given(bad=st.integers(0, 40), more=st.integers(1, 400), limit=st.none() | st.floats(0.001, 0.5))
def test_an_interval_and_its_limit_fit_on_their_scale_in_order(bad: int, more: int, limit: float | None) -> None:
    share = wilson_interval(bad, bad + more)
    drawn = whisker(share, limit)
    assert 0 <= drawn.low <= drawn.estimate <= drawn.high <= WIDTH
    if limit is not None and drawn.limit is not None:
        assert 0 < drawn.limit <= WIDTH / 2 + 0.1
        assert (share.high <= limit) <= (drawn.high <= drawn.limit)


@pytest.mark.parametrize(
    ("share", "limit", "verdict"),
    [
        (Interval(0.001, 0.01, 0.004), 0.02, "promise kept"),
        (Interval(0.001, 0.03, 0.004), 0.02, "not certain yet"),
        (Interval(0.021, 0.05, 0.03), 0.02, "above the promise"),
        (Interval(0.021, 0.05, 0.03), None, "measured"),
    ],
)
def test_a_promise_is_kept_only_when_the_whole_interval_is_below_it(
    share: Interval, limit: float | None, verdict: str
) -> None:
    measure = views_quality.measure("Lost", share, limit, is_broken=False, basis="", unknown="")
    assert measure.verdict == verdict
    assert measure.verdict != "promise kept" or "at most 2.0%" in measure.words


@pytest.mark.parametrize(
    ("is_better", "promise", "title", "basis"),
    [
        (
            None,
            RoutePromise(max_quality_loss=0.02),
            "Different from the strongest tier's answer",
            "4 audited answers, 3 ",
        ),
        (False, RoutePromise(max_quality_loss=0.02), "Lost, net of answers that got better", "3 audited answers, 3 "),
        (False, RoutePromise(max_regressions=0.02), "Lost by answers that got worse", "3 audited answers, 3 "),
    ],
)
def test_the_loss_is_named_by_what_its_audits_tell_and_with_their_number(
    is_better: bool | None, promise: RoutePromise, title: str, basis: str
) -> None:
    """Of four audits, one of which found a difference, three are by a judge that ranks, or none is."""
    made = [audit(request(number, DecisionKind.ACCEPTED), good=number > 0) for number in range(4)]
    if is_better is not None:
        made[1:] = [replace(one, details={**one.details, "is_better": is_better}) for one in made[1:]]
    counts = {(DecisionKind.ACCEPTED, "confident"): 4}
    (card,) = views_quality.route_cards([standing_of("support", promise, made, decided=counts, current=counts)])
    assert card.measures[0].title == title
    assert card.measures[0].basis.startswith(basis)


@pytest.mark.parametrize(
    ("promise", "words"),
    [
        (RoutePromise(max_quality_loss=0.02), "; 33.33% lost by those that got worse alone"),
        (RoutePromise(max_regressions=0.02), "; 0.00% lost net of those that got better"),
    ],
)
def test_whichever_loss_is_promised_the_other_one_is_said_beside_it(promise: RoutePromise, words: str) -> None:
    """One of three got worse and one better."""
    made = [audit(request(number, DecisionKind.ACCEPTED), good=number > 0) for number in range(3)]
    made = [replace(one, details={**one.details, "is_better": place == 1}) for place, one in enumerate(made)]
    counts = {(DecisionKind.ACCEPTED, "confident"): 3}
    (card,) = views_quality.route_cards([standing_of("support", promise, made, decided=counts, current=counts)])
    assert words in card.measures[0].basis


def test_the_worst_tenant_is_said_with_its_upper_limit() -> None:
    worst = wilson_interval(3, 40)
    hits = Hits(wrong=wilson_interval(4, 200), tenants=2, worst_tenant=worst)
    standing = RouteStanding(
        route="support", promise=RoutePromise(max_error=0.01, max_error_of_hits=0.05), audits=Judged(), drift=None,
        quality_loss=None, verifications=Judged(good=196, bad=4), wrong_share=None, hits=hits, feedback=Judged(),
    )  # fmt: skip
    (card,) = views_quality.route_cards([standing])
    among_hits = next(one for one in card.measures if one.title == "Wrong ones among the cache's hits")
    assert worst.high > 0.19
    assert (
        among_hits.basis
        == "of 2 tenants with enough verified hits the worst has 7.50% wrong (it alone: at most 19.86%)"
    )


def test_deployments_that_cannot_be_told_apart_say_so() -> None:
    state = State(
        queues=(),
        deployments=(
            ShownDeployment("small", "openai/a", False, "healthy"),
            ShownDeployment("small", "azure/a", False, "unknown"),
            ShownDeployment("large", "openai/b", True, "healthy"),
        ),
    )
    tally = DeploymentTally(
        group="small", deployment="a", calls=7, failures=1, duration_p50=0.5, duration_p95=1.0,
        last_failure_at=NOW - 120,
    )  # fmt: skip
    rows = views.deployment_rows(state, [tally], now=NOW)
    assert [(row.calls, row.shared) for row in rows[:2]] == [("7", "both together")] * 2
    assert (rows[2].calls, rows[2].shared) == (UNKNOWN, "")
    assert [row.state for row in rows] == ["healthy", "answers", "left out by the breaker"]
    assert rows[0].failed == "1, 2 min ago"


class Balance(HTMLParser):
    """Checks that every element is closed, in order, and collects identifiers."""

    VOID = frozenset({"meta", "link", "img", "input", "rect", "line"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.ids += [value or "" for name, value in attrs if name == "id"]
        assert not any(name.startswith("on") or name == "style" for name, _ in attrs), "the policy would refuse it"
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in self.VOID
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


async def page_of(setup: PageSetup) -> str:
    overview = await setup.overviews.get(PERIODS["1h"])
    keys = None if setup.keys is None else await setup.keys.get()
    return document.page(
        overview, setup.state, base="/thriftgate", address="http://localhost:4000/", token="token", refresh=0, now=NOW,
        keys=keys,
    )  # fmt: skip


@pytest.mark.parametrize("n", [0, 1, 300])
async def test_the_page_is_well_formed_whatever_there_is_to_show(tmp_path: Path, n: int) -> None:
    setup = PageSetup(tmp_path)
    setup.begin_experiment()
    await setup.fill(day(n) if n else [])
    reader = Balance()
    reader.feed(await page_of(setup))
    assert not reader.open
    assert len(reader.ids) == len(set(reader.ids))
    assert not reader.tags & {"script", "style", "iframe", "object"}


async def test_names_that_look_like_markup_are_shown_as_they_are(tmp_path: Path) -> None:
    setup = PageSetup(tmp_path)
    caller = Caller(user_id=HOSTILE, team_id=HOSTILE, team_alias=HOSTILE)
    await setup.fill([request(1, K.FAILED, caller=caller, error=HOSTILE, request_id=HOSTILE, route=HOSTILE)])
    page = await page_of(setup)
    assert "<script" not in page
    assert "{{7*7}}" in page
    # The user, the route, the error and the id of the request; the three tables of money.
    assert page.count("&lt;script&gt;") >= 7


async def test_nothing_that_was_said_is_on_the_page_even_where_it_is_kept(tmp_path: Path) -> None:
    setup = PageSetup(tmp_path)
    said = request(1, input=({"role": "user", "content": "my card is 4111"},), output="thank you, 4111")
    await setup.fill([replace(said, metadata={"note": "4111"})])
    assert "4111" not in await page_of(setup)


async def test_an_empty_page_says_what_to_do_next(tmp_path: Path) -> None:
    setup = PageSetup(tmp_path)
    page = await page_of(setup)
    assert "No requests yet" in page
    assert "thriftgate demo" in page
    await setup.fill([request(1, started_at=NOW - 90_000.0)])
    setup.clock.advance(6.0)
    page = await page_of(setup)
    assert "Nothing was asked in the last hour" in page
    assert "1 d ago" in page


async def test_what_was_lost_is_said_and_so_is_that_nothing_was(tmp_path: Path) -> None:
    setup = PageSetup(tmp_path)
    page = await page_of(setup)
    assert "3 tries in a row failed: no answer" in page
    assert "Nothing was lost" not in page
    setup.state = State((QueueState("ledger", 5, 0, 0),), setup.state.deployments)
    assert "Nothing was lost" in await page_of(setup)


def key(key_id: str, **fields: Any) -> Key:
    return Key(key_id=key_id, digest=b"digest-of-the-secret-0123456789ab", created_at=NOW - 9e6, **fields)


async def test_keys_are_listed_with_what_each_spent_this_month_and_how_it_is_revoked(tmp_path: Path) -> None:
    setup = PageSetup(tmp_path)
    assert "Spent this month" not in await page_of(setup)
    setup.list_keys()
    assert "There are no keys yet" in await page_of(setup)
    setup.identities.all_teams["acme"] = Team(team_id="acme", alias="Acme <Inc>", grants=Grants(tier="gold"))
    for one in (
        key("k-busy", alias="the <app>", team_id="acme"),
        key("k-idle", grants=Grants(tier="free")),
        key("k-gone", alias="gone", revoked_at=NOW - 5.0),
    ):
        setup.identities.all_keys[one.key_id] = one
    caller = Caller(key_hash="k-busy", key_alias="the <app>")
    await setup.fill([
        request(1, DecisionKind.ESCALATED, caller=caller, started_at=NOW - 120.0),
        request(2, DecisionKind.ESCALATED, caller=caller, started_at=NOW - 7_200.0),
        request(3, DecisionKind.ESCALATED, caller=caller, started_at=month_began_at(NOW) - 1.0),
    ])  # fmt: skip
    setup.clock.advance(200.0)
    page = await page_of(setup)
    rows = [part.partition("</tr>")[0] for part in page.partition("Spent this month")[2].split("<tr>")[1:]]
    busy = next(row for row in rows if "k-busy" in row)
    assert "the &lt;app&gt;" in busy
    assert "Acme &lt;Inc&gt;" in busy
    assert "gold" in busy
    assert "$0.004800" in busy
    assert "2 min ago" in busy
    assert "<code>thriftgate keys revoke k-busy</code>" in busy
    idle = next(row for row in rows if "k-idle" in row)
    assert "not this month" in idle
    assert "free" in idle
    gone = next(row for row in rows if "k-gone" in row)
    assert "revoked" in gone
    assert "keys revoke" not in gone
    assert "digest" not in page


async def test_a_request_leads_to_its_trace_where_that_is_known_and_nowhere_else(tmp_path: Path) -> None:
    setup = PageSetup(tmp_path)
    theirs = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    await setup.fill([request(1), request(2, traceparent=theirs)])
    assert "Langfuse" not in (await page_of(setup)).partition("The last requests")[2]
    setup.state = replace(setup.state, traces_at="https://langfuse.example.com/project/p-1/traces/")
    page = await page_of(setup)
    for trace in (trace_id_of("request-0001"), "0af7651916cd43dd8448eb211c80319c"):
        assert page.count(f'href="https://langfuse.example.com/project/p-1/traces/{trace}"') == 1


async def test_what_a_route_gives_up_under_load_is_said(tmp_path: Path) -> None:
    setup = PageSetup(tmp_path)
    assert "support gives up: relaxed_cache, cheap_only" in await page_of(setup)
    setup.state = State(setup.state.queues, setup.state.deployments)
    assert "gives up" not in await page_of(setup)


async def test_what_checking_cost_is_said_beside_what_was_saved(tmp_path: Path) -> None:
    setup = PageSetup(tmp_path)
    await setup.fill([request(n) for n in range(9)])
    assert "Checking the" not in await page_of(setup)
    setup.clock.advance(6.0)
    await setup.ledger.add_audit(replace(audit(request(1)), cost_usd=0.0123))
    assert "quality cost $0.012300 besides: saved, net, $0.00" in await page_of(setup)


async def test_what_plain_models_cost_does_not_belie_what_the_routes_saved(tmp_path: Path) -> None:
    setup = PageSetup(tmp_path)
    routed = [request(n, cost_usd=0.01, baseline_cost_usd=0.02) for n in range(10)]
    await setup.fill(routed)
    assert "past the routes" not in await page_of(setup)
    setup = PageSetup(tmp_path)
    plain = {"reason": "plain_model", "route": "large", "cost_usd": 0.03, "baseline_cost_usd": 0.03}
    await setup.fill([*routed, *(request(n, K.ONLY_TIER, **plain) for n in range(10, 20))])
    page = await page_of(setup)
    assert "$0.4000 spent instead of the $0.5000" in page
    assert "$0.3000 of it went to plain models past the routes; on the routes 50.0% was saved." in page


async def test_without_teams_the_page_says_how_to_get_them(tmp_path: Path) -> None:
    setup = PageSetup(tmp_path)
    await setup.fill([request(n, caller=Caller(user_id="ann")) for n in range(3)])
    page = await page_of(setup)
    assert "No request came from a team" in page
    assert "No request named a user" not in page


async def test_free_models_have_no_share_saved_and_no_drawing(tmp_path: Path) -> None:
    setup = PageSetup(tmp_path)
    await setup.fill([request(n, cost_usd=0.0, baseline_cost_usd=0.0) for n in range(5)])
    page = await page_of(setup)
    assert "No prices are known" in page
    assert "nan" not in page.lower().replace("finance", "")
