"""The live page in a real browser: by keyboard, on a phone, in the dark, without scripts, and read aloud."""

import asyncio
import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from importlib.resources import files
from itertools import pairwise
from pathlib import Path

import pytest
import uvicorn
from tests.chromium import BINARY, Tab, open_tab
from tests.memory_ledger import MemoryLedger
from tests.page_setup import MASTER_KEY, NOW, PageSetup, day

from thriftgate.identity.records import Key
from thriftgate.services.books.report_page import read_page, render

pytestmark = [
    pytest.mark.skipif(BINARY is None, reason="no Chromium here: apt-get install chromium"),
    pytest.mark.xdist_group("browser"),
]

CONTRAST = Path(__file__).with_name("contrast.js")
_NEWEST_AXE = Path(__file__).parents[4] / ".tools" / "clients" / "node_modules" / "axe-core" / "axe.min.js"
"""Where `make clients` puts it."""
AXE = _NEWEST_AXE if _NEWEST_AXE.exists() else files("axe_playwright_python") / "axe.min.js"


class Site:
    """A page that is served, and a browser in front of it."""

    def __init__(self, setup: PageSetup, url: str, tab: Tab) -> None:
        self.setup = setup
        self.url = url
        self.tab = tab

    def sign_in(self) -> None:
        self.tab.go(f"{self.url}/login")
        self.tab.value("document.getElementById('key').focus()")
        self.tab.type(MASTER_KEY)
        with self.tab.loading():
            self.tab.press("Enter")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One browser for all tests: it takes a second or two to start."""
    setup = PageSetup(tmp_path_factory.mktemp("page"))
    setup.begin_experiment()
    setup.list_keys()
    for name in ("k-app", "k-lost"):
        setup.identities.all_keys[name] = Key(key_id=name, digest=bytes(32), created_at=NOW, alias=f"the {name}")
    setup.state = replace(setup.state, traces_at="https://langfuse.example.com/project/p-1/traces/")
    asyncio.run(setup.fill(day(300)))
    server = uvicorn.Server(uvicorn.Config(setup.app, port=0, log_level="error", ws="none", lifespan="off"))
    ready = threading.Event()
    startup = server.startup

    async def started(*args: object, **kwargs: object) -> None:
        await startup()
        ready.set()

    server.startup = started
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        assert ready.wait(30)
        port = server.servers[0].sockets[0].getsockname()[1]
        with open_tab() as tab:
            yield Site(setup, f"http://127.0.0.1:{port}/thriftgate", tab)
    finally:
        server.should_exit = True
        thread.join(30)


@pytest.fixture
def site(served: Site) -> Site:
    """The page as if nobody had been there, in a wide window."""
    served.tab.scripts(allowed=True)
    served.tab.forget_cookies()
    served.tab.prefer(color_scheme="light")
    served.tab.resize(1280)
    served.tab.events.clear()
    served.setup.ledger.is_away = False
    return served


def test_an_operator_signs_in_looks_around_and_signs_out_by_keyboard_alone(site: Site) -> None:
    tab = site.tab
    tab.go(site.url)
    tab.until("document.activeElement.id === 'key'")  # the only thing to fill in has the focus
    tab.type("sk-wrong")
    with tab.loading():
        tab.press("Enter")
    assert "no operator's key" in tab.text('[role="alert"]')
    tab.until("document.activeElement.id === 'key'")
    tab.type(MASTER_KEY)
    with tab.loading():
        tab.press("Enter")
    assert "Saved in the last 24 hours" in tab.text("main")
    _walk_to(tab, "last 7 days")
    with tab.loading():
        tab.press("Enter")
    assert "Saved in the last 7 days" in tab.text("main")
    _walk_to(tab, "Sign out")
    with tab.loading():
        tab.press("Enter")
    assert tab.text("h1") == "Sign in to thriftgate"
    tab.go(site.url)
    assert tab.text("h1") == "Sign in to thriftgate"


def test_an_admin_revokes_a_key_by_keyboard_alone(site: Site) -> None:
    tab = site.tab
    site.sign_in()
    tab.value("document.querySelector('#keys').scrollIntoView()")
    tab.value("document.querySelector('a[href*=\"revoke?key=k-lost\"]').focus()")
    with tab.loading():
        tab.press("Enter")
    assert tab.text("h1") == "Revoke the k-lost"
    assert _overflow(tab) == []
    tab.until("document.activeElement.id === 'key'")
    tab.type(MASTER_KEY)
    with tab.loading():
        tab.press("Enter")
    assert "Saved in the last 24 hours" in tab.text("main")
    row = "[...document.querySelectorAll('tr')].find(one => one.innerText.includes('the k-lost')).innerText"
    assert "revoked" in tab.value(row)
    assert tab.complaints() == []


def _walk_to(tab: Tab, words: str) -> None:
    for _ in range(40):
        tab.press("Tab")
        if words in tab.value("document.activeElement.textContent"):
            return
    raise AssertionError(f"the keyboard does not reach '{words}'")


def test_the_page_works_without_scripts_and_has_none(site: Site) -> None:
    site.tab.scripts(allowed=False)
    site.sign_in()
    with site.tab.loading():
        site.tab.click('a[href$="period=1h"]')
    site.tab.click("summary")
    site.tab.scripts(allowed=True)
    assert site.tab.value("document.scripts.length") == 0
    assert "Saved in the last hour" in site.tab.text("main")
    assert site.tab.value("document.querySelector('details').open") is True


def test_nothing_is_loaded_from_elsewhere_and_the_browser_has_nothing_to_complain_of(site: Site) -> None:
    site.sign_in()
    sent = [event for event in site.tab.events if event["method"] == "Network.requestWillBeSent"]
    urls = [event["params"]["request"]["url"] for event in sent]
    assert len(urls) >= 4
    assert all(url.startswith(site.url) for url in urls), urls
    assert site.tab.complaints() == []
    assert site.tab.value("document.fonts.size") == 0


def test_the_session_is_out_of_reach_of_scripts(site: Site) -> None:
    site.sign_in()
    (cookie,) = site.tab.cookies()
    assert (cookie["name"], cookie["httpOnly"], cookie["sameSite"]) == ("thriftgate_session", True, "Strict")
    assert site.tab.value("document.cookie") == ""


@pytest.mark.parametrize("width", [320, 360, 390, 768, 1024, 1280, 1600])
def test_no_width_makes_the_page_scroll_sideways(site: Site, width: int) -> None:
    site.tab.resize(width)
    site.tab.go(site.url)
    assert _overflow(site.tab) == []
    site.sign_in()
    site.tab.go(f"{site.url}?period=1h")
    site.tab.click("summary")
    assert _overflow(site.tab) == []
    site.setup.ledger.is_away = True
    site.setup.clock.advance(3_600)
    site.tab.go(site.url)
    assert "The database is away" in site.tab.text("h1")
    assert _overflow(site.tab) == []
    site.setup.clock.advance(-3_600)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The report of the same day, as the address of its file."""

    async def made() -> str:
        ledger = MemoryLedger()
        await ledger.record(day(300))
        return render(await read_page(ledger, since=None, made_at=NOW))

    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(asyncio.run(made()))
    return path.as_uri()


