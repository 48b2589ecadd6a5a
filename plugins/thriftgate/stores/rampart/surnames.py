"""Common surnames of the countries whose languages the network knows.

Without accents and in lower case, and without those that are ordinary words: one of them is worth a question, and is no
name by itself. From the Python package Faker (MIT, see NOTICE), put together by `evals/privacy/surnames.py`.
"""

import unicodedata
from functools import cache
from importlib.resources import files


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
