"""Prompts and Langfuse: copied once, compared honestly, served when Langfuse is away. pytest-httpserver plays it."""

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from pytest_httpserver import HTTPServer
from tests.langfuse_server import Langfuse, serve_langfuse

from thriftgate.cli.prompts import command
from thriftgate.errors import ConfigurationError
from thriftgate.prompts.mirror import RemoteVersion, payload, read_remote
from thriftgate.prompts.registry import Prompt
from thriftgate.stores.files.prompts import PromptFiles
from thriftgate.stores.langfuse.client import LangfuseKeys, LangfuseRefusedError, keys_from
from thriftgate.stores.langfuse.prompts import LangfuseNumbers

KEYS = {"LANGFUSE_PUBLIC_KEY": "pk-1", "LANGFUSE_SECRET_KEY": "sk-secret"}
CONTROL = """---
description: Long
variables:
  name: {default: you, max_length: 9, description: Who}
params: {temperature: 0.5, stop: [END]}
tags: [support]
examples:
  - {user: Hi, assistant: Hello}
includes: {tone: _shared/tone.md}
---
[[system]]
Help {{ name }}. {% include "tone" %}
[[conversation]]
[[user]]
Now answer.
"""


@pytest.fixture
def langfuse(httpserver: HTTPServer) -> Langfuse:
    return serve_langfuse(httpserver)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    support = tmp_path / "prompts" / "support"
    (tmp_path / "prompts" / "_shared").mkdir(parents=True)
    support.mkdir()
    (tmp_path / "prompts" / "_shared" / "tone.md").write_text("Be kind.")
    (support / "prompt.yaml").write_text("labels: {production: control, candidate: concise}\n")
    (support / "control.md").write_text(CONTROL)
    (support / "concise.md").write_text("Short.")
    return tmp_path / "prompts"


@dataclass
class Shell:
    """Runs commands against the fake."""

    directory: Path
    environ: dict[str, str | None]

    def __call__(self, *arguments: str, code: int = 0) -> Result:
        options = [] if arguments[0] == "pull" else ["--data-dir", str(self.directory.parent / "data")]
        result = CliRunner().invoke(
            command, ["--prompts-dir", str(self.directory), *arguments, *options], env=self.environ
        )
        assert result.exit_code == code, (result.output, result.exc_info)
        return result


@pytest.fixture
def shell(directory: Path, httpserver: HTTPServer) -> Shell:
    return Shell(directory, {**KEYS, "LANGFUSE_HOST": httpserver.url_for("/"), "LANGFUSE_BASE_URL": None})


def prompt_in(directory: Path) -> Prompt:
    return PromptFiles(directory).reload().prompts["support"]


def test_a_version_comes_back_from_langfuse_with_the_same_hash(directory: Path) -> None:
    for version in prompt_in(directory).variants.values():
        body = json.loads(json.dumps(payload(version, [], message="m")))
        back = read_remote(
            RemoteVersion(name="support", number=3, labels=(), prompt=body["prompt"], config=body["config"])
        )

        assert back.hash == version.hash
        assert back.variant == version.variant


def test_the_payload_is_what_langfuses_api_asks_for(directory: Path) -> None:
    body = payload(prompt_in(directory).variants["control"], ["production"], message="m")

    assert body["prompt"] == [
        {"type": "chatmessage", "role": "system", "content": 'Help {{ name }}. {% include "tone" %}'},
        {"type": "chatmessage", "role": "user", "content": "Hi"},
        {"type": "chatmessage", "role": "assistant", "content": "Hello"},
        {"type": "placeholder", "name": "conversation"},
        {"type": "chatmessage", "role": "user", "content": "Now answer."},
    ]
    assert (body["name"], body["type"], body["labels"], body["tags"]) == (
        "support",
        "chat",
        ["production"],
        ["support"],
    )
    assert (body["config"]["temperature"], body["commitMessage"]) == (0.5, "m")


def test_the_locked_sdk_understands_what_we_send(directory: Path) -> None:
    from langfuse.api.prompts.types.create_chat_prompt_request import CreateChatPromptRequest
    from langfuse.api.prompts.types.placeholder_message import PlaceholderMessage

    body = payload(prompt_in(directory).variants["control"], ["production"], message="m")
    read = CreateChatPromptRequest(**body)

    assert read.dict() == body  # nothing is lost or renamed
    assert [isinstance(part, PlaceholderMessage) for part in read.prompt] == [False, False, False, True, False]


def test_push_makes_every_version_once_with_its_labels(shell: Shell, langfuse: Langfuse) -> None:
    dry = shell("push", "--dry-run").output
    assert "dry run: support: new control" in dry
    assert langfuse.prompts == {}

    output = shell("push").output
    assert "support: new control" in output
    assert langfuse.labels() == {"concise": 1, "candidate": 1, "control": 2, "production": 2}

    writes = [entry for entry in langfuse.log if entry[0] != "GET"]
    assert shell("push").output == "support: Langfuse has everything\n"
    assert [entry for entry in langfuse.log if entry[0] != "GET"] == writes


