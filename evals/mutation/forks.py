"""Run the tests that may notice a mistake, in a fork of a process that has collected them already.

A mistake inside a function is put into the functions of the running process, in a fork of it: that takes milliseconds.
What runs when a module is imported (a constant, a default, a decorator, whatever such a line calls) needs the import
itself: a fork of a process that has imported other people's libraries only, reads the module with the mistake in it,
and collects the tests anew.
"""

import gc
import importlib
import json
import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, FunctionType
from typing import NoReturn

import pytest

PYTEST = ("-q", "-s", "-p", "evals.mutation.quick", "-p", "no:cacheprovider", "-p", "no:randomly")
AGAIN = ("-W", "ignore::pytest.PytestAssertRewriteWarning")
"""Hypothesis is imported already, and nothing of it is to be rewritten."""
MUTANTS = (*PYTEST, *AGAIN, "--hypothesis-profile=mutants")
HEAVY = ("hypothesis.strategies", "numpy", "pydantic", "scipy.special", "scipy.stats", "sklearn.metrics", "yaml")
MEMORY = 8 << 30
"""A list without an end must not take the machine's memory."""


@dataclass(frozen=True, slots=True)
class Job:
    """One mistake, put so that it can be run."""

    number: int
    path: Path
    code: CodeType
    """The whole module's, with the mistake."""
    functions: Sequence[tuple[CodeType, CodeType]]
    """What is to be exchanged in a process that has imported the module; empty when the import itself is changed."""
    tests: Sequence[str]
    """Those that may notice it, the quickest first."""
    limits: Mapping[str, float]
    """Seconds of a processor that a test may take."""


def run(jobs: Sequence[Job], folders: Sequence[str], work: Path, workers: int, end: float) -> None:
    """Run all jobs whose turn comes before `end`; `result` reads what became of each.

    One worker imports anew, the others (at least one) exchange functions.
    """
    for name in HEAVY:
        with suppress(ImportError):
            importlib.import_module(name)
    child = os.fork()
    if child == 0:
        ending = 1
        try:
            quick = [job for job in jobs if job.functions]
            server = _Server(quick, work, max(1, workers - 1), end)
            ending = int(pytest.main([*MUTANTS, *folders], plugins=[server]))
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(ending)
    anew = os.fork()
    if anew == 0:
        try:
            _each([job for job in jobs if not job.functions], _anew, work, 1, end)
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    os.waitpid(anew, 0)
    if status:
        raise RuntimeError("the tests cannot be collected")


def result(number: int, work: Path) -> tuple[int, str] | None:
    """How a job's process ended, as `os.wait` says it, and which test failed; None for one that never began."""
    path = work / f"{number}.json"
    return tuple(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else None


class _Server:
    """A plugin of pytest that forks after the collection, instead of running tests."""

    def __init__(self, jobs: Sequence[Job], work: Path, workers: int, end: float) -> None:
        self._jobs, self._work, self._workers, self._end = jobs, work, workers, end

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        if session.testsfailed:
            raise RuntimeError("the tests cannot be collected")
        functions: dict[tuple[str, str, int], list[FunctionType]] = {}
        for one in gc.get_objects():
            if type(one) is FunctionType:
                functions.setdefault(_name(one.__code__), []).append(one)
        gc.freeze()

        def exchanged(job: Job) -> str:
            for before, after in job.functions:
                for function in functions[_name(before)]:
                    function.__code__ = after
            return _first_failure(session, job)

        _each(self._jobs, exchanged, self._work, self._workers, self._end)
        return True


def _name(code: CodeType) -> tuple[str, str, int]:
    return code.co_filename, code.co_qualname, code.co_firstlineno


def _first_failure(session: pytest.Session, job: Job) -> str:
    """The first test that fails; empty when all pass. A signal ends the process when one takes too long."""
    found = {item.nodeid: item for item in session.items}
    items = [found[test] for test in job.tests if test in found]
    for item, following in zip(items, [*items[1:], None], strict=True):
        signal.setitimer(signal.ITIMER_VIRTUAL, job.limits[item.nodeid])
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if session.testsfailed:
            return item.nodeid
    return ""


def _anew(job: Job) -> str:
    """Import and collect with the mistake, and run."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "thriftgate"]:
        del sys.modules[name]
    read = SourceFileLoader.get_code

    def get_code(self: SourceFileLoader, fullname: str) -> CodeType | None:
        return job.code if Path(self.path) == job.path else read(self, fullname)

    SourceFileLoader.get_code = get_code
    failed = "collection"

    class Loop:
        def pytest_runtestloop(self, session: pytest.Session) -> bool:
            nonlocal failed
            if not session.testsfailed:
                failed = _first_failure(session, job)
            return True

    signal.setitimer(signal.ITIMER_VIRTUAL, 60)
    pytest.main([*MUTANTS, *sorted({test.partition("::")[0] for test in job.tests})], plugins=[Loop()])
    return failed


def _each(jobs: Sequence[Job], first_failure: Callable[[Job], str], work: Path, workers: int, end: float) -> None:
    waiting, running = list(reversed(jobs)), dict[int, Job]()
    while running or (waiting and time.monotonic() < end):
        while waiting and len(running) < workers and time.monotonic() < end:
            job = waiting.pop()
            child = os.fork()
            if child == 0:
                _in_child(job, first_failure, work)
            running[child] = job
        child, status = os.wait()
        job = running.pop(child)
        failed = work / f"{job.number}.failed"
        told = [status, failed.read_text(encoding="utf-8") if failed.exists() else ""]
        (work / f"{job.number}.json").write_text(json.dumps(told), encoding="utf-8")
        print(end="." if status else "S", file=sys.stderr, flush=True)


def _in_child(job: Job, first_failure: Callable[[Job], str], work: Path) -> NoReturn:
    """Ends with 0 when every test passed, with 1 when one failed, by a signal when one took too long."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    os.dup2(nothing, 2)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    ending = 1
    try:
        failed = first_failure(job)
        (work / f"{job.number}.failed").write_text(failed, encoding="utf-8")
        ending = int(bool(failed))
    finally:
        os._exit(ending)
