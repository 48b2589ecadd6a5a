"""Made-up values in the places where real requests have them, and look-alikes; a fixed seed, so that runs compare.

Seven kinds, each in JSON inside JSON, in URLs, tables, code, logs, talk, beside amounts and other words that could make
something else of them, and named once and then bare. The generator shares nothing with the
recognizers but the public checksums.
"""

import json
import random
import string
import urllib.parse
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from thriftgate.privacy.recognizers.cards import luhn_holds

_RANGES = (
    ("4", 16), ("4", 13), ("4", 19), ("51", 16), ("2221", 16), ("2720", 16), ("2300", 16), ("34", 15), ("37", 15),
    ("6011", 16), ("65", 16), ("622126", 16), ("622126", 19), ("36", 14), ("3050", 14), ("3528", 16), ("2131", 15),
    ("5018", 12), ("6304", 13), ("6759", 16), ("6761", 19), ("6200", 17),
)  # fmt: skip
_IBANS = {
    "DE": "n18", "GB": "a4n14", "FR": "n10c11n2", "ES": "n20", "IT": "a1n10c12", "NL": "a4n10", "PT": "n21",
    "PL": "n24",    "CH": "n5c12",
}  # fmt: skip
_PHONES = (
    ("+1 {a}-{b}-{c}", "212"), ("({a}) {b}-{c}", "415"), ("{a}-{b}-{c}", "646"), ("+1{a}{b}{c}", "312"),
    ("{a}.{b}.{c}", "503"),
)  # fmt: skip
_FOREIGN = (
    "+49 171 2{6}", "0171 2{6}", "+49 30 9{7}", "030 9{7}", "+44 20 79{2} {4}", "020 79{2} {4}", "07700 9{2} {3}",
    "+33 6 12 {2} {2} {2}", "06 12 {2} {2} {2}", "+34 612 {3} {3}", "612 {3} {3}", "+39 347 {3} {4}", "+31 6 12{2}{4}",
    "06-12{2}{4}", "+351 912 {3} {3}", "0049 171 2{6}",
)  # fmt: skip
_NAMES = ("anna", "b.keller", "carlos_ruiz", "d-moore", "eva+shop", "f.li2", "joe", "o'neil")
_HOSTS = ("example.com", "mail.example.org", "posteo-test.de", "uni-test.ac.uk", "firma.example.co", "x.io")


@dataclass(frozen=True, slots=True)
class Case:
    """A text with one value of a kind at [start, end), or none."""

    text: str
    kind: str
    start: int
    end: int


def cases(per_kind: int, seed: int = 13) -> list[Case]:
    """`per_kind` texts of each kind, spread over the places."""
    draw = random.Random(seed)
    return [
        _placed(draw, kind, make(draw), PLACES[number % len(PLACES)])
        for kind, make in KINDS.items()
        for number in range(per_kind)
    ]


def _placed(
    draw: random.Random, kind: str, value: str, place: Callable[[random.Random, str, str], tuple[str, str]]
) -> Case:
    text, written = place(draw, LABELS[kind], value)
    start = text.rindex(written)  # the last one is looked for: the others name it
    return Case(text, kind, start, start + len(written))


def _card(draw: random.Random) -> str:
    prefix, length = draw.choice(_RANGES)
    body = prefix + "".join(draw.choice(string.digits) for _ in range(length - len(prefix) - 1))
    number = next(body + digit for digit in string.digits if luhn_holds(body + digit))
    if length == 16 and draw.random() < 0.4:
        separator = draw.choice(" -")
        return separator.join(number[at : at + 4] for at in range(0, 16, 4))
    if length == 15 and number[0] == "3" and draw.random() < 0.4:
        return f"{number[:4]} {number[4:10]} {number[10:]}"
    return number


def _iban(draw: random.Random) -> str:
    country, shape = draw.choice(sorted(_IBANS.items()))
    body = ""
    for kind, count in _parts(shape):
        alphabet = {"n": string.digits, "a": string.ascii_uppercase, "c": string.ascii_uppercase + string.digits}[kind]
        body += "".join(draw.choice(alphabet) for _ in range(count))
    digits = "".join(str(int(character, 36)) for character in f"{body}{country}00")
    iban = f"{country}{98 - int(digits) % 97:02d}{body}"
    if draw.random() < 0.4:
        iban = " ".join(iban[at : at + 4] for at in range(0, len(iban), 4))
    return iban.lower() if draw.random() < 0.2 else iban


def _parts(shape: str) -> Iterator[tuple[str, int]]:
    kind, count = "", ""
    for character in f"{shape}#":
        if character.isdigit():
            count += character
            continue
        if kind:
            yield kind, int(count)
        kind, count = character, ""


def _email(draw: random.Random) -> str:
    return f"{draw.choice(_NAMES)}{draw.choice(['', str(draw.randrange(100))])}@{draw.choice(_HOSTS)}"


