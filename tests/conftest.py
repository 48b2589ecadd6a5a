"""What holds for every test: no real provider can be reached, and a slow machine fails no property test."""

import gc
import os
import re
from collections.abc import Generator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadFileScheduling

ROOT = Path(__file__).parents[1]
_GROUP = re.compile(r'xdist_group\("([a-z-]+)"\)')

# Hypothesis measures time; on a busy machine that would fail tests that are right.
settings.register_profile("thriftgate", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("thriftgate")

# Tests can never spend money: whatever keys this shell has, no test and none of its child processes sees them.
# Nor does any send a trace to a real Langfuse.
for name in [name for name in os.environ if name.endswith("_API_KEY") or name.startswith("LANGFUSE_")]:
    del os.environ[name]
# No test may look for LiteLLM's price map on the network.
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

# Their minutes are waiting for a proxy, or for its retries: begun last, one of them would keep a worker when all others
# have ended.
LONGEST = (
    "proxy-faults",
    "proxy",
    "start",
    "identity",
    "proxy-outage",
    "proxy-tracing",
    "privacy-failures",
    "proxy-shutdown",
    "proxy-judged",
    "memory",
    "proxy-bill",
    "litellm",
    "proxy-prompts",
    "guarded",
    "proxy-ladder",
    "proxy-shared",
    "tests/proxy/test_privacy.py",
    "tests/proxy/test_privacy_leaks.py",
)


class GroupScheduling(LoadFileScheduling):
    """A file is a unit of work, and so are all files of one `xdist_group`: they share a running proxy.

    xdist's own `loadgroup` appends the group to an item's `_nodeid`, which pytest 9.2 does not read any more: it sends
    each test to any worker.
    """

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid.partition("::")[0])


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> GroupScheduling | None:
    return GroupScheduling(config, log) if config.getoption("dist") == "loadgroup" else None


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Of the millions of objects that 15,000 tests and their imports make none is garbage: nobody looks for any.

    Every worker of a run collects, and a third of that was looking. What is there afterwards stays to the end.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@cache
def group_of(file: str) -> str:
    """The group that a file says it belongs to; else its name."""
    named = _GROUP.search((ROOT / file).read_text(encoding="utf-8"))
    return named[1] if named else file


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest groups first, everything else as it was."""
    order = {name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: order.get(group_of(item.nodeid.partition("::")[0]), len(LONGEST)))
