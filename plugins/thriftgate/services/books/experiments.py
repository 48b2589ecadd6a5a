"""Reads experiments from the ledger: for the report, and for the guards that stop a losing variant.

Failure behaviour: `examine_experiment` raises what the ledger raises (StoreUnavailableError).
`ExperimentGuards.check` never does: with the ledger or the stops away nothing new is stopped, what is known to be
stopped stays so, and the next check tries again. It counts such failures.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from thriftgate.errors import StoreUnavailableError
from thriftgate.ports import Clock, Ledger, PromptSource, StopStore
from thriftgate.prompts.experiments.assignment import is_running
from thriftgate.prompts.experiments.tally import Phase, Tally, phase_at
from thriftgate.prompts.experiments.verdicts import ExperimentReport, Stop, check_guards, report
from thriftgate.prompts.registry import Prompt
from thriftgate.prompts.schema import Experiment
from thriftgate.services.request.prompts import PromptService

_log = logging.getLogger(__name__)


async def examine_experiment(
    ledger: Ledger, prompt: Prompt, name: str, *, now: float, stopped: Sequence[str] = ()
) -> ExperimentReport:
    """The report of the experiment `name` of `prompt` at `now` (Unix seconds), from its last change of weights on."""
    experiment = prompt.experiments[name]
    until = min(now, experiment.stop) if experiment.stop is not None else now
    phase = phase_at(experiment, until, stopped=stopped)
    tally = await _tally(ledger, experiment, prompt.name, name, phase, until)
    return report(experiment, tally, phase, prompt=prompt.name, name=name, now=now, stopped=stopped)


async def _tally(ledger: Ledger, experiment: Experiment, prompt: str, name: str, phase: Phase, until: float) -> Tally:
    audits = await ledger.audits(since=phase.since)
    tally = Tally(experiment, prompt=prompt, name=name, phase=phase, audits=audits)
    async for record in ledger.records(since=phase.since, until=until):
        tally.add(record)
    return tally


@dataclass(frozen=True, slots=True)
class Stopped:
    """A variant that a guard has just stopped."""

    prompt: str
    experiment: str
    stop: Stop


class ExperimentGuards:
    """Looks at running experiments from time to time, and takes losing variants out of the traffic.

    All workers may do this; they read the same stops and come to the same decisions.
    """

    def __init__(
        self, source: PromptSource, service: PromptService, ledger: Ledger, stops: StopStore, clock: Clock
    ) -> None:
        self._source = source
        self._service = service
        self._ledger = ledger
        self._stops = stops
        self._clock = clock
        self.failures = 0
        """Checks that could not be made because a store was away."""

    async def check(self) -> tuple[Stopped, ...]:
        """Stop what has to be stopped, and let this worker serve by what all workers know."""
        made: list[Stopped] = []
        try:
            known = await self._stops.load()
            self._service.stops = known
            for prompt in self._source.snapshot().prompts.values():
                made += await self._check_prompt(prompt, known)
            if made:
                self._service.stops = await self._stops.load()
        except StoreUnavailableError as error:
            self.failures += 1
            _log.warning("the guards of experiments could not be checked: %s", type(error).__name__)
        return tuple(made)

    async def _check_prompt(self, prompt: Prompt, known: Mapping[str, frozenset[str]]) -> list[Stopped]:
        now = self._clock.time()
        made: list[Stopped] = []
        for name, experiment in prompt.experiments.items():
            if not experiment.guards or not is_running(experiment, now):
                continue
            key = f"{prompt.name}/{name}"
            phase = phase_at(experiment, now, stopped=known.get(key, frozenset()))
            tally = await _tally(self._ledger, experiment, prompt.name, name, phase, now)
            for stop in check_guards(experiment, tally, phase, now=now):
                await self._stops.add(key, stop.variant, at=now, why=_why(stop))
                _log.warning("experiment %s: variant '%s' stopped by its guard on %s", key, stop.variant, stop.metric)
                made.append(Stopped(prompt.name, name, stop))
        return made


def _why(stop: Stop) -> Mapping[str, object]:
    return {
        "metric": stop.metric,
        "harm": round(stop.harm.estimate, 6),
        "at_least": round(stop.harm.low, 6),
        "margin": stop.margin,
    }
