"""Everything that one `thriftgate up` runs, from its start to its end, and the change of proxies between.

A reload checks the configuration, starts a second proxy on the same sockets, waits until it serves, and retires the
first: that one answers what it has begun, takes nothing new and ends. For a while both run: memory is needed for two.

Failure behaviour: a configuration with mistakes, or a proxy that does not come up, leaves the one that serves as it is,
and the reload says why. A retired proxy that does not end in time is killed. What ends by itself ends everything.
"""

import os
import secrets
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from thriftgate.cli.gateway.parts import listeners
from thriftgate.cli.gateway.parts.preflight import Prepared, prepare
from thriftgate.cli.gateway.parts.processes import Service, ServiceFailedError, stop_all, wait_until_ready
from thriftgate.cli.gateway.parts.running import (
    FOLDER,
    Reload,
    RunningGateway,
    find,
    forget,
    reachable,
    running,
    write_down,
)
from thriftgate.config import LoadedConfig
from thriftgate.config.taken import TAKEN_VARIABLE
from thriftgate.errors import ConfigurationError, GatewayError

if TYPE_CHECKING:
    import socket

_PATIENCE = 300.0
"""Seconds until a proxy that does not answer counts as failed; the import alone takes 40 on a slow machine."""
_STOPPING = 15.0
"""Seconds that LiteLLM may take to stop beside what our own settings allow."""
_RETIRING = 10.0
"""Seconds that connections which are only kept alive may hold a retired proxy."""
_LOOK = 0.2

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What `up` was started with."""

    config: Path
    host: str
    port: int
    workers: int
    demo: bool | None
    demo_port: int
    to_stdout: bool = False
    """Whether logs go to standard output instead of files."""


class Supervision:
    """One gateway's processes. `say` is told what happens, in words for the operator."""

    def __init__(self, options: Options, prepared: Prepared, say: Say, progress: Callable[[str], None]) -> None:
        self._options = options
        self._say = say
        self._progress = progress
        self._loaded = prepared.loaded
        self._data_dir = data_dir_of(prepared.loaded)
        self.is_shared = bool(running(self._data_dir))
        """Whether another gateway runs on the same data."""
        self._sockets: Sequence[socket.socket] = ()
        self._demo: Service | None = None
        self._proxy: Service | None = None
        self._retired: list[tuple[Service, float]] = []
        self._wants_reload = False
        self.key, self.key_is_new = master_key(prepared.loaded, self._data_dir)
        self.state = RunningGateway(
            pid=os.getpid(), host=options.host, port=options.port, config=str(prepared.loaded.path),
            started_at=time.time(), taken_at=time.time(), files=prepared.files,
            log=None if options.to_stdout else str(self._log("proxy")),
        )  # fmt: skip

    @property
    def services(self) -> list[Service]:
        """What must run: the demo provider, where there is one, and the proxy."""
        return [service for service in (self._demo, self._proxy) if service is not None]

    def start(self, prepared: Prepared) -> None:
        """Bring everything up. Raises ServiceFailedError."""
        if find(self._data_dir, port=self._options.port) is not None:
            words = f"a gateway of this folder serves on port {self._options.port} already"
            raise ServiceFailedError(f"{words}: `thriftgate reload` has it take a changed configuration")
        self._progress("preparing the database …")
        prepare_database(prepared.loaded)
        if prepared.runtime.is_demo:
            self._start_demo()
        listeners.refuse_taken(reachable(self._options.host).strip("[]"), self._options.port)
        self._sockets = listeners.bind_listener(self._options.host, self._options.port)
        write_down(self._data_dir, self.state)
        self._proxy = self._make_proxy(prepared, self.state.generation, self.state.taken_at)
        self._run(self._proxy)
        self._note(is_ready=True)

    def ask_to_reload(self) -> None:
        """Take the configuration anew soon; may be called from a signal handler."""
        self._wants_reload = True

    def serve(self) -> ServiceFailedError:
        """Watch, and reload when asked to, until one of the services ends by itself, which none of them should."""
        while True:
            if self._wants_reload:
                self._wants_reload = False
                self.reload()
            for service in self.services:
                if service.exit_code is not None:
                    return ServiceFailedError(
                        f"{service.label} ended (exit code {service.exit_code}):\n{service.tail()}"
                    )
            self._bury_retired()
            time.sleep(_LOOK)

    def reload(self) -> Reload:
        """Put a proxy with the configuration as it is now in the place of the one that serves."""
        number = self.state.reload.number + 1 if self.state.reload is not None else 1
        options, asked_at = self._options, time.time()
        fresh: Service | None = None
        try:
            prepared = prepare(options.config, os.environ, demo=options.demo, demo_port=options.demo_port)
            if prepared.loaded.thriftgate.database_url != self._loaded.thriftgate.database_url:
                prepare_database(prepared.loaded)
            if prepared.runtime.is_demo and self._demo is None:
                self._start_demo()
            self.key, _ = master_key(prepared.loaded, self._data_dir)
            fresh = self._make_proxy(prepared, self.state.generation + 1, asked_at)
            self._run(fresh)
        except ConfigurationError as error:
            return self._stay(Reload(number=number, ok=False, exit_code=2, words=tuple(error.problems)))
        except ServiceFailedError as error:
            if fresh is not None:
                fresh.stop()
            return self._stay(Reload(number=number, ok=False, exit_code=error.exit_code, words=(str(error),)))
        except (GatewayError, OSError) as error:
            # A database that is away, a full disk: what serves must not end for it.
            if fresh is not None:
                fresh.kill()
            words = error.message if isinstance(error, GatewayError) else (error.strerror or type(error).__name__)
            return self._stay(Reload(number=number, ok=False, exit_code=1, words=(words,)))
        except BaseException:
            # Ctrl-C: nobody knows of the new one yet, so nobody else would end it.
            if fresh is not None:
                fresh.kill()
            raise
        self._replace(fresh, prepared)
        done = Reload(number=number, ok=True, words=prepared.loaded.warnings)
        self._note(reload=done, generation=self.state.generation + 1, taken_at=asked_at, files=prepared.files)
        self._say(f"reloaded: proxy {self.state.generation} serves, the one before it ends what it has begun")
        return done

    def _stay(self, refused: Reload) -> Reload:
        self._note(reload=refused)
        self._say("not reloaded, the old configuration serves on:\n" + "\n".join(refused.words))
        return refused

    def _replace(self, fresh: Service, prepared: Prepared) -> None:
        before = self._proxy
        self._proxy, self._loaded = fresh, prepared.loaded
        if before is not None:
            before.retire()
            self._retired.append((before, time.monotonic() + before.grace + _RETIRING))

    def _bury_retired(self) -> None:
        for service, ends in list(self._retired):
            if service.exit_code is None and time.monotonic() < ends:
                continue
            if service.exit_code is None:
                service.kill()
            service.stop()
            self._retired.remove((service, ends))
            self._delete_config(service)

    def stop(self) -> None:
        """End everything, the proxies first."""
        for service, _ in self._retired:
            service.stop()
        stop_all(self.services)
        for service in (*self.services, *(one for one, _ in self._retired)):
            self._delete_config(service)
        for one in self._sockets:
            one.close()
        forget(self._data_dir, self.state.pid)

    def _start_demo(self) -> None:
        options = self._options
        listeners.refuse_taken("127.0.0.1", options.demo_port, option="--demo-port")
        argv = [sys.executable, "-P", "-m", "thriftgate.demo.provider", "--port", str(options.demo_port)]
        ready = f"http://127.0.0.1:{options.demo_port}/health"
        log = None if options.to_stdout else self._log("demo")
        self._demo = Service("offline demo provider", argv, _environ(self.key, self._loaded), ready, log)
        self._run(self._demo)

    def _make_proxy(self, prepared: Prepared, generation: int, read_at: float) -> Service:
        options, loaded = self._options, prepared.loaded
        config = self._own(f"{generation}.yaml")
        prepared.runtime.write(config)
        serves = replace(self.state, taken_at=read_at, files=prepared.files)
        # -P: a file beside the configuration is not taken for a package of its name.
        argv = [sys.executable, "-P", "-m", "thriftgate.proxy.serving", "--config", str(config)]
        argv += ["--host", options.host, "--port", str(options.port), "--num_workers", str(options.workers)]
        return Service(
            "LiteLLM proxy with thriftgate",
            argv,
            {
                **_environ(self.key, loaded),
                TAKEN_VARIABLE: serves.taken(is_only=not self.is_shared).to_text(),
                **({"JSON_LOGS": "True"} if options.to_stdout else {}),
            },
            f"http://{reachable(options.host)}:{options.port}/health/liveliness",
            None if options.to_stdout else self._log("proxy"),
            loaded.thriftgate.drain + loaded.thriftgate.shutdown_timeout + _STOPPING,
            sockets=self._sockets,
            ready_dir=self._own(f"{generation}.ready"),
            workers=options.workers,
        )

    def _run(self, service: Service) -> None:
        started = time.monotonic()
        service.start()
        wait_until_ready(
            service,
            patience=_PATIENCE,
            progress=lambda seconds: self._progress(f"starting {service.label} … {seconds:.0f} s"),
        )
        self._say(f"✓ {service.label} ({time.monotonic() - started:.0f} s)")

    def _note(self, **changes: object) -> None:
        self.state = replace(self.state, **changes)  # pyright: ignore[reportArgumentType]
        with suppress(OSError):  # a full disk must not end a gateway that serves
            write_down(self._data_dir, self.state)

    def _own(self, name: str) -> Path:
        return self._data_dir / FOLDER / f"{os.getpid()}-{name}"

    def _log(self, name: str) -> Path:
        """Another gateway on the same data has its own files."""
        return self._data_dir / (f"{name}-{self._options.port}.log" if self.is_shared else f"{name}.log")

    def _delete_config(self, service: Service) -> None:
        """It may hold keys."""
        if "--config" in service.argv:
            Path(service.argv[list(service.argv).index("--config") + 1]).unlink(missing_ok=True)
        if service.ready_dir is not None:
            shutil.rmtree(service.ready_dir, ignore_errors=True)


