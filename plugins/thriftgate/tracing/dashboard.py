"""The dashboard "Cost and savings" in Langfuse: what it shows, and by which of our names. Pure.

Spend is the whole bill, audits included; what is split by team, user or route tells requests from audits by the tag
`audit`. Savings and shares are scores, because Langfuse neither subtracts nor groups by metadata. Every filter, score
name and dimension is one that the exporter sends, which a test checks against a real export.

Langfuse's grid has 12 columns; `x`, `y`, width and height are in its cells.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from thriftgate.tracing import audits, scores

NAME = "Cost and savings"
DESCRIPTION = "What the gateway spent and saved, net of its audits, and whether answers got worse. Made by thriftgate."

View = Literal["observations", "scores-numeric", "scores-categorical"]
Filter = Mapping[str, Any]
_WIDTH = 12
_MOST_ROWS = 20


def _any_of(column: str, *values: str, kind: str = "stringOptions") -> Filter:
    return {"column": column, "type": kind, "operator": "any of", "value": list(values)}


def _none_of(column: str, *values: str, kind: str = "stringOptions") -> Filter:
    return {"column": column, "type": kind, "operator": "none of", "value": list(values)}


def _score(*names: str) -> tuple[Filter, ...]:
    return (_any_of("name", *names),)


_REQUESTS = (_none_of("tags", audits.TAG, kind="arrayOptions"),)
_AUDITS = (_any_of("tags", audits.TAG, kind="arrayOptions"),)
_ANSWERED = (*_REQUESTS, _any_of("type", "CHAIN"), _none_of("name", "cascade"), _any_of("level", "DEFAULT"))
"""The roots of requests that were answered: chains like the stage `cascade` below them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Widget:
    """One chart."""

    name: str
    says: str
    view: View
    metrics: Sequence[tuple[str, str]]
    """What is measured, and how it is aggregated."""
    chart: str
    dimensions: Sequence[str] = ()
    filters: Sequence[Filter] = ()
    width: int = 6
    height: int = 5

    def body(self) -> dict[str, Any]:
        """The JSON of Langfuse's `POST /api/public/unstable/dashboard-widgets`."""
        is_split = bool(self.dimensions) and not self.chart.endswith("TIME_SERIES")
        config: dict[str, Any] = {"type": self.chart}
        if is_split and self.chart != "PIE":
            config["row_limit"] = _MOST_ROWS
        if self.chart == "PIVOT_TABLE":
            measure, aggregation = self.metrics[-1]
            config["defaultSort"] = {"column": f"{aggregation}_{measure}", "order": "DESC"}
        return {
            "name": self.name,
            "description": self.says,
            "view": self.view,
            "dimensions": [{"field": field} for field in self.dimensions],
            "metrics": [{"measure": measure, "agg": aggregation} for measure, aggregation in self.metrics],
            "filters": [dict(one) for one in self.filters],
            "chartType": self.chart,
            "chartConfig": config,
        }


def _number(name: str, says: str, view: View, metric: tuple[str, str], filters: Sequence[Filter] = ()) -> Widget:
    return Widget(
        name=name, says=says, view=view, metrics=(metric,), chart="NUMBER", filters=filters, width=3, height=3
    )


def _bars(name: str, says: str, view: View, metric: tuple[str, str], by: str, filters: Sequence[Filter] = ()) -> Widget:
    return Widget(
        name=name, says=says, view=view, metrics=(metric,), chart="HORIZONTAL_BAR", dimensions=(by,), filters=filters
    )


def _over_time(
    name: str,
    says: str,
    view: View,
    metric: tuple[str, str],
    *,
    by: str | None = None,
    filters: Sequence[Filter] = (),
    chart: str = "BAR_TIME_SERIES",
) -> Widget:
    return Widget(
        name=name, says=says, view=view, metrics=(metric,), chart=chart, dimensions=(by,) if by else (), filters=filters
    )


