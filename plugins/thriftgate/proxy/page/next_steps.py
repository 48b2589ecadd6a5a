"""What to do next: at most three sentences on the live page, each with the command to copy.

Failure behaviour: pure; where all is well there is nothing to do.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice

from thriftgate import wording
from thriftgate.config.litellm.capabilities import retires_on
from thriftgate.decisions import Reason
from thriftgate.proxy.page.state import State
from thriftgate.services.books.overview import Overview
from thriftgate.services.books.standing import PromiseVerdict, RouteStanding

MOST = 3
_NOTICE = timedelta(days=90)
_Z = 1.96


@dataclass(frozen=True, slots=True)
class NextStep:
    """One thing to do."""

    words: str
    command: str


def next_steps(overview: Overview, state: State, *, now: float) -> list[NextStep]:
    """The most urgent ones, first what keeps requests from being answered."""
    return list(islice(_steps(overview, state, now), MOST))


def _steps(overview: Overview, state: State, now: float) -> Iterator[NextStep]:
    yield from _outages(state)
    if state.changed is not None:
        yield NextStep(f"{state.changed}.", state.reload_command)
    for mistake in overview.broken_prompts:
        words = f"A prompt has a mistake, and its last good state is served: {mistake}."
        yield NextStep(words, "thriftgate prompts lint")
    for one in overview.standings:
        if one.alarm is not None:
            yield NextStep(f"'{one.route}' loses more than it promises: calibrate it anew.", _calibrate(one.route))
        elif one.shift is not None and one.shift.has_shifted:
            share, expected = wording.percent(one.shift.share), wording.percent(one.shift.expected)
            words = (
                f"{share} of the questions to '{one.route}' resemble none that was labelled, {expected} would be "
                "chance: calibrate it with labels of these."
            )
            yield NextStep(words, _calibrate(one.route))
        elif one.not_proven:
            reason = max(one.not_proven, key=lambda name: one.not_proven[name])
            sent = wording.counted(sum(one.not_proven.values()), "request", "requests")
            words = f"{sent} of '{one.route}' went to the strongest tier: {Reason(reason).told()}."
            # Of another version's questions an experiment may be the cause, which `check` names.
            is_other = Reason(reason) is Reason.STALE_ARTEFACT
            yield NextStep(words, "thriftgate check" if is_other else _calibrate(one.route))
    yield from _retirements(state, now)
    for one in overview.standings:
        if more := audits_needed(one):
            words = (
                f"About {more:,} more audits until it can be told whether '{one.route}' keeps its promise; a higher "
                "cascade.audit.share brings them sooner."
            )
            yield NextStep(words, "thriftgate reload")
    total = overview.tallies.total
    if total is not None and [one.group for one in overview.tallies.teams] == [None]:
        words = "No request came from a team: with teams it can be told who spends what."
        yield NextStep(words, "thriftgate teams create NAME && thriftgate keys create --team NAME")


def _calibrate(route: str) -> str:
    return f"thriftgate cascade calibrate --route {route} --write artefacts/{route}.json && thriftgate reload"


def _outages(state: State) -> Iterator[NextStep]:
    groups: dict[str, list[bool]] = {}
    for one in state.deployments:
        groups.setdefault(one.group, []).append(one.is_cooling_down or one.health == "unhealthy")
    for group, are_down in groups.items():
        if all(are_down):
            yield NextStep(f"No deployment of '{group}' answers at the moment.", "thriftgate doctor")
    for words in away_words(state):
        yield NextStep(words, "thriftgate doctor")


def away_words(state: State) -> Iterator[str]:
    """A sentence about each thing that is away."""
    for line in state.away:
        if line.since is not None:
            since = wording.moment(line.since, seconds=True)
            yield f"{line.name[:1].upper()}{line.name[1:]} is away since {since}: {line.why}; {line.cost}."


def _retirements(state: State, now: float) -> Iterator[NextStep]:
    today = datetime.fromtimestamp(now, UTC).date()
    for model in dict.fromkeys(one.model for one in state.deployments):
        last = retires_on(model)
        if last is not None and last - today <= _NOTICE:
            word = "was announced to retire" if last < today else "retires"
            words = f"{model} {word} on {last.isoformat()}: name its successor in the configuration."
            yield NextStep(words, "thriftgate check && thriftgate reload")


def audits_needed(one: RouteStanding) -> int:
    """How many more audits, if they go as those before, until a promise is known to be kept; 0 where it is known.

    By the normal approximation of a share's 95 % interval, and never fewer than it takes without a single bad one.
    """
    limit = one.loss_limit
    if one.promise.limit is None or one.loss_verdict in (PromiseVerdict.KEPT, PromiseVerdict.BROKEN):
        return 0
    n = worse = better = 0
    if one.drift is not None:
        n, worse = one.drift.audits, one.drift.bad
        better = one.drift.better if one.net_loss is not None and one.promise.is_net else 0
    lost, moved = ((worse - better) / n, (worse + better) / n) if n else (0.0, 0.0)
    seen = min(max(lost, 0.0), limit / 2)
    # Each audit loses 1, 0 or -1. Of more than half the limit lost it is supposed that it was half of it.
    spread = moved - lost**2 if better else seen * (1 - seen)
    spread = max(spread, limit * (1 - limit) / 4)
    needed = math.ceil(max(_Z**2 * spread / (limit - seen) ** 2, _Z**2 * (1 - limit) / limit))
    return max(1, needed - n)
