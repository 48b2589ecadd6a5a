r"""Credentials that programs are given: options, arguments, calls.

Failure behaviour: pure. Linear: every repetition is bounded.
"""

import re
from collections.abc import Iterator

from thriftgate.privacy.recognizers.credential_words import (
    KEYWORD,
    PASSWORD_WORD,
    PLACEHOLDER,
    SUFFIX,
    TECHNICAL,
    is_named,
    is_strong,
    is_value,
)
from thriftgate.privacy.scanning import Scan

_CALLED = re.compile(
    r"(?i)\b(?:\w{0,30}(?:credentials?|basic_?auth)|wifi\.begin|log_?in|sign_?in|authenticate|auth ?= ?)\("
    r"[\"'][^\"'\n]{1,64}[\"'],\s{0,4}[\"'](?P<value>[^\s\"']{6,512})[\"']\s{0,4}[,)]"
)
"""A user and a password as arguments."""
_FLAG = re.compile(
    rf"(?i)(?<!\S)--?(?:[a-z]{{1,16}}-){{0,4}}(?:{PASSWORD_WORD}|[a-z]{{0,8}}pass|secret|token|(?:api|access|private|auth)-?key)"
    r"[ =][\"']?(?P<value>(?!-|(?:id|src|source|env|type)=)[^\s\"']{4,512})"
)
_USER_FLAG = re.compile(
    r"(?<!\S)(?:-u|--user|--proxy-user|-a|--auth)[ =]?[\"']?[^\s:\"']{1,64}:(?P<value>[^\s\"']{4,512})"
)
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
    r"(?i)\b(?:(?:ssid|wi-?fi|wlan)\b[^\n]{0,48}?\b(?:key|code|psk|clave|clé|chiave|sleutel|chave|schl(?:ü|ue)ssel)"
    r"|(?:code|clé|clave|chiave|código|codice) (?:du |de la |del |da )?(?:wi-?fi|wlan))"
    r"[ :=]{1,3}[\"']?(?P<value>[^\s\"']{8,63})"
)
_WORKS_WITH = re.compile(
    r"\b(?:ldap\w{2,12}\b[^\n|]{0,160}? -w ?|(?:lftp|smb\w{3,8})\b[^\n|]{0,120}? -[uU] ?[^\s,%]{1,64}[,%]"
    r"|\w{0,12}freerdp\b[^\n|]{0,160}? /p(?:ass(?:word)?)?:|htpasswd (?:-\w{1,8} ){1,3}[^\s]{1,80} [^\s]{1,64} "
    r"|net user [^\s/*]{1,64} |redis-cli\b[^\n|]{0,120}? -a |wpa_passphrase [^\s]{1,40} "
    r"|security add-[\w-]{1,30} [^\n|]{0,120}? -w |http-basic\.[\w.-]{1,80} [^\s]{1,64} |\bWIFI:[^\s\"']{0,120}?\bP:"
    r"|openssl \w[^\n|]{0,160}? -(?:k|K|password) |(?:7z[azr]?|7za|rar|unrar)\b[^\n|]{0,160}? -h?p"
    r"|(?:sqlcmd|bcp|osql|isql|tsql)\b[^\n|]{0,160}? -P ?|(?:snowsql|influx|mongosh?|mongodump|pssh|az login|oc login"
    r"|cf login)"
    r"\b[^\n|]{0,160}? -p |ssh-keygen\b[^\n|]{0,160}? -[NP] |qpdf\b[^\n|]{0,120}? --(?:en|de)crypt (?:[^\s]{1,64} )?"
    r"|user(?:add|mod)\b[^\n|]{0,80}? -p "
    r"|(?:kinit|passwd|sudo|su|cryptsetup|smbpasswd)\b[^\n|]{0,80}? <<< ?|-pass(?:in|out|word)? pass:"
    r"| /user:[^\s]{1,64} |\b(?:requirepass|masterauth|snmp-server community|enable (?:secret"
    r"|password)(?: \d)?) )"
    r"[\"']?(?P<value>[^\s\"'-][^\s\"']{3,511})"
)
"""Programs that take a password behind a letter or a name."""
_STORED = re.compile(
    rf"(?i)(?:{KEYWORD}){SUFFIX}[\"']?(?: (?:set|create|put|add"
    rf"|new))?(?: --?[\w-]{{1,30}}(?:[ =](?!-)[^\s]{{1,60}})?){{0,4}}?"
    r" (?:--?(?:value|body|secret-string|data|literal)[ =]|<<< ?)[\"']?(?P<value>[^\s\"']{4,512})"
)
"""As stores of secrets take one."""
_CONNECTED = re.compile(
    r"(?i)\b(?:\w{0,30}connect(?:ion)?|pdo|mysqli|log_?in|sign_?(?:in|up)|authenticate|register)\((?:[^(),\n]{1,80},\s{0,4}){1,2}[\"'](?P<value>[^\s\"']{6,512})[\"']\s{0,4}[,)]"
)
_SURE = re.compile(r"-pass(?:in|out|word)? pass:|ssh-keygen|7z|openssl")
_PIPED = re.compile(
    r"\b(?:echo|printf)(?: -\w{1,3}){0,2} [\"']?(?:[\w.-]{1,32}:)?(?P<value>[^\s\"'|]{6,512})[\"']? {0,2}\|[^"
    r"|\n]{0,60}?"
    r"(?:sudo -S|chpasswd|passwd|--password-stdin|--passphrase-fd|--stdin|cryptsetup|kinit|--with-token|openssl"
    r"|login)\b"
)
"""What another program reads as a password."""
_LINES = re.compile(
    r"(?m)(?:^[ \t>]{0,4}(?:[\w.]{1,6} )?(?:AUTH(?: PLAIN)? |PASS |LOGIN \"?[\w.@-]{1,64}\"? "
    r"|AUTH LOGIN\r?\n[^\s]{2,200}\r?\n)\"?"
    r"|(?<!\S)[\w.*-]{1,80}:(?:\d{2,5}|\*):[\w*.-]{1,64}:[\w*.-]{1,64}:)"
    r"(?P<value>[^\s\"]{6,512})\"?[ \t]{0,4}\r?$"
    r"|(?<![\w/@.])[\w.-]{1,32}:(?P<host>[^\s@\"'/]{6,64})@(?:tcp|unix|udp)\("
)
"""As mail servers and Redis are told one, in a `pgpass`, in Go's address of a database."""
_AT_HOST = re.compile(
    r"(?<![\w/:@.])[\w.-]{1,32}:(?P<value>[^\s@\"':/]{8,64})@[\w.-]{2,80}(?![\w@])"
    r"|(?<![^\s(\"'\[>])(?:[a-z]|[A-Z](?=[a-z]))[a-z._-]{1,24}\d{0,4}(?: [/|] "
    r"|[:/])(?P<bare>[^\s\"':/]{8,64})(?![\w/:])"
)
"""A user and what can only be a password, as `curl`, `scp` and people write them."""
_PATHS = re.compile(
    r"(?i)/[\w-]{0,16}(?:reset|password|verify|confirm|invit\w{1,6}|activat\w{1,3}|magic|login|token|auth|signup|unlock)[\w-]{0,16}/"
    r"(?P<value>(?=[a-z_-]{0,40}\d)[\w-]{20,200}(?:\.[\w-]{10,200}){0,3})"
    r"|[?&#](?:code|key|k|t|ticket|auth|hash|sid|session\w{0,6}|jwt|invit\w{1,6}|otp|magic|verif\w{1,8}|confirm\w{0,6})="
    r"(?P<asked>(?=[a-z_-]{0,40}\d)[\w-]{16,200})"
)
"""Whoever has such a link may do what it says."""
_CRYPTO = re.compile(
    r"(?i)\b\w{0,16}(?:fernet|hmac|aes|cipher|crypt|jwt|securestring|secretkey\w{0,8}|signer)\w{0,12}(?:\.\w{1,20})?"
    r"(?:\((?:(?:[\"'][^\"'\n]{0,40}[\"']|[^()\n\"',]{0,40}),\s{0,3})?(?:new )?[bruN]?"
    r"| (?:-String )?)[\"'](?P<value>[^\s\"']{8,512})[\"']"
)
_SHORT = re.compile(r"(?:(?<!\S)-(?:p|P|pw|k|w|W|a)|<<<) ?[\"']?(?P<value>[^\s\"'-][^\s\"']{7,127})")
"""Options that mean a password in some programs; only what can be nothing else is one."""
_PAGE_OR_FIELD = re.compile(
    r"/[a-z0-9_/{}:<>*-]{1,200}\Z|[#.][a-z][a-z-]{0,60}\d{0,2}\Z"
    r"|[\w.+-]{1,64}@[a-z0-9-]{1,64}(?:\.[a-z0-9-]{1,32}){0,3}\.[a-z]{1,12}\Z"
)
"""What else is an argument: a page's address, a field's, somebody's."""
_TESTED = re.compile(r"test_\w{1,80}\Z|[\w./-]{1,200}\.[a-z]{2,4}\Z")
"""`PASS test_login_v2`, `PASS src/app.test2.ts`, as programs that test write."""
_ALGORITHM = re.compile(
    r"(?i)(?:aes|des|desede|rsa|blowfish|chacha20)/[\w-]{2,12}/[\w-]{2,40}\Z"
    r"|(?:hmac|pbkdf2|aes|rsa|ecdsa)[\w-]{0,8}(?:sha|md|gcm|cbc|ctr)[\w-]{0,12}\Z"
)
_OTHER_OPTION = re.compile(
    r"(?:^|[\s;&|])(?:mkdir|cp|mv|rsync|scp|ssh|tar|ls|git|npm|npx|pnpm|yarn|cargo|pytest|python3?|java|install|patch)\b[^\n;|&]{0,160}\Z"
)
"""Programs to whose `-p`, `-a` or `-w` no password belongs."""
_COMMANDS = {
    _CALLED: ("(",),
    _SET: ("",),
    _WIRELESS: ("",),
    _WORKS_WITH: (
        "ldap", "lftp", "smb", "freerdp", "htpasswd", "net user", "redis-cli", "WIFI:", "wpa_", "security", "http-b",
        "openssl", "7z", "rar ", "sql", "ssh-keygen", "user", " login", "<<<", "mongo", "influx", "pssh", " pass:",
        "/user:", "qpdf", "requirep", "mastera", "communi", "enable ",
    ),
    _PIPED: ("|",),
    _STORED: (" -", "<<<"),
    _CONNECTED: ("onnect", "PDO(", "mysqli(", "og", "ign", "uth", "egister"),
    _LINES: ("",),
    _PATHS: ("/",),
    _CRYPTO: ("(", "ecure"),
}  # fmt: skip
"""One of these is in what they match."""
_SIGNS = frozenset("!@#$%^&*+=?~")
_ACCESS = re.compile(
    r"(?i)(?<![^\W_])(?:router|admin|root|log-?in|log in|ssh|ftp|vpn|account|cred(?:ential)?s?|zugang|konto|user|test"
    r"|demo|netflix)(?![^\W_])"
)
_CHANGE = re.compile(r"(?<=\d)(?=[A-Za-z])|(?<=[A-Za-z])(?=\d)")
_FEWEST_CHANGES = 4
"""Between letters and digits; `how-to-rotate-your-keys-in-2024` has none."""
_SETTING = re.compile(r"[A-Za-z]\w{0,30}=[A-Za-z]{2,30}\Z")
_FETCHES = re.compile(r"\b(?:curl|wget|httpie|https?|xh)\b")


