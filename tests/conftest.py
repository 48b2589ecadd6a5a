"""What holds for every test: no real provider can be reached, and a slow machine fails no property test."""

import os

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
