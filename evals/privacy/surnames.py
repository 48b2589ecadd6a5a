"""Writes the list of surnames beside the second look, from the package Faker and texts of each language.

`uv run --with faker==40.63.0 python -m evals.privacy.surnames FOLDER`, where FOLDER has de.txt, fr.txt … . Faker's
surnames of the seven languages' countries, without accents and in lower case; left out is what the texts have three
times in lower case, and in German behind an article.
"""

import re
import sys
from collections import Counter
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from typing import Any

from thriftgate.stores.rampart import surnames
from thriftgate.stores.rampart.closed_class import CLOSED_CLASS

LOCALES = (
    "en_US", "en_GB", "en_IE", "en_NG", "en_IN", "de_DE", "de_AT", "de_CH", "fr_FR", "fr_CH", "fr_BE", "fr_CA",
    "es_ES", "es_MX", "es_CO", "es_AR", "es_CL", "it_IT", "nl_NL", "nl_BE", "pt_PT", "pt_BR",
)  # fmt: skip
SHORTEST, ORDINARY = 3, 3
_WIDTH = 120
_WORD = re.compile(r"[^\W\d_]+")
_NOUN = re.compile(r"\b(?:[Dd](?:er|ie|as|en|em|es)|[Ee]in(?:e[rnms]?)?) ([A-ZÄÖÜ][a-zäöüß]+)")


def names_of(locale: str, kind: str) -> set[str]:
    """Faker's `last_names` or `first_names` of a country."""
    provider: Any = import_module(f"faker.providers.person.{locale}").Provider
    found: set[str] = set()
    for attribute in dir(provider):
        names = getattr(provider, attribute)
        if attribute.startswith(kind) and not isinstance(names, str | property) and not callable(names):
            found |= set(names)
    return found


def ordinary_words(folder: Path) -> set[str]:
    """What the texts say in lower case, and German nouns."""
    counts: Counter[str] = Counter()
    for path in folder.glob("*.txt"):
        text = path.read_text(encoding="utf-8")
        counts.update(surnames.plain_word(word) for word in _WORD.findall(text) if word.islower())
        if path.stem == "de":
            counts.update(surnames.plain_word(noun) for noun in _NOUN.findall(text))
    return {word for word, count in counts.items() if count >= ORDINARY}


def main(folder: Path) -> None:
    """Write the list."""
    left_out = ordinary_words(folder) | CLOSED_CLASS
    found = {
        surnames.plain_word(name) for locale in LOCALES for name in names_of(locale, "last_names") if name.isalpha()
    }
    kept = [name for name in sorted(found - left_out) if len(name) >= SHORTEST and name.isascii()]
    (Path(surnames.__file__).parent / "surnames.txt").write_text("\n".join(lines_of(kept)) + "\n", encoding="utf-8")


def lines_of(words: Iterable[str]) -> list[str]:
    """Words with blanks between them, as many in a line as fit."""
    lines = [""]
    for word in words:
        if len(lines[-1]) + len(word) >= _WIDTH:
            lines.append("")
        lines[-1] += f" {word}" if lines[-1] else word
    return lines


if __name__ == "__main__":
    main(Path(sys.argv[1]))
