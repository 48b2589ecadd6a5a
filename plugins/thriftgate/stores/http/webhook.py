"""An operator's webhook: events as JSON, one `POST` each.

Failure behaviour: whatever goes wrong is False; nothing is raised. Redirections are not followed.
"""

from collections.abc import Mapping
from typing import Any

import httpx

_PATIENCE = 10.0


class Webhook:
    """Posts to the URL."""

    def __init__(self, url: str) -> None:
        self._url = url

    async def post(self, event: Mapping[str, Any]) -> bool:
        """Whether it was taken."""
        try:
            async with httpx.AsyncClient(timeout=_PATIENCE, follow_redirects=False) as client:
                answer = await client.post(self._url, json=dict(event))
        except httpx.HTTPError:
            return False
        return answer.is_success
