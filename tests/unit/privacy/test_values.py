"""A credential is taken out whole whatever signs it has, and what stands around it stays."""

import json
import re
import string
import urllib.parse
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.unit.privacy.finding import found

from thriftgate.privacy.recognizers.values import LONGEST

SIGNS = "!#$%&()*+,-./:;<=>?@[]^_{|}~"
PASSWORD = "aB3(x&y,z;9q"


def _in_query(value: str) -> tuple[str, str]:
    written = urllib.parse.quote_plus(value)
    return f"see https://shop.example/login?user=bob&password={written}&page=2 please", written


def _in_encoded_query(value: str) -> tuple[str, str]:
    inner = f"https://shop.example/login?password={urllib.parse.quote(value, safe='')}&page=2"
    return f"https://x.example/?next={urllib.parse.quote(inner, safe='')}", urllib.parse.quote(
        urllib.parse.quote(value, safe=""), safe=""
    )


def _in_form(value: str) -> tuple[str, str]:
    written = urllib.parse.quote_plus(value)
    return f"password={written}&grant_type=password", written


def _in_json_text(value: str) -> tuple[str, str]:
    written = json.dumps(value)
    return f'I got {{"user": "bob", "password": {written}, "age": 4}} back', written[1:-1]


def _in_json_in_json(value: str) -> tuple[str, str]:
    inner = json.dumps({"password": value, "age": 4})
    return f"log: {json.dumps(inner)} ok", json.dumps(json.dumps(value)[1:-1])[1:-1]


def _in_a_url(value: str) -> tuple[str, str]:
    written = urllib.parse.quote(value, safe="")
    return f"postgres://app:{written}@db.example:5432/x?a=b@c", written


def _as_it_is(template: str) -> Callable[[str], tuple[str, str]]:
    return lambda value: (template.format(value), value)


PLACES = {
    "query": _in_query,
    "encoded query": _in_encoded_query,
    "form": _in_form,
    "JSON text": _in_json_text,
    "JSON in JSON": _in_json_in_json,
    "URL": _in_a_url,
    "code": _as_it_is('connect("db", password="{}", retries=3)'),
    "environment": _as_it_is("HOST=db\nDB_PASSWORD={}\nexport PORT=5432"),
    "header": _as_it_is("Host: db.example\nX-Api-Key: {}\nAccept: */*"),
    "command": _as_it_is("curl -H 'X-Api-Key: {}' https://x.example/"),
    "yaml": _as_it_is("user: bob\npassword: {}\nport: 5432"),
    "talk": _as_it_is("Hi, my password is {} and it does not work"),
    "at the end of a sentence": _as_it_is("my password is {}. Thanks"),
}
inner = st.text(string.ascii_letters + string.digits + SIGNS, min_size=4, max_size=24)
AMBIGUOUS = re.compile(r"[&;,|][A-Za-z_][\w.\[\]-]+[=:]|</?[A-Za-z][\w-]*/?>|://|%0[9AaDd]")
"""The next field, a tag, a link, an escaped tab or line: of these a reader could not say where the password ends."""
passwords = inner.map(lambda middle: f"a7{middle}q").filter(lambda value: not AMBIGUOUS.search(value))


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
@given(value=passwords)
@example(value=PASSWORD)
@example(value="a7%3eb<c&d9q")
@example(value="a7)),)x]};9q")
@example(value="a7b+c+d e9q".replace(" ", "+"))
@example(value="a7b%30q")
def test_a_password_is_found_whole_whatever_signs_it_has(place: Callable[[str], tuple[str, str]], value: str) -> None:
    text, written = place(value)
    # Of another kind where the password has, by chance, the form of an e-mail address: it does not leave either.
    assert any(written in cut for _, cut in found(text))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("password=hunter22&user=bob&page=2", "hunter22"),
        ("https://x.example/?token=aB3xyz9qqq&lang=en#frag", "aB3xyz9qqq"),
        ("https://x.example/?a=1&token=aB3xyz9qqq#frag", "aB3xyz9qqq"),
        ("Server=db;Password=aB3(x9q;Database=x", "aB3(x9q"),
        ("Server=db;Password=aB3;x9q;User Id=sa", "aB3;x9q"),
        ("connect(password=aB3xyz9q, user=bob)", "aB3xyz9q"),
        ("connect(user=bob, password=aB3xyz9q)", "aB3xyz9q"),
        ("(my password is aB3;x9q)", "aB3;x9q"),
        ("{password:hunter22,user:bob}", "hunter22"),
        ('{"note":"password=hunter22","next":1}', "hunter22"),
        ('curl -d "user=bob&password=hun(ter22" https://x.example', "hun(ter22"),
        ("Set-Cookie: token=aB3xyz9qqqq; Path=/", "aB3xyz9qqqq"),
        ("my password is hunter22, and yours?", "hunter22"),
        ("is the password required? no: it is secret: hunter23; ok", "hunter23"),
        ("[link](https://x.example/?token=aB3xyz9qqq)", "aB3xyz9qqq"),
        ("password: hunter22</b> and so on", "hunter22"),
        ("password = 'it''s7 (really)' -- old", "it''s7 (really)"),
        ('password="aB3 (x&y, z;9q", user="bob"', "aB3 (x&y, z;9q"),
        ('passwords: password=["aB3(x&y", "zz"]', "aB3(x&y"),
        ("postgres://app:" + "p@s)s7@db:5432/x", "p@s)s7"),
        ("postgres://bob%40corp:" + "p%40s%2Fs7@db/x?mail=a@b.example", "p%40s%2Fs7"),
        ('user,password\nbob,"aB3,x(9q"\n', '"aB3,x(9q"'),
    ],
)
def test_what_stands_around_a_value_stays(text: str, value: str) -> None:
    assert [cut for kind, cut in found(text) if kind == "SECRET"] == [value]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("my password hunter22 does not work", "hunter22"),
        ("login bob pw hunter22, thanks", "hunter22"),
        ("pw: hunter2", "hunter2"),
        ("please note the api key Ve5SJTE21InvPW7k for later", "Ve5SJTE21InvPW7k"),
        ("api key: AQKjsVtOWMOYCGwCHfHMACNMllKQOMCepisBXWxR; ticket 1", "AQKjsVtOWMOYCGwCHfHMACNMllKQOMCepisBXWxR"),
        ("psql --password hunter22 -h db", "hunter22"),
        ("tool --api-key=Zk3T8vQm2L -v", "Zk3T8vQm2L"),
        ("curl -u admin:hunter22 https://x.example/", "hunter22"),
        ("curl https://x.example/ --user 'admin:hunter'", "hunter"),
        ("mysql -uroot -phunter22 shop", "hunter22"),
        ("mysql -uroot -phunters shop && ls", "hunters"),
        ("mysql -u root -p hunter22 shop", "hunter22"),
        ("sshpass -p hunters ssh bob", "hunters"),
        ("docker login -u bob -p hunters reg.example.com", "hunters"),
        ("aws configure set ci.secret_access_key hunter&22", "hunter&22"),
        ('#define WIFI_PSK "hunter!22"', "hunter!22"),
        ("x-functions-key: hunter*22", "hunter*22"),
        ('<add key="BusSecret" value="hunter#22" />', "hunter#22"),
        ('new Credentials("svc", "hunter22")', "hunter22"),
        ("wifi in the office: SSID Guest, key hunter22", "hunter22"),
        ("their password (hunter22)", "hunter22"),
        ("mon mot de passe c'est hunter22 et non", "hunter22"),
        ("la contraseña que puse fue hunter22 pero", "hunter22"),
        ("das Passwort war hunter22 bisher", "hunter22"),
        ("Cookie: theme=dark; session=Zk3T8vQm2LxYw9Bn5Rd7", "Zk3T8vQm2LxYw9Bn5Rd7"),
        ("<user>bob</user><password>hunter22</password>", "hunter22"),
        ('<db:apiKey type="x">abcdefgh</db:apiKey>', "abcdefgh"),
        ("https://admin:hunter22@shop.example/", "hunter22"),
        ("postgres://app:s3cr3t@db.example.com:5432/x", "s3cr3t"),
        ("redis://:hunter22@cache.example.com:6379", "hunter22"),
        ("amqp://u:p@ssw0rd@mq.example.com/", "p@ssw0rd"),
        ("my password is required1", "required1"),
    ],
)  # fmt: skip
def test_a_credential_is_found_as_one_in_every_form(text: str, value: str) -> None:
    assert found(text) == [("SECRET", value)]


