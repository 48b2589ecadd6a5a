"""Masked, answered with the placeholders in another order and slightly changed, cut anywhere, restored: is it exact?"""

import json
import random

from thriftgate.privacy.json_restoring import StreamJsonRestorer
from thriftgate.privacy.pseudonyms import Pseudonyms
from thriftgate.privacy.restoring import Restorer, StreamRestorer

_VALUES = (
    "Alice",
    "Bob Stone",
    "ALICE",
    "Zoë",
    'O"Hara',
    "a\\b",
    "x@y.zz",
    "4111 1111 1111 1111",
    "+49 171 1",
    "line\nbreak",
    "<PERSON_1>",
    "PERSON_2",
    "$1 \\1 (.*)+",
    '{"a": ["b"]}',
    "\U0001f469\u200d\U0001f680 Ada",
    "\u05d3\u05d5\u05d3 \u05db\u05d4\u05df",
    "e\u0301ric",
    "\\u003c",
    "&lt;b&gt;",
    "%3C",
)
_KINDS = ("PERSON", "EMAIL_ADDRESS", "CREDIT_CARD", "SECRET")
_WORDS = (
    "Dear ",
    ", your boss is ",
    " & ",
    " < ",
    "\n",
    "{",
    "}",
    " PERSON ",
    "<PERSON_999>",
    "<PERSONA_77>",
    "<email_55>",
    "[PERSON_1x]",
    "\U0001f600",
    "\u202b",
    " 1",
    "é",
    "<",
    "_",
    "%",
    "\\",
    "",
)


def restoration_failures(count: int, draw: random.Random) -> int:
    """How many of `count` made-up answers do not come back exactly, as text and as JSON."""
    return sum(not _is_exact(draw) for _ in range(count))


def _is_exact(draw: random.Random) -> bool:
    state = Pseudonyms()
    pairs = [(draw.choice(_KINDS), value) for value in draw.sample(_VALUES, draw.randrange(1, 6))]
    placeholders = [(state.placeholder_for(kind, value), value) for kind, value in pairs]
    said, expected = "", ""
    for _ in range(draw.randrange(1, 12)):
        word = draw.choice(_WORDS)
        placeholder, value = draw.choice(placeholders)
        # A space keeps a made-up word from joining what follows into another placeholder.
        said += f"{word} {_changed(draw, placeholder)} "
        expected += f"{word} {value} "
    restorer = Restorer(state.values())
    if _streamed(StreamRestorer(restorer), said, draw) != expected:
        return False
    arguments = json.dumps({"to": said, "again": [said]})
    restored = json.loads(_streamed(StreamJsonRestorer(restorer), arguments, draw))
    return restored == {"to": expected, "again": [expected]}


def _changed(draw: random.Random, placeholder: str) -> str:
    return draw.choice([
        placeholder, placeholder, placeholder, placeholder.lower(), placeholder.replace("_", " "),
        placeholder.replace("<", "&lt;").replace(">", "&gt;"), placeholder.replace("<", "< "), placeholder.title(),
        placeholder.replace("_", "\n_"), placeholder.replace("_", "_\n"), placeholder.replace("<", "<\n"),
        placeholder.replace("<", "\\u003c").replace(">", "\\u003e"), placeholder.replace("_", "\\_"),
        placeholder.replace("<", "%3C").replace(">", "%3E"), placeholder.replace("<", "%253c").replace(">", "%253e"),
        placeholder.replace("<", "&amp;lt;").replace(">", "&amp;gt;"), placeholder.replace("_", "\u00a0"),
        placeholder.replace("<", "\uff1c").replace(">", "\uff1e"), placeholder.replace("PERSON", "PERSONNE"),
        placeholder.replace("EMAIL_ADDRESS", "EMAIL"), placeholder.replace("CREDIT_CARD", "Kreditkarte"),
        placeholder.replace("SECRET", "secreto"), placeholder.replace("<", "\\<").replace(">", "\\>"),
    ])  # fmt: skip


def _streamed(stream: StreamRestorer | StreamJsonRestorer, text: str, draw: random.Random) -> str:
    out, at = "", 0
    while at < len(text):
        size = draw.choice([1, 1, 2, 3, 7, 30])
        out += stream.feed(text[at : at + size])
        if stream.held > 64:
            return ""
        at += size
    return out + stream.flush()
