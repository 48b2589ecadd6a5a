"""IBANs in any case and grouping: the country's length, and a remainder of 1 modulo 97 (ISO 13616, ISO 7064)."""

import re
from collections.abc import Iterable, Mapping

from thriftgate.privacy.context import Context
from thriftgate.privacy.scanning import PAUSE, Scan
from thriftgate.privacy.spans import TextSpan

_HEAD = re.compile(
    r"(?:(?<![A-Za-z0-9])|(?<=iban)|(?<=IBAN)|(?<=\?\d\d))[A-Za-z]{2}[ .-]?\s?[0-9][ .-]?[0-9](?=[ .-]?\s?[A-Za-z0-9])"
)
_MAX_SEPARATORS = 20
_USUAL_SEPARATORS = 12
"""With more of them, as of groups of two, most signs must be digits: words of two letters are none."""
_LENGTHS: Mapping[str, int] = {
    country: int(length)
    for length, countries in {
        "15": "NO", "16": "BE", "18": "DK FO FI GL NL SD FK", "19": "MK SI", "20": "AT BA EE KZ LT LU XK MN",
        "21": "CH HR LI LV", "22": "BG BH CR DE GB GE IE ME RS VA", "23": "AE GI IL IQ TL OM SO",
        "24": "AD CZ ES MD PK RO SA SE SK TN VG", "25": "LY PT ST", "26": "IS TR",
        "27": "BI DJ FR GR IT MC MR SM", "28": "AL AZ BY CY DO GT HN HU LB NI PL SV", "29": "BR EG PS QA UA",
        "30": "JO KW MU YE", "31": "MT SC", "32": "LC", "33": "RU",
    }.items()
    for country in countries.split()
}  # fmt: skip


class IbanRecognizer:
    """IBAN_CODE."""

    entity_type = "IBAN_CODE"

    def find(self, context: Context) -> Iterable[TextSpan]:
        """Every IBAN."""
        for head in Scan(_HEAD, context.text):
            if head is None:
                yield PAUSE
                continue
            end = _end_of(context.text, head.start())
            if end is not None:
                yield TextSpan(head.start(), end, self.entity_type, 1.0, "ibans")


def _end_of(text: str, start: int) -> int | None:
    """Where the IBAN that begins here ends; None when it is none."""
    length = _LENGTHS.get(text[start : start + 2].upper())
    if length is None:
        return None
    collected: list[str] = []
    at = start
    separators = breaks = gaps = 0
    while at < len(text) and len(collected) < length:
        character = text[at]
        if character.isascii() and character.isalnum():
            collected.append(character)
            separators = 0
        elif (
            character in " .-"
            and (separators == 0 or character == " " == text[at - 1] != text[at - 2])
            and at - start - len(collected) < _MAX_SEPARATORS
        ):
            gaps += not separators  # two blanks are one
            separators = 1
        elif character == "\n" and not breaks:  # at the end of a line, once
            breaks = separators = 1
        elif character == "\r" and text[at + 1 : at + 2] == "\n":
            pass
        else:
            return None
        at += 1
    if len(collected) < length or (at < len(text) and text[at].isascii() and text[at].isalnum()):
        return None
    if gaps > _USUAL_SEPARATORS and 5 * sum(map(str.isdigit, collected)) < 2 * length:
        return None
    return at if checksum_holds("".join(collected)) else None


def checksum_holds(iban: str) -> bool:
    """True when the IBAN, without separators, leaves 1 modulo 97."""
    moved = (iban[4:] + iban[:4]).upper()
    return int("".join(str(int(character, 36)) for character in moved)) % 97 == 1
