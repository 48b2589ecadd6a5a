"""`thriftgate doctor`: looks at this machine the way the gateway will, and says what it lacks.

Failure behaviour: each check stands for itself; one that breaks is reported as failed and the others go on. Exit code
1 when something that the gateway needs is missing. No value of a key, password or address is ever printed.
"""

import asyncio
import os
import platform
import shutil
import socket
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import click
from packaging.requirements import Requirement

from thriftgate.cli.gateway.parts.preflight import prepare
from thriftgate.cli.gateway.parts.running import USUAL_PORT, data_dir_beside, find, key_beside, running, url_beside
from thriftgate.cli.waiting import waiting
from thriftgate.config import LoadedConfig, ThriftgateConfig, load_section
from thriftgate.errors import ConfigurationError, GatewayError

_OLDEST_PYTHON, _NEXT_PYTHON = (3, 11), (3, 14)
_FREE_DISK_BYTES = 2 * 1024**3
_PATIENCE = 5.0
"""Seconds that a database, Redis or gateway may take to answer."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What one look found."""

    subject: str
    status: Literal["ok", "note", "failed"]
    words: str


@click.command("doctor")
@click.argument("config", type=click.Path(path_type=Path), default="litellm_config.yaml")
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    help="Where the gateway listens.  [default: where it runs with this configuration, else 4000]",
)
@click.option("--base-url", help="A running gateway to ask for a sign of life.  [default: http://localhost:<port>]")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
@click.pass_context
def command(ctx: click.Context, config: Path, *, port: int | None, base_url: str | None, as_json: bool) -> None:
    """Say what this machine lacks to run the gateway.

    Looks at Python, the packages, the configuration CONFIG, the database, Redis, the port, the disk, the providers'
    keys (only whether they are set), Langfuse and a running gateway. The embedded database is started for it if it is
    not up.
    """
    base_url = base_url or url_beside(config, port=port)
    with waiting("looking at this machine …"):
        findings = list(examine(config, port=port or urlsplit(base_url).port or USUAL_PORT, base_url=base_url))
    if as_json:
        import json

        print(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        _print(findings)
    ctx.exit(1 if any(finding.status == "failed" for finding in findings) else 0)


def examine(path: Path, *, port: int, base_url: str) -> Iterator[Diagnosis]:
    """Every finding, in the order in which a start would meet them."""
    yield from _attempt("Python", check_python)
    yield from _attempt("packages", check_packages)
    loaded: list[LoadedConfig] = []
    yield from _attempt("configuration", lambda: check_configuration(path, loaded))
    section = _section(path)
    base = path.absolute().parent
    if section is not None:
        yield from _attempt("database", lambda: asyncio.run(check_database(section, base)))
        yield from _attempt("Redis", lambda: asyncio.run(check_redis(section)))
        yield from _attempt("embedder", lambda: check_embedder(section, base))
        yield from _attempt("privacy", lambda: check_privacy(section, base))
        yield from _attempt("guards", lambda: [check_attack_guard(section)])
    yield from _attempt("disk", lambda: check_disk(base))
    for found in loaded:
        yield from _attempt("providers", lambda found=found: check_providers(found))
        yield from _attempt("Langfuse", lambda found=found: check_langfuse(found, base_url))
    yield from _attempt("gateway", lambda: diagnose_gateway(base_url, port))
    yield from _attempt("reload", lambda: check_taken(path, port))
    for found in loaded:
        yield from _attempt("outages", lambda found=found: check_outages(found, base_url))


def _attempt(subject: str, look: Callable[[], Diagnosis | list[Diagnosis]]) -> Iterator[Diagnosis]:
    try:
        found = look()
    except GatewayError as error:
        found = Diagnosis(subject, "failed", error.message)
    except Exception as error:
        # Its text may hold an address with a password; its class tells enough to go on with.
        found = Diagnosis(subject, "failed", f"this check itself broke with {type(error).__name__}")
    yield from found if isinstance(found, list) else [found]


def _section(path: Path) -> ThriftgateConfig | None:
    try:
        return load_section(path, os.environ)
    except ConfigurationError:
        return None  # check_configuration has said it


def check_python() -> Diagnosis:
    """Whether this Python is one that every package has wheels for."""
    words = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    if not _OLDEST_PYTHON <= sys.version_info[:2] < _NEXT_PYTHON:
        return Diagnosis("Python", "failed", f"{words}; 3.11, 3.12 or 3.13 is needed")
    return Diagnosis("Python", "ok", words)


def check_packages() -> list[Diagnosis]:
    """Whether every package that thriftgate declares is installed."""
    declared = metadata.requires("thriftgate") or []
    needed = [one for one in map(Requirement, declared) if one.marker is None or one.marker.evaluate()]
    names = [one.name for one in needed]
    missing = [name for name in names if _version(name) is None]
    findings = [
        Diagnosis("packages", "ok", f"{len(names)} declared packages are installed; litellm {_version('litellm')}")
    ]
    if missing:
        findings = [
            Diagnosis("packages", "failed", f"not installed: {', '.join(missing)}; run `make run` or `uv sync`")
        ]
    if _version("litellm-enterprise") is not None:
        words = "litellm-enterprise is installed; it may not be used in production without a licence from its maker"
        findings.append(Diagnosis("packages", "note", words))
    return findings


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def check_configuration(path: Path, loaded: list[LoadedConfig]) -> list[Diagnosis]:
    """Whether the gateway would start with the file; puts what was read into `loaded`."""
    findings: list[Diagnosis] = []
    try:
        prepared = prepare(path, os.environ)
    except ConfigurationError as error:
        return [Diagnosis("configuration", "failed", problem) for problem in error.problems]
    config = prepared.loaded
    if prepared.runtime.is_demo:
        words = "no provider's key is set: `thriftgate up` lets its offline demo provider play the models"
        findings.append(Diagnosis("configuration", "note", words))
    loaded.append(config)
    routes = ", ".join(config.thriftgate.routes) or "none"
    findings.insert(0, Diagnosis("configuration", "ok", f"{path} has no mistakes; routes: {routes}"))
    # check_providers names the missing keys, one by one.
    warnings = [warning for warning in config.warnings if ".litellm_params.api_key: " not in warning]
    return [*findings, *(Diagnosis("configuration", "note", warning) for warning in warnings)]


async def check_database(config: ThriftgateConfig, base: Path) -> Diagnosis:
    """Whether the database answers, and with which pgvector."""
    from thriftgate.stores.embedded.database import prepare_embedded
    from thriftgate.stores.postgres.connection.database import connect

    kind = "embedded PostgreSQL" if config.database_url is None else "PostgreSQL"
    dsn = await asyncio.to_thread(prepare_embedded, config.database_url, base / config.data_dir)
    database = connect(dsn, max_connections=1)
    try:
        version = await database.fetchval("SHOW server_version")
        vector = await database.fetchval("SELECT extversion FROM pg_extension WHERE extname = 'vector'")
    finally:
        await database.close()
    if vector is None:
        words = f"{kind} {version} has no pgvector; as a superuser: CREATE EXTENSION vector"
        return Diagnosis("database", "failed", words)
    return Diagnosis("database", "ok", f"{kind} {version} with pgvector {vector}")


async def check_redis(config: ThriftgateConfig) -> list[Diagnosis]:
    """Whether Redis, where one is named, can serve the cache."""
    if config.redis_url is None:
        return [Diagnosis("Redis", "ok", "none is configured; PostgreSQL serves the cache")]
    from thriftgate.stores.redis.doctor import explain_redis

    remarks = await explain_redis(config.redis_url, patience=_PATIENCE, has_limits=config.limits is not None)
    return [Diagnosis("Redis", remark.level, remark.words) for remark in remarks]


def check_embedder(config: ThriftgateConfig, base: Path) -> Diagnosis:
    """Who turns questions into vectors, and whether its weights are there."""
    from thriftgate.stores.embedders import embedder_of

    made = embedder_of(config.embedder, base / config.data_dir, remembers=False)
    kind = {
        "local": "MiniLM",
        "fast": "static word vectors: less CPU, fewer hits",
        "multilingual": "multilingual-e5-small: a hundred languages, twice MiniLM's CPU",
    }[config.embedder.model]
    return Diagnosis("embedder", "ok", f"{config.embedder.model} ({kind}), {made.dimensions} numbers each")


def check_privacy(config: ThriftgateConfig, base: Path) -> list[Diagnosis]:
    """Who looks for personal data, and in which languages."""
    if config.privacy is None:
        return [Diagnosis("privacy", "ok", "off: requests go out as they come in")]
    from thriftgate.cli.gateway.parts.privacy import describe_privacy

    return [Diagnosis("privacy", "ok", words) for words in describe_privacy(config.privacy, base)]


def check_attack_guard(config: ThriftgateConfig) -> Diagnosis:
    """By what attacks are looked for, and whether the model's weights are there."""
    if config.guards is None:
        return Diagnosis("guards", "ok", "off: nothing looks for attacks in requests")
    from thriftgate.services.guards.policies import looks_for_attacks

    if not looks_for_attacks(config.guards):
        return Diagnosis("guards", "ok", "attacks are not looked for: `injection` and `tools` are off everywhere")
    if config.guards.injection.model == "none":
        return Diagnosis("guards", "ok", "attacks are looked for by words alone: `guards.injection.model` is none")
    from thriftgate.stores.defender.files import find_defender

    words = f"attacks are looked for by words, and by Defender {find_defender().weights_hash} where it can decide"
    return Diagnosis("guards", "ok", words)


def check_disk(base: Path) -> Diagnosis:
    """Whether there is room for the embedded database to grow."""
    free = shutil.disk_usage(base).free
    words = f"{free / 1024**3:.1f} GiB free"
    if free < _FREE_DISK_BYTES:
        return Diagnosis("disk", "note", f"{words}; the database and its log want {_FREE_DISK_BYTES / 1024**3:.0f} GiB")
    return Diagnosis("disk", "ok", words)


def check_providers(loaded: LoadedConfig) -> list[Diagnosis]:
    """Which deployments have their key. Whether a provider accepts it is known only by asking, which costs money."""
    findings: list[Diagnosis] = []
    for group in loaded.models.groups.values():
        for deployment in group.deployments:
            if deployment.route is not None:
                continue
            subject = f"{group.name}: {deployment.model}"
            if deployment.missing_variable is not None:
                findings.append(Diagnosis(subject, "note", f"{deployment.missing_variable} is not set"))
            else:
                findings.append(Diagnosis(subject, "ok", "its key is set, or it needs none"))
    return findings


def check_langfuse(loaded: LoadedConfig, base_url: str) -> list[Diagnosis]:
    """Whether Langfuse takes traces, and whether a running gateway lost some. Without it requests are served anyway."""
    from thriftgate.cli.langfuse.parts.looks import look_at_langfuse, look_at_queue

    looks = [look_at_langfuse(loaded.thriftgate, os.environ, patience=_PATIENCE)]
    if (
        queue := look_at_queue(base_url, loaded.master_key or key_beside(loaded.path, os.environ), patience=_PATIENCE)
    ) is not None:
        looks.append(queue)
    return [Diagnosis("Langfuse", "note" if look.level == "failed" else look.level, look.words) for look in looks]


def check_outages(loaded: LoadedConfig, base_url: str) -> list[Diagnosis]:
    """What a running gateway has to do without: since when, why, and how many requests that cost."""
    from thriftgate.cli.langfuse.parts.looks import look_at_outages

    key = loaded.master_key or key_beside(loaded.path, os.environ)
    return [Diagnosis("outages", look.level, look.words) for look in look_at_outages(base_url, key, patience=_PATIENCE)]


def diagnose_gateway(base_url: str, port: int) -> Diagnosis:
    """Whether a gateway answers, and if not, whether its port is free for one."""
    import urllib.error
    import urllib.request

    address = f"{base_url.rstrip('/')}/health/liveliness"
    if not address.startswith(("http://", "https://")):
        return Diagnosis("gateway", "failed", "--base-url must start with http:// or https://")
    try:
        with urllib.request.urlopen(address, timeout=_PATIENCE) as answer:
            return Diagnosis("gateway", "ok", f"running at {base_url} (HTTP {answer.status})")
    except urllib.error.HTTPError as error:
        return Diagnosis("gateway", "failed", f"something at {base_url} answers with HTTP {error.code}, not a gateway")
    except OSError:
        pass
    if _is_free(port):
        return Diagnosis("gateway", "note", f"not running at {base_url}; port {port} is free for it")
    return Diagnosis(
        "gateway", "failed", f"port {port} is taken by something that is no gateway; `--port` chooses another"
    )


def check_taken(path: Path, port: int) -> list[Diagnosis]:
    """Whether the gateway of this folder serves what its files say now."""
    from thriftgate.config.taken import what_changed

    data_dir = data_dir_beside(path)
    gateway = find(data_dir, port=port)
    if gateway is None or not gateway.files:
        return []
    taken = gateway.taken(is_only=len(running(data_dir)) == 1)
    words = what_changed(taken, now=time.time())
    if words is None:
        return [Diagnosis("reload", "ok", "the gateway serves the configuration as it stands in its files")]
    return [Diagnosis("reload", "note", f"{words}: `{taken.command}`")]


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("0.0.0.0", port))
        except OSError:
            return False
    return True


def _print(findings: list[Diagnosis]) -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console(soft_wrap=True, highlight=False)
    marks = {"ok": ("ok    ", "green"), "note": ("note  ", "yellow"), "failed": ("failed", "bold red")}
    width = max(len(finding.subject) for finding in findings)
    for finding in findings:
        console.print(Text.assemble(marks[finding.status], f"  {finding.subject:<{width}}  ", finding.words))
