"""Links in an answer that lead off an allow list: what an injected order would send a reader's data to.

Failure behaviour: pure and total; linear.
"""

import re
from collections.abc import Collection, Iterator

from thriftgate.guards.findings import Finding

_LINK = re.compile(
    r"(?:https?|ftp|wss?)://[^\s<>\"'`)\]}]{1,2048}|(?<![\w@.])www\.[^\s<>\"'`)\]}]{1,2048}|\]\(\s*//[^\s)]{1,2048}",
    re.IGNORECASE,
)
_HOST = re.compile(r"^(?:[a-z]+:)?(?://)?(?:[^@/?#\\]{0,512}@)?(\[[0-9a-f:.]{2,45}\]|[^:/?#\\]{1,253})", re.IGNORECASE)


def foreign_links(text: str, allowed: Collection[str]) -> Iterator[Finding]:
    """Every link to a host that neither is in the list nor below one that is."""
    for match in _LINK.finditer(text):
        link = match[0].removeprefix("](").strip()
        host = _HOST.match(link)
        name = host[1].lower().rstrip(".") if host is not None else ""
        if not any(name == one or name.endswith(f".{one}") for one in allowed):
            yield Finding("urls", "off the allow list", 1.0, match.start(), match.end())
