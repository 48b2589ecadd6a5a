"""What is wrong with a prompt, and where: a value, so that every mistake is named at once.

Failure behaviour: nothing here fails. Whoever reads prompts collects problems and decides what to serve.
"""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True, order=True)
class PromptProblem:
    """One mistake in a prompt's files, with the line it stands on."""

    file: str
    """Relative to the registry's folder, for example `support/control.md`."""
    line: int
    message: str
    variable: str | None = None
    severity: Severity = "error"

    def __str__(self) -> str:
        about = f"variable '{self.variable}': " if self.variable else ""
        return f"{self.file}:{self.line}: {about}{self.message}"


@dataclass(slots=True)
class Findings:
    """Collects problems while files are read."""

    problems: list[PromptProblem] = field(default_factory=list[PromptProblem])

    def error(self, file: str, line: int, message: str, *, variable: str | None = None) -> None:
        """Note something that keeps the prompt from being served."""
        self.problems.append(PromptProblem(file, line, message, variable, "error"))

    def warn(self, file: str, line: int, message: str, *, variable: str | None = None) -> None:
        """Note something that works, but is probably not what was meant."""
        self.problems.append(PromptProblem(file, line, message, variable, "warning"))

    @property
    def has_errors(self) -> bool:
        """Whether anything was found that keeps the prompt from being served."""
        return any(problem.severity == "error" for problem in self.problems)


def name_hint(word: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?`, or else the list of what there is; empty when nothing is known."""
    names = sorted(known)
    close = difflib.get_close_matches(word, names, n=1)
    if close:
        return f"; did you mean '{close[0]}'?"
    return f"; there is {', '.join(names)}" if names else ""
