"""YAML with line numbers reads what YAML says, and every place it names is the right one."""

from pathlib import Path
from typing import Any, cast

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from thriftgate.config.document import read_document, value_at
from thriftgate.config.environment import resolve, variable_of
from thriftgate.config.litellm.prices import bundled_prices, price_of, provider_of
from thriftgate.config.problems import KeyPath, spell
from thriftgate.forms import describe, did_you_mean
from thriftgate.lined_yaml import read_lined

keys = st.from_regex(r"[a-z][a-z_]{0,6}", fullmatch=True).filter(lambda key: isinstance(yaml.safe_load(key), str))
plain = st.none() | st.booleans() | st.integers(-5, 5) | keys
nested = st.dictionaries(
    keys.filter(lambda key: key != "include"),
    st.recursive(
        plain,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
        max_leaves=10,
    ),
    min_size=1,
    max_size=4,
)


def written(tmp_path_factory: pytest.TempPathFactory, text: str) -> Path:
    file = tmp_path_factory.mktemp("document") / "document.yaml"
    file.write_text(text, encoding="utf-8")
    return file


@given(values=nested)
def test_what_is_read_is_what_yaml_reads(values: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> None:
    document = read_document(written(tmp_path_factory, yaml.safe_dump(values)))
    assert document.problems == []
    assert document.values == values


@given(values=nested)
def test_every_key_is_found_on_its_line(values: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> None:
    file = written(tmp_path_factory, yaml.safe_dump(values, default_flow_style=False))
    document = read_document(file)
    lines = file.read_text(encoding="utf-8").splitlines()
    for path in paths(values):
        place = document.place(path)
        assert place is not None
        last = path[-1]
        assert place.file == "document.yaml"
        assert (f"{last}:" if isinstance(last, str) else "") in lines[place.line - 1]


def paths(values: Any, path: KeyPath = ()) -> list[KeyPath]:
    found: list[tuple[KeyPath, Any]] = []
    if isinstance(values, dict):
        found = [((*path, key), value) for key, value in cast("dict[str, Any]", values).items()]
    elif isinstance(values, list):
        found = [((*path, index), value) for index, value in enumerate(cast("list[Any]", values))]
    return [item for key_path, value in found for item in (key_path, *paths(value, key_path))]


@given(values=nested)
def test_a_value_is_reached_by_its_path_and_nothing_by_a_wrong_one(values: dict[str, Any]) -> None:
    for path in paths(values):
        expected: Any = values
        for key in path:
            expected = expected[key]
        assert value_at(values, *path) == expected
        assert value_at(values, *path, "no such key") is None
        assert value_at(values, *path, 99) is None


def test_a_missing_key_is_placed_at_its_nearest_parent(tmp_path_factory: pytest.TempPathFactory) -> None:
    document = read_document(written(tmp_path_factory, "a:\n  b: 1\n"))
    place = document.place(("a", "missing", 3))
    assert place is not None
    assert place.line == 1
    assert document.place(("nowhere",)) is None


def test_an_included_value_replaces_and_an_included_list_is_appended(tmp_path: Path) -> None:
    """As LiteLLM does: litellm/proxy/common_utils/config_includes.py."""
    (tmp_path / "main.yaml").write_text("include: [more.yaml]\nitems: [1]\nsettings: {a: 1, b: 2}\n", encoding="utf-8")
    (tmp_path / "more.yaml").write_text("include: [main.yaml]\nitems:\n- 2\nsettings: {c: 3}\n", encoding="utf-8")
    document = read_document(tmp_path / "main.yaml")
    assert document.values == {"items": [1, 2], "settings": {"c": 3}}
    assert document.place(("items", 1)) == ("more.yaml", 3)
    assert document.place(("settings", "c")) == ("more.yaml", 4)
    assert document.problems == []


@pytest.mark.parametrize("text", ["include: more.yaml\n", "include: [1]\n"])
def test_an_include_of_another_shape_is_a_problem(text: str, tmp_path: Path) -> None:
    (tmp_path / "main.yaml").write_text(f"{text}a: 1\n", encoding="utf-8")
    document = read_document(tmp_path / "main.yaml")
    assert [problem.path[0] for problem in document.problems] == ["include"]


@given(values=nested)
def test_without_variables_nothing_is_resolved(values: dict[str, Any]) -> None:
    assert resolve(values, {}) == (values, [])


def test_variables_are_resolved_wherever_they_stand() -> None:
    values = {"a": ["os.environ/SET", {"b": "os.environ/UNSET"}], "c": "plain os.environ/SET"}
    resolved, unset = resolve(values, {"SET": "value"})
    assert resolved == {"a": ["value", {"b": None}], "c": "plain os.environ/SET"}
    assert [(missing.path, missing.variable) for missing in unset] == [(("a", 1, "b"), "UNSET")]
    assert variable_of(7) is None


def test_the_bundled_price_map_knows_the_models_of_the_shipped_configuration() -> None:
    assert len(bundled_prices()) > 1000
    assert price_of({"litellm_params": {"model": "anthropic/claude-haiku-4-5"}}) == (1e-6, 5e-6)
    assert provider_of("claude-haiku-4-5") == "anthropic"
    assert provider_of("groq/anything") == "groq"
    assert provider_of("nobody-knows") is None


@pytest.mark.parametrize(
    ("parameters", "price"),
    [
        ({"input_cost_per_token": "1e-6", "output_cost_per_token": 2e-6}, (1e-6, 2e-6)),
        ({"input_cost_per_token": 0}, (0.0, 0.0)),
        ({"input_cost_per_token": "cheap"}, None),
        ({"input_cost_per_token": True}, None),
        ({}, None),
    ],
)
def test_a_price_in_the_entry_is_a_number_or_none(parameters: dict[str, Any], price: Any) -> None:
    assert price_of({"litellm_params": {"model": "openai/our-own", **parameters}}) == price


def test_an_own_price_comes_before_the_bundled_one() -> None:
    entry = {"litellm_params": {"model": "anthropic/claude-haiku-4-5"}, "model_info": {"input_cost_per_token": 7.0}}
    assert price_of(entry) == (7.0, 0.0)


def test_words_are_spelt_for_readers() -> None:
    assert spell(("model_list", 3, "litellm_params")) == "model_list[3].litellm_params"
    assert did_you_mean("Cahce", ["cache", "cascade"]) == " (did you mean 'cache'?)"
    assert did_you_mean("zebra", ["cache", "cascade"]) == ""
    assert describe(4300) == "4300"
    assert describe(16**5000) == "a number of many digits"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"a: {'1' * 5000}\n", "is not valid YAML: it has a character or a number that YAML does not allow"),
        ("a: " + "[" * 3000, "is not valid YAML: nested too deeply"),
        ("a:\n  [1, 2]: x\n", "a key must be text"),
    ],
)
def test_what_no_parser_takes_is_a_problem_and_no_crash(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "c.yaml"
    file.write_text(text)
    assert [problem.message for problem in read_document(file).problems] == [words]


SCALARS = [
    '!!int ""',
    '!!float ""',
    "!!bool foo",
    "!!timestamp foo",
    "2026-02-30",
    "1:00" + ":00" * 200 + ".5",
    "1" * 5000,
]


@pytest.mark.parametrize("is_plain", [False, True])
@pytest.mark.parametrize("scalar", SCALARS, ids=range(len(SCALARS)))
def test_what_is_not_what_its_tag_says_is_a_mistake_of_its_line(scalar: str, is_plain: bool) -> None:
    if is_plain and scalar == "2026-02-30":
        assert read_lined(f"a: {scalar}", is_plain=True).values == {"a": scalar}
        return
    for text in (f"- x:y\n- {scalar}\n", f"a:\n  {scalar}\n", f"a: 1\n? {scalar}\n: 1\n"):
        broken = read_lined(text, is_plain=is_plain, first_line=4).broken
        assert broken is not None
        assert (broken.words, broken.line) == ("it has a character or a number that YAML does not allow", 5)


@pytest.mark.parametrize("key", ["!!seq x", "!!set x", "0x" + "f" * 5000])
def test_a_key_that_cannot_be_written_is_no_text(key: str) -> None:
    found = read_lined(f"a: 1\n? {key}\n: 1\n")
    assert [(mistake.words, mistake.line) for mistake in found.mistakes] == [("a key must be text", 2)]


@given(
    st.text("!ab0:-'\"[{x .\n", max_size=30),
    st.sampled_from(["int", "float", "bool", "timestamp", "seq", "set", "omap"]),
)
def test_nothing_raises_for_what_a_text_says(text: str, tag: str) -> None:
    for is_plain in (False, True):
        for one in (text, f"a: !!{tag} {text}", f"? !!{tag} {text}"):
            read_lined(one, is_plain=is_plain)


@pytest.mark.parametrize(
    "key",
    [
        '"\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"',
        '"\U0001f469\u200d\U0001f4bb"',
        '"\u3000wide"',
        "'a\u00a0'",
        "\u0645\u06cc\u200c\u062e",
        "\U0001f469\u200d\U0001f4bb",
        "in\u3000between",
        "\u0645\u06cc\u200c",
    ],
)
def test_signs_that_look_like_blanks_are_allowed_where_they_are_meant(key: str) -> None:
    found = read_lined(f"a: {{{key}: 1}}")
    assert (found.broken, found.mistakes) == (None, [])
    assert list(found.values["a"]) == [key.strip("'\"")]


@pytest.mark.parametrize("key", ["\u00a0cache", "cache\u00a0", "\u200bcache", "cache\u200d", "\u3000cache"])
def test_a_key_with_what_is_no_blank_around_it_is_a_mistake(key: str) -> None:
    (mistake,) = read_lined(f"a:\n  {key}: 1").mistakes
    assert mistake.line == 2
    assert mistake.words.startswith("has a blank that is none to YAML (U+")


def test_a_long_text_without_aliases_is_read_and_aliases_that_unfold_to_it_are_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("thriftgate.lined_yaml._MOST_VALUES", 100)
    assert read_lined("[" + "1, " * 1000 + "1]").values == [1] * 1001
    assert read_lined("- &a [1, 2]\n" + "- *a\n" * 33).broken is None
    broken = read_lined("- &a [1, 2]\n" + "- *a\n" * 34).broken
    assert broken is not None
    assert broken.words == "its aliases unfold to more than 100 values"


def test_a_byte_that_is_no_utf_8_is_said_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_bytes(b"model_list: []\n# second\nname: s\xfcpport\n")
    (problem,) = read_document(file).problems
    assert (problem.message, problem.place) == ("is not a UTF-8 text file", ("config.yaml", 3))