@pytest.mark.parametrize("width", [390, 768, 1024, 1280, 1600])
def test_no_width_makes_the_report_scroll_sideways_or_clips_it(site: Site, report: str, width: int) -> None:
    site.tab.resize(width)
    site.tab.go(report)
    assert _overflow(site.tab) == []
    clipped = """[...document.querySelectorAll('svg text')].filter(one => {
      const box = one.getBoundingClientRect(), around = one.ownerSVGElement.getBoundingClientRect();
      return box.left < around.left - 1 || box.right > around.right + 1 }).map(one => one.textContent)"""
    assert site.tab.value(clipped) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("place", ["page", "login", "report"])
def test_axe_finds_nothing_to_complain_of(site: Site, report: str, place: str, scheme: str) -> None:
    site.tab.prefer(color_scheme=scheme)
    if place == "page":
        site.sign_in()
    else:
        site.tab.go(report if place == "report" else f"{site.url}/login")
    site.tab.value(AXE.read_text() + "; 0")
    found = site.tab.value("axe.run().then(done => [done.violations, done.passes.length])")
    assert found[1] > 10
    assert [(one["id"], [node["html"][:90] for node in one["nodes"]]) for one in found[0]] == []


def _overflow(tab: Tab) -> list[str]:
    """What reaches beyond the right edge of the window and is in nothing that can be scrolled by itself."""
    return tab.value(
        """(() => {
          const wide = document.documentElement.scrollWidth > innerWidth;
          const reaching = [...document.querySelectorAll('body *')].filter(
            one => one.getBoundingClientRect().right > innerWidth + 0.5 && !one.closest('.aside, .table, .chart'));
          return wide || reaching.length ? [String(wide), ...reaching.map(one => one.outerHTML.slice(0, 80))] : [];
        })()"""
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", ["", "/login"])
def test_every_text_that_is_shown_can_be_read(site: Site, scheme: str, path: str) -> None:
    site.sign_in()
    site.tab.prefer(color_scheme=scheme)
    site.tab.go(site.url + path)
    measured = site.tab.value(CONTRAST.read_text())
    assert len(measured) > (100 if not path else 4)
    assert [one for one in measured if one["contrast"] < 4.5] == []


def test_the_page_is_dark_for_who_prefers_it(site: Site) -> None:
    grounds = {}
    for scheme in ("light", "dark"):
        site.tab.prefer(color_scheme=scheme)
        site.tab.go(f"{site.url}/login")
        grounds[scheme] = site.tab.value("getComputedStyle(document.documentElement).backgroundColor")
    assert grounds == {"light": "rgb(245, 246, 247)", "dark": "rgb(15, 19, 22)"}


def test_headings_form_an_outline_without_gaps(site: Site) -> None:
    site.sign_in()
    levels = site.tab.value("[...document.querySelectorAll('h1,h2,h3,h4')].map(one => Number(one.tagName[1]))")
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert len(levels) > 10


def test_a_screen_reader_finds_regions_and_names(site: Site) -> None:
    site.sign_in()
    tree = site.tab.tree()
    roles = [node["role"] for node in tree]
    for landmark in ("banner", "main", "contentinfo"):
        assert roles.count(landmark) == 1, landmark
    assert {node["name"] for node in tree if node["role"] == "navigation"} == {"Period", "Refresh"}
    assert len([node for node in tree if node["role"] == "region" and node["name"]]) >= 7
    nameless = [
        node for node in tree
        if node["role"] in {"link", "button", "textbox", "image", "img", "table", "region", "navigation"}
        and not node["name"]
    ]  # fmt: skip
    assert nameless == []
    pictures = [node["name"] for node in tree if node["role"] in ("image", "img")]
    assert any(name.startswith("Columns: what was spent") for name in pictures)
    assert any("promised: at most 5.0%" in name for name in pictures)


def test_tables_name_their_rows_and_columns(site: Site) -> None:
    site.sign_in()
    tables = site.tab.value(
        """[...document.querySelectorAll('table')].map(table => ({
          caption: table.caption?.textContent || '',
          columns: table.querySelectorAll('thead th[scope=col]').length,
          cells: table.querySelector('tbody tr').cells.length,
          rows: table.querySelectorAll('tbody tr').length,
          named: table.querySelectorAll('tbody th[scope=row]').length}))"""
    )
    assert len(tables) >= 7
    for table in tables:
        assert table["caption"], table
        assert table["columns"] == table["cells"], table
        assert table["rows"] == table["named"] > 0, table


def test_the_keyboard_goes_through_the_page_in_its_order_and_is_seen(site: Site) -> None:
    site.sign_in()
    tab = site.tab
    expected = tab.value("document.querySelectorAll('a, button, summary, [tabindex=\"0\"]').length")
    seen: list[str] = []
    tops: list[float] = []
    for _ in range(expected):
        tab.press("Tab")
        one = tab.value(
            """(() => { const one = document.activeElement, style = getComputedStyle(one);
              const box = one.getBoundingClientRect();
              return {name: one.outerHTML.slice(0, 60), outline: style.outlineStyle + ' ' + style.outlineWidth,
                      place: [...document.querySelectorAll('*')].indexOf(one),
                      shown: box.bottom > 0 && box.top < innerHeight && box.width > 0} })()"""
        )
        assert one["outline"] == "solid 3px", one
        assert one["shown"], one
        seen.append(one["name"])
        tops.append(one["place"])
    assert len(set(tops)) == expected, "everything is reached once"
    assert tops == sorted(tops)
    assert "Skip" in seen[0] or 'class="skip"' in seen[0]


def test_the_first_tab_offers_to_skip_what_every_page_has(site: Site) -> None:
    site.sign_in()
    site.tab.press("Tab")
    assert site.tab.value("document.activeElement.innerText") == "Skip to the content"
    site.tab.press("Enter")
    assert site.tab.value("document.activeElement.id") == "main"


@pytest.mark.parametrize("width", [360, 1280])
def test_everything_that_is_clicked_is_large_enough_to_be_hit(site: Site, width: int) -> None:
    site.tab.resize(width)
    site.sign_in()
    small = site.tab.value(
        """[...document.querySelectorAll('nav a, button, input:not([type=hidden]):not([hidden])')]
          .map(one => [one.outerHTML.slice(0, 60), one.getBoundingClientRect()])
          .filter(([, box]) => box.width < 24 || box.height < 24).map(([html]) => html)"""
    )
    assert small == []


def test_an_operator_chooses_whether_the_page_loads_itself_anew(site: Site) -> None:
    site.sign_in()
    refresh = "document.querySelector('meta[http-equiv=refresh]')?.content || ''"
    assert site.tab.value(refresh) == ""
    with site.tab.loading():
        site.tab.click('nav[aria-label="Refresh"] a[href*="refresh=60"]')
    assert site.tab.value(refresh) == "60"
    with site.tab.loading():
        site.tab.click('nav[aria-label="Period"] a[href*="period=1h"]')
    assert site.tab.value(refresh) == "60"
    with site.tab.loading():
        site.tab.click('nav[aria-label="Refresh"] a:not([href*="refresh="])')
    assert site.tab.value(refresh) == ""
    assert json.loads(site.tab.value("JSON.stringify(location.search)")) == "?period=1h"
