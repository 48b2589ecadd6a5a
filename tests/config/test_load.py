"""What `load` hands to the rest of the program, and what `from_section` refuses."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from thriftgate.config import LoadedConfig, from_section, load
from thriftgate.errors import ConfigurationError

GOOD = Path(__file__).parent / "good"
ENVIRONMENT = {
    "ANTHROPIC_API_KEY": "not-a-key",
    "OPENAI_API_KEY": "not-a-key",
    "LITELLM_MASTER_KEY": "sk-not-a-key-but-long-enough",
}


@pytest.fixture(scope="module")
def everything() -> LoadedConfig:
    return load(GOOD / "everything.yaml", ENVIRONMENT)


def test_a_route_knows_every_name_that_clients_call_it_by(everything: LoadedConfig) -> None:
    assert everything.clients_call("support") == ("support", "help")


def test_a_tier_is_found_by_name_by_alias_and_by_pattern(everything: LoadedConfig) -> None:
    found = [everything.models.find(name) for name in ("spare", "cheap", "costly", "anthropic/claude-opus-4-5")]
    assert [group.name if group else None for group in found] == ["spare", "tiny", "small", "anthropic/*"]


def test_a_name_that_nothing_answers_for_is_not_found(everything: LoadedConfig) -> None:
    assert everything.models.find("openai/gpt-5") is None


def test_prices_come_from_the_entry_and_else_from_the_base_model(everything: LoadedConfig) -> None:
    tiny, small = everything.models.find("tiny"), everything.models.find("small")
    assert tiny is not None
    assert tiny.price == (1e-8, 2e-8)
    assert small is not None
    assert small.price is not None
    assert 0 < small.price.input < small.price.output < 1e-4


def test_a_merged_entry_keeps_what_it_does_not_override(everything: LoadedConfig) -> None:
    spare = everything.models.find("spare")
    assert spare is not None
    assert spare.deployments[0].model == "openai/our-own-model"


def test_the_files_own_environment_variables_are_known(everything: LoadedConfig) -> None:
    assert everything.thriftgate.database_url == "postgresql://gateway:p%2Fw@db:5432/thriftgate"


def test_durations_become_seconds(everything: LoadedConfig) -> None:
    assert everything.thriftgate.ledger.flush_interval == 0.5
    assert everything.thriftgate.routes["support"].cascade.hold_limit == 20


def test_the_master_key_is_resolved_and_never_shown(everything: LoadedConfig) -> None:
    assert everything.master_key == ENVIRONMENT["LITELLM_MASTER_KEY"]
    assert ENVIRONMENT["LITELLM_MASTER_KEY"] not in repr(everything)


def test_relative_paths_are_seen_from_the_files_folder(everything: LoadedConfig) -> None:
    assert everything.base_dir == GOOD.absolute()


def test_an_included_file_adds_its_models(tmp_path: Path) -> None:
    loaded = load(GOOD / "included.yaml", ENVIRONMENT)
    assert set(loaded.models.groups) == {"support", "small", "large"}
    assert len(loaded.models.groups["large"].deployments) == 2


@pytest.mark.parametrize("number", ["0x" + "f" * 5000, "1" * 5000], ids=["hexadecimal", "decimal"])
def test_a_number_of_thousands_of_digits_is_a_problem_of_its_line(number: str, tmp_path: Path) -> None:
    text = (GOOD / "support.yaml").read_text(encoding="utf-8").rstrip()
    file = tmp_path / "c.yaml"
    file.write_text(f"{text}\n    drain: {number}\n", encoding="utf-8")
    with pytest.raises(ConfigurationError, match=rf"c\.yaml:{len(text.splitlines()) + 1}: "):
        load(file, ENVIRONMENT)


def test_a_file_that_is_not_there_is_said_in_words(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"nothing\.yaml: there is no such file"):
        load(tmp_path / "nothing.yaml", {})


def test_a_folder_and_a_binary_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="directory"):
        load(tmp_path, {})
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigurationError, match="UTF-8"):
        load(tmp_path / "binary.yaml", {})


def test_an_alias_that_contains_itself_is_refused(tmp_path: Path) -> None:
    (tmp_path / "loop.yaml").write_text("model_list: &all\n  - *all\n", encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"loop.yaml:\d+: model_list\[0\]: this alias contains itself"):
        load(tmp_path / "loop.yaml", {})


def test_an_empty_variable_counts_as_unset() -> None:
    with pytest.raises(ConfigurationError, match="ANTHROPIC_API_KEY is not set, and route 'support' needs"):
        load(GOOD / "support.yaml", {**ENVIRONMENT, "ANTHROPIC_API_KEY": "", "OPENAI_API_KEY": ""})


def test_where_keys_are_not_required_nothing_is_said_of_a_tier_without_one() -> None:
    assert load(GOOD / "support.yaml", {}, require_keys=False).warnings == ()


@pytest.mark.parametrize(
    ("today", "words"),
    [
        (date(2026, 9, 1), None),
        (date(2026, 9, 30), "'openai/gpt-5' retires on 2026-12-11: name its successor"),
        (date(2026, 12, 12), "'openai/gpt-5' was announced to retire on 2026-12-11: name its successor"),
    ],
)
def test_the_end_of_a_model_is_announced_three_months_before_by_its_latest_dated_name(
    today: date, words: str | None
) -> None:
    warnings = load(GOOD / "support.yaml", ENVIRONMENT, today=today).warnings
    assert [warning.partition(".model: ")[2] for warning in warnings] == ([words] if words else [])


@pytest.mark.parametrize("where", ["litellm_params", "model_info"])
def test_the_end_of_a_model_that_the_operator_named_is_that_of_its_base_model(tmp_path: Path, where: str) -> None:
    values = yaml.safe_load((GOOD / "support.yaml").read_text(encoding="utf-8"))
    own: dict[str, Any] = {"model_name": "mine", "litellm_params": {"model": "azure/my-deployment", "api_key": "k"}}
    values["model_list"].append(own | {where: {**own.get(where, {}), "base_model": "azure/o1"}})
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")
    warnings = load(tmp_path / "config.yaml", ENVIRONMENT, today=date(2026, 9, 1)).warnings
    assert any("'azure/o1' retires on 2026-11-19: name its successor" in warning for warning in warnings)


def test_one_working_deployment_is_enough_for_a_tier() -> None:
    loaded = load(GOOD / "support.yaml", {**ENVIRONMENT, "OPENAI_API_KEY": ""})
    assert [warning for warning in loaded.warnings if "OPENAI_API_KEY" in warning]


def test_the_section_that_litellm_hands_over_becomes_the_same_configuration() -> None:
    section = {"routes": {"support": {"cascade": {"tiers": [{"model": "small"}, {"model": "large"}]}, "cache": {}}}}
    config = from_section(section)
    assert [tier.model for tier in config.routes["support"].cascade.tiers] == ["small", "large"]
    assert config.routes["support"].cache is not None


def test_a_variable_that_is_an_item_of_a_list_is_looked_up_though_litellm_hands_it_over_as_text() -> None:
    """As text it was long enough for a key: what the earlier key had sealed could not be opened."""
    key, before = "the-key-of-today-0123456789abcdef", "the-key-of-before-0123456789abcde"
    name = "THRIFTGATE_EARLIER_KEY_OF_PRIVACY"
    routes = {"support": {"cascade": {"tiers": [{"model": "small"}]}}}
    section = {"routes": routes, "privacy": {"key": key, "previous_keys": [f"os.environ/{name}"]}}
    config = from_section(section, {name: before})
    assert config.privacy is not None
    assert config.privacy.previous_keys == [before]
    with pytest.raises(ConfigurationError) as raised:
        from_section(section, {})
    assert raised.value.problems == (
        f"callback_settings.thriftgate.privacy.previous_keys[0]: the environment variable {name} is not set",
    )


def test_a_bad_section_names_its_problems_by_key_path() -> None:
    with pytest.raises(ConfigurationError) as raised:
        from_section({"routes": {"support": {"cascade": {"tiers": []}, "cahce": {}}}})
    assert raised.value.problems == (
        "callback_settings.thriftgate.routes.support.cascade.tiers: must have at least 1 entry",
        "callback_settings.thriftgate.routes.support.cahce: unknown key (did you mean 'cache'?)",
    )


def test_what_is_too_short_is_told_how_long_it_must_be() -> None:
    with pytest.raises(ConfigurationError) as raised:
        from_section({"routes": {}, "metrics": {"token": "scraper"}})
    assert raised.value.problems == ("callback_settings.thriftgate.metrics.token: must have at least 16 characters",)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)


@given(section=st.dictionaries(st.sampled_from(["routes", "embedder", "ledger", "redis_url"]), json_values))
def test_whatever_a_section_holds_it_is_a_configuration_or_a_list_of_problems(section: dict[str, Any]) -> None:
    problems: tuple[str, ...] = ("callback_settings.thriftgate: no problem",)
    try:
        from_section(section)
    except ConfigurationError as error:
        problems = error.problems
    assert problems
    assert all(problem.startswith("callback_settings.thriftgate") for problem in problems)


def test_settings_of_another_callback_may_have_the_name_of_ours(tmp_path: Path) -> None:
    text = (GOOD / "warned_callbacks.yaml").read_text()
    file = tmp_path / "c.yaml"
    file.write_text(
        text.replace("  thriftgate:\n", "  metrics: {}\n  logs: {a: 1}\n  routes: {b: {c: 1}}\n  thriftgate:\n")
    )
    assert load(file, ENVIRONMENT).thriftgate.logs is None
    file.write_text(text.replace("  thriftgate:\n", "  ledger: {max_queue: 5}\n  data_dir: here\n  thriftgate:\n"))
    with pytest.raises(ConfigurationError) as raised:
        load(file, ENVIRONMENT)
    assert [words.split(": ", 1)[1] for words in raised.value.problems] == [
        f"callback_settings.{name}: stands one level too far left: indent it under 'thriftgate'"
        for name in ("ledger", "data_dir")
    ]


@given(text=st.text(st.sampled_from("ab:-[]{}#&*!|>'\"\n\t ?,%@`0~<"), max_size=60))
def test_whatever_a_file_holds_only_a_configuration_error_is_raised(text: str, tmp_path_factory: Any) -> None:
    file: Path = tmp_path_factory.mktemp("any") / "any.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError) as raised:
        load(file, {})
    assert raised.value.problems
