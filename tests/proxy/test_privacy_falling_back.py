"""Private and unprotected models that are away: which other one is asked, and what it sees."""

import json
from collections.abc import Iterator

import pytest
from pytest_httpserver import HTTPServer
from tests.proxy.conftest import GatewayProcess, running
from tests.proxy.privacy_failing import ACCOUNT, IBAN, MAIL, MAILED, NAME, PATHS, ask, failures_config, nowhere, spoken
from tests.proxy.upstream import Upstream, fails, says

pytestmark = [pytest.mark.xdist_group("privacy-failures"), pytest.mark.timeout(400)]

everywhere = pytest.mark.parametrize("path", PATHS)
both = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])


@pytest.fixture(scope="module")
def gateway(provider_server: HTTPServer) -> Iterator[GatewayProcess]:
    upstream = Upstream(provider_server)
    with running("falling-back", failures_config(upstream.base_url), upstream, "leak_spy.py") as process:
        yield process


@pytest.fixture
def home(gateway: GatewayProcess) -> GatewayProcess:
    gateway.upstream.forget()
    gateway.upstream.on("large", says("Ten days."))
    return gateway


@everywhere
@both
def test_when_the_private_tier_is_away_nothing_is_sent_elsewhere(home: GatewayProcess, path: str, stream: bool) -> None:
    home.upstream.on("lost-small", fails(500, f"choked on: {ACCOUNT}"))
    answers = [ask(home, path, model, ACCOUNT, stream=stream) for model in ("lost-home", "lost-small")]
    for got in answers:
        assert got.status_code >= 500 or "cools down" in got.text, got.text
        assert home.upstream.asked("large") == []
    nowhere(home, of=answers)


@pytest.mark.parametrize("path", [PATHS[0], PATHS[2]])
def test_a_private_request_falls_back_to_no_model_that_its_client_names_either(home: GatewayProcess, path: str) -> None:
    """A target with notes of its own took the place of ours, which say that the call stays where it is."""
    home.upstream.on("naming-small", fails(500))
    again = {"model": "naming-small", "metadata": {"mine": "yes"}, "litellm_metadata": {"mine": "yes"}}
    for named, status in (
        ([again, {"model": "large"}], 400),
        ([{"model": "naming-small", "temperature": 0}, "large"], 502),
    ):
        got = ask(home, path, "naming-home", ACCOUNT, fallbacks=named)
        assert got.status_code == status, got.text
    assert home.upstream.asked("naming-small"), "it does not cool down yet"
    assert home.upstream.asked("large") == []


@both
@pytest.mark.parametrize("path", [PATHS[0], PATHS[2]])
@pytest.mark.parametrize(
    "named", ["large", {"model": "large"}, {"unwatched-small": ["large"]}, {"*": ["large"]}], ids=str
)
def test_an_unprotected_route_falls_back_to_no_protected_model_that_its_client_names(
    home: GatewayProcess, path: str, stream: bool, named: object
) -> None:
    home.upstream.on("unwatched-small", fails(500))
    got = ask(home, path, "unwatched", "I am Mrs. Carol Dunham.", stream=stream, fallbacks=[named])
    assert got.status_code >= 400, got.text
    assert home.upstream.asked("large") == []


@everywhere
@both
def test_the_next_deployment_of_a_private_model_is_asked_when_the_first_is_away_and_no_other_model_is(
    home: GatewayProcess, path: str, stream: bool
) -> None:
    """A group with a second `order` is one model: going on to it is no fallback."""
    home.upstream.on("twice-first", fails(500, f"choked on: {ACCOUNT}"))
    home.upstream.on("twice-second", says(f"Dear <PERSON_1>, nothing came to {IBAN}."))
    answers = [ask(home, path, model, ACCOUNT, stream=stream) for model in ("twice-home", "twice-small")]
    for got in answers:
        assert got.status_code == 200, got.text
        assert "".join(spoken(got)) == f"Dear {NAME}, nothing came to {IBAN}."
    assert home.upstream.asked("large") == []
    nowhere(home, of=answers)


@everywhere
@both
def test_when_all_deployments_of_a_private_model_are_away_nothing_is_sent_elsewhere(
    home: GatewayProcess, path: str, stream: bool
) -> None:
    for name in ("gone-first", "gone-second"):
        home.upstream.on(name, fails(500, f"choked on: {ACCOUNT}"))
    lost = [ask(home, path, model, ACCOUNT, stream=stream) for model in ("gone-home", "gone-small")]
    assert all(got.status_code >= 400 for got in lost), [got.text for got in lost]
    assert home.upstream.asked("large") == []
    nowhere(home, of=lost)


@everywhere
@both
def test_an_unprotected_model_that_is_away_falls_back_to_what_may_see_the_same_and_nowhere_else(
    home: GatewayProcess, path: str, stream: bool
) -> None:
    in_clear = "I am Mrs. Carol Dunham. Has the refund come?"
    home.upstream.on("open-small", fails(500))
    home.upstream.on("open-too", says("Still here."))
    got = ask(home, path, "open-small", in_clear, stream=stream)
    assert "".join(spoken(got)) == "Still here.", got.text
    assert "Carol Dunham" in json.dumps(home.upstream.asked("open-too"))
    assert home.upstream.asked("large") == [], "the first that is listed would see it in clear"
    home.upstream.on("open-too", fails(500))
    assert ask(home, path, "open-small", in_clear, stream=stream).status_code >= 400
    named = ask(home, path, "open-small", in_clear, stream=stream, fallbacks=["large"])
    assert named.status_code >= 400, named.text
    assert home.upstream.asked("large") == []


@everywhere
@both
def test_when_the_private_tier_is_away_the_next_one_sees_a_placeholder(
    home: GatewayProcess, path: str, stream: bool
) -> None:
    home.upstream.on("lost-small", fails(400, f"invalid input: {MAILED}"))
    home.upstream.on("large", says("See <EMAIL_ADDRESS_1>."))
    answer = ask(home, path, "lost-home", f"{MAILED} {path} {stream} away", stream=stream)
    assert MAIL not in json.dumps(home.upstream.asked("large"))
    assert "".join(spoken(answer)) == f"See {MAIL}."
    nowhere(home, MAIL, of=[answer])
