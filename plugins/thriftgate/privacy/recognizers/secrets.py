"""Credentials: keys of known shapes (`key_shapes`), private keys, tokens behind a name, passwords in URLs.

A long random text without a name may be a digest or an identifier, so entropy counts only beside a word that says
"credential", or where upper case, lower case and digits are mixed as no identifier is.
"""

import itertools
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache

from thriftgate.privacy.context import BESIDE, Context
from thriftgate.privacy.recognizers.key_shapes import SURELY_HAS, shaped
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
_NAME_AND_VALUE = re.compile(
    r"(?i)\bname[\"']?: ?[\"']?(?P<name>[\w.-]{2,60})[\"']?,?\s{1,40}"
    r"[\"']?value[\"']?: ?[\"']?(?P<value>[^\s\"']{4,512})"
)
"""As Kubernetes lists the variables of a container."""
_VARIABLE = re.compile(
    r"\bvariable\s{1,4}\"(?P<name>[\w-]{2,60})\"\s{0,4}\{[^{}]{0,400}?\bdefault\s{0,20}=\s{0,4}\"(?P<value>[^\s\"]{4,512})\""
)
"""As Terraform declares one."""
_ATTRIBUTES = re.compile(
    r"(?i)<\w[\w:.-]{0,30}(?:\s{1,4}[\w:.-]{1,30}=\"[^\"<>]{0,100}\"){0,2}?\s{1,4}(?:key|name|id)="
    r"\"(?P<name>[\w. -]{2,60})\"\s{1,4}(?:[\w:.-]{1,30}=\"[^\"<>]{0,100}\"\s{1,4})?"
    r"value=\"(?P<value>[^\"<>\s]{4,512})\""
)
"""As settings stand in XML."""
_CALLED = re.compile(
    r"(?i)\b(?:\w{0,30}(?:credentials?|basic_?auth)|log_?in|sign_?in|authenticate|auth ?= ?)\("
    r"[\"'][^\"'\n]{1,64}[\"'],\s{0,4}[\"'](?P<value>[^\s\"']{6,512})[\"']\s{0,4}[,)]"
)
"""A user and a password as arguments."""
_BEARER = re.compile(r"(?i:\b(?:bearer|basic|token|apikey))[ :]{1,2}(?P<value>[A-Za-z0-9._~+/=-]{16,4000})")
_KEYWORD = (
    r"(?:pass(?:word|wd|phrase|code)|(?<![a-z])(?:pass|pin|pw)|pwd|passwort|kennwort|contrase[ñn]a|mot de passe"
    r"|senha|wachtwoord|has[łl]o|secret"
    r"|token|api[ _-]?key|access[ _-]?key|private[ _-]?key|auth[ _-]?key|signing[ _-]?key|encryption[ _-]?key"
    r"|schl(?:ü|ue)ssel|geheimnis|zugangs?daten|jeton|cl[ée] (?:d['\u2019]|de )?(?:la )?(?:api|secr\w{1,4}|acc\w{1,4})"
    r"|clave (?:de )?(?:la )?(?:api|secreta|privada|acceso)"
    r"|(?:chiave|chave|llave)(?: (?:de|da|do|di|d['\u2019]))? ?(?:api|segreta|secreta|privada|acc\w{1,5}|acesso)"
    r"|sleutel|segreto|segredo|klucz|nyckel"
    r"|x-[a-z-]{2,20}-key|master[ _-]?key|account[ _-]?key|credentials?|connection[ _-]?string|license[ _-]?key)"
)
_SUFFIX = r"(?:[_-][a-z0-9]{1,12}|\d{1,3}|(?-i:[A-Z][a-z]{1,12})){0,2}"
_KEYWORD_HINTS = (
    "pass", "pwd", "kennwort", "contrase", "senha", "wachtwoord", "hasło", "haslo", "secret", "token", "key",
    "credential", "connection", "pin", "pw", "schl", "geheim", "zugang", "jeton", "clé", "cle ", "clave", "chiave",
    "chave", "llave", "sleutel", "segret", "segred", "klucz", "nyckel",
)  # fmt: skip
"""One of these is in every keyword: a text without any need not be searched."""
_ASSIGNED = re.compile(
    rf"(?P<name>{_KEYWORD}{_SUFFIX})[\"'`*\])]{{0,3}}(?:</[a-z]{{1,6}}>)? {{0,3}}(?:: ?(?:string|str|&str) (?==))?"
    r"(?P<sign>:=|=>|=|:|"
    r"(?: (?:que|qui|that|che|die|dat|das)(?: [^\W\d_]{1,12}){1,3}?)?"
    r" (?:is|was|lautet|ist|war|es|era|fue|(?:c['\u2019])?est|(?:c['\u2019])?était|é|foi|è)(?::| ))"
    r"(?:\*{1,2}(?= ))? {0,3}(?:<[a-z]{1,6}>)?(?=\S)",
    re.IGNORECASE,
)
_LABEL = re.compile(rf"[A-Za-z0-9_. -]{{0,60}}?{_KEYWORD}{_SUFFIX}", re.IGNORECASE)
_WORDS = re.compile(
    r"(?:secret|token|api[ _-]?key|apikey|passw|pwd|credential|(?<![a-z])(?:o?auth|authorization)(?![\w-])|bearer"
    r"|access[ _-]?key|private[ _-]?key"
    r"|signing|(?:my|the|mein|your) key\b|license key|schlüssel|schluessel|clave|clé|chiave|chave|llave|sleutel|jeton"
    r"|klucz|nyckel|(?<![a-z0-9_])(?!(?:primary|foreign|cache|sort|partition|public|dedup|idempotency|row|hash|object|lookup|unique"
    r"|composite|routing|group|map|index)[_-])[a-z0-9]{2,20}[_-]key(?![a-z]))"
)
_OPAQUE = re.compile(r"(?<![\w+/.-])[A-Za-z0-9+/_.~-]{20,512}={0,2}(?![\w+/])")
_PREFIX = re.compile(r"(?:[a-z][a-z0-9]{1,11}[_-]){1,3}(?=[A-Za-z0-9]{32,}\Z)")
"""What a provider puts before its keys; identifiers that have one too are shorter than this behind it."""
_PASSWORD_WORD = (
    r"(?:pass(?:word|wd|phrase|code)|pwd?|passwort|kennwort|contrase[ñn]a|mot de passe|senha|wachtwoord|has[łl]o)"
)
_BESIDE = re.compile(
    rf"(?i)(?<![^\W_])(?:{_PASSWORD_WORD}|(?P<key>{_KEYWORD}{_SUFFIX}))(?P<gap> {{1,40}}|\t)[\"'`(]?"
    r"(?P<value>(?=[^\s\"'`]{0,63}\d)(?=[^\s\"'`]{0,63}[A-Za-z])[^\s\"'`]{6,64})"
)
"""Right behind the word, without a sign: a word of letters and digits (`password hunter22`)."""
_SHORTEST_KEY, _FEWEST_CHANGES = 12, 5
_OUT_OF_ORDER = re.compile(r"(?<=[A-Z])[a-z](?=[A-Z])|[A-Z]{2,}")
_FEWEST_OUT_OF_ORDER = 3
"""`getXMLHTTPRequestID` has two."""
_TECHNICAL = re.compile(
    r"(?i)(?:sha|md|utf|base|oauth|http|ipv|aes|rsa|bcrypt|argon|pbkdf|wpa|win|top|part|step|min|max|v)-?\d"
    r"|[a-z]{2}-[a-z]{4,9}-\d\Z|\d{1,4}-?[a-z]+\W*\Z"
    r"|(?:office|windows|iphone|ipad|galaxy|pixel|android|macos|ios)-?\d{1,4}\W*\Z"
    r"|(?:inc|chg|req|ritm|prb|s?c?task)\d{5,10}\W*\Z"
)
_FLAG = re.compile(
    rf"(?i)(?<!\S)--?(?:[a-z]{{1,16}}-){{0,4}}(?:{_PASSWORD_WORD}|pass|secret|token|(?:api|access|private|auth)-?key)"
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
    rf"(?i)(?:\bset(?: --?[\w-]{{1,20}}){{0,2}}|#define) {{1,4}}[\w.:/-]{{0,40}}(?:{_KEYWORD}|psk){_SUFFIX}"
    r" {1,8}[\"']?(?P<value>(?!-)[^\s\"']{6,512})"
)
"""As commands that configure take it (`aws configure set`), and C."""
_WIRELESS = re.compile(
    r"(?i)\b(?:ssid|wi-?fi|wlan)\b[^\n]{0,48}?\b(?:key|code|psk|clave|clé|chiave|sleutel|chave)[ :=]{1,3}[\"']?"
    r"(?P<value>[^\s\"']{8,63})"
)
_FETCHES = re.compile(r"\b(?:curl|wget|httpie|https?|xh)\b")
_COOKIES = re.compile(r"(?i)\b(?:set-)?cookie[\"']?: ?[\"']?(?P<pairs>[^\r\n]{1,4000})")
_COOKIE = re.compile(r"[\w.-]{1,64}=(?P<value>[^;,\s\"']{16,2000})")
_TAGGED = re.compile(
    rf"(?i)<(?:[\w-]{{1,20}}:)?[\w-]{{0,24}}{_KEYWORD}{_SUFFIX}(?: [^<>]{{0,100}})?>(?P<value>[^<>\r\n]{{4,512}})</"
)
_PLACEHOLDER = re.compile(
    r"(?i:x{3,}|\*{3,}|\.{3,}|your[_-]|my[_-][a-z_-]{2,40}(?![^\s\"'`,;)])|<[\w .:-]{1,40}>|\$\{[\w.:-]{1,60}\}"
    r"|\{\{[^{}]{1,60}\}\}|%\(\w{1,60}\)|(?:example|changeme|redacted|placeholder|undefined|required|optional)(?!\w*\d)"
    r"|none\b|null\b|true\b|false\b|string\b|os\.environ|process\.env|getenv|env\.)"
)
_SAYS_WHAT = re.compile(
    r"[\"'`*)]{0,3}(?: (?:<?<-|a|an|is|was|as|for|ist|als|est|comme|es|como|è|come|é)"
    r"(?: (?:my|the|our|your|a|an|valid|mein|mon|ma|mi|mio|mia|mijn)){0,2} | ?[|;] ?)[\w -]{3,24}"
)
_UUID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\Z")
_WEAK_NAMES = re.compile(r"(?i)pin\Z|token\Z|pass\Z|credentials?\Z|passcode\Z")
_SIGNS = (":=", "=>", "=")
_MOST_WORDS = 5
_INNER_SIGNS, _END_SIGNS = frozenset("!@#$%^&*+=?|~"), "!?*%()[]{}<>:."
"""Signs in a credential, and those at its ends that a word of a page may have too."""
_MIXED_WORD = re.compile(r"(?=\S*[A-Za-z])(?=\S*\d)\S{3,}")
_COUNTS = re.compile(
    r"(?i)(?:max|min|num|total|prompt|completion|input|output|used|cached|per|count)[_ -]?(?:\w+[_ -])?tokens?"
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
            if not _PLACEHOLDER.match(match["value"]) and _entropy(match["value"]) > 3:
                yield self._span(match.start("value"), match.end("value"), 0.95)
        yield from self._named(context)
        yield from self._beside_words(context.text)
        yield from self._in_commands(context.text)
        yield from self._in_fields(context.text)
        name = context.label.removesuffix(BESIDE)
        is_named = _is_named if name != context.label else _is_value
        if name and _names_a_secret(name) and is_named(context.text, is_prose=False):
            yield self._span(0, len(context.text), 0.9)
        for match in (
            one for pattern in (_NAME_AND_VALUE, _VARIABLE, _ATTRIBUTES) for one in Scan(pattern, context.text)
        ):
            if match is None:
                yield PAUSE
                continue
            if _names_a_secret(match["name"]) and _is_named(match["value"], is_prose=False):
                yield self._span(*match.span("value"), 0.9)
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
        lowered = text.lower() if len(text) <= SURELY_HAS else ""
        if lowered and not any(hint in lowered for hint in _KEYWORD_HINTS):
            return
        scan = Scan(_ASSIGNED, text)
        for match in scan:
            if match is None:
                yield PAUSE
                continue
            at = match.end()
            sign = match["sign"].strip()
            is_count = _COUNTS.search(text, max(0, match.start() - 24), match.end("name"))
            if not is_count and not _PLACEHOLDER.match(text, at):
                found = value_after(context, match.span("name"), at, sign)
                value = text[found.start : found.end]
                is_prose = sign not in _SIGNS and (sign != ":" or not found.is_quoted)
                is_weak = _WEAK_NAMES.search(match["name"]) is not None
                written = sum(context.widths[found.start : found.end])
                if _is_value(value, is_prose=is_prose or is_weak, written=written):
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
            value = match["value"].rstrip(".,;:!?)")
            # Two blanks or a tab part columns, one parts words.
            is_word = match["key"] is not None and match["gap"] == " "
            is_likely = not is_word or (len(value) >= _SHORTEST_KEY and _changes(value) >= _FEWEST_CHANGES)
            if is_likely and len(value) >= 6 and not _TECHNICAL.match(value) and _is_value(value, is_prose=True):
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
                if _is_value(match["value"], is_prose=not is_sure) and not match["value"].isdigit():
                    yield self._span(*match.span("value"), 0.9)
        for match in (one for pattern in (_CALLED, _SET, _WIRELESS) for one in Scan(pattern, text)):
            if match is None:
                yield PAUSE
                continue
            value = match["value"].rstrip(".,;:!?)")
            if _is_named(value, is_prose=True) and not (_PLACEHOLDER.match(value) or _TECHNICAL.match(value)):
                yield self._span(match.start("value"), match.start("value") + len(value), 0.8)

    def _in_fields(self, text: str) -> Iterator[TextSpan]:
        """In cookies and tags."""
        for header in Scan(_COOKIES, text, reach=_LONGEST, most=2):
            if header is None:
                yield PAUSE
                continue
            for match in _COOKIE.finditer(text, *header.span("pairs")):
                if _entropy(match["value"]) > 3 and not _PLACEHOLDER.match(match["value"]):
                    yield self._span(*match.span("value"), 0.85)
        for match in Scan(_TAGGED, text) if "</" in text else ():
            if match is None:
                yield PAUSE
                continue
            if _is_value(match["value"].strip(), is_prose=False):
                yield self._span(*match.span("value"), 0.95)

    def _in_columns(self, context: Context) -> Iterator[TextSpan]:
        """The cells of a table under a heading that names a credential."""
        is_secret = cache(_names_a_secret)
        for number, (heading, start, end) in enumerate(context.cells(), 1):
            if number % _MOST_CELLS == 0:
                yield PAUSE
            if heading and is_secret(heading) and _is_value(context.text[start:end].strip("\"'` *\r"), is_prose=False):
                yield self._span(start, end, 0.85)

    def _opaque(self, context: Context) -> Iterator[TextSpan]:
        for match in Scan(_OPAQUE, context.text):
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
            named = _WORDS.search(context.before(match.start())) or _WORDS.search(said)
            is_field = context.text[match.start() - 1 : match.start()] == "="
            bare = value[prefix.end() :] if (prefix := _PREFIX.match(value)) else value
            if (named and _entropy(value) >= 3.2) or (
                not is_field
                and len(bare) >= 32
                and bare.isalnum()
                and _entropy(bare) >= 4.3
                and _is_thoroughly_mixed(bare)
            ):
                yield self._span(match.start(), match.start() + len(match[0].rstrip(".")), 0.8 if named else 0.6)


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
        if end is not None and not _PLACEHOLDER.match(context.text, match.end(), end):
            yield match.end(), end


def _names_a_secret(label: str) -> bool:
    return bool(_LABEL.fullmatch(label)) and not _COUNTS.search(label)


def _is_value(value: str, *, is_prose: bool, written: int = 0) -> bool:
    """True for what could be a credential; in a sentence a word must have a digit or a sign in it.

    Of several words one must have letters and digits: others are a remark. What is `written` with more characters may
    have something in it that only looks like an escape.
    """
    if len(value) < 4 or len(value) > 512 or _PLACEHOLDER.match(value) or "://" in value or "\n" in value:
        return False
    has_digit = any(character.isdigit() for character in value)
    has_letter = any(character.isalpha() for character in value)
    if " " in value:
        return value.count(" ") < _MOST_WORDS and any(_MIXED_WORD.match(word) for word in value.split())
    if is_prose:
        has_sign = any(character in "!@#$%^&*+=?_|~<>{}[]" for character in value.strip("()[]{}<>"))
        return has_digit or has_sign or _is_jumbled(value)
    return max(len(value), written) >= 6 and (has_digit or has_letter)


def _is_named(value: str, *, is_prose: bool) -> bool:
    """True for what could be a credential beside a name, which also names messages, settings and functions."""
    if not _is_value(value, is_prose=is_prose) or len(value) < 6:
        return False
    has_sign = any(character in _INNER_SIGNS for character in value.strip(_END_SIGNS))
    return any(character.isdigit() for character in value) or has_sign or _is_jumbled(value)


def _is_mixed(value: str) -> bool:
    """Letters and digits, and not words joined by one sign, as in a path or an identifier."""
    digits = sum(character.isdigit() for character in value)
    letters = sum(character.isalpha() for character in value)
    parts = re.split(r"[/_.~+=-]", value)
    longest = max(map(len, parts))
    return digits >= 2 and letters >= 2 and longest >= 12


def _is_thoroughly_mixed(value: str) -> bool:
    """Upper case, lower case and digits change places all the time, as they do at random."""
    return _changes(value) >= 0.4 * len(value)


def _is_jumbled(value: str) -> bool:
    """Letters alone, upper and lower case in no order: a random key that by chance has no digit, and no identifier."""
    is_long = len(value) >= _SHORTEST_KEY and value.isascii() and value.isalpha()
    return is_long and len(_OUT_OF_ORDER.findall(value)) >= _FEWEST_OUT_OF_ORDER


def _changes(value: str) -> int:
    """How often upper case, lower case and digits change places; 0 where one of them is missing."""
    kinds = ["d" if character.isdigit() else "u" if character.isupper() else "l" for character in value]
    return sum(first != second for first, second in itertools.pairwise(kinds)) if len(set(kinds)) == 3 else 0


def _entropy(value: str) -> float:
    """Bits per character by the value's own frequencies."""
    return -sum(count / len(value) * math.log2(count / len(value)) for count in Counter(value).values())
