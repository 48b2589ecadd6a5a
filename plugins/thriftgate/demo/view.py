"""The bill as a person reads it.

Failure behaviour: pure; what is not known is shown as "not told", never as 0.
"""

from collections.abc import Iterable, Mapping, Sequence

from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from thriftgate.demo.bill import Bill, Comparison, Day, JudgedShare, Latency
from thriftgate.stats import Interval
from thriftgate.types import DecisionKind
from thriftgate.wording import duration, money, percent, with_interval

_UNKNOWN = "not told"


def print_bill(bill: Bill, console: Console, *, model: str, baseline_model: str) -> None:
    """Print THE BILL."""
    parts: list[RenderableType] = [_decisions(bill), _totals(bill)]
    if bill.comparison is not None:
        parts.append(_comparison(bill.comparison, baseline_model))
    if len(bill.days) > 1:
        parts.append(_days(bill.days))
    parts.append(Text("\n" + wrong_in_words(bill), "dim"))
    parts.extend(_failures(bill))
    title = f"THE BILL   {bill.requests} requests to '{model}'"
    console.print(Panel(Group(*parts), title=title, title_align="left", expand=False, padding=(1, 2)))


def _decisions(bill: Bill) -> Table:
    table = Table("decision", "requests", "p50", "p95", "judged right [95 %]", box=None, pad_edge=False)
    for column in table.columns[1:]:
        column.justify = "right"
    order = [kind.value for kind in DecisionKind]
    for decision in sorted(bill.decisions, key=lambda name: order.index(name) if name in order else len(order)):
        latency, quality = bill.latency_by_decision[decision], bill.quality_by_decision[decision]
        table.add_row(decision, _count(bill.decisions[decision], bill), *_seconds(latency), _right(quality))
    table.add_row(Text("all", "bold"), str(bill.latency.n), *_seconds(bill.latency), _right(bill.quality))
    return table


def _totals(bill: Bill) -> Table:
    told = _UNKNOWN if bill.told_saved_usd is None else money(bill.told_saved_usd, 4)
    kinds = ", ".join(f"{count} {kind.replace('_', ' ')}" for kind, count in bill.kinds.items())
    rows = (
        ("asked", f"{kinds}; {bill.repeats} repeats, {bill.streamed} streamed"),
        ("tokens", f"{bill.prompt_tokens:,} in, {bill.completion_tokens:,} out"),
        ("tool turns", str(bill.tool_turns)),
        ("coalesced", str(bill.coalesced)),
        ("traps", f"{bill.traps} asked, {bill.trap_hits} of them semantic hits, {bill.false_hits} of those false"),
        ("cost", f"{money(bill.cost_usd, 4)}; the gateway says that it saved {told}"),
    )
    return _grid(rows)


def _comparison(comparison: Comparison, baseline_model: str) -> Table:
    title = f"\nthe same {comparison.n} requests with and without thriftgate"
    table = Table("", "with", f"always '{baseline_model}'", title=title, title_justify="left", box=None, pad_edge=False)
    for column in table.columns[1:]:
        column.justify = "right"
    ours, theirs = comparison.latency, comparison.baseline_latency
    table.add_row("cost", money(comparison.cost_usd, 4), money(comparison.baseline_cost_usd, 4))
    table.add_row("judged right", _share(comparison.quality.share), _share(comparison.baseline_quality.share))
    table.add_row("latency p50 / p95", " / ".join(_seconds(ours)), " / ".join(_seconds(theirs)))
    table.add_row(Text("saved", "bold"), Text(_share(comparison.saved_share), "bold green"), "")
    return table


def _days(days: Sequence[Day]) -> Table:
    title = "\nday by day: one day alone says little"
    table = Table("day", "requests", "right", "without", "lost", "saved", title=title, title_justify="left", box=None,
                  pad_edge=False)  # fmt: skip
    for column in table.columns[1:]:
        column.justify = "right"
    for day in days:
        saved = _UNKNOWN
        if day.cost_usd is not None and day.baseline_cost_usd:
            saved = percent(1 - day.cost_usd / day.baseline_cost_usd, 0)
        cells = (f"{day.n}", f"{day.right}", f"{day.baseline_right}", f"{100 * day.lost:.1f} points", saved)
        table.add_row(str(day.day), *cells)
    return table


def wrong_in_words(bill: Bill) -> str:
    """Where the wrong answers come from, and what a single day lost at most."""
    wrong = bill.wrong
    if not wrong.n:
        return "No answer was wrong."
    words = f"{wrong.n} of {bill.quality.n} answers were wrong"
    if wrong.repeats:
        answers = "one answer" if wrong.repeated == 1 else f"{wrong.repeated} answers"
        words += f"; {wrong.repeats} of them were the cache giving {answers} again that a model had got wrong"
    words += "."
    if bill.days:
        worst = max(bill.days, key=lambda day: day.lost)
        words += f" The worst day lost {max(0.0, 100 * worst.lost):.1f} points against the strong model alone."
    return words


def _failures(bill: Bill) -> Iterable[RenderableType]:
    for words, failures in (("failed", bill.failures), ("failed without thriftgate", bill.baseline_failures)):
        if failures:
            yield Text(f"\n{sum(failures.values())} {words}: {_reasons(failures)}", "red")


def _reasons(failures: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {reason}" for reason, count in failures.items())


def _grid(rows: Iterable[tuple[str, str]]) -> Table:
    grid = Table(show_header=False, box=None, pad_edge=False)
    grid.add_row("", "")
    for name, value in rows:
        grid.add_row(Text(name, "dim"), value)
    return grid


def _count(count: int, bill: Bill) -> str:
    return f"{count} ({count / bill.latency.n:.0%})"


def _seconds(latency: Latency) -> tuple[str, str]:
    return duration(latency.p50), duration(latency.p95)


def _right(quality: JudgedShare) -> str:
    if not quality.n:
        return "-"
    return f"{quality.right}/{quality.n}  {_share(quality.share)}"


def _share(share: Interval | None) -> str:
    """A share with its 95 % interval, in per cent."""
    return _UNKNOWN if share is None else with_interval(share)
