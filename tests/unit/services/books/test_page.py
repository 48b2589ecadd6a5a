"""The report as a page: self-contained, escaped, with a table beside every drawing."""

import re
import xml.etree.ElementTree as ET
from collections import Counter
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.memory_ledger import MemoryLedger

from thriftgate.cli.report.parts.quality import latency_record, print_latency
from thriftgate.services.books import charts
from thriftgate.services.books.charts import Bar, BarPart, PercentileRange
from thriftgate.services.books.latency import LatencySample
from thriftgate.services.books.report import make_report
from thriftgate.services.books.report_page import QualityNotes, ReportPage, read_page, render
from thriftgate.stats.tallies import MoneySums
from thriftgate.types import Caller, DecisionKind, RequestRecord, Stage, TierCall, Usage
from thriftgate.wording import money

NOW = 1_793_500_000.0
EVIL = "<script>alert(1)</script>\"&'"


def request(number: int, **changes: object) -> RequestRecord:
    fields: dict[str, object] = {
        "request_id": f"r{number}",
        "route": "support",
        "caller": Caller(user_id=f"user-{number % 3}"),
        "started_at": NOW + 86_400 * (number % 4),
        "duration": 0.1 * (number + 1),
        "time_to_first_token": 0.05,
        "stream": number % 2 == 0,
        "decision": DecisionKind.ACCEPTED,
        "cost_usd": 0.001,
        "baseline_cost_usd": 0.004 + 0.0001 * number,
        "calls": (TierCall(model="small", started_at=NOW, duration=0.1, usage=Usage(10, 5), cost_usd=0.001),),
        "stages": (Stage(name="cache", started_at=NOW, duration=0.002),),
    }
    return RequestRecord(**{**fields, **changes})  # pyright: ignore[reportArgumentType]


async def page_of(*records: RequestRecord) -> ReportPage:
    ledger = MemoryLedger()
    await ledger.record(records)
    return await read_page(ledger, since=None, made_at=NOW)