def test_a_mail_address_in_a_link_stays_one() -> None:
    assert found("see https://x.example/?m=a:b@mail.example") == [("EMAIL_ADDRESS", "b@mail.example")]
    assert found("https://bob%40corp.example:pw99@host.example/") == [
        ("EMAIL_ADDRESS", "bob%40corp.example"),
        ("SECRET", "pw99"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "https://h:xxx,alice@example.com", "ftp://user:example|alice@example.com", "see x://a:alice@example.com",
        "https://h:pw99@host.example https://h:xxx,alice@example.com",
    ],
)  # fmt: skip
def test_a_mail_address_is_one_where_a_link_has_no_password(text: str) -> None:
    assert ("EMAIL_ADDRESS", "alice@example.com") in found(text)


@pytest.mark.parametrize(
    "text",
    [
        "password sha256 hash", "password step2 of 3", "password v2.1 policy", "docker run -u 1000:1000 app",
        "docker run --user node:node app", "Cookie: theme=dark; lang=en", "<token>required</token>",
        "--max-tokens 4096 --password-file /etc/passwords", "the password 12345678 times",
        "the token limit4000 and the secret santa2024 and an api key version2Beta",
        "docker run --name mysql -p 3306:3306 mysql:8", "mysql -u root -p mydatabase", "the mysql client -p option",
        "start mysql && mkdir -p /var/run/app", "start mysql && mkdir -p/var/run/app",
        "docker build --secret id=mysecret,src=x .", "forgot my password Office365", "password iPhone15",
        "password Windows11", "reset password INC0012345", "password=&user=bob2", "password: , next 9",
        'password: "must be at least 8 characters"', "token: (see below)",
        "set token eu-west-1", "wlan key WPA2-Personal", "password (min8chars)", "password (see page12)",
        '<add key="TokenLifetime" value="3600s" />', '<param name="secretary" value="Anna12" />',
        "the token that you sent is expired since 12:30", "docker login -u bob -p", "set the password policy v2.1",
        "tokens = [1, 2, 3]", "the password is (as you know) required", "http://localhost:8080/react@18.2.0",
        "secret: getXMLHTTPRequestID", "api key: JavaScriptTypeScriptCSSHTML",
        "https://host:443/@user", 'credentials: {"user": "bob"}', "pass=; fail=3",
    ],
)  # fmt: skip
def test_what_is_no_value_stays(text: str) -> None:
    assert [cut for kind, cut in found(text) if kind == "SECRET"] == []


def test_a_value_without_an_end_is_taken_as_far_as_values_go() -> None:
    (cut,) = [cut for _, cut in found("password=" + "aB3(x" * 1_000)]
    assert len(cut) >= LONGEST
