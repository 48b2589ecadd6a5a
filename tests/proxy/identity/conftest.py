"""A gateway with keys of its own, in two workers, and an issuer of tokens."""

import json
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from jwt.algorithms import RSAAlgorithm
from pytest_httpserver import HTTPServer
from tests.proxy.conftest import (
    MASTER_KEY,
    GatewayProcess,
    free_port,
    gateway_config,
    route,
    start_proxy,
    stop,
    wait_until_alive,
)
from tests.proxy.upstream import Upstream, says
from tests.proxy.waiting import eventually
from werkzeug import Request, Response

from thriftgate.identity.keys import digest_of

ISSUER = "https://issuer.example"
AUDIENCE = "thriftgate"
FILED_KEY = "sk-made-elsewhere-0123456789"


@dataclass(frozen=True)
class KeyedGateway(GatewayProcess):
    """A running proxy that asks us who calls."""

    signing_key: RSAPrivateKey
    webhook: list[dict[str, Any]]

    def told(self, name: str) -> list[dict[str, Any]]:
        """What the operator's webhook was told of an account."""
        return [event for event in self.webhook if event["account"]["name"] == name]

    def admin(self, method: str, path: str, body: object = None, key: str = MASTER_KEY) -> httpx.Response:
        return httpx.request(
            method,
            f"{self.base_url}/thriftgate/{path}",
            json=body,
            headers={"Authorization": f"Bearer {key}"},
            timeout=60,
        )

    def get(self, path: str, key: str) -> httpx.Response:
        return httpx.get(f"{self.base_url}{path}", headers={"Authorization": f"Bearer {key}"}, timeout=60, verify=False)

    def make(self, path: str, **values: Any) -> dict[str, Any]:
        """A new key, user or team."""
        answer = self.admin("POST", path, values)
        assert answer.status_code == 201, answer.text
        return answer.json()

    def key(self, **values: Any) -> str:
        """The text of a new key."""
        return str(self.make("keys", **values)["key"])

    def ask(self, key: str, model: str = "plain", path: str = "/v1/chat/completions", **more: Any) -> httpx.Response:
        body = {"model": model, "messages": [{"role": "user", "content": "hello"}], "max_tokens": 20, **more}
        return self.post(path, body, key)

    def everybody_says(self, key: str, status: int) -> bool:
        """Whether each of many connections, which both workers take, is answered so."""
        return {self.ask(key).status_code for _ in range(16)} == {status}

    def token(self, **claims: Any) -> str:
        """A token of the issuer."""
        now = int(time.time())
        said = {"iss": ISSUER, "aud": AUDIENCE, "exp": now + 600, "sub": "ada", "team": "tokens", **claims}
        kept = {name: value for name, value in said.items() if value is not None}
        return jwt.encode(kept, self.signing_key, algorithm="RS256", headers={"kid": "one"})


def key_file(**more: Any) -> str:
    """A `keys.yaml` with one key that was made elsewhere."""
    filed = {"sha256": digest_of(FILED_KEY).hex(), "alias": "filed", "team": "filed"}
    return yaml.safe_dump({"teams": {"filed": {"alias": "Filed"}}, "keys": [filed], **more})


def identity_config(upstream_url: str, webhook: str) -> dict[str, Any]:
    config = gateway_config(upstream_url)
    config["model_list"].append(route("rationed"))
    ours = config["callback_settings"]["thriftgate"]
    ours["routes"]["rationed"] = {"cascade": {"tiers": [{"model": "large"}]}}
    ours["budgets"] = {"webhook": webhook, "routes": {"rationed": [{"usd": 1e-5, "per": "day"}]}}
    ours["guards"] = {
        "judge": {"model": "judge", "action": "off"},
        "models": {"rationed": {"actions": {"judge": "block"}}},
    }
    config["general_settings"]["custom_auth"] = "thriftgate.proxy.plugin.authenticate"
    config["callback_settings"]["thriftgate"]["identity"] = {
        "file": "keys.yaml",
        "tiers": {"gold": {}, "tin": {"models": ["support"]}},
        "jwt": {
            "issuer": ISSUER,
            "audience": AUDIENCE,
            "jwks_file": "issuer.json",
            "team_claim": "team",
            "tier_claim": "tier",
            "role_claim": "roles",
            "admin_roles": ["gateway-admin"],
        },
    }
    return config


def public_keys(key: RSAPrivateKey) -> Mapping[str, Any]:
    public = RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    return {"keys": [{**public, "kid": "one", "use": "sig", "alg": "RS256"}]}


@pytest.fixture(scope="session")
def keyed_process(provider_server: HTTPServer) -> Iterator[KeyedGateway]:
    """One proxy with two workers for the whole run."""
    upstream = Upstream(provider_server)
    folder = Path(tempfile.mkdtemp(prefix="thriftgate-identity-"))
    folder.chmod(0o755)  # the embedded database runs as a system user of its own when we are root
    signing_key = generate_private_key(public_exponent=65537, key_size=2048)
    (folder / "issuer.json").write_text(json.dumps(public_keys(signing_key)))
    (folder / "keys.yaml").write_text(key_file())
    port = free_port()
    events: list[dict[str, Any]] = []

    def take(request: Request) -> Response:
        events.append(json.loads(request.get_data()))
        return Response(status=204)

    provider_server.expect_request("/budget-events", method="POST").respond_with_handler(take)
    config = identity_config(upstream.base_url, provider_server.url_for("/budget-events"))
    process = start_proxy(folder, config, port, "--num_workers", "2", TIMEOUT_WORKER_HEALTHCHECK="300")
    base_url = f"http://127.0.0.1:{port}"
    try:
        wait_until_alive(process, base_url, folder)
        yield KeyedGateway(base_url, folder, upstream, signing_key, events)
    finally:
        stop(process)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def keyed(keyed_process: KeyedGateway) -> KeyedGateway:
    """The running proxy, whose models say yes, with the file of keys as it was at the start."""
    keyed_process.upstream.forget()
    for model in ("small", "large"):
        keyed_process.upstream.on(model, says("yes", logprob=-0.01))
    path = keyed_process.folder / "keys.yaml"
    if path.read_text() != key_file():
        path.write_text(key_file())
        assert eventually(lambda: keyed_process.everybody_says(FILED_KEY, 200))
    return keyed_process
