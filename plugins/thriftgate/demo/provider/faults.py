"""What goes wrong on purpose: slowness, errors, rate limits and broken streams, for each model, at run time.

Failure behaviour: pure; randomness is passed in. A fault that is no fault (a rate outside [0, 1]) is refused by
its model with ValidationError.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

from pydantic import BaseModel, ConfigDict, Field


class Faults(BaseModel):
    """How one model misbehaves. Rates are shares of requests."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    error_rate: float = Field(default=0.0, ge=0, le=1, description="Share answered with `error_status`.")
    error_status: int = Field(default=500, ge=400, le=599, description="HTTP status of an error.")
    rate_limit_rate: float = Field(default=0.0, ge=0, le=1, description="Share answered with 429.")
    retry_after: float = Field(default=1.0, ge=0, description="Seconds in the `Retry-After` of a 429.")
    hang_rate: float = Field(default=0.0, ge=0, le=1, description="Share that is never answered.")
    break_rate: float = Field(default=0.0, ge=0, le=1, description="Share of streams that break off half-way.")
    latency: float | None = Field(default=None, ge=0, description="Seconds to the first token, in place of the own.")


class Failure(BaseModel):
    """What one request meets: an error status with its header, silence, or a stream that breaks."""

    model_config = ConfigDict(frozen=True)

    status: int | None = None
    retry_after: float | None = None
    hangs: bool = False
    breaks: bool = False


@dataclass(frozen=True, slots=True)
class Pace:
    """How long the first token and each further one takes, in seconds; `jitter` is a relative spread."""

    latency: float
    token_latency: float
    jitter: float

    def delays(self, tokens: int, slowness: float, rng: Random) -> tuple[float, float]:
        """Seconds until the first token, and between any two of `tokens`; both drawn once per request."""
        if not self.latency and not self.token_latency:
            return 0.0, 0.0
        return (
            self.latency * slowness * self._wobble(rng),
            self.token_latency * slowness * self._wobble(rng) if tokens > 1 else 0.0,
        )

    def _wobble(self, rng: Random) -> float:
        return rng.lognormvariate(0.0, self.jitter) if self.jitter else 1.0


class FaultTable:
    """The faults in force, by model; `default` holds for every model without its own."""

    def __init__(self, default: Faults) -> None:
        self._default = default
        self._by_model: dict[str, Faults] = {}

    def set(self, model: str | None, faults: Faults) -> None:
        """Put faults in force for a model, or for all of them when `model` is None."""
        if model is None:
            self._by_model.clear()
            self._default = faults
        else:
            self._by_model[model] = faults

    def of(self, model: str) -> Faults:
        """The faults of a model."""
        return self._by_model.get(model, self._default)

    def all(self) -> Mapping[str, Faults]:
        """The faults in force; `*` is the default."""
        return {"*": self._default, **self._by_model}

    def draw(self, model: str, rng: Random) -> Failure | None:
        """What the next request of `model` meets; None when all is well."""
        faults = self.of(model)
        if faults.error_rate and rng.random() < faults.error_rate:
            return Failure(status=faults.error_status)
        if faults.rate_limit_rate and rng.random() < faults.rate_limit_rate:
            return Failure(status=429, retry_after=faults.retry_after)
        if faults.hang_rate and rng.random() < faults.hang_rate:
            return Failure(hangs=True)
        if faults.break_rate and rng.random() < faults.break_rate:
            return Failure(breaks=True)
        return None
