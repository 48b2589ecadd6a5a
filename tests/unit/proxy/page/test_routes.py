"""Who may look at the live page, and what happens to who may not: over HTTP, without a proxy around it."""

import re
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from tests.page_setup import ADMIN_KEY, MASTER_KEY, NOW, VIEWER_KEY, PageSetup, day, request

from thriftgate.identity.records import Key
from thriftgate.services.telemetry.away import AwayLine

HOME = "/thriftgate"


class Browser(httpx.AsyncClient):
    """A client with cookies that follows nothing by itself."""

    def __init__(self, setup: PageSetup, **options: str) -> None:
        transport = httpx.ASGITransport(app=setup.app, client=(options.get("address", "10.0.0.1"), 40_000))
        super().__init__(transport=transport, base_url=options.get("base", "http://gateway:4000"))

    async def token(self, path: str = f"{HOME}/login") -> str:
        """What the form on that page has to send back."""
        found = re.search(r'name="token" value="([0-9a-f]+)"', (await self.get(path)).text)
        assert found is not None
        return found[1]

    async def sign_in(self, key: str, **fields: str) -> httpx.Response:
        return await self.post(f"{HOME}/login", data={"token": await self.token(), "key": key, **fields})


@pytest.fixture
def setup(tmp_path: Path) -> PageSetup:
    return PageSetup(tmp_path)


@pytest.fixture
async def browser(setup: PageSetup) -> Browser:
    return Browser(setup)


async def test_a_stranger_is_led_to_the_form_and_keeps_the_period(browser: Browser) -> None:
    answer = await browser.get(f"{HOME}?period=7d")
    assert (answer.status_code, answer.headers["location"]) == (303, f"{HOME}/login?period=7d")
    assert 'name="period" value="7d"' in (await browser.get(answer.headers["location"])).text


@pytest.mark.parametrize("key", [MASTER_KEY, ADMIN_KEY, f"  {MASTER_KEY}\n"])
async def test_every_operators_key_opens_the_page(browser: Browser, setup: PageSetup, key: str) -> None:
    await setup.fill(day(30))
    answer = await browser.sign_in(key, period="1h")
    assert (answer.status_code, answer.headers["location"]) == (303, f"{HOME}?period=1h")
    page = await browser.get(answer.headers["location"])
    assert page.status_code == 200
    assert "Saved in the last hour" in page.text
    assert key.strip() not in page.text


async def test_a_wrong_key_is_refused_and_not_repeated(browser: Browser) -> None:
    answer = await browser.sign_in("sk-guess")
    assert answer.status_code == 401
    assert "This is no operator's key." in answer.text.replace("&#39;", "'")
    assert "sk-guess" not in answer.text
    assert (await browser.get(HOME)).status_code == 303


async def test_guessing_has_to_wait_even_with_the_right_key(browser: Browser, setup: PageSetup) -> None:
    for _ in range(10):
        assert (await browser.sign_in("sk-guess")).status_code == 401
    asked = len(setup.admins.asked)
    answer = await browser.sign_in(MASTER_KEY)
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) >= 300
    assert len(setup.admins.asked) == asked, "nothing is compared while an address has to wait"
    assert (await Browser(setup, address="10.0.0.2").sign_in(MASTER_KEY)).status_code == 303
    setup.clock.advance(301)
    assert (await browser.sign_in(MASTER_KEY)).status_code == 303


@pytest.mark.parametrize("token", ["", "0" * 64])
async def test_a_form_of_somebody_else_signs_nobody_in(browser: Browser, setup: PageSetup, token: str) -> None:
    await browser.token()
    answer = await browser.post(f"{HOME}/login", data={"token": token, "key": MASTER_KEY})
    assert answer.status_code == 400
    assert not setup.admins.asked
    assert "thriftgate_session" not in browser.cookies


async def test_a_form_of_another_browser_signs_nobody_in(browser: Browser, setup: PageSetup) -> None:
    other = await Browser(setup).token()
    await browser.token()
    assert (await browser.post(f"{HOME}/login", data={"token": other, "key": MASTER_KEY})).status_code == 400


