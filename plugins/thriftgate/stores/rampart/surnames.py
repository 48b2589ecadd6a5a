"""Common surnames of the countries whose languages the network knows.

Without accents and in lower case, and without those that are ordinary words: one of them is worth a question, and is no
name by itself. From the Python package Faker (MIT, see NOTICE), put together by `evals/privacy/surnames.py`.
"""

import unicodedata
from functools import cache
from importlib.resources import files

_OFTEN_ORDINARY = frozenset({
    "alegre", "amato", "andra", "bail", "bassi", "basso", "bello", "blanche", "bose", "bravo", "bright", "brown",
    "buch", "bueno", "calvo", "caro", "casado", "comer", "conti", "correr", "costa", "coste", "cuadrado", "cuesta",
    "dara", "deep", "dever", "devi", "devine", "dieu", "dunne", "faria", "fermi", "fiere", "flink", "foster",
    "frohlich", "fry", "gagne", "ging", "giusti", "golden", "grasso", "gray", "grey", "groen", "gross", "grossi",
    "guardado", "hak", "hell", "innocenti", "kale", "kant", "kent", "king", "klug", "knight", "koning", "kort",
    "law", "leal", "leger", "leite", "leu", "love", "malo", "manda", "mann", "mate", "mayo", "mens", "merry",
    "mesa", "molen", "montez", "morar", "mude", "nette", "noble", "oscuro", "petty", "pont", "porter", "preciado",
    "puerta", "ravi", "reed", "regalado", "rege", "reich", "rico", "room", "rubio", "rush", "rust", "sala", "salva",
    "salvi", "saura", "sauvage", "savage", "scaduto", "scharf", "schenk", "seco", "segui", "shine", "smart",
    "solar", "stolze", "story", "stout", "strong", "tirado", "tome", "tomei", "tur", "urban", "vang", "vienne",
    "vives", "warmer", "weiser", "wende", "wild", "wise", "zimmer",
})  # fmt: skip
"""Listed surnames that are a verb, an adjective or one of the commonest nouns where they have no capital: the network
takes "quanto costa" and "drucker ging" for names."""


def is_surname_in_lower_case(word: str) -> bool:
    """Whether the list has it and it is one without a capital as well."""
    plain = plain_word(word)
    return plain in _listed() and plain not in _OFTEN_ORDINARY


def is_surname(word: str) -> bool:
    """Whether the list has it, in whatever case and with or without accents."""
    return plain_word(word) in _listed()


def plain_word(word: str) -> str:
    """Without accents and in lower case."""
    if word.isascii():
        return word.lower()
    parts = unicodedata.normalize("NFKD", word)
    return "".join(part for part in parts if not unicodedata.combining(part)).lower()


@cache
def _listed() -> frozenset[str]:
    return frozenset((files("thriftgate.stores.rampart") / "surnames.txt").read_text(encoding="utf-8").split())
