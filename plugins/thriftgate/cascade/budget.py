"""Cheaper answers for callers whose budget runs low: a walk along the promises that the artefact could prove.

Failure behaviour: without a proven promise that is looser than the route's own, nothing changes.
"""

from collections.abc import Mapping, Sequence
from typing import Any


def allowed_loss(used_share: float, *, starts_at: float, promised: float, floor: float) -> float:
    """The quality loss allowed at this state of the budget.

    The route's promise until `starts_at`, then rising in proportion to the floor's at the end of the budget.
    """
    if used_share <= starts_at or floor <= promised:
        return promised
    return promised + (floor - promised) * min(1.0, (used_share - starts_at) / (1 - starts_at))


def accept_at_for(promises: Sequence[Mapping[str, Any]], loss: float) -> tuple[float, ...] | None:
    """The thresholds of the loosest proven promise that loses at most `loss`; None when there is none."""
    fitting = [one for one in promises if one["max_quality_loss"] <= loss + 1e-12 and one["holds"]]
    if not fitting:
        return None
    return tuple(max(fitting, key=lambda one: float(one["max_quality_loss"]))["accept_at"])
