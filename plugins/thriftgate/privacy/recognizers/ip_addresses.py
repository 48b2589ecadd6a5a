"""IP addresses of both versions that could belong to somebody: not masks, not loopback, not version numbers."""

import ipaddress
import re
from collections.abc import Iterable

from thriftgate.privacy.context import Context
from thriftgate.privacy.spans import TextSpan

_V4 = re.compile(r"(?<![\w.-])\d{1,3}(?:\.\d{1,3}){3}(?![\w]|\.\d)")
_V6 = re.compile(r"(?<![\w:.])[0-9A-Fa-f:]{2,39}(?:%[0-9A-Za-z]{1,16})?(?:(?<=:)\d{1,3}(?:\.\d{1,3}){3})?(?![\w:])")
_V6_V4 = re.compile(r"(?<![\w:.])[0-9A-Fa-f:]{2,30}:\d{1,3}(?:\.\d{1,3}){3}(?![\w:])")
_VERSION_WORDS = re.compile(
    r"(?:\bv|\bver|version|release|rev|build|firmware|section|chapter|clause|§|oid|kapitel|abschnitt|sección)\W{0,3}\Z"
)


class IpAddressRecognizer:
    """IP_ADDRESS."""

    entity_type = "IP_ADDRESS"

    def find(self, context: Context) -> Iterable[TextSpan]:
        """Every address of a machine."""
        for pattern in (_V4, _V6, _V6_V4):
            for match in pattern.finditer(context.text):
                if _is_machine(match[0].split("%")[0]) and not _VERSION_WORDS.search(context.before(match.start(), 16)):
                    yield TextSpan(match.start(), match.end(), self.entity_type, 0.95, "ip_addresses")


def _is_machine(written: str) -> bool:
    if ":" in written and (written.count(":") < 2 or not any(character.isdigit() for character in written)):
        return False
    try:
        address = ipaddress.ip_address(written)
    except ValueError:
        return False
    return not (address.is_loopback or address.is_unspecified or str(address).startswith("255."))
