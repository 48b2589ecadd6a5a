"""IP addresses of both versions that could belong to somebody: not masks, not loopback, not version numbers."""

import ipaddress
import re
from collections.abc import Iterable

from thriftgate.privacy.context import Context
from thriftgate.privacy.scanning import PAUSE, Scan
from thriftgate.privacy.spans import TextSpan

_V4 = re.compile(
    r"(?<![\w.-])\d{1,3}(?:\.\d{1,3}){3}(?![\w]|\.\d|-(?i:SNAPSHOT|RELEASE|alpha|beta|rc|dev|final|GA|hotfix|patch|build|M\d)(?![a-z]))"
)
_LABELLED = r"(?:(?<![\w:.])|(?<=[G-Zg-z]:)|(?<=[G-Zg-z][A-Za-z]{2}:)|(?<=[A-Za-z]{4}:))"
"""`ip:2001:db8::1`: what ends in no hexadecimal digit, or has four letters, is no part of it."""
_V6 = re.compile(
    _LABELLED
    + r"[0-9A-Fa-f:]{1,38}(?:[0-9A-Fa-f]|::)(?:%[0-9A-Za-z]{1,16})?(?:(?<=:)\d{1,3}(?:\.\d{1,3}){3})?(?!\w|:[\w:])"
)
_V6_V4 = re.compile(_LABELLED + r"[0-9A-Fa-f:]{2,30}:\d{1,3}(?:\.\d{1,3}){3}(?![\w:])")
_VERSION_WORDS = re.compile(
    r"(?<![^\W_])(?:v|ver|version|release|rev|firmware|section|chapter|clause|§|oid|kapitel|abschnitt|sección|ec|rfc|table|figure"
    r"|(?P<software>build|kernel|sdk))[ :=/@\"'(#]{0,3}\Z"
)
_SMALL = re.compile(r"\d(?:\.\d{1,2}){3}\Z")
_LARGE_PARTS = re.compile(r"\d{3}")
_UPGRADED = re.compile(r"(?<![^\W_])(?:up|down)grad\w*(?: (?:from|to|von|auf|\d[\d.]*)){1,3} \Z")
_VERSION_AFTER = re.compile(r" (?:versions?|kernel|firmware)(?![^\W_]| \d)")


class IpAddressRecognizer:
    """IP_ADDRESS."""

    entity_type = "IP_ADDRESS"

    def find(self, context: Context) -> Iterable[TextSpan]:
        """Every address of a machine."""
        for pattern in (_V4, _V6, _V6_V4):
            for match in Scan(pattern, context.text):
                if match is None:
                    yield PAUSE
                    continue
                if _is_machine(match[0].split("%")[0]) and not _is_version(context, match):
                    yield TextSpan(match.start(), match.end(), self.entity_type, 0.95, "ip_addresses")


def _is_machine(written: str) -> bool:
    if ":" in written and (written.count(":") < 2 or not any(character.isdigit() for character in written)):
        return False
    try:
        address = ipaddress.ip_address(written)
    except ValueError:
        return False
    return not (address.is_loopback or address.is_unspecified or str(address).startswith("255."))


def _is_version(context: Context, match: re.Match[str]) -> bool:
    """True for what stands behind the word for a version, unless no version is written so.

    Versions have small parts, those of software that also runs at addresses ("our build 10.20.30.41") all the more.
    """
    if _SMALL.match(match[0]) and (
        _UPGRADED.search(context.before(match.start())) or _VERSION_AFTER.match(context.text, match.end())
    ):
        return True
    word = _VERSION_WORDS.search(context.before(match.start(), 16))
    if word is None:
        return False
    return bool(_SMALL.match(match[0])) if word["software"] else len(_LARGE_PARTS.findall(match[0])) < 2
