"""What the demo's support desk saves, and what that costs in quality: `make eval ARGS=demo`.

Starts the gateway with the shipped configuration and the offline demo provider, labels questions of other days, and
calibrates a promise of 2 % on them. Then the days of five seeds are driven through both configurations, each on an
empty cache, and through the strong model alone.

Writes results/demo.json and demo.md.
"""

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from thriftgate.stats import mean_interval, wilson_interval

ROOT = Path(__file__).resolve().parents[2]
RESULTS = Path(__file__).parent / "results"
DAYS = 4
"""Of each run, as many as `thriftgate demo` has by itself; runs share none."""
SHIPPED = "          accept_at: 0.9\n"
PROMISED = "          max_quality_loss: 0.02\n          artefact: support.json\n"
LABEL_SEED, LABEL_REQUESTS = 1000, 4000


def thriftgate(folder: Path, *arguments: str) -> str:
    """Run one command in `folder`; what it printed. Raises when it fails."""
    argv = [sys.executable, "-m", "thriftgate", *arguments]
    done = subprocess.run(argv, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(
            f"thriftgate {' '.join(arguments)} ended with {done.returncode}: {done.stderr[-2000:]}{done.stdout[:2000]}"
        )
    return done.stdout


@contextmanager
def gateway(folder: Path, config: str) -> Generator[str]:
    """`thriftgate up` with this configuration; its address."""
    port, demo_port = free_port(), free_port()
    argv = [sys.executable, "-m", "thriftgate", "up", "--demo", "--config", config]
    argv += ["--port", str(port), "--demo-port", str(demo_port)]
    with (folder / "up.log").open("w", encoding="utf-8") as log:
        process = subprocess.Popen(argv, cwd=folder, stdout=log, stderr=subprocess.STDOUT)
        try:
            url = f"http://localhost:{port}"
            wait_until_ready(url, process, folder / "up.log")
            yield url
        finally:
            process.terminate()
            process.wait(60)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Return when the gateway answers. Raises RuntimeError when it ends instead."""
    while process.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/health/liveliness", timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.5)
    raise RuntimeError(f"the gateway ended: {log.read_text(encoding='utf-8')[-2000:]}")


def calibrated(folder: Path) -> str:
    """Label questions through the shipped configuration and calibrate; what was proved, in words."""
    with gateway(folder, "litellm_config.yaml") as url:
        arguments = ["--seed", str(LABEL_SEED), "--requests", str(LABEL_REQUESTS)]
        thriftgate(folder, "demo", "--base-url", url, "--labels", "labels.jsonl", *arguments)
    with (folder / "labels.jsonl").open(encoding="utf-8") as lines:
        version: str = json.loads(next(lines))["prompt_version"]
    setting = ["--config", "litellm_config.yaml", "--route", "support", "--prompt-version", version]
    found = json.loads(
        thriftgate(folder, "cascade", "calibrate", "labels.jsonl", *setting, "--write", "support.json", "--json")
    )
    return str(found["guarantee"]["words"])


def days(folder: Path, config: str, seeds: range, requests: int) -> list[dict[str, Any]]:
    """The bill of each day, each on an empty cache."""
    bills: list[dict[str, Any]] = []
    with gateway(folder, config) as url:
        for seed in seeds:
            thriftgate(folder, "cache", "purge", "--everything", "--yes", "--config", config)
            arguments = ["--base-url", url, "--seed", str(seed * DAYS), "--days", str(DAYS)]
            arguments += ["--requests", str(requests)]
            bills.append(json.loads(thriftgate(folder, "demo", "--json", *arguments)))
            print(f"{config}: day {seed}", flush=True)
    return bills


def summary(bills: list[dict[str, Any]]) -> dict[str, Any]:
    """All days together. Savings with Student's interval over the days, quality with Wilson's over the requests."""
    saved = mean_interval([bill["comparison"]["saved_share"]["estimate"] for bill in bills])
    right, strong = (
        sum(bill["comparison"][side]["right"] for bill in bills) for side in ("quality", "baseline_quality")
    )
    n = sum(bill["comparison"]["n"] for bill in bills)
    losses = [
        (bill["comparison"]["baseline_quality"]["right"] - bill["comparison"]["quality"]["right"])
        / bill["comparison"]["n"]
        for bill in bills
    ]
    lost = mean_interval(losses)
    return {
        "days": len(bills),
        "n": n,
        "saved": [saved.estimate, saved.low, saved.high],
        "right": [right / n, *_ends(right, n)],
        "strong_right": [strong / n, *_ends(strong, n)],
        "lost": [lost.estimate, lost.low, lost.high],
        "lost_by_day": losses,
        "false_hits": sum(bill["false_hits"] for bill in bills),
        "traps": sum(bill["traps"] for bill in bills),
        "p50_ms": [round(1e3 * bill["comparison"]["latency"]["p50"]) for bill in bills],
        "strong_p50_ms": [round(1e3 * bill["comparison"]["baseline_latency"]["p50"]) for bill in bills],
    }


def _ends(right: int, n: int) -> tuple[float, float]:
    interval = wilson_interval(right, n)
    return interval.low, interval.high


def table(found: dict[str, Any]) -> str:
    """The results in Markdown."""
    lines = [
        "| | saved [95 %] | judged right [95 %] | always strong | lost per run [95 %] | false hits on traps |",
        "|---|---|---|---|---|---|",
    ]
    for name, row in found["configurations"].items():
        cells = [_percent(row[key]) for key in ("saved", "right", "strong_right", "lost")]
        lines.append(f"| {name} | {' | '.join(cells)} | {row['false_hits']} of {row['traps']} |")
    some = next(iter(found["configurations"].values()))
    size = f"{some['days']} runs of {some['n'] // some['days']} requests, each over {DAYS} short days."
    lines += ["", f"{size} {found['guarantee']}"]
    return "\n".join(lines) + "\n"


def _percent(values: list[float]) -> str:
    # What rounds to nothing has no sign: adding 0 to -0.0 gives 0.0.
    estimate, low, high = (f"{round(100 * value, 1) + 0:.1f}" for value in values)
    return f"{estimate} % [{low}, {high}]"


def main() -> None:
    """Label, calibrate, drive, write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="2 short days, to see that it works; writes nothing")
    quick: bool = parser.parse_args().quick
    with tempfile.TemporaryDirectory(prefix="thriftgate-demo-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)  # the embedded database may run as another user
        shutil.copytree(ROOT / "prompts", folder / "prompts")
        text = (ROOT / "litellm_config.yaml").read_text(encoding="utf-8")
        if SHIPPED not in text:
            raise SystemExit("litellm_config.yaml does not set accept_at: 0.9 any more")
        (folder / "litellm_config.yaml").write_text(text, encoding="utf-8")
        (folder / "promised.yaml").write_text(text.replace(SHIPPED, PROMISED), encoding="utf-8")
        os.environ.pop("LITELLM_MASTER_KEY", None)
        guarantee = calibrated(folder)
        seeds, requests = (range(2), 60) if quick else (range(5), 400)
        configurations = {
            "as shipped: `accept_at: 0.9`": summary(days(folder, "litellm_config.yaml", seeds, requests)),
            "calibrated: `max_quality_loss: 0.02`": summary(days(folder, "promised.yaml", seeds, requests)),
        }
    found = {"guarantee": guarantee, "configurations": configurations}
    print(table(found))
    if not quick:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / "demo.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        (RESULTS / "demo.md").write_text(table(found), encoding="utf-8")


if __name__ == "__main__":
    main()
