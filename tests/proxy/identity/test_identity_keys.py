"""Keys over real HTTP with the SDKs: who comes in, who does not, and in which words it is said."""

import re
import time
from typing import Any

import anthropic
import httpx
import openai
import pytest
from tests.proxy.conftest import MASTER_KEY
from tests.proxy.identity.conftest import FILED_KEY, KeyedGateway, key_file
from tests.proxy.waiting import eventually

from thriftgate.identity.keys import make_key

# Two workers start slowly on a busy machine, and the first test waits for them.
pytestmark = [pytest.mark.xdist_group("identity"), pytest.mark.timeout(400)]

ASKED: Any = [{"role": "user", "content": "hello"}]
BLOCKED: dict[str, Any] = {"blocked": True}


def rows(keyed: KeyedGateway, team: str) -> list[dict[str, Any]]:
    """What the ledger has of a team."""
    import json

    report = json.loads(keyed.cli("report", "--by", "team", "--json"))
    return [row for row in report["rows"] if row["group"] == team]


def test_a_key_opens_all_three_endpoints_for_the_sdks_and_is_booked_to_its_team(keyed: KeyedGateway) -> None:
    keyed.make("teams", id="books", alias="Books")
    key = keyed.key(team="books", alias="sdk")
    with keyed.openai(key) as client:
        whole = client.chat.completions.create(model="plain", messages=ASKED)
        assert whole.choices[0].message.content == "yes"
        stream = client.chat.completions.create(model="plain", messages=ASKED, stream=True)
        assert "yes" in "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)
        assert client.responses.create(model="plain", input="hello").output_text == "yes"
    with keyed.anthropic(key) as other:
        message = other.messages.create(model="plain", messages=ASKED, max_tokens=20)
        assert [block.text for block in message.content if block.type == "text"] == ["yes"]
    assert eventually(lambda: [row["requests"] for row in rows(keyed, "books")] == [4])


def test_the_master_key_is_let_through(keyed: KeyedGateway) -> None:
    assert keyed.ask(MASTER_KEY).status_code == 200
    assert keyed.admin("GET", "status").status_code == 200
    assert keyed.get("/v1/models", MASTER_KEY).status_code == 200


STRANGERS = (
    "sk-nobody",
    make_key(bytes(40)).text,
    make_key(bytes(40)).text[:-1],
    MASTER_KEY[:-1],
    "x" * 5000,
    "eyJ.a.b",
)


def test_whoever_is_not_known_gets_401_in_the_endpoints_own_form_and_leaves_no_trace(keyed: KeyedGateway) -> None:
    before = keyed.cli("report", "--json")
    for key in STRANGERS:
        with keyed.openai(key) as client, pytest.raises(openai.AuthenticationError) as refused:
            client.chat.completions.create(model="plain", messages=ASKED)
        assert refused.value.code == "invalid_api_key"
        with keyed.anthropic(key) as other, pytest.raises(anthropic.AuthenticationError) as refused_too:
            other.messages.create(model="plain", messages=ASKED, max_tokens=20)
        assert isinstance(refused_too.value.body, dict)
        assert refused_too.value.body["type"] == "error"
        assert refused_too.value.body["error"]["type"] == "authentication_error"
        assert key not in refused.value.message + refused_too.value.message
    assert keyed.cli("report", "--json") == before


def test_no_key_at_all_is_401_too_and_what_is_public_stays_public(keyed: KeyedGateway) -> None:
    body = {"model": "plain", "messages": ASKED}
    assert httpx.post(f"{keyed.base_url}/v1/chat/completions", json=body, timeout=60).status_code == 401
    assert httpx.get(f"{keyed.base_url}/health/liveliness", timeout=60).status_code == 200
    assert httpx.get(f"{keyed.base_url}/routes", timeout=60).status_code == 200


# The fields that LiteLLM ignores of a custom authentication's answer, of which it looks at less than half, and ours.
FIELDS: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any], int, str]] = {
    # name: (the key, its user, its team, status, code)
    "expires": ({"expires": 1.0}, {}, {}, 401, "expired_api_key"),
    "blocked": (BLOCKED, {}, {}, 403, "blocked"),
    "user blocked": ({}, BLOCKED, {}, 403, "blocked"),
    "team blocked": ({}, {}, BLOCKED, 403, "blocked"),
    "models": ({"models": ["support"]}, {}, {}, 403, "model_not_allowed"),
    "user models": ({}, {"models": ["support", "large*"]}, {}, 403, "model_not_allowed"),
    "team models": ({}, {}, {"models": []}, 403, "model_not_allowed"),
    "tier models": ({"tier": "tin"}, {}, {}, 403, "model_not_allowed"),
    "user tier": ({}, {"tier": "tin"}, {}, 403, "model_not_allowed"),
    "team tier": ({}, {}, {"tier": "tin"}, 403, "model_not_allowed"),
    "allowed routes": ({"endpoints": ["/v1/embeddings"]}, {}, {}, 403, "endpoint_not_allowed"),
    "team routes": ({}, {}, {"endpoints": []}, 403, "endpoint_not_allowed"),
    "role": ({"role": "viewer"}, {}, {}, 403, "read_only"),
}


