"""Make a shipped artefact again: `uv run python -m evals.cache.artefact [--embedder fast] [--write]`.

It is calibrated on Bitext and on the development half of BANKING77's intents, so that the other half stays unseen; so
is each embedder's.
"""

import argparse
from dataclasses import replace

from evals.cache.data import ROOT, banking77, bitext, choose, chosen, development_intents

from thriftgate.caching.artefact import CacheModel
from thriftgate.caching.calibration import calibrate_cache
from thriftgate.caching.rehearsal import Labelled

FOLDER = ROOT / "plugins" / "thriftgate" / "caching"
FILES = {"local": "default_policy.json", "fast": "fast_policy.json", "multilingual": "multilingual_policy.json"}
FIRST_THRESHOLDS = {"local": 0.985, "fast": 0.997, "multilingual": 0.996}
"""The others are the first round number at which no pair of `other_questions.json` (a test's) is served alone; E5's is
the next one, since its vectors are not the same to the last bit on every processor."""
VECTORS = {
    "local": "MiniLM int8 vectors",
    "fast": "WordLlama's static vectors",
    "multilingual": "multilingual-e5-small int8 vectors, centred",
}


def shipped_artefact() -> CacheModel:
    """Bitext and 39 intents of BANKING77, by the chosen embedder."""
    questions, _ = banking77()
    seen, _ = halves(questions)
    made = calibrate_cache(
        [bitext(), seen],
        calibrated_on=f"8,100 utterances of Bitext customer support (CDLA-Sharing-1.0) and {len(seen):,} questions of "
        f"39 of the 77 intents of BANKING77 (CC-BY-4.0, Casanueva et al. 2020), {VECTORS[chosen()]}",
        embedder=chosen(),
    )
    return replace(made, threshold=FIRST_THRESHOLDS[chosen()])


def foreign_artefact() -> CacheModel:
    """Bitext alone: no question of BANKING77 was seen."""
    return calibrate_cache(
        [bitext()],
        calibrated_on="8,100 utterances of Bitext customer support (CDLA-Sharing-1.0)",
        embedder=chosen(),
    )


def halves(questions: Labelled) -> tuple[Labelled, Labelled]:
    """The questions of the development intents, and all others."""
    intents = development_intents(questions.groups)
    seen = [place for place, group in enumerate(questions.groups) if group in intents]
    unseen = [place for place, group in enumerate(questions.groups) if group not in intents]
    return questions.take(seen), questions.take(unseen)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--embedder", choices=list(FILES), default="local")
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    choose(given.embedder)
    text = shipped_artefact().to_json()
    if given.write:
        (FOLDER / FILES[given.embedder]).write_text(text, encoding="utf-8")
    print(text)
