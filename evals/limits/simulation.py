"""A discrete-event simulation of one gateway before `slots` places, driven by the code that serves.

The fair policy is `limits.queue.FairQueue`, `limits.admission.admit` with `ServiceRate`, and
`limits.estimate.Experience`: it knows the length of a prompt and expects the answer's, as the gateway does; the true
length is used by the clock alone, and told when the answer has ended. The other policies need to know no lengths.
"""

import heapq
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from evals.limits.trace import TraceRequest

from thriftgate.limits.admission import Admit, ServiceRate, admit
from thriftgate.limits.estimate import Experience, TokenEstimate
from thriftgate.limits.queue import FairQueue, Waiting

BYTES_PER_TOKEN = 4.2
Slowdown = Callable[[float], float]
"""How many times longer an answer takes that begins at this time."""


@dataclass(slots=True)
class Run:
    """What became of every request."""

    started: dict[int, float] = field(default_factory=dict[int, float])
    refused: set[int] = field(default_factory=set[int])
    late: set[int] = field(default_factory=set[int])
    """Served, but after their deadline: work for nothing."""
    busy: float = 0.0
    """Seconds that places were taken, within the time that is looked at."""


class Policy(Protocol):
    """Decides who runs."""

    def arrive(self, request: TraceRequest, now: float, n_free: int) -> bool:
        """Whether it runs at once; else it waits, or was refused."""
        ...

    def next(self, now: float) -> TraceRequest | None:
        """Who runs now that a place is free."""
        ...

    def end(self, request: TraceRequest, duration: float) -> None:
        """It has ended."""
        ...


class InstantRefusal:
    """Refuses whoever finds no place: 429, as LiteLLM's parallel limits do."""

    def arrive(self, request: TraceRequest, now: float, n_free: int) -> bool:
        """Now or never."""
        return n_free > 0

    def next(self, now: float) -> TraceRequest | None:
        """Nobody waits."""
        return None

    def end(self, request: TraceRequest, duration: float) -> None:
        """Nothing is learned."""


class Fifo:
    """First come, first served; with `deadline`, whoever is late is not served any more."""

    def __init__(self, deadline: float | None = None) -> None:
        self._deadline = deadline
        self._waiting: deque[TraceRequest] = deque()

    def arrive(self, request: TraceRequest, now: float, n_free: int) -> bool:
        """Wait for one's turn."""
        if n_free > 0 and not self._waiting:
            return True
        self._waiting.append(request)
        return False

    def next(self, now: float) -> TraceRequest | None:
        """Who has waited the longest."""
        while self._waiting:
            request = self._waiting.popleft()
            if self._deadline is None or now <= request.at + self._deadline:
                return request
        return None

    def end(self, request: TraceRequest, duration: float) -> None:
        """Nothing is learned."""


class Fair:
    """The gateway's own: deficit round robin by expected tokens, and admission by the measured rate."""

    def __init__(self, *, slots: int, deadline: float, most: int = 400, most_per_tenant: int = 100) -> None:
        self._slots = slots
        self._deadline = deadline
        self._queue = FairQueue(quantum=100.0, most=most, most_per_tenant=most_per_tenant)
        self._requests: dict[str, TraceRequest] = {}
        self._expected: dict[int, TokenEstimate] = {}
        self._waited: set[int] = set()
        self._experience = Experience()
        self._rate = ServiceRate()

    def arrive(self, request: TraceRequest, now: float, n_free: int) -> bool:
        """Run, wait, or be turned away."""
        self._queue.overdue(now)
        expected = self._experience.likely(int(request.prompt_tokens * BYTES_PER_TOKEN))
        self._expected[request.id] = expected
        if n_free > 0 and len(self._queue) == 0:
            return True
        waiting = Waiting(str(request.id), request.tenant, expected.work, request.at + self._deadline)
        verdict = admit(
            work_before=self._queue.work_before(waiting),
            own_work=waiting.work,
            rate=self._rate.per_second(self._slots),
            until_tickets=0.0,
            patience=self._deadline,
        )
        if isinstance(verdict, Admit) and self._queue.has_room(request.tenant):
            self._queue.add(waiting)
            self._requests[waiting.id] = request
        return False

    def next(self, now: float) -> TraceRequest | None:
        """Whose turn it is."""
        self._queue.overdue(now)
        waiting = self._queue.take()
        if waiting is None:
            return None
        request = self._requests.pop(waiting.id)
        self._waited.add(request.id)
        return request

    def end(self, request: TraceRequest, duration: float) -> None:
        """Its true length is known now."""
        spent = TokenEstimate(float(request.prompt_tokens), float(request.completion_tokens))
        expected = self._expected.pop(request.id)
        self._rate = self._rate.observe(spent.work, duration)
        self._experience = self._experience.learn(
            int(request.prompt_tokens * BYTES_PER_TOKEN), request.prompt_tokens, request.completion_tokens
        )
        if request.id in self._waited:
            self._waited.discard(request.id)
            self._queue.settle(request.tenant, spent.work - expected.work)


def simulate(
    requests: Sequence[TraceRequest],
    policy: Policy,
    *,
    slots: int,
    deadline: float,
    seconds: float,
    slowdown: Slowdown = lambda _: 1.0,
) -> Run:
    """Play the requests; answers that begin within `seconds` count."""
    run, n_free, running = Run(), slots, list[tuple[float, int, float]]()
    by_id = {request.id: request for request in requests}

    def begin(request: TraceRequest, now: float) -> None:
        nonlocal n_free
        n_free -= 1
        duration = request.seconds * slowdown(now)
        heapq.heappush(running, (now + duration, request.id, duration))
        run.started[request.id] = now
        if now > request.at + deadline:
            run.late.add(request.id)
        else:
            run.busy += max(0.0, min(now + duration, seconds) - now)

    def finish_until(moment: float) -> None:
        nonlocal n_free
        while running and running[0][0] <= moment:
            now, request_id, duration = heapq.heappop(running)
            n_free += 1
            policy.end(by_id[request_id], duration)
            while n_free > 0 and (following := policy.next(now)) is not None:
                begin(following, now)

    for request in requests:
        finish_until(request.at)
        if policy.arrive(request, request.at, n_free):
            begin(request, request.at)
        elif n_free > 0 and (following := policy.next(request.at)) is not None:
            begin(following, request.at)
    finish_until(float("inf"))
    run.refused = by_id.keys() - run.started.keys()
    return run


def jain(shares: Sequence[float]) -> float:
    """Jain's index of fairness: 1 when all shares are equal, 1/n when one has everything."""
    squares = sum(share * share for share in shares)
    return sum(shares) ** 2 / (len(shares) * squares) if squares else 1.0


def fair_shares(asked: dict[str, float], capacity: float) -> dict[str, float]:
    """What each would get if everybody who asks for less than an equal part got it all (max-min fairness)."""
    left, shares = capacity, dict[str, float]()
    for n, (tenant, amount) in enumerate(sorted(asked.items(), key=lambda item: item[1])):
        shares[tenant] = min(amount, left / (len(asked) - n))
        left -= shares[tenant]
    return shares


def by_tenant(requests: Sequence[TraceRequest], ids: set[int]) -> dict[str, float]:
    """Seconds of service of these requests, by tenant."""
    found: defaultdict[str, float] = defaultdict(float)
    for request in requests:
        if request.id in ids:
            found[request.tenant] += request.seconds
    return found