_COST = ("totalCost", "sum")
_SUM = ("value", "sum")
_MEAN = ("value", "avg")
_COUNT = ("count", "count")
_QUALITY = _score(scores.QUALITY, scores.QUALITY_CACHE, scores.FEEDBACK)
_NET = _score(scores.NET_SAVED)
_GROUPS = (("team", "tags"), ("user", "userId"), ("route", "traceName"))

WIDGETS: Sequence[Widget] = (
    _number("Spend", "All calls of models in US dollars, audits included.", "observations", _COST),
    _number("Saved, net", "Baseline less cost, less what audits cost.", "scores-numeric", _SUM, _NET),
    _number("Audits' cost", "What the gateway paid to check itself.", "observations", _COST, _AUDITS),
    _number(
        "Quality of answers", "The share of audited answers that were as good as the strongest tier's.",
        "scores-numeric", _MEAN, _score(scores.QUALITY),
    ),
    _over_time("Spend over time, by model", "Audits included.", "observations", _COST, by="providedModelName"),
    _over_time("Saved over time, net", "Less what audits cost.", "scores-numeric", _SUM, filters=_NET),
    *(
        widget
        for word, field in _GROUPS
        for widget in (
            _bars(f"Spend by {word}", "Of requests, without audits.", "observations", _COST, field, _REQUESTS),
            _bars(f"Saved by {word}, net", "Less what audits of their requests cost.", "scores-numeric", _SUM, field,
                  _NET),
        )
    ),
    _bars("Spend by model", "Audits included.", "observations", _COST, "providedModelName"),
    _bars("Audits' cost by team", "Whose requests were checked.", "scores-numeric", _SUM, "tags",
          _score(scores.AUDIT_COST)),
    Widget(
        name="Quality by route, with n",
        says="The share that was right, and of how many verdicts: audited answers, checked hits, users' feedback.",
        view="scores-numeric", metrics=(_MEAN, _COUNT), chart="PIVOT_TABLE", dimensions=("traceName", "name"),
        filters=_QUALITY,
    ),
    _over_time(
        "Quality over time", "The share that was right, by who said so.", "scores-numeric", _MEAN, by="name",
        filters=_QUALITY, chart="LINE_TIME_SERIES",
    ),
    Widget(
        name="How requests were answered", says="Hits, accepted cheap answers, escalations, failures: their shares.",
        view="scores-categorical", metrics=(_COUNT,), chart="PIE", dimensions=("stringValue",),
        filters=_score(scores.DECISION),
    ),
    _over_time(
        "How requests were answered, over time", "Hits, accepted cheap answers, escalations, failures.",
        "scores-categorical", _COUNT, by="stringValue", filters=_score(scores.DECISION),
    ),
    Widget(
        name="Latency by route", says="Of answered requests, in milliseconds: whole, and streams to the first token.",
        view="observations",
        metrics=(("latency", "p50"), ("timeToFirstToken", "p50"), ("timeToFirstToken", "p95"), ("latency", "p95")),
        chart="PIVOT_TABLE", dimensions=("traceName",), filters=_ANSWERED,
    ),
    _over_time(
        "Time to first token over time, p95", "Of answered streams, hits and held answers included.", "observations",
        ("timeToFirstToken", "p95"), by="traceName", filters=_ANSWERED, chart="LINE_TIME_SERIES",
    ),
)  # fmt: skip


def placements(widget_ids: Sequence[str]) -> list[dict[str, Any]]:
    """The dashboard's definition: each widget, in order, in rows of 12 columns. `id` is the tile's own."""
    tiles: list[dict[str, Any]] = []
    x = y = tallest = 0
    for place, (widget_id, widget) in enumerate(zip(widget_ids, WIDGETS, strict=True)):
        if x + widget.width > _WIDTH:
            x, y, tallest = 0, y + tallest, 0
        tiles.append(
            {
                "type": "widget",
                "id": f"thriftgate-{place}",
                "widgetId": widget_id,
                "x": x,
                "y": y,
                "width": widget.width,
                "height": widget.height,
            }
        )
        x, tallest = x + widget.width, max(tallest, widget.height)
    return tiles