def _phone(draw: random.Random) -> str:
    if draw.random() < 0.5:
        shape, area = draw.choice(_PHONES)
        return shape.format(a=area, b=f"{draw.randrange(200, 999)}", c=f"{draw.randrange(10_000):04d}")
    out, shape = "", draw.choice(_FOREIGN)
    at = 0
    while at < len(shape):
        if shape[at] == "{":
            out += "".join(draw.choice(string.digits) for _ in range(int(shape[at + 1])))
            at += 3
        else:
            out += shape[at]
            at += 1
    return out


def _ssn(draw: random.Random) -> str:
    area = draw.choice([number for number in range(1, 900) if number != 666])
    return f"{area:03d}-{draw.randrange(1, 100):02d}-{draw.randrange(1, 10_000):04d}"


def _ip(draw: random.Random) -> str:
    if draw.random() < 0.7:
        return ".".join(
            str(part) for part in (draw.randrange(1, 223), *(draw.randrange(256) for _ in range(3)))
        ).replace("127.", "126.", 1)
    groups = [f"{draw.randrange(65536):x}" for _ in range(8)]
    return ":".join(groups) if draw.random() < 0.5 else ":".join(groups[:4]) + "::" + ":".join(groups[6:])


def _text(draw: random.Random, alphabet: str, length: int) -> str:
    return "".join(draw.choice(alphabet) for _ in range(length))


def _secret(draw: random.Random) -> str:
    word = string.ascii_letters + string.digits
    return draw.choice([
        "AKIA" + _text(draw, string.ascii_uppercase + string.digits, 16),
        "ghp_" + _text(draw, word, 36),
        "sk-proj-" + _text(draw, word, 40),
        "sk-ant-api03-" + _text(draw, word + "-_", 60) + "AA",
        "xoxb-" + _text(draw, string.digits, 11) + "-" + _text(draw, word, 24),
        "AIza" + _text(draw, word + "-_", 35),
        "glpat-" + _text(draw, word, 20),
        "hf_" + _text(draw, string.ascii_letters, 34),
        "sk_live_" + _text(draw, word, 24),
        "eyJ" + _text(draw, word, 20) + ".eyJ" + _text(draw, word, 40) + "." + _text(draw, word, 43),
        "SG." + _text(draw, word, 22) + "." + _text(draw, word, 43),
        _text(draw, word, 40),
        _text(draw, string.hexdigits[:16], 40),
        _text(draw, word + "!$%*", 14) + "7k",
    ])  # fmt: skip


def _in_json(draw: random.Random, label: str, value: str) -> tuple[str, str]:
    inner = json.dumps({"id": draw.randrange(1000), label: value})
    text = json.dumps({"event": "update", "payload": inner})
    return text, json.dumps(json.dumps(value)[1:-1])[1:-1]


def _in_flat_json(draw: random.Random, label: str, value: str) -> tuple[str, str]:
    return json.dumps({"n": draw.randrange(9), label: value}), json.dumps(value)[1:-1]


def _in_url(draw: random.Random, label: str, value: str) -> tuple[str, str]:
    quoted = urllib.parse.quote_plus(value)
    return f"see https://shop.example/account?lang=en&{label}={quoted}&page={draw.randrange(9)} please", quoted


def _in_csv(draw: random.Random, label: str, value: str) -> tuple[str, str]:
    rows = [f"{draw.randrange(100, 999)},{value},open", f"{draw.randrange(100, 999)},,closed"]
    return f"id,{label},state\n" + "\n".join(rows), value


def _in_code(draw: random.Random, label: str, value: str) -> tuple[str, str]:
    return f'def load():\n    {label} = "{value}"\n    return client.get({label}, retries={draw.randrange(9)})\n', value


def _in_log(draw: random.Random, label: str, value: str) -> tuple[str, str]:
    return f"2026-03-0{draw.randrange(1, 9)}T10:00:00Z WARN user {label}={value} rejected", value


def _in_talk(draw: random.Random, label: str, value: str) -> tuple[str, str]:
    lead = draw.choice(["Hi, my {} is", "please use the {}", "Could you check {}:", "the {} I gave you is"])
    return f"{lead.format(label.replace('_', ' '))} {value}. Thanks!", value


def _beside_an_amount(draw: random.Random, label: str, value: str) -> tuple[str, str]:
    amount = draw.choice([", $50", " EUR 50", " USD", " 50 EUR", " for GBP 20", "; 20% off", " 3 times", " 2026-03-04"])
    return f"Please note the {label.replace('_', ' ')} {value}{amount}", value


def _beside_a_word(draw: random.Random, label: str, value: str) -> tuple[str, str]:
    before = draw.choice(
        ["node 3, ", "api v2: ", "doi 10.1000/182, ", "order 7, ", "12 EUR, ", "in the ocean, ", "case 5: "]
    )
    after = draw.choice([" on node 3", " (api 2.1)", " for order 88", " ISBN 3", " with version 1.2", " ticket 9"])
    return f"{before}my {label.replace('_', ' ')}: {value}{after}", value


