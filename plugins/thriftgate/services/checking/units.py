"""One name for a unit in its spellings, and what it measures: "5 km" and "5 kilometers", but not "5 miles".

Failure behaviour: pure and total; an unknown word is a unit of its own.
"""

from collections.abc import Mapping

from thriftgate.caching.differences.reading import stem

SCALES: Mapping[str, int] = {
    word: value
    for value, words in (
        (12, "dozen dutzend dozijn douzaine docena dozzina dúzia"),
        (100, "hundred hundert honderd"),
        (1_000, "thousand tausend duizend mille mil mila"),
        (1_000_000, "million millionen miljoen millón millones milione milioni milhão milhões"),
    )
    for word in words.split()
}
"""Words that multiply the number before them. Not "milliard" and "billion", which differ between languages."""

_UNITS: Mapping[str, tuple[str, ...]] = {
    "share": ("% percent prozent procent pourcent per-cent", "‰"),
    "money": (
        "usd $ us$ dollar dollars bucks dólar dólares dollari", "eur € euro euros euri", "gbp £ pound-sterling",
        "jpy ¥ yen", "cent cents centimes céntimos centesimi centavos", "chf franken francs", "inr rupee rupees",
    ),
    "length": (
        "km kilometer kilometers kilometre kilometres kilomètre kilomètres kilómetro kilómetros chilometri quilômetros",
        "meter meters metre metres mètre mètres metro metros metri", "cm centimeter centimeters centimetre centimetres",
        "mm millimeter millimeters millimetre millimetres", "mile miles meile meilen mijl milla millas miglia milhas",
        "foot feet ft", "inch inches zoll", "yard yards yd",
    ),
    "mass": (
        "kg kilogram kilograms kilogramm kilo kilos", "gram grams gramm grammes gramos grammi gramas",
        "mg milligram milligrams",
        "lb lbs pound pounds", "oz ounce ounces",
    ),
    "time": (
        "second seconds sec secs sekunde sekunden seconde seconden secondes segundo segundos secondo secondi",
        "minute minutes min mins minuten minuut minuto minutos minuti",
        "hour hours hr hrs stunde stunden uur uren heure heures hora horas ora ore",
        "day days tag tage tagen dag dagen jour jours día días giorno giorni dia dias",
        "week weeks woche wochen weken semaine semaines semana semanas settimana settimane",
        "month months monat monate monaten maand maanden mois mes meses mese mesi mês",
        "year years jahr jahre jahren jaar jaren an ans année années año años anno anni ano anos",
    ),
    "volume": ("liter liters litre litres litro litros litri", "ml milliliter milliliters", "gallon gallons"),
    "warmth": ("°c celsius", "°f fahrenheit", "kelvin"),
    "speed": ("mph", "kph kmh"),
    "data": ("KB kB kilobyte kilobytes", "MB megabyte megabytes", "GB gigabyte gigabytes", "TB terabyte terabytes"),
    "scale": ("k", "m", "bn", "mio", "mrd"),
}  # fmt: skip
# Neither tons nor "Pfund": they are different weights in different countries, and may be meant as one.
_NAMES = {word: words.split()[0] for kinds in _UNITS.values() for words in kinds for word in words.split()}
_DIMENSIONS = {words.split()[0]: kind for kind, kinds in _UNITS.items() for words in kinds}
CURRENCY = frozenset({"usd", "eur", "gbp", "jpy", "chf", "inr"})


_LONGEST_SYMBOL = 3
_ANY_CASE = CURRENCY | {"km", "kg", "cm", "mm", "mg", "lb", "lbs", "oz", "ft", "yd", "hr", "hrs", "min", "sec", "day"}


def unit_named(word: str) -> str:
    """One name for a unit's spellings; of any other word its stem. "mW" and "MW" are two units."""
    if word in _NAMES:
        return _NAMES[word]
    plain = word.casefold()
    if word.isalpha() and word != plain and len(word) <= _LONGEST_SYMBOL and plain not in _ANY_CASE:
        return word
    return _NAMES.get(plain, plain if plain in SCALES else stem(plain))


def dimension_of(unit: str) -> str | None:
    """What a unit measures; None for a word that is no known unit. Takes a name as `unit_named` gives it."""
    return "scale" if unit in SCALES else _DIMENSIONS.get(unit)