@pytest.mark.parametrize(("base", "is_secure"), [("http://gateway:4000", False), ("https://gateway", True)])
async def test_scripts_and_other_sites_never_get_the_session(setup: PageSetup, base: str, is_secure: bool) -> None:
    answer = await Browser(setup, base=base).sign_in(MASTER_KEY)
    (cookie,) = [line for line in answer.headers.get_list("set-cookie") if line.startswith("thriftgate_session")]
    attributes = {part.strip().lower() for part in cookie.split(";")[1:]}
    assert {"httponly", "samesite=strict", f"path={HOME}", "max-age=28800"} <= attributes
    assert ("secure" in attributes) == is_secure


@pytest.mark.parametrize(("key", "hours"), [(MASTER_KEY, 8), (ADMIN_KEY, 1)])
async def test_a_session_ends_by_itself(browser: Browser, setup: PageSetup, key: str, hours: int) -> None:
    await browser.sign_in(key)
    setup.clock.advance(hours * 3_600 - 1)
    assert (await browser.get(HOME)).status_code == 200
    setup.clock.advance(1)
    assert (await browser.get(HOME)).status_code == 303


async def test_signing_out_ends_the_session_and_needs_the_pages_own_form(browser: Browser) -> None:
    await browser.sign_in(MASTER_KEY)
    token = await browser.token(HOME)
    assert (await browser.post(f"{HOME}/logout", data={"token": "0" * 64})).status_code == 400
    assert (await browser.get(HOME)).status_code == 200
    answer = await browser.post(f"{HOME}/logout", data={"token": token})
    assert (answer.status_code, answer.headers["location"]) == (303, f"{HOME}/login")
    assert (await browser.get(HOME)).status_code == 303


@pytest.mark.parametrize(
    ("header", "status"),
    [(f"Bearer {MASTER_KEY}", 200), (f"bearer {ADMIN_KEY}", 200), ("Bearer sk-guess", 403), ("Basic YTpi", 303),
     ("Bearer ", 303)],
)  # fmt: skip
async def test_a_key_in_the_header_does_as_well(browser: Browser, header: str, status: int) -> None:
    answer = await browser.get(HOME, headers={"Authorization": header})
    assert answer.status_code == status
    assert "set-cookie" not in answer.headers
    assert 'action="/thriftgate/logout"' not in answer.text


@pytest.mark.parametrize(
    ("site", "mode", "status"),
    [
        ("none", "navigate", 200), ("same-origin", "navigate", 200), ("same-site", "navigate", 200),
        ("same-site", "cors", 403), ("same-site", "no-cors", 403), ("cross-site", "cors", 403),
    ],
)  # fmt: skip
async def test_another_page_of_the_same_site_cannot_read_it(
    browser: Browser, site: str, mode: str, status: int
) -> None:
    await browser.sign_in(MASTER_KEY)
    answer = await browser.get(HOME, headers={"Sec-Fetch-Site": site, "Sec-Fetch-Mode": mode})
    assert answer.status_code == status
    assert (status == 200) == ("logout" in answer.text)


async def test_another_page_of_the_same_site_cannot_post_its_forms(browser: Browser, setup: PageSetup) -> None:
    foreign = {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "navigate"}
    fields = {"token": await browser.token(), "key": MASTER_KEY}
    assert (await browser.post(f"{HOME}/login", data=fields, headers=foreign)).status_code == 400
    assert not setup.admins.asked
    await browser.sign_in(MASTER_KEY)
    fields = {"token": await browser.token(HOME)}
    assert (await browser.post(f"{HOME}/logout", data=fields, headers=foreign)).status_code == 400
    assert (await browser.get(HOME)).status_code == 200


async def test_a_new_master_key_ends_all_sessions(browser: Browser, setup: PageSetup) -> None:
    await browser.sign_in(MASTER_KEY)
    setup.admins.master_key = "sk-the-next-one"
    assert (await browser.get(HOME)).status_code == 303


