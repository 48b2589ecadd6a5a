"""Texts of many callers, analysed by a thread that can be replaced.

Callers take turns of some milliseconds, however many requests they have and whatever the texts, and the requests of one
caller take its turns one after the other: an engine does its work in steps, and between two of them somebody else may
have a turn. So a long or a costly text makes others wait for no more than a turn, and one that takes too long, or whose
sender went away, ends after the step it is at. Python cannot end a thread, so one that is stuck
within a step is left behind with its text, and another goes on with what waits.

Failure behaviour: a request one of whose texts fails gets what was raised, one of whose texts takes too long a
TimeoutError. A text at which a thread is stuck is refused at once when it comes again, and so is all of a caller with
`_OF_ONE` of them. While `MOST_STUCK` threads are, one more serves callers with nothing stuck: so two callers never stop
the others. It may be stuck as well, at a text of a third: then everything is refused. When a thread comes back, work
goes on. Steps of what is shipped always end: they are linear, or read a window of 2,000 characters. No thread keeps the
process from ending.
"""

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future

from thriftgate.patience import LONG_STEP, Silence
from thriftgate.privacy.findings import Text
from thriftgate.privacy.spans import TextSpan

Engine = Callable[[Text], Iterable[Sequence[TextSpan]]]
"""Finds what is in one text: what each step of the work has found."""
Findings = Mapping[bytes, Sequence[TextSpan]]
"""By the key of the text."""
MOST_STUCK = 3
"""Threads left behind at once, but for the one that is kept; each may hold an engine of a hundred megabytes."""
_OF_ONE = MOST_STUCK - 1
"""Of one caller: so nobody alone closes the check to those who cannot be told apart."""
_CHARACTERS_A_SECOND = 2_000
"""What a machine manages that is busy with much else."""
_TURN_SECONDS = 0.02
"""After as long it is the next caller's turn; most texts are done by then."""
_END_SECONDS = 1.0


class _Job:
    def __init__(self, texts: Mapping[bytes, Text], caller: str) -> None:
        self.caller = caller
        self.left = deque(texts.items())
        self.at: _Begun | None = None
        self.found: dict[bytes, Sequence[TextSpan]] = {}
        self.done: Future[Findings] = Future()

    def finish(self, error: BaseException | None = None) -> None:
        """Tell who waits, if somebody still does."""
        if self.done.done() or not self.done.set_running_or_notify_cancel():
            return
        if error is not None:
            self.done.set_exception(error)
        else:
            self.done.set_result(self.found)


class _Queue:
    """Jobs of many callers: whose turn it is goes round, and so does which of that caller's jobs."""

    def __init__(self) -> None:
        self._jobs: OrderedDict[str, deque[_Job]] = OrderedDict()

    def __bool__(self) -> bool:
        return bool(self._jobs)

    @property
    def count(self) -> int:
        """How many jobs wait."""
        return sum(map(len, self._jobs.values()))

    def put(self, job: _Job) -> None:
        """Behind its caller's others, and a caller who has none behind all callers."""
        self._jobs.setdefault(job.caller, deque()).append(job)

    def take(self) -> _Job:
        """The next caller's next job; that caller comes last from now on."""
        caller, jobs = next(iter(self._jobs.items()))
        job = jobs.popleft()
        if jobs:
            self._jobs.move_to_end(caller)
        else:
            del self._jobs[caller]
        return job


class _Begun:
    """A text that is being analysed, and the seconds of CPU that took by now."""

    def __init__(self, key: bytes, text: Text, steps: Iterator[Sequence[TextSpan]], patience: float) -> None:
        self.key = key
        self.text = text
        self.steps = steps
        self.spans: list[TextSpan] = []
        self.patience = patience
        self.seconds = 0.0

    def step(self) -> bool:
        """Go on by one step; True at the end. Raises TimeoutError when the text has had its time."""
        # Its own work alone counts: while the process stands still, or the machine is at something else, it does none.
        began = time.thread_time()
        try:
            found = next(self.steps, None)
        finally:
            self.seconds += time.thread_time() - began
        if found is None:
            return True
        self.spans += found
        if self.seconds > self.patience:
            raise TimeoutError
        return False


class _Worker:
    """A thread with an engine of its own, and what it is at."""

    def __init__(self) -> None:
        self.engine: Engine | None = None
        self.key: bytes | None = None
        self.job: _Job | None = None
        self.caller = ""
        """Whose text it was left behind with."""
        self.silence: Silence | None = None
        """How long its text, or loading, has taken while we looked; None: it has nothing to do."""
        self.is_left_behind = False


