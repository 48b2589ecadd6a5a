"""What is counted of a request, that workers add up, and what Prometheus is told."""

import asyncio
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as parse_openmetrics,  # pyright: ignore[reportUnknownVariableType]
)
from prometheus_client.parser import (
    text_string_to_metric_families as parse_text,  # pyright: ignore[reportUnknownVariableType]
)
from tests.fakes import FakeClock

from thriftgate.caching.policy import TENANT
from thriftgate.cascade.familiarity import shift_of
from thriftgate.services.books.standing import Hits, Judged, RoutePromise, RouteStanding, hits_of
from thriftgate.services.request.background import BackgroundTasks
from thriftgate.services.telemetry import catalogue
from thriftgate.services.telemetry.exposition import exposed
from thriftgate.services.telemetry.metrics import Metrics, Samples, merged
from thriftgate.services.telemetry.state import EVERY, STALE, StandingWatch, put_standings, put_work
from thriftgate.stats.histogram import Histogram
from thriftgate.stats.intervals import Interval
from thriftgate.types import Audit, AuditKind, Caller, DecisionKind, RequestRecord, Stage, Status, TierCall, Usage

SECRET = "a-user-we-never-name"


def escalated(**changes: object) -> RequestRecord:
    small = TierCall(
        model="small", started_at=0, duration=0.2, usage=Usage(100, 20, cached_tokens=40), cost_usd=0.001
    )  # fmt: skip
    large = TierCall(model="large", started_at=0, duration=0.7, usage=Usage(100, 30), cost_usd=0.02)
    fields: dict[str, object] = {
        "request_id": "one",
        "route": "support",
        "caller": Caller(user_id=SECRET, team_id=SECRET, key_hash=SECRET, key_alias=SECRET),
        "started_at": 0.0,
        "duration": 0.95,
        "time_to_first_token": 0.3,
        "stream": True,
        "decision": DecisionKind.ESCALATED,
        "tier": "large",
        "cost_usd": 0.021,
        "baseline_cost_usd": 0.02,
        "calls": (small, large),
        "stages": (Stage(name="cache", started_at=0, duration=0.003),),
        "metadata": {"said": SECRET},
    }
    return RequestRecord(**{**fields, **changes})  # pyright: ignore[reportArgumentType]


def counted(*records: RequestRecord) -> Samples:
    metrics = Metrics(["support", "small", "large"])
    for record in records:
        metrics.submit(record)
    return metrics.samples


def test_a_request_is_counted_by_what_became_of_it_and_by_each_of_its_calls() -> None:
    samples = counted(escalated())
    assert samples.value("thriftgate_requests_total", "support", "escalated", "large", "ok") == 1
    assert samples.value("thriftgate_model_calls_total", "support", "small", "answer", "ok") == 1
    assert samples.value("thriftgate_tokens_total", "support", "small", "cached") == 40
    assert samples.value("thriftgate_tokens_total", "support", "large", "completion") == 30
    assert samples.value("thriftgate_cost_usd_total", "support", "large") == 0.02
    assert samples.value("thriftgate_baseline_cost_usd_total", "support") == 0.02
    assert samples.value("thriftgate_saved_usd", "support") == pytest.approx(-0.001), "it cost more than its baseline"
    assert samples.histograms["thriftgate_stage_duration_seconds", ("support", "cache")].n == 1
    assert samples.histograms["thriftgate_time_to_first_token_seconds", ("support",)].n == 1


def test_a_failed_request_has_no_tier_and_a_whole_answer_no_first_token() -> None:
    failed = escalated(decision=DecisionKind.FAILED, tier=None, status=Status.FAILED, stream=False, calls=())
    samples = counted(failed)
    assert samples.value("thriftgate_requests_total", "support", "failed", "none", "failed") == 1
    assert ("thriftgate_time_to_first_token_seconds", ("support",)) not in samples.histograms


@pytest.mark.parametrize(
    ("status", "error", "label"),
    [
        (Status.OK, None, "ok"),
        (Status.FAILED, "AllTiersFailedError 502", "failed"),
        (Status.FAILED, "InvalidPromptError 400", "refused"),
        (Status.FAILED, "BudgetExceededError 429", "refused"),
        (Status.FAILED, "ValueError", "failed"),
        (Status.FAILED, None, "failed"),
        (Status.CANCELLED, "CancelledError", "cancelled"),
    ],
)
def test_a_fault_of_the_clients_is_not_counted_as_a_failure_of_ours(
    status: Status, error: str | None, label: str
) -> None:
    samples = counted(escalated(status=status, error=error))
    assert samples.value("thriftgate_requests_total", "support", "escalated", "large", label) == 1


