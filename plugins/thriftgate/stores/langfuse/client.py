"""Langfuse's public API for prompts: list, get, create, label.

Endpoints as in Langfuse 4 (`/api/public/v2/prompts`), called with httpx and not with the SDK:
docs/decisions/0011.

Failure behaviour: raises StoreUnavailableError when Langfuse does not answer, answers with a 5xx or 429, or with
something that is not what it should be; LangfuseRefusedError for any other status, with that status. No error holds
a key or the text of a prompt.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import quote

import httpx

from thriftgate.errors import ConfigurationError, GatewayError, StoreUnavailableError
from thriftgate.patience import listening
from thriftgate.prompts.mirror import LATEST, RemoteVersion

DEFAULT_HOST = "https://cloud.langfuse.com"
_PAGE = 100


class LangfuseRefusedError(GatewayError):
    """Langfuse does not do what was asked: wrong keys, a protected label, a prompt of another type."""


@dataclass(frozen=True, slots=True)
class LangfuseKeys:
    """Where Langfuse is, and as whom to call it."""

    host: str
    public_key: str
    secret_key: str = field(repr=False)
    seen_at: str = ""
    """Where people find it, when that is elsewhere than where the gateway does."""

    @property
    def project(self) -> str:
        """Names the project: numbers of versions mean something only within it."""
        return f"{self.host} {self.public_key}"

    @property
    def browser_url(self) -> str:
        """Where people find it."""
        return self.seen_at or self.host


def keys_from(environ: Mapping[str, str] = os.environ) -> LangfuseKeys:
    """Host and keys from LANGFUSE_HOST (or LANGFUSE_BASE_URL), LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY.

    LANGFUSE_BROWSER_URL is where people find it.
    Raises ConfigurationError that names every variable that is not set.
    """
    missing = [name for name in ("LANGFUSE_PUBLIC_KEY", "LANGFUSE_SECRET_KEY") if not environ.get(name)]
    if missing:
        raise ConfigurationError([f"the environment variable {name} is not set" for name in missing])
    host = environ.get("LANGFUSE_HOST") or environ.get("LANGFUSE_BASE_URL") or DEFAULT_HOST
    seen_at = environ.get("LANGFUSE_BROWSER_URL", "").rstrip("/")
    return LangfuseKeys(host.rstrip("/"), environ["LANGFUSE_PUBLIC_KEY"], environ["LANGFUSE_SECRET_KEY"], seen_at)


class LangfuseClient:
    """Calls Langfuse as one project. Use as an async context manager."""

    def __init__(self, keys: LangfuseKeys, *, timeout: float = 10.0) -> None:
        self.project = keys.project
        self._timeout = timeout
        self._http = httpx.AsyncClient(
            base_url=keys.host, auth=httpx.BasicAuth(keys.public_key, keys.secret_key), timeout=None
        )

    async def __aenter__(self) -> "LangfuseClient":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def numbers(self, name: str) -> tuple[int, ...]:
        """The numbers of every version of a prompt, ascending; empty when Langfuse does not know it."""
        page, found = 1, set[int]()
        while True:
            body = await self._call("GET", "", params={"name": name, "limit": _PAGE, "page": page})
            entries = [_object(entry) for entry in _list(_object(body).get("data"))]
            for entry in entries:
                if entry.get("name") == name:
                    found.update(int(number) for number in _list(entry.get("versions")))
            pages = _object(_object(body).get("meta")).get("totalPages", 1)
            if not entries or not isinstance(pages, int) or page >= pages:
                return tuple(sorted(found))
            page += 1

    async def get(self, name: str, number: int) -> RemoteVersion:
        """One version of a prompt."""
        return _version(await self._call("GET", f"/{_quoted(name)}", params={"version": number}))

    async def versions(self, name: str) -> tuple[RemoteVersion, ...]:
        """Every version of a prompt, ascending."""
        return tuple([await self.get(name, number) for number in await self.numbers(name)])

    async def create(self, body: Mapping[str, Any]) -> RemoteVersion:
        """A new version; Langfuse chooses its number."""
        return _version(await self._call("POST", "", json=body))

    async def set_labels(self, name: str, number: int, labels: Sequence[str]) -> None:
        """Put `labels` on a version, and take them off every other. Langfuse keeps `latest` itself."""
        body = {"newLabels": sorted(label for label in labels if label != LATEST)}
        await self._call("PATCH", f"/{_quoted(name)}/versions/{number}", json=body)

    async def _call(self, method: str, path: str, **options: Any) -> Any:
        try:
            async with listening(self._timeout):
                response = await self._http.request(method, f"/api/public/v2/prompts{path}", **options)
        except (httpx.HTTPError, TimeoutError) as error:
            words = f"Langfuse does not answer ({type(error).__name__}): is LANGFUSE_HOST right, and does it run?"
            raise StoreUnavailableError(words) from error
        if response.status_code == 429 or response.status_code >= 500:
            raise StoreUnavailableError(f"Langfuse answers with status {response.status_code}")
        if not response.is_success:
            hint = ": its keys are not accepted" if response.status_code in (401, 403) else ""
            raise LangfuseRefusedError(f"Langfuse refuses {method} with status {response.status_code}{hint}")
        try:
            return response.json()
        except ValueError as error:
            raise StoreUnavailableError("Langfuse answers with something that is not JSON") from error


def _quoted(name: str) -> str:
    return quote(name, safe="")


def _version(body: Any) -> RemoteVersion:
    fields = _object(body)
    prompt = fields.get("prompt")
    if not isinstance(fields.get("name"), str) or not isinstance(fields.get("version"), int):
        raise StoreUnavailableError("Langfuse answers with something that is not a prompt")
    return RemoteVersion(
        name=str(fields["name"]),
        number=int(fields["version"]),
        labels=tuple(str(label) for label in _list(fields.get("labels"))),
        prompt=prompt if isinstance(prompt, str) else [_object(part) for part in _list(prompt)],
        config=_object(fields.get("config")),
        tags=tuple(str(tag) for tag in _list(fields.get("tags"))),
    )


def _object(value: Any) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else []
