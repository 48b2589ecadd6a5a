"""Values in spellings that a stranger thought of: broken lines, odd groups, names beside values, new keys."""

import json
import random
import string
from time import process_time

import pytest
from tests.unit.privacy.finding import found

from thriftgate.privacy.documents import transformed
from thriftgate.privacy.recognizers.key_shapes import shaped


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("my card is 4111 1111\n1111 1111 ok", "CREDIT_CARD", "4111 1111\n1111 1111"),
        ("> card 4111-1111-\r\n> 1111-1111 ok", "CREDIT_CARD", "4111-1111-\r\n> 1111-1111"),
        ("pay to DE89 3704 0044\n0532 0130 00 please", "IBAN_CODE", "DE89 3704 0044\n0532 0130 00"),
        ("(DE 89 37 04 00 44 05 32 01 30 00)", "IBAN_CODE", "DE 89 37 04 00 44 05 32 01 30 00"),
        ("DE.89.37.04.00.44.05.32.01.30.00", "IBAN_CODE", "DE.89.37.04.00.44.05.32.01.30.00"),
        ("DE8-937-040-044-053-201-300-0", "IBAN_CODE", "DE8-937-040-044-053-201-300-0"),
        ("WhatsApp +351\n(0) 912 385 707", "PHONE_NUMBER", "+351\n(0) 912 385 707"),
        ("call 00420\n601 156 809 please", "PHONE_NUMBER", "00420\n601 156 809"),
        ("llámame al 912 385 707", "PHONE_NUMBER", "912 385 707"),
        ("120 45 9970 is my taxpayer id", "US_SSN", "120 45 9970"),
        (r'{"ssn":"134\u201318\u20136515"}', "US_SSN", r"134\u201318\u20136515"),
        ("write to mary&joe@post.example", "EMAIL_ADDRESS", "mary&joe@post.example"),
        ("mail jane.q+tag=1@example.com now", "EMAIL_ADDRESS", "jane.q+tag=1@example.com"),
        ("mail=per%son@example.com", "EMAIL_ADDRESS", "per%son@example.com"),
        ("<td>q/a@example.com</td>", "EMAIL_ADDRESS", "q/a@example.com"),
        ("de API-sleutel is 7b51c139kB473Ly6", "SECRET", "7b51c139kB473Ly6"),
        ("a chave da API é 7b51c139kB473Ly6", "SECRET", "7b51c139kB473Ly6"),
        ("la clé d'API est 7b51c139kB473Ly6", "SECRET", "7b51c139kB473Ly6"),
        ("Der API-Schlüssel lautet 7b51c139kB473Ly6", "SECRET", "7b51c139kB473Ly6"),
        ("creditCardNumber=6761+8138+4141+4208+32&submit=1", "CREDIT_CARD", "6761+8138+4141+4208+32"),
        ("cellulare=%2B45+34+49+49+78&submit=1", "PHONE_NUMBER", "%2B45+34+49+49+78"),
        ('cellphone := "(11) 2341-1027"', "PHONE_NUMBER", "(11) 2341-1027"),
        ("phoneNumber: 8122 7346", "PHONE_NUMBER", "8122 7346"),
        ("bcc: {x}@example.com", "EMAIL_ADDRESS", "{x}@example.com"),
        ('{"OPENAI_KEY": ["PTyR8bws8FLD9QBiglkVNLbI", "x"]}', "SECRET", "PTyR8bws8FLD9QBiglkVNLbI"),
        ("GET /?bearer=8e105a2d0a56f305b032480a6b0e09cc HTTP/1.1", "SECRET", "8e105a2d0a56f305b032480a6b0e09cc"),
        ("a | bf687783-7282-4480-a464-a275b4275ef9 | apikey", "SECRET", "bf687783-7282-4480-a464-a275b4275ef9"),
        ("const s_secret: string = `40ce238b-0d88`;", "SECRET", "40ce238b-0d88"),
        ("primaryAccountNumber=4111111111111111", "CREDIT_CARD", "4111111111111111"),
        ("{homePhone: '912 387 976'}", "PHONE_NUMBER", "912 387 976"),
        ('- name: DBPASSWORD\n  value: "Aefxoc461!"', "SECRET", "Aefxoc461!"),
        ("* **webhookSecret:** xysvx-fiwooq-626", "SECRET", "xysvx-fiwooq-626"),
        ("<b>dbPassword</b>: <i>Kligce737!</i><br>", "SECRET", "Kligce737!"),
        ("STRIPE_SECRET_KEY       M3GH-cc9U9x4e", "SECRET", "M3GH-cc9U9x4e"),
        ("8dd4e04a06748c30a0578d1303121f61 <- my token", "SECRET", "8dd4e04a06748c30a0578d1303121f61"),
        ("ip:2001:db8::1f4a", "IP_ADDRESS", "2001:db8::1f4a"),
        ("X-BIND:a32e::dc4a:8706:1a3a", "IP_ADDRESS", "a32e::dc4a:8706:1a3a"),
        ("dead:beef:1::2 ok", "IP_ADDRESS", "dead:beef:1::2"),
        ("A1\tB1\nlicenseKey\tGtsyla333!", "SECRET", "Gtsyla333!"),
        ("| # | signing_secret |\n|--|--|\n| 1 | `2410e6e5QMXSPzx0` |", "SECRET", " `2410e6e5QMXSPzx0` "),
        ("_soc_sec_: *569396587*", "US_SSN", "569396587"),
        (
            "./run --OPENAI-KEY='jg7bQ4JIfBwP+pKHpCGBUSVklINEGfdEeeoQjEBA'",
            "SECRET",
            "jg7bQ4JIfBwP+pKHpCGBUSVklINEGfdEeeoQjEBA",
        ),
        ("Use `369b6425-0363-4c00-a105-92841f72b3df` as token", "SECRET", "369b6425-0363-4c00-a105-92841f72b3df"),
    ],
)
def test_a_value_is_found_whole_in_an_odd_spelling(text: str, kind: str, value: str) -> None:
    assert (kind, value) in found(text)


