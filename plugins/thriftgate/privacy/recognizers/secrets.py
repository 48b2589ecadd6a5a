"""Credentials: keys of known shapes (`key_shapes`), private keys, tokens behind a name, passwords in URLs.

A long random text without a name may be a digest or an identifier, so entropy counts only beside a word that says
"credential", or where upper case, lower case and digits are mixed as no identifier is.
"""

import re
from collections.abc import Iterable, Iterator
from functools import cache

from thriftgate.privacy.context import BESIDE, Context
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
    is_named,
    is_value,
    may_name_one,
    names_a_secret,
)
from thriftgate.privacy.recognizers.key_shapes import shaped
from thriftgate.privacy.recognizers.named_places import named_places
from thriftgate.privacy.recognizers.told_passwords import told_passwords
from thriftgate.privacy.recognizers.values import url_password_end, value_after
from thriftgate.privacy.scanning import PAUSE, Scan
from thriftgate.privacy.spans import TextSpan

SECRET = "SECRET"
_PEM = re.compile(r"-----BEGIN (?P<kind>[A-Z ]{0,30}PRIVATE KEY(?: BLOCK)?)-----")
_MAX_PEM = 16_000
_LONGEST = 4_500
"""Characters of a token behind its word, or of a header of cookies."""
_MOST_CELLS = 1_000
"""Of a table, between two pauses."""
_URL_USER = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{1,30}://[^\s:/\"'<>]{0,128}:(?=[^\s/])")
_CALLED = re.compile(
    r"(?i)\b(?:\w{0,30}(?:credentials?|basic_?auth)|log_?in|sign_?in|authenticate|auth ?= ?)\("
    r"[\"'][^\"'\n]{1,64}[\"'],\s{0,4}[\"'](?P<value>[^\s\"']{6,512})[\"']\s{0,4}[,)]"
)
"""A user and a password as arguments."""
_BEARER = re.compile(r"(?i:\b(?:bearer|basic|token|apikey))[ :]{1,2}(?P<value>[A-Za-z0-9._~+/=-]{16,4000})")
_ASSIGNED = re.compile(
    rf"(?P<name>{KEYWORD}{SUFFIX})[\"'`*\])]{{0,3}}(?:</[a-z]{{1,6}}>)?[ \t]{{0,20}}"
    r"(?:(?:: ?| ?As )(?:string|str|&str)\?? (?==))?"
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
_FLAG = re.compile(
    rf"(?i)(?<!\S)--?(?:[a-z]{{1,16}}-){{0,4}}(?:{PASSWORD_WORD}|[a-z]{{0,8}}pass|secret|token|(?:api|access|private|auth)-?key)"
    r"[ =][\"']?(?P<value>(?!-|(?:id|src|source|env|type)=)[^\s\"']{4,512})"
)
_USER_FLAG = re.compile(r"(?<!\S)(?:-u|--user|--proxy-user)[ =]?[\"']?[^\s:\"']{1,64}:(?P<value>[^\s\"']{4,512})")
_GLUED_FLAG = re.compile(
    r"\b(?P<program>mysql\w{0,16}|mariadb|sshpass|(?:docker|podman|nerdctl|buildah|skopeo|oras|registry|auth) login)\b"
    r"(?:(?! &&? | \|\|? |; )[^\n]){0,200}? -p(?P<blank> ?)[\"']?"
    r"(?P<value>(?!\d{1,5}:\d{1,5}(?!\S))[^\s\"'-][^\s\"']{3,511})"
)
"""Two ports are no password; behind a blank mysql takes a database's name, and people a password all the same."""
_SET = re.compile(
    rf"(?i)(?:\bset(?: --?[\w-]{{1,20}}){{0,2}}|#define) {{1,4}}[\w.:/-]{{0,40}}(?:{KEYWORD}|psk){SUFFIX}"
    r" {1,8}[\"']?(?P<value>(?!-)[^\s\"']{6,512})"
)
"""As commands that configure take it (`aws configure set`), and C."""
_WIRELESS = re.compile(
    r"(?i)\b(?:ssid|wi-?fi|wlan)\b[^\n]{0,48}?\b(?:key|code|psk|clave|clé|chiave|sleutel|chave|schl(?:ü|ue)ssel)"
    r"[ :=]{1,3}[\"']?(?P<value>[^\s\"']{8,63})"
)
_WORKS_WITH = re.compile(
    r"\b(?:ldap\w{2,12}\b[^\n|]{0,160}? -w ?|(?:lftp|smb\w{3,8})\b[^\n|]{0,120}? -[uU] ?[^\s,%]{1,64}[,%]"
    r"|\w{0,12}freerdp\b[^\n|]{0,160}? /p(?:ass(?:word)?)?:|htpasswd (?:-\w{1,8} ){1,3}[^\s]{1,80} [^\s]{1,64} "
    r"|net user [^\s/*]{1,64} |redis-cli\b[^\n|]{0,120}? -a |wpa_passphrase [^\s]{1,40} "
    r"|security add-[\w-]{1,30} [^\n|]{0,120}? -w |http-basic\.[\w.-]{1,80} [^\s]{1,64} |\bWIFI:[^\s\"']{0,120}?\bP:)"
    r"[\"']?(?P<value>[^\s\"'-][^\s\"']{3,511})"
)
"""Programs that take a password behind a letter or a name."""
_STORED = re.compile(
    rf"(?i)(?:{KEYWORD}){SUFFIX}[\"']?(?: --?[\w-]{{1,30}}(?:[ =](?!-)[^\s]{{1,60}})?){{0,4}}?"
    r" (?:--(?:value|body|secret-string|data|literal)[ =]|<<< ?)[\"']?(?P<value>[^\s\"']{4,512})"
)
"""As stores of secrets take one."""
_CONNECTED = re.compile(
    r"(?i)\b(?:\w{0,30}connect(?:ion)?|pdo|mysqli)\((?:[^(),\n]{1,80},\s{0,4}){1,2}[\"'](?P<value>[^\s\"']{6,512})[\"']\s{0,4}[,)]"
)
_COMMANDS = {
    _CALLED: ("(",),
    _SET: ("",),
    _WIRELESS: ("",),
    _WORKS_WITH: (
        "ldap", "lftp", "smb", "freerdp", "htpasswd", "net user", "redis-cli", "WIFI:", "wpa_", "security", "http-b",
    ),
    _STORED: (" --", "<<<"),
    _CONNECTED: ("onnect", "PDO(", "mysqli("),
}  # fmt: skip
"""One of these is in what they match."""
_FETCHES = re.compile(r"\b(?:curl|wget|httpie|https?|xh)\b")
_COOKIES = re.compile(r"(?i)\b(?:set-)?cookie[\"']?: ?[\"']?(?P<pairs>[^\r\n]{1,4000})")
_COOKIE = re.compile(r"[\w.-]{1,64}=(?P<value>[^;,\s\"']{16,2000})")
_TAGGED = re.compile(
    rf"(?i)<(?:[\w-]{{1,20}}:)?[\w-]{{0,24}}{KEYWORD}{SUFFIX}(?: [^<>]{{0,100}})?>(?P<value>[^<>\r\n]{{4,512}})</"
)
_SAYS_WHAT = re.compile(
    r"[\"'`*)]{0,3}(?: (?:<?<-|a|an|is|was|as|for|ist|als|est|comme|es|como|è|come|é)"
    r"(?: (?:my|the|our|your|a|an|valid|mein|mon|ma|mi|mio|mia|mijn)){0,2} | ?[|;] ?)[\w -]{3,24}"
)
_UUID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\Z")
_WEAK_NAMES = re.compile(r"(?i)pin\Z|token\Z|pass\Z|credentials?\Z|passcode\Z|clave\Z")
_SIGNS = (":=", "=>", "=")
_LETTERS = re.compile(r"[^\W\d_]")

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
        for match in Scan(_BEARER, context.text, reach=_LONGEST):
            if match is None:
                yield PAUSE
                continue
            if not PLACEHOLDER.match(match["value"]) and entropy(match["value"]) > 3:
                yield self._span(match.start("value"), match.end("value"), 0.95)
        names_one = may_name_one(context.text)
        if names_one:
            yield from self._named(context)
            yield from self._beside_words(context.text)
        yield from self._in_commands(context.text)
        yield from self._in_fields(context.text)
        name = context.label.removesuffix(BESIDE)
        is_likely = is_named if name != context.label else is_value
        if name and names_a_secret(name) and is_likely(context.text, is_prose=False):
            yield self._span(0, len(context.text), 0.9)
        for find in (named_places, told_passwords) if names_one else ():
            for place in find(context.text):
                yield self._span(*place, 0.9 if find is named_places else 0.7) if place is not None else PAUSE
        yield from self._in_columns(context)
        yield from self._opaque(context)

    def _span(self, start: int, end: int, score: float) -> TextSpan:
        return TextSpan(start, end, self.entity_type, score, "secrets")

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
            if not is_count and not PLACEHOLDER.match(text, at):
                found = value_after(context, match.span("name"), at, sign)
                value = text[found.start : found.end]
                is_prose = sign not in _SIGNS and (not found.is_quoted or _LETTERS.search(sign) is not None)
                is_weak = _WEAK_NAMES.search(match["name"]) is not None
                written = sum(context.widths[found.start : found.end])
                is_other = is_about(match["name"], value) or (is_weak and TECHNICAL.match(value))
                if not is_other and is_value(value, is_prose=is_prose or is_weak, written=written):
                    yield self._span(found.start, found.end, 0.9)
                    at = found.end
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
            is_likely = not is_word or (len(value) >= SHORTEST_KEY and changes(value) >= FEWEST_CHANGES)
            if is_likely and len(value) >= 6 and not TECHNICAL.match(value) and is_value(value, is_prose=True):
                yield self._span(match.start("value"), match.start("value") + len(value), 0.7)

    def _in_commands(self, text: str) -> Iterator[TextSpan]:
        """Options, arguments and settings."""
        for pattern in (_FLAG, _USER_FLAG, _GLUED_FLAG) if "-" in text else ():
            for match in Scan(pattern, text):
                if match is None:
                    yield PAUSE
                    continue
                line = text[max(0, match.start() - 200) : match.start()].rsplit("\n", 1)[-1]
                if pattern is _GLUED_FLAG:
                    is_sure = not match["blank"] or match["program"].endswith(("sshpass", "login"))
                else:
                    is_sure = pattern is _USER_FLAG and _FETCHES.search(line) is not None
                if is_value(match["value"], is_prose=not is_sure) and not match["value"].isdigit():
                    yield self._span(*match.span("value"), 0.9)
        for pattern, hints in _COMMANDS.items():
            for match in Scan(pattern, text) if any(hint in text for hint in hints) else ():
                if match is None:
                    yield PAUSE
                    continue
                value = match["value"].rstrip(".,;:!?)" if pattern is _WIRELESS else ".,;:)")
                if is_named(value, is_prose=True) and not (PLACEHOLDER.match(value) or TECHNICAL.match(value)):
                    yield self._span(match.start("value"), match.start("value") + len(value), 0.8)

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
            if heading and is_secret(heading) and is_value(context.text[start:end].strip("\"'` *\r"), is_prose=False):
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
            named = _is_called_secret(context, match.start(), before) or _WORDS.search(said)
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
