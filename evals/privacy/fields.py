"""What stands in a field whose name says what it is: people, places and things, each under its names.

`.venv/bin/python -m evals.privacy.fields`. The people are the names of `own_names` and `fresh_names` (held); places,
things and names of fields in seven languages are in `fields.json`. One value an object, as in a tool's arguments.
"""

import itertools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from evals.privacy.baselines import Finder, ours_finder
from evals.privacy.sets import fresh_names, own_names

from thriftgate.stats import wilson_interval

LANGUAGES = ("en", "de", "fr", "es", "it", "nl", "pt")
LISTS: Mapping[str, Sequence[str]] = json.loads(Path(__file__).with_name("fields.json").read_text(encoding="utf-8"))


def _names() -> Iterator[str]:
    for language in LANGUAGES:
        for one in [*own_names(language, 60), *fresh_names(language, "held")]:
            for start, end, kind in one.spans:
                if kind == "PERSON":
                    yield one.text[start:end]


def names() -> list[str]:
    """Full names, each once, of two words or more."""
    return [one for one in dict.fromkeys(_names()) if re.fullmatch(r"[^\W\d]+(?:[ '-][^\W\d]+)+", one)]


def asked(values: Sequence[str], fields: Sequence[str]) -> list[str]:
    """Each value under three of the fields, in turn."""
    turn = itertools.cycle(fields)
    return [json.dumps({"id": 7, next(turn): value}, ensure_ascii=False) for value in values for _ in range(3)]


def among(values: Sequence[str], words: Sequence[str]) -> list[str]:
    """Each value among other words, in turn."""
    turn = itertools.cycle(words)
    return [next(turn).format(value) for value in values]


def share(texts: Sequence[str], finder: Finder) -> str:
    """How many have a person in them, as a share with its interval."""
    hits = sum(any(kind == "PERSON" for *_, kind in finder(text)) for text in texts)
    interval = wilson_interval(hits, len(texts))
    return f"{hits} of {len(texts)} ({hits / len(texts):.3f} [{interval.low:.3f}, {interval.high:.3f}])"


def main() -> None:
    """Print a line for each kind of field."""
    finder, people = ours_finder(), names()
    words = [word for one in people for word in one.split() if len(word) > 2]
    places, things = LISTS["places"], LISTS["things"]
    for what, values, fields in (
        ("places, fields for places", places, "fields for places"),
        ("things, fields for things", things, "fields for things"),
        ("full names, fields for people", people, "fields for people"),
        ("one word of a name, fields for one", list(dict.fromkeys(words)), "fields for one word of a name"),
        ("full names, fields that say nothing", people, "fields that say nothing"),
        ("places, fields that say nothing", places, "fields that say nothing"),
        ("full names among other words, fields for places", among(people, LISTS["around a name"]), "fields for places"),
        ("full names among other words, fields for things", among(people, LISTS["around a name"]), "fields for things"),
        ("places with a word more, fields for places", among(places, LISTS["around a place"]), "fields for places"),
        ("things with a word more, fields for things", among(things, LISTS["around a thing"]), "fields for things"),
    ):
        texts = asked(values, LISTS[fields])
        print(f"{what}: {share(texts, finder)}", flush=True)


if __name__ == "__main__":
    main()
