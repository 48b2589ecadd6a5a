"""Child processes: awaited, watched and stopped, also those that will not."""

import math
import os
import signal
import socket
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer

from thriftgate.cli.gateway.parts import processes
from thriftgate.cli.gateway.parts.processes import Service, ServiceFailedError, stop_all, wait_until_ready

SERVE = """
import http.server, signal, subprocess, sys
{prelude}
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
http.server.HTTPServer(("127.0.0.1", {port}), Handler).serve_forever()
"""
STUBBORN = "signal.signal(signal.SIGTERM, signal.SIG_IGN)"


class FakeTime:
    """Time that passes only where somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        os.sched_yield()


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeTime:
    clock = FakeTime()
    monkeypatch.setattr(processes, "time", clock)
    return clock


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Nursery:
    """Starts children, and leaves none behind."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.services: list[Service] = []

    def start(self, program: str, *, port: int = 1) -> Service:
        log = self._folder / "logs" / f"{len(self.services)}.log"
        argv = [sys.executable, "-c", program]
        service = Service("the child", argv, {"GREETING": "hello"}, f"http://127.0.0.1:{port}/health", log)
        self.services.append(service)
        service.start()
        return service

    def ended(self, program: str) -> Service:
        service = self.start(program)
        assert service.process is not None
        service.process.wait()
        return service


@pytest.fixture
def nursery(tmp_path: Path) -> Iterator[Nursery]:
    nursery = Nursery(tmp_path)
    yield nursery
    for service in nursery.services:
        if service.process is not None and service.process.poll() is None:
            os.killpg(service.process.pid, signal.SIGKILL)
            service.process.wait()


def patiently(service: Service) -> None:
    """Wait for a real child, however long a busy machine takes to start it."""
    wait_until_ready(service, patience=math.inf, progress=lambda _: None)


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_a_child_is_ready_when_it_answers_and_ends_when_it_is_told(nursery: Nursery, port: int) -> None:
    service = nursery.start(SERVE.format(prelude="", port=port), port=port)
    patiently(service)
    assert service.exit_code is None
    service.stop()
    assert service.exit_code == -signal.SIGTERM
    service.stop()  # again is nothing


def test_what_a_child_prints_and_its_environment_are_its_own(nursery: Nursery) -> None:
    service = nursery.ended(
        "import os, sys; print(os.environ['GREETING']); print('wrong', file=sys.stderr, flush=True)"
    )
    assert sorted(service.tail().splitlines()) == ["hello", "wrong"]


@pytest.mark.parametrize(("code", "ours"), [(0, 1), (1, 1), (2, 2), (7, 1)])
def test_a_child_that_ends_before_it_answers_is_reported_with_the_end_of_its_log(
    nursery: Nursery, code: int, ours: int
) -> None:
    service = nursery.ended(f"for i in range(40): print('line', i)\nraise SystemExit({code})")
    with pytest.raises(ServiceFailedError, match="the child did not start") as caught:
        wait_until_ready(service, patience=60, progress=lambda _: None)
    assert caught.value.exit_code == ours
    assert "line 39" in str(caught.value)
    assert "line 20" not in str(caught.value)


def test_of_a_refused_configuration_only_the_reasons_are_shown(nursery: Nursery) -> None:
    service = nursery.ended(
        "print('noise'); print('\\nthriftgate cannot start:\\nconfig.yaml:3: a: is wrong'); exit(2)"
    )
    with pytest.raises(ServiceFailedError) as caught:
        wait_until_ready(service, patience=60, progress=lambda _: None)
    assert str(caught.value) == "the child did not start:\nconfig.yaml:3: a: is wrong"


def test_a_child_that_never_answers_is_given_up_after_patience(tmp_path: Path, port: int) -> None:
    service = Service("the child", [], {}, f"http://127.0.0.1:{port}/", tmp_path / "child.log")
    waited: list[float] = []
    with pytest.raises(ServiceFailedError, match=r"did not answer within 2 s; its log is .*child\.log"):
        wait_until_ready(service, patience=2, progress=waited.append)
    assert waited[0] == 0.0
    assert 1.7 < waited[-1] < 2.0


def test_a_child_that_answers_anything_but_200_is_not_ready_yet(tmp_path: Path, httpserver: HTTPServer) -> None:
    httpserver.expect_ordered_request("/health").respond_with_data(status=503)
    httpserver.expect_ordered_request("/health").respond_with_data("ok")
    waited: list[float] = []
    service = Service("the child", [], {}, httpserver.url_for("/health"), tmp_path / "child.log")
    wait_until_ready(service, patience=60, progress=waited.append)
    assert len(waited) == 1


def test_a_child_that_ignores_the_signal_is_killed_with_all_that_it_started(
    nursery: Nursery, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "_GRACE", 0.01)
    worker = SERVE.format(prelude=STUBBORN, port=port)
    parent = f"import signal, subprocess, sys\n{STUBBORN}\nsubprocess.run([sys.executable, '-c', {worker!r}])"
    service = nursery.start(parent, port=port)
    patiently(service)
    service.stop()
    assert service.exit_code == -signal.SIGKILL
    while answers(port):  # its worker is dying
        os.sched_yield()


def test_a_second_interrupt_does_not_wait_for_a_slow_child(
    nursery: Nursery, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = nursery.start(SERVE.format(prelude=STUBBORN, port=port), port=port)
    patiently(service)
    assert service.process is not None
    wait = service.process.wait

    def interrupted(timeout: float | None = None) -> int:
        if timeout is not None:
            raise KeyboardInterrupt
        return wait()

    monkeypatch.setattr(service.process, "wait", interrupted)
    service.stop()
    assert service.exit_code == -signal.SIGKILL


def test_a_child_runs_in_a_group_of_its_own(nursery: Nursery) -> None:
    service = nursery.start("import time; time.sleep(600)")
    assert service.process is not None
    assert os.getpgid(service.process.pid) == service.process.pid != os.getpgid(0)


def test_services_are_stopped_from_the_last_to_the_first(tmp_path: Path) -> None:
    stopped: list[str] = []

    class Recorded(Service):
        def stop(self) -> None:
            stopped.append(self.label)

    services: Sequence[Service] = [
        Recorded(name, [], {}, "", tmp_path / "log") for name in ("first", "second", "third")
    ]
    stop_all(services)
    assert stopped == ["third", "second", "first"]


def test_what_was_never_started_has_nothing_to_say_and_nothing_to_stop(tmp_path: Path) -> None:
    service = Service("the child", [], {}, "", tmp_path / "no.log")
    service.stop()
    assert (service.exit_code, service.tail()) == (None, "")


def test_a_program_that_is_not_there_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Service("the child", [str(tmp_path / "nothing")], {}, "", tmp_path / "log").start()
