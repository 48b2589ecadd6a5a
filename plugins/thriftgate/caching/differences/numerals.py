"""Numbers that are written out: "twenty-one", "einundzwanzig", "quatre-vingt-dix", "veintiuno".

Words that are English ones too ("once", "due", "elf", "seize", "cent") are left out, and neither "zero fees" nor "the
other one" counts anything.

Failure behaviour: pure and total. A word is worked out once.
"""

import re
from collections.abc import Mapping
from functools import lru_cache

_WORDS: Mapping[float, str] = {
    2: "two zwei twee deux dos dois", 3: "three drei drie trois tres tre três",
    4: "four vier quatre cuatro quattro quatro",
    5: "five fünf vijf cinq cinco cinque", 6: "six sechs zes seis", 7: "seven sieben zeven sept siete sette sete",
    8: "eight acht huit ocho otto oito", 9: "nine neun negen neuf nueve nove", 10: "ten zehn tien dix diez dieci dez",
    11: "eleven onze undici", 12: "twelve dozen zwölf twaalf douze doce dodici doze",
    13: "thirteen dreizehn dertien treize trece tredici treze",
    14: "fourteen vierzehn veertien quatorze catorce quattordici catorze",
    15: "fifteen fünfzehn vijftien quinze quindici",
    16: "sixteen sechzehn zestien dieciséis sedici dezesseis dezasseis",
    17: "seventeen siebzehn zeventien diecisiete diciassette dezessete dezassete",
    18: "eighteen achtzehn achttien dieciocho diciotto dezoito",
    19: "nineteen neunzehn negentien diecinueve diciannove dezenove dezanove",
    20: "twenty zwanzig twintig vingt vingts veinte venti vinte",
    30: "thirty dreißig dreissig dertig trente treinta trenta trinta",
    40: "forty vierzig veertig quarante cuarenta quaranta quarenta",
    50: "fifty fünfzig vijftig cinquante cincuenta cinquanta cinquenta",
    60: "sixty sechzig zestig soixante sesenta sessanta sessenta",
    70: "seventy siebzig zeventig septante setenta settanta",
    80: "eighty achtzig tachtig huitante ochenta ottanta oitenta",
    90: "ninety neunzig negentig nonante noventa novanta", 100: "hundred hundert honderd cien cento",
    200: "doscientos duecento duzentos", 300: "trescientos trecento trezentos", 500: "quinientos quinhentos",
    1000: "thousand tausend duizend mil mille", 1_000_000: "million", 1_000_000_000: "billion",
    1_000_000_000_000: "trillion", 0.5: "half halb halbe halben halber halbes halve demi demie meia",
    0.25: "quarter viertel kwart quart", 0.75: "dreiviertel",
}  # fmt: skip
_VALUES = {word: value for value, words in _WORDS.items() for word in words.split()}
_ONES = {"ein": 1, "een": 1, "one": 1, "un": 1, "une": 1, "uno": 1, "ún": 1, "due": 2, "dós": 2, "tré": 3, "trés": 3,
         "sei": 6, "séis": 6}  # fmt: skip
"""Numbers only as a part of a longer word."""
_AND = frozenset({"et", "und", "and", "en"})
_ONES_FIRST = re.compile("(ein|zwei|drei|vier|fünf|sechs|sieben|acht|neun)und(\\w+ig|dreißig)")
_DUTCH_ONES_FIRST = re.compile("(een|twee|drie|vier|vijf|zes|zeven|acht|negen)[eë]n(\\w+tig)")
_TIMES = re.compile("(\\w+?)(hundert|tausend|honderd|duizend|cientos|cento|mila)")
_TENS_FIRST = re.compile("(veint|vent|trent|quarant|cinquant|sessant|settant|ottant|novant)[ia]?(\\w+)")
_LONGEST = 40


@lru_cache(maxsize=4096)
def number_of(word: str) -> str:
    """The number that a word in lower case stands for, as digits; empty where it stands for none."""
    value = _value(word) if len(word) <= _LONGEST and word not in _ONES else None
    return "" if value is None else f"{value:.10g}" if value < 1 else str(int(value))


def _value(word: str) -> float | None:
    if word in _VALUES:
        return _VALUES[word]
    if "-" in word:
        return _sum([part for part in word.split("-") if part not in _AND])
    if found := _ONES_FIRST.fullmatch(word) or _DUTCH_ONES_FIRST.fullmatch(word):
        return _sum([found[2], found[1]])
    if found := _TIMES.fullmatch(word):
        return _sum([found[1], {"cientos": "cien", "mila": "mille"}.get(found[2], found[2])])
    if found := _TENS_FIRST.fullmatch(word):
        tens = next(known for known in _VALUES if known.startswith(found[1]))
        return _sum([tens, found[2]])
    return None


def _sum(parts: list[str]) -> float | None:
    """The number of several words, of which a larger one multiplies what came before; None where one is no number."""
    total = 0.0
    for part in parts:
        value = _VALUES.get(part) or _ONES.get(part)
        if value is None or value < 1:
            return None
        total = total * value if 0 < total < value else total + value
    return total or None
