"""Writes the list of ordinary words beside the spans of names, from the dictionaries of pyspellchecker.

`uv run --with faker==40.63.0 --with pyspellchecker==0.9.1 python -m evals.privacy.ordinary`. Of each of the seven
languages the eight thousand words that films say most often; left out are all given names and surnames of Faker for
these languages' countries, and ours.
"""

import gzip
import json
from importlib.resources import files
from pathlib import Path

from evals.privacy.surnames import LOCALES, lines_of, names_of

from thriftgate.privacy.recognizers.people import given_names
from thriftgate.stores.rampart import ordinary
from thriftgate.stores.rampart.surnames import is_surname, plain_word

LANGUAGES = ("en", "de", "fr", "es", "it", "nl", "pt")
MOST = 8_000


def often_said(language: str) -> set[str]:
    """The words of a language that are said most often; of those said equally often all or none."""
    packed = files("spellchecker").joinpath("resources", f"{language}.json.gz").read_bytes()
    counts: dict[str, int] = json.loads(gzip.decompress(packed))
    least = sorted(counts.values(), reverse=True)[MOST - 1]
    return {word for word, count in counts.items() if count > least}


def main() -> None:
    """Write the list."""
    kinds = ("first_names", "last_names")
    names = {plain_word(name) for locale in LOCALES for kind in kinds for name in names_of(locale, kind)}
    names |= {plain_word(name) for name in given_names()}
    words = {word for language in LANGUAGES for word in often_said(language) if word.isalpha()}
    kept = sorted(word for word in words if plain_word(word) not in names and not is_surname(word))
    path = Path(ordinary.__file__).parent / "ordinary_words.txt"
    path.write_text("\n".join(lines_of(kept)) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
