"""What the page says to do next: the most urgent first, never more than three, and nothing where all is well."""

from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.page_setup import NOW, PROMISE, PageSetup, audit, day, request

from thriftgate.proxy.page.next_steps import MOST, audits_needed, next_steps
from thriftgate.proxy.page.state import ShownDeployment, State
from thriftgate.services.books.overview import PERIODS, Overview
from thriftgate.services.books.standing import PromiseVerdict, RouteStanding, standing_of
from thriftgate.services.telemetry.away import AwayLine
from thriftgate.stats.intervals import Interval
from thriftgate.types import Caller, DecisionKind

CALM = State(queues=(), deployments=(ShownDeployment("small", "openai/demo-small", False, "healthy"),))
NOTHING = standing_of("support", PROMISE, [], decided={}, current={})
KEPT = replace(NOTHING, quality_loss=Interval(0.0, 0.01, 0.0))


@pytest.fixture
async def overview(tmp_path: Path) -> Overview:
    setup = PageSetup(tmp_path)
    await setup.fill(day(60))
    made = await setup.overviews.get(PERIODS["24h"])
    return replace(made, standings=[KEPT])


def said(overview: Overview, state: State = CALM) -> str:
    return "\n".join(f"{one.words} [{one.command}]" for one in next_steps(overview, state, now=NOW))


async def test_where_all_is_well_there_is_nothing_to_do(overview: Overview) -> None:
    assert next_steps(overview, CALM, now=NOW) == []


@pytest.mark.parametrize("health", ["healthy", "unhealthy"])
async def test_a_group_of_which_nothing_answers_is_named_first(overview: Overview, health: str) -> None:
    down = [
        ShownDeployment("large", "openai/a", True, "healthy"),
        ShownDeployment("large", "openai/b", health == "healthy", "unhealthy" if health == "unhealthy" else "healthy"),
    ]
    words = said(overview, State(queues=(), deployments=(*CALM.deployments, *down)))
    assert words.startswith("No deployment of 'large' answers at the moment. [thriftgate doctor]")
    one_works = State(queues=(), deployments=(*down[:1], ShownDeployment("large", "openai/c", False, "unknown")))
    assert said(overview, one_works) == ""


async def test_what_is_away_is_said_with_since_when_why_and_its_cost_and_no_more_when_it_is_back(
    overview: Overview,
) -> None:
    line = AwayLine("the cache", NOW, "it does not answer in time", "12 requests went on without it")
    words = said(overview, replace(CALM, away=[line]))
    assert "The cache is away since 2026-" in words
    assert "it does not answer in time; 12 requests went on without it. [thriftgate doctor]" in words
    assert said(overview, replace(CALM, away=[replace(line, since=None)])) == ""


async def test_a_broken_prompt_an_unproven_promise_and_a_model_that_ends_are_named(overview: Overview) -> None:
    busy = replace(
        overview,
        broken_prompts=["support/control.md:3: temperature: input should be a valid number"],
        standings=[replace(KEPT, not_proven={"uncalibrated": 12})],
    )
    words = said(busy, State(queues=(), deployments=(ShownDeployment("large", "openai/gpt-5", False, "healthy"),)))
    assert "its last good state is served: support/control.md:3:" in words
    assert "12 requests of 'support' went to the strongest tier" in words
    assert "thriftgate cascade calibrate --route support --write artefacts/support.json && thriftgate reload" in words
    other = said(
        replace(overview, standings=[replace(KEPT, not_proven={"stale_artefact": 43, "collecting_labels": 1})])
    )
    assert "44 requests of 'support' went to the strongest tier: the route's calibration was made for" in other
    assert "[thriftgate check]" in other
    assert "openai/gpt-5 retires on 2026-12-11" in words


async def test_files_that_were_not_taken_come_right_after_what_keeps_requests_from_being_answered(
    overview: Overview,
) -> None:
    changed = "litellm_config.yaml changed since the gateway read it 3 min ago, and it serves the old one"
    state = replace(CALM, changed=changed, reload_command="thriftgate reload --port 4100")
    assert said(overview, state) == f"{changed}. [thriftgate reload --port 4100]"
    down = [ShownDeployment("large", "openai/a", True, "healthy")]
    busy = replace(overview, broken_prompts=[f"p{number}/control.md:1: wrong" for number in range(9)])
    lines = said(busy, replace(state, deployments=down)).splitlines()
    assert lines[0].startswith("No deployment of 'large' answers")
    assert lines[1].startswith(changed)


async def test_keys_without_a_team_are_named_where_nobody_has_one(tmp_path: Path) -> None:
    setup = PageSetup(tmp_path)
    await setup.fill([request(number, caller=Caller(user_id="ann")) for number in range(3)])
    overview = replace(await setup.overviews.get(PERIODS["24h"]), standings=[KEPT])
    assert "No request came from a team" in said(overview)


async def test_there_are_never_more_than_three(overview: Overview) -> None:
    broken = replace(overview, broken_prompts=[f"p{number}/control.md:1: wrong" for number in range(9)])
    assert len(next_steps(broken, CALM, now=NOW)) == MOST


def judged(n: int, bad: int, better: int | None = None, *, unranked: int = 0) -> RouteStanding:
    """A route with `n` audits; with `better`, they rank; beside them `unranked` good ones of a judge that does not."""
    records = [request(number, DecisionKind.ACCEPTED) for number in range(n + unranked)]
    audits = [audit(record, good=number >= bad) for number, record in enumerate(records)]
    if better is not None:
        ranks = (replace(one, details={**one.details, "is_better": False}) for one in audits[:n])
        audits[:n] = ranks
        for place in range(bad, min(bad + better, n)):
            audits[place] = replace(audits[place], details={**audits[place].details, "is_better": True})
        # All bad ones first would be drift, at that time.
        Random(0).shuffle(audits)
    counts = {(DecisionKind.ACCEPTED, "confident"): n + unranked}
    return standing_of("support", PROMISE, audits, decided=counts, current=counts)


@given(n=st.integers(0, 400), bad=st.integers(0, 400), better=st.none() | st.integers(0, 100), more=st.integers(0, 50))
def test_audits_are_asked_for_exactly_while_the_promise_is_open(
    n: int, bad: int, better: int | None, more: int
) -> None:
    one = judged(n, min(bad, n), better, unranked=more if better is not None else 0)
    is_open = one.loss_verdict in (None, PromiseVerdict.OPEN)
    assert (audits_needed(one) > 0) == is_open
    n = one.drift.audits if one.drift else 0
    if n == 0:
        assert audits_needed(one) >= 70, "the rule of three asks for so many without a single bad one"


def test_audits_that_the_verdict_is_not_counted_from_are_not_counted() -> None:
    assert audits_needed(judged(20, 0, 0, unranked=400)) == audits_needed(judged(20, 0, 0)) > 40


def test_what_got_better_makes_a_net_loss_less_certain() -> None:
    """Of 900 13 % worse and 10 % better: a net loss of 3.3 %, which 900 audits cannot tell from the limit of 5 %."""
    assert audits_needed(judged(900, 120, 90)) > 400


def test_without_a_promise_no_audit_is_needed() -> None:
    assert audits_needed(replace(NOTHING, promise=replace(PROMISE, max_quality_loss=None))) == 0
