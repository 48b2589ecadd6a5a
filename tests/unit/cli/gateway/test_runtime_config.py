"""What the proxy gets of the operator's file: no deployment that cannot answer, and in a demo no real model."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from thriftgate.cli.gateway.parts.runtime_config import RuntimeConfig, demo_config, has_any_key, runtime_config, settled
from thriftgate.config import load
from thriftgate.config.checks.identity import AUTHENTICATION
from thriftgate.config.document import read_document
from thriftgate.config.litellm.model_list import read_model_list

SETUP = """
model_list:
  - {model_name: small, litellm_params: {model: anthropic/claude-haiku-4-5, api_key: os.environ/ANTHROPIC_API_KEY}}
  - model_name: large
    litellm_params: {model: anthropic/claude-opus-4-5, api_key: os.environ/ANTHROPIC_API_KEY, timeout: 30, order: 1}
    model_info: {id: first}
  - {model_name: large, litellm_params: {model: openai/gpt-5, api_key: os.environ/OPENAI_API_KEY, temperature: 0.1}}
  - {model_name: spare, litellm_params: {model: openai/gpt-5-mini, api_key: os.environ/OPENAI_API_KEY}}
  - {model_name: support, litellm_params: {model: thriftgate/support}}
litellm_settings:
  custom_provider_map: [{provider: thriftgate, custom_handler: thriftgate.proxy.plugin.routes}]
callback_settings:
  thriftgate:
    routes:
      support: {cascade: {tiers: [{model: small}, {model: best}]}}
router_settings:
  model_group_alias: {best: large}
"""
BASE_URL = "http://127.0.0.1:4010/v1"


class Setup:
    """A configuration file in a folder of its own."""

    def __init__(self, folder: Path, text: str = SETUP) -> None:
        self.path = folder / "litellm_config.yaml"
        self.path.write_text(text, encoding="utf-8")

    def prepared(self, environ: Mapping[str, str]) -> RuntimeConfig:
        document = read_document(self.path)
        models, _ = read_model_list(document.values, environ)
        return runtime_config(document.values, models)

    def demo(self) -> RuntimeConfig:
        document = read_document(self.path)
        models, _ = read_model_list(document.values, {})
        config = load(self.path, {}, require_keys=False).thriftgate
        return demo_config(document.values, config, models, base_url=BASE_URL)


@pytest.fixture
def setup(tmp_path: Path) -> Setup:
    return Setup(tmp_path)


def called(prepared: RuntimeConfig) -> list[tuple[str, str]]:
    """Every model name with the provider's model behind it."""
    entries: list[Mapping[str, Any]] = prepared.values["model_list"]
    return [(entry["model_name"], entry["litellm_params"]["model"]) for entry in entries]


def test_with_every_key_the_file_stays_as_it_is(setup: Setup) -> None:
    prepared = setup.prepared({"ANTHROPIC_API_KEY": "a", "OPENAI_API_KEY": "b"})
    assert prepared.values == yaml.safe_load(SETUP)
    assert (prepared.is_demo, list(prepared.left_out)) == (False, [])


def test_a_deployment_without_its_key_is_left_out_where_its_group_has_another(setup: Setup) -> None:
    prepared = setup.prepared({"ANTHROPIC_API_KEY": "a"})
    assert called(prepared) == [
        ("small", "anthropic/claude-haiku-4-5"),
        ("large", "anthropic/claude-opus-4-5"),
        ("spare", "openai/gpt-5-mini"),
        ("support", "thriftgate/support"),
    ]
    assert list(prepared.left_out) == ["large: openai/gpt-5 (OPENAI_API_KEY is not set)"]


def test_a_group_without_any_key_stays_to_say_why_it_cannot_answer(setup: Setup) -> None:
    prepared = setup.prepared({"OPENAI_API_KEY": "b"})
    assert ("small", "anthropic/claude-haiku-4-5") in called(prepared)
    assert ("large", "anthropic/claude-opus-4-5") not in called(prepared)


def test_the_operator_s_own_values_are_not_touched(setup: Setup) -> None:
    before = read_document(setup.path).values
    document = read_document(setup.path)
    models, _ = read_model_list(document.values, {})
    runtime_config(document.values, models)
    demo_config(document.values, load(setup.path, {}, require_keys=False).thriftgate, models, base_url=BASE_URL)
    assert document.values == before


@pytest.mark.parametrize(
    ("environ", "has_one"),
    [({}, False), ({"OPENAI_API_KEY": ""}, False), ({"OPENAI_API_KEY": "b"}, True), ({"OTHER": "c"}, False)],
)
def test_one_key_that_is_no_empty_text_is_enough_not_to_be_a_demo(
    setup: Setup, environ: dict[str, str], has_one: bool
) -> None:
    models, _ = read_model_list(read_document(setup.path).values, environ)
    assert has_any_key(models) is has_one


def test_a_model_that_needs_no_key_is_no_demo_and_a_route_alone_is(tmp_path: Path) -> None:
    route = "{model_name: support, litellm_params: {model: thriftgate/support}}"
    local = "{model_name: small, litellm_params: {model: ollama/llama3}}"
    for entries, has_one in ((route, False), (f"{route}, {local}", True)):
        models, _ = read_model_list(yaml.safe_load(f"model_list: [{entries}]"), {})
        assert has_any_key(models) is has_one


