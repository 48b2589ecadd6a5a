"""The shipped weights on the test part of each set, through the guard's own code: `python -m evals.safety.shipped`.

It says whether what is in the package is what `results/safety.json` was measured with; by words and phrases alone.
"""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from evals.safety.sets import data_folder, read_attacks, read_benign
from evals.safety.train import part_of

from thriftgate.guards.classifier import Classifier, shipped_classifier
from thriftgate.guards.injection import judged, pieces_of

_RESULTS = Path(__file__).parent / "results" / "safety.json"
_COUNTS = 0.5
"""The guard's own threshold."""


def found(texts: Iterable[str], classifier: Classifier) -> int:
    """How many of the texts are taken for attacks."""
    verdicts = (judged(pieces_of(text, classifier)[0], classifier) for text in texts)
    return sum(one is not None and one.score >= _COUNTS for one in verdicts)


def main() -> int:
    """Print each set; 1 where a count differs."""
    folder = data_folder()
    if folder is None:
        print("evals/safety: THRIFTGATE_DATA is not there; nothing was measured")
        return 0
    kept = json.loads(_RESULTS.read_text(encoding="utf-8"))["words and phrases"]
    groups: Sequence[tuple[str, bool, Mapping[str, list[str]]]] = (
        ("seen", True, read_attacks(folder)),
        ("harmless", False, read_benign(folder)),
    )
    classifier = shipped_classifier("injection")
    differ = 0
    for group, is_attack, sets in groups:
        for name, texts in sets.items():
            tested = [text for text in texts if part_of(name, text, is_attack=is_attack) == "test"]
            hits, before = found(tested, classifier), round(kept[group][name]["share"] * kept[group][name]["n"])
            differ += hits != before
            print(f"{name}: {hits} of {len(tested)}, in results/safety.json {before}", flush=True)
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main())
