"""The live page on the real proxy: LiteLLM says who is an operator; what was just asked is there, with its why."""

import re

import httpx
import pytest
from tests.chromium import BINARY, open_tab
from tests.proxy.conftest import CLIENT_KEY, MASTER_KEY, GatewayProcess
from tests.proxy.upstream import says
from tests.proxy.waiting import eventually

pytestmark = pytest.mark.xdist_group("proxy")


def ask(gateway: GatewayProcess, words: str) -> None:
    gateway.upstream.on("large", says("The answer is forty-two."))
    answer = gateway.post("/v1/chat/completions", {"model": "plain", "messages": [{"role": "user", "content": words}]})
    assert answer.status_code == 200


def look(gateway: GatewayProcess) -> httpx.Response:
    headers = {"Authorization": f"Bearer {MASTER_KEY}"}
    return httpx.get(f"{gateway.base_url}/thriftgate?period=1h", headers=headers, timeout=30)


@pytest.mark.parametrize("key", [CLIENT_KEY, "sk-guess", "not even a key", "k\xe9y"])
def test_only_an_operators_key_opens_the_page(gateway: GatewayProcess, key: str) -> None:
    header = [(b"Authorization", f"Bearer {key}".encode("latin-1"))]
    assert httpx.get(f"{gateway.base_url}/thriftgate", headers=header, timeout=30).status_code == 403
    assert look(gateway).status_code == 200


def test_the_form_takes_the_master_key_and_no_clients(gateway: GatewayProcess) -> None:
    with httpx.Client(base_url=gateway.base_url, timeout=30) as browser:
        assert browser.get("/thriftgate").headers["location"] == "/thriftgate/login"
        for key, status in ((CLIENT_KEY, 401), (MASTER_KEY, 303)):
            form = browser.get("/thriftgate/login").text
            token = re.search(r'name="token" value="([0-9a-f]+)"', form)
            assert token is not None
            answer = browser.post("/thriftgate/login", data={"token": token[1], "key": key})
            assert answer.status_code == status
        assert browser.get("/thriftgate").status_code == 200
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert MASTER_KEY not in gateway.log


def test_a_request_appears_with_its_reason_and_without_its_words(gateway: GatewayProcess) -> None:
    ask(gateway, "What is in the blue envelope?")
    eventually(lambda: "Only large was asked: the route has one tier." in look(gateway).text, 60)
    page = look(gateway).text
    assert "team acme" in page
    assert "envelope" not in page
    assert "forty-two" not in page
    deployments = re.findall(r'<span class="state \w+">([^<]+)</span>', page)
    assert len(deployments) >= 15


@pytest.mark.skipif(BINARY is None, reason="no Chromium here: apt-get install chromium")
def test_an_operator_opens_it_in_a_browser(gateway: GatewayProcess) -> None:
    ask(gateway, "Anything at all?")
    with open_tab() as tab:
        tab.resize(390)
        tab.go(f"{gateway.base_url}/thriftgate?period=1h")
        tab.value("document.getElementById('key').focus()")
        tab.type(MASTER_KEY)
        with tab.loading():
            tab.press("Enter")
        assert tab.value("location.href") == f"{gateway.base_url}/thriftgate?period=1h"
        assert tab.text("h1") == "What the gateway did in the last hour"
        assert "Quality against the promise" in tab.text("main")
        assert tab.value("document.documentElement.scrollWidth <= innerWidth")
        assert tab.complaints() == []
        assert {cookie["name"]: cookie["httpOnly"] for cookie in tab.cookies()} == {"thriftgate_session": True}