@pytest.mark.parametrize(
    "text",
    [
        "id\n4111\n1111\n1111\n1111\n",
        "call 030 1234567\n030 7654321",
        "data:image/png;base64,iVBORw0KGgoWGT1CsyU9ZaQAm3hJkfnUhLUIvVbjbdhZRvEkC5aTDKBaCUEpPr8KaUIvWbS",
        "upgrade from 5.8.48.7 to 1.71.0.0 version",
        "barcode 6158823976386 scanned",
        "unit_test_this_long_name_2 and my_prod_connection_pool_12",
        "the class pa-4 fc-grid-2 and api-version-2026-11-30",
        "?a=1&email=joe@",
        "Schlüssel: Haustür",
        "my order number is 274002975504736, when will it ship?",
        "account number 4111111111111111",
        "- name: REPLICAS\n  value: 4000",
        "primary_key: 9f86d081884c7d659a2feaa0c55ad015 | author",
        "GET /?page=2&file=aB3dE5fG7hI9jK1lM3nO5pQ7rS9tU1vW3x HTTP/1.1",
    ],
)
def test_nothing_is_made_of_what_stands_near(text: str) -> None:
    assert [one for one in found(text) if one[0] not in ("PHONE_NUMBER",)] == []


def test_a_field_of_a_url_is_no_part_of_an_address() -> None:
    assert found("https://x.example/?a=1&email=joe@post.example") == [("EMAIL_ADDRESS", "joe@post.example")]
    assert found("from a.com/jane@b.com") == [("EMAIL_ADDRESS", "jane@b.com")]


def test_two_numbers_on_two_lines_are_two() -> None:
    assert [one for _, one in found("tel +49 30 1234567\n+49 30 7654321")] == ["+49 30 1234567", "+49 30 7654321"]