@pytest.mark.parametrize("path", [HOME, f"{HOME}/login"])
async def test_without_a_master_key_nobody_gets_in(browser: Browser, setup: PageSetup, path: str) -> None:
    setup.admins.master_key = None
    answer = await browser.get(path, headers={"Authorization": f"Bearer {ADMIN_KEY}"})
    assert answer.status_code == 403
    assert "no master key" in answer.text
    assert (await browser.post(f"{HOME}/login", data={"key": ADMIN_KEY})).status_code == 403


async def test_a_database_that_is_away_is_said_so_and_tried_again(browser: Browser, setup: PageSetup) -> None:
    await browser.sign_in(MASTER_KEY)
    setup.ledger.is_away = True
    lines = [AwayLine("the ledger", 1_700_000_000.0, "it does not answer in time", "3 records wait for it")]
    setup.state = replace(setup.state, away=[*lines, AwayLine("the cache", None, "it is full", "it was")])
    answer = await browser.get(HOME)
    assert answer.status_code == 503
    assert "The database is away" in answer.text
    since = "The ledger is away since 2023-11-14 22:13:20 UTC: it does not answer in time; 3 records wait for it."
    assert since in answer.text
    assert "The cache" not in answer.text
    assert '<meta http-equiv="refresh" content="15">' in answer.text
    assert answer.headers["retry-after"] == "15"
    setup.ledger.is_away = False
    assert (await browser.get(HOME)).status_code == 200


@pytest.mark.parametrize(("query", "seconds"), [("", 0), ("refresh=10", 10), ("refresh=60", 60), ("refresh=0.01", 0)])
async def test_the_page_loads_itself_anew_only_for_who_asked(browser: Browser, query: str, seconds: int) -> None:
    await browser.sign_in(MASTER_KEY)
    page = (await browser.get(f"{HOME}?{query}&period=7d")).text
    found = re.findall(r'http-equiv="refresh" content="(\d+)"', page)
    assert found == ([str(seconds)] if seconds else [])
    kept = f"&amp;refresh={seconds}" if seconds else ""
    assert f'href="/thriftgate?period=24h{kept}"' in page, "the choice is kept when the period changes"


@pytest.mark.parametrize("query", ["period=1y", "period=<script>", "period=%00&refresh=%ff", "period=" + "x" * 5_000])
async def test_whatever_stands_in_the_address_a_page_is_shown(browser: Browser, query: str) -> None:
    await browser.sign_in(MASTER_KEY)
    answer = await browser.get(f"{HOME}?{query}")
    assert answer.status_code == 200
    assert "last 24 hours" in answer.text
    assert "<script" not in (await Browser.get(browser, f"{HOME}/login?{query}")).text


@pytest.mark.parametrize("path", [HOME, f"{HOME}/login", f"{HOME}?period=7d"])
async def test_every_answer_forbids_what_it_does_not_need(browser: Browser, path: str) -> None:
    await browser.sign_in(MASTER_KEY)
    headers = (await browser.get(path)).headers
    policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert "script-src" not in policy
    assert policy["style-src"] == policy["img-src"] == policy["form-action"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", "application/x-www-form-urlencoded"),
        (b"\xff\xfe&=&key", "application/x-www-form-urlencoded"),
        (b"key=" + b"x" * 20_000, "application/x-www-form-urlencoded"),
        (b'{"key": "x"}', "application/json"),
    ],
)
async def test_whatever_is_posted_is_refused_with_the_form(browser: Browser, body: bytes, kind: str) -> None:
    answer = await browser.post(f"{HOME}/login", content=body, headers={"content-type": kind})
    assert answer.status_code == 400
    assert "<form" in answer.text


async def test_only_the_pages_own_files_are_served(browser: Browser) -> None:
    style = await browser.get(f"{HOME}/static/page.css")
    assert style.headers["content-type"] == "text/css; charset=utf-8"
    assert "immutable" in style.headers["cache-control"]
    for name in ("../routes.py", "..%2froutes.py", "page.html", ""):
        assert (await browser.get(f"{HOME}/static/{name}")).status_code == 404


