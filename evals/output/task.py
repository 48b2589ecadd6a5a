"""Structured output on public data: repair, validation, streams. `make eval ARGS=output`.

Reads `jsonschemabench` and `json_schema_test_suite` under `THRIFTGATE_DATA` (default ../shared/data); drives the code
that serves. Writes results/output.json and output.md.
"""

import argparse
import json
import os
import platform
import random
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import jiter
from evals.output.faults import FAULTS, LOSSES, expected, is_prefix
from json_repair import repair_json
from jsonschema.validators import validator_for  # pyright: ignore[reportUnknownVariableType]

from thriftgate.output.repair import repair
from thriftgate.output.streaming import StreamChecker
from thriftgate.output.verdicts import Repaired, Unfinished
from thriftgate.schemas import Refusal, Schema, Unchecked, compile_schema
from thriftgate.stats import wilson_interval

DATA = Path(os.environ.get("THRIFTGATE_DATA", "../shared/data"))
RESULTS = Path(__file__).parent / "results"
DRAFTS = {
    "2020-12": ("draft2020-12", "https://json-schema.org/draft/2020-12/schema"),
    "7": ("draft7", "http://json-schema.org/draft-07/schema#"),
}


def bench() -> list[dict[str, Any]]:
    with (DATA / "jsonschemabench" / "sample.jsonl").open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def ours(text: str) -> tuple[str, object]:
    result = repair(text)
    if isinstance(result, Repaired):
        return "whole", result.value
    return ("part", result.value) if isinstance(result, Unfinished) else ("none", None)


def bare_library(text: str) -> tuple[str, object]:
    return "whole", repair_json(text, return_objects=True)


def bare_jiter(text: str) -> tuple[str, object]:
    try:
        return "whole", jiter.from_json(text.encode(), partial_mode=True)
    except ValueError:
        return "none", None


REPAIRERS: dict[str, Callable[[str], tuple[str, object]]] = {
    "thriftgate": ours,
    "json-repair alone": bare_library,
    "jiter partial": bare_jiter,
}


def verdict(fault: str, outcome: tuple[str, object], value: Any, broken: str) -> str:
    """exact, silent (passed off as right though it is not), or failed (said so)."""
    kind, got = outcome
    if kind == "none":
        return "failed"
    if fault == "truncated":
        if kind == "whole":
            # A faithful part is what a repairer without a word for "part" can give at best.
            return "unnamed part" if is_prefix(got, value) else "silent"
        return "exact" if got is None or is_prefix(got, value) else "silent"
    if kind == "part":
        return "failed"
    if fault == "inner quotes":
        same = json.dumps(got).replace('\\"', "") == json.dumps(value).replace('\\"', "")
    else:
        same = got == expected(fault, value, broken)
    return "exact" if same else "silent"


def measure_repair(
    rows: list[dict[str, Any]], faults: dict[str, Callable[..., str | None]], per_fault: int, seed: int
) -> dict[str, Any]:
    draw = random.Random(seed)
    values = [
        test["data"] for row in rows for test in row["tests"] if test["valid"] and isinstance(test["data"], dict | list)
    ]
    values = [value for value in values if value]
    counts: dict[str, Counter[str]] = {name: Counter() for name in REPAIRERS}
    by_fault: dict[str, Counter[str]] = {fault: Counter() for fault in faults}
    times: dict[str, list[float]] = {name: [] for name in REPAIRERS}
    for fault, break_it in faults.items():
        for value, broken in _broken(fault, break_it, values, draw, per_fault):
            for name, mend in REPAIRERS.items():
                began = time.process_time()
                outcome = mend(broken)
                times[name].append(time.process_time() - began)
                result = verdict(fault, outcome, value, broken)
                counts[name][result] += 1
                if name == "thriftgate":
                    by_fault[fault][result] += 1
    n = per_fault * len(faults)
    return {
        "n": n,
        "repairers": {
            name: {
                **count,
                "exact_share": _share(count["exact"], n),
                "silent_share": _share(count["silent"], n),
                "cpu_p50_ms": statistics.median(times[name]) * 1e3,
            }
            for name, count in counts.items()
        },
        "by_fault": {fault: dict(count) for fault, count in by_fault.items()},
    }


def _broken(
    fault: str, break_it: Callable[..., str | None], values: list[Any], draw: random.Random, wanted: int
) -> list[tuple[Any, str]]:
    found: list[tuple[Any, str]] = []
    while len(found) < wanted:
        value = draw.choice(values)
        indent = 2 if fault in ("comments", "missing comma") or draw.random() < 0.5 else None
        broken = break_it(json.dumps(value, indent=indent, ensure_ascii=False), draw)
        if broken is None:
            continue
        try:
            json.loads(broken)
        except ValueError:
            found.append((value, broken))
    return found


def measure_validation(rows: list[dict[str, Any]]) -> dict[str, Any]:
    times: dict[str, list[float]] = {"thriftgate": [], "jsonschema": []}
    compiling: list[float] = []
    outcomes: Counter[str] = Counter()
    for row in rows:
        began = time.perf_counter()
        schema = compile_schema(row["schema"])
        compiling.append(time.perf_counter() - began)
        if isinstance(schema, Refusal):
            outcomes[f"refused: {schema.reason.name.lower()}"] += len(row["tests"])
            continue
        other: Any = validator_for(row["schema"])(row["schema"])  # pyright: ignore[reportUnknownVariableType]
        for test in row["tests"]:
            _time_one(schema, other, test, times, outcomes)
    return {
        "schemas": len(rows),
        "instances": sum(len(row["tests"]) for row in rows),
        "outcomes": dict(outcomes),
        "us": {name: _percentiles(values, 1e6) for name, values in times.items()},
        "compile_us": _percentiles(compiling, 1e6),
    }


