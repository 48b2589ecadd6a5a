"""What works in a prompt but is probably a mistake.

Failure behaviour: total; gives warnings only, errors were found when the prompt was read.
"""

import unicodedata
from collections.abc import Iterator

from thriftgate.prompts.problems import PromptProblem
from thriftgate.prompts.registry import PRODUCTION, Prompt
from thriftgate.prompts.versions import PromptVersion

_HARMLESS = frozenset({"\u200d", "\ufe0f", "\t", "\n"})
"""Joiners of emoji, and white space."""


def lint(prompt: Prompt) -> tuple[PromptProblem, ...]:
    """Warnings about a prompt that can be served, by file and line."""
    found = [*_variables_that_differ(prompt), *_forgotten_promotions(prompt)]
    for version in prompt.variants.values():
        found += [*_invisible_characters(version), *_missing_system(version)]
    return tuple(sorted(found))


def _variables_that_differ(prompt: Prompt) -> Iterator[PromptProblem]:
    """Callers do not choose their variant: what one requires, they must know for all."""
    reference = prompt.resolve(PRODUCTION)
    if reference is None:
        return
    for version in prompt.variants.values():
        for name, variable in version.variables.items():
            other = reference.variables.get(name)
            if variable.is_required and (other is None or not other.is_required):
                message = f"is required here but not in {reference.name}, which is served as '{PRODUCTION}'"
                yield PromptProblem(version.file, 1, message, name, "warning")
            elif other is not None and other.type != variable.type:
                message = f"has type {variable.type} here and {other.type} in {reference.name}"
                yield PromptProblem(version.file, 1, message, name, "warning")


def _forgotten_promotions(prompt: Prompt) -> Iterator[PromptProblem]:
    served = prompt.resolve(PRODUCTION)
    if served is None or served.number is None:
        return
    now = prompt.variants.get(served.variant)
    if now is not None and now.hash != served.hash:
        message = f"differs from {served.name}, which is served; promote '{served.variant}' to serve this file"
        yield PromptProblem(now.file, 1, message, None, "warning")


def _invisible_characters(version: PromptVersion) -> Iterator[PromptProblem]:
    """Zero-width and direction marks read differently to people and to models."""
    sources = [message.source for message in version.messages] + list(version.includes.values())
    for source in sources:
        for offset, line in enumerate(source.text.split("\n")):
            for char in line:
                if unicodedata.category(char) in ("Cf", "Cc") and char not in _HARMLESS:
                    name = unicodedata.name(char, f"U+{ord(char):04X}")
                    yield PromptProblem(
                        source.file, source.line + offset, f"has an invisible character: {name}", None, "warning"
                    )
                    break


def _missing_system(version: PromptVersion) -> Iterator[PromptProblem]:
    if version.leading == 0:
        yield PromptProblem(version.file, 1, "does not begin with a system message", None, "warning")
