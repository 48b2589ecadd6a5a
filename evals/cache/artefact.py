"""Make the shipped artefact again: `uv run python -m evals.cache.artefact [--write]`.

It is calibrated on Bitext and on the development half of BANKING77's intents, so that the other half stays unseen.
"""

import sys

from evals.cache.data import ROOT, banking77, bitext, development_intents

from thriftgate.caching.artefact import CacheModel
from thriftgate.caching.calibration import calibrate_cache
from thriftgate.caching.rehearsal import Labelled

TARGET = ROOT / "plugins" / "thriftgate" / "caching" / "default_policy.json"


def shipped_artefact() -> CacheModel:
    """Bitext and 39 intents of BANKING77."""
    questions, _ = banking77()
    seen, _ = halves(questions)
    return calibrate_cache(
        [bitext(), seen],
        calibrated_on=f"8,100 utterances of Bitext customer support (CDLA-Sharing-1.0) and {len(seen):,} questions of "
        "39 of the 77 intents of BANKING77 (CC-BY-4.0, Casanueva et al. 2020), MiniLM int8 vectors",
    )


def foreign_artefact() -> CacheModel:
    """Bitext alone: no question of BANKING77 was seen."""
    return calibrate_cache([bitext()], calibrated_on="8,100 utterances of Bitext customer support (CDLA-Sharing-1.0)")


def halves(questions: Labelled) -> tuple[Labelled, Labelled]:
    """The questions of the development intents, and all others."""
    intents = development_intents(questions.groups)
    seen = [place for place, group in enumerate(questions.groups) if group in intents]
    unseen = [place for place, group in enumerate(questions.groups) if group not in intents]
    return questions.take(seen), questions.take(unseen)


if __name__ == "__main__":
    text = shipped_artefact().to_json()
    if "--write" in sys.argv:
        TARGET.write_text(text, encoding="utf-8")
    print(text)