async def test_the_page_works_under_a_prefix(setup: PageSetup) -> None:
    setup.app.root_path = "/llm"
    browser = Browser(setup)
    answer = await browser.get(f"/llm{HOME}")
    assert answer.headers["location"] == f"/llm{HOME}/login"
    page = (await browser.get(f"/llm{HOME}/login")).text
    assert f'action="/llm{HOME}/login"' in page
    assert f'href="/llm{HOME}/static/page.css' in page


async def _signed_in(browser: Browser, setup: PageSetup) -> None:
    await setup.fill(day(120))
    await browser.sign_in(MASTER_KEY)


async def test_a_request_is_found_by_its_id_whenever_it_was(browser: Browser, setup: PageSetup) -> None:
    await _signed_in(browser, setup)
    page = (await browser.get(f"{HOME}?period=1h&request=request-0003")).text
    assert "The request request-0003" in page
    assert page.count("<code>request-") == 1
    missing = (await browser.get(f"{HOME}?request=request-9999")).text
    assert "The ledger has no such request" in missing


@pytest.mark.parametrize(("show", "look"), [("escalated", "d-escalated"), ("failed", "d-failed")])
async def test_requests_of_a_kind_are_found_and_nothing_else(
    browser: Browser, setup: PageSetup, show: str, look: str
) -> None:
    await _signed_in(browser, setup)
    page = (await browser.get(f"{HOME}?period=24h&show={show}")).text
    looks = set(re.findall(r'class="pill (d-\w+)"', page))
    assert looks == {look}


async def test_a_row_of_the_money_leads_to_its_requests(browser: Browser, setup: PageSetup) -> None:
    await _signed_in(browser, setup)
    page = (await browser.get(f"{HOME}?period=24h")).text
    link = re.search(r'href="([^"]*who=acme[^"]*)"', page)
    assert link is not None
    followed = (await browser.get(link[1].replace("&amp;", "&"))).text
    assert "Requests in the last 24 hours: of acme" in followed


async def test_a_route_or_a_caller_narrows_every_figure_of_the_page(browser: Browser, setup: PageSetup) -> None:
    await setup.fill([request(9_000 + n, route="translate", started_at=NOW - n, cost_usd=0.5) for n in range(3)])
    setup.clock.advance(6.0)
    await _signed_in(browser, setup)
    page = (await browser.get(f"{HOME}?period=24h&route=translate")).text
    assert "Only requests of the route translate." in page
    assert '<span class="number">3</span>' in page
    assert "$1.5" in page
    assert "Quality against the promise" not in page
    assert "period=7d&amp;route=translate" in page
    support = (await browser.get(f"{HOME}?period=24h&route=support")).text
    assert "Quality against the promise" in support
    assert "translate" not in support
    team = (await browser.get(f"{HOME}?period=24h&route=support&who=acme")).text
    assert "Only requests of the route support, of acme." in team
    assert "told of routes, not of callers" in team
    nobody = (await browser.get(f"{HOME}?period=24h&who=nobody")).text
    assert "Nothing of nobody was asked in the last 24 hours" in nobody


async def test_what_is_typed_into_the_search_comes_back_as_text(browser: Browser, setup: PageSetup) -> None:
    await _signed_in(browser, setup)
    hostile = "<script>alert(1)</script>\"'" + "x" * 5_000
    for field in ("request", "who", "route", "show"):
        page = await browser.get(HOME, params={field: hostile})
        assert page.status_code == 200
        assert "<script>" not in page.text
        assert len(page.text) < 200_000


REVOKE = f"{HOME}/revoke"


@pytest.fixture
def listed(setup: PageSetup) -> PageSetup:
    """A gateway with two keys of its own."""
    setup.list_keys()
    for name in ("k-app", "k-other"):
        setup.identities.all_keys[name] = Key(
            key_id=name, digest=b"digest-of-the-secret-0123456789ab", created_at=NOW, alias=f"the <{name}>"
        )
    return setup


