"""Whether a full name as the whole value of a field for a place or a thing can be told from a place or a thing.

`.venv/bin/python -m evals.privacy.whole_names` tries rules on the bare values of `fields.json`: the full names there,
the places and things, and places and things that are called like people. None is in use: see the README.
"""

import json
from collections.abc import Callable, Sequence

from evals.privacy.baselines import ours_finder
from evals.privacy.fields import LISTS, names

from thriftgate.privacy.recognizers.people import given_names
from thriftgate.stats import wilson_interval
from thriftgate.stores.rampart.surnames import is_surname

Rule = Callable[[str], bool]


def is_given_and_capital(value: str) -> bool:
    """A common given name, and a last word with a capital."""
    words = value.split()
    return 2 <= len(words) <= 4 and words[0] in given_names() and words[-1][0].isupper()


def is_given_and_surname(value: str) -> bool:
    """A common given name, and a common surname."""
    return is_given_and_capital(value) and is_surname(value.split()[-1])


def rules() -> dict[str, Rule]:
    """Each by what it goes by."""
    finder = ours_finder()

    def is_found(value: str) -> bool:
        text = json.dumps({"id": 7, "value": value}, ensure_ascii=False)
        whole = any(kind == "PERSON" and end - start >= len(value) for start, end, kind in finder(text))
        return whole and " " in value

    return {
        "a common given name and a capital": is_given_and_capital,
        "a common given name and a common surname": is_given_and_surname,
        "all that is found where the field says nothing": is_found,
        "that, and a common given name and a capital": lambda value: is_given_and_capital(value) and is_found(value),
    }


def share(values: Sequence[str], rule: Rule) -> str:
    """How many the rule takes for a person."""
    hits = sum(map(rule, values))
    interval = wilson_interval(hits, len(values))
    return f"{hits} of {len(values)} ({hits / len(values):.3f} [{interval.low:.3f}, {interval.high:.3f}])"


def main() -> None:
    """Print a line for each rule and kind of value."""
    kinds = ("places", "things", "places called like people", "things called like people")
    for name, rule in rules().items():
        for kind, values in (("full names", names()), *((kind, LISTS[kind]) for kind in kinds)):
            print(f"{name}: {kind} {share(values, rule)}", flush=True)


if __name__ == "__main__":
    main()
