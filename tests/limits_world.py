"""Limits at work on a store in memory and a clock that a test moves."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from tests.clocks import FakeClock
from tests.memory_limiter import InMemoryLimiter

from thriftgate.config.sections.limits import LimitsConfig
from thriftgate.limits.estimate import TokenEstimate
from thriftgate.services.limits.admission import Admission
from thriftgate.services.limits.passes import Pass, RefusedError
from thriftgate.services.limits.rules import Arrival, Limited
from thriftgate.services.telemetry import catalogue
from thriftgate.services.telemetry.metrics import Samples

PER_KEY = {"per": "key", "requests": {"per_minute": 60, "burst": 2}}
PLACES = {"*": {"most": 2, "adaptive": False}}
QUEUE = {"max_wait": 10, "most": 20, "most_per_tenant": 8}
SPENT = TokenEstimate(10, 5)


@dataclass
class World:
    """An admission with its store and its clock."""

    admission: Admission
    limiter: InMemoryLimiter
    clock: FakeClock
    samples: Samples
    n: int = 0

    def ask(
        self,
        *,
        team: str = "acme",
        tier: str | None = None,
        key: str | None = None,
        model: str = "support",
        **fields: Any,
    ) -> "asyncio.Task[Pass]":
        self.n += 1
        options = {name: fields.pop(name) for name in ("gone", "on_wait") if name in fields}
        asker = Limited(key=key or f"key-{team}", team=team, tier=tier)
        known: dict[str, Any] = {"prompt_bytes": 40, "max_completion": 5} | fields
        arrival = Arrival(str(self.n), asker, model, **known)
        return asyncio.create_task(self.admission.admit(arrival, **options))

    async def passed(self, **fields: Any) -> Pass:
        return await self.ask(**fields)

    async def refused(self, **fields: Any) -> RefusedError:
        with pytest.raises(RefusedError) as raised:
            await self.ask(**fields)
        return raised.value

    async def advance(self, seconds: float, *, step: float = 0.05) -> None:
        """Move the clock on in small steps, with everything done that becomes due."""
        for _ in range(round(seconds / step)):
            self.clock.advance(step)
            await settled()

    def end(self, passed: Pass, **fields: Any) -> None:
        options: dict[str, Any] = {"spent": SPENT} | fields
        self.admission.settle(passed, **options)

    def verdicts(self, verdict: str) -> float:
        return sum(
            value
            for (name, labels), value in self.samples.numbers.items()
            if name == catalogue.LIMIT_VERDICTS.name and labels[0] == verdict
        )


async def settled() -> None:
    """Let every task come to where it waits for something else."""
    for _ in range(20):
        await asyncio.sleep(0)


Make = Callable[..., World]


def made(*rules: dict[str, Any], **config: Any) -> World:
    """A world with these limits."""
    clock, samples = FakeClock(), Samples()
    limiter = InMemoryLimiter(clock)
    parsed = LimitsConfig.model_validate({"rules": list(rules), **config})
    admission = Admission(parsed, limiter, clock=clock, samples=samples, pause=clock.pause)
    return World(admission, limiter, clock, samples)
