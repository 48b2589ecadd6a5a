"""How much personal data is found, what is masked that is none, and whether values come back: `make eval ARGS=privacy`.

The code that serves (engine, policy, restoring) beside Presidio's own recognizers without a language model, and the
patterns of LiteLLM's content filter. Writes results/privacy.json and results/table.md.
"""

import json
import random
import sys
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from evals.privacy.baselines import Finder, litellm_finder, ours_finder, presidio_finder
from evals.privacy.restoration import restoration_failures
from evals.privacy.sets import (
    Labelled,
    data_folder,
    fresh_names,
    names_beside_a_capital,
    own_names,
    read_banking,
    read_named,
)
from evals.privacy.structured import KINDS, Case, cases, lookalikes

from thriftgate.stats import wilson_interval

RESULTS = Path(__file__).parent / "results"
LANGUAGES = ("en", "de", "fr", "es", "it", "nl", "pt")
HALVES = ("read", "held", "new")
PER_KIND, LOOKALIKES, BENIGN, RESTORATIONS = 400, 600, 1_000, 10_000


def covered(case: Case, finder: Finder) -> bool:
    """True when every character of the value is inside a finding, of whatever kind."""
    return _share(case.start, case.end, finder(case.text)) == 1.0


def _share(start: int, end: int, spans: Sequence[tuple[int, int, str]]) -> float:
    hidden = {place for first, last, _ in spans for place in range(max(start, first), min(end, last))}
    return len(hidden) / (end - start)


def scored(texts: Sequence[Labelled], kind: str, finder: Finder) -> dict[str, float]:
    """Recall (at least half covered by the kind), precision, F2, and how many values are covered whole."""
    hits = whole = total = good = found = 0
    for one in texts:
        spans = [span for span in finder(one.text) if span[2] == kind]
        gold = [(start, end) for start, end, name in one.spans if name == kind]
        accepted = [(start, end) for start, end, name in one.spans if name in {kind, *one.also}]
        total += len(gold)
        shares = [_share(start, end, spans) for start, end in gold]
        hits += sum(share >= 0.5 for share in shares)
        whole += sum(share == 1.0 for share in shares)
        found += len(spans)
        good += sum(_share(start, end, [(*place, kind) for place in accepted]) >= 0.5 for start, end, _ in spans)
    recall, precision = hits / max(1, total), good / max(1, found)
    f2 = 5 * precision * recall / max(1e-9, 4 * precision + recall)
    interval = wilson_interval(hits, max(1, total))
    return {
        "n": total,
        "recall": recall,
        "low": interval.low,
        "high": interval.high,
        "precision": precision,
        "f2": f2,
        "whole": whole / max(1, total),
    }


def main() -> int:
    """Measure everything that the data at hand allows."""
    finders: dict[str, Finder] = {
        "thriftgate": ours_finder(),
        "presidio": presidio_finder(),
        "litellm": litellm_finder(),
    }
    results: dict[str, Any] = {"structured": {}, "lookalikes": {}, "benign": {}, "named": {}, "cpu_ms": {}}
    values, others = cases(PER_KIND), lookalikes(LOOKALIKES)
    for name, finder in finders.items():
        begun = time.process_time()
        for kind in KINDS:
            wanted = [case for case in values if case.kind == kind]
            hits = sum(covered(case, finder) for case in wanted)
            results["structured"].setdefault(kind, {})[name] = {
                "n": len(wanted),
                "hits": hits,
                **_interval(hits, len(wanted)),
            }
        hits = sum(bool(finder(text)) for text in others)
        results["lookalikes"][name] = {"n": len(others), "hits": hits, **_interval(hits, len(others))}
        results["cpu_ms"][name] = 1000 * (time.process_time() - begun) / (len(values) + len(others))
        print(name, json.dumps({kind: row[name]["hits"] for kind, row in results["structured"].items()}), flush=True)
    folder = data_folder()
    if folder is None:
        print("the shared data is not there (THRIFTGATE_DATA): names, addresses and benign text are left out")
    else:
        ours = {name: finder for name, finder in finders.items() if name != "litellm"}
        for name, (kind, texts) in {
            **read_named(folder),
            **{f"own {lang}": ("PERSON", own_names(lang)) for lang in LANGUAGES},
            **{f"fresh {lang}, {half}": ("PERSON", fresh_names(lang, half)) for half in HALVES for lang in LANGUAGES},
            **{
                f"fresh {lang}, {half}, lower case": ("PERSON", fresh_names(lang, half, lower=True))
                for half in HALVES
                for lang in LANGUAGES
            },
            **{
                f"fresh {lang}, {half}, lower case, one capital": ("PERSON", names_beside_a_capital(lang, half))
                for half in HALVES
                for lang in LANGUAGES
            },
        }.items():
            results["named"][f"{name}: {kind}"] = {who: scored(texts, kind, finder) for who, finder in ours.items()}
            print(name, kind, json.dumps(results["named"][f"{name}: {kind}"]), flush=True)
        benign = read_banking(folder, BENIGN)
        for name, finder in ours.items():
            hits = sum(bool(finder(text)) for text in benign)
            results["benign"][name] = {"n": len(benign), "hits": hits, **_interval(hits, len(benign))}
    failures = restoration_failures(RESTORATIONS, random.Random(5))
    results["restoration"] = {"n": RESTORATIONS, "wrong": failures}
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "privacy.json").write_text(json.dumps(results, indent=1) + "\n")
    (RESULTS / "table.md").write_text(_table(results))
    print(_table(results))
    return 0


def _interval(hits: int, n: int) -> dict[str, float]:
    interval = wilson_interval(hits, n)
    return {"low": interval.low, "high": interval.high}


def _table(results: dict[str, Any]) -> str:
    who = ["thriftgate", "presidio", "litellm"]
    lines = ["| fully covered | n | thriftgate | Presidio, no model | LiteLLM's patterns |", "|---|---|---|---|---|"]
    rows = {
        **results["structured"],
        "look-alikes masked": results["lookalikes"],
        "benign questions with a finding": results["benign"],
    }
    for kind, row in rows.items():
        if row:
            cells = [_cell(row[name]) if name in row else "-" for name in who]
            lines.append(f"| {kind} | {row['thriftgate']['n']} | {' | '.join(cells)} |")
    lines += [
        "",
        "| names and addresses | n | recall | precision | F2 | whole | Presidio's F2 |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, row in results["named"].items():
        ours = row["thriftgate"]
        lines.append(
            f"| {name} | {ours['n']} | {ours['recall']:.3f} [{ours['low']:.3f}, {ours['high']:.3f}] "
            f"| {ours['precision']:.3f} | {ours['f2']:.3f} | {ours['whole']:.3f} | {row['presidio']['f2']:.3f} |"
        )
    lines += ["", f"Restored wrongly: {results['restoration']['wrong']} of {results['restoration']['n']}."]
    return "\n".join(lines) + "\n"


def _cell(row: dict[str, Any]) -> str:
    return f"{row['hits'] / row['n']:.3f} [{row['low']:.3f}, {row['high']:.3f}]"


if __name__ == "__main__":
    if find_spec("presidio_analyzer") is None:
        sys.exit("presidio-analyzer is not installed: run `uv sync`")
    sys.exit(main())
