"""How many small mistakes in the pure floors the unit tests notice: `make mutate`.

1. cosmic-ray lists every mutant of `cascade`, `caching`, `stats` and `limits`: an operator, a number, a condition.
2. A seeded draw takes places in the code, each with the same chance, and one mutant a place.
3. The rooms' own unit tests run once, measured, so that a mutant meets the tests that pass over its line.
4. Each mutant is put into a copy of the repository; it is killed when a test fails, and survives when all pass.

Left out: `|` between types, `is` for `==` on values, and the keywords of `@dataclass` (frozen, slots, …), which
change nothing that a right program could notice.
Writes results/mutation.json. A test that needs five times its usual time, and two minutes more, counts as failed.
"""

import argparse
import json
import os
import random
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Literal

from thriftgate.stats import wilson_interval

ROOT = Path(__file__).resolve().parent.parent.parent
RESULTS = Path(__file__).parent / "results"
ROOMS = ("cascade", "caching", "stats", "limits")
IDENTITY = re.compile(r"ReplaceComparisonOperator_(?!Is)\w+_Is|ReplaceComparisonOperator_Is(?:Not)?_(?!Is)|_BitOr_")
PYTEST = ("-q", "-p", "evals.mutation.quick", "-p", "no:cacheprovider", "-p", "no:randomly")
Ending = Literal["killed", "survived", "timeout", "not covered"]


@dataclass(frozen=True, slots=True, order=True)
class Mutant:
    """One small mistake: an operator of cosmic-ray, and where it is put."""

    module: str
    line: int
    column: int
    operator: str
    occurrence: int


@dataclass(frozen=True, slots=True)
class Ran:
    """What became of a mutant."""

    mutant: Mutant
    ending: Ending
    code: str
    """The line as it was."""
    by: str = ""
    """The test that failed first."""


@dataclass(slots=True)
class Coverage:
    """Which tests pass over a line, and how long each takes."""

    tests: dict[tuple[str, int], set[str]]
    seconds: dict[str, float]

    def of(self, mutant: Mutant) -> list[str]:
        """The tests that may notice a mutant, quickest first; for what runs at import, all of its room."""
        found = self.tests.get((mutant.module, mutant.line), set())
        if not found:
            room = f"tests/unit/{Path(mutant.module).parts[2]}/"
            found = {test for test in self.seconds if test.startswith(room)}
        return sorted(found, key=lambda test: (self.seconds.get(test, 0.0), test))


def mutants(work: Path) -> list[Mutant]:
    """Every mutant that cosmic-ray makes of the rooms."""
    config, session = work / "cosmic.toml", work / "session.sqlite"
    paths = json.dumps([f"plugins/thriftgate/{room}" for room in ROOMS])
    config.write_text(
        f'[cosmic-ray]\nmodule-path = {paths}\ntimeout = 60.0\nexcluded-modules = []\ntest-command = "true"\n'
        '[cosmic-ray.distributor]\nname = "local"\n',
        encoding="utf-8",
    )
    _tool("cosmic-ray", "init", "--force", str(config), str(session), cwd=ROOT)
    wanted = "SELECT module_path, start_pos_row, start_pos_col, operator_name, occurrence FROM mutation_specs"
    with sqlite3.connect(session) as rows:
        found = sorted(Mutant(*row) for row in rows.execute(wanted) if not IDENTITY.search(row[3]))
    return [mutant for mutant in found if not _is_of_keywords(mutant)]


def _is_of_keywords(mutant: Mutant) -> bool:
    """Whether it turns off `frozen`, `slots` or `kw_only`."""
    line = (ROOT / mutant.module).read_text(encoding="utf-8").splitlines()[mutant.line - 1]
    return mutant.operator.endswith("ReplaceTrueWithFalse") and line.lstrip().startswith("@dataclass(")


def sample(population: Sequence[Mutant], size: int, seed: int) -> list[Mutant]:
    """Places, each with the same chance, and one mutant a place."""
    places: dict[tuple[str, int, int], list[Mutant]] = defaultdict(list)
    for mutant in population:
        places[mutant.module, mutant.line, mutant.column].append(mutant)
    draw = random.Random(seed)
    return [draw.choice(places[place]) for place in draw.sample(sorted(places), min(size, len(places)))]


def measure(copy: Path, work: Path) -> Coverage:
    """Run the rooms' tests once, and note which line each passes over."""
    folders = [f"tests/unit/{room}" for room in ROOMS]
    sources = [f"--cov=plugins/thriftgate/{room}" for room in ROOMS]
    report, times = work / "coverage.json", work / "times.xml"
    command = [*PYTEST, "--hypothesis-profile=mapping", *sources, "--cov-context=test", "--cov-report="]
    _python("-m", "pytest", *command, f"--junitxml={times}", "-o", "junit_family=xunit1", *folders, cwd=copy)
    _python("-m", "coverage", "json", "--show-contexts", "-o", str(report), cwd=copy)
    tests: dict[tuple[str, int], set[str]] = {}
    for module, found in json.loads(report.read_text(encoding="utf-8"))["files"].items():
        for line, contexts in found["contexts"].items():
            tests[module, int(line)] = {context.rpartition("|")[0] for context in contexts if context.endswith("|run")}
    return Coverage(tests, dict(_times(times)))


