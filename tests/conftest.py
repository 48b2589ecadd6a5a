"""What holds for every test: no real provider can be reached, and a slow machine fails no property test."""

import os

import pytest
from hypothesis import HealthCheck, settings

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


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A file is a group of its own, unless it says which it belongs to; the longest groups first, the rest as it was.

    Before xdist reads the groups: with `--dist loadgroup` those that share a proxy are run beside one and the same.
    """
    order = {name: number for number, name in enumerate(LONGEST)}
    places: dict[str, int] = {}
    for item in items:
        said = item.get_closest_marker("xdist_group")
        group = said.args[0] if said else item.nodeid.partition("::")[0]
        if said is None:
            item.add_marker(pytest.mark.xdist_group(group))
        places[item.nodeid] = order.get(group, len(LONGEST))
    items.sort(key=lambda item: places[item.nodeid])
