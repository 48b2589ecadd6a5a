r"""Passwords that somebody tells: "the password for the new box is …", "… as my password", on the next line, in a chat.

No sign says where the value is, so it must look like one: letters with digits or signs, and no product or ticket.

Failure behaviour: pure. Linear: every repetition is bounded.
"""

import re
from collections.abc import Iterator

from thriftgate.privacy.recognizers.credential_words import (
    FEWEST_CHANGES,
    KEYWORD,
    PASSWORD_WORD,
    SUFFIX,
    changes,
    is_password,
)
from thriftgate.privacy.scanning import Scan

_OPENING = r"(\"'`\u00ab\u00bb\u201e\u201c"
_WORD = rf"(?:(?:\bclave|{PASSWORD_WORD})|(?:{KEYWORD}){SUFFIX})"
_IS = (
    r"is|was|will be|stays|remains|lautet|ist|war|wird|bleibt|est|sera|reste|es|era|fue|será|sigue siendo|è|sarà|é|foi"
    r"|c['\u2019]est|c['\u2019]était"
    r"|continua|blijft|wordt"
)
_FILL = r"(?: (?!(?:is|and|or|und|oder|et|ou|y|e|o|en|of)\b)[^\W\d_]{1,12}['\u2019]?)"
_GAP = (
    rf"(?:{_FILL}{{0,4}}(?:, (?:it|that|das|es|sie|il|elle|esa|questa|het|ela))?"
    rf" (?:{_IS})(?: (?!not\b|nicht\b)[^\W\d_]{{2,12}}){{0,2}}:?"
    rf"|{_FILL}{{0,3}} ?\((?:[^\W\d_]{{1,12}} ?){{1,2}}\)[:=]?"
    rf"|{_FILL}{{0,3}}(?= ?[{_OPENING}])"
    rf"|{_FILL}{{1,6}} ?(?:=>|->|\u2192|:|,)"
    rf"|{_FILL}{{0,2}} (?:still|now|from|to|noch|jetzt|von|auf|in|en|a|à|naar|para|encore|todavía|ancora|nog|ainda)"
    r"| ?(?:[-\u2013~/|\u2026,;]|\.{2,20})|)"
)
_TOLD = re.compile(
    rf"(?i)(?:(?P<sure>\bclave|{PASSWORD_WORD}){SUFFIX}|{_WORD})[\"'`*\])]{{0,3}}(?P<gap>{_GAP})"
    rf"(?:[ \t]{{1,8}}|(?=[{_OPENING}]))[{_OPENING}\[*]{{0,3}} ?(?P<value>[^\s\"'`\u00ab\u00bb\u201c\u201d]{{6,512}})"
)
_NEXT_LINE = re.compile(
    rf"(?i){_WORD}[\"'*`)\]]{{0,3}}{_FILL}{{0,3}}(?: (?:{_IS}))? ?(?::=|[:=?])?[ |>]{{0,3}}"
    r"(?:\r?\n[> \t-]{0,12}){1,3}[\"'`]?(?P<value>[^\s\"'`]{6,512})[\"'`]?[ \t]{0,8}(?=\r?\n|\Z)"
)
_ASKED = re.compile(rf"(?i){_WORD}[^\n?]{{0,40}}\?[^\n]{{0,24}}\n(?P<turns>[^\n]{{1,160}}(?:\n[^\n]{{1,160}})?)")
_TOKEN = re.compile(r"[^\s\"'`]{6,512}")
_MOST_TOKENS = 9
_AS = re.compile(
    rf"(?i) (?:as|for|als|comme|como|come|para|pour|für|is|ist|est|es|è|é)"
    rf"(?: [^\W\d_]{{1,12}}){{0,3}}? [\w-]{{0,16}}?(?:{_WORD}|log-?in)(?![^\W_])"
)
_BEFORE = 128
_TAG = re.compile(r"</?[a-zA-Z]{1,8} ?/?>")
_LAST_WORD = re.compile(rf"[{_OPENING}]{{0,3}}(?P<value>[^\s{_OPENING}]{{6,512}}?)[\"'`)\u00bb\u201d,]{{0,2}}\Z")
_USER_AND_PASSWORD = re.compile(
    r"(?i)(?:zugangs?daten|anmeldedaten|credentials?|log-?in|identifiants|credenciales|credenziali|inloggegevens|credenciais)"
    r"[^\w\n]{1,3}(?P<user>[^\s/|:,]{2,64})(?: ?[/|:] ?|, )[\"'`]?(?P<value>[^\s\"'`]{6,512})"
)
_SIGNS = ("-", ">", "\u2192", ".", "\u2026", "/", "|", "~", "\u2013", ";", ")")
_LONG = 24
_CLOSING = ".,;:"
_PAIRS = ((")", "("), ("]", "["), ("}", "{"))


