"""What a provider says it was asked and what it charges: the CSV files that its console exports.

| file | told by | says |
|---|---|---|
| OpenAI usage | `num_model_requests` | requests and tokens by day and model |
| OpenAI costs | `amount_value` | money by day and line item (a model and a kind of token) |
| Anthropic usage | `usage_input_tokens_no_cache` | tokens by day and model |
| Anthropic costs | `cost_usd`, `usage_date_utc` | money by day, model and kind of token |

Failure behaviour: a file of another shape, or a cell that is no number, is an InvalidRequestError that names the line.
"""

import csv
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from thriftgate.errors import InvalidRequestError

Provider = Literal["openai", "anthropic"]
WHOLE_DAY = "(all models)"
"""The model of a line that names none."""
_DATED = re.compile(r"[-@](\d{8}|\d{4}-\d{2}-\d{2})$")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_CACHE_COLUMNS = ("usage_input_tokens_cache_write_5m", "usage_input_tokens_cache_write_1h")


@dataclass(frozen=True, slots=True)
class InvoiceTally:
    """What one side knows of a day and model; None where it does not say."""

    requests: int | None = None
    input_tokens: int | None = None
    cached_tokens: int | None = None
    """The part of `input_tokens` that was read from the provider's cache."""
    output_tokens: int | None = None
    cost_usd: float | None = None

    def __add__(self, other: "InvoiceTally") -> "InvoiceTally":
        return InvoiceTally(
            _plus(self.requests, other.requests),
            _plus(self.input_tokens, other.input_tokens),
            _plus(self.cached_tokens, other.cached_tokens),
            _plus(self.output_tokens, other.output_tokens),
            _plus_usd(self.cost_usd, other.cost_usd),
        )


@dataclass(frozen=True, slots=True)
class Invoice:
    """A provider's file, by day (UTC, `2026-11-28`) and model."""

    provider: Provider
    lines: Mapping[tuple[str, str], InvoiceTally] = field(default_factory=dict[tuple[str, str], InvoiceTally])


def model_name(model: str) -> str:
    """The model behind the names that a gateway, an API and an invoice give it.

    Without a provider before it, without the date of its version, in lower case, with hyphens:
    `anthropic/claude-haiku-4-5-20251001` and `Claude Haiku 4.5` are both `claude-haiku-4-5`.
    """
    bare = model.strip().lower().rsplit("/", 1)[-1].replace(" ", "-").replace(".", "-")
    return _DATED.sub("", bare)


def read_invoice(lines: Iterable[str]) -> Invoice:
    """The file. Raises InvalidRequestError."""
    reader = csv.DictReader(lines)
    columns = {(name or "").strip().lstrip("\ufeff").lower() for name in reader.fieldnames or ()}
    for needed, provider, read in _FORMATS:
        if needed <= columns:
            return Invoice(provider, _tallied(_rows(reader), read))
    raise InvalidRequestError("is none of the CSV files that OpenAI's and Anthropic's consoles export: usage or costs")


_Row = Mapping[str, str]


def _rows(reader: "csv.DictReader[str]") -> Iterator[tuple[int, _Row]]:
    try:
        for row in reader:
            yield (
                reader.line_num,
                {
                    (name or "").strip().lstrip("\ufeff").lower(): (value or "").strip()
                    for name, value in row.items()
                    if isinstance(value, str)
                },
            )
    except csv.Error as error:
        raise InvalidRequestError(f"line {reader.line_num}: is not CSV ({error})") from None


def _tallied(
    rows: Iterable[tuple[int, _Row]], read: Callable[[_Row], tuple[str, str, InvoiceTally] | None]
) -> dict[tuple[str, str], InvoiceTally]:
    found: dict[tuple[str, str], InvoiceTally] = {}
    for number, row in rows:
        try:
            one = read(row)
        except ValueError as error:
            raise InvalidRequestError(f"line {number}: {error}") from None
        if one is not None:
            day, model, tally = one
            found[day, model] = found[day, model] + tally if (day, model) in found else tally
    return found


def _openai_usage(row: _Row) -> tuple[str, str, InvoiceTally] | None:
    if not row.get("model"):
        return None  # a day without any use has a line too
    tally = InvoiceTally(
        requests=_count(row, "num_model_requests"),
        input_tokens=_count(row, "input_tokens"),
        cached_tokens=_count(row, "input_cached_tokens"),
        output_tokens=_count(row, "output_tokens"),
    )
    return _day(row, "start_time_iso"), model_name(row["model"]), tally


def _openai_costs(row: _Row) -> tuple[str, str, InvoiceTally] | None:
    if not row.get("amount_value"):
        return None
    currency = row.get("amount_currency", "usd").lower()
    if currency not in ("", "usd"):
        raise ValueError(f"the amount is in {currency}, not in US dollars")
    model = row.get("line_item", "").split(",")[0]
    tally = InvoiceTally(cost_usd=_money(row, "amount_value"))
    return _day(row, "start_time_iso"), model_name(model) if model else WHOLE_DAY, tally


def _anthropic_usage(row: _Row) -> tuple[str, str, InvoiceTally] | None:
    cached = _count(row, "usage_input_tokens_cache_read")
    written = sum(_count(row, column) for column in _CACHE_COLUMNS)
    tally = InvoiceTally(
        input_tokens=_count(row, "usage_input_tokens_no_cache") + cached + written,
        cached_tokens=cached,
        output_tokens=_count(row, "usage_output_tokens"),
    )
    return _day(row, "usage_date_utc"), model_name(row.get("model_version", "")) or WHOLE_DAY, tally


def _anthropic_costs(row: _Row) -> tuple[str, str, InvoiceTally] | None:
    tally = InvoiceTally(cost_usd=_money(row, "cost_usd"))
    return _day(row, "usage_date_utc"), model_name(row.get("model", "")) or WHOLE_DAY, tally


_FORMATS: tuple[tuple[frozenset[str], Provider, Callable[[_Row], tuple[str, str, InvoiceTally] | None]], ...] = (
    (frozenset({"start_time_iso", "num_model_requests", "input_tokens", "model"}), "openai", _openai_usage),
    (frozenset({"start_time_iso", "amount_value"}), "openai", _openai_costs),
    (frozenset({"usage_date_utc", "usage_input_tokens_no_cache"}), "anthropic", _anthropic_usage),
    (frozenset({"usage_date_utc", "cost_usd"}), "anthropic", _anthropic_costs),
)


def _day(row: _Row, column: str) -> str:
    found = _DAY.match(row.get(column, ""))
    if found is None:
        raise ValueError(f"`{column}` is no date")
    return found.group()


def _count(row: _Row, column: str) -> int:
    number = _money(row, column)
    if number < 0:
        raise ValueError(f"`{column}` is negative")
    return int(number)


def _money(row: _Row, column: str) -> float:
    text = row.get(column, "").replace(",", "").removeprefix("$")
    try:
        number = float(text) if text else 0.0
    except ValueError:
        raise ValueError(f"`{column}` is no number") from None
    if not math.isfinite(number):
        raise ValueError(f"`{column}` is no number")
    return number


def _plus(one: int | None, other: int | None) -> int | None:
    return None if one is None and other is None else (one or 0) + (other or 0)


def _plus_usd(one: float | None, other: float | None) -> float | None:
    return None if one is None and other is None else (one or 0.0) + (other or 0.0)
