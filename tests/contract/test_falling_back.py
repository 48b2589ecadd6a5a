"""LiteLLM asks `fallback_access_check` before each fallback to another group, and not for the next `order` of one."""

import warnings
from collections.abc import Mapping
from typing import Any, cast

import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # LiteLLM's own imports are not ours to mend
    from litellm.router import Router

    from thriftgate.config.litellm.fallbacks import Fallbacks
    from thriftgate.config.litellm.model_list import read_model_list
    from thriftgate.proxy.books.pricing import RouterPricer
    from thriftgate.proxy.privacy.falling_back import STAYS, install_policy, limit_fallbacks
    from thriftgate.proxy.privacy.layer import Exchange, current
    from thriftgate.proxy.tiers.completer import RouterCompleter
    from thriftgate.proxy.tiers.translations import Translations

from thriftgate.errors import TierFailedError
from thriftgate.services.request.reading import with_body
from thriftgate.types import CallPurpose, ChatRequest

# Of LiteLLM's own types, when the first of them is made.
pytestmark = pytest.mark.filterwarnings("ignore:Items? .* using the `ReadOnly` qualifier:UserWarning")

LISTS: Mapping[str, Mapping[str, Any]] = {
    "fallbacks": {"fallbacks": [{"home": ["cloud"]}]},
    "from one to the next": {"fallbacks": [{"home": ["open"]}, {"open": ["cloud"]}]},
    "default_fallbacks": {"default_fallbacks": ["cloud"]},
    "context_window_fallbacks": {"context_window_fallbacks": [{"home": ["cloud"]}]},
    "content_policy_fallbacks": {"content_policy_fallbacks": [{"home": ["cloud"]}]},
}
MESSAGES: Any = [{"role": "user", "content": "Hello"}]
FAILS: Mapping[str, Mapping[str, Any]] = {
    "context_window_fallbacks": {"mock_testing_context_fallbacks": True},
    "content_policy_fallbacks": {"mock_testing_content_policy_fallbacks": True},
}
"""LiteLLM's own parameters that have a call fail so."""


def entry(name: str, said: str, **params: Any) -> dict[str, Any]:
    return {
        "model_name": name,
        "litellm_params": {"model": "openai/m", "api_key": "k", "mock_response": said, **params},
    }


def router(**listed: Any) -> Router:
    failing = [entry(name, "litellm.InternalServerError") for name in ("home", "open")]
    models = [*failing, entry("cloud", "from the cloud")]
    made = Router(model_list=models, num_retries=0, **listed)
    install_policy(made)
    install_policy(made)
    return made


async def answer(asked: Router, **kwargs: Any) -> str:
    try:
        asking: dict[str, Any] = {"model": "home", "messages": MESSAGES, **kwargs}
        got = cast("Any", await asked.acompletion(**asking))
    except Exception as error:
        return type(error).__name__
    return str(got.choices[0].message.content)


@pytest.fixture
def exchange() -> Any:
    made = Exchange()
    token = current.set(made)
    yield made
    current.reset(token)


@pytest.mark.parametrize("kind", LISTS)
async def test_what_a_request_may_not_be_sent_to_is_passed_over_however_it_is_listed(
    kind: str, exchange: Exchange
) -> None:
    asked, failing = router(**LISTS[kind]), FAILS.get(kind, {})
    assert await answer(asked, **failing) == "from the cloud", "it would fall back"
    limit_fallbacks({}, exchange, lambda model: model == "open")
    assert "Error" in await answer(asked, **failing)
    limit_fallbacks({}, exchange, lambda model: True)
    assert await answer(asked, **failing) == "from the cloud"


@pytest.mark.parametrize("bucket", ["metadata", "litellm_metadata"])
async def test_a_call_that_stays_falls_back_nowhere_whoever_asks(bucket: str) -> None:
    asked = router(fallbacks=[{"home": ["cloud"]}])
    assert await answer(asked, **dict[str, Any]({bucket: {STAYS: False}})) == "from the cloud"
    assert "Error" in await answer(asked, **dict[str, Any]({bucket: {STAYS: True}}))


