"""The shipped weights on the test part of each set, through the guard's own code: `python -m evals.safety.shipped`.

It says whether what is in the package is what `results/safety.json` was measured with: by words and phrases alone, or
with `--vectors` as under `injection.embed`, where the most suspect windows are embedded.
"""

import asyncio
import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from evals.safety.sets import data_folder, read_attacks, read_benign
from evals.safety.train import part_of

from thriftgate.config.sections.guards import GuardsConfig
from thriftgate.guards.classifier import shipped_classifier
from thriftgate.services.guards.inspecting import GuardService
from thriftgate.services.guards.policies import GuardPolicies
from thriftgate.stores.minilm.embedder import LocalEmbedder

_RESULTS = Path(__file__).parent / "results" / "safety.json"
_COUNTS = 0.5
"""The guard's own threshold."""


async def found(texts: Sequence[str], service: GuardService) -> int:
    """How many of the texts are taken for attacks."""
    verdicts = [(await service.explain(text))[2] for text in texts]
    return sum(one is not None and one.score >= _COUNTS for one in verdicts)


async def counted(folder: Path, *, with_vectors: bool) -> int:
    """Print each set; how many counts differ from those that are kept."""
    how = "with the vector" if with_vectors else "words and phrases"
    kept = json.loads(_RESULTS.read_text(encoding="utf-8"))[how]
    groups: Sequence[tuple[str, bool, Mapping[str, list[str]]]] = (
        ("seen", True, read_attacks(folder)),
        ("harmless", False, read_benign(folder)),
    )
    embedder = LocalEmbedder(Path(tempfile.gettempdir()) / "thriftgate-safety") if with_vectors else None
    service = GuardService(
        GuardPolicies(GuardsConfig()),
        injection=partial(shipped_classifier, "injection"),
        toxicity=partial(shipped_classifier, "toxicity"),
        embedder=embedder,
    )
    differ = 0
    for group, is_attack, sets in groups:
        for name, texts in sets.items():
            tested = [text for text in texts if part_of(name, text, is_attack=is_attack) == "test"]
            hits, before = await found(tested, service), round(kept[group][name]["share"] * kept[group][name]["n"])
            differ += hits != before
            print(f"{name}: {hits} of {len(tested)}, in results/safety.json {before}", flush=True)
    if embedder is not None:
        await embedder.close()
    return differ


def main() -> int:
    """1 where a count differs."""
    folder = data_folder()
    if folder is None:
        print("evals/safety: THRIFTGATE_DATA is not there; nothing was measured")
        return 0
    return 1 if asyncio.run(counted(folder, with_vectors="--vectors" in sys.argv)) else 0


if __name__ == "__main__":
    sys.exit(main())
