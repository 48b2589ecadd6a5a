"""What is sent to an observability backend: spans and scores, as plain values."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from thriftgate.types import Status

Attribute = str | bool | int | float | tuple[str, ...]
Level = Literal["DEFAULT", "WARNING", "ERROR"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """One piece of work in a trace. Ids are lower-case hex, times are seconds since the Unix epoch."""

    trace_id: str
    span_id: str
    parent_id: str | None
    name: str
    started_at: float
    ended_at: float
    status: Status = Status.OK
    attributes: Mapping[str, Attribute] = field(default_factory=dict[str, Attribute])


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One judgement of a trace. Sent twice it counts once: `score_id` is always the same for the same judgement."""

    score_id: str
    trace_id: str
    name: str
    value: float | str
    """A word where it is categorical; 1 and 0 where it is boolean."""
    at: float
    """The time that it is about, in seconds since the Unix epoch."""
    data_type: Literal["NUMERIC", "BOOLEAN", "CATEGORICAL"] = "NUMERIC"
    environment: str = "default"
    metadata: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def body(self) -> dict[str, Any]:
        """The JSON of Langfuse's `POST /api/public/scores`."""
        return {
            "id": self.score_id,
            "traceId": self.trace_id,
            "name": self.name,
            "value": self.value,
            "dataType": self.data_type,
            "environment": self.environment,
            "metadata": dict(self.metadata),
        }


def finite_number(number: float | None) -> float:
    """The number, or 0 where it is none: one broken price must not make a request disappear."""
    return number if number is not None and math.isfinite(number) else 0.0
