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
SLOWEST = (
    "tests/proxy/test_tracing.py",
    "tests/proxy/faults/test_clients.py",
    "tests/proxy/test_shutdown.py",
    "tests/proxy/faults/test_odd_answers.py",
    "tests/proxy/faults/test_odd_shapes.py",
    "tests/proxy/faults/test_neighbours_elsewhere.py",
    "tests/proxy/faults/test_odd_usage.py",
    "tests/proxy/test_up_redis.py",
    "tests/proxy/test_limits_away.py",
    "tests/proxy/test_whole_bill.py",
    "tests/proxy/test_judged.py",
    "tests/proxy/test_freeze.py",
    "tests/proxy/test_privacy_failures.py",
    "tests/proxy/identity/test_identity_keys.py",
    "tests/proxy/identity/test_identity_budgets.py",
    "tests/proxy/test_start.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The slowest files first, everything else as it was."""
    order = {name: number for number, name in enumerate(SLOWEST)}
    items.sort(key=lambda item: order.get(item.nodeid.partition("::")[0], len(SLOWEST)))
