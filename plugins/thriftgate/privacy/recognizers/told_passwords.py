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
    PLACEHOLDER,
    SCRIPT_WORD,
    SUFFIX,
    WORLD_WORD,
    changes,
    is_password,
    is_strong,
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
    r"| ?(?:[-\u2013~/|,;?]|[.\u2026]{2,20}|\u2026)|)"
)
_TOLD = re.compile(
    rf"(?i)(?:(?P<sure>\bclave|{PASSWORD_WORD}){SUFFIX}|{_WORD})[\"'`*\])]{{0,3}}(?P<gap>{_GAP})"
    rf"(?:[ \t]{{1,8}}|(?=[{_OPENING}]))[{_OPENING}\[*]{{0,3}} ?(?P<value>[^\s\"'`\u00ab\u00bb\u201c\u201d]{{6,512}})"
)
_WORLD = re.compile(
    rf"(?i)(?:{WORLD_WORD})[\"'`*\])]{{0,3}}(?P<gap>{_FILL}{{0,3}}?(?: (?:är|er|on|je|jest|este|to"
    rf"|[\u2013\u2014-]))?:?) {{1,3}}"
    rf"[{_OPENING}]{{0,2}}(?=[^\s]{{0,63}}[\d!@#$%^&*+=?_|~])(?P<value>[^\s\"'`\u00ab\u00bb\u201c\u201d]{{6,512}})"
)
"""In languages that have no word of their own between, or another."""
_SCRIPT = re.compile(
    rf"(?:{SCRIPT_WORD})[^\x00-\x7f\n]{{0,16}}[ :=]{{0,3}}[\"'\u300c\u300e]?(?P<value>[!-~]{{6,128}}?)(?=[,.]?(?:"
    rf"[^!-~]|\Z)|[,.](?![!-~]))"
)
_SPOKEN = re.compile(
    rf"(?i)(?<![^\W_])(?:{PASSWORD_WORD}|(?:log(?:ged|ging)?|sign(?:ed|ing)?) ?in with"
    r"|(?:logge|melde) mich mit|me connecte avec)"
)
_LIST = re.compile(
    rf"(?i)(?:{PASSWORD_WORD}|log-?ins?|cred(?:ential)?s|zugangs?daten|contraseñas"
    rf"|mots de passe)[^\n:]{{0,20}}:[ \t]{{0,4}}\r?\n"
    r"(?P<rows>(?:[ \t]{0,8}[-*\u2022] ?[^\n:=]{1,30}[:=] ?[^\s]{6,64}[ \t]{0,4}(?:\r?\n|\Z)){1,12})"
)
_ROW = re.compile(r"[:=] ?(?P<value>[^\s:=]{6,64})[ \t]{0,4}(?=\r?\n|\Z)")
_AROUND = 160
"""Characters before and behind the word in which a password that nothing points at is looked for."""
_CUE = re.compile(
    r"(?i)\b(?:typ(?:ed?|ing)|enter(?:ed)?|us(?:e[ds]?|ing)|tr(?:y|ied)|put|cho(?:o?se)|pick(?:ed)?|gave|like|reset|chang(?:ed?|ing)|set|eingegeben"
    r"|verwende|benutze|nutze|nehme|probier\w{0,3}|versuch\w{0,3}|tippe|utilise|tapé|mis|essayé|saisi|uso|usado|puse|prob[éo]|escribí|puesto"
    r"|messo|provato|inserito|gebruik|probeer\w{0,3}|usei|tentei|coloquei|skrev|använder|bruger|brukte|in with"
    r"|mich mit|connecte avec"
    r"|old|new|altes?|neues?|ancien|nouveau|viej[ao]|nuev[ao]|vecchia|nuova|oude?|nieuwe?|antiga|nova"
    r"|it['\u2019]?s|evtl\.?|maybe|perhaps|vielleicht|peut-être|quizás|forse"
    r"|(?:neue?s?|new one|nouveau|nueva|nuova|nova|other|andere?s?|old one|alte?s?) (?:is|was|ist|war|est|es|era|è|é))"
    r"(?: (?:it|them|es|le|la|lo|het))?(?: (?:from|von|de|da|van|fra|från) [^\s]{1,40})?(?: (?:it|them|back|to|till?"
    r"|as|in|with|auf|zu|en|a|por|immer|toujours|siempre|sempre|altijd)){0,3}[ :(]{1,2}[\"'\u201e\u00ab]?\Z"
)
_ASSIGNMENT = re.compile(r"(?:[a-z_]{3,24}|[A-Z_]{3,24}|[A-Z][a-z]{2,16})[=:]|.{0,80};[A-Za-z ]{2,24}=")
_QUOTES = frozenset("\"'`\u00ab\u00bb\u201e\u201c\u201d")
_CUE_REACH = 80
_NAMES_ANOTHER = re.compile(
    r"(?i)(?:user(?:[ _-]?name)?|log-?in|account|konto|benutzer(?:name)?|usuario|utente|utilisateur|compte|gebruiker"
    r"|id|ticket|order|version|model"
    r"|error|code|for|für|pour|para|per|voor|on|at|file|host|server|box)[ :=#\"'`(]{1,4}\Z"
)
_NEXT_LINE = re.compile(
    rf"(?i){_WORD}[\"'*`)\]]{{0,3}}{_FILL}{{0,3}}(?: (?:{_IS}))? ?(?::=|[:=?])?[ |>]{{0,3}}"
    r"(?:\r?\n[> \t-]{0,12}){1,3}[\"'`]?(?P<value>[^\s\"'`]{6,512})[\"'`]?[ \t]{0,8}(?=\r?\n|\Z)"
)
_BELOW = re.compile(
    rf"(?i)(?:{PASSWORD_WORD})[^\n]{{0,60}}\r?\n[^\s]{{1,80}}\r?\n(?P<value>[^\s\"'`]{{8,64}})(?=\r?\n|\Z)"
)
"""Two lines below, behind a user's name."""
_ASKED = re.compile(
    rf"(?i)(?:{_WORD}[^\n?]{{0,40}}\?|\b(?:what|which|send|give|tell|enter|type|wie|quel|cuál|qual|wat|q|question|frage|pregunta|domanda)\b[^\n?]{{0,40}}{_WORD})[^\n]{{0,24}}\n(?P<turns>[^\n]{{1,160}}(?:\n[^\n]{{1,160}})?)"
)
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
    r"(?i)(?:zugangs?daten|anmeldedaten|cred(?:ential)?s?|log-?in(?:s|daten)?|identifiants|credenciales|credenziali|inloggegevens|credenciais)"
    r"(?: [^\W\d_]{1,10}){0,4}[^\w\n]{1,3}(?P<user>[^\s/|:,]{2,64})(?: ?[/|:] ?|, "
    r"| (?=[^\s]{0,40}\d))[\"'`]?(?P<value>[^\s\"'`]{6,512})"
)
_SIGNS = ("-", ">", "\u2192", ".", "\u2026", "/", "|", "~", "\u2013", ";", ")")
_LONG = 24
_CLOSING = ".,;:"
_PAIRS = ((")", "("), ("]", "["), ("}", "{"))


