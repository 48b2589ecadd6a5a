"""Which groups LiteLLM's router asks for the names that it takes."""

import warnings
from typing import Any

import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # LiteLLM's own imports are not ours to mend
    from litellm.router import Router

    from thriftgate.proxy.tiers.groups import ModelGroups

# Of LiteLLM's own types, when the first of them is made.
pytestmark = pytest.mark.filterwarnings("ignore:Item .* using the `ReadOnly` qualifier:UserWarning")


def entry(name: str, model: str, deployment_id: str) -> dict[str, Any]:
    return {"model_name": name, "litellm_params": {"model": model, "api_key": "k"}, "model_info": {"id": deployment_id}}


@pytest.fixture
def groups() -> ModelGroups:
    router = Router(
        model_list=[
            entry("home", "openai/llama", "id-home"), entry("large", "openai/gpt-5", "id-large"),
            entry("strict", "openai/gpt-5", "id-strict"), entry("mistral/*", "mistral/*", "id-any"),
            entry("anthropic/*", "anthropic/*", "id-claude"), entry("anthropic/me/*", "anthropic/*", "id-mine"),
        ],
        model_group_alias={"mine": "home", "mine-too": {"model": "mine", "hidden": True}},
    )  # fmt: skip
    return ModelGroups(lambda: router)


@pytest.mark.parametrize(
    ("called", "asked"),
    [
        ("home", {"home"}), ("mine", {"home"}), ("mine-too", {"home"}), ("id-home", {"home"}),
        ("openai/llama", {"home"}), ("openai/gpt-5", {"large", "strict"}), ("mistral/small", {"mistral/*"}),
        ("claude-haiku-4-5", {"anthropic/*"}), ("anthropic/me/new", {"anthropic/me/*"}),
        ("home, strict", {"home", "strict"}), ("nobody", {"nobody"}),
    ],
)  # fmt: skip
def test_whatever_name_a_client_uses_the_groups_behind_it_are_known(
    groups: ModelGroups, called: str, asked: set[str]
) -> None:
    assert set(groups.of(called)) == asked
    assert ModelGroups(lambda: None).of(called) == (called,)


def test_a_request_that_names_no_model_does_not_fit_a_pattern() -> None:
    """What is said of `*` would hold for files and for calls of tools, in place of what holds by default."""
    router = Router(model_list=[entry("*", "openai/*", "id-any")])
    assert ModelGroups(lambda: router, {"*"}).of("") == ("",)
    assert ModelGroups(lambda: router, {"*"}).of("gpt-5") == ("*",)


def test_an_alias_that_an_operator_says_something_of_stands_for_itself(groups: ModelGroups) -> None:
    router = groups._router  # pyright: ignore[reportPrivateUsage]
    assert ModelGroups(router, {"mine"}).of("mine-too") == ("mine",)
    assert ModelGroups(router, {"mine"}).of("mine,openai/llama") == ("mine", "home")


def chooser(name: str, kind: str, **settings: Any) -> dict[str, Any]:
    return {"model_name": name, "litellm_params": {"model": f"auto_router/{kind}", **settings}}


@pytest.fixture
def choosing() -> Router:
    tiers = {"SIMPLE": "small", "MEDIUM": "second", "COMPLEX": ["large", "any/thing"], "REASONING": "large"}
    return Router(
        model_list=[
            entry("small", "openai/gpt-mini", "id-small"), entry("large", "openai/gpt-5", "id-large"),
            entry("any/*", "openai/*", "id-any"), entry("other", "openai/other", "id-other"),
            chooser("first", "complexity_router", complexity_router_config={
                "tiers": tiers, "classifier_type": "llm", "classifier_llm_config": {"model": "other"},
                "simple_keywords": ["hello", "nobody"],
            }),
            chooser("second", "complexity_router", complexity_router_config={"tiers": dict.fromkeys(tiers, "small")}),
        ],
        model_group_alias={"short": "first", "large-too": "large"},
        routing_groups=[{"group_name": "both", "models": ["small", "large"], "routing_strategy": "simple-shuffle"}],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("called", "named", "asked"),
    [
        ("first", (), {"first", "small", "second", "large", "any/*", "other"}),
        ("second", (), {"second", "small"}),
        ("short", (), {"first", "small", "second", "large", "any/*", "other"}),
        ("short", ("short",), {"short", "small", "second", "large", "any/*", "other"}),
        ("both", (), {"both", "small", "large"}),
        ("large-too,second", (), {"large", "second", "small"}),
        ("small", (), {"small"}),
    ],
)
def test_what_chooses_a_model_stands_for_all_that_it_may_ask(
    choosing: Router, called: str, named: tuple[str, ...], asked: set[str]
) -> None:
    assert set(ModelGroups(lambda: choosing, named).of(called)) == asked


def test_an_alias_stands_before_the_group_of_its_name_as_with_litellm() -> None:
    router = Router(
        model_list=[entry("home", "openai/llama", "id-home"), entry("large", "openai/gpt-5", "id-large")],
        model_group_alias={"home": "large"},
    )
    assert ModelGroups(lambda: router).of("home") == ("large",)


@pytest.mark.parametrize(
    ("called", "chosen", "named", "names"),
    [
        ("large", "large", (), ("large",)),
        ("large-too", "large", (), ("large",)),
        ("large-too", "large", ("large-too",), ("large-too",)),
        ("short", "large", ("short",), ("large",)),
        ("small", "large", ("small",), ("large",)),
    ],
)
def test_what_was_chosen_is_judged_by_the_name_that_was_asked_only_where_that_is_its_own(
    choosing: Router, called: str, chosen: str, named: tuple[str, ...], names: tuple[str, ...]
) -> None:
    assert ModelGroups(lambda: choosing, named).judging(called, {"model_name": chosen}) == names


def test_a_name_that_nobody_has_stands_for_the_first_model_that_stands_in_for_all_as_well() -> None:
    router = Router(
        model_list=[entry("home", "openai/llama", "id-home"), entry("large", "openai/gpt-5", "id-large")],
        default_fallbacks=["large", "home"],
    )
    groups = ModelGroups(lambda: router)
    assert groups.of("nobody") == ("nobody", "large")
    assert groups.of("home") == ("home",)
    found = router.get_routable_deployments("nobody")
    assert [one["model_name"] for one in found] == ["large"], "as LiteLLM does"