class Outline(HTMLParser):
    """Which elements a page has, and what they point at."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.links: list[str] = []
        self.ids: list[str] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.links += [value or "" for name, value in attrs if name in ("src", "href", "action", "xlink:href")]
        self.ids += [value or "" for name, value in attrs if name == "id"]
        if tag not in ("meta", "rect", "line"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1

    def handle_endtag(self, tag: str) -> None:
        if tag not in ("rect", "line") or (self.open and self.open[-1] == tag):
            assert tag in ("rect", "line") or self.open.pop() == tag, f"</{tag}> closes what is not open"


async def test_names_that_clients_make_up_do_not_fill_the_page() -> None:
    made_up = [request(n, route=f"none-{n}", cost_usd=0.0, baseline_cost_usd=0.0, calls=()) for n in range(60)]
    text = render(await page_of(*map(request, range(1_000, 1_003)), *made_up))
    assert "support" in text
    assert len(set(re.findall(r"none-\d+", text))) == 49
    assert "11 more are not shown" in text


async def test_the_page_loads_nothing_and_runs_nothing() -> None:
    text = render(await page_of(*map(request, range(20))))
    outline = Outline(text)
    assert outline.open == []
    assert not {"script", "link", "img", "iframe", "object", "form"} & set(outline.tags)
    assert outline.links == []
    assert "url(" not in text
    assert "http" not in text.replace("http-equiv", "")
    assert "default-src 'none'" in text
    assert len(outline.ids) == len(set(outline.ids))


async def test_every_drawing_has_a_title_and_a_table_beside_it() -> None:
    text = render(await page_of(*map(request, range(20))))
    drawings = re.findall(r"<svg.*?</svg>", text, re.DOTALL)
    assert len(drawings) == 4
    for drawing in drawings:
        tree = ET.fromstring(drawing)
        assert tree.attrib["role"] == "img"
        title, words = (tree.find(name) for name in ("title", "desc"))
        assert title is not None
        assert words is not None
        assert tree.attrib["aria-labelledby"].split() == [title.attrib["id"], words.attrib["id"]]
    for section in re.findall(r"<section.*?</section>", text, re.DOTALL):
        assert "<svg" not in section or section.index("<svg") < section.index("<table")
    assert text.count("<table>") == text.count("<caption>")
    assert "color-scheme: light dark" in text


async def test_a_name_is_shown_as_it_is_called_and_never_as_markup() -> None:
    page = await page_of(*(request(n, route=EVIL, caller=Caller(user_id=EVIL)) for n in range(4)))
    evil_model = request(9, calls=(TierCall(model=EVIL, started_at=NOW, duration=1),))
    page = await page_of(*(request(n, route=EVIL, caller=Caller(user_id=EVIL)) for n in range(4)), evil_model)
    text = render(
        ReportPage(
            routes=page.routes,
            days=page.days,
            users=page.users,
            models=page.models,
            made_at=NOW,
            quality=[QualityNotes(route=EVIL, lines=[("audits", EVIL)])],
        )
    )
    assert "<script" not in text
    assert "&lt;script&gt;alert(1)" in text
    assert Outline(text).open == []
    for drawing in re.findall(r"<svg.*?</svg>", text, re.DOTALL):
        ET.fromstring(drawing)


async def test_what_was_said_is_not_on_the_page() -> None:
    said = request(1, input=({"role": "user", "content": "hunter2"},), output="hunter2", metadata={"x": "hunter2"})
    assert "hunter2" not in render(await page_of(said, request(2)))


async def test_the_sum_saved_comes_with_its_interval_and_the_page_says_how() -> None:
    page = await page_of(*map(request, range(20)))
    saved = page.routes.total_saved
    assert saved is not None
    assert saved.estimate == pytest.approx(sum(0.003 + 0.0001 * n for n in range(20)))
    assert saved.low < saved.estimate < saved.high
    text = render(page)
    assert f"between {money(saved.low)} and" in text
    assert "normal approximation" in text
    assert "delta method" in text


async def test_an_empty_ledger_makes_a_page_that_says_so() -> None:
    text = render(await page_of())
    assert "No request was answered" in text
    assert "<svg" not in text
    assert Outline(text).open == []


async def test_one_free_request_draws_nothing_and_breaks_nothing() -> None:
    free = request(0, cost_usd=0.0, baseline_cost_usd=0.0, calls=(), duration=0.0, stages=(), stream=False)
    text = render(await page_of(free))
    assert "No interval" in text
    assert Outline(text).open == []


async def test_latencies_are_exact_percentiles_by_route_and_stage() -> None:
    ledger = MemoryLedger()
    await ledger.record([request(n, duration=float(n)) for n in range(1, 101)])
    rows = {(row.route, row.stage): row for row in (await make_report(ledger, "total", since=None)).latencies}
    assert list(rows) == [("support", "request"), ("support", "first token"), ("support", "cache")]
    whole = rows["support", "request"]
    assert (whole.n, whole.p50, whole.p95) == (100, pytest.approx(50.5), pytest.approx(95.05))
    assert whole.p99 == pytest.approx(99.01)
    assert rows["support", "first token"].n == 50, "only streamed requests have one"
    assert latency_record(whole)["p99_seconds"] == whole.p99


def test_the_table_of_latencies_names_each_route_once(capsys: pytest.CaptureFixture[str]) -> None:
    sample = LatencySample()
    for number in range(3):
        sample.add(request(number, route="[red]x"))
    print_latency(sample.rows())
    said = capsys.readouterr().out
    assert said.count("[red]x") == 1
    assert "first token" in said
    print_latency([])
    assert capsys.readouterr().out == ""


sums = st.lists(st.tuples(st.floats(0, 10), st.floats(0, 10)), min_size=2, max_size=40)


@given(sums)
def test_the_interval_of_a_sum_is_that_of_the_mean_times_n(pairs: list[tuple[float, float]]) -> None:
    import numpy as np

    from thriftgate.stats.intervals import mean_interval

    tally = MoneySums(
        n=len(pairs),
        cost=sum(cost for cost, _ in pairs),
        baseline=sum(baseline for _, baseline in pairs),
        cost_squared=sum(cost * cost for cost, _ in pairs),
        baseline_squared=sum(baseline * baseline for _, baseline in pairs),
        product=sum(cost * baseline for cost, baseline in pairs),
    )
    mean = mean_interval(np.array([baseline - cost for cost, baseline in pairs]))
    found = tally.saved_usd()
    assert found is not None
    assert found.low == pytest.approx(mean.low * len(pairs), abs=1e-4)
    assert found.high == pytest.approx(mean.high * len(pairs), abs=1e-4)


names = st.text(max_size=40)
amounts = st.floats(0, 1e6, allow_subnormal=False)


@given(st.lists(st.tuples(names, st.lists(amounts, max_size=3)), max_size=6), st.booleans())
def test_any_bars_are_well_formed_and_stay_inside_their_drawing(
    rows: list[tuple[str, list[float]]], share: bool
) -> None:
    drawn = [Bar(_printable(label), [BarPart("spent", value, "") for value in values]) for label, values in rows]
    for text in (
        charts.bars("a", "t", "d", drawn, share=share), charts.columns("b", "t", "d", drawn, top_words="$1")
    ):  # fmt: skip
        if not text:
            continue
        tree = ET.fromstring(text)
        width, height = (float(value) for value in tree.attrib["viewBox"].split()[2:])
        for box in tree.iter("rect"):
            assert 0 <= float(box.attrib["x"]) <= float(box.attrib["x"]) + float(box.attrib["width"]) <= width + 0.2
            assert 0 <= float(box.attrib["y"]) <= float(box.attrib["y"]) + float(box.attrib["height"]) <= height + 0.2


@given(st.lists(st.lists(st.floats(0, 1e4, allow_subnormal=False), min_size=3, max_size=3), max_size=6))
def test_any_spans_are_well_formed_and_rise(rows: list[list[float]]) -> None:
    text = charts.spans("a", "t", "d", [PercentileRange("x", *sorted(row)) for row in rows])
    for box in ET.fromstring(text).iter("rect") if text else ():
        assert 0 <= float(box.attrib["x"]) <= 720
        assert float(box.attrib["width"]) > 0


def _printable(text: str) -> str:
    """XML cannot hold control characters and lone surrogates at all; the ledger holds none either."""
    return "".join(letter for letter in text if letter.isprintable())