def _named_then_bare(draw: random.Random, label: str, value: str) -> tuple[str, str]:
    again = draw.choice(["so is {} ok?", "order {} I meant", "I typed {} twice", "version {}?", "[{}]"])
    return f"My {label.replace('_', ' ')} is {value}\n{again.format(value)}", value


PLACES = (
    _in_json, _in_flat_json, _in_url, _in_csv, _in_code, _in_log, _in_talk, _beside_an_amount, _beside_a_word,
    _named_then_bare,
)  # fmt: skip
KINDS: dict[str, Callable[[random.Random], str]] = {
    "CREDIT_CARD": _card, "IBAN_CODE": _iban, "EMAIL_ADDRESS": _email, "PHONE_NUMBER": _phone, "US_SSN": _ssn,
    "IP_ADDRESS": _ip, "SECRET": _secret,
}  # fmt: skip
LABELS = {
    "CREDIT_CARD": "card_number", "IBAN_CODE": "iban", "EMAIL_ADDRESS": "email", "PHONE_NUMBER": "phone",
    "US_SSN": "ssn", "IP_ADDRESS": "client_ip", "SECRET": "api_key",
}  # fmt: skip


def lookalikes(count: int, seed: int = 29) -> list[str]:
    """Texts in which nothing is personal."""
    draw = random.Random(seed)

    def digits(length: int) -> str:
        return str(draw.randrange(1, 10)) + _text(draw, string.digits, length - 1)

    def hexadecimal(length: int) -> str:
        return _text(draw, "0123456789abcdef", length)

    makers: list[Callable[[], str]] = [
        lambda: (
            f"request {hexadecimal(8)}-{hexadecimal(4)}-4{hexadecimal(3)}-a{hexadecimal(3)}-{hexadecimal(12)} failed"
        ),
        lambda: f"order number {digits(draw.choice([10, 12, 13, 16]))} has not arrived",
        lambda: f"tracking {digits(draw.choice([12, 20, 22]))}",
        lambda: f"commit {hexadecimal(40)} broke the build",
        lambda: f"sha256 {hexadecimal(64)}",
        lambda: f"version {digits(1)}.{digits(2)}.{digits(1)}.{digits(2)} is out",
        lambda: f"due on 2026-{draw.randrange(1, 13):02d}-{draw.randrange(1, 29):02d}",
        lambda: f"at 2026-0{draw.randrange(1, 9)}-11T{draw.randrange(10, 23)}:15:00Z",
        lambda: f"the total is ${digits(1)},{digits(3)}.{digits(2)}",
        lambda: f"invoice INV-{digits(6)}-{digits(4)}",
        lambda: f"ISBN 978-{digits(1)}-{digits(2)}-{digits(6)}-{digits(1)}",
        lambda: f"SKU {digits(4)}-{digits(4)}-{digits(4)}",
        lambda: f"epoch {1_700_000_000_000 + draw.randrange(10**9)}",
        lambda: f"at {draw.uniform(-90, 90):.6f}, {draw.uniform(-180, 180):.6f}",
        lambda: f"MAC {':'.join(hexadecimal(2) for _ in range(6))}",
        lambda: f"max_tokens: {digits(4)}, temperature 0.{digits(1)}",
        lambda: f"lines {digits(3)}-{digits(3)} of std::{draw.choice(['vector', 'map'])}",
        lambda: f"case {digits(9)} is closed",
        lambda: f"row {digits(5)}: {digits(3)} {digits(3)} {digits(3)}",
        lambda: "the password is required and the token has expired",
        lambda: f"we paid {digits(draw.choice([3, 5, 7]))} EUR for node {digits(2)}.{digits(2)}.{digits(1)}",
        lambda: f"that is {digits(1)} {digits(3)} {digits(3)},{digits(2)} € or {digits(1)}.{digits(3)}.{digits(3)} USD",
        lambda: f"api {digits(1)}.{digits(2)}.{digits(1)} on kernel {digits(1)}.{digits(2)}.0.{digits(2)}",
        lambda: f"doi 10.{digits(4)}/{digits(6)} and arXiv 2301.{digits(5)}",
        lambda: f"EAN {digits(13)}, UPC {digits(12)}, ISSN {digits(4)}-{digits(4)}",
        lambda: f"build {digits(3)}.0.{digits(4)}.{digits(2)} of the browser",
        lambda: f"the score is 0.{digits(16)}, the loss {digits(1)}.{digits(15)}",
        lambda: f"order number {digits(16)}, 50 EUR, ticket {digits(10)} for $20",
        lambda: f"password step{digits(1)} of {digits(1)}, password sha256 or password sha512, password v{digits(1)}.2",
        lambda: f"docker run -u {digits(4)}:{digits(4)} -p {digits(4)}:80 --max-tokens {digits(4)} app",
        lambda: f"Cookie: theme=dark; lang=en; page={digits(2)}",
        lambda: f"<token>required</token><count>{digits(9)}</count>",
    ]
    return [makers[number % len(makers)]() for number in range(count)]
