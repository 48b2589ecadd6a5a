"""`keys.yaml`, and the forms of keys, users and teams."""

import re

import pytest
import yaml

from thriftgate.identity.forms import read_key_file
from thriftgate.identity.keys import digest_of, foreign_id, make_key
from thriftgate.identity.records import Budget, Period, Role

DIGEST = digest_of("sk-elsewhere").hex()
FILE = f"""
teams:
  support: {{alias: Support, tier: gold, models: [support], budgets: [{{usd: 200, per: month}}]}}
users:
  ada: {{team: support, blocked: true}}
keys:
  - {{sha256: {DIGEST}, alias: ci, user: ada, expires: 2027-01-31}}
"""


def test_a_file_of_keys_is_read_whole() -> None:
    file = read_key_file(yaml.safe_load(FILE))
    assert file.teams["support"].grants.budgets == (Budget(200, Period.MONTH),)
    assert file.users["ada"].grants.is_blocked
    key = file.keys[foreign_id(bytes.fromhex(DIGEST))]
    assert (key.alias, key.user_id, key.role, key.expires_at) == ("ci", "ada", Role.CALLER, 1_801_353_600.0)


def test_a_key_of_our_own_form_stands_in_a_file_with_its_id() -> None:
    made = make_key(bytes(40))
    file = read_key_file({"keys": [{"sha256": f"sha256:{made.digest.hex()}", "id": made.key_id}]})
    assert file.keys[made.key_id].digest == made.digest


def test_an_empty_file_has_nobody_in_it() -> None:
    assert not read_key_file(None).keys


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"key": []}, "key: unknown key (did you mean 'keys'?)"),
        ({"keys": [{"sha256": "sk-tg-not-a-digest"}]}, "keys.0.sha256: is the SHA-256 of a key, 64 hexadecimal digits"),
        ({"keys": [{"sha256": DIGEST, "team": "suport"}]}, "keys.0.team: there is no team 'suport'"),
        ({"keys": [{"sha256": DIGEST, "user": "bob"}]}, "keys.0.user: there is no user 'bob'"),
        ({"users": {"ada": {"team": "x"}}}, "users.ada.team: there is no team 'x'"),
        ({"keys": [{"sha256": DIGEST}, {"sha256": DIGEST}]}, "keys.1: the same key stands in the file twice"),
        ({"keys": [{"sha256": DIGEST, "expires": "soon"}]}, "keys.0.expires: a time is written as 2027-01-31"),
        ({"teams": {"t": {"budgets": [{"usd": 0, "per": "day"}]}}}, "teams.t.budgets.0.usd: must be more than 0"),
        ({"teams": {"t": {"budgets": [{"usd": 1, "per": "week"}]}}}, "teams.t.budgets.0.per: must be 'day' or 'month'"),
        ([], "must be a section with keys and values"),
        ({"keys": ["sk-tg-mine"]}, "keys.0: must be a section with keys and values"),
        ({"keys": [{"sha256": DIGEST, "id": "mine"}]}, "keys.0.id: is the eleven letters and digits that"),
    ],
)
def test_a_mistake_in_a_file_is_named_with_its_place(values: object, words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)) as raised:
        read_key_file(values)
    assert "sk-tg" not in str(raised.value)


def test_a_mistake_never_repeats_what_may_be_a_key() -> None:
    with pytest.raises(ValueError, match="sha256") as raised:
        read_key_file({"keys": [{"sha256": "sk-tg-secret"}]})
    assert "secret" not in str(raised.value)
