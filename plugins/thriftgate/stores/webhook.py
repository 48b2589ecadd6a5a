"""An operator's webhook: events as JSON, one `POST` each.

Failure behaviour: whatever goes wrong is False; nothing is raised. Redirections are not followed.
"""

from collections.abc import Mapping
from typing import Any

import httpx

from thriftgate.patience import listening

_PATIENCE = 10.0


class Webhook:
    """Posts to the URL."""

    def __init__(self, url: str) -> None:
        self._url = url

    async def post(self, event: Mapping[str, Any]) -> bool:
        """Whether it was taken."""
        try:
            async with listening(_PATIENCE), httpx.AsyncClient(timeout=None, follow_redirects=False) as client:
                answer = await client.post(self._url, json=dict(event))
        except (httpx.HTTPError, TimeoutError):
            return False
        return answer.is_success
