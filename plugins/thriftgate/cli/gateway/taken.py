"""Which files a gateway has taken, and whether they are still what it took.

The configuration, what it includes, its artefacts and `jwks_file` are read at a start and at a reload. Prompts and the
file of keys are not among them: a running gateway follows those by itself.

Failure behaviour: a file that cannot be read has no digest, and counts as changed where it had one.
"""

from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from pathlib import Path

from thriftgate.cli.gateway.running import RunningGateway
from thriftgate.config import LoadedConfig
from thriftgate.config.document import Document


def files_read(document: Document, loaded: LoadedConfig) -> Iterator[Path]:
    """The configuration, what it includes, the artefacts of its routes and `jwks_file`."""
    yield loaded.path
    yield from {loaded.base_dir / place.file for place in document.places.values()}
    for route in loaded.thriftgate.routes.values():
        for artefact in (route.cascade.artefact, route.cache.artefact if route.cache is not None else None):
            if artefact is not None:
                yield loaded.base_dir / artefact
    identity = loaded.thriftgate.identity
    if identity is not None and identity.jwt is not None and identity.jwt.jwks_file is not None:
        yield loaded.base_dir / identity.jwt.jwks_file


def digests(files: Iterable[Path]) -> Mapping[str, str]:
    """A digest of what stands in each of the files; one that cannot be read has an empty one."""
    return {str(file): _digest(file) for file in sorted(set(files))}


def changed_since(gateway: RunningGateway) -> list[Path]:
    """The files that are no longer what the gateway took."""
    return [Path(file) for file, digest in gateway.files.items() if _digest(Path(file)) != digest]


def what_changed(gateway: RunningGateway, *, now: float, port: int | None = None) -> str | None:
    """A sentence for the operator of a gateway whose files have changed, with the command that takes them."""
    changed = changed_since(gateway)
    if not changed:
        return None
    base = Path(gateway.config).parent
    names = ", ".join(str(file.relative_to(base) if file.is_relative_to(base) else file) for file in changed)
    minutes = max(0.0, now - gateway.taken_at) / 60
    ago = f"{minutes:.0f} min ago" if minutes >= 1 else "less than a minute ago"
    command = f"thriftgate reload{f' --port {port}' if port is not None else ''}"
    return f"{names} changed since the gateway read it {ago}, and it serves the old one: `{command}`"


def _digest(file: Path) -> str:
    try:
        return sha256(file.read_bytes()).hexdigest()
    except OSError:
        return ""