WORD, HEX = string.ascii_letters + string.digits, "0123456789abcdef"
SHAPES = [
    ("jina_", WORD, 60), ("pcsk_", WORD, 60), ("tvly-dev-", WORD, 32), ("fc-", HEX, 32), ("csk-", WORD, 48),
    ("bkua_", HEX, 40), ("sb_secret_", WORD, 31), ("ABSK", WORD, 109), ("bedrock-api-key-", WORD, 90),
    ("napi_", WORD, 64), ("nfp_", WORD, 36), ("pscale_tkn_", WORD, 43), ("sntryu_", HEX, 64), ("fio-u-", WORD, 64),
    ("duffel_live_", WORD, 43), ("rzp_live_", WORD, 14), ("LTAI", WORD, 20), ("CFPAT-", WORD, 43),
    ("tskey-auth-", WORD, 40), ("oy2", string.ascii_lowercase + string.digits, 43), ("ATCTT3", WORD, 170),
    ("dckr_oat_", WORD, 32), ("sk.eyJ", WORD, 80), ("https://hooks.zapier.com/hooks/catch/2708708/", WORD, 7),
    ("https://hooks.slack.com/workflows/T1/A2/20397404969546/", WORD, 24),
]  # fmt: skip


@pytest.mark.parametrize(("prefix", "alphabet", "length"), SHAPES)
def test_a_key_of_a_newer_kind_is_found_by_its_shape(prefix: str, alphabet: str, length: int) -> None:
    draw = random.Random(7)
    key = prefix + "".join(draw.choice(alphabet) for _ in range(length))
    key += "." + key[-22:] if prefix.startswith("sk.") else ""
    assert (4, 4 + len(key)) in set(shaped(f"see {key} ok"))


def labels_of(document: object) -> dict[str, str]:
    seen: dict[str, str] = {}

    def visit(text: str, label: str) -> str:
        seen[text] = label
        return text

    transformed({"metadata": document}, visit)
    return seen


@pytest.mark.parametrize("as_text", [False, True])
def test_a_value_is_named_by_the_name_beside_it(as_text: bool) -> None:
    fields = [
        {"name": "PIN", "value": "7351"},
        {"key": "ssn", "name": "other", "value": "408349716", "n": 3},
        {"type": "token", "value": "identifier"},
        {"name": "get_access_token", "content": "deprecated"},
        {"type": "text", "text": "hi"},
        {"value": "alone"},
    ]
    seen = labels_of(json.dumps(fields) if as_text else fields)
    assert seen["7351"] == "PIN:"
    assert seen["408349716"] == "ssn:"
    assert seen["identifier"] == "type: token:"
    assert seen["deprecated"] == "content"
    assert seen["hi"] == "text"
    assert seen["alone"] == "value"


MESSAGES = [
    {"key": "login.password", "value": "Passwort"},
    {"key": "forgot_password", "value": "Zurücksetzen?"},
    {"type": "token", "value": "identifier"},
    {"type": "Token", "value": "let_x1"},
    {"name": "get_access_token", "content": "deprecated"},
    {"name": "reset_password", "value": "done_successfully"},
    {"title": "API key", "text": "Settings"},
    {"label": "Password", "text": "Required-Field"},
    {"kind": "secret", "name": "db", "value": "mounted"},
    {"name": "auth_token", "type": "string", "value": "session-cookie"},
]


def found_in(document: object) -> list[tuple[str, str]]:
    return [one for text, label in labels_of(document).items() for one in found(text, label)]


@pytest.mark.parametrize("as_text", [False, True])
@pytest.mark.parametrize("message", MESSAGES)
def test_a_word_beside_a_name_is_no_credential(message: dict[str, str], as_text: bool) -> None:
    assert found_in(json.dumps(message) if as_text else message) == []


def test_a_sort_of_thing_tells_a_number_and_gives_way_to_a_name() -> None:
    assert found_in({"type": "ssn", "value": "408349716"}) == [("US_SSN", "408349716")]
    assert found_in({"type": "b", "name": "password", "value": "hunter22"}) == [("SECRET", "hunter22")]


@pytest.mark.parametrize("value", ["hunter22", "Tr0ub4dor&3", "correct!horse", "QxWvRTzKpLmNsd", "735112"])
def test_what_looks_like_a_credential_beside_its_name_is_found(value: str) -> None:
    assert found_in({"name": "admin_password", "value": value}) == [("SECRET", value)]
    assert found(f"env:\n- name: ADMIN_PASSWORD\n  value: {value}") == [("SECRET", value)]


