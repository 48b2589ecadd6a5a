"""What Langfuse shows of prompt versions is what `thriftgate prompts experiment` says, or nothing misleads there.

Langfuse's prompt page takes the median over the calls that are linked to a version. With one tier those are the
answers, and so the requests; under a cascade they would be a mixture of cheap and dear calls, and nothing is linked.
"""

import statistics
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.langfuse_books import LangfuseBooks
from tests.trace_setup import ACCEPTED, ESCALATED, LARGE, NOW, SMALL

from thriftgate.prompts.experiments.tally import Phase, Tally
from thriftgate.prompts.registry import parse_prompt
from thriftgate.services.telemetry.traces import TraceSettings
from thriftgate.tracing.spans import prompt_version_of
from thriftgate.types import CallPurpose, DecisionKind, PromptRef, RequestRecord

VERSIONS = {"control": "aaaa1111", "concise": "bbbb2222"}
NUMBERS = {"aaaa1111": 1, "bbbb2222": 2}
MONEY = st.integers(1, 10_000).map(lambda millionths: millionths / 1e6)


def prompt(variant: str) -> PromptRef:
    return PromptRef(name="desk", variant=variant, version=VERSIONS[variant], experiment="tone")


def books_of(records: list[RequestRecord], *, linked: bool) -> LangfuseBooks:
    settings = TraceSettings(
        prompt_number=lambda _, version: NUMBERS[version], linked=frozenset({"support"}) if linked else frozenset()
    )
    books = LangfuseBooks()
    books.spans(settings.encode(records))
    return books


def tally_of(records: list[RequestRecord]) -> Tally:
    """What the experiment's report counts."""
    files = {"prompt.yaml": SETTINGS, "control.md": "Answer.", "concise.md": "Answer in short."}
    parsed = parse_prompt("desk", files, {})
    assert parsed.prompt is not None, parsed.problems
    experiment = parsed.prompt.experiments["tone"]
    tally = Tally(experiment, prompt="desk", name="tone", phase=Phase(None, experiment.variants, 1), audits=())
    for record in records:
        tally.add(record)
    return tally


SETTINGS = """
labels: {production: control}
experiments:
  tone: {variants: {control: 50, concise: 50}, metric: cost, unit: request}
"""

ONE_TIER = st.lists(
    st.tuples(st.sampled_from(sorted(VERSIONS)), MONEY), min_size=1, max_size=20
)  # fmt: skip


@given(ONE_TIER)
def test_with_one_tier_the_prompt_page_has_the_requests_of_a_version(drawn: list[tuple[str, float]]) -> None:
    records = [
        replace(
            ACCEPTED, request_id=f"r{place}", prompt=prompt(variant), tier="large", cost_usd=cost,
            decision=DecisionKind.ONLY_TIER, calls=(replace(LARGE, cost_usd=cost),),
        )
        for place, (variant, cost) in enumerate(drawn)
    ]  # fmt: skip
    rows = [row for row in books_of(records, linked=True).rows("observations") if row["promptName"] == "desk"]
    totals = tally_of(records).totals
    for variant, version in VERSIONS.items():
        linked = [row["totalCost"] for row in rows if row["promptVersion"] == NUMBERS[version]]
        costs = [record.cost_usd for record in records if record.prompt and record.prompt.variant == variant]
        assert len(linked) == totals[variant].requests
        if costs:
            assert statistics.median(linked) == pytest.approx(statistics.median(costs))
            assert sum(linked) == pytest.approx(totals[variant].cost_usd)


CASCADES = st.lists(
    st.tuples(st.sampled_from(sorted(VERSIONS)), MONEY, st.none() | MONEY, st.booleans()), min_size=1, max_size=20
)


@given(CASCADES)
def test_under_a_cascade_nothing_is_linked_and_whole_requests_are_compared_by_version(
    drawn: list[tuple[str, float, float | None, bool]],
) -> None:
    records: list[RequestRecord] = []
    for place, (variant, cheap, dear, is_sampled) in enumerate(drawn):
        calls = [replace(SMALL, cost_usd=cheap)]
        if is_sampled:
            calls.append(replace(SMALL, cost_usd=cheap, purpose=CallPurpose.SECOND_SAMPLE, started_at=NOW + 0.4))
        if dear is not None:
            calls.append(replace(LARGE, cost_usd=dear))
        base = ACCEPTED if dear is None else ESCALATED
        cost = sum(call.cost_usd for call in calls)
        records.append(replace(base, request_id=f"r{place}", prompt=prompt(variant), calls=tuple(calls), cost_usd=cost))
    rows = books_of(records, linked=False).rows("observations")
    assert not [row for row in rows if row["promptName"]]
    totals = tally_of(records).totals
    for variant in VERSIONS:
        of_version = [row for row in rows if row["version"] == prompt_version_of(prompt(variant))]
        assert sum(row["isRoot"] for row in of_version) == totals[variant].requests
        assert sum(row["totalCost"] for row in of_version) == pytest.approx(totals[variant].cost_usd)
