"""Which files a gateway has taken, and whether they are still what it took.

The configuration, what it includes, its artefacts and `jwks_file` are read at a start and at a reload. Prompts and the
file of keys are not among them: a running gateway follows those by itself. `up` keeps what was taken for the commands
beside it, and hands it on to its proxy, which reads a copy of the configuration and could not tell.

Failure behaviour: a file that cannot be read has no digest, and counts as changed where it had one. What was handed on
and cannot be read, as by another release, is taken for nothing.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path

from thriftgate.config.document import Document
from thriftgate.config.load import LoadedConfig

TAKEN_VARIABLE = "THRIFTGATE_TAKEN"
"""How the proxy is told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenConfig:
    """What one gateway serves."""

    config: str
    """Path of the operator's file."""
    at: float
    """Unix time at which it was read."""
    files: Mapping[str, str]
    """What it was read from, with a digest of each file."""
    command: str = "thriftgate reload"
    """What has the gateway take its files anew."""

    def to_text(self) -> str:
        """What `taken_from` reads."""
        return json.dumps(asdict(self))

    def changed(self) -> list[str]:
        """The files that are no longer what was taken, as they are named beside the configuration."""
        base = Path(self.config).parent
        files = [Path(file) for file, digest in self.files.items() if _digest(Path(file)) != digest]
        return [str(file.relative_to(base) if file.is_relative_to(base) else file) for file in files]


def taken_from(environ: Mapping[str, str]) -> TakenConfig | None:
    """What `up` has handed on; None where something else has started us."""
    try:
        return TakenConfig(**json.loads(environ[TAKEN_VARIABLE]))
    except (KeyError, ValueError, TypeError):
        return None


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


def what_changed(taken: TakenConfig, *, now: float) -> str | None:
    """What the operator of a gateway whose files have changed should know; None where they have not."""
    changed = taken.changed()
    if not changed:
        return None
    minutes = max(0.0, now - taken.at) / 60
    ago = f"{minutes:.0f} min ago" if minutes >= 1 else "less than a minute ago"
    return f"{', '.join(changed)} changed since the gateway read it {ago}, and it serves the old one"


def _digest(file: Path) -> str:
    try:
        return sha256(file.read_bytes()).hexdigest()
    except OSError:
        return ""