class TextTurns:
    """Analyses texts on a thread.

    Args:
        load: Makes the engine; called on the thread, at the first use, and again where it failed.
        timeout: Seconds that a text may take; long ones a second more for each 2,000 characters.
        load_seconds: How long loading may take.
        finished: Is told of every text that was analysed, on the thread.
    """

    def __init__(
        self,
        load: Callable[[], Engine],
        *,
        timeout: float,
        load_seconds: float,
        finished: Callable[[bytes, Sequence[TextSpan]], None],
    ) -> None:
        self._load = load
        self._timeout = timeout
        self._load_seconds = load_seconds
        self._finished = finished
        self._changed = threading.Condition()  # guards all below
        self._waiting = _Queue()
        self._worker: _Worker | None = None
        self._thread: threading.Thread | None = None
        self._stuck: set[_Worker] = set()
        self._is_closed = False

    def submit(self, texts: Mapping[bytes, Text], caller: str = "") -> "Future[Findings]":
        """The findings of all texts, when they are there; of none, when the engine is loaded."""
        job = _Job(texts, caller)
        with self._changed:
            is_stuck_at = any(worker.key in texts for worker in self._stuck)
            if self._is_closed or is_stuck_at or self._is_shut_to(caller):
                job.finish(TimeoutError())
            else:
                self._waiting.put(job)
                self._begin()
                self._changed.notify()
        return job.done

    def leave_late(self) -> float:
        """Leave a thread behind that is over its time; in how many seconds to ask again.

        A process that does not run lets no text be analysed either, so time in which nobody asked in time is not its.
        """
        with self._changed:
            worker = self._worker
            if worker is not None and worker.silence is not None and worker.silence.look(time.monotonic()):
                self._leave(worker)
            return self._clocked(self._timeout).step

    def close(self) -> None:
        """Give up what waits, and end the thread after the text it is at."""
        with self._changed:
            self._is_closed = True
            self._give_up()
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(_END_SECONDS)

    def _clocked(self, seconds: float) -> Silence:
        return Silence(seconds, time.monotonic(), min(LONG_STEP, self._timeout / 4))

    def _begin(self) -> None:
        if self._worker is None:
            self._worker = _Worker()
            self._thread = threading.Thread(target=self._work, args=(self._worker,), name="privacy", daemon=True)
            self._thread.start()

    def _leave(self, worker: _Worker) -> None:
        worker.is_left_behind = True
        self._stuck.add(worker)
        self._worker = self._thread = None
        if worker.job is not None:
            worker.caller = worker.job.caller if worker.key is not None else ""  # loading is nobody's
            worker.job.finish(TimeoutError())
        self._give_up(self._is_shut_to)
        if self._waiting:
            self._begin()

    def _is_shut_to(self, caller: str) -> bool:
        """Whether too many threads are stuck, of all or of this caller's; "" is nobody in particular."""
        own = sum(worker.caller == caller for worker in self._stuck) if caller else 0
        is_kept_for = bool(caller) and not own
        return own >= _OF_ONE or len(self._stuck) >= MOST_STUCK + is_kept_for

    def _give_up(self, concerns: Callable[[str], bool] = lambda _: True) -> None:
        """End what waits of these callers."""
        for job in [self._waiting.take() for _ in range(self._waiting.count)]:
            if concerns(job.caller):
                job.finish(TimeoutError())
            else:
                self._waiting.put(job)

    # From here on: the thread.

    def _work(self, worker: _Worker) -> None:
        while (job := self._next(worker)) is not None:
            failure: BaseException | None = None
            try:
                self._take_turn(worker, job)
            except BaseException as error:
                failure = error
            if not self._goes_on(worker, job, failure):
                return

    def _next(self, worker: _Worker) -> _Job | None:
        """The job whose turn it is; None: there will be none."""
        with self._changed:
            while not self._is_closed:
                if not self._waiting:
                    self._changed.wait()
                elif not (job := self._waiting.take()).done.cancelled():
                    worker.job, worker.silence = job, self._clocked(self._load_seconds)
                    return job
            return None

    def _take_turn(self, worker: _Worker, job: _Job) -> None:
        engine = worker.engine = worker.engine or self._load()
        until = time.monotonic() + _TURN_SECONDS
        while (begun := self._begun(worker, job, engine)) is not None:
            if begun.step():
                job.at, job.found[begun.key] = None, tuple(begun.spans)
                self._finished(begun.key, job.found[begun.key])
            if time.monotonic() >= until:
                return

    def _begun(self, worker: _Worker, job: _Job, engine: Engine) -> _Begun | None:
        """The text whose next step is due; None: there is none, or nobody waits for it."""
        if job.at is None and job.left:
            key, text = job.left.popleft()
            patience = self._timeout + len(text.text) / _CHARACTERS_A_SECOND
            job.at = _Begun(key, text, iter(_steps(engine, text)), patience)
        with self._changed:
            if worker.is_left_behind or job.at is None or job.done.cancelled():
                return None
            worker.key = job.at.key
            worker.silence = self._clocked(job.at.patience)
            return job.at

    def _goes_on(self, worker: _Worker, job: _Job, failure: BaseException | None) -> bool:
        with self._changed:
            if worker.is_left_behind:
                self._stuck.discard(worker)
                return False
            worker.key = worker.job = worker.silence = None
            if failure is None and (job.left or job.at is not None):
                self._waiting.put(job)
            else:
                job.finish(failure)
            return True


def _steps(engine: Engine, text: Text) -> Iterator[Sequence[TextSpan]]:
    """The engine is asked in the first step, so that all of its work is in one."""
    yield from engine(text)