@pytest.mark.parametrize("as_text", [False, True])
def test_of_a_pair_the_first_names_the_second(as_text: bool) -> None:
    def looked_at(pairs: object) -> list[tuple[str, str]]:
        return found_in(json.dumps(pairs) if as_text else pairs)

    assert looked_at([["colour", "blue"], ["password", "hunter22!x"]]) == [("SECRET", "hunter22!x")]
    assert looked_at({"headers": [["x-api-key", "Tr0ub4dor3xy"]]}) == [("SECRET", "Tr0ub4dor3xy")]
    for words in (["password", "Passwort"], ["password", "token", "hunter22!x"], ["password", 7, "hunter22!x"]):
        assert looked_at([words]) == []


def test_a_variable_of_terraform_names_its_default() -> None:
    block = 'variable "{}" {{\n  type = string\n  default     = "{}"\n}}'
    assert found(block.format("db_password", "hunter22!x")) == [("SECRET", "hunter22!x")]
    assert found(block.format("region", "hunter22!x")) == []
    assert found(block.format("db_password_policy", "strict")) == []


def test_a_setting_in_yaml_is_no_credential() -> None:
    assert found("- name: PASSWORD_POLICY\n  value: strict") == []
    assert found("- name: SECRET_NAME\n  value: my-app-credentials") == []


def many_values(count: int) -> str:
    named = {f"a{number}": "x" for number in range(count)}
    return json.dumps(named)[:-1] + ", " + ", ".join('"value": "x"' for _ in range(count)) + "}"


def test_ten_times_the_values_take_about_ten_times_the_time() -> None:
    def seconds(count: int) -> float:
        text = many_values(count)
        begun = process_time()
        transformed({"metadata": text}, lambda said, label: said)
        return process_time() - begun

    seconds(500)
    assert min(seconds(5_000) for _ in range(2)) < 15 * min(seconds(500) for _ in range(3))


@pytest.mark.parametrize(
    "text",
    [
        "jina-reranker-v2-base-multilingual",
        "use jina-embeddings-v3-base-text-matching-multilingual please",
        "e2b_code_interpreter_python_sdk_v1",
        "rnd_forest_classifier_with_100_trees_x",
        "nvapi_client_integration_tests_v2",
        "pul-request-template-for-team-2024x",
        "run_test_Integration2024Suite() ok",
        "unit_test_parserHandles2Nested",
        "load_test_results20241130final",
        "see api-550e8400-e29b-41d4-a716-446655440000",
        "550e8400-e29b-41d4-a716-446655440000 | auth-service | GET /x",
        "request 550e8400-e29b-41d4-a716-446655440000 is an unauthorized call",
    ],
)
def test_an_identifier_that_begins_like_a_key_is_none(text: str) -> None:
    assert found(text) == []


def test_an_identifier_that_is_called_a_key_is_one() -> None:
    key = "api-550e8400-e29b-41d4-a716-446655440000"
    assert found(f"the api key {key}") == [("SECRET", key)]
    assert found(f"Authorization: {key[4:]} is the authorization") == [("SECRET", key[4:])]


@pytest.mark.parametrize("number", [10, 40])
def test_random_tails_are_found_behind_the_beginnings_that_names_have_too(number: int) -> None:
    draw = random.Random(number)
    for prefix, alphabet, length in (("figd_", WORD + "-_", 40), ("e2b_", HEX, 40), ("nvapi-", WORD + "-_", 64)):
        key = prefix + "".join(draw.choice(alphabet) for _ in range(length)) + "a"
        assert found(f"see {key} ok") == [("SECRET", key)]


@pytest.mark.parametrize("rest", ["requests a callback please, phone", "requests a call"])
def test_a_phone_that_requests_something_is_a_phone(rest: str) -> None:
    assert found(f"4915112345678 {rest}") == [("PHONE_NUMBER", "4915112345678")]
