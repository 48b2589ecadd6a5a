"""Reads the metrics of a running proxy."""

import httpx
from prometheus_client.parser import (
    text_string_to_metric_families as parse_text,  # pyright: ignore[reportUnknownVariableType]
)

PATH = "/thriftgate/metrics"
Series = dict[tuple[str, frozenset[tuple[str, str]]], float]


def read_series(base_url: str, key: str) -> Series:
    """Every series of one scrape, by its name and labels."""
    answer = httpx.get(f"{base_url}{PATH}", headers={"Authorization": f"Bearer {key}"}, timeout=30, verify=False)
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in parse_text(answer.text)
        for sample in family.samples
    }


def total(found: Series, name: str, **labels: str) -> float:
    """The sum of all series of a name that have these labels."""
    return sum(value for (one, pairs), value in found.items() if one == name and labels.items() <= dict(pairs).items())