def told_passwords(text: str) -> Iterator[tuple[int, int] | None]:
    """Where passwords begin and end; None is a pause."""
    yield from _behind(_TOLD, text)
    yield from _behind(_WORLD, text)
    yield from _behind(_SCRIPT, text)
    yield from _spoken_of(text)
    if "\n" in text:
        yield from _behind(_NEXT_LINE, text)
        yield from _answered(text)
        for match in Scan(_LIST, text, reach=1_600):
            for row in _ROW.finditer(text, *match.span("rows")) if match is not None else ():
                if is_password(row["value"]):
                    yield row.span("value")
            yield None
        for match in Scan(_BELOW, text):
            yield None if match is None or not is_strong(match["value"]) else match.span("value")
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
        is_listed = pattern in (_NEXT_LINE, _SCRIPT) or match["gap"][-1:] in _SIGNS
        place = _without_end(text, *match.span("value"), is_listed=is_listed)
        value = text[slice(*place)]
        is_quoted = text[match.start("value") - 1] in "\"'`"
        # Behind a blank alone a key must be one: "the token limit4000".
        is_sure = (
            pattern is not _TOLD
            or is_quoted
            or match["sure"]
            or match["gap"]
            or is_strong(value)
            or changes(value) >= FEWEST_CHANGES
            or len(value) >= _LONG
        )
        if is_sure and is_password(value):
            yield place
        else:  # the word for another may be in what was read over
            scan.at = match.start("value")


def _spoken_of(text: str) -> Iterator[tuple[int, int] | None]:
    """In a line that speaks of a password: what can be nothing else, or what somebody typed, tried or set."""
    scan, read = Scan(_SPOKEN, text), 0
    for word in scan:
        if word is None:
            yield None
            continue
        first = max(read, word.start() - _AROUND, text.rfind("\n", max(0, word.start() - _AROUND), word.start()) + 1)
        last = text.find("\n", word.end(), word.end() + _AROUND)
        last = last if last >= 0 else min(len(text), word.end() + _AROUND)
        for token in _TOKEN.finditer(text, first, last):
            place = _without_end(text, *token.span())
            value = text[slice(*place)].strip("()[]{}<>,;")
            if _ASSIGNMENT.match(value) or PLACEHOLDER.match(token[0]):
                continue
            start = text.find(value, place[0]) if value else place[0]
            cue = text[max(0, start - _CUE_REACH) : start]
            is_quoted = text[max(0, start - 1) : start] in _QUOTES and text[start + len(value) :][:1] in _QUOTES
            is_told = is_quoted or _CUE.search(cue) is not None
            is_one = is_strong(value) or (is_told and is_password(value))
            if (
                is_one
                and (token.end() < last or last == len(text) or text[last] == "\n")
                and not _NAMES_ANOTHER.search(cue)
            ):
                yield start, start + len(value)
        read = scan.at = max(scan.at, last)


def _answered(text: str) -> Iterator[tuple[int, int] | None]:
    """In the next turns of a chat, which are short."""
    for question in Scan(_ASKED, text):
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
