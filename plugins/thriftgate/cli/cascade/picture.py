"""Cost against quality loss as a picture, for `thriftgate cascade calibrate --png`."""

from pathlib import Path

from thriftgate.cascade.calibration.calibration import Calibration
from thriftgate.cli.charts import ready_matplotlib


def draw_frontier(calibration: Calibration, target: Path, *, title: str) -> None:
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