async def test_a_fallback_that_the_client_names_is_asked_about_too(exchange: Exchange) -> None:
    limit_fallbacks({}, exchange, lambda model: False)
    for named in (["cloud"], [{"model": "cloud"}], [{"home": ["cloud"]}]):
        assert "Error" in await answer(router(), fallbacks=named), named


async def test_the_next_order_of_the_same_group_is_no_fallback(exchange: Exchange) -> None:
    models = [
        entry("home", "litellm.InternalServerError", order=1), entry("home", "from the second", order=2),
        entry("cloud", "from the cloud"),
    ]  # fmt: skip
    asked = Router(model_list=models, num_retries=0, fallbacks=[{"home": ["cloud"]}])
    install_policy(asked)
    limit_fallbacks({}, exchange, lambda model: False)
    assert await answer(asked) == "from the second"
    assert await answer(asked, metadata={STAYS: True}) == "from the second"


@pytest.mark.parametrize("failing", [{}, *FAILS.values()], ids=["an error", *FAILS])
@pytest.mark.parametrize("model", ["home", "mine", "openai/one", "id-home", "mistral/small"])
async def test_before_the_start_we_name_all_that_litellm_would_fall_back_to(
    model: str, failing: Mapping[str, Any]
) -> None:
    """`thriftgate check` compares policies with these; every model fails, so that LiteLLM goes on to the last."""
    asked: list[str] = []

    async def noted(*, model: str, **_: object) -> bool:
        asked.append(model)
        return True

    named = {"home": "openai/one", "open": "openai/two", "cloud": "openai/three", "far": "openai/four",
             "mistral/*": "mistral/*", "last": "openai/five"}  # fmt: skip
    listed: dict[str, Any] = {
        "fallbacks": [{"home": ["theirs"]}, {"open": ["openai/three"]}, {"small": ["id-home"]}],
        "context_window_fallbacks": [{"home": ["cloud"]}],
        "content_policy_fallbacks": [{"cloud": ["far"]}, {"home": ["cloud"]}],
        "default_fallbacks": ["last"],
        "model_group_alias": {"mine": "home", "theirs": "open"},
    }
    models = [
        {**entry(name, "litellm.InternalServerError", model=one), "model_info": {"id": f"id-{name}"}}
        for name, one in named.items()
    ]
    made = Router(model_list=models, num_retries=0, fallback_access_check=noted, **listed)
    await answer(made, model=model, **failing)
    values = {"model_list": models, "router_settings": listed}
    groups, problems = read_model_list(values, {})
    assert problems == []
    assert asked or failing, "of an error of no kind LiteLLM falls back"
    assert set(asked) <= set(Fallbacks(values, groups).behind(model))


async def test_where_no_layer_is_a_request_falls_back_nowhere() -> None:
    data: dict[str, Any] = {}
    limit_fallbacks(data, None, lambda model: True)
    assert "Error" in await answer(router(fallbacks=[{"home": ["cloud"]}]), **data)


async def test_what_litellm_itself_refuses_is_still_refused() -> None:
    async def never(**_: object) -> bool:
        return False

    made = Router(
        model_list=[entry("home", "litellm.InternalServerError"), entry("cloud", "from the cloud")],
        num_retries=0, fallbacks=[{"home": ["cloud"]}], fallback_access_check=never,
    )  # fmt: skip
    install_policy(made)
    assert "Error" in await answer(made)


@pytest.mark.parametrize("is_private", [False, True])
async def test_a_private_call_of_a_tier_takes_no_list_of_its_clients_along(is_private: bool) -> None:
    """A target's `metadata` would take the place of the note that the call stays."""
    made = router()
    source: Any = lambda: made  # noqa: E731
    completer = RouterCompleter(source, RouterPricer(source), Translations(source))
    listed = [{"model": "home", "metadata": {"mine": "yes"}}, {"model": "cloud"}]
    request = ChatRequest(request_id="r1", route="support", messages=MESSAGES, is_private=is_private)
    asking = with_body(request, {"model": "support", "messages": MESSAGES, "fallbacks": listed})
    if is_private:
        with pytest.raises(TierFailedError):
            await completer.complete("home", asking, purpose=CallPurpose.ANSWER)
    else:
        assert (await completer.complete("home", asking, purpose=CallPurpose.ANSWER)).text == "from the cloud"
