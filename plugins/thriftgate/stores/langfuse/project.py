"""Which project of Langfuse the keys are for, and so where a trace is looked at in a browser.

Failure behaviour: while Langfuse does not say which project it is, there is no address; `look()` asks again at its next
turn and raises nothing.
"""

from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import quote

import httpx

from thriftgate.patience import listening
from thriftgate.stores.langfuse.client import LangfuseKeys

PROJECTS = "/api/public/projects"


class TraceAddress:
    """Learns the project's id once, by what both keys may read."""

    def __init__(self, keys: LangfuseKeys, *, timeout: float = 10.0) -> None:
        self._keys = keys
        self._timeout = timeout
        self._project: str | None = None

    @property
    def prefix(self) -> str | None:
        """The address of a trace without its id; None while the project is not known."""
        if self._project is None:
            return None
        return f"{self._keys.browser_url}/project/{quote(self._project, safe='')}/traces/"

    async def look(self) -> None:
        """Ask for the project, unless it is known."""
        if self._project is not None:
            return
        auth = httpx.BasicAuth(self._keys.public_key, self._keys.secret_key)
        try:
            async with (
                listening(self._timeout),
                httpx.AsyncClient(base_url=self._keys.host, auth=auth, timeout=None) as http,
            ):
                response = await http.get(PROJECTS)
            answer: object = response.json() if response.is_success else None
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, ValueError):
            return
        self._project = project_id_of(answer)


def project_id_of(answer: object) -> str | None:
    """The id in what `GET /api/public/projects` answers: keys are for one project."""
    projects = cast("Mapping[str, Any]", answer).get("data") if isinstance(answer, Mapping) else None
    first: object = cast("list[object]", projects)[0] if isinstance(projects, list) and projects else None
    found = cast("Mapping[str, object]", first).get("id") if isinstance(first, Mapping) else None
    return found if isinstance(found, str) and found else None
