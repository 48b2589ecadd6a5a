"""What `check` says of LiteLLM's own part of a configuration is what LiteLLM itself would say."""

import asyncio
import inspect
import shutil
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any, cast, get_args

import pytest
import yaml
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from tests.stores.postgres_process import PostgresProcess

from thriftgate.cli.gateway.parts.preflight import prepare
from thriftgate.config import from_section
from thriftgate.config.environment import resolve
from thriftgate.config.litellm.capabilities import refused_params
from thriftgate.config.litellm.model_list import environment_with
from thriftgate.config.litellm.names import (
    deployment_settings,
    general_settings,
    litellm_settings,
    policy_settings,
    router_settings,
    routing_strategies,
)
from thriftgate.errors import ConfigurationError

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # LiteLLM's own imports are not ours to mend
    import litellm
    from litellm.constants import ROUTER_SETTINGS_MANAGED_OUTSIDE_CONFIG
    from litellm.exceptions import UnsupportedParamsError
    from litellm.proxy._types import ConfigGeneralSettings
    from litellm.router import Router
    from litellm.types.router import AllowedFailsPolicy, LiteLLM_Params, RetryPolicy, RoutingStrategyName

    from thriftgate.proxy.compose.gateway import assemble

pytestmark = [pytest.mark.xdist_group("litellm"), pytest.mark.filterwarnings("ignore")]

CONFIGS = Path(__file__).parents[1] / "config"
ENVIRONMENT = {"ANTHROPIC_API_KEY": "no", "OPENAI_API_KEY": "no", "LITELLM_MASTER_KEY": "sk-not-a-key-but-long-enough"}
NOT_IN_A_FILE = {"redis_url", "redis_host", "plugins"}
"""They would connect or import."""
SPECIAL = {"routing_groups", "provider_budget_config", "model_group_affinity_config"}
"""What stands inside these is for LiteLLM to say."""


def test_the_names_of_settings_are_those_that_litellm_reads() -> None:
    assert set(router_settings()) == set(Router.get_valid_args()) - ROUTER_SETTINGS_MANAGED_OUTSIDE_CONFIG
    assert routing_strategies() == set(get_args(RoutingStrategyName))
    assert policy_settings("retry_policy") == set(RetryPolicy.model_fields)
    assert policy_settings("allowed_fails_policy") == set(AllowedFailsPolicy.model_fields)
    assert set(ConfigGeneralSettings.model_fields) <= general_settings()
    assert set(LiteLLM_Params.model_fields) <= deployment_settings()
    assert set(inspect.signature(litellm.completion).parameters) - {"kwargs"} <= deployment_settings()
    for name in ("drop_params", "callbacks", "request_timeout", "json_logs", "turn_off_message_logging"):
        assert name in litellm_settings()


def _chat_models() -> Iterator[tuple[str, str]]:
    costs: dict[str, Any] = cast("Any", litellm.model_cost)
    for name, entry in costs.items():
        provider = entry.get("litellm_provider")
        if provider in ("openai", "anthropic") and entry.get("mode") == "chat" and "/" not in name and ":" not in name:
            yield provider, name


@pytest.mark.parametrize("params", [{"temperature": 0.2}, {"temperature": 1}, {"top_p": 0.9}], ids=str)
def test_what_a_model_is_said_to_refuse_litellm_refuses_for_it(params: dict[str, Any]) -> None:
    differing: list[str] = []
    optional_params: Any = cast("Any", litellm.utils).get_optional_params
    for provider, name in _chat_models():
        try:
            optional_params(model=name, custom_llm_provider=provider, **params)
            refused = False
        except UnsupportedParamsError:
            refused = True
        if refused != bool(list(refused_params(f"{provider}/{name}", params))):
            differing.append(name)
    assert differing == []


GOOD = [yaml.safe_load(file.read_text()) for file in sorted((CONFIGS / "good").glob("*.yaml"))]
ODD: list[Any] = [None, "text", "", -1, 0, 3, True, [], {}, ["text"], {"a": 1}, [{"small": ["large"]}], 1e9]


def _paths(values: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    pairs: Any = values.items() if isinstance(values, dict) else enumerate(values) if isinstance(values, list) else ()  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType, reportUnknownVariableType]
    for key, value in pairs:
        yield (*path, key)
        yield from _paths(value, (*path, key))


@st.composite
def mutated(draw: st.DrawFn) -> dict[str, Any]:
    """A good file with a few things taken out, put in, renamed or replaced."""
    values = deepcopy(draw(st.sampled_from(GOOD)))
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(list(_paths(values))))
        parent = values
        for key in path[:-1]:
            parent = parent[key]
        what = draw(st.sampled_from(["delete", "replace", "rename", "router"]))
        if what == "router":
            name = draw(st.sampled_from(sorted(set(router_settings()) - NOT_IN_A_FILE - SPECIAL)))
            values["router_settings"] = {
                **(values.get("router_settings") or {}),
                name: deepcopy(draw(st.sampled_from(ODD))),
            }
        elif what == "replace":
            parent[path[-1]] = deepcopy(draw(st.sampled_from(ODD)))
        elif what == "delete":
            del parent[path[-1]]
        elif isinstance(parent, dict):
            parent[f"{path[-1]}x"] = parent.pop(path[-1])
        if not values:
            break
    return values


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    """The DSN of one for all gateways: which database it is, a configuration says without a mistake or not at all."""
    process = PostgresProcess()
    process.start()
    yield process.dsn
    process.stop()


def start(path: Path, database: str) -> bool:
    """Whether `thriftgate check` lets the file pass; if so, what LiteLLM and the gateway do at a start is done."""
    try:
        prepared = prepare(path, ENVIRONMENT)
    except ConfigurationError:
        return False
    values = prepared.runtime.values
    section, _ = resolve(values["callback_settings"]["thriftgate"], environment_with(values, ENVIRONMENT))
    config = from_section(section)
    assert config == prepared.loaded.thriftgate
    _build_router(values)
    own = config.model_copy(update={"database_url": database})
    asyncio.run(assemble(own, base_dir=path.parent, environ=ENVIRONMENT).aclose())
    return True


@pytest.mark.parametrize("file", sorted((CONFIGS / "good").glob("*.yaml")), ids=lambda file: file.stem)
def test_the_gateway_starts_with_every_good_file(file: Path, database: str, tmp_path: Path) -> None:
    shutil.copytree(CONFIGS, tmp_path, dirs_exist_ok=True)
    assert start(tmp_path / "good" / file.name, database)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(values=mutated())
def test_what_check_lets_pass_litellm_and_the_gateway_start_with(values: dict[str, Any], database: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for part in ("good", "prompts"):
            shutil.copytree(CONFIGS / part, Path(folder, part))
        tried = Path(folder, "good", "tried.yaml")
        tried.write_text(yaml.safe_dump(values))
        event("passed" if start(tried, database) else "refused")


def _build_router(values: Any) -> None:
    """As the proxy does it."""
    build: Any = Router
    known = set(Router.get_valid_args()) - ROUTER_SETTINGS_MANAGED_OUTSIDE_CONFIG
    settings: Mapping[str, Any] = values.get("router_settings") or {}
    arguments = {name: value for name, value in settings.items() if name in known}
    entries = [entry for entry in values["model_list"] if "thriftgate/" not in str(entry["litellm_params"]["model"])]
    build(model_list=entries, ignore_invalid_deployments=True, **arguments)
