"""All prompts as they are served at one moment, and how they are read from text.

Failure behaviour: a prompt with errors is None, next to its problems; nothing is raised. What is served
instead is the store's business.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from thriftgate.prompts.checks import check_experiments, check_labels
from thriftgate.prompts.documents import LinedMapping, read_yaml, validate
from thriftgate.prompts.history import Event, parse_history
from thriftgate.prompts.parse import FileName, is_name, parse_variant
from thriftgate.prompts.problems import Findings, PromptProblem
from thriftgate.prompts.schema import Experiment, PromptFile
from thriftgate.prompts.versions import PromptVersion

PRODUCTION = "production"

_FROZEN = re.compile(r"([a-z0-9][a-z0-9_-]{0,63})@([1-9][0-9]{0,8})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """One folder of the registry."""

    name: str
    description: str = ""
    variants: Mapping[str, PromptVersion]
    """The variants' files as they are now, by variant."""
    versions: Mapping[str, PromptVersion] = field(default_factory=dict[str, PromptVersion])
    """Frozen versions by name (`control@2`)."""
    labels: Mapping[str, str]
    experiments: Mapping[str, Experiment] = field(default_factory=dict[str, Experiment])
    history: tuple[Event, ...] = ()
    variable_names: frozenset[str] = field(init=False)
    """Variables of any variant or version: what callers may send."""

    def __post_init__(self) -> None:
        every = (*self.variants.values(), *self.versions.values())
        names = frozenset(name for version in every for name in version.variables)
        object.__setattr__(self, "variable_names", names)  # once, and not for every request

    def resolve(self, reference: str) -> PromptVersion | None:
        """The version that a label, a variant or a version's name means; None when there is none."""
        reference = self.labels.get(reference, reference)
        return self.variants.get(reference) or self.versions.get(reference)


@dataclass(frozen=True, slots=True)
class Registry:
    """Every prompt that can be served, and what is wrong with the files it came from."""

    prompts: Mapping[str, Prompt] = field(default_factory=dict[str, Prompt])
    problems: tuple[PromptProblem, ...] = ()

    @property
    def errors(self) -> tuple[PromptProblem, ...]:
        """The problems because of which an older state, or nothing, is served."""
        return tuple(problem for problem in self.problems if problem.severity == "error")


@dataclass(frozen=True, slots=True)
class Parsed:
    """One prompt read from its files: the prompt, unless it has errors."""

    prompt: Prompt | None
    problems: tuple[PromptProblem, ...]


def parse_prompt(name: str, files: Mapping[str, str], shared: Mapping[str, str]) -> Parsed:
    """The prompt `name` from the texts of its files.

    Args:
        name: The folder's name.
        files: Texts by path within the folder: `prompt.yaml`, `<variant>.md`, `versions/<variant>@<n>.md`,
            `history.jsonl`; anything else is ignored.
        shared: Texts that variants may include, by path within the registry's folder.
    """
    findings = Findings()
    if not is_name(name):
        findings.error(
            f"{name}/prompt.yaml", 1, f"'{name}' is not a prompt's name: lower-case letters, digits, - and _"
        )
    settings_path = f"{name}/prompt.yaml"
    document = _settings(files.get("prompt.yaml"), settings_path, findings)
    settings = validate(document, PromptFile, findings) if document is not None else None
    variants = _variants(name, files, shared, findings)
    versions = _versions(name, files, findings)
    history = parse_history(files.get("history.jsonl", ""), f"{name}/history.jsonl", findings)
    if document is None or settings is None or findings.has_errors:
        return Parsed(None, tuple(findings.problems))
    known = {**variants, **versions}
    if not variants:
        findings.error(settings_path, 1, f"has no variant: write {name}/control.md")
    labels = settings.labels
    if PRODUCTION not in labels and variants:
        labels = {**labels, PRODUCTION: "control" if "control" in variants else min(variants)}
    check_labels(labels, known, document, findings)
    check_experiments(settings.experiments, known, document, findings)
    if findings.has_errors:
        return Parsed(None, tuple(findings.problems))
    prompt = Prompt(
        name=name,
        description=settings.description,
        variants=variants,
        versions=versions,
        labels=labels,
        experiments=settings.experiments,
        history=history,
    )
    return Parsed(prompt, tuple(findings.problems))


def _settings(text: str | None, path: str, findings: Findings) -> LinedMapping | None:
    if text is None:
        findings.error(path, 1, "is missing; it may be as short as `description: …`")
        return None
    return read_yaml(text.removeprefix("\ufeff"), file=path, findings=findings)


def _variants(
    name: str, files: Mapping[str, str], shared: Mapping[str, str], findings: Findings
) -> dict[str, PromptVersion]:
    variants: dict[str, PromptVersion] = {}
    for path in sorted(files):
        stem, dot, ending = path.partition(".")
        if ending != "md" or not dot or "/" in path or stem == "README":
            continue
        full = f"{name}/{path}"
        if not is_name(stem):
            findings.error(full, 1, f"'{stem}' is not a variant's name: lower-case letters, digits, - and _")
            continue
        version = parse_variant(FileName(name, stem, None, full), files[path], shared, findings)
        if version is not None and version.front.frozen is not None:
            findings.error(full, 1, "`frozen` belongs into files under versions/ only; remove it")
        elif version is not None:
            variants[stem] = version
    return variants


def _versions(name: str, files: Mapping[str, str], findings: Findings) -> dict[str, PromptVersion]:
    versions: dict[str, PromptVersion] = {}
    for path in sorted(files):
        if not path.startswith("versions/") or not path.endswith(".md"):
            continue
        full = f"{name}/{path}"
        match = _FROZEN.fullmatch(path.removeprefix("versions/").removesuffix(".md"))
        if match is None:
            findings.error(full, 1, "is not a version's name, such as control@2.md")
            continue
        version = parse_variant(FileName(name, match[1], int(match[2]), full), files[path], {}, findings)
        if version is None:
            continue
        if version.front.frozen != version.hash:
            findings.error(full, 1, f"was changed after it was frozen: its content is {version.hash}, not "
                           f"{version.front.frozen}; restore it with git, or promote a new version")  # fmt: skip
            continue
        versions[version.name] = version
    return versions
