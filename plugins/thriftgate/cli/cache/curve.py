"""The picture of `thriftgate cache tune`: hits against wrong answers.

Failure behaviour: raises OSError when the picture cannot be written.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from thriftgate.cli.charts import ready_matplotlib


@dataclass(frozen=True, slots=True)
class Curve:
    """One way to decide, at several settings."""

    name: str
    points: Sequence[tuple[float, float, str]]
    """(share of all answers that were wrong, share served from the cache, the setting)."""


def draw_curves(curves: Sequence[Curve], target: Path, *, title: str, promise: float) -> None:
    """Write a PNG; `promise` is drawn as a line."""
    ready_matplotlib()
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.5, 4.5), layout="constrained")
    axes = figure.subplots()
    for curve, colour in zip(curves, ("#8a8f98", "#2563eb", "#16a34a", "#d97706"), strict=False):
        points = sorted(curve.points)
        axes.plot(
            [100 * x for x, _, _ in points], [100 * y for _, y, _ in points], "o-", color=colour, label=curve.name
        )
        for x, y, setting in points:
            axes.annotate(setting, (100 * x, 100 * y), textcoords="offset points", xytext=(6, -10), fontsize=8)
    axes.axvline(100 * promise, color="#dc2626", linestyle="--", linewidth=1, label=f"max_error {promise:g}")
    axes.set_xlabel("wrong answers, % of all answers")
    axes.set_ylabel("served from the cache, %")
    axes.set_title(title, fontsize=11)
    axes.set_xlim(left=0)
    axes.set_ylim(0, 100)
    axes.grid(alpha=0.25)
    axes.legend(frameon=False)
    figure.savefig(target, dpi=150)