def told_passwords(text: str) -> Iterator[tuple[int, int] | None]:
    """Where passwords begin and end; None is a pause."""
    yield from _behind(_TOLD, text)
    if "\n" in text:
        yield from _behind(_NEXT_LINE, text)
        yield from _answered(text)
    yield from _called(text)
    for match in Scan(_USER_AND_PASSWORD, text):
        place = None if match is None else _without_end(text, *match.span("value"))
        yield place if place is not None and is_password(text[slice(*place)]) else None


def _behind(pattern: re.Pattern[str], text: str) -> Iterator[tuple[int, int] | None]:
    """Behind their word."""
    scan = Scan(pattern, text)
    for match in scan:
        if match is None:
            yield None
            continue
        # Behind a sign or in a line of its own a question mark asks nothing.
        is_listed = pattern is _NEXT_LINE or match["gap"][-1:] in _SIGNS
        place = _without_end(text, *match.span("value"), is_listed=is_listed)
        value = text[slice(*place)]
        is_quoted = text[match.start("value") - 1] in "\"'`"
        # Behind a blank alone a key must be one: "the token limit4000".
        is_sure = (
            pattern is _NEXT_LINE
            or is_quoted
            or match["sure"]
            or match["gap"]
            or changes(value) >= FEWEST_CHANGES
            or len(value) >= _LONG
        )
        if is_sure and is_password(value):
            yield place
        else:  # the word for another may be in what was read over
            scan.at = match.start("value")


def _answered(text: str) -> Iterator[tuple[int, int] | None]:
    """In the next turns of a chat, which are short."""
    for question in Scan(_ASKED, text) if "?" in text else ():
        if question is None:
            yield None
            continue
        at = question.start("turns")
        for line in question["turns"].split("\n"):
            tokens = _TOKEN.finditer(text, at, at + len(line)) if len(line.split()) <= _MOST_TOKENS else ()
            for token in tokens:
                place = _without_end(text, *token.span())
                if token[0][-1] not in ":>]" and is_password(text[slice(*place)]):
                    yield place
            at += len(line) + 1


def _called(text: str) -> Iterator[tuple[int, int] | None]:
    """In front of what they are called: "I entered … as my password"."""
    for match in Scan(_AS, text):
        if match is None:
            yield None
            continue
        first = max(0, match.start() - _BEFORE)
        word = _LAST_WORD.search(text, first, match.start())
        if word is not None and (word.start() > first or not first) and is_password(word["value"]):
            yield word.span("value")


def _without_end(text: str, start: int, end: int, *, is_listed: bool = False) -> tuple[int, int]:
    """Without what ends the sentence; a question or exclamation mark inside of one belongs to the value."""
    tag = _TAG.search(text, start, end)
    end = tag.start() if tag else end
    closing = _CLOSING + "".join(mark for mark, pair in _PAIRS if text.find(pair, start, end) < 0)
    if not is_listed and not text[end : end + 2].strip():
        closing += "?"
    kept = text[start:end].removesuffix("**").rstrip(closing)
    return start, start + len(kept)
