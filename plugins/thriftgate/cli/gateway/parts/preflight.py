"""What a start would do with a configuration, found out without starting anything.

`check`, `up`, `reload` and `doctor` all ask here, so that none of them says another thing than the others.

Failure behaviour: ConfigurationError names every mistake. Files that a configuration names are read as the gateway
reads them; what they say wrong is a mistake of the configuration.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from time import time
from typing import TYPE_CHECKING

from thriftgate.cli.gateway.parts.runtime_config import RuntimeConfig, demo_config, has_any_key, runtime_config, settled
from thriftgate.config import EmbedderConfig, LoadedConfig, ModelList, RouteConfig, ThriftgateConfig, load
from thriftgate.config.checks.routes import ROUTES, RouteFinding
from thriftgate.config.document import read_document
from thriftgate.config.litellm.model_checks import check_prompt_params
from thriftgate.config.litellm.model_list import environment_with, read_model_list
from thriftgate.config.problems import SECTION, Problem
from thriftgate.config.taken import digests, files_read
from thriftgate.errors import ConfigurationError
from thriftgate.forms import did_you_mean

if TYPE_CHECKING:
    from thriftgate.cascade.artefact import Artefact
    from thriftgate.prompts.registry import Prompt
    from thriftgate.prompts.versions import PromptVersion

DEMO_PORT = 4010


@dataclass(frozen=True, slots=True)
class Prepared:
    """A configuration that a start would take, and what the proxy would get of it."""

    loaded: LoadedConfig
    runtime: RuntimeConfig
    models: ModelList
    """Who would be asked, and at what prices: in demo mode the demo provider's."""
    files: Mapping[str, str]
    """What a running gateway takes at a reload only, each with the digest of what was read; see `config/taken.py`."""


def prepare(
    path: Path, environ: Mapping[str, str], *, demo: bool | None = None, demo_port: int = DEMO_PORT
) -> Prepared:
    """What `thriftgate up` would start with. Raises ConfigurationError.

    With `demo` None the demo provider plays the models when no provider's key is set; a missing key is then no mistake.
    """
    document = read_document(path.absolute())
    own = environment_with(document.values, environ)
    models, _ = read_model_list(document.values, own)
    if demo is None:
        demo = not has_any_key(models)
    loaded = load(path, environ, require_keys=not demo, further=check_contents)
    files = digests(files_read(document, loaded))
    values = settled(document.values, has_master_key=loaded.master_key is not None)
    if not demo:
        return Prepared(loaded, runtime_config(values, models), loaded.models, files)
    base_url = f"http://127.0.0.1:{demo_port}/v1"
    runtime = demo_config(values, loaded.thriftgate, models, base_url=base_url)
    return Prepared(loaded, runtime, read_model_list(runtime.values, own)[0], files)


def check_contents(config: ThriftgateConfig, models: ModelList, base: Path) -> Iterator[RouteFinding]:
    """Prompts, artefacts, attacks and keys in files, read as the gateway reads them."""
    yield from _check_prompts(config, models, base)
    yield from _check_signals(config)
    yield from _check_embedder(config, base)
    yield from _check_cache_artefacts(config, base)
    yield from _check_known_attacks(config, base)
    yield from _check_keys(config, base)


def _check_prompts(config: ThriftgateConfig, models: ModelList, base: Path) -> Iterator[RouteFinding]:
    """What a route serves is there; with Langfuse as its source, only Langfuse knows."""
    if config.prompts.source != "files" or not any(route.prompt for route in config.routes.values()):
        return
    from thriftgate.stores.files.prompts import PromptFiles

    registry = PromptFiles(base / config.prompts_dir).reload()
    for name, route in config.routes.items():
        if route.prompt is None:
            continue
        where = (*ROUTES, name, "prompt")
        prompt = registry.prompts.get(route.prompt.name)
        if prompt is None:
            mistakes = [one for one in registry.errors if one.file.startswith(f"{route.prompt.name}/")]
            for mistake in mistakes:
                yield RouteFinding(Problem((*where, "name"), f"its files have a mistake: {mistake}"))
            continue  # a missing one is named by `load`
        version = prompt.resolve(route.prompt.label)
        if version is None:
            known = sorted({*prompt.labels, *prompt.variants, *prompt.versions})
            words = (
                f"'{prompt.name}' has nothing labelled '{route.prompt.label}'{did_you_mean(route.prompt.label, known)}"
            )
            yield RouteFinding(Problem((*where, "label"), words))
            continue
        yield from check_prompt_params(name, route, version.params, models)
        if route.cascade.artefact is not None:
            yield from _check_versions(name, route, prompt, version, base)


def _check_versions(
    name: str, route: RouteConfig, prompt: "Prompt", version: "PromptVersion", base: Path
) -> Iterator[RouteFinding]:
    """A promise is proved for one version of the prompt; whoever gets another gets the strongest tier's answer."""
    artefact = _artefact(route, base)
    if artefact is None or not artefact.prompt_version:
        return  # `load` has named it
    where = (*ROUTES, name, "cascade", "artefact")
    label, experiments = (route.prompt.label, route.prompt.experiments) if route.prompt else ("", False)
    if version.hash != artefact.prompt_version:
        words = (
            f"it was made with another version of the prompt '{prompt.name}' than '{label}' is now, so every request "
            "goes to the strongest tier: calibrate again"
        )
        yield RouteFinding(Problem(where, words), is_warning=True)
    for title, experiment in prompt.experiments.items() if experiments else ():
        if experiment.stop is not None and experiment.stop <= time():
            continue
        dealt = {variant: prompt.resolve(variant) for variant, weight in experiment.variants.items() if weight}
        others = [f"'{variant}'" for variant, one in dealt.items() if one and one.hash != artefact.prompt_version]
        if others:
            words = (
                f"it was not made with {', '.join(others)} of the experiment '{title}', whose requests go to the "
                "strongest tier: compare variants under `accept_at`, and calibrate with the one that wins"
            )
            yield RouteFinding(Problem(where, words), is_warning=True)


