"""`thriftgate up`: check the configuration, start everything, change it without an outage, stop everything.

Failure behaviour: a configuration mistake ends with exit code 2 before anything is started. A proxy that does not
come up ends with exit code 1 and the tail of its log. Ctrl-C stops the proxy, the demo provider and the embedded
database, in this order; what does not stop in time is killed. SIGHUP reloads; see `supervision.py`.
"""

import os
import shlex
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from thriftgate.cli.gateway.check import DEFAULT_CONFIG
from thriftgate.cli.gateway.parts.log_files import told
from thriftgate.cli.gateway.parts.preflight import DEMO_PORT, prepare
from thriftgate.cli.gateway.parts.processes import ServiceFailedError
from thriftgate.cli.gateway.parts.runtime_config import RuntimeConfig
from thriftgate.cli.gateway.parts.supervision import Options, Supervision, data_dir_of
from thriftgate.config import LoadedConfig, ThriftgateConfig
from thriftgate.config.sections.limits import LimitsConfig

if TYPE_CHECKING:
    from rich.status import Status

    from thriftgate.stores.redis.doctor import Remark

_REDIS_PATIENCE = 5.0


@click.command("up")
@click.option(
    "--config", type=click.Path(path_type=Path), default=DEFAULT_CONFIG, show_default=True, help="LiteLLM's file."
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=4000, show_default=True, type=click.IntRange(1, 65535), help="Port to listen on.")
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1), help="Processes that serve.")
@click.option("--demo/--no-demo", default=None, help="Use the offline demo provider. Default: when no key is set.")
@click.option(
    "--demo-port", default=DEMO_PORT, show_default=True, type=click.IntRange(1, 65535),
    help="Port of the offline demo provider.",
)  # fmt: skip
@click.option(
    "--log", type=click.Choice(["file", "stdout"]), default="file", show_default=True,
    help="Where logs go: files under .thriftgate/, rotated, or standard output as lines of JSON, for containers.",
)  # fmt: skip
@click.pass_context
def command(
    ctx: click.Context, config: Path, host: str, port: int, workers: int, demo: bool | None, demo_port: int, log: str
) -> None:
    """Start the gateway.

    Without a provider's key in the environment, the models are played by an offline demo provider, which is
    clearly labelled as such. `thriftgate reload` takes a changed configuration without an outage. Ctrl-C stops
    everything; the data under .thriftgate/ stays.
    """
    voice = _JsonVoice() if log == "stdout" else _Voice()
    prepared = prepare(config, os.environ, demo=demo, demo_port=demo_port)
    options = Options(
        config=config, host=host, port=port, workers=workers, demo=demo, demo_port=demo_port, to_stdout=log == "stdout"
    )
    _say_models(voice.say, prepared.runtime)
    gateway = Supervision(options, prepared, voice.say, voice.progress)
    _take_signals(gateway)
    try:
        with voice:
            gateway.start(prepared)
        voice.welcome(prepared.loaded, gateway)
        _say_redis(voice.say, prepared.loaded.thriftgate)
        raise gateway.serve()
    except KeyboardInterrupt:
        voice.say("stopping …")
    except ServiceFailedError as error:
        voice.complain(str(error))
        ctx.exit(error.exit_code)
    finally:
        gateway.stop()


def _take_signals(gateway: Supervision) -> None:
    terminal = sys.stdin.fileno() if _has_terminal() else None

    def hang_up(_signal: int, _frame: object) -> None:
        # It comes from an operator who wants a reload, or because the terminal was closed.
        if terminal is not None and not os.isatty(terminal):
            raise KeyboardInterrupt
        gateway.ask_to_reload()

    # A shell starts background jobs with SIGINT ignored.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _interrupt)
    signal.signal(signal.SIGHUP, hang_up)


def _has_terminal() -> bool:
    try:
        return os.isatty(sys.stdin.fileno())
    except (AttributeError, OSError, ValueError):
        return False


def _interrupt(_signal: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt


class _Voice:
    """Tells an operator at a terminal."""

    def __init__(self) -> None:
        from rich.console import Console

        self._console: Console = Console(highlight=False, soft_wrap=True)
        self._status: Status | None = None

    def __enter__(self) -> None:
        self._status = self._console.status("…")
        self._status.start()

    def __exit__(self, *_error: object) -> None:
        if self._status is not None:
            self._status.stop()
            self._status = None

    def say(self, words: str) -> None:
        """A line that stays."""
        from rich.text import Text

        self._console.print(Text(words))

    def progress(self, words: str) -> None:
        """A line that is replaced by the next; said only while something is waited for."""
        if self._status is not None:
            self._status.update(words)

    def complain(self, words: str) -> None:
        """What ended everything."""
        self.say(f"✗ {words}")

    def welcome(self, loaded: LoadedConfig, gateway: Supervision) -> None:
        """Where it answers and what can be pasted."""
        port = gateway.state.port if gateway.is_shared else None
        for line in welcome(loaded, gateway.state.url, gateway.key, is_new=gateway.key_is_new, port=port):
            self._console.print(line, markup=False)


class _JsonVoice(_Voice):
    """Tells a collector of logs; never a key."""

    def __init__(self) -> None:
        pass

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_error: object) -> None:
        pass

    def say(self, words: str) -> None:
        """A line of JSON."""
        os.write(sys.stdout.fileno(), told(words))

    def progress(self, words: str) -> None:
        """Nothing: a collector keeps every line."""

    def complain(self, words: str) -> None:
        """What ended everything."""
        os.write(sys.stdout.fileno(), told(words, level="ERROR"))

    def welcome(self, loaded: LoadedConfig, gateway: Supervision) -> None:
        """Where it answers."""
        self.say(f"the gateway answers on {gateway.state.url}; routes: {', '.join(loaded.thriftgate.routes)}")
        if gateway.key_is_new:
            self.say(f"a master key was made and is kept in {data_dir_of(loaded) / 'master_key'}")