def test_a_label_takes_only_so_many_values_and_none_that_is_endless() -> None:
    metrics = Metrics(most_values=3)
    for number in range(10):
        metrics.submit(escalated(calls=(TierCall(model=f"model-{number}", started_at=0, duration=1),), tier=None))
    metrics.submit(escalated(calls=(TierCall(model="x" * 1000, started_at=0, duration=1),), tier=None))
    models = {labels[1]: n for (name, labels), n in metrics.samples.numbers.items() if "model_calls" in name}
    assert models == {"model-0": 1, "model-1": 1, "model-2": 1, "other": 8}


def test_names_that_a_client_makes_up_take_no_label_from_routes_and_models() -> None:
    metrics = Metrics(["support", "small"], most_values=3)
    for number in range(10):
        made_up = TierCall(model=f"none-{number}", started_at=0, duration=0, status=Status.FAILED)
        metrics.submit(
            escalated(route=f"none-{number}", tier=None, calls=(made_up,), status=Status.FAILED, error="E 404")
        )
    metrics.submit(escalated(route="plain", tier="plain"))
    metrics.submit(escalated())
    routes = {
        labels[0]: n for (name, labels), n in metrics.samples.numbers.items() if name == "thriftgate_requests_total"
    }
    assert routes == {"other": 10, "plain": 1, "support": 1}
    models = {labels[1] for (name, labels) in metrics.samples.numbers if "model_calls" in name}
    assert models == {"other", "small", "large"}


def test_nobody_is_named_and_nothing_said_is_shown() -> None:
    body, _ = exposed(counted(escalated(), escalated(reason="held_out")))
    assert SECRET not in body.decode()
    labels = {label for family in catalogue.FAMILIES.values() for label in family.labels}
    assert not labels & {"user", "user_id", "team", "key", "session", "tag", "request_id"}


observations = st.lists(st.floats(0, 1000), max_size=30)


@given(observations, observations)
def test_histograms_of_two_workers_are_those_of_one_that_saw_everything(
    first: list[float], second: list[float]
) -> None:
    bounds = (0.1, 1.0, 10.0)
    one, other, both = Histogram(bounds), Histogram(bounds), Histogram(bounds)
    for value in first:
        one.observe(value)
        both.observe(value)
    for value in second:
        other.observe(value)
        both.observe(value)
    one.add(other)
    assert one.counts == both.counts
    assert one.total == pytest.approx(both.total)
    for bound, n in one.cumulative():
        assert n == sum(value <= bound for value in [*first, *second])


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_what_is_no_number_is_not_observed(value: float) -> None:
    histogram = Histogram((1.0,))
    histogram.observe(value)
    assert (histogram.n, histogram.total) == (0, 0.0)


def test_a_histogram_refuses_bounds_that_do_not_rise_or_differ() -> None:
    with pytest.raises(ValueError, match="rise"):
        Histogram((1.0, 1.0))
    with pytest.raises(ValueError, match="same bounds"):
        Histogram((1.0,)).add(Histogram((2.0,)))


def test_workers_add_up_and_what_one_only_sees_is_not_counted_twice() -> None:
    mine, theirs = counted(escalated()), counted(escalated(), escalated())
    for samples in (mine, theirs):
        samples.put(catalogue.WAITING, ("ledger",), 5)
        samples.put(catalogue.COOLING_DOWN, ("large", "gpt"), 1)
    whole = merged(mine, [(theirs, True)])
    assert whole.value("thriftgate_requests_total", "support", "escalated", "large", "ok") == 3
    assert whole.value("thriftgate_queue_waiting", "ledger") == 10
    assert whole.value("thriftgate_deployment_cooling_down", "large", "gpt") == 1
    assert mine.value("thriftgate_queue_waiting", "ledger") == 5, "the parts stay as they are"


def test_a_dead_worker_leaves_what_it_counted_and_not_what_it_was_doing() -> None:
    theirs = counted(escalated())
    theirs.put(catalogue.WAITING, ("ledger",), 5)
    theirs.put(catalogue.DROPPED, ("ledger",), 2)
    whole = merged(Samples(), [(theirs, False)])
    assert whole.value("thriftgate_requests_total", "support", "escalated", "large", "ok") == 1
    assert whole.value("thriftgate_dropped_total", "ledger") == 2
    assert whole.value("thriftgate_saved_usd", "support") == pytest.approx(-0.001)
    assert ("thriftgate_queue_waiting", ("ledger",)) not in whole.numbers


