"""Opening the prompts of a configuration, and watching them."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from tests.langfuse_server import serve_langfuse

from thriftgate.config import ThriftgateConfig
from thriftgate.errors import ConfigurationError
from thriftgate.services.upkeep.prompt_watch import PromptWatch
from thriftgate.stores.files.prompt_sources import check_prompted_routes, open_prompts
from thriftgate.stores.files.prompts import PromptFiles
from thriftgate.stores.langfuse.prompts import LangfusePrompts

KEYS = {"LANGFUSE_PUBLIC_KEY": "pk-1", "LANGFUSE_SECRET_KEY": "sk-secret"}


@dataclass
class Clock:
    now: float = 0.0

    def time(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now


def config(prompt: dict[str, Any], **more: Any) -> ThriftgateConfig:
    route = {"cascade": {"tiers": [{"model": "small"}]}, "prompt": prompt}
    return ThriftgateConfig.model_validate({"routes": {"support": route}, **more})


@pytest.fixture
def base(tmp_path: Path) -> Path:
    folder = tmp_path / "prompts" / "support"
    folder.mkdir(parents=True)
    (folder / "prompt.yaml").write_text("")
    (folder / "control.md").write_text("Hello.")
    return tmp_path


def test_a_routes_prompt_in_files_is_opened_and_numbers_need_keys(base: Path) -> None:
    asked = config({"name": "support"})

    assert isinstance(open_prompts(asked, base, {}, Clock()).source, PromptFiles)
    assert open_prompts(asked, base, {}, Clock()).numbers is None
    assert open_prompts(asked, base, KEYS, Clock()).numbers is not None


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ({"name": "sales"}, "routes.support.prompt: there is no usable prompt 'sales'"),
        ({"name": "support", "label": "beta"}, "routes.support.prompt: 'support' has nothing labelled 'beta'"),
    ],
)
def test_a_prompt_or_label_that_is_not_there_is_named_at_the_start(
    base: Path, prompt: dict[str, Any], expected: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        open_prompts(config(prompt), base, {}, Clock())

    assert caught.value.problems == (expected,)


def test_a_broken_prompt_is_named_with_its_line_at_the_start(base: Path) -> None:
    (base / "prompts" / "support" / "control.md").write_text("\n{{ nmae }}")
    with pytest.raises(ConfigurationError) as caught:
        open_prompts(config({"name": "support"}), base, {}, Clock())

    assert caught.value.problems[0].startswith("support/control.md:2: variable 'nmae'")


async def test_langfuse_is_opened_with_its_keys_and_checked_after_the_first_look(
    base: Path, httpserver: HTTPServer
) -> None:
    langfuse = serve_langfuse(httpserver)
    langfuse.write("support", [{"role": "system", "content": "Theirs"}], ["production", "beta"])
    asked = config({"name": "support", "label": "beta"}, prompts={"source": "langfuse"})
    with pytest.raises(ConfigurationError, match="LANGFUSE_PUBLIC_KEY is not set"):
        open_prompts(asked, base, {}, Clock())

    opened = open_prompts(asked, base, {**KEYS, "LANGFUSE_HOST": httpserver.url_for("")}, Clock())
    assert isinstance(opened.source, LangfusePrompts)
    with pytest.raises(ConfigurationError):
        check_prompted_routes(asked, opened.source)
    await opened.source.refresh()
    check_prompted_routes(asked, opened.source)
    assert opened.client is not None
    await opened.client.close()


async def test_a_watch_says_what_changed_and_what_is_wrong_once(base: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    files = PromptFiles(base / "prompts")
    files.reload()
    watch = PromptWatch(files)
    control = base / "prompts" / "support" / "control.md"
    before = files.snapshot().prompts["support"].variants["control"].hash

    control.write_text("Hello there.")
    after = (await watch.look()).prompts["support"].variants["control"].hash
    assert f"prompt support: control {before} -> {after}, production {before} -> {after}" in caplog.text

    caplog.clear()
    control.write_text("{{ nmae }} and more")
    await watch.look()
    await watch.look()
    assert caplog.text.count("support/control.md:1: variable 'nmae'") == 1
    assert caplog.text.count("the last good state of 'support' is still served") == 1
    assert len(watch.problems) == 2

    control.write_text("Hello there.")
    await watch.look()
    assert "prompts: no problems any more" in caplog.text
