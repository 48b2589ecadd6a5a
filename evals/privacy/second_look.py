"""What reading names again costs: CPU of both looks on rows of capitalised words, a list of names, and messages.

`python -m evals.privacy.second_look` (half a minute; needs no data).
"""

import json
import random
import time
from pathlib import Path

from evals.privacy.sets import fresh_names

from thriftgate.stores.rampart.files import find_rampart
from thriftgate.stores.rampart.model import Rampart
from thriftgate.stores.rampart.second_look import looked_again
from thriftgate.stores.rampart.spans import ScoredWord, spans_of

LANGUAGES = ("en", "de", "fr", "es", "it", "nl", "pt")
RUNS = 3


def texts() -> dict[str, list[str]]:
    """What is read, each under its name, from a fixed seed."""
    draw = random.Random(4)

    def row() -> str:
        words = (draw.choice("bcdfgklmnprstvz") + draw.choice("aeiou") + draw.choice("bcdfgklmnprstvz") for _ in "four")
        return " ".join(words).title()

    rows = "; ".join(row() for _ in range(400))[:4_591]
    labelled = [one for language in LANGUAGES for half in ("read", "held") for one in fresh_names(language, half)]
    names = sorted({one.text[start:end] for one in labelled for start, end, _ in one.spans})
    given, last = [name.split()[0] for name in names], [name.split()[-1] for name in names]
    message = " ".join(one.text for one in fresh_names("en", "held")[10:200:6])
    return {
        "4,591 characters of rows": [rows],
        "100 names": ["\n".join(f"{draw.choice(given)} {draw.choice(last)}" for _ in range(100))],
        "message of 176 words": [message],
        "200 short messages": [f"so {row()}" for _ in range(200)],
    }


def main() -> None:
    """Print milliseconds of CPU, least of three runs, and how often the model was asked."""
    model = Rampart(find_rampart(), Path(".thriftgate"))
    for name, read in texts().items():
        runs: list[tuple[float, float]] = []
        asked: list[int] = []

        def ask(text: str, asked: list[int] = asked) -> list[ScoredWord]:
            asked.append(len(text))
            return model.words(text)

        for _ in range(RUNS):
            asked.clear()
            first = second = 0.0
            for text in read:
                begun = time.process_time()
                words = model.words(text)
                spans = spans_of(text, words)
                between = time.process_time()
                list(looked_again(text, words, spans, ask))
                first, second = first + between - begun, second + time.process_time() - between
            runs.append((first, second))
        least = [round(1000 * min(run[place] for run in runs)) for place in (0, 1)]
        print(name, json.dumps({"first_ms": least[0], "second_ms": least[1], "asked": len(asked)}), flush=True)


if __name__ == "__main__":
    main()