def _say_models(say: Callable[[str], None], prepared: RuntimeConfig) -> None:
    if prepared.is_demo:
        say(
            "offline demo provider: every model is played by a local program that knows one support desk.\n"
            "Set ANTHROPIC_API_KEY or OPENAI_API_KEY to use real models."
        )
    for deployment in prepared.left_out:
        say(f"left out {deployment}")


def _say_redis(say: Callable[[str], None], config: ThriftgateConfig) -> None:
    """What is wrong with Redis is said at the start: the gateway is up all the same, without what it keeps there."""
    if config.redis_url is None:
        return
    import asyncio

    from thriftgate.stores.redis.doctor import explain_redis

    has_limits = config.limits is not None
    for remark in asyncio.run(explain_redis(config.redis_url, patience=_REDIS_PATIENCE, has_limits=has_limits)):
        if remark.level == "failed":
            words = remark.words if remark.words.startswith("Redis") else f"Redis: {remark.words}"
            say(f"{words}. Until that is put right, {_without(remark, config.limits)}.")


def _without(remark: "Remark", limits: LimitsConfig | None) -> str:
    """How requests fare without what Redis cannot do."""
    if limits is not None and not limits.shadow and remark.lost not in ("search", "counts"):
        return "requests are refused, because nobody can count what limits allow them"
    if remark.lost == "writes":
        return "no new answer is kept; those that are there are given again"
    if remark.lost == "limits":
        return "nothing is counted of what limits watch"
    if remark.lost == "counts":
        return "hits and verified outcomes are not counted, and equal requests at the same time each ask a model"
    return "requests are answered without the cache"


def welcome(loaded: LoadedConfig, url: str, key: str, *, is_new: bool, port: int | None = None) -> list[str]:
    """The banner, each command of which can be pasted into a shell in this folder as it stands.

    Where another gateway runs in this folder, commands would find that one: they are told our `port`.
    """
    models = [name for route in loaded.thriftgate.routes for name in loaded.clients_call(route)]
    model = next(iter([*models, *loaded.models.names]))
    kept = _as_seen_from_here(data_dir_of(loaded) / "master_key")
    shell, python = (key, repr(key)) if is_new else _where_the_key_is(loaded, kept)
    command = _own_command()
    imports = "import os; " if "os.environ" in python else ""
    demo, reload = (f" --base-url {url}", f" --port {port}") if port is not None else ("", "")
    said = [f"\nmaster key, shown only now (kept in {kept}): {key}"] if is_new else []
    return [
        *said,
        f"""
The gateway answers on {url}   models: {", ".join(models)}

  curl {url}/v1/chat/completions -H "Authorization: Bearer {shell}" -H 'Content-Type: application/json' \\
    -d '{{"model": "{model}", "messages": [{{"role": "user", "content": "How do I get a refund?"}}]}}' -i

  {imports}from openai import OpenAI
  client = OpenAI(base_url="{url}/v1", api_key={python})
  client.chat.completions.create(model="{model}", messages=[{{"role": "user", "content": "How do I get a refund?"}}])

Live page: {url}/thriftgate (sign in with the key)   API of the proxy: {url}/

  {command} demo{demo}      four days of a support desk, and the bill
  {command} report    what was saved
  {command} reload{reload}    take a changed {_as_seen_from_here(loaded.path)} without an outage

Ctrl-C stops it.""",
    ]


def _own_command() -> str:
    """How a shell in this folder calls us: by our name where the PATH leads here, else by our path."""
    import shutil

    own = Path(sys.argv[0]).absolute()
    found = shutil.which("thriftgate")
    if own.name != "thriftgate" or (found is not None and Path(found).resolve() == own.resolve()):
        return "thriftgate" if found is not None else f"{shlex.quote(sys.executable)} -m thriftgate"
    return shlex.quote(str(_as_seen_from_here(own)))


def _where_the_key_is(loaded: LoadedConfig, kept: Path) -> tuple[str, str]:
    """How a shell and how Python come by a master key that is not shown again."""
    if loaded.master_key:
        return "$LITELLM_MASTER_KEY", 'os.environ["LITELLM_MASTER_KEY"]'
    return f"$(cat {shlex.quote(str(kept))})", f"open({str(kept)!r}).read().strip()"


def _as_seen_from_here(path: Path) -> Path:
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path
