"""Runs the evaluations one after another: every evals/<name>/task.py, or those named on the command line.

Words after the names that begin with a dash go to each task. The speed comparison in evals/benchmarks runs only
when it is named, because it wants the machine to itself.
"""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ONLY_WHEN_NAMED = "benchmarks"


def tasks() -> dict[str, Path]:
    """Every evaluation by name."""
    return {path.parent.name: path for path in sorted((ROOT / "evals").glob("*/task.py"))}


def main(arguments: list[str]) -> int:
    """Run the wanted tasks; returns 1 when one of them failed."""
    known = tasks()
    names: list[str] = []
    while arguments and not arguments[0].startswith("-"):
        names.append(arguments.pop(0))
    if unknown := [name for name in names if name not in known]:
        print(f"no such evaluation: {', '.join(unknown)}; there are {', '.join(known) or 'none'}", file=sys.stderr)
        return 2
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]).strip(os.pathsep),
    }
    failed: list[str] = []
    for name in names or [name for name in known if name != ONLY_WHEN_NAMED]:
        print(f"== {name}", flush=True)
        done = subprocess.run([sys.executable, str(known[name]), *arguments], cwd=ROOT, env=environment, check=False)
        if done.returncode:
            failed.append(name)
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
