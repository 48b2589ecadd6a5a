"""Credentials: keys of known shapes (`key_shapes`), private keys, tokens behind a name, passwords in URLs.

A long random text without a name may be a digest or an identifier, so entropy counts only beside a word that says
"credential", or where upper case, lower case and digits are mixed as no identifier is.
"""

import re
from collections.abc import Iterable, Iterator
from functools import cache

from thriftgate.privacy.context import BESIDE, Context
from thriftgate.privacy.recognizers.command_lines import in_commands
from thriftgate.privacy.recognizers.credential_words import (
    COUNTS,
    FEWEST_CHANGES,
    KEYWORD,
    PASSWORD_WORD,
    PLACEHOLDER,
    SHORTEST_KEY,
    SUFFIX,
    TECHNICAL,
    changes,
    entropy,
    is_about,
    is_jumbled,
    is_named,
    is_source,
    is_strong,
    is_value,
    may_name_one,
    names_a_secret,
)
from thriftgate.privacy.recognizers.key_shapes import shaped
from thriftgate.privacy.recognizers.named_places import named_places
from thriftgate.privacy.recognizers.told_codes import is_named_code, told_codes
from thriftgate.privacy.recognizers.told_passwords import told_passwords
from thriftgate.privacy.recognizers.values import url_password_end, value_after
from thriftgate.privacy.scanning import PAUSE, Scan
from thriftgate.privacy.spans import TextSpan

SECRET = "SECRET"
_PEM = re.compile(r"-----BEGIN (?P<kind>[A-Z ]{0,30}PRIVATE KEY(?: BLOCK)?)-----")
_MAX_PEM = 16_000
_LONGEST = 4_500
"""Characters of a token behind its word, or of a header of cookies."""
_LINE = 200
_LONGEST_WORDS = 48
_MOST_CELLS = 1_000
"""Of a table, between two pauses."""
_URL_USER = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{1,30}://[^\s:/\"'<>]{0,128}:(?=[^\s/])")
_BEARER = re.compile(r"(?i:\b(?:bearer|basic|token|apikey))[ :]{1,2}(?P<value>[A-Za-z0-9._~+/=-]{16,4000})")
_ASSIGNED = re.compile(
    rf"(?P<name>{KEYWORD}{SUFFIX})(?: ?#\d{{1,2}}| ?\([^()\n]{{1,24}}\))?"
    r"[\"'`*\])]{0,3}(?:</[a-z]{1,6}>)?[ \t]{0,20}(?:(?:: ?| ?As |(?<= ))(?:string|str|&str)\?? ?(?==))?"
    r"(?P<sign>:=|=>|={2,3}|!==?|\|\|=?|\?\?=?|<-|->|\u2192|= =|=3D(?= )|=|:|"
    r"(?: (?:que|qui|that|che|die|dat|das)(?: [^\W\d_]{1,12}){1,3}?)?"
    r" (?:is|was|lautet|ist|war|es|era|fue|(?:c['\u2019])?est|(?:c['\u2019])?était|é|foi|è)(?::| ))"
    r"(?:\*{1,2}(?= ))?[ \t]{0,3}(?:<[a-z]{1,6}>)?(?=\S)",
    re.IGNORECASE,
)
_NO_CREDENTIALS = (
    r"(?:primary|foreign|cache|sort|partition|public|dedup|idempotency|row|hash|object|lookup|unique"
    r"|composite|routing|group|map|index)"
)
"""Kinds of keys that open nothing."""
_WORDS = re.compile(
    r"(?:secret|token|api[ _-]?key|apikey|passw|pwd|credential|(?<![a-z])(?:o?auth|authorization)(?![\w-])|bearer"
    r"|access[ _-]?key|private[ _-]?key"
    r"|(?:unauthori[sz]ed|invalid|denied|rejected|incorrect|wrong|unknown|expired)[^\n]{0,24}\bkey "
    r"|signing|(?:my|the|mein|your) key\b|(?<![\w-])key is |license key"
    r"|schlüssel|schluessel|clave|clé|chiave|chave|llave|sleutel|jeton"
    rf"|klucz|nyckel|(?<![a-z0-9_])(?!{_NO_CREDENTIALS}[_-])[a-z0-9]{{2,20}}[_-]key(?![a-z]))"
)
_OPAQUE = re.compile(r"(?<![\w+/.-])[A-Za-z0-9+/_.~-]{20,512}={0,2}(?![\w+/])")
_PREFIX = re.compile(r"(?:[a-z][a-z0-9]{1,11}[_-]){1,3}(?=[A-Za-z0-9]{32,}\Z)")
"""What a provider puts before its keys; identifiers that have one too are shorter than this behind it."""
_BESIDE = re.compile(
    rf"(?i)(?<![^\W_])(?:{PASSWORD_WORD}|(?P<key>{KEYWORD}{SUFFIX}))(?P<gap> {{1,40}}|\t)[\"'`(]?"
    r"(?P<value>(?=[^\s\"'`]{0,63}\d)(?=[^\s\"'`]{0,63}[A-Za-z])[^\s\"'`]{6,64})"
)
"""Right behind the word, without a sign: a word of letters and digits (`password hunter22`)."""
_COOKIES = re.compile(
    r"(?i)(?:\b(?:set-)?cookie[\"']?: ?|\bcurl\b[^\n]{0,120}? (?:-b|--cookie)[ =])[\"']?(?P<pairs>[^\r\n]{1,4000})"
)
_COOKIE = re.compile(r"[\w.-]{1,64}=(?P<value>[^;,\s\"']{16,2000})")
_TAGGED = re.compile(
    rf"(?i)<(?:[\w-]{{1,20}}:)?[\w-]{{0,24}}{KEYWORD}{SUFFIX}(?: [^<>]{{0,100}})?>"
    r"(?:<!\[CDATA\[)?(?P<value>[^<>\r\n]{4,512}?)(?:\]\]>)?</"
)
_SAYS_WHAT = re.compile(
    r"[\"'`*)]{0,3}(?: (?:<?<-|a|an|is|was|as|for|ist|als|est|comme|es|como|è|come|é)"
    r"(?: (?:my|the|our|your|a|an|valid|mein|mon|ma|mi|mio|mia|mijn)){0,2} | ?[|;] ?)[\w -]{3,24}"
)
_UUID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\Z")
_WEAK_NAMES = re.compile(r"(?i)pin\Z|token\Z|pass\Z|credentials?\Z|passcode\Z|clave\Z")
_SIGNS = (":=", "=>", "=")
_ASSIGNMENT = re.compile(r"(?P<name>[A-Za-z_][\w-]{1,40})=")
_LETTERS = re.compile(r"[^\W\d_]")

