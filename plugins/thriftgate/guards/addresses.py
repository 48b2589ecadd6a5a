"""Links in an answer that lead off an allow list: what an injected order would send a reader's data to.

Failure behaviour: pure and total; linear.
"""

import re
import unicodedata
from collections.abc import Collection, Iterator

from thriftgate.guards.findings import Finding

_REST = r"[^\s<>\"'`)\]}]"
_LINK = re.compile(
    # Browsers take any number of slashes of either kind behind a scheme, and none before a host of its own.
    rf"(?:https?|ftp|wss?):[/\\]{{1,64}}{_REST}{{1,2048}}|(?:https?|ftp|wss?):[\w-]{{1,63}}\.[a-z]{_REST}{{1,2048}}|"
    rf"(?<![\w@.])www\.{_REST}{{1,2048}}|"
    # Without a scheme only where a place for a link begins: Markdown, HTML, CSS.
    rf"(?:\]\(\s{{0,9}}<?|\]:\s{{0,9}}<?|=\s{{0,9}}[\"']?\s{{0,9}}|url\(\s{{0,9}}[\"']?)[/\\]\t{{0,9}}[/\\][/\\\t]{{0,62}}{_REST}{{1,2048}}",
    re.IGNORECASE,
)
_OPENING = re.compile(r"^(?:\]\(|\]:|=|url\()[\s<\"']*", re.IGNORECASE)
_AUTHORITY = re.compile(r"^(?:[a-z]+:)?[/\\\t]*([^/?#\\]*)", re.IGNORECASE)
_HOST = re.compile(r"\[[0-9a-f:.]{2,45}\]|[^:]{1,253}", re.IGNORECASE)


def foreign_links(text: str, allowed: Collection[str]) -> Iterator[Finding]:
    """Every link to a host that neither is in the list nor below one that is."""
    for match in _LINK.finditer(text):
        authority = _AUTHORITY.match(_OPENING.sub("", match[0]))
        # However long the user's part is: what stands behind its last @ is the host.
        host = _HOST.match(authority[1].rpartition("@")[2]) if authority is not None else None
        # As browsers do: full-width letters are letters, and the Chinese full stop is a dot.
        name = (
            unicodedata.normalize("NFKC", host[0]).lower().replace("\u3002", ".").rstrip(".")
            if host is not None
            else ""
        )
        if not any(name == one or name.endswith(f".{one}") for one in allowed):
            yield Finding("urls", "off the allow list", 1.0, match.start(), match.end())
