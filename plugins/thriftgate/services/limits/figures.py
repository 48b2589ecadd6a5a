"""What limits have done, for the metrics and the log.

Failure behaviour: nothing here raises. A client that is refused again and again writes a line every ten seconds, with
how often it was; nobody is named in it.
"""

import logging
from collections import Counter
from collections.abc import Iterable

from thriftgate.limits.ladder import LadderPolicy, LadderState
from thriftgate.services.limits.pool import Pool
from thriftgate.services.limits.rules import limit_kind
from thriftgate.services.telemetry import catalogue
from thriftgate.services.telemetry.metrics import MOST_VALUES, OTHER, Samples

logger = logging.getLogger(__name__)

_LOG_EVERY = 10.0
PLACES, QUEUE, LADDER, STORE = "places|model", "queue|worker", "ladder|tier", "store|gateway"
"""What refuses a request beside its buckets, in the form of a limit's name."""


class LimitFigures:
    """Counts verdicts and waiting times."""

    def __init__(self, samples: Samples) -> None:
        self._samples = samples
        self._silent: Counter[tuple[str, str, str]] = Counter()
        self._logged_at = float("-inf")

    def granted(self, waited: float) -> None:
        """A request runs, after it has waited for so many seconds."""
        self._samples.add(catalogue.LIMIT_VERDICTS, ("waited" if waited else "granted", "none", "none"))
        if waited:
            self._samples.observe(catalogue.LIMIT_WAIT, ("turn",), waited)

    def placed(self, waited: float) -> None:
        """The models of a request begin, after it has waited for so many seconds, ready for them."""
        self._samples.observe(catalogue.LIMIT_WAIT, ("place",), waited)

    def refused(self, limit: str, *, now: float, is_shadow: bool = False) -> None:
        """A request was refused because of a limit, or would have been."""
        counted, per = limit_kind(limit)
        verdict = "would_refuse" if is_shadow else "refused"
        self._samples.add(catalogue.LIMIT_VERDICTS, (verdict, counted, per))
        self._silent[verdict, counted, per] += 1
        if now - self._logged_at >= _LOG_EVERY:
            self._logged_at = now
            words = ", ".join(f"{kind} {what} per {whom}: {n}" for (kind, what, whom), n in self._silent.items())
            logger.warning("limits: %s", words)
            self._silent.clear()

    def left(self) -> None:
        """A client went away while its request waited."""
        self._samples.add(catalogue.LIMIT_VERDICTS, ("left", "none", "none"))

    def moved(self, name: str, policy: LadderPolicy, state: LadderState) -> None:
        """A route or model went one step up or down its ladder."""
        steps = ", ".join(step.value for step in policy.steps[: state.height]) or "nothing"
        logger.warning("limits: under its load, %r gives up: %s", name, steps)

    def put(self, pools: Iterable[Pool], waiting: Counter[str], ladder: LadderPolicy | None, *, is_away: bool) -> None:
        """How it stands now."""
        sums: dict[str, list[float]] = {}
        for number, pool in enumerate(pools):
            name = pool.name if number < MOST_VALUES else OTHER
            row = sums.setdefault(name, [0.0, 0.0, 0.0, 0.0])
            row[0] += waiting[pool.name]
            row[1] += pool.n_at_work
            row[2] += pool.places or 0
            row[3] = max(row[3], pool.ladder.height if ladder else 0)
        for name, (n_waiting, n_running, places, height) in sums.items():
            self._samples.put(catalogue.LIMIT_WAITING, (name,), n_waiting)
            self._samples.put(catalogue.LIMIT_RUNNING, (name,), n_running)
            self._samples.put(catalogue.LIMIT_PLACES, (name,), places)
            self._samples.put(catalogue.LIMIT_LADDER, (name,), height)
        self._samples.put(catalogue.LIMIT_STORE_AWAY, (), float(is_away))
