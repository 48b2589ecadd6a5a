"""How Hypothesis runs for mutants: seeded and without shrinking, so that a verdict is the same every time."""

import gc
from collections.abc import Callable
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
