"""Looks for credentials in the tracked files, and for addresses with a password (exit code 1 when it finds some).

A value that is meant to be seen, such as a fake key of a test, says so: it contains `test`, `fake`, `demo`, `example`
or `not-a-key`.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PATTERNS = {
    "an Anthropic key": re.compile(r"sk-ant-[\w-]{20,}"),
    "an OpenAI key": re.compile(r"sk-(?:proj-|svcacct-)?[A-Za-z0-9_-]{32,}"),
    "a Langfuse key": re.compile(r"[sp]k-lf-[0-9a-f]{8}-[0-9a-f-]{27}"),
    "an AWS key": re.compile(r"\bAKIA[0-9A-Z]{16}\b"),
    "a Google key": re.compile(r"\bAIza[\w-]{35}\b"),
    "a GitHub token": re.compile(r"\b(?:gh[pousr]_\w{36}|github_pat_\w{60,})"),
    "a Slack token": re.compile(r"\bxox[abprs]-[\w-]{20,}"),
    "a private key": re.compile(r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----"),
    "a password in an address": re.compile(r"[a-z]+://[^\s:/@'\"{$]*:(?!\w*(?:password|secret)\b)[^\s@/'\"{$]{8,}@[\w.-]+"),
}  # fmt: skip
MEANT_TO_BE_SEEN = re.compile(r"test|fake|demo|example|not-a-key|thriftgate", re.IGNORECASE)
SKIPPED = {"uv.lock"}


def find_secrets(text: str) -> Iterator[tuple[int, str]]:
    """Line number and kind of everything in `text` that looks like a credential."""
    for number, line in enumerate(text.splitlines(), start=1):
        for kind, pattern in PATTERNS.items():
            if any(not MEANT_TO_BE_SEEN.search(match.group()) for match in pattern.finditer(line)):
                yield number, kind


def main() -> int:
    """Look through the tracked files; print where something was found, never what."""
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True)
    found = 0
    for name in filter(None, listing.stdout.decode().split("\0")):
        path = ROOT / name
        if name in SKIPPED or not path.is_file():
            continue
        for number, kind in find_secrets(path.read_text(encoding="utf-8", errors="ignore")):
            print(f"{name}:{number}: looks like {kind}", file=sys.stderr)
            found += 1
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
