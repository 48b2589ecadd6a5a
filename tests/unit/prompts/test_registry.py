"""A prompt's folder: labels, frozen versions, experiments and history that fit together."""

from collections.abc import Mapping

import pytest

from thriftgate.prompts.history import Event, parse_history, previous
from thriftgate.prompts.problems import Findings
from thriftgate.prompts.registry import Parsed, Prompt, parse_prompt
from thriftgate.prompts.versions import dump


def parsed(files: Mapping[str, str], name: str = "support") -> Parsed:
    return parse_prompt(name, {"prompt.yaml": "", "control.md": "Hi", "concise.md": "Hey", **files}, {})


def good(files: Mapping[str, str]) -> Prompt:
    result = parsed(files)
    assert result.prompt is not None, result.problems
    return result.prompt


def frozen(text: str, number: int) -> dict[str, str]:
    version = good({"control.md": text}).variants["control"]
    return {f"versions/control@{number}.md": dump(version)}


def test_without_labels_production_is_the_control() -> None:
    prompt = good({})

    assert prompt.labels == {"production": "control"}
    assert prompt.resolve("production") is prompt.variants["control"]
    assert prompt.resolve("concise") is prompt.variants["concise"]
    assert prompt.resolve("nothing") is None


def test_a_label_may_name_a_frozen_version_which_edits_do_not_change() -> None:
    files = {**frozen("Old", 1), "prompt.yaml": "labels: {production: control@1}"}
    prompt = good({**files, "control.md": "New"})

    version = prompt.resolve("production")
    assert version is not None
    assert (version.name, version.messages[0].source.text) == ("control@1", "Old")
    assert prompt.variants["control"].messages[0].source.text == "New"


def test_a_frozen_version_that_was_edited_is_refused() -> None:
    files = {path: text.replace("Old", "Edited") for path, text in frozen("Old", 1).items()}
    problem = parsed(files).problems[0]

    assert str(problem).startswith("support/versions/control@1.md:1: was changed after it was frozen")


def test_other_files_are_ignored() -> None:
    assert set(good({"README.md": "[[x]]", "notes.txt": "x", "includes/a.md": "x"}).variants) == {"control", "concise"}


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"Bad Name.md": "x"}, "support/Bad Name.md:1: 'Bad Name' is not a variant's name"),
        ({"versions/control.md": "x"}, "support/versions/control.md:1: is not a version's name, such as control@2.md"),
        (
            {"control.md": "---\nfrozen: abc\n---\nx"},
            "support/control.md:1: `frozen` belongs into files under versions/",
        ),
        ({"history.jsonl": "{}\n"}, "support/history.jsonl:1: is not an event"),
        ({"history.jsonl": "\n<<<<<<< HEAD\n"}, "support/history.jsonl:2: is not an event"),
    ],
)
def test_a_file_that_does_not_belong_is_named(files: dict[str, str], expected: str) -> None:
    result = parsed(files)

    assert result.prompt is None
    assert str(result.problems[0]).startswith(expected)


def test_a_folder_needs_its_prompt_yaml_and_a_variant() -> None:
    assert "support/prompt.yaml:1: is missing" in str(parse_prompt("support", {"control.md": "x"}, {}).problems[0])
    assert "has no variant: write a/control.md" in str(parse_prompt("a", {"prompt.yaml": ""}, {}).problems[0])
    assert "is not a prompt's name" in str(parsed({}, name="Support Desk").problems[0])