@pytest.mark.parametrize("key", [MASTER_KEY, ADMIN_KEY])
async def test_an_admin_revokes_a_key_with_the_own_key_once_more(browser: Browser, listed: PageSetup, key: str) -> None:
    await browser.sign_in(VIEWER_KEY)
    page = (await browser.get(HOME)).text
    assert f'href="{REVOKE}?key=k-app"' in page
    form = await browser.get(f"{REVOKE}?key=k-app")
    assert "Revoke the &lt;k-app&gt;" in form.text
    token = await browser.token(f"{REVOKE}?key=k-app")
    answer = await browser.post(REVOKE, data={"token": token, "revoked": "k-app", "key": key})
    assert (answer.status_code, answer.headers["location"]) == (303, f"{HOME}#keys")
    assert listed.identities.all_keys["k-app"].revoked_at is not None
    assert listed.identities.all_keys["k-other"].revoked_at is None
    page = (await browser.get(HOME)).text
    assert "revoke?key=k-app" not in page, "the next look shows it, however fresh the last one was"
    assert "revoke?key=k-other" in page


@pytest.mark.parametrize("key", [VIEWER_KEY, "sk-guess", ""])
async def test_who_may_only_look_revokes_nothing(browser: Browser, listed: PageSetup, key: str) -> None:
    await browser.sign_in(MASTER_KEY)
    token = await browser.token(f"{REVOKE}?key=k-app")
    answer = await browser.post(REVOKE, data={"token": token, "revoked": "k-app", "key": key})
    assert answer.status_code == 403
    assert "Nothing was revoked" in answer.text
    assert listed.identities.all_keys["k-app"].revoked_at is None


async def test_guessing_at_the_form_that_revokes_has_to_wait_too(browser: Browser, listed: PageSetup) -> None:
    await browser.sign_in(MASTER_KEY)
    fields = {"token": await browser.token(f"{REVOKE}?key=k-app"), "revoked": "k-app"}
    for _ in range(10):
        assert (await browser.post(REVOKE, data={**fields, "key": "sk-guess"})).status_code == 403
    answer = await browser.post(REVOKE, data={**fields, "key": MASTER_KEY})
    assert (answer.status_code, "retry-after" in answer.headers) == (429, True)
    assert listed.identities.all_keys["k-app"].revoked_at is None


async def test_only_the_pages_own_form_in_this_browser_revokes(browser: Browser, listed: PageSetup) -> None:
    fields = {"revoked": "k-app", "key": MASTER_KEY}
    assert (await browser.post(REVOKE, data=fields)).status_code == 303, "to the form to sign in"
    await browser.sign_in(MASTER_KEY)
    assert (await browser.post(REVOKE, data={**fields, "token": await browser.token(HOME)})).status_code == 400
    token = await browser.token(f"{REVOKE}?key=k-app")
    foreign = {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "navigate"}
    assert (await browser.post(REVOKE, data={**fields, "token": token}, headers=foreign)).status_code == 403
    assert listed.identities.all_keys["k-app"].revoked_at is None


@pytest.mark.parametrize("key_id", ["", "k-nobody", "<script>", "x" * 5_000])
async def test_a_key_that_is_not_there_is_said_so(browser: Browser, listed: PageSetup, key_id: str) -> None:
    await browser.sign_in(MASTER_KEY)
    answer = await browser.get(REVOKE, params={"key": key_id})
    assert (answer.status_code, "There is no such key" in answer.text, "<script>" in answer.text) == (404, True, False)


async def test_a_script_with_a_key_in_its_header_is_shown_the_command_and_no_form(
    browser: Browser, listed: PageSetup
) -> None:
    page = (await browser.get(HOME, headers={"Authorization": f"Bearer {MASTER_KEY}"})).text
    assert "thriftgate keys revoke k-app" in page
    assert REVOKE not in page