def _artefact(route: RouteConfig, base: Path) -> "Artefact | None":
    """The cascade's; None where there is none, and where it cannot be used, which `load` has named."""
    written = route.cascade.artefact
    if written is None or not (base / written).is_file():
        return None
    # It brings numpy, which a configuration without artefacts need not wait for.
    from thriftgate.cascade.artefact import StaleArtefactError, load_artefact

    try:
        return load_artefact(base / written)
    except StaleArtefactError:
        return None


def _check_signals(config: ThriftgateConfig) -> Iterator[RouteFinding]:
    for name, route in config.routes.items():
        if route.cascade.signals == "auto":
            continue
        from thriftgate.cascade.signals import signals_named

        try:
            signals_named(route.cascade.signals)
        except ValueError as error:
            yield RouteFinding(Problem((*ROUTES, name, "cascade", "signals"), str(error)))


def _check_embedder(config: ThriftgateConfig, base: Path) -> Iterator[RouteFinding]:
    """The embedder can be had, and what was made with another one is not read with it."""
    artefacts = {name: artefact for name, route in config.routes.items() if (artefact := _artefact(route, base))}
    if not artefacts and not config.embedder.model_fields_set & {"model", "dimensions"}:
        return
    # It brings numpy and reads the weights, which a configuration of the usual kind need not wait for.
    from thriftgate.stores.embedders import embedder_of

    try:
        ours = embedder_of(config.embedder, base / config.data_dir).fingerprint
    except ConfigurationError as error:
        for problem in error.problems:
            yield RouteFinding(Problem((*SECTION, "embedder"), problem.removeprefix("embedder.")))
        return
    for name, artefact in artefacts.items():
        yield from _check_vectors(name, config, artefact, ours)
    injection = config.guards.injection if config.guards else None
    if injection and injection.known and "known_similarity" not in injection.model_fields_set:
        yield from _check_known_similarity(config.embedder)


def _check_vectors(name: str, config: ThriftgateConfig, artefact: "Artefact", ours: str) -> Iterator[RouteFinding]:
    where = (*ROUTES, name, "cascade", "artefact")
    probe, summary = artefact.probe, artefact.summary
    if probe is not None and probe.embedder != ours:
        words = f"it was made with another embedder than this `{config.embedder.model}`: calibrate again"
        yield RouteFinding(Problem(where, words))
    elif summary is not None and summary.embedder != ours and config.routes[name].cascade.unfamiliar.escalate:
        words = (
            f"its summary of questions was made with another embedder than this `{config.embedder.model}`, so that "
            "unfamiliar questions are not told: calibrate again"
        )
        yield RouteFinding(Problem(where, words), is_warning=True)


def _check_known_similarity(embedder: EmbedderConfig) -> Iterator[RouteFinding]:
    if embedder.model != "local":
        words = (
            f"absent, so that it is MiniLM's; `{embedder.model}` has a scale of its own: try your attacks with "
            "`thriftgate guard test`, and state it"
        )
        yield RouteFinding(Problem((*SECTION, "guards", "injection", "known_similarity"), words), is_warning=True)


def _check_cache_artefacts(config: ThriftgateConfig, base: Path) -> Iterator[RouteFinding]:
    for name, route in config.routes.items():
        cache = route.cache
        if cache is None or cache.artefact is None or not (base / cache.artefact).is_file():
            continue
        from thriftgate.caching.artefact import CacheModel

        try:
            model = CacheModel.from_json((base / cache.artefact).read_text(encoding="utf-8"), source=cache.artefact)
            model.check(embedder=config.embedder.model, source=cache.artefact)
        except ConfigurationError as error:
            for problem in error.problems:
                yield RouteFinding(Problem((*ROUTES, name, "cache", "artefact"), problem))
        except (OSError, UnicodeDecodeError):
            yield RouteFinding(Problem((*ROUTES, name, "cache", "artefact"), f"'{cache.artefact}' cannot be read"))


def _check_known_attacks(config: ThriftgateConfig, base: Path) -> Iterator[RouteFinding]:
    known = config.guards.injection.known if config.guards else None
    where = (*SECTION, "guards", "injection", "known")
    if known is not None and not (base / known).is_file():
        yield RouteFinding(Problem(where, f"there is no file '{known}'"))
    elif known is not None:
        try:
            (base / known).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            yield RouteFinding(Problem(where, f"'{known}' cannot be read"))


def _check_keys(config: ThriftgateConfig, base: Path) -> Iterator[RouteFinding]:
    identity = config.identity
    if identity is None:
        return
    if identity.file is not None and (base / identity.file).is_file():
        from thriftgate.stores.files.keys import WatchedKeyFile

        try:
            WatchedKeyFile(base / identity.file)
        except ConfigurationError as error:
            for problem in error.problems:
                words = problem.removeprefix("identity.file: ")
                yield RouteFinding(Problem((*SECTION, "identity", "file"), words))
    kept = identity.jwt.jwks_file if identity.jwt is not None else None
    if kept is not None and (base / kept).is_file():
        from thriftgate.stores.files.issuer_keys import KeptIssuerKeys

        try:
            KeptIssuerKeys(base / kept)
        except ConfigurationError as error:
            for problem in error.problems:
                words = problem.removeprefix("identity.jwt.jwks_file: ")
                yield RouteFinding(Problem((*SECTION, "identity", "jwt", "jwks_file"), words))
