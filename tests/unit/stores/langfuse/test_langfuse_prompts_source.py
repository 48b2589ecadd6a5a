"""Prompts served out of Langfuse: by its labels, by the last good state while it is away."""

from dataclasses import dataclass
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer
from tests.langfuse_server import Langfuse, serve_langfuse

from thriftgate.errors import StoreUnavailableError
from thriftgate.prompts.mirror import payload
from thriftgate.prompts.registry import Prompt
from thriftgate.stores.files.prompts import PromptFiles
from thriftgate.stores.langfuse.client import LangfuseClient, LangfuseKeys
from thriftgate.stores.langfuse.prompts import LangfuseNumbers, LangfusePrompts


@pytest.fixture
def langfuse(httpserver: HTTPServer) -> Langfuse:
    return serve_langfuse(httpserver)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    support = tmp_path / "prompts" / "support"
    support.mkdir(parents=True)
    (support / "prompt.yaml").write_text("labels: {production: control, candidate: concise}\n")
    (support / "control.md").write_text("---\nvariables: {name: {default: you}}\n---\nHelp {{ name }}.")
    (support / "concise.md").write_text("Short.")
    return tmp_path / "prompts"


@pytest.fixture
def client(httpserver: HTTPServer) -> LangfuseClient:
    return LangfuseClient(LangfuseKeys(httpserver.url_for("").rstrip("/"), "pk-1", "sk-secret"), timeout=5)


def prompt_in(directory: Path) -> Prompt:
    return PromptFiles(directory).reload().prompts["support"]


async def test_pages_are_followed_and_names_compared_exactly(client: LangfuseClient, langfuse: Langfuse) -> None:
    for name in ("support-old", "support", "a-support"):
        langfuse.write(name, [{"role": "system", "content": "x"}], [])
    langfuse.write("support", [{"role": "system", "content": "y"}], [])

    async with client:
        assert await client.numbers("support") == (1, 2)
        assert await client.numbers("nothing") == ()


@pytest.mark.parametrize("body", ["no json", "[]", '{"name": 3}'])
async def test_garbage_is_not_taken_for_a_prompt(httpserver: HTTPServer, client: LangfuseClient, body: str) -> None:
    httpserver.expect_request("/api/public/v2/prompts/support").respond_with_data(body)

    async with client:
        with pytest.raises(StoreUnavailableError):
            await client.get("support", 1)


async def test_a_langfuse_that_is_not_there_is_unavailable() -> None:
    async with LangfuseClient(LangfuseKeys("http://127.0.0.1:9", "pk", "sk"), timeout=1) as client:
        with pytest.raises(StoreUnavailableError, match="does not answer"):
            await client.numbers("support")


@dataclass
class Clock:
    now: float = 0.0

    def time(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now


def source(client: LangfuseClient, directory: Path, clock: Clock) -> LangfusePrompts:
    files = PromptFiles(directory)
    files.reload()
    data = directory.parent / "data"
    numbers = LangfuseNumbers(data / "numbers.json", client.project)
    return LangfusePrompts(
        client, files, names=["support"], cache=data / "prompts.json", numbers=numbers, clock=clock, interval=30
    )


def served(prompts: LangfusePrompts) -> str:
    version = prompts.snapshot().prompts["support"].resolve("production")
    assert version is not None
    return version.messages[0].source.text


async def test_langfuses_labels_are_served_and_asked_for_only_from_time_to_time(
    client: LangfuseClient, langfuse: Langfuse, directory: Path
) -> None:
    clock = Clock()
    langfuse.write("support", [{"role": "system", "content": "Theirs {{ x }}"}], ["production"])
    prompts = source(client, directory, clock)
    assert served(prompts).startswith("Help {{ name }}.")  # the files, until Langfuse was asked

    await prompts.refresh()
    assert served(prompts) == "Theirs {{ x }}"
    langfuse.write("support", [{"role": "system", "content": "Newer"}], ["production"])
    clock.now = 29.0
    await prompts.refresh()
    assert served(prompts) == "Theirs {{ x }}"
    clock.now = 30.0
    await prompts.refresh()
    assert served(prompts) == "Newer"
    assert prompts.snapshot().errors == ()
    await client.close()


async def test_while_langfuse_is_away_the_last_good_state_is_served_even_after_a_restart(
    client: LangfuseClient, langfuse: Langfuse, directory: Path
) -> None:
    clock = Clock()
    langfuse.write("support", [{"role": "system", "content": "Theirs"}], ["production"])
    first = source(client, directory, clock)
    await first.refresh()
    langfuse.is_away = True
    clock.now = 60.0
    registry = await first.refresh()
    assert served(first) == "Theirs"
    assert "answers with status 502; the last good state is served" in str(registry.errors[0])

    restarted = source(client, directory, Clock())
    assert served(restarted) == "Theirs"
    await restarted.refresh()
    assert served(restarted) == "Theirs"
    await client.close()


async def test_a_broken_version_in_langfuse_keeps_the_last_good_state(
    client: LangfuseClient, langfuse: Langfuse, directory: Path
) -> None:
    clock = Clock()
    langfuse.write("support", [{"role": "system", "content": "Good"}], ["production"])
    prompts = source(client, directory, clock)
    await prompts.refresh()
    langfuse.write("support", [{"role": "system", "content": "{% for %}"}], ["production"])
    clock.now = 60.0
    registry = await prompts.refresh()

    assert served(prompts) == "Good"
    assert any(str(problem).startswith("langfuse:support@2:") for problem in registry.errors)
    await client.close()


async def test_variants_experiments_and_numbers_work_with_what_langfuse_serves(
    client: LangfuseClient, langfuse: Langfuse, directory: Path
) -> None:
    settings = directory / "support" / "prompt.yaml"
    settings.write_text(settings.read_text() + "experiments:\n  short: {variants: {control: 1, concise: 1}}\n")
    langfuse.write("support", "x", [])
    prompt = prompt_in(directory)
    for version in prompt.variants.values():
        labels = [version.variant] + (["production"] if version.variant == "concise" else [])
        langfuse.write("support", payload(version, [], message="")["prompt"], labels,
                       payload(version, [], message="")["config"])  # fmt: skip
    prompts = source(client, directory, Clock())
    await prompts.refresh()
    here = prompts.snapshot().prompts["support"]

    assert set(here.variants) == {"control", "concise"}
    assert here.labels == {"production": "concise@2"}
    assert list(here.experiments) == ["short"]
    assert here.resolve("control") is not None
    numbers = LangfuseNumbers(directory.parent / "data" / "numbers.json", client.project)
    assert numbers.number("support", prompt.variants["concise"].hash) == 2

    langfuse.prompts["support"][2]["labels"] = []
    again = source(client, directory, Clock())
    await again.refresh()
    assert "experiment 'short' does not run: Langfuse has nothing labelled 'control'" in str(again.snapshot().errors[0])
    await client.close()
