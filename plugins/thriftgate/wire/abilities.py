"""What some providers take of a request in another dialect than the client's, and others do not.

Failure behaviour: pure.
"""

from enum import StrEnum


class Ability(StrEnum):
    """Something of a request that has a counterpart in another dialect, and that not every provider takes."""

    ONE_CALL = "parallel_tool_calls"
    EFFORT = "reasoning_effort"
    NO_EFFORT = "reasoning_effort: none"
    """A model that thinks can be told not to."""
    TOP_K = "top_k"
    SERVICE_TIER = "service_tier"
    STRICT_TOOLS = "tools[*].strict"


NO_ABILITIES: frozenset[Ability] = frozenset()