def _environ(key: str, loaded: LoadedConfig) -> dict[str, str]:
    return {
        # Prices come with the package; without this the start waits for a download that a closed network never gives.
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "TIMEOUT_WORKER_HEALTHCHECK": "300",
        # LiteLLM's own setting: its many small objects of a request are garbage at once, and some 250 in circles. Rarer
        # than this, those that were in use when the collector came pile up: 400 MB in 10,000 requests.
        "PYTHON_GC_THRESHOLD": "20000,5,3",
        # Where in its line each instruction stands takes 3 MB, for marks under a line of a traceback.
        "PYTHONNODEBUGRANGES": "1",
        "PYTHONUNBUFFERED": "1",
        **os.environ,
        "LITELLM_MASTER_KEY": key,
        "THRIFTGATE_CONFIG": str(loaded.path),
    }


def data_dir_of(loaded: LoadedConfig) -> Path:
    """Where the gateway keeps its files."""
    return loaded.base_dir / loaded.thriftgate.data_dir


def prepare_database(loaded: LoadedConfig) -> None:
    """Ready before the proxy starts, and kept running until we end, whatever the workers do."""
    from thriftgate.stores.embedded import database

    database.prepare_embedded(loaded.thriftgate.database_url, data_dir_of(loaded))


def master_key(loaded: LoadedConfig, data_dir: Path) -> tuple[str, bool]:
    """The proxy's master key, and whether it was made just now; LiteLLM refuses to start without a strong one."""
    if loaded.master_key:
        return loaded.master_key, False
    path = data_dir / "master_key"
    if path.exists():
        return path.read_text(encoding="utf-8").strip(), False
    key = f"sk-{secrets.token_hex(24)}"
    data_dir.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(key + "\n")
    return key, True
