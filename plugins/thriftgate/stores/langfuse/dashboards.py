"""Makes our dashboard through Langfuse's API for dashboards and widgets, which Langfuse calls unstable.

A widget and a dashboard are known by their names: what is there is not made twice. The dashboard is made last and
with all its widgets, so that a run that broke off is simply run again.

Failure behaviour: raises StoreUnavailableError when Langfuse does not answer, answers with a 5xx or 429, or with
something that is not what it should be; LangfuseRefusedError with words for what a server lacks or does not take. No
error holds a key.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

import httpx

from thriftgate.errors import GatewayError, StoreUnavailableError
from thriftgate.stores.langfuse.client import LangfuseKeys, LangfuseRefusedError
from thriftgate.stores.langfuse.project import PROJECTS, project_id_of
from thriftgate.tracing import dashboard

WIDGETS = "/api/public/unstable/dashboard-widgets"
DASHBOARDS = "/api/public/unstable/dashboards"
_PAGE = 100
_MOST_PAGES = 100
_PREFIX = "thriftgate: "


@dataclass(frozen=True, slots=True)
class MadeDashboard:
    """What was done."""

    is_new: bool
    widgets: int
    """So many were made or brought up to date."""
    address: str
    """Where to look at it, as far as it is known."""


class LangfuseDashboards:
    """Calls Langfuse as one project. Blocks; `close()` when done."""

    def __init__(self, keys: LangfuseKeys, *, timeout: float = 10.0) -> None:
        self._seen_at = keys.browser_url
        self._http = httpx.Client(
            base_url=keys.host, auth=httpx.BasicAuth(keys.public_key, keys.secret_key), timeout=timeout
        )

    def make(self, *, renew: bool = False) -> MadeDashboard:
        """Make the dashboard unless there is one of its name; with `renew` bring that one up to date."""
        found = next((one for one in self._all(DASHBOARDS) if one.get("name") == dashboard.NAME), None)
        if found is not None and not renew:
            return MadeDashboard(is_new=False, widgets=0, address=self._address(found))
        there = {str(one.get("name")): one for one in self._all(WIDGETS)}
        ids = [self._widget(widget, there.get(_named(widget))) for widget in dashboard.WIDGETS]
        body: dict[str, Any] = {
            "name": dashboard.NAME,
            "description": dashboard.DESCRIPTION,
            "definition": {"widgets": dashboard.placements(ids)},
            "filters": [],
        }
        if found is None:
            made = self._call("POST", DASHBOARDS, json=body)
        else:
            made = self._call("PATCH", f"{DASHBOARDS}/{_id_of(found)}", json=body)
        return MadeDashboard(is_new=found is None, widgets=len(ids), address=self._address(made))

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _widget(self, widget: dashboard.Widget, there: Mapping[str, Any] | None) -> str:
        body = {**widget.body(), "name": _named(widget)}
        if there is None:
            return _id_of(self._call("POST", WIDGETS, json=body))
        return _id_of(self._call("PATCH", f"{WIDGETS}/{_id_of(there)}", json=body))

    def _address(self, made: Mapping[str, Any]) -> str:
        project = self._project()
        return f"{self._seen_at}/project/{project}/dashboards/{_id_of(made)}" if project else self._seen_at

    def _project(self) -> str | None:
        # The dashboard is made: that nobody says where is no failure.
        try:
            return project_id_of(self._call("GET", PROJECTS))
        except GatewayError:
            return None

    def _all(self, path: str) -> Iterator[Mapping[str, Any]]:
        for page in range(1, _MOST_PAGES + 1):
            answer = self._call("GET", path, params={"page": page, "limit": _PAGE})
            entries = answer.get("data")
            if not isinstance(entries, list):
                raise StoreUnavailableError("Langfuse answers with something that is no list of dashboards")
            yield from (
                cast("Mapping[str, Any]", one) for one in cast("list[object]", entries) if isinstance(one, Mapping)
            )
            meta = answer.get("meta")
            pages = cast("Mapping[str, Any]", meta).get("totalPages", 1) if isinstance(meta, Mapping) else 1
            if not entries or not isinstance(pages, int) or page >= pages:
                return

    def _call(self, method: str, path: str, **options: Any) -> Mapping[str, Any]:
        try:
            response = self._http.request(method, path, **options)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            words = f"Langfuse does not answer ({type(error).__name__}): is LANGFUSE_HOST right, and does it run?"
            raise StoreUnavailableError(words) from error
        status = response.status_code
        if status == 429 or status >= 500:
            raise StoreUnavailableError(f"Langfuse answers with status {status}")
        if status in (401, 403):
            raise LangfuseRefusedError(f"Langfuse does not accept these keys for dashboards (status {status})")
        if status in (404, 405):
            raise LangfuseRefusedError(
                f"this Langfuse has no API for dashboards (status {status}): it came with version 4;"
                " traces and scores arrive all the same, and a dashboard can be made by hand"
            )
        if not response.is_success:
            raise LangfuseRefusedError(
                f"this Langfuse does not take the dashboard (status {status}{_field_of(response)}): its API for them"
                " is marked unstable and may have changed; traces and scores arrive all the same"
            )
        try:
            answer: object = response.json()
        except ValueError:
            answer = None
        if not isinstance(answer, Mapping):
            raise StoreUnavailableError("Langfuse answers with something that is not Langfuse's")
        return cast("Mapping[str, Any]", answer)


def _named(widget: dashboard.Widget) -> str:
    """Widgets of a project stand in one list: ours begin with our name there."""
    return f"{_PREFIX}{widget.name}"


def _id_of(made: Mapping[str, Any]) -> str:
    found = made.get("id")
    if not isinstance(found, str) or not found or not found.replace("-", "").replace("_", "").isalnum():
        raise StoreUnavailableError("Langfuse answers with something that has no id")
    return found


def _field_of(response: httpx.Response) -> str:
    """Which part of the request was not wanted, where Langfuse says so in a plain word."""
    try:
        details: object = response.json().get("details")
        named: object = cast("Mapping[str, object]", details).get("field") if isinstance(details, Mapping) else None
    except (ValueError, AttributeError):
        return ""
    return f", its {named}" if isinstance(named, str) and named.isidentifier() else ""