def test_a_snapshot_comes_back_from_json_as_it_was() -> None:
    samples = counted(escalated())
    again = Samples.from_json(json.loads(json.dumps(samples.to_json())))
    assert again.numbers == samples.numbers
    assert again.histograms == samples.histograms


def test_metrics_of_another_version_are_left_out_and_what_is_no_snapshot_is_refused() -> None:
    read = {
        "numbers": [["thriftgate_gone_total", ["a"], 1], ["thriftgate_workers", ["too", "many"], 1]],
        "histograms": [["thriftgate_request_duration_seconds", ["support", "accepted"], [1, 2], 3.0]],
    }
    samples = Samples.from_json(read)
    assert (samples.numbers, samples.histograms) == ({}, {})
    broken: list[dict[str, object]] = [{}, {"numbers": 3, "histograms": []}, {"numbers": [[1]], "histograms": []}]
    for wrong in broken:
        with pytest.raises(ValueError, match="no snapshot"):
            Samples.from_json(wrong)


def test_both_text_formats_hold_every_metric_and_parse() -> None:
    samples = counted(escalated())
    body, content_type = exposed(samples)
    assert content_type.startswith("text/plain")
    families = {family.name: family for family in parse_text(body.decode())}
    assert {name.removesuffix("_total") for name in catalogue.FAMILIES} == set(families)
    found = {
        (sample.name, sample.labels.get("le")): sample.value
        for sample in families["thriftgate_request_duration_seconds"].samples
    }
    assert found["thriftgate_request_duration_seconds_bucket", "1.0"] == 1
    assert found["thriftgate_request_duration_seconds_bucket", "0.5"] == 0
    assert found["thriftgate_request_duration_seconds_bucket", "+Inf"] == 1
    assert found["thriftgate_request_duration_seconds_sum", None] == 0.95
    body, content_type = exposed(samples, accept="application/openmetrics-text; version=1.0.0")
    assert content_type.startswith("application/openmetrics-text")
    assert sum(1 for _ in parse_openmetrics(body.decode())) == len(catalogue.FAMILIES)


def test_a_name_from_the_configuration_cannot_break_the_format() -> None:
    evil = 'sup"port\n# EOF\\'
    families = parse_text(exposed(counted(escalated(route=evil)))[0].decode())
    routes = {sample.labels["route"] for family in families for sample in family.samples if "route" in sample.labels}
    assert routes == {evil}


class FakeQueue:
    waiting = 7
    dropped = 3


async def test_every_queue_says_how_much_waits_and_what_was_lost() -> None:
    background = BackgroundTasks(limit=0)
    background.start("store", _nothing())
    samples = Samples()
    put_work(samples, {"ledger": FakeQueue()}, background)
    assert samples.value("thriftgate_queue_waiting", "ledger") == 7
    assert samples.value("thriftgate_dropped_total", "ledger") == 3
    assert samples.value("thriftgate_dropped_total", "background") == 1
    assert samples.value("thriftgate_queue_waiting", "background") == 0


async def _nothing() -> None:
    return None


def standing(wrong: Interval | None) -> RouteStanding:
    return RouteStanding(
        route="support", promise=RoutePromise(max_error=0.01), audits=Judged(), drift=None, quality_loss=None,
        verifications=Judged(good=90, bad=1), wrong_share=wrong, feedback=Judged(),
    )  # fmt: skip


def test_the_cache_error_stands_beside_its_promise_and_only_once_it_is_known() -> None:
    samples = Samples()
    put_standings(samples, [standing(None)])
    assert samples.value("thriftgate_cache_error_ratio", "support", "promised") == 0.01
    assert ("thriftgate_cache_error_ratio", ("support", "estimate")) not in samples.numbers
    put_standings(samples, [standing(Interval(0.001, 0.02, 0.005))])
    assert samples.value("thriftgate_cache_error_ratio", "support", "high") == 0.02
    assert samples.value("thriftgate_verdicts", "support", "cache") == 91


def test_what_is_wrong_among_the_hits_themselves_stands_beside_its_own_promise() -> None:
    samples = Samples()
    one = replace(
        standing(None), promise=RoutePromise(max_error_of_hits=0.05), hits=Hits(wrong=Interval(0.01, 0.06, 0.02))
    )
    put_standings(samples, [one])
    assert samples.value("thriftgate_cache_hit_error_ratio", "support", "promised") == 0.05
    assert samples.value("thriftgate_cache_hit_error_ratio", "support", "high") == 0.06


