"""US social security and taxpayer numbers: 3-2-4 digits within the ranges that are given out, or 9 after their name.

Source of the ranges: US Social Security Administration, randomization of 2011; IRS for 9xx (ITIN).
"""

import re
from collections.abc import Iterable

from thriftgate.privacy.context import Context
from thriftgate.privacy.scanning import PAUSE, Scan
from thriftgate.privacy.spans import TextSpan

_GROUPED = re.compile(r"(?<![\d-])(\d{3})([- .])(\d{2})\2(\d{4})(?![\d]|-\d)")
_PLAIN = re.compile(r"(?<![\d.-])(\d{3})()(\d{2})(\d{4})(?![\d]|[.-]\d)")
_FAR = 120
"""Characters before a number in which it is named: a question may stand between, or a definition's other lines."""
_WORDS = re.compile(
    r"(?:\b|_|\bset)(?:ssn|ss#|ss no|soc(?:ial)?[ _-]?sec\w*|social|itin|tin\b|tax(?:payer)?[ _-]?id|socialsecurity\w*)"
    r"|[_\"']ssn|ssn(?![a-z])|sozialversicherung|s[ée]curit[ée] sociale|segur(?:o|idad|ança) social|sicurezza sociale"
)


class SocialSecurityRecognizer:
    """US_SSN."""

    entity_type = "US_SSN"

    def find(self, context: Context) -> Iterable[TextSpan]:
        """Hyphenated numbers anywhere, others where they are named."""
        for match in Scan(_GROUPED, context.text):
            if match is None:
                yield PAUSE
                continue
            if not _is_given_out(match[1], match[3], match[4]):
                continue
            named = _is_named(context, match)
            if match[2] == "-" or named:
                yield TextSpan(match.start(), match.end(), self.entity_type, 1.0 if named else 0.9, "social_security")
        for match in Scan(_PLAIN, context.text):
            if match is None:
                yield PAUSE
                continue
            if _is_given_out(match[1], match[3], match[4]) and _is_named(context, match):
                yield TextSpan(match.start(), match.end(), self.entity_type, 0.9, "social_security")


def _is_named(context: Context, match: re.Match[str]) -> bool:
    after = context.text[match.end() : match.end() + 32].lower()
    return _WORDS.search(f"{context.before(match.start(), _FAR)} {after}") is not None


def _is_given_out(area: str, group: str, serial: str) -> bool:
    return area not in {"000", "666"} and group != "00" and serial != "0000" and len({*area, *group, *serial}) > 1
