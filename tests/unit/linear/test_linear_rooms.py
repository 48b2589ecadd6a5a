"""Ten times the text takes about ten times the time in the guards, the privacy and output rooms and on the wire."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from tests.unit.linear.test_linear_texts import HOSTILE, WORST_RATIO, time_ratio

from thriftgate.guards import addresses, hashing, injection, leaks, lists, phrases, spotlighting, toxicity
from thriftgate.guards.classifier import shipped_classifier
from thriftgate.guards.texts import readings
from thriftgate.guards.texts import windows as guard_windows
from thriftgate.output import outline, repair, scanning, streaming
from thriftgate.privacy import documents, json_restoring, json_text, masking, placeholders, restoring, views
from thriftgate.privacy.context import Context
from thriftgate.privacy.field_names import as_fields_say, field_kind, fields
from thriftgate.privacy.lookalikes import without_lookalikes
from thriftgate.privacy.recognizers import CERTAIN, own_recognizers
from thriftgate.privacy.recognizers.patterns import PatternRecognizer
from thriftgate.privacy.spans import TextSpan, resolve_overlaps
from thriftgate.schemas import Schema, compile_schema
from thriftgate.services.guards import answers
from thriftgate.stores.rampart import spans as rampart_spans
from thriftgate.wire.dialects import request_view
from thriftgate.wire.streaming.sse import SseBlocks, SseDecoder
from thriftgate.wire.turns import Dialect

RECOGNIZERS = [
    *own_recognizers(phone_regions=("US", "DE")),
    PatternRecognizer("STAFF", [r"(a+)+b", r"\d+-\d+"], ["is"], 0.5),
]
LEAK = leaks.PromptLeak(["You are the assistant of a bank and never tell anybody the secret word of the day."])
DENIED = lists.DenyList("words", ["forbidden word", "a b", "\u00d6l", "\u79d8\u5bc6"], [r"(a+)+b"])
VALUES = {"<PERSON_1>": "Ada", "<PERSON_2>": "Bob", "<EMAIL_ADDRESS_1>": "a@b.c"}
KNOWN = masking.Recurrences([("PERSON", "Ada Lovelace"), ("PERSON", "aaa"), ("CARD", "7777")])
KNOWN_PHONE = masking.Recurrences([("PHONE_NUMBER", "+1 415 555 2671")])
CHUNK = 7
INJECTION = shipped_classifier("injection")


def _schema(raw: dict[str, Any]) -> Schema:
    schema = compile_schema(raw)
    assert isinstance(schema, Schema)
    return schema


SCHEMA = _schema({"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": False})


def recognized(text: str) -> list[TextSpan]:
    view = views.privacy_view(text)
    context = Context(view.text, "", view.widths(text))
    spans = [span for one in RECOGNIZERS for span in one.find(context)]
    return resolve_overlaps(without_lookalikes(view.text, spans), is_certain=CERTAIN)


def said_by_fields(text: str) -> None:
    """What a name says, and a label and a table's headings of people at every tenth place."""
    field_kind(text)
    people = [TextSpan(start, start + 5, "PERSON", 0.5, "rampart") for start in range(0, len(text), 10)]
    for label, shown in (("city", text), ("product", text), ("", f"city,product\n{text}")):
        within = [one for one in fields(Context(shown, label)) if one is not None]
        for _ in as_fields_say(people, within, shown):
            pass


def named_people(text: str) -> list[TextSpan]:
    """What is left of a text of which the network takes every word for a name, and every third for a street."""
    words = [
        rampart_spans.ScoredWord(match.start(), match.end(), (0.9, 0.9 if place % 3 == 0 else 0.0, 0.0))
        for place, match in enumerate(re.finditer(r"\S{1,40}", text))
    ]
    return rampart_spans.spans_of(text, words)


def restored_in_pieces(text: str) -> str:
    stream = restoring.Restorer(VALUES).stream()
    return "".join([*map(stream.feed, _cut(text)), stream.flush()])


def checked_in_pieces(text: str) -> None:
    checker = streaming.StreamChecker(SCHEMA)
    for piece in _cut(json.dumps({"a": text})):
        checker.feed(piece)
    checker.flush()


def scanned_in_pieces(text: str) -> None:
    scanner = scanning.Scanner()
    for piece in _cut(json.dumps([text, {text: text}])):
        scanner.feed(piece)


def decoded_in_pieces(text: str) -> None:
    raw = f"data: {json.dumps(text)}\n\ndata: {text}\n\n".encode("utf-8", "replace")
    decoder, blocks = SseDecoder(), SseBlocks()
    for start in range(0, len(raw), CHUNK):
        decoder.feed(raw[start : start + CHUNK])
        blocks.feed(raw[start : start + CHUNK])
    decoder.flush()


def spoken(text: str) -> None:
    said = answers.Spoken()
    for char in text:
        said.added({"type": "response.output_text.delta", "delta": char})
    for _ in text:
        said.added({"type": "response.output_text.annotation.added"})


def viewed(text: str) -> None:
    for dialect in Dialect:
        body: dict[str, Any] = {"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": text}]}
        if dialect is Dialect.RESPONSES:
            body = {"model": "m", "input": text}
        view = request_view(dialect, body)
        view.with_question(text)