_PASSWORD_SORT = re.compile(rf"(?i)type: ?(?:{PASSWORD_WORD})\Z")
"""`{"type": "password", "value": "…"}`"""
_KEY_SIGN = re.compile(r"(?<![\w-])key[=:] ?[\"']?\Z")
_CAMEL_KEY = re.compile(
    rf"(?<![A-Za-z0-9_])(?!{_NO_CREDENTIALS}Key)[A-Za-z][a-z]{{1,20}}[A-Z]?[a-z]{{0,12}}Key(?![a-z])"
)
_PUBLIC = re.compile(r"(?:AAAAB3NzaC1|AAAAC3NzaC1|AAAAE2VjZHNh)|(?:sha\d{1,3}|h1|md5)-")
"""How public keys of SSH and digests begin."""
_PUBLIC_BLOCK = re.compile(r"-----begin [a-z ]{0,20}(?:public key|certificate(?: request)?)-----\s{0,4}\Z")
_DIGEST_OF = re.compile(
    r"(?<![^\W_])(?:sha-?\d{0,3}|md5|etag|digest|checksum|integrity|fingerprint|hash|h1|kid|nonce|sec-websocket-accept)"
    r"\W{0,5}\Z"
)


class SecretRecognizer:
    """SECRET."""

    entity_type = SECRET

    def find(self, context: Context) -> Iterable[TextSpan]:
        """Every credential."""
        for place in shaped(context.text):
            yield self._span(*place, 1.0) if place is not None else PAUSE
        yield from self._private_keys(context.text)
        for place in url_passwords(context):
            yield self._span(*place, 0.95) if place is not None else PAUSE
        yield from self._behind_schemes(context.text)
        names_one = may_name_one(context.text)
        if names_one:
            yield from self._named(context)
            yield from self._beside_words(context.text)
        for place in in_commands(context.text):
            yield self._span(*place) if place is not None else PAUSE
        yield from self._in_fields(context.text)
        if _is_labelled(context):
            yield self._span(0, len(context.text), 0.9)
        for place in told_codes(context.text):
            yield self._span(*place, 0.8) if place is not None else PAUSE
        for find in (named_places, told_passwords) if names_one else ():
            for place in find(context.text):
                yield self._span(*place, 0.9 if find is named_places else 0.7) if place is not None else PAUSE
        yield from self._in_columns(context)
        yield from self._opaque(context)

    def _span(self, start: int, end: int, score: float) -> TextSpan:
        return TextSpan(start, end, self.entity_type, score, "secrets")

    def _behind_schemes(self, text: str) -> Iterator[TextSpan]:
        """Behind `Bearer`, `Basic` and the like."""
        for match in Scan(_BEARER, text, reach=_LONGEST):
            if match is None:
                yield PAUSE
                continue
            value = match["value"]
            # "token log-probabilities": words have no digits, and no letters in disorder.
            is_random = any(map(str.isdigit, value)) or is_jumbled(value) or len(value) > _LONGEST_WORDS
            if is_random and not PLACEHOLDER.match(value) and entropy(value) > 3:
                yield self._span(match.start("value"), match.end("value"), 0.95)

    def _private_keys(self, text: str) -> Iterator[TextSpan]:
        for match in Scan(_PEM, text):
            if match is None:
                yield PAUSE
                continue
            closing = f"-----END {match['kind']}-----"
            end = text.find(closing, match.end(), match.end() + _MAX_PEM)
            yield self._span(
                match.start(), end + len(closing) if end >= 0 else min(len(text), match.end() + _MAX_PEM), 1.0
            )

    def _named(self, context: Context) -> Iterator[TextSpan]:
        text = context.text
        scan = Scan(_ASSIGNED, text)
        for match in scan:
            if match is None:
                yield PAUSE
                continue
            at = match.end()
            sign = match["sign"].strip()
            is_count = COUNTS.search(text, max(0, match.start() - 24), match.end("name"))
            placeholder = PLACEHOLDER.match(text, at)
            if placeholder is not None:
                at = placeholder.end()
            elif not is_count:
                found = value_after(context, match.span("name"), at, sign)
                value = text[found.start : found.end]
                is_prose = sign not in _SIGNS and (not found.is_quoted or _LETTERS.search(sign) is not None)
                is_weak = _WEAK_NAMES.search(match["name"]) is not None
                written = sum(context.widths[found.start : found.end])
                inner = _ASSIGNMENT.match(value)
                is_other = (
                    (inner is not None and names_a_secret(inner["name"]))
                    or is_about(match["name"], value)
                    or (is_weak and TECHNICAL.match(value))
                    or (not found.is_quoted and is_source(value) and _is_closed(text, found.start, found.end))
                    or (
                        sign == "="
                        and not found.is_quoted
                        and text[found.end : found.end + 1] == ")"
                        and value.isalpha()
                    )
                    or (_LETTERS.search(sign) is not None and value.rstrip("!?.,;:\u2026)").isalpha())
                )
                if not is_other and is_value(value, is_prose=is_prose or is_weak, written=written):
                    yield self._span(found.start, found.end, 0.9)
                    at = found.end
                elif inner is not None and names_a_secret(inner["name"]):
                    at = found.start
                elif "://" not in value and not found.is_quoted:
                    at = max(at, found.end)
            scan.at = at

    def _beside_words(self, text: str) -> Iterator[TextSpan]:
        """Behind a word or an option, without a sign between."""
        for match in Scan(_BESIDE, text):
            if match is None:
                yield PAUSE
                continue
            value = match["value"].rstrip(".,;:!?)" if match["gap"] == " " else ".,;:)")
            # Two blanks or a tab part columns, one parts words.
            is_word = match["key"] is not None and match["gap"] == " "
            is_likely = (
                not is_word or is_strong(value) or (len(value) >= SHORTEST_KEY and changes(value) >= FEWEST_CHANGES)
            )
            if is_likely and len(value) >= 6 and not TECHNICAL.match(value) and is_value(value, is_prose=True):
                yield self._span(match.start("value"), match.start("value") + len(value), 0.7)

    def _in_fields(self, text: str) -> Iterator[TextSpan]:
        """In cookies and tags."""
        for header in Scan(_COOKIES, text, reach=_LONGEST, most=2):
            if header is None:
                yield PAUSE
                continue
            for match in _COOKIE.finditer(text, *header.span("pairs")):
                if entropy(match["value"]) > 3 and not PLACEHOLDER.match(match["value"]):
                    yield self._span(*match.span("value"), 0.85)
        for match in Scan(_TAGGED, text) if "</" in text else ():
            if match is None:
                yield PAUSE
                continue
            if is_value(match["value"].strip(), is_prose=False):
                yield self._span(*match.span("value"), 0.95)

    def _in_columns(self, context: Context) -> Iterator[TextSpan]:
        """The cells of a table under a heading that names a credential."""
        is_secret = cache(names_a_secret)
        for number, (heading, start, end) in enumerate(context.cells(), 1):
            if number % _MOST_CELLS == 0:
                yield PAUSE
            value = context.text[start:end].strip("\"'` *\r")
            if heading and (
                (is_secret(heading) and is_value(value, is_prose=False)) or is_named_code(heading.strip(), value)
            ):
                yield self._span(start, end, 0.85)

    def _opaque(self, context: Context) -> Iterator[TextSpan]:
        scan = Scan(_OPAQUE, context.text)
        for match in scan:
            if match is None:
                yield PAUSE
                continue
            value = match[0].strip("=.-~") or match[0]
            if context.text.endswith(";base64,", 0, match.start()):  # a picture in its address
                continue
            said = _said_after(context, match.end())
            if _UUID.match(value):
                if _WORDS.search(said):  # a key has the form of an identifier only where it is called one
                    yield self._span(*match.span(), 0.8)
                continue
            if not _is_mixed(value) or "/" in value[:1]:
                continue
            before = context.before(match.start())
            if _is_public(value, before):
                scan.at = _end_of_block(context.text, match)
                continue
            is_key = _KEY_SIGN.search(before) is not None and changes(value) >= FEWEST_CHANGES and len(value) >= 32
            named = is_key or _is_called_secret(context, match.start(), before) or _WORDS.search(said)
            is_field = context.text[match.start() - 1 : match.start()] == "="
            bare = value[prefix.end() :] if (prefix := _PREFIX.match(value)) else value
            if (named and entropy(value) >= 3) or (
                not is_field
                and len(bare) >= 32
                and bare.isalnum()
                and entropy(bare) >= 4.3
                and _is_thoroughly_mixed(bare)
            ):
                yield self._span(match.start(), match.start() + len(match[0].rstrip(".")), 0.8 if named else 0.6)


