"""Whether the routes fit the rest of the file: their models exist, are no routes, have keys and known prices.

Failure behaviour: nothing here raises; what cannot be checked because something else is wrong is left out.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import BaseModel

from thriftgate.config.litellm.model_list import ModelGroup, ModelList
from thriftgate.config.problems import SECTION, KeyPath, Problem
from thriftgate.config.sections.cache import CacheConfig
from thriftgate.config.sections.cascade import CascadeConfig
from thriftgate.config.sections.root import RouteConfig, ThriftgateConfig
from thriftgate.forms import did_you_mean

ROUTES: KeyPath = (*SECTION, "routes")


@dataclass(frozen=True, slots=True)
class RouteFinding:
    """What a check found: a problem stops the start, a warning does not."""

    problem: Problem
    is_warning: bool = False


def check_routes(
    routes: Mapping[str, RouteConfig], *, names: frozenset[str], models: ModelList, require_keys: bool
) -> Iterator[RouteFinding]:
    """Check valid `routes` against the model list; `names` are those of all routes, also the invalid ones."""
    yield from _check_entries(names, models)
    for name, route in routes.items():
        path: KeyPath = (*ROUTES, name, "cascade")
        seen: set[str] = set()
        for index, tier in enumerate(route.cascade.tiers):
            where = (*path, "tiers", index, "model")
            if tier.model in seen:
                yield RouteFinding(
                    Problem(where, f"'{tier.model}' is already a tier of this route: asking it twice helps nobody")
                )
            seen.add(tier.model)
            yield from _check_group(tier.model, where, models)
        if route.cache is not None:
            yield from _check_decision(route.cache, (*ROUTES, name, "cache"))
        for where, model in _helpers(route, (*ROUTES, name)):
            yield from _check_group(model, where, models)
        yield from _check_order(route, path, models)
    if require_keys:
        yield from _check_keys(routes, models)


def _check_decision(cache: CacheConfig, path: KeyPath) -> Iterator[RouteFinding]:
    """A fixed threshold decides alone; what stands beside it promises nothing."""
    if cache.min_similarity is None:
        return
    for name in ("max_error", "artefact"):
        if name in cache.model_fields_set:
            words = (
                "has no effect beside min_similarity, which decides alone and promises nothing: take one of them out"
            )
            yield RouteFinding(Problem((*path, name), words), is_warning=True)


def _helpers(route: RouteConfig, path: KeyPath) -> Iterator[tuple[KeyPath, str]]:
    """The models that a route asks or counts with besides its tiers; a misspelt judge would judge nothing, unseen."""
    cascade, cache = route.cascade, route.cache
    named = {
        ("cascade", "baseline"): cascade.baseline,
        ("cascade", "second_sample", "model"): cascade.second_sample and cascade.second_sample.model,
        ("cascade", "judge", "model"): cascade.judge and cascade.judge.model,
        ("cascade", "audit", "judge"): cascade.audit.judge,
        ("cache", "verify", "judge"): cache and cache.verify.judge,
    }
    for keys, model in named.items():
        if model is not None:
            yield (*path, *keys), model


def check_guard_judge(config: ThriftgateConfig, models: ModelList) -> Iterator[RouteFinding]:
    """The model that guards ask exists; a misspelt one would fail for every text."""
    if config.guards is not None and config.guards.judge is not None:
        yield from _check_group(config.guards.judge.model, (*SECTION, "guards", "judge", "model"), models, price=False)


def check_private_models(config: ThriftgateConfig, models: ModelList) -> Iterator[RouteFinding]:
    """Private models exist, and every route that private data may come to asks one of them."""
    privacy = config.privacy
    if privacy is None:
        return
    for index, model in enumerate(privacy.private_models):
        yield from _check_group(model, (*SECTION, "privacy", "private_models", index), models, price=False)
    for name, route in config.routes.items():
        if not privacy.private_models or any(tier.model in privacy.private_models for tier in route.cascade.tiers):
            continue
        called = [group.name for group in models.groups.values() if name in group.routes]
        kinds = sorted({kind for model in called for kind in privacy.private_kinds(model)})
        if kinds:
            words = (
                f"none of these is among privacy.private_models, so every request with {' or '.join(kinds)} would be "
                f"refused: add such a tier, or another action for the kind under privacy.models.{name}.entities"
            )
            yield RouteFinding(Problem((*ROUTES, name, "cascade", "tiers"), words))


def _check_entries(names: frozenset[str], models: ModelList) -> Iterator[RouteFinding]:
    """Every route has an entry in the model list, and every such entry a route."""
    served: set[str] = set()
    for group in models.groups.values():
        for deployment in group.deployments:
            if deployment.route is None:
                continue
            served.add(deployment.route)
            if deployment.route not in names:
                words = f"there is no route '{deployment.route}' under callback_settings.thriftgate.routes"
                where = (*deployment.path, "litellm_params", "model")
                yield RouteFinding(Problem(where, words + did_you_mean(deployment.route, names)))
        if group.routes and len(group.deployments) > 1:
            words = f"'{group.name}' leads to a route and to something else: a route is the only entry of its name"
            yield RouteFinding(Problem((*group.deployments[-1].path, "model_name"), words))
    for name in sorted(names - served):
        entry = f"{{model_name: {name}, litellm_params: {{model: thriftgate/{name}}}}}"
        yield RouteFinding(Problem((*ROUTES, name), f"no client can reach this route: add {entry} to model_list"))


def _check_group(name: str, where: KeyPath, models: ModelList, *, price: bool = True) -> Iterator[RouteFinding]:
    group = models.find(name)
    if group is None:
        plain = [other for other in models.names if not _is_route(models.find(other))]
        yield RouteFinding(Problem(where, f"no entry of model_list is named '{name}'{did_you_mean(name, plain)}"))
    elif group.routes:
        words = f"'{name}' is itself a route; a route asks plain models, else requests could go in circles"
        yield RouteFinding(Problem(where, words))
    elif price and not group.is_pattern:
        yield from _check_prices(group)


def _is_route(group: ModelGroup | None) -> bool:
    return group is not None and bool(group.routes)


def _check_prices(group: ModelGroup) -> Iterator[RouteFinding]:
    for deployment in group.deployments:
        if deployment.price is None:
            words = (
                f"no price is known for '{deployment.model}': add input_cost_per_token and output_cost_per_token "
                "(US dollars; 0 for a model you run yourself)"
            )
            yield RouteFinding(Problem((*deployment.path, "litellm_params"), words))


def _check_order(route: RouteConfig, path: KeyPath, models: ModelList) -> Iterator[RouteFinding]:
    """A tier that costs more than the next one makes a cascade that loses money."""
    tiers = route.cascade.tiers
    for index in range(len(tiers) - 1):
        first, second = models.find(tiers[index].model), models.find(tiers[index + 1].model)
        if first is None or second is None or first.price is None or second.price is None:
            continue
        if first.price.blended > second.price.blended:
            words = (
                f"'{first.name}' ({first.price}) costs more than '{second.name}' ({second.price}), which is asked "
                "after it: tiers go from the cheapest to the strongest"
            )
            yield RouteFinding(Problem((*path, "tiers", index, "model"), words), is_warning=True)


def _check_keys(routes: Mapping[str, RouteConfig], models: ModelList) -> Iterator[RouteFinding]:
    """A group of which no deployment has its key is a problem where a route needs it, else a warning."""
    needed: dict[str, list[str]] = {}
    for name, route in routes.items():
        for tier in route.cascade.tiers:
            needed.setdefault(models.aliases.get(tier.model, tier.model), []).append(name)
    for group in models.groups.values():
        usable = any(deployment.missing_variable is None for deployment in group.deployments)
        for deployment in group.deployments:
            if deployment.missing_variable is None:
                continue
            words = f"the environment variable {deployment.missing_variable} is not set"
            is_problem = not usable and group.name in needed
            if is_problem:
                routes_named = ", ".join(f"'{name}'" for name in needed[group.name])
                words += f", and route {routes_named} needs a working '{group.name}'"
            else:
                words += f": this deployment of '{group.name}' cannot answer"
            where = (*deployment.path, "litellm_params", "api_key")
            yield RouteFinding(Problem(where, words), is_warning=not is_problem)


def check_files(config: ThriftgateConfig, base: Path) -> Iterator[RouteFinding]:
    """Prompt folders and artefacts that routes name exist. Paths are seen from the folder of the file."""
    prompts = base / config.prompts_dir
    for name, route in config.routes.items():
        if route.prompt is not None and not (prompts / route.prompt.name / "prompt.yaml").is_file():
            known = [found.parent.name for found in prompts.glob("*/prompt.yaml")]
            words = f"there is no {config.prompts_dir}/{route.prompt.name}/prompt.yaml"
            where = (*ROUTES, name, "prompt", "name")
            yield RouteFinding(Problem(where, words + did_you_mean(route.prompt.name, known)))
        for path, artefact in _artefacts(route, (*ROUTES, name)):
            if not (base / artefact).is_file():
                yield RouteFinding(Problem(path, f"there is no file '{artefact}'"))


def check_promises(config: ThriftgateConfig, base: Path, models: ModelList | None) -> Iterator[RouteFinding]:
    """A promised quality has an artefact that proves it, made for these tiers, their models and this promise.

    Models are not compared where `models` is None, because a demo provider plays them. The prompt's version is not
    compared: it may change while the gateway runs, which asks for it at each request.
    """
    for name, route in config.routes.items():
        cascade = route.cascade
        where = (*ROUTES, name, "cascade")
        if cascade.artefact is None:
            if cascade.promised is not None and len(cascade.tiers) > 1:
                setting = "max_quality_loss" if cascade.max_regressions is None else "max_regressions"
                words = (
                    "nothing proves this promise yet, so every request goes to the strongest tier: make an artefact "
                    "with `thriftgate cascade calibrate` and name it under `artefact`"
                )
                yield RouteFinding(Problem((*where, setting), words), is_warning=True)
        elif (base / cascade.artefact).is_file():
            yield from _check_artefact(route, base / cascade.artefact, where, models)


def _check_artefact(route: RouteConfig, path: Path, where: KeyPath, models: ModelList | None) -> Iterator[RouteFinding]:
    # It brings numpy, which a configuration without artefacts need not wait for.
    from thriftgate.cascade.artefact import StaleArtefactError, load_artefact

    cascade = route.cascade
    try:
        artefact = load_artefact(path)
        artefact.check(
            tiers=[tier.model for tier in cascade.tiers],
            deployments=models and _deployments(cascade, models),
            prompt_version=artefact.prompt_version,
            embedder=artefact.probe.embedder if artefact.probe else "",
            max_quality_loss=cascade.max_quality_loss,
            max_regressions=cascade.max_regressions,
            delta=cascade.delta,
        )
    except StaleArtefactError as error:
        for problem in error.problems:
            yield RouteFinding(Problem((*where, "artefact"), problem.replace(str(path), cascade.artefact or "")))
        return
    for name, is_needed, setting in (
        ("second_sample", artefact.needs("second_sample"), cascade.second_sample),
        ("judge", artefact.needs("judge"), cascade.judge),
    ):
        if is_needed and setting is None:
            words = f"it needs `{name}`, which this cascade does not set: no answer could be judged, and all escalate"
            yield RouteFinding(Problem((*where, "artefact"), words))
    if bool(artefact.prompt_version) != (route.prompt is not None):
        words = (
            "it was made without the route's prompt, so every request goes to the strongest tier: calibrate again "
            "with --prompt-version"
            if route.prompt is not None
            else "it was made with a prompt and the route has none, so every request goes to the strongest tier"
        )
        yield RouteFinding(Problem((*where, "artefact"), words), is_warning=True)
    if not artefact.guarantee.holds:
        words = (
            f"it could not prove its promise, so every request goes to the strongest tier: {artefact.guarantee.words}"
        )
        yield RouteFinding(Problem((*where, "artefact"), words), is_warning=True)


def _deployments(cascade: CascadeConfig, models: ModelList) -> Mapping[str, Sequence[str]]:
    groups = {tier.model: models.find(tier.model) for tier in cascade.tiers}
    return {name: [one.model for one in group.deployments] for name, group in groups.items() if group is not None}


def _artefacts(section: BaseModel, path: KeyPath) -> Iterator[tuple[KeyPath, str]]:
    for name in type(section).model_fields:
        value: Any = getattr(section, name)
        if name == "artefact" and isinstance(value, str):
            yield (*path, name), value
        elif isinstance(value, BaseModel):
            yield from _artefacts(value, (*path, name))


def check_urls(config: ThriftgateConfig) -> Iterator[RouteFinding]:
    """The stores' addresses have a shape that a client can use. They are never quoted: they hold passwords."""
    wanted = {
        "database_url": (config.database_url, ("postgresql", "postgres"), "postgresql://user:password@host:5432/name"),
        "redis_url": (config.redis_url, ("redis", "rediss", "unix"), "redis://:password@host:6379/0"),
    }
    for name, (url, schemes, example) in wanted.items():
        if url is None:
            continue
        words = _wrong_with(url, schemes)
        if words:
            yield RouteFinding(Problem((*SECTION, name), f"{words}; it should look like {example}"))


def _wrong_with(url: str, schemes: tuple[str, ...]) -> str | None:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return "its host or port cannot be read (special characters in a password must be percent-encoded)"
    if parts.scheme not in schemes:
        # A word before `://` is no secret; without it the whole value might be one.
        return f"must start with {schemes[0]}://" + (f", not {parts.scheme}://" if "://" in url else "")
    if not parts.hostname and "host=" not in parts.query and parts.scheme != "unix":
        return "names no host"
    return None