def test_push_moves_labels_after_a_promotion_and_an_edit(shell: Shell, langfuse: Langfuse) -> None:
    shell("push")
    CliRunner().invoke(command, ["--prompts-dir", str(shell.directory), "promote", "support", "concise"])
    output = shell("push").output
    assert "support: label production: version 2 -> version 1" in output
    assert langfuse.labels() == {"concise": 1, "candidate": 1, "production": 1, "control": 2}

    (shell.directory / "support" / "concise.md").write_text("Shorter.")
    assert "= version 3" in shell("push").output
    assert langfuse.labels() == {"production": 1, "control": 2, "concise": 3, "candidate": 3}


def test_numbers_are_kept_by_project_for_the_traces(shell: Shell, langfuse: Langfuse) -> None:
    shell("push")
    host = str(shell.environ["LANGFUSE_HOST"]).rstrip("/")
    path = shell.directory.parent / "data" / "langfuse_prompts.json"
    prompt = prompt_in(shell.directory)

    numbers = LangfuseNumbers(path, f"{host} pk-1")
    assert numbers.number("support", prompt.variants["concise"].hash) == 1
    assert numbers.number("support", "unknown") is None
    assert LangfuseNumbers(path, f"{host} pk-other").number("support", prompt.variants["concise"].hash) is None
    assert "sk-secret" not in path.read_text()


def test_a_label_moved_in_langfuse_to_something_unknown_is_a_conflict(shell: Shell, langfuse: Langfuse) -> None:
    shell("push")
    langfuse.write("support", [{"role": "system", "content": "Theirs"}], ["production"])
    result = shell("push", code=1)

    assert "support: conflict: label 'production' is on Langfuse's version 3, which is not known here" in result.output
    assert langfuse.labels()["production"] == 3
    shell("push", "--force")
    assert langfuse.labels()["production"] == 2


def test_an_edit_in_langfuse_that_copies_our_config_is_still_seen_as_theirs(shell: Shell, langfuse: Langfuse) -> None:
    shell("push")
    first = langfuse.prompts["support"][0]
    langfuse.write("support", [{"role": "system", "content": "Edited {{ name }}"}], ["production"], first["config"])

    assert "conflict" in shell("push", code=1).output


def test_pull_freezes_what_was_written_in_langfuse_and_changes_nothing_else(shell: Shell, langfuse: Langfuse) -> None:
    shell("push")
    before = {path: path.read_text() for path in shell.directory.rglob("*.*") if path.is_file()}
    langfuse.write("support", [{"role": "system", "content": "Dear {{ customer }}"}], ["production"])
    langfuse.write("support", "Only text", [], kind="text")
    langfuse.write("support", [{"type": "placeholder", "name": "other"}], [])

    assert "dry run" in shell("pull", "--dry-run").output
    output = shell("pull").output
    assert "langfuse@1" in output
    assert "label production: control here, langfuse@1 in Langfuse" in output
    assert "cannot be used here: langfuse:support@5" in output
    prompt = prompt_in(shell.directory)
    assert prompt.versions["langfuse@1"].variables["customer"].is_required
    assert prompt.versions["langfuse@2"].messages[0].source.text == "Only text"
    assert {path: path.read_text() for path in before} == before
    assert "nothing new" in shell("pull").output


def test_status_compares_both_sides(shell: Shell, langfuse: Langfuse) -> None:
    assert "differs" in shell("status", code=1).output
    shell("push")
    assert "agrees with Langfuse" in shell("status").output
    langfuse.write("support", [{"role": "system", "content": "Theirs"}], ["production"])
    state = json.loads(shell("status", "--json", code=1).output)[0]
    assert state["conflicts"]
    assert state["versions"][-1]["labels_there"] == ["latest", "production"]
    assert sorted(row["number"] for row in state["versions"]) == [1, 2, 3]


def test_missing_and_wrong_keys_are_named_and_never_shown(shell: Shell, langfuse: Langfuse) -> None:
    shell.environ |= {"LANGFUSE_SECRET_KEY": "sk-wrong"}
    result = CliRunner().invoke(command, ["--prompts-dir", str(shell.directory), "push"], env=shell.environ)
    assert isinstance(result.exception, LangfuseRefusedError)
    assert "its keys are not accepted" in str(result.exception)
    assert "sk-wrong" not in str(result.exception)

    with pytest.raises(ConfigurationError) as caught:
        keys_from({})
    assert len(caught.value.problems) == 2
    assert "sk-secret" not in repr(LangfuseKeys("h", "pk", "sk-secret"))
