"""Promoting and rolling back: minimal edits, immutable versions, and a way back that always leads there."""

from collections.abc import Mapping

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from thriftgate.prompts.changes import Changes, PromptChangeError, promote, roll_back, set_label
from thriftgate.prompts.lint import lint
from thriftgate.prompts.registry import Prompt, parse_prompt
from thriftgate.prompts.versions import diff

SETTINGS = "# why we do this\nlabels:\n  production: control # careful\n  candidate: concise\n\ndescription: x\n"


class Folder:
    """A prompt's folder in memory, changed as the store would change it."""

    def __init__(self, **files: str) -> None:
        self.files: dict[str, str] = {"prompt.yaml": SETTINGS, "control.md": "One", "concise.md": "Short"}
        self.files |= {name.replace("_", "."): text for name, text in files.items()}
        self.now = 0.0

    @property
    def prompt(self) -> Prompt:
        parsed = parse_prompt("support", self.files, {})
        assert parsed.prompt is not None, parsed.problems
        return parsed.prompt

    def keep(self, changes: Changes) -> Changes:
        assert not set(changes.new_files) & set(self.files)
        self.files |= dict(changes.new_files)
        if changes.settings is not None:
            self.files["prompt.yaml"] = changes.settings
        self.files["history.jsonl"] = self.files.get("history.jsonl", "") + "".join(e.line() for e in changes.events)
        return changes

    def promote(self, reference: str, label: str = "production") -> Changes:
        self.now += 1
        return self.keep(promote(self.prompt, self.files["prompt.yaml"], reference, label=label, now=self.now))

    def roll_back(self, label: str = "production") -> Changes:
        self.now += 1
        return self.keep(roll_back(self.prompt, self.files["prompt.yaml"], label=label, now=self.now))

    def served(self, label: str = "production") -> str:
        version = self.prompt.resolve(label)
        assert version is not None
        return f"{version.name}: {version.messages[0].source.text}"


def test_promoting_freezes_both_sides_and_changes_one_word_of_prompt_yaml() -> None:
    folder = Folder()
    changes = folder.promote("concise")

    assert set(changes.new_files) == {"versions/control@1.md", "versions/concise@1.md"}
    assert changes.settings == SETTINGS.replace("production: control", "production: concise@1")
    assert [(event.action, event.version, event.before) for event in changes.events] == [
        ("freeze", "control@1", None), ("freeze", "concise@1", None), ("promote", "concise@1", "control@1"),
    ]  # fmt: skip
    assert folder.served() == "concise@1: Short"


def test_a_promoted_prompt_does_not_change_with_its_file_until_it_is_promoted_again() -> None:
    folder = Folder()
    folder.promote("control", label="candidate")
    folder.promote("candidate")
    folder.files["control.md"] = "Two"

    assert folder.served() == "control@1: One"
    assert [str(problem) for problem in lint(folder.prompt)] == [
        "support/control.md:1: differs from control@1, which is served; promote 'control' to serve this file"
    ]
    assert folder.promote("control").summary == (
        f"froze control.md as control@2 ({folder.prompt.variants['control'].hash})",
        "production: control@1 -> control@2",
    )  # fmt: skip
    assert folder.served() == "control@2: Two"


def test_the_same_content_is_the_same_version() -> None:
    folder = Folder()
    folder.promote("concise")
    folder.files["concise.md"] = "Shorter"
    folder.promote("concise")
    folder.files["concise.md"] = "Short"

    assert folder.promote("concise").new_files == {}
    assert folder.served() == "concise@1: Short"


def test_promoting_what_is_served_is_refused() -> None:
    folder = Folder()
    folder.promote("concise")

    with pytest.raises(PromptChangeError, match="already serves concise@1"):
        folder.promote("concise")
    with pytest.raises(PromptChangeError, match=r"no 'consise'; did you mean 'concise'\?"):
        folder.promote("consise")


def test_rolling_back_serves_exactly_what_was_served_before() -> None:
    folder = Folder()
    folder.promote("concise")
    folder.files["control.md"] = "edited since"
    folder.roll_back()

    assert folder.served() == "control@1: One"
    with pytest.raises(PromptChangeError, match="knows nothing that 'production' served before"):
        folder.roll_back()