@pytest.mark.parametrize("field", FIELDS)
def test_every_field_of_a_key_its_user_and_its_team_is_enforced_on_every_endpoint(
    keyed: KeyedGateway, field: str
) -> None:
    of_key, of_user, of_team, status, code = FIELDS[field]
    name = f"field-{field.replace(' ', '-')}"
    keyed.make("teams", id=name, **of_team)
    keyed.make("users", id=name, **of_user)
    key = keyed.key(user=name, team=name, **of_key)
    chat = keyed.ask(key)
    assert (chat.status_code, chat.json()["error"]["code"]) == (status, code)
    responses = keyed.post("/v1/responses", {"model": "plain", "input": "hello"}, key)
    assert (responses.status_code, responses.json()["error"]["code"]) == (status, code)
    message = keyed.ask(key, path="/v1/messages")
    kind = "authentication_error" if status == 401 else "permission_error"
    assert (message.status_code, message.json()["type"], message.json()["error"]["type"]) == (status, "error", kind)
    assert keyed.upstream.asked("large") == []


@pytest.mark.parametrize(
    ("path", "more"),
    [
        ("/v1/chat/completions", {"fallbacks": ["plain"]}),
        ("/v1/chat/completions", {"fallbacks": [{"model": "plain"}]}),
        ("/v1/chat/completions", {"model": "support,plain"}),
        ("/openai/deployments/plain/chat/completions", {}),
        ("/engines/plain/chat/completions", {}),
    ],
)
def test_no_way_of_naming_a_model_leads_past_the_list(keyed: KeyedGateway, path: str, more: dict[str, Any]) -> None:
    key = keyed.key(models=["support"])
    assert keyed.ask(key, "support").status_code == 200
    answer = keyed.ask(key, path=path, **{"model": "support", **more})
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "model_not_allowed")
    assert keyed.upstream.asked("large") == []


def test_a_key_sees_the_models_that_it_may_ask(keyed: KeyedGateway) -> None:
    def seen(key: str) -> set[str]:
        return {model["id"] for model in keyed.get("/v1/models", key).json()["data"]}

    assert seen(keyed.key(models=["support", "pl*"])) == {"support", "plain"}
    assert seen(keyed.key(models=[])) == set()
    assert {"support", "plain", "cached", "large"} <= seen(keyed.key())


def test_a_key_does_not_administer_the_proxy(keyed: KeyedGateway) -> None:
    key = keyed.key()
    for path in (
        "/key/generate",
        "/model/new",
        "/thriftgate/cache/purge",
        "/thriftgate/keys",
        "/anthropic/v1/messages",
    ):
        assert keyed.post(path, {}, key).status_code == 403, path
    for path in ("/thriftgate/status", "/thriftgate/keys", "/model/info"):
        assert keyed.get(path, key).status_code == 403, path
    assert keyed.get("/metrics", key).status_code == 401


def test_a_viewer_looks_at_everything_and_purges_nothing(keyed: KeyedGateway) -> None:
    key = keyed.key(role="viewer")
    for path in ("status", "keys", "teams", "users"):
        assert keyed.admin("GET", path, key=key).status_code == 200, path
    changes = {"cache/purge": {"everything": True}, "keys": {}, "teams": {"id": "x"}, "users": {"id": "x"}}
    for path, body in changes.items():
        assert keyed.admin("POST", path, body, key=key).status_code == 403, path
    assert keyed.admin("POST", "feedback", {"request_id": "x", "is_correct": True}, key=key).status_code == 403


def test_the_live_page_revokes_a_key_for_an_admin_and_not_for_a_viewer(keyed: KeyedGateway) -> None:
    made, viewer, admin = keyed.make("keys", alias="lost"), keyed.key(role="viewer"), keyed.key(role="admin")
    assert keyed.ask(made["key"]).status_code == 200

    def token(path: str) -> str:
        form = re.search(r'name="token" value="([0-9a-f]+)"', browser.get(path).text)
        assert form is not None
        return form[1]

    with httpx.Client(base_url=keyed.base_url, timeout=30) as browser:
        signed = browser.post("/thriftgate/login", data={"token": token("/thriftgate/login"), "key": viewer})
        assert signed.status_code == 303
        path = f"/thriftgate/revoke?key={made['id']}"
        assert eventually(lambda: path in browser.get("/thriftgate").text)
        fields = {"token": token(path), "revoked": made["id"]}
        assert browser.post("/thriftgate/revoke", data={**fields, "key": viewer}).status_code == 403
        assert keyed.ask(made["key"]).status_code == 200
        assert browser.post("/thriftgate/revoke", data={**fields, "key": admin}).status_code == 303
    assert eventually(lambda: keyed.everybody_says(made["key"], 401))


