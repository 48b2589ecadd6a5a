"""How many small mistakes in the pure floors the unit tests notice: `make mutate`.

1. cosmic-ray lists every mutant of `cascade`, `caching`, `stats` and `limits`: an operator, a number, a condition.
2. A seeded draw takes places in the code, each with the same chance, and one mutant a place.
3. The rooms' own unit tests run once, measured, so that a mutant meets the tests that pass over its line.
4. Each mutant runs in a fork of a process that has collected the tests (`forks.py`); it is killed when a test fails,
   and survives when all pass. No file is written to.

Writes results/mutation.json. A test that needs eight times its usual time, and ten seconds more, counts as failed.
"""

import argparse
import json
import math
import os
import pickle
import re
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import CodeType
from typing import Literal

from evals.mutation.forks import PYTEST, Job, result, run
from evals.mutation.mutants import Module, Mutant, change, sample

from thriftgate.stats import wilson_interval

ROOT = Path(__file__).resolve().parent.parent.parent
RESULTS = Path(__file__).parent / "results"
ROOMS = ("cascade", "caching", "stats", "limits")
Ending = Literal["killed", "survived", "timeout", "error"]
"""`error`: the runner failed, and no test did; such a mutant is neither killed nor alive, and not counted."""


@dataclass(frozen=True, slots=True)
class Ran:
    """What became of a mutant."""

    mutant: Mutant
    ending: Ending
    code: str
    """The line as it was."""
    became: str
    by: str = ""
    """The test that failed first."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """Which tests pass over a line, and how long each takes."""

    tests: Mapping[tuple[str, int], Set[str]]
    at_import: Mapping[str, Set[int]]
    """Lines of a module that run before any test does."""
    seconds: Mapping[str, float]

    def of(self, mutant: Mutant) -> list[str]:
        """The tests that may notice a mutant, quickest first; for what runs at import, all of its room."""
        found = self.tests.get((mutant.module, mutant.line), frozenset[str]())
        if not found or mutant.line in self.at_import.get(mutant.module, ()):
            room = f"tests/unit/{Path(mutant.module).parts[2]}/"
            found = found | {test for test in self.seconds if test.startswith(room)}
        return sorted(found & self.seconds.keys(), key=lambda test: (self.seconds[test], test))


def measure(folders: Sequence[str], work: Path) -> Coverage:
    """Run the rooms' tests once, and note which line each passes over."""
    report, times = work / "coverage.json", work / "times.xml"
    sources = [f"--cov=plugins/thriftgate/{room}" for room in ROOMS]
    command = [*PYTEST, "--hypothesis-profile=mapping", *sources, "--cov-context=test", "--cov-report="]
    data = {"COVERAGE_FILE": str(work / "coverage")}
    _python("-m", "pytest", *command, f"--junitxml={times}", "-o", "junit_family=xunit1", *folders, **data)
    _python("-m", "coverage", "json", "--show-contexts", "-o", str(report), **data)
    seconds = dict(_times(times))
    of_file: dict[str, set[str]] = defaultdict(set)
    for test in seconds:
        of_file[test.partition("::")[0]].add(test)
    tests: dict[tuple[str, int], set[str]] = {}
    at_import: dict[str, set[int]] = defaultdict(set)
    for module, found in json.loads(report.read_text(encoding="utf-8"))["files"].items():
        for line, contexts in found["contexts"].items():
            reached = tests.setdefault((module, int(line)), set())
            for context in contexts:
                test, _, phase = context.rpartition("|")
                # What a fixture of a module makes, all tests of its file may notice.
                reached.update(of_file[test.partition("::")[0]] if phase == "setup" else [test] if test else [])
            if "" in contexts:
                at_import[module].add(int(line))
    return Coverage(tests, at_import, seconds)


def _times(path: Path) -> Iterator[tuple[str, float]]:
    for case in ET.parse(path).iter("testcase"):
        yield f"{case.get('file')}::{case.get('name')}", float(case.get("time") or 0)


def _python(*arguments: str, **variables: str) -> None:
    environment = {**os.environ, **variables}
    subprocess.run([sys.executable, *arguments], cwd=ROOT, env=environment, check=True, stdout=subprocess.DEVNULL)


