"""The registry in a folder: edits are noticed, broken ones change nothing, and nothing outside the folder is read."""

import os
from pathlib import Path

import pytest

from thriftgate.prompts.registry import Registry
from thriftgate.stores.files.prompts import PromptFiles

SHIPPED = Path(__file__).parents[2] / "prompts"


def write(folder: Path, **files: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_md", ".md").replace("_yaml", ".yaml")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


@pytest.fixture
def prompts(tmp_path: Path) -> PromptFiles:
    write(tmp_path / "support", prompt_yaml="description: x\n", control_md="Hello.\n")
    files = PromptFiles(tmp_path)
    assert not files.reload().problems
    return files


def text_of(registry: Registry, prompt: str = "support", label: str = "production") -> str:
    version = registry.prompts[prompt].resolve(label)
    assert version is not None
    return version.messages[0].source.text


def test_the_shipped_prompts_have_no_problem() -> None:
    registry = PromptFiles(SHIPPED).reload()

    assert registry.problems == ()
    assert set(registry.prompts["support"].variants) == {"control", "concise"}


async def test_an_edit_is_served_after_a_refresh_and_an_old_snapshot_does_not_change(
    prompts: PromptFiles, tmp_path: Path
) -> None:
    before = prompts.snapshot()
    write(tmp_path / "support", control_md="Hello there.\n")

    assert text_of(await prompts.refresh()) == "Hello there."
    assert text_of(prompts.snapshot()) == "Hello there."
    assert text_of(before) == "Hello."


async def test_nothing_is_read_again_while_no_file_changes(prompts: PromptFiles) -> None:
    before = prompts.snapshot()

    assert await prompts.refresh() is before


async def test_an_edit_of_the_same_size_and_second_is_noticed(prompts: PromptFiles, tmp_path: Path) -> None:
    path = tmp_path / "support" / "control.md"
    times = path.stat()
    replacement = tmp_path / "new"
    replacement.write_text("Hallo.\n")
    os.utime(replacement, ns=(times.st_atime_ns, times.st_mtime_ns))
    replacement.replace(path)

    assert text_of(await prompts.refresh()) == "Hallo."


async def test_a_broken_edit_keeps_the_last_good_state_and_says_so(prompts: PromptFiles, tmp_path: Path) -> None:
    write(tmp_path / "support", control_md="Hello {{ nmae }}.\n")
    write(tmp_path / "other", prompt_yaml="", control_md="Other")
    registry = await prompts.refresh()

    assert text_of(registry) == "Hello."
    assert text_of(registry, "other") == "Other"
    assert [str(problem) for problem in registry.errors] == [
        "support/control.md:1: variable 'nmae': is not declared under `variables`",
        "support/prompt.yaml:1: its files have errors; the last good state of 'support' is still served",
    ]

    write(tmp_path / "support", control_md="Hello again.\n")
    registry = await prompts.refresh()
    assert text_of(registry) == "Hello again."
    assert registry.problems == ()


async def test_a_value_that_is_not_what_its_tag_says_stops_no_other_prompt(
    prompts: PromptFiles, tmp_path: Path
) -> None:
    write(tmp_path / "other", prompt_yaml="description: !!bool x\n", control_md="Other")
    write(tmp_path / "support", control_md="Hello again.\n")
    registry = await prompts.refresh()
    assert text_of(registry) == "Hello again."
    assert [problem.line for problem in registry.errors] == [1]
    assert "other/prompt.yaml:1: " in str(registry.errors[0])


async def test_a_prompt_whose_folder_is_gone_is_still_served(prompts: PromptFiles, tmp_path: Path) -> None:
    (tmp_path / "support").rename(tmp_path / ".away")
    registry = await prompts.refresh()

    assert text_of(registry) == "Hello."
    assert "its folder is gone" in str(registry.problems[-1])


def test_without_the_whole_folder_everything_is_still_served(prompts: PromptFiles, tmp_path: Path) -> None:
    tmp_path.rename(tmp_path.with_name("away"))
    registry = prompts.reload()

    assert text_of(registry) == "Hello."
    assert "there is no such folder" in str(registry.problems[0])


def test_a_broken_prompt_at_the_start_is_absent_and_explained(tmp_path: Path) -> None:
    write(tmp_path / "support", prompt_yaml="x: 1", control_md="Hi")
    registry = PromptFiles(tmp_path).reload()

    assert registry.prompts == {}
    assert (
        str(registry.problems[0]) == "support/prompt.yaml:1: unknown key 'x'; there is description, experiments, labels"
    )


async def test_shared_texts_are_included_and_watched(prompts: PromptFiles, tmp_path: Path) -> None:
    write(tmp_path / "_shared", tone_md="Be kind.")
    front = "---\nincludes: {tone: _shared/tone.md, own: support/includes/own.md}\n---\n"
    write(tmp_path / "support", includes__own_md="Own.", control_md=front + "{% include 'tone' %} {% include 'own' %}")
    before = (await prompts.refresh()).prompts["support"].variants["control"]
    write(tmp_path / "_shared", tone_md="Be terse.")
    after = (await prompts.refresh()).prompts["support"].variants["control"]

    assert before.includes["tone"].text == "Be kind."
    assert after.includes["tone"].text == "Be terse."
    assert before.hash != after.hash


@pytest.mark.parametrize("target", ["/etc/hostname", "outside.md"])
def test_a_link_out_of_the_folder_is_refused(tmp_path: Path, target: str) -> None:
    (tmp_path / "outside.md").write_text("secret")
    write(tmp_path / "prompts" / "support", prompt_yaml="", control_md="Hi")
    (tmp_path / "prompts" / "support" / "concise.md").symlink_to(tmp_path / target)
    registry = PromptFiles(tmp_path / "prompts").reload()

    assert registry.prompts == {}
    assert "it is a link to a place outside the prompts folder" in str(registry.problems[0])


async def test_folders_that_are_links_are_read_and_watched_as_kubernetes_mounts_them(tmp_path: Path) -> None:
    write(tmp_path / "prompts" / "..2026_01" / "support", prompt_yaml="", control_md="Hi")
    write(tmp_path / "prompts" / "..2026_02" / "support", prompt_yaml="", control_md="Ho")
    link = tmp_path / "prompts" / "support"
    link.symlink_to("..2026_01/support")
    files = PromptFiles(tmp_path / "prompts")

    assert text_of(files.reload()) == "Hi"
    link.unlink()
    link.symlink_to("..2026_02/support")
    assert text_of(await files.refresh()) == "Ho"


@pytest.mark.parametrize(
    ("content", "why"), [(b"\xff\xfe", "it is not UTF-8 text"), (b"x" * 1_000_001, "it is larger than 1000000 bytes")]
)
def test_an_unreadable_file_is_named(tmp_path: Path, content: bytes, why: str) -> None:
    write(tmp_path / "support", prompt_yaml="", control_md="Hi")
    (tmp_path / "support" / "concise.md").write_bytes(content)

    assert str(PromptFiles(tmp_path).reload().problems[0]) == f"support/concise.md:1: cannot be read: {why}"
