r"""What looking costs, in CPU: `python -m evals.safety.cost`; writes results/cost.json and prints the table.

Support texts joined to about a hundred tokens (a token is a word or a mark, `\w+|[^\w\s]`), each looked at once by the
code that serves; CPU time of the whole process, so that a busy machine's waiting does not count, but its cold caches
do.
"""

import asyncio
import json
import re
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from evals.privacy.sets import data_folder, read_banking

from thriftgate.config.privacy_policies import Policies
from thriftgate.config.sections.guards import GuardsConfig
from thriftgate.config.sections.privacy import PrivacyConfig
from thriftgate.ports import LoadedEmbedder
from thriftgate.privacy.findings import Text
from thriftgate.proxy.compose.guards import guard_service
from thriftgate.proxy.compose.privacy import engine_loader
from thriftgate.services.guards.inspecting import GuardService, Said
from thriftgate.stores.defender.model import Defender
from thriftgate.stores.presidio.analyzer import PresidioAnalyzer

RESULTS = Path(__file__).parent / "results"
_MODELS = Path(".thriftgate")
_TOKEN = re.compile(r"\w+|[^\w\s]")
_COUNT, _TOKENS, _WARM = 200, 100, 10
_AIMS = {"patterns": 5.0, "patterns and names": 18.0, "unchanged history": 0.1}
Look = Callable[[str], Awaitable[object]]


def texts_of(folder: Path) -> Iterator[tuple[str, int]]:
    """Texts of a hundred tokens or a few more, and how many."""
    parts: list[str] = []
    tokens = 0
    for one in read_banking(folder, 13_000):
        parts.append(one)
        tokens += len(_TOKEN.findall(one))
        if tokens >= _TOKENS:
            yield " ".join(parts), tokens
            parts, tokens = [], 0


async def measured(look: Look, texts: Sequence[tuple[str, int]]) -> dict[str, float]:
    """Milliseconds of CPU per 100 tokens."""
    for text, _ in texts[:_WARM]:
        await look(text)
    spent: list[float] = []
    for text, tokens in texts[_WARM:]:
        begun = time.process_time()
        await look(text)
        spent.append((time.process_time() - begun) * 1000 * 100 / tokens)
    cuts = statistics.quantiles(spent, n=20)
    return {"n": len(spent), "p5": cuts[0], "p50": statistics.median(spent), "p95": cuts[-1]}


def analyzer(*, names: bool) -> PresidioAnalyzer:
    """Privacy's analyzer, with the model for names or without."""
    config = PrivacyConfig(key="evaluation-only-evaluation-only-evaluation", names=names)
    return PresidioAnalyzer(engine_loader(config, Policies(config).kinds, _MODELS))


def guards(model: LoadedEmbedder | None) -> GuardService:
    """Every guard that is there, of requests and of answers."""
    config = GuardsConfig.model_validate({
        "deny": [{"name": "rivals", "words": ["Globex"], "where": "both"}],
        "urls": {"allow": ["example.com"]},
    })  # fmt: skip
    return guard_service(config, base_dir=Path(), model=model, embedder=None, analyzer=None)


async def everything(texts: Sequence[tuple[str, int]]) -> dict[str, Any]:
    """Each part alone, then all of them on the same text."""
    model = Defender(_MODELS)
    patterns, names, both = analyzer(names=False), analyzer(names=True), analyzer(names=True)
    words, shipped, whole = guards(None), guards(model), guards(model)
    policy = words.policies.policy_of("m")
    assert policy is not None

    async def all_of_it(text: str) -> None:
        await both.analyze([Text(text)])
        await whole.request([Said(text, "user")], policy)

    looks: dict[str, Look] = {
        "patterns": lambda text: patterns.analyze([Text(text)]),
        "patterns and names": lambda text: names.analyze([Text(text)]),
        "guards of requests": lambda text: shipped.request([Said(text, "user")], policy),
        "guards of requests, by words alone": lambda text: words.request([Said(text, "user")], policy),
        "the vector of a text": lambda text: model.embed([text]),
        "guards of answers": lambda text: words.answer(text, policy, None),
        "privacy and guards of requests": all_of_it,
        "unchanged history": all_of_it,
    }
    try:
        return {name: await measured(look, texts) for name, look in looks.items()}
    finally:
        await model.close()
        for one in (patterns, names, both):
            one.close()


def main() -> int:
    """Measure, write and print."""
    folder = data_folder()
    if folder is None:
        print("evals/safety: THRIFTGATE_DATA is not there; nothing was measured")
        return 0
    found = asyncio.run(everything(list(texts_of(folder))[: _COUNT + _WARM]))
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "cost.json").write_text(json.dumps({"ms of CPU per 100 tokens": found}, indent=1) + "\n")
    for name, one in found.items():
        aim = f"{_AIMS[name]:g}" if name in _AIMS else "-"
        print(f"| {name} | {one['n']} | {one['p5']:.2f} | {one['p50']:.2f} | {one['p95']:.2f} | {aim} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
