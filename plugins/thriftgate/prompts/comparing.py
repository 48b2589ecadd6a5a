"""What differs between two versions of a prompt, for people to read.

Failure behaviour: total.
"""

import difflib
from collections.abc import Iterator

from thriftgate.prompts.versions import PromptVersion, dump


def diff(before: PromptVersion, after: PromptVersion) -> str:
    """A unified diff of the two as frozen files, without the hash line; empty when a model would notice nothing.

    Descriptions and tags are shown as well, when something else differs too.
    """
    if before.hash == after.hash:
        return ""
    lines = difflib.unified_diff(
        list(_lines(before)), list(_lines(after)), fromfile=_title(before), tofile=_title(after), lineterm="", n=3
    )
    return "\n".join(lines) + "\n"


def _lines(version: PromptVersion) -> Iterator[str]:
    return (line for line in dump(version).split("\n") if line != f"frozen: {version.hash}")


def _title(version: PromptVersion) -> str:
    return f"{version.prompt}/{version.name} ({version.hash})"
