"""What a guard found."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One reason to object; holds nothing of the text."""

    guard: str
    """injection, hidden, size, deny, urls, system_prompt, toxicity or pii."""
    rule: str
    """A fixed phrase, or the operator's own name of a list."""
    score: float
    """In [0, 1]; 1 for what is certain."""
    start: int = 0
    end: int = 0
    """The place in the text, in characters."""
