"""A Langfuse that keeps traces and scores by its documented rules, and answers what a chart asks of them.

The latest event with an id takes the place of the earlier one. A score's row is found by its day, name and id: the same
score on another day is another row. An observation's row is its trace's and span's. A chart over scores sums or
averages rows; one over observations sums what they cost.
"""

import json
import math
import statistics
import threading
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tests.trace_setup import SeenSpan, decode
from werkzeug import Request, Response

from thriftgate.tracing import attributes as names
from thriftgate.tracing.dashboard import Widget
from thriftgate.tracing.delivery import Delivered
from thriftgate.tracing.model import Score

Row = Mapping[str, Any]


@dataclass
class LangfuseBooks:
    """What arrived, as Langfuse would keep it. Also takes traces and scores without HTTP (implements `Intake`)."""

    observations: dict[tuple[str, str], Row] = field(default_factory=dict[tuple[str, str], Row])
    score_rows: dict[tuple[str, str, str], dict[str, Any]] = field(
        default_factory=dict[tuple[str, str, str], dict[str, Any]]
    )
    is_away: bool = False
    _event_ids: set[str] = field(default_factory=set[str])
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take_traces(self, request: Request) -> Response:
        """`POST /api/public/otel/v1/traces`."""
        if self.is_away:
            return Response("<html>bad gateway", 502)
        self.spans(request.get_data())
        return Response("{}", content_type="application/json")

    def take_scores(self, request: Request) -> Response:
        """`POST /api/public/ingestion`."""
        if self.is_away:
            return Response("<html>bad gateway", 502)
        for event in json.loads(request.get_data())["batch"]:
            self._keep_score(event["id"], event["timestamp"], event["body"])
        return Response('{"successes": [], "errors": []}', 207, content_type="application/json")

    def spans(self, body: bytes) -> Delivered:
        with self._lock:
            for span in decode(body):
                self.observations[span.trace_id, span.span_id] = _observation(span)
        return Delivered()

    def scores(self, scores: Sequence[Score]) -> Delivered:
        for place, score in enumerate(scores):
            self._keep_score(
                f"{score.score_id}-{len(self._event_ids)}-{place}", names.iso_moment(score.at), score.body()
            )
        return Delivered()

    def close(self) -> None:
        pass

    def _keep_score(self, event_id: str, timestamp: str, body: Mapping[str, Any]) -> None:
        assert event_id not in self._event_ids, "the second event would take the place of the first one in the store"
        with self._lock:
            self._event_ids.add(event_id)
            self.score_rows[timestamp[:10], body["name"], body["id"]] = {**body, "timestamp": timestamp}

    def rows(self, view: str) -> list[Row]:
        """Everything that a view has."""
        with self._lock:
            if view == "observations":
                return list(self.observations.values())
            traces = {row["traceId"]: row for row in self.observations.values() if row["isRoot"]}
            kinds = {"scores-numeric": {"NUMERIC", "BOOLEAN"}, "scores-categorical": {"CATEGORICAL"}}[view]
            return [_score(row, traces) for row in self.score_rows.values() if row["dataType"] in kinds]

    def chosen(self, widget: Widget) -> list[Row]:
        """The rows that a chart is about."""
        rows = self.rows(widget.view)
        return [row for row in rows if all(_passes(row, one) for one in widget.body()["filters"])]

    def answer(self, widget: Widget) -> dict[tuple[Any, ...], tuple[float, ...]]:
        """The chart's figures, in the order of its metrics, by the values of its dimensions."""
        body = widget.body()
        groups: defaultdict[tuple[Any, ...], list[Row]] = defaultdict(list)
        for row in self.chosen(widget):
            groups[tuple(row[one["field"]] for one in body["dimensions"])].append(row)
        return {
            group: tuple(_measure(rows, one["measure"], one["agg"]) for one in body["metrics"])
            for group, rows in groups.items()
        }


def _observation(span: SeenSpan) -> Row:
    about = span.attributes
    costs = json.loads(about.get(names.COST, "{}"))
    first = about.get(names.FIRST_TOKEN_AT)
    return {
        "traceId": span.trace_id,
        "isRoot": bool(about.get(names.IS_ROOT)),
        "name": span.name,
        "type": about[names.TYPE].upper(),
        "level": about[names.LEVEL],
        "traceName": about[names.TRACE_NAME],
        "tags": about[names.TAGS],
        "userId": about.get(names.USER_ID),
        "version": about.get(names.VERSION),
        # A cost counts only beside a model.
        "providedModelName": about.get(names.MODEL),
        "totalCost": costs.get("total", 0.0) if names.MODEL in about else 0.0,
        "latency": (span.ended_at - span.started_at) * 1000,
        "timeToFirstToken": None if first is None else (_seconds(first) - span.started_at) * 1000,
        "promptName": about.get(names.PROMPT_NAME),
        "promptVersion": about.get(names.PROMPT_VERSION),
    }


def _score(row: Mapping[str, Any], traces: Mapping[str, Row]) -> Row:
    trace = traces.get(row["traceId"], {})
    return {
        "name": row["name"],
        "value": row["value"],
        "stringValue": row["value"] if row["dataType"] == "CATEGORICAL" else None,
        "traceName": trace.get("traceName"),
        "tags": trace.get("tags"),
        "userId": trace.get("userId"),
        "version": trace.get("version"),
    }


def _passes(row: Row, one: Mapping[str, Any]) -> bool:
    value, wanted = row[one["column"]], set(one["value"])
    has_any = bool(wanted & set(value)) if one["type"] == "arrayOptions" else value in wanted
    return {"any of": has_any, "none of": not has_any}[one["operator"]]


def _measure(rows: Sequence[Row], measure: str, aggregation: str) -> float:
    if measure == "count":
        return len(rows)
    values = [float(row[measure]) for row in rows if row[measure] is not None]
    return _AGGREGATIONS[aggregation](values) if values else math.nan


_AGGREGATIONS: Mapping[str, Callable[[Sequence[float]], float]] = {
    "sum": math.fsum,
    "avg": statistics.fmean,
    "p50": statistics.median,
    "p95": max,
}


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()
