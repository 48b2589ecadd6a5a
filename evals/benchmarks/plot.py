"""The picture of `make bench`: CPU per request of each scenario, as a ratio of the bare proxy's."""

from pathlib import Path
from typing import Any


def draw(found: dict[str, Any], target: Path) -> None:
    """Write a PNG."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib.figure import Figure

    rows = found["scenarios"]
    ratios = [row["ratio_cpu_ms"] for row in rows.values()]
    figure = Figure(figsize=(7.5, 3.2), layout="constrained")
    axes = figure.subplots()
    places = range(len(rows))
    errors = [[ratio - low for ratio, low, _ in ratios], [high - ratio for ratio, _, high in ratios]]
    axes.barh(places, [ratio for ratio, _, _ in ratios], xerr=errors, color="#2563eb", height=0.55, capsize=3)
    for place, row in zip(places, rows.values(), strict=True):
        if row["aim_cpu"]:
            axes.plot([row["aim_cpu"]] * 2, [place - 0.4, place + 0.4], color="#dc2626", linewidth=2)
    axes.axvline(1, color="#111827", linewidth=1, linestyle="--")
    axes.set_yticks(list(places), list(rows))
    axes.invert_yaxis()
    axes.set_xlabel("CPU per request, bare LiteLLM proxy = 1 (red: the aim; bars: 95 % intervals)")
    figure.savefig(target, dpi=140)
