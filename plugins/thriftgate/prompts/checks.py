"""Whether labels and experiments of a prompt fit its variants and each other.

Failure behaviour: every mistake becomes a problem with the line in `prompt.yaml`.
"""

import itertools
import math
from collections.abc import Mapping
from typing import Protocol

from thriftgate.prompts.documents import LinedMapping
from thriftgate.prompts.problems import Findings, name_hint
from thriftgate.prompts.schema import Experiment
from thriftgate.prompts.versions import PromptVersion


class _Report(Protocol):
    def __call__(self, message: str, *path: str | int) -> None: ...


def check_labels(
    labels: Mapping[str, str], known: Mapping[str, PromptVersion], document: LinedMapping, findings: Findings
) -> None:
    """Report labels that point at nothing, or that are called like a version."""
    for label, reference in labels.items():
        line = document.line("labels", label)
        if reference not in known:
            hint = name_hint(reference, known)
            findings.error(document.file, line, f"label '{label}': there is no version '{reference}'{hint}")
        if label in known:
            findings.error(document.file, line, f"label '{label}' is also the name of a variant")


def check_experiments(
    experiments: Mapping[str, Experiment],
    known: Mapping[str, PromptVersion],
    document: LinedMapping,
    findings: Findings,
) -> None:
    """Report experiments that cannot be run as written, and pairs that would run at the same time."""
    for name, experiment in experiments.items():
        _check_one(name, experiment, known, document, findings)
    for (first, one), (second, other) in itertools.combinations(experiments.items(), 2):
        if _overlap(one, other):
            line = document.line("experiments", second)
            findings.error(
                document.file, line, f"experiment '{second}' overlaps '{first}' in time; give each a start and a stop"
            )


def _overlap(one: Experiment, other: Experiment) -> bool:
    start = max(one.start or -math.inf, other.start or -math.inf)
    stop = min(one.stop or math.inf, other.stop or math.inf)
    return start < stop


def _check_one(
    name: str, experiment: Experiment, known: Mapping[str, PromptVersion], document: LinedMapping, findings: Findings
) -> None:
    def report(message: str, *path: str | int) -> None:
        line = document.line("experiments", name, *path)
        findings.error(document.file, line, f"experiment '{name}': {message}")

    for reference in experiment.variants:
        if reference not in known:
            report(f"there is no variant '{reference}'{name_hint(reference, known)}", "variants", reference)
    if sum(experiment.variants.values()) <= 0:
        report("all weights are 0", "variants")
    if experiment.baseline not in experiment.variants:
        report(f"control '{experiment.baseline}' is none of its variants", "control")
    if experiment.start is not None and experiment.stop is not None and experiment.start >= experiment.stop:
        report("stops before it starts", "stop")
    _check_ramp(experiment, report)


def _check_ramp(experiment: Experiment, report: _Report) -> None:
    for index, step in enumerate(experiment.ramp):
        if index and step.at <= experiment.ramp[index - 1].at:
            report("ramp steps must follow each other in time", "ramp", index, "at")
        for reference in step.variants:
            if reference not in experiment.variants:
                report(f"ramp: '{reference}' is none of its variants", "ramp", index, "variants", reference)
        if sum(step.variants.values()) <= 0:
            report("ramp: all weights are 0", "ramp", index, "variants")
