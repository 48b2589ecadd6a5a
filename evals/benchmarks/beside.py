"""What a change does to the CPU of a request: `python -m evals.benchmarks.beside OTHER_CHECKOUT [SCENARIO …]`.

This checkout's gateway, another's (with a `.venv` of its own) and the bare proxy run at the same time on an instant
upstream, and take turns in each round, the other way round in every second one. Prints CPU time per request and the
ratios with Student's interval over the rounds; writes nothing.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
from evals.benchmarks.load import ASKED, Questions
from evals.benchmarks.proxies import Proxy, bare, gateway, upstream
from evals.benchmarks.task import SCENARIOS, measure

from thriftgate.stats import mean_interval

_PORT = 4085
_FRESH_STREAMS = 3
"""Of streams of fresh answers, so many times fewer are asked for."""


def compare(proxies: dict[str, Proxy], scenarios: list[str], rounds: int, batch: int) -> None:
    """Measure and print. Raises RuntimeError when an answer was not decided as its scenario says."""
    questions = Questions(seed=5)

    def cpu_ms(who: str, scenario: str, n: int) -> float:
        it = SCENARIOS[scenario]
        if who == "bare":
            return measure(proxies[who], "small", questions.different(n), "none", streams=it.streams).cpu_ms
        asked = getattr(questions, it.questions)(n)
        return measure(proxies[who], it.route, asked, it.decision, streams=it.streams).cpu_ms

    for who in ("old", "new"):
        for route in ("cached", "alike"):
            measure(proxies[who], route, [ASKED], "only_tier")
    for scenario in scenarios:
        for who in proxies:
            cpu_ms(who, scenario, 20)
    for scenario in scenarios:
        it = SCENARIOS[scenario]
        n = batch // _FRESH_STREAMS if it.streams and it.questions == "different" else batch
        rows: list[dict[str, float]] = []
        for number in range(rounds):
            turns = list(proxies) if number % 2 else list(proxies)[::-1]
            rows.append({who: cpu_ms(who, scenario, n) for who in turns})
        print(scenario, ", ".join(f"{who} {np.mean([row[who] for row in rows]):.1f} ms" for who in proxies), sep=": ")
        for one, other in (("new", "old"), ("old", "bare"), ("new", "bare")):
            found = mean_interval([row[one] / row[other] for row in rows])
            print(f"  {one} by {other}: {found.estimate:.3f} [{found.low:.3f}, {found.high:.3f}]", flush=True)


def main() -> None:
    """Start all three, and compare."""
    parser = argparse.ArgumentParser()
    parser.add_argument("other", type=Path, help="the checkout with which this one is compared")
    parser.add_argument("scenarios", nargs="*", default=list(SCENARIOS), help="of `make bench`; all, if none is named")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batch", type=int, default=90, help="requests of a scenario per round")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="thriftgate-beside-") as name, upstream(_PORT) as address:
        folder = Path(name)
        with (
            gateway(folder / "old", address, _PORT + 1, checkout=given.other.resolve()) as old,
            gateway(folder / "new", address, _PORT + 2) as new,
            bare(folder / "bare", address, _PORT + 3) as one,
        ):
            compare({"old": old, "new": new, "bare": one}, given.scenarios, given.rounds, given.batch)


if __name__ == "__main__":
    main()
