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
