"""The Grafana dashboard and the Prometheus alerts ask only for what the gateway really exposes, in valid PromQL."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml

from thriftgate.services.telemetry.catalogue import FAMILIES
from thriftgate.services.telemetry.exposition import exposed
from thriftgate.services.telemetry.metrics import Samples

DEPLOY = Path(__file__).parents[3] / "deploy"
DASHBOARD: dict[str, Any] = json.loads((DEPLOY / "grafana" / "dashboards" / "thriftgate.json").read_text())
RULES: list[dict[str, Any]] = [
    rule
    for group in yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text())["groups"]
    for rule in group["rules"]
]
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
QUERIES = [(panel["title"], target["expr"]) for panel in PANELS for target in panel["targets"]]
BY_PROMETHEUS = {"up": {"job", "instance"}}
"""Series that a scrape makes by itself, with their labels."""


def series() -> dict[str, set[str]]:
    """Every series the gateway can expose, with its labels."""
    found: dict[str, set[str]] = dict(BY_PROMETHEUS)
    for family in FAMILIES.values():
        labels = {*family.labels, "instance", "job"}
        if family.kind == "histogram":
            found |= {f"{family.name}_{part}": labels for part in ("sum", "count")}
            found[f"{family.name}_bucket"] = labels | {"le"}
        else:
            found[family.name] = labels
    return found


def as_prometheus_sees_it(expression: str) -> str:
    """A dashboard's query with Grafana's variables filled in."""
    for variable, value in (("$__rate_interval", "1m"), ("$__range", "1h"), ("$route", ".*")):
        expression = expression.replace(variable, value)
    return expression


def selectors(node: object) -> Iterator[tuple[str, list[str]]]:
    """Each series that an expression names, with the labels it asks for; found by walking the parsed tree."""
    if isinstance(node, promql_parser.VectorSelector):
        yield str(node.name), [str(matcher.name) for matcher in node.matchers.matchers]
    for part in ("expr", "lhs", "rhs", "param", "vector_selector"):
        child: object = getattr(node, part, None)
        if child is not None:
            yield from selectors(child)
    arguments: list[object] = getattr(node, "args", None) or []
    for argument in arguments:
        yield from selectors(argument)


ALL = [*QUERIES, *((rule["alert"], rule["expr"]) for rule in RULES)]


@pytest.mark.parametrize(("title", "expression"), ALL, ids=[f"{place}-{title}" for place, (title, _) in enumerate(ALL)])
def test_every_query_is_promql_about_series_that_exist(title: str, expression: str) -> None:
    parsed = promql_parser.parse(as_prometheus_sees_it(expression))
    asked = list(selectors(parsed))
    named = set(re.findall(r"thriftgate_\w+", expression))
    assert named <= {name for name, _ in asked}, "the walk saw every series that the text names"
    known = series()
    assert asked
    for name, labels in asked:
        assert name in known, f"{title}: {name} is not exposed"
        assert set(labels) <= known[name], f"{title}: {name} has no such label"
    for labels in re.findall(r"\b(?:by|on)\s*\(([^)]*)\)", expression):
        grouped = {label.strip() for label in labels.split(",")}
        assert grouped <= set.union(*(known[name] for name, _ in asked)), f"{title} groups by what there is not"


def test_what_the_catalogue_names_is_what_a_scrape_exposes() -> None:
    text = exposed(Samples())[0].decode()
    assert set(re.findall(r"^# TYPE (\S+) ", text, re.MULTILINE)) == set(FAMILIES)


def test_every_metric_is_on_the_dashboard_or_in_an_alert() -> None:
    shown = " ".join(expression for _, expression in ALL)
    assert not [name for name in FAMILIES if name not in shown]


def test_the_dashboard_is_one_that_grafana_loads() -> None:
    assert {"uid", "title", "panels", "schemaVersion", "templating", "time"} <= set(DASHBOARD)
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(ids) == len(set(ids))
    assert all(panel["description"] and panel["title"] for panel in PANELS)
    for panel in PANELS:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        assert {target["datasource"]["uid"] for target in panel["targets"]} == {"${datasource}"}
    assert {variable["name"] for variable in DASHBOARD["templating"]["list"]} == {"datasource", "route"}


def test_a_panel_of_what_may_be_negative_is_not_cut_off_at_zero() -> None:
    """A net loss is below zero where more got better than worse, and the low end of its interval nearly always."""
    net = [panel for panel in PANELS if any("quality_loss" in target["expr"] for target in panel["targets"])]
    assert net
    assert not [panel["title"] for panel in net if "min" in panel["fieldConfig"]["defaults"]]


def test_no_two_panels_lie_on_each_other() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {
            (place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])
        }  # fmt: skip
        assert not cells & taken, panel["title"]
        taken |= cells


def test_legends_use_labels_that_their_query_keeps() -> None:
    for panel in PANELS:
        for target in panel["targets"]:
            for label in re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]):
                assert re.search(rf"\b{label}\b", target["expr"]) or label in series()[_name(target["expr"])], panel[
                    "title"
                ]


def _name(expression: str) -> str:
    found = re.search(r"thriftgate_\w+", expression)
    assert found is not None
    return found[0]


@pytest.mark.parametrize("rule", RULES, ids=[rule["alert"] for rule in RULES])
def test_every_alert_says_how_grave_it_is_and_what_happened(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in ("page", "ticket")
    assert rule["annotations"]["summary"]
    assert rule["annotations"]["description"]
    (name, labels), *_ = selectors(promql_parser.parse(rule["expr"]))
    used = set(re.findall(r"\$labels\.(\w+)", json.dumps(rule["annotations"])))
    assert used <= series()[name] | set(labels)


def test_the_scrape_and_the_provisioning_point_at_files_and_paths_that_exist() -> None:
    scrape = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())
    assert scrape["scrape_configs"][0]["metrics_path"] == "/thriftgate/metrics"
    assert all((DEPLOY / "prometheus" / name).exists() for name in scrape["rule_files"])
    sources = yaml.safe_load((DEPLOY / "grafana/provisioning/datasources/prometheus.yml").read_text())
    assert sources["datasources"][0]["uid"] == DASHBOARD["templating"]["list"][0]["current"]["value"]


def test_the_document_lists_every_metric_with_its_labels() -> None:
    text = (DEPLOY.parent / "docs" / "design" / "metrics.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| `(thriftgate_\w+)` \| (\w+) \| ([^|]*)\|$", text, re.MULTILINE)
    written = {name: (kind, tuple(re.findall(r"`(\w+)`", labels))) for name, kind, labels in listed}
    assert written == {name: (family.kind, family.labels) for name, family in FAMILIES.items()}
