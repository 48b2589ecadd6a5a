"""Telephone numbers: international ones by their country code, national ones by the regions that are configured.

The numbering plans are those of `phonenumbers` (Google's libphonenumber). A number counts with an international
prefix, with the punctuation that only telephone numbers have, or after a word for one; bare digits alone never do.
"""

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from thriftgate.privacy.context import AN_ID, Context
from thriftgate.privacy.lookalikes import DATE_SHAPE
from thriftgate.privacy.scanning import PAUSE, Scan
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
_BROKEN = re.compile(r"(?<![\w.+-])(?:\+|00(?=[1-9]))\d[\d ()./-]{0,16}\r?\n(?:> ?)? {0,2}\(?\d[\d ()./-]{1,16}(?!\w)")
"""With its country's code and the end of a line in it."""
_LINKED = re.compile(
    r"(?i)(?:wa\.me/|whatsapp\.com/send/?\?(?:[\w=%&]{1,80}&)?phone=|signal\.me/#p/|viber://\w{2,8}\?number=|sip:)(?:\+|%2B)?(?P<number>\d{8,15})(?!\d)"
)
"""In the address of a chat."""
_FIRST_BRACKET = 2
"""Behind `1 `, as in America; elsewhere a bracket stands first."""
_FEWEST_DIGITS = 7
_TWO = " / "
_NOT_DIALLED = re.compile(r"\(0\)|[\s>]+")
_DATE = re.compile(DATE_SHAPE)
_PART = re.compile(r"[^ ]+")
_FEWER = ((0, 1), (1, 0), (0, 2), (2, 0), (1, 1), (0, 3), (3, 0))
"""How many parts between blanks are left out before and behind: each attempt costs a look into the numbering plans."""
_MOST = 20
"""Candidates between two pauses: one that could be many regions' costs a millisecond."""
_WORDS = re.compile(
    r"(?:\b|_|\b(?:set|home|work|office|user|contact|customer|primary|billing|shipping))(?:phones?(?:number|nr|no)?"
    r"|tele?ph?one?(?:number)?|tel|mobile?(?:phone|number)?"
    r"|cell(?:ular|phone)?|call(?:ed|ing|s)?|a call[ -]?back|callback(?:[ _-]?(?:number|nr|no))?|ring|fax|sms"
    r"|text(?:ed| me)?|whats ?app|signal|dial|hotline|contact(?: me|[ _-]?(?:number|nr|no))?|reach(?: me)?|number is"
    r"|(?:my|new|old|his|her|your|their|our) (?:\w{1,8} )?number"
    r"|telefon\w*|handy\w*|mobil\w*|rufnummer|anruf\w*|ruf\w{0,4}|erreich\w*|t[ée]l[ée]phone|tél|portable|appel\w*|num[ée]ro|tel[ée]fono|m[óo]vil|celular|ll[aá]m\w*|cellulare|chiama\w*|telefoon\w*"
    r"|r(?:ü|ue)ckruf\w*|zur(?:ü|ue)ckruf\w*|puhelin\w*|puh|soit\w{1,4}|matkapuhelin\w*|телефон\w*|тел|звон\w*|моб\w*|hívj\w*|mobilszám\w*"
    r"|cep (?:tel|no|num)\w*|gsm|ara(?:y.n|yabilir\w*)|sunați|τηλ\w*|κινητ\w*|הטלפון|טלפון|נייד|هاتف|جوال"
    r"|mobiel\w*|bel(?:len)?|telefone|telem[óo]vel|celular|ligar?|numer|komórk\w*|zadzwo\w*|msisdn"
    r"|電話|携帯|手机|手機|电话|전화|휴대폰|연락처)(?![a-z])|[\u260e\u2706\U0001f4de\U0001f4f1\U0001f4f2]"
)
_OTHER_WORDS = re.compile(
    r"(?:(?:n[úu]m[ée]ro|n[°º]|nummer|number) (?:de |do |del |di )?(?:client\w?|customer|dossier|commande"
    r"|contra\w{1,4}|cliente|kunde\w{0,2}|klant|suivi"
    r"|série|serie|pedido|ordine|facture|fattura|factura)|(?:order|bestell\w*|pedido|ordine|commande|tracking|invoice|rechnung\w*|factura|facture|ticket|reference"
    r"|transaction|shipment|parcel|serial|timestamp|session|request|account|konto\w*|kunden\w*|customer"
    r"|(?<![^\W_])(?:case|ref|txn|sku|epoch|build|uid|trace|amount|total|price|version|article|artikel\w*|part|model"
    r"|vin|isbn|zip|plz|page|port|pid))(?:[ _-]?(?:no|nr|num|number|nummer|code|id|key))?"
    rf"|{AN_ID})\.?(?:\W{{1,3}}(?:is|was|ist|lautet|est|es|è|é))?\W{{0,6}}\Z"
)
_NANP = re.compile(r"(?:1[-. ]?)?(?:\(\d{3}\) ?|\d{3}([-. ]))\d{3}([-. ])\d{4}\Z")
_FAR = 120
"""Characters before a number in which somebody may have asked for it."""
_BLANKS, _NUMBER_BEFORE, _NUMBER_AFTER = (re.compile(one) for one in (r"\d+ ", r"\d ", r" \d"))
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
        for pattern, group, score in ((_GLUED, 0, 0.8), (_LINKED, 1, 0.95)):
            for match in Scan(pattern, context.text, most=_MOST):
                is_one = match is not None and self._parsed(f"+{match[group].lstrip('+')}", None) is not None
                yield TextSpan(*match.span(group), self.entity_type, score, "phones") if match and is_one else PAUSE
        for match in Scan(_BROKEN, context.text, most=_MOST) if "\n" in context.text else ():
            if match is None:
                yield PAUSE
                continue
            first, number = (_NOT_DIALLED.sub(" ", one) for one in (match[0].split("\n")[0], match[0]))
            if self._is_valid(number) and not self._is_valid(first):
                end = match.start() + len(match[0].rstrip(" ()./-"))
                yield TextSpan(match.start(), end, self.entity_type, 0.9, "phones")
        scan = Scan(_CANDIDATE, context.text, most=_MOST)
        for match in scan:
            if match is None:
                yield PAUSE
                continue
            date = _DATE.match(context.text, match.start("number"))
            if date is not None and date.end() < match.end():
                scan.at = date.end()
                continue
            found = self._in_candidate(context, match)
            yield from found
            scan.at = max((span.end for span in found), default=match.end())

    def _in_candidate(self, context: Context, match: re.Match[str]) -> list[TextSpan]:
        """The number; without what stands beside it (a date, an amount, a number) where only that makes it one."""
        number, end = match.span("number"), match.end()
        middle = match["number"].find(_TWO)
        if sum(map(str.isdigit, match["number"][: max(0, middle)])) >= _FEWEST_DIGITS:
            first = self._span(context, number[0], number[0] + middle, number[0] + middle)
            if first is not None:
                return [first]  # what follows is read as another
        whole = self._span(context, *number, end)
        if whole is not None:
            return [whole]
        places = [(number[0] + part.start(), number[0] + part.end()) for part in _PART.finditer(match["number"])]
        found: list[TextSpan] = []
        for left, right in _FEWER:
            if left + right < len(places):
                until = places[-1 - right][1]
                span = self._span(context, places[left][0], until, until if right else end)
                found += [span] if span else ()
        found.sort(key=lambda span: -span.score)
        return [
            span
            for rank, span in enumerate(found)
            if all(span.end <= better.start or better.end <= span.start for better in found[:rank])
        ]

    def _span(self, context: Context, start: int, number_end: int, end: int) -> TextSpan | None:
        number = context.text[start:number_end]
        # An opening bracket without its closing one belongs to the sentence.
        if number.startswith("(") and ")" not in number:
            number, start = number[1:], start + 1
        if number.endswith(")") and "(" not in number:
            number = number[:-1]
            end = start + len(number) if end == number_end else end
        score = self._score(context, number, start, end)
        return TextSpan(start, end, self.entity_type, score, "phones") if score else None

    def _score(self, context: Context, number: str, start: int, end: int) -> float:
        digits = sum(character.isdigit() for character in number)
        if not _FEWEST_DIGITS <= digits <= 15 or len({character for character in number if character.isdigit()}) == 1:
            return 0.0
        if number[0] not in "+0(" and number.find("(") > _FIRST_BRACKET:
            return 0.0  # "1325 (42219)" is of an error
        named = _WORDS.search(context.near(start, end)) is not None or _is_asked(context, start)
        is_international = number.lstrip("(").startswith(("+", "00"))
        if not (is_international or named or _is_punctuated(number)):
            return 0.0
        # Nobody writes an order number with a plus, or with its first digits in brackets.
        if number[0] not in "(+" and _OTHER_WORDS.search(context.closest(start)):
            return 0.0
        if is_international:
            return self._international(number, named=named)
        is_series = _is_in_series(context.text, number, start, end)
        return self._national(number, named=named, is_series=is_series)

    def _international(self, number: str, *, named: bool) -> float:
        written = number.lstrip("(").replace("(0)", "")
        written = "+" + written[2:] if written.startswith("00") else written
        parsed = self._parsed(written, None)
        if parsed is None:
            return 0.6 if named else 0.0
        return 1.0 if self._plans.is_valid_number(parsed) else 0.75

    def _national(self, number: str, *, named: bool, is_series: bool) -> float:
        if _NANP.match(number) and {"US", "CA"} & set(self._regions):
            return 0.9 if named else 0.0 if is_series else 0.7
        is_possible = False
        for region in self._regions:
            parsed = self._parsed(number, region)
            if parsed is not None and self._plans.is_valid_number_for_region(parsed, region):
                return 0.9 if named else 0.65
            is_possible |= parsed is not None
        # Spoken of as a telephone number: possible somewhere is enough.
        return 0.55 if named and is_possible else 0.0

    def _is_valid(self, number: str) -> bool:
        written = number.strip()
        parsed = self._parsed(f"+{written[2:]}" if written.startswith("00") else written, None)
        return parsed is not None and self._plans.is_valid_number(parsed)

    def _parsed(self, number: str, region: str | None) -> "PhoneNumber | None":
        """The number when a phone of the region could dial it."""
        try:
            parsed = self._plans.parse(number, region)
        except self._plans.NumberParseException:
            return None
        return parsed if self._plans.is_possible_number(parsed) else None


def _is_in_series(text: str, number: str, start: int, end: int) -> bool:
    """Whether blanks alone part it, and a number beside it from it: a row of measurements, say."""
    if _BLANKS.match(number) is None:
        return False
    is_first = _NUMBER_AFTER.match(text, end) is not None
    return is_first or _NUMBER_BEFORE.match(text, max(0, start - 2), start) is not None


def _is_asked(context: Context, start: int) -> bool:
    """Whether a question shortly before, in a line above, was for a telephone number."""
    before = context.text[max(0, start - _FAR) : start]
    end = before.rfind("?", 0, max(0, before.rfind("\n")))
    return end >= 0 and _WORDS.search(before[before.rfind("\n", 0, end) + 1 : end].lower()) is not None


def _is_punctuated(number: str) -> bool:
    """Whether it is written as only telephone numbers are."""
    return bool(_NANP.match(number) or _PUNCTUATED.search(number))