@pytest.mark.parametrize("promise", [RoutePromise(max_quality_loss=0.02), RoutePromise(max_regressions=0.02)])
def test_net_loss_and_what_got_worse_are_both_told_whichever_is_promised(promise: RoutePromise) -> None:
    name, samples = "thriftgate_quality_loss_ratio", Samples()
    worse, net = Interval(0.03, 0.07, 0.05), Interval(-0.01, 0.03, 0.01)
    put_standings(samples, [replace(standing(None), promise=promise, quality_loss=worse, net_loss=net)])
    promised = 0.01 if promise.is_net else 0.05
    assert samples.value(name, "support", "estimate") == promised
    assert (samples.value(name, "support", "net"), samples.value(name, "support", "got_worse")) == (0.01, 0.05)
    # A judge that says only that two answers differ tells neither.
    unnamed = Samples()
    put_standings(unnamed, [replace(standing(None), promise=promise, quality_loss=worse)])
    assert not {("support", "net"), ("support", "got_worse")} & {labels for _, labels in unnamed.numbers}


def test_the_worst_tenant_is_told_once_one_has_hits_enough_and_no_tenant_is_a_label() -> None:
    name, samples = "thriftgate_cache_worst_tenant_hit_error_ratio", Samples()
    promised = RoutePromise(max_error_of_hits=0.05)
    put_standings(samples, [replace(standing(None), promise=promised, hits=hits_of(checked_hits({1.0: 29})))])
    assert not any(series == name for series, _ in samples.numbers)
    hits = hits_of(checked_hits({1.0: 30, 2.0: 40}, wrong={2.0: 6}))
    put_standings(samples, [replace(standing(None), promise=promised, hits=hits)])
    assert samples.value(name, "support", "estimate") == 6 / 40
    assert samples.value(name, "support", "promised") == 0.05
    assert {labels for series, labels in samples.numbers if series == name} == {
        ("support", bound) for bound in ("estimate", "low", "high", "promised")
    }


def checked_hits(n: Mapping[float, int], wrong: Mapping[float, int] | None = None) -> list[Audit]:
    """So many verified hits of each tenant, and so many of them wrong."""
    return [
        Audit(
            request_id=f"{tenant} {place}", kind=AuditKind.CACHE, route="support", tier="", judged_at=0.0,
            is_acceptable=place >= (wrong or {}).get(tenant, 0), holdout=True, details={TENANT: tenant},
        )
        for tenant, hits in n.items()
        for place in range(hits)
    ]  # fmt: skip


def test_the_share_of_unfamiliar_questions_stands_beside_what_chance_would_bring() -> None:
    samples = Samples()
    put_standings(samples, [replace(standing(None), shift=shift_of(60, 1_000, share=0.02, held_out=1_000))])
    told = [
        samples.value("thriftgate_unfamiliar_ratio", "support", bound) for bound in ("estimate", "expected", "shifted")
    ]
    assert told == [0.06, 0.02, 1.0]


async def test_standings_are_looked_up_behind_the_scrape_and_forgotten_when_they_are_old() -> None:
    clock, background = FakeClock(), BackgroundTasks()
    answers: list[Sequence[RouteStanding] | Exception] = [[standing(None)], OSError(), OSError()]

    async def read() -> Sequence[RouteStanding]:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    watch = StandingWatch(read, background, clock)
    assert watch.standings() == ()
    await background.drain()
    assert len(watch.standings()) == 1
    assert len(answers) == 2, "it looks once a minute"
    clock.advance(EVERY)
    assert len(watch.standings()) == 1, "while the ledger is away the last figures stand"
    await background.drain()
    assert background.failures["metrics_standings"] == 1
    clock.advance(STALE)
    assert watch.standings() == ()
    await background.drain()


async def test_a_look_that_too_much_work_left_no_room_for_is_taken_the_next_time() -> None:
    """It counted as under way for ever, and the figures of promises were gone after a quarter of an hour."""
    clock, background = FakeClock(), BackgroundTasks(limit=1)
    busy = asyncio.Event()

    async def read() -> Sequence[RouteStanding]:
        return [standing(None)]

    watch = StandingWatch(read, background, clock)
    background.start("busy", busy.wait())
    assert watch.standings() == ()
    busy.set()
    await background.drain()
    clock.advance(EVERY)
    watch.standings()
    await background.drain()
    assert len(watch.standings()) == 1