def jobs_of(drawn: Sequence[Mutant], modules: Mapping[str, Module], coverage: Coverage) -> Iterator[Job]:
    """What is to be run; mutants that are no program, or the same one, are left out."""
    for number, mutant in enumerate(drawn):
        module = modules[mutant.module]
        path = str(module.path)
        try:
            after = compile(module.mutated(mutant), path, "exec")
        except SyntaxError:
            continue
        changed = change(compile(module.source, path, "exec"), after)
        if not changed:
            continue
        at_import = coverage.at_import.get(mutant.module, frozenset[int]())
        runs_early = changed.module or any(not at_import.isdisjoint(_lines(one)) for one, _ in changed.functions)
        tests = coverage.of(mutant)
        limits = {test: 10 + 8 * coverage.seconds[test] for test in tests}
        yield Job(number, module.path, after, () if runs_early else changed.functions, tests, limits)


def _lines(code: CodeType) -> Iterable[int]:
    """Those of a function's body."""
    for _, _, line in code.co_lines():
        if line is not None and line != code.co_firstlineno:
            yield line
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _lines(constant)


def outcomes(drawn: Sequence[Mutant], modules: Mapping[str, Module], jobs: Sequence[Job], work: Path) -> Iterator[Ran]:
    """What became of each mutant, up to the first that was not run: what is quick to run must not count more."""
    for job in jobs:
        told = result(job.number, work)
        if told is None:
            break
        status, failed = told
        mutant = drawn[job.number]
        module = modules[mutant.module]
        lines = zip(module.source.splitlines(), module.mutated(mutant).splitlines(), strict=False)
        code, became = next((one, other) for one, other in lines if one != other)
        ending: Ending = "survived"
        if status:
            ending = "timeout" if os.WIFSIGNALED(status) else "killed" if failed else "error"
        yield Ran(mutant, ending, code.strip(), became.strip(), failed)


def main() -> int:
    """Draw, run, and write what survived."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mutants", type=int, default=150)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--minutes", type=float, default=240, help="begin no further mutant after that")
    parser.add_argument("--only", default="", help="modules whose path matches this; the result is not kept")
    parser.add_argument(
        "--longest", type=float, default=math.inf, help="leave out tests of more seconds: a lower bound, and quick"
    )
    parser.add_argument("--coverage", type=Path, help="which test passes over which line: is read, or else written")
    wanted = parser.parse_args()
    end = time.monotonic() + 60 * wanted.minutes
    os.chdir(ROOT)
    names = [
        str(path.relative_to(ROOT))
        for room in ROOMS
        for path in sorted((ROOT / "plugins/thriftgate" / room).rglob("*.py"))
        if re.search(wanted.only, str(path))
    ]
    modules = {name: Module(ROOT, name) for name in names}
    folders = [f"tests/unit/{room}" for room in ROOMS if any(f"/{room}/" in module for module in names)]
    population = [mutant for module in modules.values() for mutant in module.mutants]
    drawn = sample(population, wanted.mutants, wanted.seed)
    print(f"{len(population)} mutants, {len(drawn)} drawn", flush=True)
    with tempfile.TemporaryDirectory(prefix="mutation-") as folder:
        work = Path(folder)
        if wanted.coverage and wanted.coverage.exists():
            coverage: Coverage = pickle.loads(wanted.coverage.read_bytes())
        else:
            coverage = measure(folders, work)
            if wanted.coverage:
                wanted.coverage.write_bytes(pickle.dumps(coverage))
        print(f"{len(coverage.seconds)} tests measured", flush=True)
        short = {test: seconds for test, seconds in coverage.seconds.items() if seconds <= wanted.longest}
        jobs = list(jobs_of(drawn, modules, replace(coverage, seconds=short)))
        run(jobs, folders, work, wanted.workers, end)
        results = list(outcomes(drawn, modules, jobs, work))
    for ran in results:
        if ran.ending == "survived":
            print(f"{ran.mutant.module}:{ran.mutant.line}: {ran.code}\n    → {ran.became}")
    print(Counter(ran.ending for ran in results))
    if not wanted.only:
        write(results, {"seed": wanted.seed, "drawn": len(drawn), "population": len(population)}, wanted.longest)
    return 0


def write(results: Sequence[Ran], draw: Mapping[str, int], longest: float) -> None:
    """Keep the result where the README and a reader find it."""
    endings = Counter(ran.ending for ran in results)
    judged = len(results) - endings["error"]
    share = wilson_interval(judged - endings["survived"], judged)
    summary: dict[str, object] = {"n": judged, **draw, **endings, "share": asdict(share)}
    if math.isfinite(longest):
        summary["tests_of_seconds_at_most"] = longest
    survivors = [asdict(ran) for ran in results if ran.ending == "survived"]
    RESULTS.mkdir(exist_ok=True)
    text = json.dumps({"summary": summary, "survivors": survivors}, indent=1)
    (RESULTS / "mutation.json").write_text(text + "\n", encoding="utf-8")
    print(json.dumps(summary))


if __name__ == "__main__":
    sys.exit(main())