A = "experiments:\n  a:\n    variants: {control: 1}\n"


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ("lables: {}", "1: unknown key 'lables'; did you mean 'labels'?"),
        (
            "labels:\n  production: contrl",
            "2: label 'production': there is no version 'contrl'; did you mean 'control'?",
        ),
        ("labels:\n  production: control@3", "2: label 'production': there is no version 'control@3'"),
        ("labels:\n  production: a b", "2: labels.production: 'a b' is not a variant (control) or a version"),
        ("labels:\n  concise: control", "2: label 'concise' is also the name of a variant"),
        ("experiments:\n  a:\n    variants: {control: 1, x: 1}", "3: experiment 'a': there is no variant 'x'"),
        ("experiments:\n  a:\n    variants: {control: 0}", "3: experiment 'a': all weights are 0"),
        (
            "experiments:\n  a:\n    variants: {control: -1}",
            "3: experiments.a.variants.control: must be at least 0, not -1",
        ),
        (
            A + "    control: concise",
            "4: experiment 'a': control 'concise' is",
        ),
        (
            A + "    unit: team",
            "4: experiments.a.unit: must be 'user'",
        ),
        (A + "    start: soon", "4: experiments.a.start: must be a date"),
        (A + "    start: 7", "4: experiments.a.start: must be a date"),
        (
            A + "    start: 2026-07-02\n    stop: 2026-07-01",
            "5: experiment 'a': stops before it starts",
        ),
        (
            A + "    holdout: 120%",
            "4: experiments.a.holdout: must be at most 1",
        ),
        (A + "    guards:\n      - {metric: mood}", "5: experiments.a.guards.0.metric: must be 'quality'"),
        (A + "    window: soon", "4: experiments.a.window: must be a time span"),
        (A + "    min_effect: 0", "4: experiments.a.min_effect: must be more than 0, not 0"),
        (
            A + "    ramp:\n      - at: 2026-07-02\n        variants: {x: 1}",
            "6: experiment 'a': ramp: 'x' is none of its variants",
        ),
        (
            A + "    ramp:\n      - {at: 2026-07-02, variants: {control: 1}}\n"
            "      - {at: 2026-07-01, variants: {control: 1}}",
            "6: experiment 'a': ramp steps must follow each other in time",
        ),
        (
            A + "    ramp:\n      - {at: 2026-07-02, variants: {control: 0}}",
            "5: experiment 'a': ramp: all weights are 0",
        ),
        (
            "experiments:\n  a: {variants: {control: 1}, stop: 2026-07-02}\n  b: {variants: {control: 1}}",
            "3: experiment 'b' overlaps 'a' in time",
        ),
    ],
)
def test_every_mistake_of_prompt_yaml_names_its_line(settings: str, expected: str) -> None:
    result = parsed({"prompt.yaml": settings})

    assert result.prompt is None
    assert any(str(problem).startswith(f"support/prompt.yaml:{expected}") for problem in result.problems), (
        result.problems
    )


def test_experiments_that_follow_each_other_do_not_overlap() -> None:
    settings = (
        "experiments:\n  a: {variants: {control: 1}, stop: 2026-07-02}\n"
        "  b: {variants: {control: 1}, start: 2026-07-02}"
    )
    assert set(good({"prompt.yaml": settings}).experiments) == {"a", "b"}


def event(action: str, version: str, before: str | None = None, label: str = "production") -> Event:
    return Event(at=0.0, action=action, version=version, before=before, label=label)  # pyright: ignore[reportArgumentType]


def test_rolling_back_walks_back_through_promotions() -> None:
    history = [event("promote", "b", "a"), event("promote", "c", "b"), event("promote", "x", "y", label="candidate")]

    assert previous(history, "production") == "b"
    assert previous([*history, event("rollback", "b", "c")], "production") == "a"
    assert previous([*history, event("rollback", "b", "c"), event("rollback", "a", "b")], "production") is None
    assert previous([*history, event("rollback", "b", "c"), event("promote", "d", "b")], "production") == "b"


def test_an_event_reads_back_as_it_was_written() -> None:
    written = Event(at=1782864000.0, action="promote", version="control@2", before="control@1", label="production",
                    hash="8ef64e2ce3c7", note='shorter, "warmer" ü')  # fmt: skip
    findings = Findings()

    assert parse_history(written.line() * 2, "h", findings) == (written, written)
    assert written.line().startswith('{"at": "2026-07-01T00:00:00Z", "action": "promote", "label": "production"')
    assert not findings.problems
