"""Attacks planted in what retrieval, tools and models give back: `python -m evals.safety.planted`.

Through the guard's own code, with `--words` by words alone. Prints the counts and writes results/planted.json.

Each short attack of the test quarters of six sources stands as a paragraph in the middle of a harmless text that is
not trained on: passages, answers on passages, news and tools' results in turn. Beside them the same texts without an
attack, and how many attacks are found where the text alone is not.
"""

import asyncio
import json
import random
import sys
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from evals.safety.sets import data_folder, read_attacks, read_benign
from evals.safety.shipped import explained
from evals.safety.train import part_of, share

from thriftgate.config.sections.guards import GuardsConfig
from thriftgate.guards.classifier import shipped_classifier
from thriftgate.services.guards.inspecting import GuardService
from thriftgate.services.guards.policies import GuardPolicies
from thriftgate.stores.defender.model import Defender

_RESULTS = Path(__file__).parent / "results" / "planted.json"
SOURCES = ("Gandalf", "S-Labs", "SaTML", "deepset", "neuralchemy", "seven languages")
AROUND = ("passages", "answers on passages", "news", "tool results")
_SHORT = 300
_COUNTS = 0.5


def planted(folder: Path) -> list[tuple[str, str, str]]:
    """Source of the attack, the harmless text, and the same with the attack in it."""
    draw = random.Random(17)
    attacks, harmless = read_attacks(folder), read_benign(folder)
    around = [[text for text in harmless[name] if part_of(name, text, is_attack=False) == "test"] for name in AROUND]
    found: list[tuple[str, str, str]] = []
    for source in SOURCES:
        for attack in attacks.get(source, ()):
            if len(attack) <= _SHORT and part_of(source, attack, is_attack=True) == "test":
                text = draw.choice(around[len(found) % len(around)])
                middle = text.find(" ", len(text) // 2)
                found.append((source, text, f"{text[:middle]}\n{attack}\n{text[middle:]}"))
    return found


async def over(texts: Sequence[str], service: GuardService) -> list[bool]:
    """Whether each text is taken for an attack."""
    worst = [(await explained(text, service)).worst for text in texts]
    return [one is not None and one.score >= _COUNTS for one in worst]


async def measured(folder: Path, model: Defender | None) -> dict[str, Any]:
    """Shares with their intervals."""
    service = GuardService(
        GuardPolicies(GuardsConfig()),
        injection=partial(shipped_classifier, "injection"),
        toxicity=partial(shipped_classifier, "toxicity"),
        model=model,
    )
    cases = planted(folder)
    alone = await over([text for _, text, _ in cases], service)
    hits = await over([text for _, _, text in cases], service)
    quiet = [hit for hit, loud in zip(hits, alone, strict=True) if not loud]
    return {
        "found": share(sum(hits), len(hits)),
        "found where the text alone is not": share(sum(quiet), len(quiet)),
        "texts that are over the threshold without any attack": share(sum(alone), len(alone)),
        "by source": {
            name: share(sum(hit for hit, one in zip(hits, cases, strict=True) if one[0] == name), count)
            for name in SOURCES
            if (count := sum(one[0] == name for one in cases))
        },
    }


async def run(folder: Path, *, by_words: bool) -> dict[str, Any]:
    """With the model or without."""
    model = None if by_words else Defender(Path(tempfile.gettempdir()) / "thriftgate-safety")
    try:
        return await measured(folder, model)
    finally:
        if model is not None:
            await model.close()


def main() -> int:
    """Measure, print and keep."""
    folder = data_folder()
    if folder is None:
        print("evals/safety: THRIFTGATE_DATA is not there; nothing was measured")
        return 0
    by_words = "--words" in sys.argv
    found = asyncio.run(run(folder, by_words=by_words))
    kept: dict[str, Any] = json.loads(_RESULTS.read_text(encoding="utf-8")) if _RESULTS.exists() else {}
    kept["words and phrases" if by_words else "with the vector"] = found
    _RESULTS.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(found, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
