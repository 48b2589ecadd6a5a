"""How Hypothesis runs for mutants: seeded and without shrinking, so that a verdict is the same every time."""

import gc
import time
from collections.abc import Callable, Generator
from functools import lru_cache
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings

MAPPING = "mapping"
for name, examples in ((MAPPING, 20), ("mutants", 100)):
    settings.register_profile(
        name,
        deadline=None,
        derandomize=True,
        database=None,
        max_examples=examples,
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=list(HealthCheck),
    )


_CACHE = type(lru_cache(lambda: None))
_clock = [0.0]
"""Seconds of a processor until the last phase of a test ended."""


def pytest_runtest_setup(item: pytest.Item) -> None:
    """What one test left in a cache, the next would not pass over, and be taken for a test that cannot notice."""
    if item.config.getoption("--hypothesis-profile") == MAPPING:
        for clear in _cleared():
            clear()


@lru_cache(1)
def _cleared() -> list[Callable[[], None]]:
    """Empties what functions of ours remember; found once, after the collection."""
    found: list[Any] = [one for one in gc.get_objects() if isinstance(one, _CACHE)]
    return [one.cache_clear for one in found if one.__module__.startswith("thriftgate.")]


def pytest_runtest_logstart() -> None:
    """Before a test's first phase."""
    _clock[0] = time.process_time()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """How long each phase took of a processor: on a machine that others keep busy, wall time says little of a test."""
    report = yield
    now = time.process_time()
    report.duration, _clock[0] = now - _clock[0], now
    return report