def test_a_label_edited_by_hand_returns_to_the_last_promotion_first() -> None:
    folder = Folder()
    folder.promote("concise")
    folder.files["prompt.yaml"] = folder.files["prompt.yaml"].replace("concise@1", "control")
    folder.roll_back()
    assert folder.served() == "concise@1: Short"

    folder.roll_back()
    assert folder.served() == "control@1: One"


def test_a_version_that_is_gone_cannot_be_served_again() -> None:
    folder = Folder()
    folder.promote("concise")
    del folder.files["versions/control@1.md"]

    with pytest.raises(PromptChangeError, match=r"versions/control@1\.md is gone; restore it with git"):
        folder.roll_back()


@settings(max_examples=20)
@given(st.lists(st.tuples(st.sampled_from(["control", "concise"]), st.sampled_from(["A", "B", "C"])), max_size=6))
def test_rolling_back_undoes_promotions_one_by_one(edits: list[tuple[str, str]]) -> None:
    folder = Folder()
    folder.promote("candidate")
    served = [folder.served()]
    for variant, text in edits:
        folder.files[f"{variant}.md"] = text
        try:
            folder.promote(variant)
        except PromptChangeError:
            continue
        served.append(folder.served())

    for expected in reversed(served[:-1]):
        folder.roll_back()
        assert folder.served() == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "labels:\n  production: a@1\n"),
        ("description: x", "description: x\nlabels:\n  production: a@1\n"),
        ("labels:\ndescription: x\n", "labels:\n  production: a@1\n\ndescription: x\n"),
        ("labels: {}\n", "labels: {production: a@1}\n"),
        ("labels: {candidate: b} # c\n", "labels: {candidate: b, production: a@1} # c\n"),
        ("labels: {production: 'b', x: y}\n", "labels: {production: a@1, x: y}\n"),
        ('labels:\n    x: b # c\n    production: "b"\n# end', "labels:\n    x: b # c\n    production: a@1\n# end"),
        ("labels:\r\n  production: b\r\nx: 1\r\n", "labels:\r\n  production: a@1\r\nx: 1\r\n"),
        ("labels:\n  candidate: b\n", "labels:\n  production: a@1\n  candidate: b\n"),
    ],
)  # fmt: skip
def test_only_the_label_changes_in_the_text(text: str, expected: str) -> None:
    assert set_label(text, "production", "a@1", file="p") == expected


@given(
    labels=st.dictionaries(
        st.sampled_from(["production", "candidate", "beta"]), st.sampled_from(["control", "a-b@12"])
    ),
    flow=st.booleans(),
    label=st.sampled_from(["production", "candidate", "beta", "new"]),
)  # fmt: skip
def test_whatever_the_layout_the_result_differs_by_one_label(labels: dict[str, str], flow: bool, label: str) -> None:
    text = yaml.safe_dump({"description": "x", "labels": labels}, default_flow_style=flow)
    edited = yaml.safe_load(set_label(text, label, "control@7", file="p"))

    assert edited == {"description": "x", "labels": {**labels, label: "control@7"}}


def folder_of(files: Mapping[str, str]) -> Prompt:
    return Folder(**files).prompt


def test_a_diff_shows_text_parameters_and_variables_and_nothing_for_the_same_content() -> None:
    prompt = folder_of({"concise_md": "---\ndescription: d\nparams: {temperature: 0}\n---\nShort"})
    text = diff(prompt.variants["control"], prompt.variants["concise"])

    assert "-One\n+Short\n" in text
    assert "+  temperature: 0.0\n" in text
    assert text.startswith(f"--- support/control ({prompt.variants['control'].hash})\n+++ support/concise (")
    assert diff(prompt.variants["control"], prompt.variants["control"]) == ""


def test_lint_warns_of_what_works_but_was_hardly_meant() -> None:
    prompt = folder_of(
        {
            "control_md": "---\nvariables: {n: {type: integer, default: 1}}\n---\n{{ n }}",
            "concise_md": "---\nvariables: {n: {default: a}, must: {}}\n---\n[[user]]\n{{ n }}{{ must }}\nno\u200bgap",
        }
    )

    assert sorted(str(problem) for problem in lint(prompt)) == [
        "support/concise.md:1: does not begin with a system message",
        "support/concise.md:1: variable 'must': is required here but not in control, which is served as 'production'",
        "support/concise.md:1: variable 'n': has type string here and integer in control",
        "support/concise.md:6: has an invisible character: ZERO WIDTH SPACE",
    ]
