"""Cost against quality as a picture, one panel per data set."""

from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

_COLUMNS = 4


def draw(results: Sequence[dict[str, Any]], path: Path) -> None:
    """Frontier of the first resplit, always-cheap to always-strong, and the promised points of every resplit."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    rows = -(-len(results) // _COLUMNS)
    figure, axes = pyplot.subplots(rows, _COLUMNS, figsize=(4.2 * _COLUMNS, 3.6 * rows), squeeze=False)
    for axis in axes.flat[len(results) :]:
        axis.set_axis_off()
    for axis, result in zip(axes.flat, results, strict=False):
        _panel(axis, result)
    for row in axes:
        row[0].set_ylabel("quality (share right)")
    axes[0][0].legend(fontsize=8, loc="lower right")
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def _panel(axis: Any, result: dict[str, Any]) -> None:
    qualities, prices = list(result["quality"].values()), list(result["cost_of_one_call"].values())
    axis.plot([prices[0], 1], [qualities[0], qualities[-1]], ":", color="grey", label="random mixing")
    points = sorted(result["resplit"][0]["curve"])
    # The best that so much money buys: candidates that skip questions lie below others of the same cost.
    best = list(accumulate((quality for _, quality in points), max))
    axis.plot([cost for cost, _ in points], best, color="tab:blue", label="calibrated score (hindsight)")
    for share, style in ((0.98, "--"), (0.95, "-.")):
        axis.axhline(share * qualities[-1], ls=style, lw=0.7, color="black")
        at = result["summary"][f"at_{share:g}"]
        axis.plot(
            at["oracle"], share * qualities[-1], "*", color="tab:green", label="oracle" if share == 0.98 else None
        )
        axis.plot(
            at["best_fixed_threshold"],
            share * qualities[-1],
            "x",
            color="tab:orange",
            label="best single signal (hindsight)" if share == 0.98 else None,
        )
    for key, colour in (("0.02 split", "tab:red"), ("0.05 split", "tab:purple")):
        promises = [row["promises"][key] for row in result["resplit"]]
        axis.scatter(
            [one["cost"] for one in promises],
            [qualities[-1] - one["loss"] for one in promises],
            s=14,
            alpha=0.6,
            color=colour,
            label=f"promised {100 * float(key.split()[0]):g} %",
        )
    axis.set_title(f"{result['set']} (n = {result['n']:,})", fontsize=10)
    axis.set_xlabel("cost, share of always-strong")