def in_commands(text: str) -> Iterator[tuple[int, int, float] | None]:
    """Where what options, arguments and settings take begins and ends, and how sure that is; None is a pause."""
    for pattern in (_FLAG, _USER_FLAG, _GLUED_FLAG) if "-" in text else ():
        for match in Scan(pattern, text):
            yield None if match is None else _of_option(text, match)
    for pattern in (_SHORT, _AT_HOST) if any(mark in text for mark in ("-", "<<<", ":", "/")) else ():
        for match in Scan(pattern, text):
            yield None if match is None else _without_a_word(text, match)
    for pattern, hints in _COMMANDS.items():
        for match in Scan(pattern, text) if any(hint in text for hint in hints) else ():
            yield None if match is None else _of_program(text, match)


def _of_option(text: str, match: re.Match[str]) -> tuple[int, int, float] | None:
    """What stands behind an option that is named, or that its program gives its meaning."""
    line = text[max(0, match.start() - 200) : match.start()].rsplit("\n", 1)[-1]
    if match.re is _GLUED_FLAG:
        is_sure = not match["blank"] or match["program"].endswith(("sshpass", "login"))
    else:
        is_sure = match.re is _USER_FLAG and _FETCHES.search(line) is not None
    is_one = is_value(match["value"], is_prose=not is_sure) and not match["value"].isdigit()
    return (*match.span("value"), 0.9) if is_one else None


