"""A Langfuse for tests: its prompt API as far as it is used, over real HTTP."""

import json
import re
from dataclasses import dataclass, field
from typing import Any

from pytest_httpserver import HTTPServer
from werkzeug import Request, Response


@dataclass
class Langfuse:
    """Langfuse's prompt API, as far as it is used: numbers, unique labels, `latest`, pages."""

    prompts: dict[str, list[dict[str, Any]]] = field(default_factory=dict[str, list[dict[str, Any]]])
    log: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    bodies: list[Any] = field(default_factory=list[Any])
    is_away: bool = False

    def __call__(self, request: Request) -> Response:
        if self.is_away:
            return Response("<html>bad gateway", status=502)
        auth = request.authorization
        if auth is None or (auth.username, auth.password) != ("pk-1", "sk-secret"):
            return Response("{}", status=401)
        self.log.append((request.method, request.path))
        if request.method == "POST":
            return self._create(request.get_json())
        name, _, rest = request.path.removeprefix("/api/public/v2/prompts").strip("/").partition("/")
        if request.method == "PATCH":
            return self._label(name, int(rest.removeprefix("versions/")), request.get_json())
        if not name:
            return self._list(request.args)
        number = int(request.args["version"])
        found = [version for version in self.prompts.get(name, []) if version["version"] == number]
        return _json(found[0]) if found else Response("{}", status=404)

    def write(self, name: str, prompt: Any, labels: list[str], config: Any = None, kind: str = "chat") -> int:
        """Somebody writes a version in Langfuse's pages."""
        body: dict[str, Any] = {
            "name": name,
            "prompt": prompt,
            "labels": labels,
            "config": config or {},
            "tags": [],
            "type": kind,
        }
        self._create(body)
        return len(self.prompts[name])

    def _create(self, body: Any) -> Response:
        self.bodies.append(body)
        versions = self.prompts.setdefault(body["name"], [])
        for version in versions:
            version["labels"] = [label for label in version["labels"] if label not in (*body["labels"], "latest")]
        made = {**body, "version": len(versions) + 1, "labels": [*body["labels"], "latest"]}
        versions.append(made)
        return _json(made)

    def _label(self, name: str, number: int, body: Any) -> Response:
        self.bodies.append(body)
        for version in self.prompts[name]:
            if version["version"] == number:
                version["labels"] = sorted({*version["labels"], *body["newLabels"]})
            else:
                version["labels"] = [label for label in version["labels"] if label not in body["newLabels"]]
        return _json(self.prompts[name][number - 1])

    def _list(self, args: Any) -> Response:
        page, found = int(args["page"]), [n for n in sorted(self.prompts) if args["name"] in n]
        shown = found[page - 1 : page]  # one a page, to see that pages are followed
        data = [{"name": n, "versions": [v["version"] for v in self.prompts[n]], "labels": []} for n in shown]
        return _json({"data": data, "meta": {"page": page, "totalPages": max(len(found), 1)}})

    def labels(self, name: str = "support") -> dict[str, int]:
        return {label: v["version"] for v in self.prompts[name] for label in v["labels"] if label != "latest"}


def _json(body: Any) -> Response:
    return Response(json.dumps(body), content_type="application/json")


def serve_langfuse(httpserver: HTTPServer) -> Langfuse:
    """A Langfuse with nothing in it, for the project pk-1, at `httpserver`."""
    fake = Langfuse()
    for method in ("GET", "POST", "PATCH"):
        httpserver.expect_request(re.compile("/api/public/v2/prompts.*"), method=method).respond_with_handler(fake)
    return fake
