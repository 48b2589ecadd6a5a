"""Guards and the cache over HTTP: what is refused is kept for nobody, and a hit is looked at like any other answer."""

from collections.abc import Iterator

import httpx
import pytest
from pytest_httpserver import HTTPServer
from tests.proxy.conftest import CLIENT_KEY, GatewayProcess, running
from tests.proxy.guarding import PATHS, ask, both, everywhere, guarded_config
from tests.proxy.upstream import Upstream, says
from tests.proxy.waiting import eventually, settle

pytestmark = pytest.mark.xdist_group("guarded_cache")


@pytest.fixture(scope="module")
def guarded(provider_server: HTTPServer) -> Iterator[GatewayProcess]:
    upstream = Upstream(provider_server)
    with running("guards_cache", guarded_config(upstream.base_url), upstream) as gateway:
        yield gateway


@everywhere
@both
def test_an_answer_that_was_refused_is_not_kept_for_the_next_who_asks(
    guarded: GatewayProcess, path: str, stream: bool
) -> None:
    question = f"Who sells wrenches in district {PATHS.index(path)}{int(stream)}?"
    guarded.upstream.on("small", says("Ask Globex about it."))
    assert "refused the answer (deny)" in ask(guarded, path, "careful", question, stream=stream).text
    settle(0.3)
    guarded.upstream.on("small", says("The smith does."))
    assert eventually(lambda: "smith" in (got := ask(guarded, path, "careful", question)).text and not is_hit(got))
    assert eventually(lambda: is_hit(ask(guarded, path, "careful", question)))


@everywhere
@both
def test_a_hit_is_looked_at_like_any_other_answer_and_forgotten_when_it_is_refused(
    guarded: GatewayProcess, path: str, stream: bool
) -> None:
    """It was kept while nobody looked at it."""
    question = f"Who sells hammers in district {PATHS.index(path)}{int(stream)}?"
    guarded.upstream.on("small", says("Ask Globex about it."))
    assert eventually(lambda: is_hit(ask(guarded, path, "careless", question)))
    guarded.upstream.on("small", says("The smith does."))
    refused = ask(guarded, path, "careful", question, stream=stream)
    assert "refused the answer (deny)" in refused.text, refused.text
    assert is_hit(refused)
    settle(0.3)
    got = ask(guarded, path, "careful", question, stream=stream)
    assert "smith" in got.text, got.text
    assert not is_hit(got)


def test_nobody_has_a_hit_forgotten_for_others_by_system_words_of_his_own(guarded: GatewayProcess) -> None:
    """Where a system line is no part of the scope, it may say what the kept answer says."""
    said = "A wrench is lent for three days and brought back to the desk on the first floor."
    guarded.upstream.on("small", says(said))
    asked = {"role": "user", "content": "How long may I keep a wrench?"}

    def got(line: str) -> httpx.Response:
        system = {"role": "system", "content": f"x-billing-header: {line}"}
        return guarded.post(PATHS[0], {"model": "careful", "messages": [system, asked]}, CLIENT_KEY)

    assert eventually(lambda: is_hit(got("customer 7")))
    assert "system_prompt" in got(said).text
    settle(0.3)
    assert is_hit(got("customer 8"))


@everywhere
def test_a_hit_with_words_of_the_routes_own_prompt_is_forgotten(guarded: GatewayProcess, path: str) -> None:
    """They are the operator's: no asker chooses them, and until the end of its time everybody would be refused."""
    question = f"Who works at desk {PATHS.index(path)}?"
    guarded.upstream.on(
        "small",
        says("Brindlebox, which makes an inventory app for small shops and the barcode scanner that goes with it."),
    )
    assert eventually(lambda: is_hit(ask(guarded, path, "open-desk", question)))
    guarded.upstream.on("small", says("A colleague."))
    refused = ask(guarded, path, "desk", question)
    assert "refused the answer (system_prompt)" in refused.text, refused.text
    assert is_hit(refused)
    settle(0.3)
    got = ask(guarded, path, "desk", question)
    assert "colleague" in got.text, got.text
    assert not is_hit(got)


def is_hit(got: httpx.Response) -> bool:
    return got.headers.get("x-thriftgate-decision") == "exact_hit"