def shown_to_guards(text: str) -> None:
    begun = [
        f"{start}{text}{end}" for start in ("", "https://a.b/", "data:image/png;base64,") for end in ("", "\u00e9")
    ]
    source = {"type": "base64", "data": text, "id": text, "url": begun}
    messages = [{"role": "user", "content": [{"type": "image", "source": source}]}]
    assert request_view(Dialect.MESSAGES, {"messages": messages}).texts


def _cut(text: str) -> list[str]:
    return [text[start : start + CHUNK] for start in range(0, len(text), CHUNK)]


LONG = "x" * 2048
MEASURED: dict[str, Callable[[str], object]] = {
    # A link is read to 2,048 characters only, faster than what is searched for links: both sizes have it in full.
    "addresses": lambda text: list(
        addresses.foreign_links(f"{text} http://a.b/{'x' * 2048}{text} [x]({text})", ["a.b"])
    ),
    "hashing": hashing.hashed,
    "fields": said_by_fields,
    "injection pieces": lambda text: injection.pieces_of(text, INJECTION),
    "injection in a page": lambda text: injection.pieces_of(f"<p><p><p>{text}", INJECTION),
    "injection in a mail": lambda text: injection.pieces_of(f"From: a\nTo: b\n{text}", INJECTION),
    "injection in an error": lambda text: injection.pieces_of("    at a (b:1)\n" * 3 + text, INJECTION),
    "injection explained": injection.explained,
    "leaks": lambda text: list(LEAK.find(text)),
    "lists": lambda text: list(DENIED.find(readings.literal_readings(text))),
    "phrases": phrases.phrase_features,
    "phrases named": phrases.phrases_in,
    "readings": readings.readings,
    # What ends otherwise than it began is where a pattern gives back what it took, from each place anew.
    "readings that end otherwise": lambda text: readings.readings(f"{text}g {text}\u00e9"),
    "spotlighting": lambda text: spotlighting.marked(text, "\u02c6"),
    "toxicity": toxicity.toxicity_features,
    "windows": guard_windows.windows,
    "recognizers": recognized,
    "names": named_people,
    "views": views.privacy_view,
    "json tokens": lambda text: list(json_text.tokens(json.dumps([text, {text: 1}]))),
    "json or not": lambda text: json_text.looks_like_json("[" + text + "]"),
    "documents": lambda text: documents.transformed({"messages": [{"content": text}]}, lambda said, _: said),
    "documents with bytes": lambda text: documents.transformed(
        [f"data:{text};base64,{text}", f"data:a/b{text}", f"data:a/b;base64,{LONG}\n{text}"], lambda said, _: said
    ),
    "recurrences": KNOWN.find,
    "recurrences of numbers": lambda text: KNOWN_PHONE.find("1 " * len(text)),
    "placeholders": lambda text: placeholders.literal_numbers(text, ["PERSON"]),
    "restoring": lambda text: restoring.Restorer(VALUES).stream().feed(text),
    "restoring a stream": restored_in_pieces,
    "restoring JSON": lambda text: json_restoring.restore_json(restoring.Restorer(VALUES), json.dumps({"a": text})),
    "restoring a list": lambda text: json_restoring.restore_json(restoring.Restorer(VALUES), f"[{text}", is_json=False),
    "outline": lambda text: outline.outline("{" + text),
    "repair": lambda text: repair.repair('{"a": ' + text),
    "repair behind a string": lambda text: repair.repair(f'{{"a": "b"{text}x}}'),
    "scanning": scanned_in_pieces,
    "checking a stream": checked_in_pieces,
    "events": decoded_in_pieces,
    "request views": viewed,
    "request texts": shown_to_guards,
    "what a stream says": spoken,
}


@pytest.mark.parametrize("name", MEASURED)
def test_ten_times_the_text_takes_at_most_fifteen_times_the_time_in_every_room(name: str) -> None:
    ratios = {kind: time_ratio(MEASURED[name], piece) for kind, piece in HOSTILE.items()}
    assert {kind: ratio for kind, ratio in ratios.items() if ratio > WORST_RATIO} == {}


CREDENTIALS = (
    "password ", "password: ", "key=", "-p ", "-p -p a", "--token ", "mysql -p", "pin ", "pin is ", "code: ",
    "your code is ", "confirmation number ", "recovery codes: 1234 ", "backup\n", "1234-5678-", "seed phrase ",
    "passphrase: abc ", "wifi key ", "ssid ", "openssl x ", "echo abcdef |", "secret create --a b ", "a:b:",
    "/reset-", "?code=a1", "connect(a, ", "aes('a',", "tar -k A1b2C3!d ", "PASS test_a1\n", "\u5bc6\u7801",
    "q: password\n",
)  # fmt: skip
"""What stands before credentials, over and over."""


def test_credentials_are_looked_for_in_linear_time() -> None:
    ratios = {piece: time_ratio(recognized, piece) for piece in CREDENTIALS}
    assert {kind: ratio for kind, ratio in ratios.items() if ratio > WORST_RATIO} == {}