def _without_a_word(text: str, match: re.Match[str]) -> tuple[int, int, float] | None:
    """What nothing names, and what can hardly be anything else."""
    group = match.lastgroup or "value"
    value, start = match[group].rstrip(".,;)"), match.start(group)
    is_one = is_strong(value) and (group != "bare" or _is_access(text, match, value)) and not PLACEHOLDER.match(value)
    is_one = is_one and _SETTING.match(value) is None
    if match.re is _SHORT and _OTHER_OPTION.search(text, max(0, match.start() - 200), match.start()) is not None:
        return None
    return (start, start + len(value), 0.7) if is_one else None


def _of_program(text: str, match: re.Match[str]) -> tuple[int, int, float] | None:
    """What a program takes where nothing but its own rules says so."""
    group = match.lastgroup or "value"
    value, start = match[group], match.start(group)
    if text[start - 1] not in "\"'":
        value = value.rstrip(".,;:!?)" if match.re is _WIRELESS else ",;:)")
    is_sure = match.re is _WORKS_WITH and _SURE.search(match[0]) is not None
    is_one = is_value(value, is_prose=False) if is_sure else is_named(value, is_prose=True)
    is_one = is_one and not (PLACEHOLDER.match(value) or TECHNICAL.match(value))
    if match.re is _CONNECTED and _PAGE_OR_FIELD.match(value):
        return None
    if (match.re is _LINES and _TESTED.match(value)) or (match.re is _CRYPTO and _ALGORITHM.match(value)):
        return None
    if match.re is _PATHS and len(_CHANGE.findall(value)) < _FEWEST_CHANGES:
        return None
    return (start, start + len(value), 0.8) if is_one else None


def _is_access(text: str, match: re.Match[str], value: str) -> bool:
    """True where a user and what follows can be no path: it has a sign, or somebody speaks of logging in."""
    near = text[max(0, match.start() - 40) : match.start("bare")]
    return not _SIGNS.isdisjoint(value) or ("/" + value not in near and _ACCESS.search(near) is not None)
