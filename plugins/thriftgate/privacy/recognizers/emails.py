"""E-mail addresses, also in URLs, code and the spellings that are meant to hide them from harvesters."""

import re
from collections.abc import Iterable

from thriftgate.privacy.context import Context
from thriftgate.privacy.recognizers.secrets import url_passwords
from thriftgate.privacy.scanning import PAUSE, Scan
from thriftgate.privacy.spans import TextSpan

_AT = re.compile(r"@|(?<=[\w]) {0,2}[\[({] {0,2}(?i:at) {0,2}[\])}] {0,2}(?=[\w])")
_LOCAL = re.compile(r"[\w.!#$'*+^`{}~-]{1,64}\Z")
_DOT = r"(?:\.| {0,2}[\[({] {0,2}(?i:dot) {0,2}[\])}] {0,2})"
_DOMAIN = re.compile(
    rf"[\w-]{{1,63}}(?:{_DOT}[\w-]{{1,63}}){{0,6}}{_DOT}[^\W\d_][\w-]{{1,62}}|\[[0-9A-Fa-f.:]{{7,45}}\]"
)
_LONGEST_DOMAIN = 255
_ODD_BEFORE = re.compile(
    r"(?<![^\s\"'<>(\[{,;:|=`*])(?:[\w.-]{1,40}\+[\w.+-]{0,30}=|[\w-]{1,20}/|[\w.-]{1,40}&(?![A-Za-z]{2,6};)"
    r"|[\w.+-]{1,40}%(?![0-9A-Fa-f]{2}))\Z"
)
"""The rest of a name with a sign in it that URLs part fields with: `a+tag=1@`, `q/a@`, `mary&joe@`, `a%b@`."""
_PICTURE = re.compile(r"[23]x\.(?:png|jpe?g|gif|webp|svg)\Z", re.IGNORECASE)
_SERVICE_ACCOUNTS = frozenset({"git"})
"""`git@github.com` names a protocol's user, not a person."""
_LEADING = "'`*{}~.#$!^"
_TRAILING = "-_"


class EmailRecognizer:
    """EMAIL_ADDRESS."""

    entity_type = "EMAIL_ADDRESS"

    def find(self, context: Context) -> Iterable[TextSpan]:
        """Every address with a domain that could exist."""
        text = context.text
        passwords, reach = list[tuple[int, int]](), -1
        for place in url_passwords(context):
            if place is None:
                yield PAUSE
            else:
                passwords.append(place)
        passwords.reverse()
        for sign in Scan(_AT, text):
            if sign is None:
                yield PAUSE
                continue
            while passwords and passwords[-1][0] <= sign.start():
                reach = max(reach, passwords.pop()[1])
            if sign.start() <= reach:  # in a URL's password or right behind it, which is found as a credential
                continue
            local = _LOCAL.search(text[max(0, sign.start() - 64) : sign.start()])
            domain = _DOMAIN.match(text, sign.end(), min(len(text), sign.end() + _LONGEST_DOMAIN))
            if local is None or domain is None:
                continue
            name = local[0].lstrip(_LEADING)
            if "}" in name:  # a brace that it closes is its own
                name = local[0][local[0].find("{") :] if "{" in local[0] else name
            end = domain.end() - (len(domain[0]) - len(domain[0].rstrip(_TRAILING)))
            if not name or name in _SERVICE_ACCOUNTS or _PICTURE.match(domain[0]):
                continue
            start = sign.start() - len(name)
            odd = _ODD_BEFORE.search(text, max(0, start - 80), start)
            yield TextSpan(odd.start() if odd else start, end, self.entity_type, 1.0, "emails")