def _time_one(
    schema: Schema, other: Any, test: dict[str, Any], times: dict[str, list[float]], outcomes: Counter[str]
) -> None:
    data, size = test["data"], len(json.dumps(test["data"]))
    schema.fits(data, characters=size)
    began = time.perf_counter()
    fits = schema.fits(data, characters=size)
    times["thriftgate"].append(time.perf_counter() - began)
    began = time.perf_counter()
    theirs = other.is_valid(data)
    times["jsonschema"].append(time.perf_counter() - began)
    if isinstance(schema.check(data, characters=size), Unchecked):
        outcomes["unchecked"] += 1
    elif fits == theirs:
        outcomes["as jsonschema"] += 1
    else:
        outcomes["not as jsonschema"] += 1
    outcomes["as marked" if fits == test["valid"] else "not as marked"] += 1


def measure_suite() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, (folder, uri) in DRAFTS.items():
        count: Counter[str] = Counter()
        for file in sorted((DATA / "json_schema_test_suite" / folder).glob("*.json")):
            for group in json.loads(file.read_text(encoding="utf-8")):
                raw: Any = group["schema"]
                schema = compile_schema(raw if isinstance(raw, bool) else {"$schema": uri, **raw})
                for test in group["tests"]:
                    if isinstance(schema, Refusal):
                        count[f"refused: {schema.reason.name.lower()}"] += 1
                    else:
                        right = (schema.check(test["data"]) is None) == test["valid"]
                        count["right" if right else "wrong"] += 1
        own = sum(count.values()) - count["refused: outside"]
        found[name] = {**count, "n": sum(count.values()), "of_those_inside": _share(count["right"], own), "inside": own}
    return found


def measure_streams(rows: list[dict[str, Any]], seed: int) -> dict[str, Any]:
    draw = random.Random(seed)
    places: list[float] = []
    counts: Counter[str] = Counter()
    seconds = characters = 0.0
    for row in rows:
        schema = compile_schema(row["schema"])
        if isinstance(schema, Refusal):
            continue
        for data, order in (
            (d, o) for t in row["tests"] for d, o in ((t["data"], "same"), (_shuffled(t["data"], draw), "other"))
        ):
            text, fits = json.dumps(data), schema.fits(data)
            checker, at, found = StreamChecker(schema), 0, None
            began = time.process_time()
            while at < len(text) and found is None:
                step = draw.randint(1, 8)
                found = checker.feed(text[at : at + step])
                at = min(len(text), at + step)
            found = found or checker.flush()
            seconds += time.process_time() - began
            characters += at
            counts[f"{'valid' if fits else 'invalid'}, {order} order"] += 1
            if not checker.is_on:
                counts["not followed"] += 1
            if fits and found is not None:
                counts[f"false alarms, {order} order"] += 1
            if not fits and found is None and checker.is_on:
                counts["missed"] += 1
            if not fits and found is not None:
                places.append(at / len(text))
    valid = counts["valid, same order"] + counts["valid, other order"]
    alarms = counts["false alarms, same order"] + counts["false alarms, other order"]
    return {
        "counts": dict(counts),
        "found_after_share_of_text": _percentiles(places, 1.0),
        "median_interval": _median_interval(places, draw),
        "false_alarms": _share(alarms, valid),
        "cpu_us_per_character": seconds / characters * 1e6,
    }


def _shuffled(value: Any, draw: random.Random) -> Any:
    if isinstance(value, dict):
        named = cast("dict[str, Any]", value)
        return {name: _shuffled(named[name], draw) for name in draw.sample(list(named), len(named))}
    return [_shuffled(one, draw) for one in cast("list[Any]", value)] if isinstance(value, list) else value


def _median_interval(values: list[float], draw: random.Random) -> list[float]:
    medians = sorted(statistics.median(draw.choices(values, k=len(values))) for _ in range(500))
    return [medians[12], medians[487]]


def _share(successes: int, n: int) -> dict[str, float]:
    interval = wilson_interval(successes, n)
    return {"share": successes / n, "low": interval.low, "high": interval.high, "n": n}


def _percentiles(values: list[float], unit: float) -> dict[str, float]:
    ordered = sorted(values)
    return {f"p{p}": ordered[min(len(ordered) - 1, len(ordered) * p // 100)] * unit for p in (50, 95, 99)}


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--per-fault", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    if not (DATA / "jsonschemabench").is_dir():
        print(f"no data at {DATA}: set THRIFTGATE_DATA")
        return 0
    rows = bench()
    found = {
        "machine": f"{platform.machine()}, Python {platform.python_version()}",
        "seed": options.seed,
        "repair": measure_repair(rows, FAULTS, options.per_fault, options.seed),
        "losses": measure_repair(rows, LOSSES, options.per_fault, options.seed + 1),
        "validation": measure_validation(rows),
        "suite": measure_suite(),
        "streams": measure_streams(rows, options.seed),
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "output.json").write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(found, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
