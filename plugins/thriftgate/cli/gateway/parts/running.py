"""What runs in this folder: which gateways, where they listen, and how the last reload went.

`up` keeps one small file for each gateway under `<data_dir>/gateways/`; commands find the gateway beside them there, so
that none of them has to be told a port. The file holds no secret.

Failure behaviour: a file whose process is gone, or that cannot be read, is no gateway; `write_down` raises OSError when
the folder cannot be written.
"""

import fcntl
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from thriftgate.config.taken import TakenConfig

FOLDER = "gateways"
DATA_DIR = Path(".thriftgate")
USUAL_PORT = 4000
KEY_VARIABLES = ("THRIFTGATE_MASTER_KEY", "LITELLM_MASTER_KEY")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reload:
    """How a change of configuration went."""

    number: int
    """Counted from 1."""
    ok: bool
    exit_code: int = 0
    """What `thriftgate reload` ends with: 2 for a mistake of the configuration."""
    words: tuple[str, ...]
    """Why the old configuration stays; what is worth a warning where the new one serves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningGateway:
    """One `thriftgate up` and what it serves."""

    pid: int
    """Of `up` itself; SIGHUP makes it reload."""
    host: str
    port: int
    config: str
    """Path of the operator's file."""
    started_at: float
    """Unix time."""
    generation: int = 1
    """Counts the proxies that have served: 1 at the start, one more after each reload."""
    is_ready: bool = False
    log: str | None = None
    """Path of the log; None where it goes to standard output."""
    reload: Reload | None = field(default=None)
    taken_at: float = 0.0
    """Unix time at which what it serves was read: at its start, or at the last reload that went well."""
    files: Mapping[str, str] = field(default_factory=dict[str, str])
    """What it was read from, with a digest of each file."""

    def taken(self, *, is_only: bool) -> "TakenConfig":
        """What it serves; a command that is about one of several gateways names its port."""
        from thriftgate.config.taken import TakenConfig

        command = "thriftgate reload" if is_only else f"thriftgate reload --port {self.port}"
        return TakenConfig(config=self.config, at=self.taken_at, files=self.files, command=command)

    @property
    def url(self) -> str:
        """Where it answers, seen from this machine."""
        return f"http://{reachable(self.host)}:{self.port}"

    def is_alive(self, data_dir: Path) -> bool:
        """Whether its process still runs. A number may be another process's by now: in containers it often is."""
        if not _is_held(_path(data_dir, self.pid).with_suffix(".lock")):
            return False
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
        return True


def reachable(host: str) -> str:
    """A name that leads to an address that is listened on."""
    if host in ("0.0.0.0", "127.0.0.1", "::", ""):
        return "localhost"
    return f"[{host}]" if ":" in host else host


def write_down(data_dir: Path, gateway: RunningGateway) -> None:
    """Write down what runs; a reader sees the old state or the new one, nothing between."""
    path = _path(data_dir, gateway.pid)
    path.parent.mkdir(parents=True, exist_ok=True)
    _hold(path.with_suffix(".lock"))
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(asdict(gateway)), encoding="utf-8")
    fresh.replace(path)


def forget(data_dir: Path, pid: int) -> None:
    """It has ended."""
    path = _path(data_dir, pid)
    path.unlink(missing_ok=True)
    lock = path.with_suffix(".lock")
    if (descriptor := _held.pop(lock, None)) is not None:
        os.close(descriptor)
    lock.unlink(missing_ok=True)


def running(data_dir: Path) -> list[RunningGateway]:
    """Every gateway that runs on this folder's data, the one that has run longest first."""
    found = [_read(path) for path in sorted((data_dir / FOLDER).glob("*.json"))]
    alive = [gateway for gateway in found if gateway is not None and gateway.is_alive(data_dir)]
    return sorted(alive, key=lambda gateway: gateway.started_at)


def find(data_dir: Path, *, port: int | None = None, config: Path | None = None) -> RunningGateway | None:
    """The gateway that is meant: by its port, else the one with this configuration, else the only or oldest one."""
    here = running(data_dir)
    if port is not None:
        return next((gateway for gateway in here if gateway.port == port), None)
    if config is not None:
        here = [gateway for gateway in here if Path(gateway.config) == config.absolute()] or here
    return here[0] if here else None


def data_dir_beside(config: Path) -> Path:
    """Where the gateway of a configuration keeps its files, also when the file has mistakes or is not there."""
    from thriftgate.config.document import read_document, value_at
    from thriftgate.config.problems import SECTION

    named = value_at(read_document(config.absolute()).values, *SECTION, "data_dir")
    return config.absolute().parent / (named if isinstance(named, str) and named else DATA_DIR)


def url_beside(config: Path, *, port: int | None = None) -> str:
    """Where the gateway of this configuration answers; the usual address where none runs."""
    found = find(data_dir_beside(config), port=port, config=config)
    return found.url if found is not None else f"http://localhost:{port or USUAL_PORT}"


def key_beside(config: Path, environ: Mapping[str, str]) -> str | None:
    """The master key that a command beside a gateway may use: from the environment, else the one that `up` made."""
    for variable in KEY_VARIABLES:
        if value := environ.get(variable):
            return value
    try:
        return (data_dir_beside(config) / "master_key").read_text(encoding="utf-8").strip() or None
    except OSError:
        return None


_held: dict[Path, int] = {}
"""Lock files of this process's gateways; the kernel lets go of them however the process ends."""


def _hold(lock: Path) -> None:
    if lock in _held:
        return
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    _held[lock] = descriptor


def _is_held(lock: Path) -> bool:
    try:
        descriptor = os.open(lock, os.O_RDWR)
    except FileNotFoundError:
        return False
    except OSError:
        return True  # somebody else's, whom we may not ask
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def _path(data_dir: Path, pid: int) -> Path:
    return data_dir / FOLDER / f"{pid}.json"


def _read(path: Path) -> RunningGateway | None:
    try:
        values = cast("Mapping[str, Any]", json.loads(path.read_text(encoding="utf-8")))
        gateway = RunningGateway(**values)
        last = cast("dict[str, Any] | None", values.get("reload"))
        if last is None:
            return gateway
        words = cast("list[str]", last.pop("words"))
        return replace(gateway, reload=Reload(words=tuple(words), **last))
    except (OSError, ValueError, TypeError, KeyError):
        return None
