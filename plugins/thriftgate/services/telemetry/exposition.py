"""Writes samples as Prometheus reads them: its text format, or OpenMetrics for those who ask for that.

Failure behaviour: pure and total.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import TypeVar

from prometheus_client import exposition
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector, CollectorRegistry
from prometheus_client.utils import floatToGoString  # pyright: ignore[reportUnknownVariableType]  it has no types

from thriftgate.services.telemetry.catalogue import FAMILIES, Family
from thriftgate.services.telemetry.metrics import Labels, Samples
from thriftgate.stats.histogram import Histogram

T = TypeVar("T")


def exposed(samples: Samples, *, accept: str = "") -> tuple[bytes, str]:
    """The body and its content type, for what a client accepts. Every metric is named, also one without a series."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Once(samples))
    encode, content_type = exposition.choose_encoder(accept)
    return encode(registry), content_type


class _Once(Collector):
    """Hands samples to a registry."""

    def __init__(self, samples: Samples) -> None:
        self._samples = samples

    def collect(self) -> Iterable[Metric]:
        numbers, histograms = _by_name(self._samples.numbers), _by_name(self._samples.histograms)
        for family in FAMILIES.values():
            if family.kind == "histogram":
                yield _histogram(family, histograms.get(family.name, {}))
            else:
                yield _number(family, numbers.get(family.name, {}))


def _by_name(series: Mapping[tuple[str, Labels], T]) -> Mapping[str, Mapping[Labels, T]]:
    return {
        name: {place[1]: series[place] for place in places}
        for name, places in groupby(sorted(series), key=lambda place: place[0])
    }


def _number(family: Family, series: Mapping[Labels, float]) -> Metric:
    make = CounterMetricFamily if family.kind == "counter" else GaugeMetricFamily
    metric = make(family.name, family.says, labels=family.labels)
    for labels, value in series.items():
        metric.add_metric(labels, value)
    return metric


def _histogram(family: Family, series: Mapping[Labels, Histogram]) -> Metric:
    metric = HistogramMetricFamily(family.name, family.says, labels=family.labels)
    for labels, one in series.items():
        metric.add_metric(labels, list(_buckets(one)), sum_value=one.total)
    return metric


def _buckets(histogram: Histogram) -> Iterator[tuple[str, float]]:
    for bound, n in histogram.cumulative():
        yield floatToGoString(bound), float(n)
