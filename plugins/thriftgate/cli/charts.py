"""The pictures of the commands with `--png`, drawn with matplotlib where it is installed.

Failure behaviour: without matplotlib, which only the extra `png` installs, click.ClickException. Commands ask before
they begin, so that nothing is worked out in vain. A file that cannot be written: OSError.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from thriftgate.cascade.calibration.calibration import Calibration


def ready_matplotlib() -> None:
    """Import matplotlib for files and no screen."""
    try:
        import matplotlib as mpl
    except ModuleNotFoundError:
        raise click.ClickException(
            "charts need matplotlib, which this installation is without: install thriftgate[png]"
        ) from None
    mpl.use("Agg")


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


def draw_frontier(calibration: "Calibration", target: Path, *, title: str) -> None:
    """Every candidate, those that passed their test, and the one that was chosen."""
    ready_matplotlib()
    from matplotlib import pyplot

    figure, axis = pyplot.subplots(figsize=(6.4, 4.4))
    for passed, colour, name in ((False, "lightgrey", "not proved"), (True, "tab:blue", "proved")):
        points = [one for one in calibration.tested if one.passed is passed]
        axis.scatter(
            [100 * one.cost_share for one in points], [100 * one.loss for one in points], s=18, c=colour, label=name
        )
    if calibration.chosen is not None:
        chosen = calibration.chosen
        axis.scatter([100 * chosen.cost_share], [100 * chosen.loss], s=90, marker="*", c="tab:red", label="chosen")
    axis.axhline(100 * calibration.promise.max_quality_loss, ls="--", lw=0.8, c="black", label="max_quality_loss")
    axis.set_xlabel("cost, % of always-strong")
    axis.set_ylabel("quality lost on the test labels, points")
    axis.set_title(title, fontsize=10)
    axis.legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(target, dpi=110)
    pyplot.close(figure)