def _times(path: Path) -> Iterator[tuple[str, float]]:
    for case in ET.parse(path).iter("testcase"):
        yield f"{case.get('file')}::{case.get('name')}", float(case.get("time") or 0)


def run(mutant: Mutant, copy: Path, coverage: Coverage) -> Ran:
    """Put one mutant into a copy, run the tests that may notice it, and take it out again."""
    path = copy / mutant.module
    before = path.read_text(encoding="utf-8")
    code = before.splitlines()[mutant.line - 1].strip()
    tests = coverage.of(mutant)
    if not tests:
        return Ran(mutant, "not covered", code)
    _tool("cosmic-ray", "apply", mutant.module, mutant.operator, str(mutant.occurrence), cwd=copy)
    try:
        limit = 120 + 5 * sum(coverage.seconds.get(test, 0.0) for test in tests)
        command = [sys.executable, "-m", "pytest", *PYTEST, "-x", "--hypothesis-profile=mutants", *tests]
        done = subprocess.run(command, cwd=copy, env=_environment(copy), capture_output=True, text=True, timeout=limit)
    except subprocess.TimeoutExpired:
        return Ran(mutant, "timeout", code)
    finally:
        path.write_text(before, encoding="utf-8")
    failed = re.search(r"^(?:FAILED|ERROR) (\S+)", done.stdout, re.MULTILINE)
    return Ran(mutant, "killed" if done.returncode else "survived", code, failed[1] if failed else "")


def _environment(copy: Path) -> dict[str, str]:
    path = os.pathsep.join([str(copy / "plugins"), str(copy), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    return {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}


def _python(*arguments: str, cwd: Path) -> None:
    subprocess.run([sys.executable, *arguments], cwd=cwd, env=_environment(cwd), check=True, stdout=subprocess.DEVNULL)


def _tool(name: str, *arguments: str, cwd: Path) -> None:
    beside = Path(sys.executable).parent / name
    program = str(beside) if beside.exists() else shutil.which(name) or name
    subprocess.run([program, *arguments], cwd=cwd, env=_environment(cwd), check=True, stdout=subprocess.DEVNULL)


def copy_of_the_repository(target: Path) -> Path:
    """The files that git knows, where a mutant harms nobody."""
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True).stdout
    for name in filter(None, listing.split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
    return target


def main() -> int:
    """Draw, run, and write what survived."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mutants", type=int, default=150)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--minutes", type=float, default=240, help="begin no further mutant after that")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mutation-") as folder:
        work = Path(folder)
        population = mutants(work)
        drawn = sample(population, wanted.mutants, wanted.seed)
        copies: SimpleQueue[Path] = SimpleQueue()
        for number in range(wanted.workers):
            copies.put(copy_of_the_repository(work / f"copy{number}"))
        print(f"{len(population)} mutants, {len(drawn)} drawn", flush=True)
        coverage = measure(work / "copy0", work)
        print(f"{len(coverage.seconds)} tests measured", flush=True)
        end = time.monotonic() + 60 * wanted.minutes

        def one(mutant: Mutant) -> Ran | None:
            if time.monotonic() > end:
                return None
            copy = copies.get()
            try:
                ran = run(mutant, copy, coverage)
            finally:
                copies.put(copy)
            print(f"{ran.ending}: {mutant.module}:{mutant.line} {mutant.operator}: {ran.code}", flush=True)
            return ran

        with ThreadPoolExecutor(wanted.workers) as pool:
            results = [ran for ran in pool.map(one, drawn) if ran is not None]
    write(results, population=len(population), seed=wanted.seed)
    return 0


def write(results: Sequence[Ran], *, population: int, seed: int) -> None:
    """Keep the result where the README and a reader find it."""
    endings = Counter(ran.ending for ran in results)
    killed = endings["killed"] + endings["timeout"]
    share = wilson_interval(killed, len(results))
    summary = {"n": len(results), "seed": seed, "population": population, **endings, "share": asdict(share)}
    survivors = [asdict(ran) for ran in results if ran.ending not in {"killed", "timeout"}]
    RESULTS.mkdir(exist_ok=True)
    text = json.dumps({"summary": summary, "survivors": survivors}, indent=1)
    (RESULTS / "mutation.json").write_text(text + "\n", encoding="utf-8")
    print(json.dumps(summary))


if __name__ == "__main__":
    sys.exit(main())
