"""How Hypothesis runs for mutants: seeded and without shrinking, so that a verdict is the same every time."""

from hypothesis import HealthCheck, Phase, settings

for name, examples in (("mapping", 5), ("mutants", 100)):
    settings.register_profile(
        name,
        deadline=None,
        derandomize=True,
        database=None,
        max_examples=examples,
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=list(HealthCheck),
    )
