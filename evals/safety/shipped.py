"""The shipped weights on the test part of each set, through the guard's own code: `python -m evals.safety.shipped`.

It says whether what is in the package is what `results/safety.json` was measured with: with the vector, or with
`--words` by words and phrases alone (`injection.model: none`). How many texts the model was asked about stands beside.
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
from evals.safety.wider import read_wider

from thriftgate.config.sections.guards import GuardsConfig
from thriftgate.guards.classifier import shipped_classifier
from thriftgate.services.guards.explaining import Explanation
from thriftgate.services.guards.inspecting import GuardService, Said
from thriftgate.services.guards.policies import GuardPolicies
from thriftgate.stores.defender.model import Defender

_RESULTS = Path(__file__).parent / "results" / "safety.json"
_COUNTS = 0.5
"""The guard's own threshold."""


async def explained(text: str, service: GuardService) -> Explanation:
    """How a user's text is judged for attacks."""
    policy = service.policies.policy_of("")
    assert policy is not None, "nothing differs for any model"
    told = (await service.explain(Said(text, "user"), policy))[1]
    assert told is not None, "attacks are looked for"
    return told


async def found(texts: Sequence[str], service: GuardService) -> tuple[int, int]:
    """How many of the texts are taken for attacks, and of how many the model was asked."""
    told = [await explained(text, service) for text in texts]
    hits = sum(one.worst is not None and one.worst.score >= _COUNTS for one in told)
    return hits, sum(bool(one.asked) for one in told)


async def counted(folder: Path, *, by_words: bool) -> int:
    """Print each set; how many counts differ from those that are kept."""
    how = "words and phrases" if by_words else "with the vector"
    kept = json.loads(_RESULTS.read_text(encoding="utf-8"))[how]
    groups: Sequence[tuple[str, bool, Mapping[str, list[str]]]] = (
        ("seen", True, read_attacks(folder)),
        ("harmless", False, read_benign(folder) | read_wider(folder)),
    )
    model = None if by_words else Defender(Path(tempfile.gettempdir()) / "thriftgate-safety")
    service = GuardService(
        GuardPolicies(GuardsConfig()),
        injection=partial(shipped_classifier, "injection"),
        toxicity=partial(shipped_classifier, "toxicity"),
        model=model,
    )
    differ = 0
    for group, is_attack, sets in groups:
        for name, texts in sets.items():
            tested = [text for text in texts if part_of(name, text, is_attack=is_attack) == "test"]
            (hits, asked), before = await found(tested, service), kept[group][name]
            before = round(before["share"] * before["n"])
            differ += hits != before
            words = f"in results/safety.json {before}; the model was asked about {asked}"
            print(f"{name}: {hits} of {len(tested)}, {words}", flush=True)
    if model is not None:
        await model.close()
    return differ


def main() -> int:
    """1 where a count differs."""
    folder = data_folder()
    if folder is None:
        print("evals/safety: THRIFTGATE_DATA is not there; nothing was measured")
        return 0
    return 1 if asyncio.run(counted(folder, by_words="--words" in sys.argv)) else 0


if __name__ == "__main__":
    sys.exit(main())
