"""Telephone numbers: international ones by their country code, national ones by the regions that are configured.

The numbering plans are those of `phonenumbers` (Google's libphonenumber). A number counts with an international
prefix, with the punctuation that only telephone numbers have, or after a word for one; bare digits alone never do.
"""

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from thriftgate.privacy.context import Context
from thriftgate.privacy.spans import TextSpan

if TYPE_CHECKING:
    from phonenumbers import PhoneNumber

_CANDIDATE = re.compile(
    r"(?<![\w.$€£#@&-])(?:(?:tel|phone|sms|call)to?:)?"
    r"(?P<number>(?:\(?\+ ?|\(?00(?=[1-9]))?\(?\d(?:[ ]{0,2}[-./()]{0,2} ?\d){5,17}\)?)"
    r"(?P<extension>,? ?(?:x|ext\.?|extension|#|durchwahl|poste|anexo) ?\d{1,6})?(?![\w]|[-./]\d)"
)
_GLUED = re.compile(r"(?<=[A-Za-z=:_])\+\d(?:[ ]?[-./()]? ?\d){6,14}(?!\w)")
"""In code and logs a number with its plus may follow a letter or a sign directly."""
_WORDS = re.compile(
    r"(?:\b|_)(?:phone|tele?ph?one?|tel|mobile?|cell(?:ular)?|call(?:ed|ing|s)?|ring|fax|sms|text(?:ed| me)?|whats ?app"
    r"|signal|dial|hotline|contact(?: me)?|reach(?: me)?|number is|telefon\w*|handy\w*|mobil\w*|rufnummer|anruf\w*"
    r"|ruf\w{0,4}|erreich\w*|t[ée]l[ée]phone|portable|appel\w*|num[ée]ro|tel[ée]fono|m[óo]vil|celular|llam\w*|cellulare|chiama\w*|telefoon\w*"
    r"|mobiel\w*|bel(?:len)?|telefone|telem[óo]vel|celular|ligar?|numer|komórk\w*|zadzwo\w*|msisdn"
    r"|電話|手机|电话)(?![a-z])"
)
_OTHER_WORDS = re.compile(
    r"(?:order|bestell\w*|pedido|ordine|commande|tracking|invoice|rechnung\w*|factura|facture|ticket|case|ref|reference"
    r"|transaction|txn|shipment|parcel|sku|serial|timestamp|epoch|build|id|uid|session|request|trace|account|konto\w*"
    r"|kunden\w*|customer|amount|total|price|version|article|artikel\w*|part|model|vin|isbn|zip|plz|page|port|pid)"
    r"(?:[ _-]?(?:no|nr|num|number|nummer|code|id|key))?\.?\W{0,6}\Z"
)
_NANP = re.compile(r"(?:1[-. ]?)?(?:\(\d{3}\) ?|\d{3}([-. ]))\d{3}([-. ])\d{4}\Z")
_PUNCTUATED = re.compile(r"\(0?\d{1,5}\)|^0\d{1,5}[ /-]\d|^0\d(?:[ .-]\d\d){4}$|^0\d{2,4}[ /.-]\d{3,4}[ .-]?\d{3,5}$")


class PhoneRecognizer:
    """PHONE_NUMBER.

    Args:
        regions: ISO 3166 codes whose national numbers are known, the likeliest first.
    """

    entity_type = "PHONE_NUMBER"

    def __init__(self, regions: Sequence[str]) -> None:
        # A tenth of a second of tables, which a command that only reads the configuration need not wait for.
        import phonenumbers

        self._plans = phonenumbers
        self._regions = tuple(regions)

    def find(self, context: Context) -> Iterable[TextSpan]:
        """Every number that somebody could dial."""
        for match in _GLUED.finditer(context.text):
            if self._parsed(match[0], None):
                yield TextSpan(match.start(), match.end(), self.entity_type, 0.8, "phones")
        for match in _CANDIDATE.finditer(context.text):
            number, start, end = match["number"], match.start("number"), match.end()
            # An opening bracket without its closing one belongs to the sentence.
            if number.startswith("(") and ")" not in number:
                number, start = number[1:], start + 1
            if number.endswith(")") and "(" not in number:
                number = number[:-1]
                end = start + len(number) if not match["extension"] else end
            score = self._score(context, number, start, end)
            if score:
                yield TextSpan(start, end, self.entity_type, score, "phones")

    def _score(self, context: Context, number: str, start: int, end: int) -> float:
        digits = sum(character.isdigit() for character in number)
        if not 7 <= digits <= 15 or len({character for character in number if character.isdigit()}) == 1:
            return 0.0
        named = _WORDS.search(context.near(start, end)) is not None
        if _OTHER_WORDS.search(context.closest(start)):
            return 0.0
        if number.lstrip("(").startswith(("+", "00")):
            return self._international(number, named=named)
        return self._national(number, named=named)

    def _international(self, number: str, *, named: bool) -> float:
        written = number.lstrip("(")
        written = "+" + written[2:] if written.startswith("00") else written
        parsed = self._parsed(written, None)
        if parsed is None:
            return 0.6 if named else 0.0
        return 1.0 if self._plans.is_valid_number(parsed) else 0.75

    def _national(self, number: str, *, named: bool) -> float:
        is_punctuated = bool(_NANP.match(number) or _PUNCTUATED.search(number))
        if not (named or is_punctuated):
            return 0.0
        if _NANP.match(number) and {"US", "CA"} & set(self._regions):
            return 0.9 if named else 0.7
        for region in self._regions:
            parsed = self._parsed(number, region)
            if parsed is not None and self._plans.is_valid_number_for_region(parsed, region):
                return 0.9 if named else 0.65
        # Spoken of as a telephone number: possible somewhere is enough.
        if named and any(self._parsed(number, region) for region in self._regions):
            return 0.55
        return 0.0

    def _parsed(self, number: str, region: str | None) -> "PhoneNumber | None":
        """The number when a phone of the region could dial it."""
        try:
            parsed = self._plans.parse(number, region)
        except self._plans.NumberParseException:
            return None
        return parsed if self._plans.is_possible_number(parsed) else None