def _is_labelled(context: Context) -> bool:
    """True where the text as a whole is a credential: its key says so, or what stands beside it."""
    name, text = context.label.removesuffix(BESIDE), context.text
    if not name:
        return False
    if _PASSWORD_SORT.match(name):
        return is_named(text, is_prose=False)
    is_likely = is_named if name != context.label else is_value
    is_code = is_named_code(name.removeprefix("type: "), text)
    return is_code or (names_a_secret(name) and is_likely(text, is_prose=False))


def _is_closed(text: str, start: int, end: int) -> bool:
    """True where what a value opened is closed in its line, as in a program."""
    line = text.find("\n", end, end + _LINE)
    rest = text[start : line if line >= 0 else end + _LINE]
    return ("(" not in rest[: end - start] and "[" not in rest[: end - start]) or ")" in rest or "]" in rest


def _is_public(value: str, before: str) -> bool:
    """True for a public key or certificate, and for a digest that is called one."""
    if _PUBLIC.match(value) or _PUBLIC_BLOCK.search(before):
        return True
    return _DIGEST_OF.search(before) is not None and not _WORDS.search(before)


def _end_of_block(text: str, match: re.Match[str]) -> int:
    """Where what is public ends: a certificate has many lines."""
    end = text.find("-----END", match.end(), match.end() + _MAX_PEM) if text[match.end() : match.end() + 1] else -1
    return end if end >= 0 else match.end()