def test_an_administrators_key_does_what_the_master_key_does(keyed: KeyedGateway) -> None:
    key = keyed.key(role="admin")
    assert keyed.admin("POST", "cache/purge", {"route": "none"}, key=key).json() == {"purged": 0}
    assert keyed.admin("POST", "keys", {"alias": "made by an admin"}, key=key).status_code == 201
    assert keyed.ask(key).status_code == 200


def test_feedback_is_taken_about_ones_own_requests(keyed: KeyedGateway) -> None:
    mine, other = keyed.key(), keyed.key()
    request_id = keyed.ask(mine).headers["x-thriftgate-request-id"]
    body = {"request_id": request_id, "is_correct": True}
    assert keyed.admin("POST", "feedback", body, key=other).status_code == 404
    assert keyed.admin("POST", "feedback", body, key=mine).status_code == 202
    assert keyed.admin("POST", "feedback", body, key=keyed.token(team="x")).status_code == 404


def test_a_revoked_key_opens_nothing_in_any_worker_after_a_second(keyed: KeyedGateway) -> None:
    made = keyed.make("keys", alias="to be revoked")
    assert keyed.everybody_says(made["key"], 200)
    assert keyed.admin("POST", f"keys/{made['id']}/revoke").json()["status"] == "revoked"
    revoked_at = time.monotonic()
    assert eventually(lambda: time.monotonic() > revoked_at + 1.0)
    assert keyed.everybody_says(made["key"], 401)
    assert keyed.ask(made["key"]).json()["error"]["code"] == "revoked_api_key"
    assert keyed.admin("POST", f"keys/{made['id']}/rotate").status_code == 400


def test_a_rotated_key_keeps_its_id_and_its_old_secret_only_as_long_as_it_was_told(keyed: KeyedGateway) -> None:
    made = keyed.make("keys")
    longer = keyed.admin("POST", f"keys/{made['id']}/rotate", {"grace": "1h"}).json()
    assert longer["id"] == made["id"]
    assert eventually(lambda: keyed.everybody_says(longer["key"], 200))
    assert keyed.ask(made["key"]).status_code == 200
    newest = keyed.admin("POST", f"keys/{made['id']}/rotate").json()
    assert eventually(lambda: keyed.everybody_says(newest["key"], 200))
    assert {keyed.ask(old).status_code for old in (made["key"], longer["key"])} == {401}


def test_a_change_of_a_key_a_user_or_a_team_holds_within_a_second(keyed: KeyedGateway) -> None:
    keyed.make("teams", id="changing")
    keyed.make("users", id="changing", team="changing")
    made = keyed.make("keys", user="changing")
    assert keyed.ask(made["key"]).status_code == 200
    for path in ("teams/changing", "users/changing", f"keys/{made['id']}"):
        assert keyed.admin("PATCH", path, {"models": ["support"]}).status_code == 200
        assert eventually(lambda: keyed.everybody_says(made["key"], 403))
        assert keyed.admin("PATCH", path, {"models": None}).json()["models"] is None
        assert eventually(lambda: keyed.everybody_says(made["key"], 200))


def test_keys_in_a_file_come_and_go_with_it(keyed: KeyedGateway) -> None:
    assert keyed.ask(FILED_KEY).status_code == 200
    path = keyed.folder / "keys.yaml"
    path.write_text(key_file(users={"x": {"team": "nobody"}}))  # a mistake: the last good state stays
    assert keyed.everybody_says(FILED_KEY, 200)
    path.write_text("{}")
    assert eventually(lambda: keyed.everybody_says(FILED_KEY, 401))


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        ("keys", {"team": "nobody"}, "there is no team 'nobody'"),
        ("keys", {"user": "nobody"}, "there is no user 'nobody'"),
        ("keys", {"modles": []}, "modles: unknown key (did you mean 'models'?)"),
        ("keys", {"role": "king"}, "role: must be 'caller'"),
        ("keys", {"expires": "soon"}, "a time is written as"),
        ("teams", {"id": "../etc"}, "an id has letters"),
        ("teams", {}, "`id` must say"),
        ("users", {"id": "x", "budgets": [{"usd": -1, "per": "day"}]}, "budgets.0.usd"),
    ],
)
def test_a_form_that_makes_no_sense_is_400_with_the_words_for_it(
    keyed: KeyedGateway, path: str, body: dict[str, Any], words: str
) -> None:
    answer = keyed.admin("POST", path, body)
    assert answer.status_code == 400
    assert words in answer.text


def test_a_key_is_shown_once(keyed: KeyedGateway) -> None:
    made = keyed.make("keys", alias="shown once")
    assert keyed.admin("POST", "keys", {}).headers["cache-control"] == "no-store"
    shown = keyed.admin("GET", f"keys/{made['id']}").text + keyed.admin("GET", "keys").text
    assert "shown once" in shown
    assert made["key"] not in shown
    assert made["key"] not in keyed.log
    assert keyed.admin("GET", "keys/nobody").status_code == 404
