"""Entries and vectors for the tests of the stores."""

import time
from typing import Any

import numpy as np

from thriftgate.caching.entries import CacheEntry, Observation
from thriftgate.types import Choice, Usage, Vector

DIMENSIONS = 8


def vector(seed: int, *, dimensions: int = DIMENSIONS) -> Vector:
    """A unit vector, always the same for the same seed."""
    drawn = np.random.default_rng(seed).standard_normal(dimensions)
    return (drawn / np.linalg.norm(drawn)).astype(np.float32)


def entry(name: str, **fields: Any) -> CacheEntry:
    """An entry that lives for an hour, named after its key."""
    now = time.time()
    defaults: dict[str, Any] = {
        "entry_id": f"id-{name}",
        "scope": "scope",
        "key": f"key-{name}",
        "route": "support",
        "question": f"question {name}",
        "embedding": vector(sum(name.encode())),
        "choices": (Choice({"role": "assistant", "content": f"answer {name}"}, "stop"),),
        "model": "small",
        "usage": Usage(10, 20, 3, 4),
        "cost_usd": 0.001,
        "baseline_cost_usd": 0.01,
        "created_at": now,
        "expires_at": now + 3600,
    }
    return CacheEntry(**(defaults | fields))


def observation(entry_id: str, **fields: Any) -> Observation:
    """A verified outcome of an entry."""
    defaults: dict[str, Any] = {
        "entry_id": entry_id,
        "scope": "scope",
        "route": "support",
        "similarity": 0.9,
        "is_correct": True,
        "observed_at": 1_700_000_000.0,
    }
    return Observation(**(defaults | fields))