def _is_called_secret(context: Context, start: int, before: str) -> bool:
    if _WORDS.search(before) and not COUNTS.search(before):
        return True
    return _CAMEL_KEY.search(context.text, max(0, start - 48), start) is not None


def _said_after(context: Context, end: int) -> str:
    """What is said of a value right behind it: "… is my API key", "`…` as token"."""
    said = _SAYS_WHAT.match(context.text, end)
    return said[0].lower() if said else ""


def url_passwords(context: Context) -> Iterator[tuple[int, int] | None]:
    """Where the passwords in URLs begin and end, in order; a placeholder is none, and None is a pause."""
    for match in Scan(_URL_USER, context.text) if "://" in context.text else ():
        if match is None:
            yield None
            continue
        end = url_password_end(context, match.end())
        if end is not None and not PLACEHOLDER.match(context.text, match.end(), end):
            yield match.end(), end


def _is_mixed(value: str) -> bool:
    """Letters and digits, and not words joined by one sign, as in a path or an identifier."""
    digits = sum(character.isdigit() for character in value)
    letters = sum(character.isalpha() for character in value)
    parts = re.split(r"[/_.~+=-]", value)
    longest = max(map(len, parts))
    return digits >= 2 and letters >= 2 and longest >= 12


def _is_thoroughly_mixed(value: str) -> bool:
    """Upper case, lower case and digits change places all the time, as they do at random."""
    return changes(value) >= 0.4 * len(value)