def test_in_a_demo_the_last_tier_is_strong_its_second_deployment_the_backup_and_all_others_weak(setup: Setup) -> None:
    prepared = setup.demo()
    assert prepared.is_demo
    assert called(prepared) == [
        ("small", "openai/demo-small"),
        ("large", "openai/demo-large"),
        ("large", "openai/demo-large-backup"),
        ("spare", "openai/demo-small"),
        ("support", "thriftgate/support"),
    ]


def test_in_a_demo_every_model_is_called_at_the_demo_provider_without_any_real_key(setup: Setup) -> None:
    entries: list[Mapping[str, Any]] = setup.demo().values["model_list"]
    for entry in entries[:-1]:
        params = entry["litellm_params"]
        assert (params["api_base"], params["api_key"]) == (BASE_URL, "demo")
        assert params["input_cost_per_token"] < params["output_cost_per_token"]
    assert "os.environ" not in yaml.safe_dump(entries)


def test_in_a_demo_how_a_model_is_called_stays_and_whom_it_was_does_not(setup: Setup) -> None:
    entries: list[Mapping[str, Any]] = setup.demo().values["model_list"]
    first, second = entries[1], entries[2]
    assert (first["litellm_params"]["timeout"], first["litellm_params"]["order"]) == (30, 1)
    assert first["model_info"] == {"id": "first"}
    assert "temperature" not in second["litellm_params"]


def test_in_a_demo_a_last_tier_that_a_pattern_serves_is_strong_too(tmp_path: Path) -> None:
    pattern = "  - {model_name: 'anthropic/*', litellm_params: {model: 'anthropic/*'}}\nlitellm_settings:"
    text = SETUP.replace("litellm_settings:", pattern).replace("{model: best}", "{model: anthropic/claude-opus-4-5}")
    assert ("anthropic/*", "openai/demo-large") in called(Setup(tmp_path, text).demo())


@pytest.mark.parametrize("is_demo", [True, False])
def test_what_was_included_is_merged_and_its_path_is_gone(tmp_path: Path, is_demo: bool) -> None:
    models, rest = SETUP.split("litellm_settings:")
    (tmp_path / "models.yaml").write_text(models, encoding="utf-8")
    setup = Setup(tmp_path, f"include: [models.yaml]\nlitellm_settings:{rest}")
    prepared = setup.demo() if is_demo else setup.prepared({"ANTHROPIC_API_KEY": "a", "OPENAI_API_KEY": "b"})
    assert "include" not in prepared.values
    assert [name for name, _ in called(prepared)] == ["small", "large", "large", "spare", "support"]
    assert prepared.values["router_settings"] == {"model_group_alias": {"best": "large"}}


@pytest.mark.parametrize("is_there", [False, True])
def test_the_written_file_is_readable_by_us_alone_and_says_the_same(
    setup: Setup, tmp_path: Path, is_there: bool
) -> None:
    path = tmp_path / "data" / "proxy_config.yaml"
    if is_there:
        path.parent.mkdir()
        path.write_text("much longer than what is going to be written\n" * 1000)
        path.chmod(0o644)
    previous = os.umask(0)
    try:
        prepared = setup.demo()
        prepared.write(path)
    finally:
        os.umask(previous)
    assert path.stat().st_mode & 0o777 == 0o600
    assert yaml.safe_load(path.read_text(encoding="utf-8")) == prepared.values


def test_litellm_is_told_to_ask_us_where_keys_are_on_and_the_operator_said_nothing() -> None:
    models, _ = read_model_list({}, {})
    values: dict[str, Any] = yaml.safe_load(SETUP)
    assert "general_settings" not in runtime_config(values, models).values
    values["callback_settings"]["thriftgate"]["identity"] = {}
    assert runtime_config(values, models).values["general_settings"] == {"custom_auth": AUTHENTICATION}
    values["general_settings"] = {"custom_auth": "auth.mine", "master_key": "x"}
    assert runtime_config(values, models).values["general_settings"] == values["general_settings"]


def test_what_only_the_file_s_own_variables_name_stands_where_it_is_named() -> None:
    """LiteLLM looks `os.environ/` up before it applies `environment_variables`."""
    values = {
        "environment_variables": {"OWN": "postgresql://x", "NEXT": "os.environ/OUTSIDE", "PORT": 6379},
        "model_list": [{"litellm_params": {"api_key": "os.environ/OWN"}}],
        "callback_settings": {"thriftgate": {"database_url": "os.environ/OWN", "redis_url": "os.environ/ELSEWHERE"}},
        "litellm_settings": {"cache_params": {"port": "os.environ/PORT"}, "tags": ["os.environ/NEXT"]},
    }
    filled = settled(values, has_master_key=True)
    section = filled["callback_settings"]["thriftgate"]
    assert section == {"database_url": "postgresql://x", "redis_url": "os.environ/ELSEWHERE"}
    assert filled["litellm_settings"] == {"cache_params": {"port": "6379"}, "tags": ["os.environ/OUTSIDE"]}
    assert filled["model_list"] == values["model_list"], "LiteLLM looks these up when a call is made"
    assert filled["environment_variables"] == values["environment_variables"]


def test_a_master_key_that_up_made_is_named_in_the_copy_whatever_the_file_names() -> None:
    values = {"general_settings": {"master_key": "os.environ/NOBODY_SET_THIS", "alerting": ["slack"]}}
    filled = settled(values, has_master_key=False)
    assert filled["general_settings"] == {"master_key": "os.environ/LITELLM_MASTER_KEY", "alerting": ["slack"]}
    assert settled(values, has_master_key=True) == values
