"""The part of `thriftgate report` that tells how long requests and their stages took."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from thriftgate.services.books.latency import LatencyRow


def print_latency(rows: "Sequence[LatencyRow]") -> None:
    """Print a row for each route and stage; nothing when nothing was measured."""
    from rich.console import Console
    from rich.table import Table

    from thriftgate.wording import duration

    if not rows:
        return
    table = Table(title="\nLatency", title_justify="left", box=None, pad_edge=False)
    table.add_column("route", overflow="fold", min_width=10)
    table.add_column("stage")
    for name in ("n", "p50", "p95", "p99"):
        table.add_column(name, justify="right", no_wrap=True)
    route = None
    for row in rows:
        name = row.route if row.route != route else ""
        route = row.route
        table.add_row(name, row.stage, f"{row.n:,}", duration(row.p50), duration(row.p95), duration(row.p99))
    Console(highlight=False, markup=False).print(table)


def latency_record(row: "LatencyRow") -> Mapping[str, Any]:
    """A row with the unit in its names."""
    plain = asdict(row)
    return {f"{name}_seconds" if name.startswith("p") else name: value for name, value in plain.items()}
