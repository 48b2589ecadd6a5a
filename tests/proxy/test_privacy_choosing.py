"""Models that LiteLLM chooses by itself: auto routers, groups for routing, sessions that are bound; what each sees."""

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from tests.proxy.conftest import CLIENT_KEY, GatewayProcess, everywhere, gateway_config, route, running
from tests.proxy.privacy_failing import KEY, MAIL, MAILED, PATHS, ask, body_of, spoken
from tests.proxy.upstream import Upstream, fails, says

pytestmark = [pytest.mark.xdist_group("privacy-failures"), pytest.mark.timeout(400)]

all_endpoints = pytest.mark.parametrize("path", PATHS)
both = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])


def auto_router(name: str, *asked: str, **settings: Any) -> dict[str, Any]:
    """One that goes by how hard a question looks; what it may ask, the easiest first."""
    tiers = dict(zip(("SIMPLE", "MEDIUM", "COMPLEX", "REASONING"), (*asked, *[asked[-1]] * 3), strict=False))
    params = {"model": "auto_router/complexity_router", "complexity_router_config": {"tiers": tiers, **settings}}
    return {"model_name": name, "litellm_params": params}


def choosing_config(upstream: str) -> dict[str, Any]:
    config = gateway_config(upstream)
    ours = config["callback_settings"]["thriftgate"]
    ours["routes"] = {
        "watched": {"cascade": {"tiers": [{"model": "mixed"}]}},
        "at-home": {"cascade": {"tiers": [{"model": "home"}, {"model": "large"}]}},
    }
    config["model_list"] = [
        *(everywhere(name, upstream) for name in ("open-small", "open-large", "large", "home")),
        auto_router("mixed", "large"),
        auto_router("open-only", "open-small", "open-large"),
        # Another model says which one to ask: it reads what is asked.
        auto_router("asks-first", "large", classifier_type="llm", classifier_llm_config={"model": "open-small"}),
        everywhere("large-too", upstream),
        route("watched"), route("at-home"),
    ]  # fmt: skip
    config["router_settings"] = {
        **config.get("router_settings", {}),
        "model_group_alias": {"mixed-too": "mixed"},
        "routing_groups": [
            {"group_name": "pool", "models": ["large", "large"], "routing_strategy": "simple-shuffle"},
        ],
        "fallbacks": [{"open-small": ["mixed", "open-large"]}],
    }
    unprotected = ("open-small", "open-large", "mixed", "mixed-too", "open-only", "pool")
    ours["privacy"] = {
        "key": KEY,
        "private_models": ["home"],
        "models": {
            **{name: {"protect": False} for name in unprotected},
            **{name: {"entities": {"IBAN_CODE": "private"}} for name in ("home", "at-home")},
        },
    }
    return config


@pytest.fixture(scope="module")
def process(provider_server: HTTPServer) -> Iterator[GatewayProcess]:
    upstream = Upstream(provider_server)
    with running("choosing", choosing_config(upstream.base_url), upstream) as made:
        yield made


@pytest.fixture
def gateway(process: GatewayProcess) -> GatewayProcess:
    process.upstream.forget()
    for name in ("large", "large-too"):
        process.upstream.on(name, says("See <EMAIL_ADDRESS_1>."))
    for name in ("open-small", "open-large"):
        process.upstream.on(name, says("Here."))
    return process


def seen(gateway: GatewayProcess, model: str) -> str:
    return json.dumps(gateway.upstream.asked(model))


@all_endpoints
@both
@pytest.mark.parametrize("model", ["mixed", "mixed-too", "pool"])
def test_what_may_ask_a_protected_model_is_protected_whatever_is_said_of_it(
    gateway: GatewayProcess, path: str, stream: bool, model: str
) -> None:
    got = ask(gateway, path, model, MAILED, stream=stream)
    assert "".join(spoken(got)) == f"See {MAIL}.", got.text
    assert "EMAIL_ADDRESS_1" in seen(gateway, "large")
    assert MAIL not in seen(gateway, "large")


@all_endpoints
@both
def test_what_may_ask_unprotected_models_alone_is_not_protected(
    gateway: GatewayProcess, path: str, stream: bool
) -> None:
    got = ask(gateway, path, "open-only", MAILED, stream=stream)
    assert got.status_code == 200, got.text
    assert MAIL in seen(gateway, "open-small") + seen(gateway, "open-large")


@all_endpoints
def test_a_protected_route_may_have_a_tier_that_chooses(gateway: GatewayProcess, path: str) -> None:
    got = ask(gateway, path, "watched", MAILED)
    assert "".join(spoken(got)) == f"See {MAIL}.", got.text
    assert MAIL not in seen(gateway, "large")


@all_endpoints
def test_a_session_that_litellm_binds_to_an_auto_router_takes_no_unprotected_request_to_a_protected_model(
    gateway: GatewayProcess, path: str
) -> None:
    """Claude Code's helpers are asked by the auto router of their session, whatever model they name."""
    session = {"x-claude-code-session-id": str(uuid.uuid4())}
    first = gateway.post(path, body_of(path, "mixed", "Hello."), CLIENT_KEY, **session)
    assert first.status_code == 200, first.text
    gateway.upstream.forget()
    helper = {**session, "x-claude-code-agent-id": "helper-1"}
    got = gateway.post(path, body_of(path, "open-large", MAILED), CLIENT_KEY, **helper)
    assert gateway.upstream.asked("large") == [], got.text
    assert "".join(spoken(got)) == "Here.", "it is asked of what it named"
    gateway.upstream.forget()
    protected = gateway.post(path, body_of(path, "large-too", MAILED), CLIENT_KEY, **helper)
    assert "".join(spoken(protected)) == f"See {MAIL}.", protected.text
    assert MAIL not in seen(gateway, "large") + seen(gateway, "large-too")


IBAN = "DE89370400440532013000"


@all_endpoints
@pytest.mark.parametrize("model", ["home", "at-home"])
def test_a_private_request_of_such_a_session_stays_at_home(gateway: GatewayProcess, path: str, model: str) -> None:
    gateway.upstream.on("home", says("At home."))
    session = {"x-claude-code-session-id": str(uuid.uuid4()), "x-claude-code-agent-id": "helper-1"}
    first = {name: value for name, value in session.items() if "agent" not in name}
    assert gateway.post(path, body_of(path, "asks-first", "Hello."), CLIENT_KEY, **first).status_code == 200
    gateway.upstream.forget()
    got = gateway.post(path, body_of(path, model, f"My account is {IBAN}."), CLIENT_KEY, **session)
    assert "".join(spoken(got)) == "At home.", got.text
    assert IBAN in seen(gateway, "home")
    assert gateway.upstream.asked("large") == gateway.upstream.asked("open-small") == []


@all_endpoints
def test_no_unprotected_request_falls_back_to_an_auto_router_that_may_ask_a_protected_model(
    gateway: GatewayProcess, path: str
) -> None:
    gateway.upstream.on("open-small", fails(400, "no"))
    got = ask(gateway, path, "open-small", MAILED)
    assert "".join(spoken(got)) == "Here.", got.text
    assert gateway.upstream.asked("large") == []
    assert MAIL in seen(gateway, "open-large")
