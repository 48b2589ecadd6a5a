"""Tokens of another issuer over real HTTP: only what it signed, for us, in time."""

import base64
import hmac
import json
import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from tests.proxy.identity.conftest import AUDIENCE, ISSUER, KeyedGateway
from tests.proxy.identity.test_identity_keys import rows
from tests.proxy.waiting import eventually

# Two workers start slowly on a busy machine, and the first test waits for them.
pytestmark = [pytest.mark.xdist_group("identity"), pytest.mark.timeout(400)]


def test_a_token_opens_the_gateway_for_its_user_and_team(keyed: KeyedGateway) -> None:
    token = keyed.token(team="by-token")
    assert keyed.ask(token).status_code == 200
    assert keyed.ask(token, path="/v1/messages").status_code == 200
    assert eventually(lambda: [row["requests"] for row in rows(keyed, "by-token")] == [2])


def test_what_is_kept_of_a_tokens_user_and_team_holds(keyed: KeyedGateway) -> None:
    keyed.make("teams", id="blocked-team", blocked=True)
    keyed.make("users", id="narrow", models=["support"])
    assert keyed.ask(keyed.token(team="blocked-team")).json()["error"]["code"] == "blocked"
    assert keyed.ask(keyed.token(sub="narrow")).json()["error"]["code"] == "model_not_allowed"
    assert keyed.ask(keyed.token(tier="tin")).json()["error"]["code"] == "model_not_allowed"


def test_a_tokens_role_makes_an_administrator(keyed: KeyedGateway) -> None:
    assert keyed.admin("GET", "keys", key=keyed.token()).status_code == 403
    assert keyed.admin("GET", "keys", key=keyed.token(roles=["gateway-admin"])).status_code == 200


def _other_signer(keyed: KeyedGateway) -> str:
    other = generate_private_key(public_exponent=65537, key_size=2048)
    return jwt.encode(_claims(), other, algorithm="RS256", headers={"kid": "one"})


def _claims() -> dict[str, Any]:
    return {"iss": ISSUER, "aud": AUDIENCE, "exp": int(time.time()) + 600, "sub": "ada", "team": "t"}


def _part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def _public_key_as_secret(keyed: KeyedGateway) -> str:
    """The oldest trick: a symmetric signature, with the public key for its secret."""
    secret = keyed.signing_key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    signed = f"{_part({'alg': 'HS256', 'kid': 'one'})}.{_part(_claims())}"
    signature = hmac.new(secret, signed.encode(), "sha256").digest()
    return f"{signed}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


BAD: dict[str, Callable[[KeyedGateway], str]] = {
    "unsigned": lambda _: f"{_part({'alg': 'none', 'kid': 'one'})}.{_part(_claims())}.",
    "public key as secret": _public_key_as_secret,
    "signed by another": _other_signer,
    "changed after signing": lambda keyed: ".".join(
        [(parts := keyed.token().split("."))[0], _part({**_claims(), "sub": "root"}), parts[2]]
    ),
    "for another audience": lambda keyed: keyed.token(aud="others"),
    "for no audience": lambda keyed: keyed.token(aud=None),
    "by another issuer": lambda keyed: keyed.token(iss="https://evil.example"),
    "without an end": lambda keyed: keyed.token(exp=None),
    "expired": lambda keyed: keyed.token(exp=int(time.time()) - 60),
    "not yet good": lambda keyed: keyed.token(nbf=int(time.time()) + 600),
    "without a user": lambda keyed: keyed.token(sub=None),
    "without its team": lambda keyed: keyed.token(team=None),
    "of an unknown key": lambda keyed: jwt.encode(
        _claims(), keyed.signing_key, algorithm="RS256", headers={"kid": "two"}
    ),
    "with another algorithm": lambda keyed: jwt.encode(
        _claims(), keyed.signing_key, algorithm="PS256", headers={"kid": "one"}
    ),
    "no json inside": lambda _: "eyJhbGciOiJSUzI1NiJ9.AAAA.AAAA",
    "deep json inside": lambda _: f"eyJ{'W' * 4000}.{'W' * 4000}.AAAA",
    "very long": lambda keyed: keyed.token(more="x" * 20_000),
}


@pytest.mark.parametrize("why", BAD)
def test_a_token_that_is_not_good_opens_nothing(keyed: KeyedGateway, why: str) -> None:
    answer = keyed.ask(BAD[why](keyed))
    code = "expired_api_key" if why == "expired" else "invalid_api_key"
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, code)
