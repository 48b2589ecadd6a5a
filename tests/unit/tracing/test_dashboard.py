"""The dashboard for Langfuse asks for what the exporter sends, and for nothing else."""

import math
from dataclasses import replace
from typing import Any, TypeVar

import pytest
from langfuse.api.core.serialization import convert_and_respect_annotation_metadata
from langfuse.api.unstable.dashboard_widgets.types.create_dashboard_widget_request import CreateDashboardWidgetRequest
from langfuse.api.unstable.dashboards.types.dashboard_definition import DashboardDefinition
from pydantic import BaseModel
from tests.clocks import FakeClock
from tests.langfuse_books import LangfuseBooks
from tests.trace_setup import AUDIT, EVERY_KIND

from thriftgate.services.telemetry.exporting import ExportQueueLimits
from thriftgate.services.telemetry.traces import TraceService, TraceSettings
from thriftgate.tracing.dashboard import WIDGETS, Widget, placements
from thriftgate.types import Audit, AuditKind

Model = TypeVar("Model", bound=BaseModel)

AUDITS = (
    AUDIT,
    replace(AUDIT, request_id="req-3", kind=AuditKind.CACHE, is_acceptable=False),
    replace(AUDIT, request_id="req-1", details={"is_accepted": False}),
    Audit(
        request_id="req-2", kind=AuditKind.FEEDBACK, route="support", judged_at=AUDIT.judged_at, is_acceptable=True,
        asked_at=AUDIT.asked_at,
    ),
)  # fmt: skip
"""A verdict of each kind that a user can see."""


@pytest.fixture(scope="module")
def books() -> LangfuseBooks:
    """What the exporter really sends of one request of each kind and of verdicts."""
    books = LangfuseBooks()
    service = TraceService(
        books, TraceSettings(), limits=ExportQueueLimits(max_items=1_000, max_bytes=10_000_000), flush_interval=60.0,
        clock=FakeClock(), draw=lambda: 0.5,
    )  # fmt: skip
    for record in EVERY_KIND:
        service.submit(record)
    for audit in AUDITS:
        service.submit_audit(audit)
    service.close(patience=10.0)
    return books


def widget(name: str) -> Widget:
    (found,) = [one for one in WIDGETS if one.name == name]
    return found


def figure(books: LangfuseBooks, name: str) -> float:
    ((value,),) = books.answer(widget(name)).values()
    return value


@pytest.mark.parametrize("one", WIDGETS, ids=lambda one: one.name)
def test_every_chart_shows_something_of_what_is_sent(books: LangfuseBooks, one: Widget) -> None:
    chosen = books.chosen(one)
    assert chosen, "its filters leave nothing"
    for field in one.dimensions:
        assert any(row[field] for row in chosen), f"nothing sent has {field}"
    for measure, _ in one.metrics:
        assert measure == "count" or any(row[measure] is not None for row in chosen), f"nothing sent has {measure}"


@pytest.mark.parametrize("one", WIDGETS, ids=lambda one: one.name)
def test_every_name_that_a_chart_asks_for_is_sent(books: LangfuseBooks, one: Widget) -> None:
    rows = books.rows(one.view)
    for wanted in one.body()["filters"]:
        sent = {value for row in rows for value in _values(row[wanted["column"]])}
        assert set(wanted["value"]) - {"cascade"} <= sent
        assert "cascade" in {row["name"] for row in books.rows("observations")}


def _values(value: object) -> tuple[object, ...]:
    return tuple(value) if isinstance(value, tuple) else (value,)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]


def test_the_charts_agree_with_what_was_recorded(books: LangfuseBooks) -> None:
    spent = math.fsum(record.cost_usd for record in EVERY_KIND)
    checked = math.fsum(audit.cost_usd for audit in AUDITS[:3])
    saved = math.fsum(record.saved_usd for record in EVERY_KIND)
    assert figure(books, "Spend") == pytest.approx(spent + checked)
    assert figure(books, "Audits' cost") == pytest.approx(checked)
    assert figure(books, "Saved, net") == pytest.approx(saved - checked)
    assert books.answer(widget("Saved by team, net")) == {(("acme",),): (pytest.approx(saved - checked),)}
    assert figure(books, "Quality of answers") == 1.0
    assert books.answer(widget("Quality by route, with n")) == {
        ("support", "quality"): (1.0, 1), ("support", "quality_cache"): (0.0, 1), ("support", "feedback"): (1.0, 1),
    }  # fmt: skip
    decisions = {group[0]: n for group, (n,) in books.answer(widget("How requests were answered")).items()}
    assert sum(decisions.values()) == len(EVERY_KIND)
    assert decisions["semantic_hit"] == 1


def test_latency_is_that_of_whole_answered_requests(books: LangfuseBooks) -> None:
    chosen = books.chosen(widget("Latency by route"))
    assert all(row["isRoot"] and row["traceName"] == "support" for row in chosen)
    assert len(chosen) == sum(record.status.value == "ok" for record in EVERY_KIND)


def as_sdk(body: dict[str, Any], model: type[Model]) -> Model:
    """Langfuse's own reading of a request's JSON."""
    return model.model_validate(
        convert_and_respect_annotation_metadata(object_=body, annotation=model, direction="read")
    )


@pytest.mark.parametrize("one", WIDGETS, ids=lambda one: one.name)
def test_every_chart_is_one_that_the_locked_sdk_knows(one: Widget) -> None:
    known = as_sdk(one.body(), CreateDashboardWidgetRequest)
    assert (known.view, known.chart_type) == (one.view, one.chart)
    assert known.chart_config is not None
    assert not any(part.model_extra for part in (known, *known.metrics, *known.dimensions, *known.filters))


def test_the_tiles_fill_rows_of_twelve_columns_and_never_overlap() -> None:
    tiles = placements([f"w-{place}" for place in range(len(WIDGETS))])
    assert len(as_sdk({"widgets": tiles}, DashboardDefinition).widgets) == len(WIDGETS)
    cells = [
        (x, y)
        for tile in tiles
        for x in range(tile["x"], tile["x"] + tile["width"])
        for y in range(tile["y"], tile["y"] + tile["height"])
    ]
    assert len(set(cells)) == len(cells)
    assert max(x for x, _ in cells) == 11
