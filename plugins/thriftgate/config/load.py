"""Reads `litellm_config.yaml` and names every mistake at once.

The file is LiteLLM's; thriftgate's own section stands under `callback_settings.thriftgate`. This module reads it
without LiteLLM, so that a mistake is known in a second and not after the proxy's long start.

Failure behaviour: `load` and `from_section` raise ConfigurationError with all problems; warnings never raise.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, cast

from pydantic import ValidationError

from thriftgate.config.checks.identity import check_identity
from thriftgate.config.checks.limits import check_limits
from thriftgate.config.checks.routes import (
    RouteFinding,
    check_files,
    check_guard_judge,
    check_private_models,
    check_promises,
    check_routes,
    check_urls,
)
from thriftgate.config.checks.safety import check_safety
from thriftgate.config.checks.tracing import check_tracing
from thriftgate.config.document import Document, read_document
from thriftgate.config.environment import PREFIX, Unset, misnamed_variables, resolve
from thriftgate.config.indentation import straighten
from thriftgate.config.litellm.checks import check_callback_settings, check_litellm, master_key_of
from thriftgate.config.litellm.model_checks import check_header_names, check_retirement
from thriftgate.config.litellm.model_list import ModelList, environment_with, read_model_list
from thriftgate.config.litellm.sections import check_aliases, check_fallbacks, check_names, check_provider_names
from thriftgate.config.name_models import check_name_models
from thriftgate.config.problems import SECTION, KeyPath, Problem, problems_of, spell
from thriftgate.config.sections.root import RouteConfig, ThriftgateConfig
from thriftgate.errors import ConfigurationError
from thriftgate.forms import UNKNOWN_KEY, element_model, mistakes_of, model_of
from thriftgate.wire.shapes import mapping

_MOST_ROUNDS = 10
"""Taking out wrong keys can make a section incomplete, level by level; no section is nested deeper."""
_NO_VARIABLES: Mapping[str, str] = {}

_SCRAPERS_TOKEN = ("metrics", "token")
"""Without it fewer may look, so nothing is lost when it is not set."""

_SHIPPED: Mapping[str, KeyPath] = {
    "THRIFTGATE_DATABASE_URL": ("database_url",),
    "THRIFTGATE_REDIS_URL": ("redis_url",),
    "THRIFTGATE_METRICS_TOKEN": _SCRAPERS_TOKEN,
}

FurtherChecks = Callable[[ThriftgateConfig, ModelList, Path], Iterable[RouteFinding]]
"""Gets what is sound of the configuration, the models and the folder of the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedConfig:
    """A configuration without mistakes, and what thriftgate needs to know of the rest of the file."""

    path: Path
    thriftgate: ThriftgateConfig
    models: ModelList
    master_key: str | None = field(repr=False)
    """The proxy's master key; None when neither the file nor the environment has one."""
    values: Mapping[str, Any] = field(default_factory=dict[str, Any], repr=False)
    """The whole file with its includes merged, as it is written: `os.environ/NAME` is not resolved."""
    warnings: tuple[str, ...] = ()

    @property
    def base_dir(self) -> Path:
        """The folder that relative paths of the configuration are seen from."""
        return self.path.parent

    def clients_call(self, route: str) -> tuple[str, ...]:
        """The model names that lead to a route."""
        return tuple(group.name for group in self.models.groups.values() if route in group.routes)


def _nothing_more(_config: ThriftgateConfig, _models: ModelList, _base: Path) -> Iterable[RouteFinding]:
    return ()


def load(
    path: Path,
    environ: Mapping[str, str],
    *,
    require_keys: bool = True,
    today: date | None = None,
    further: FurtherChecks = _nothing_more,
) -> LoadedConfig:
    """The configuration in the file `path`, with variables from `environ`.

    A tier of which no deployment has its provider's key is a problem, unless `require_keys` is false: then something
    else, such as the demo provider, plays the models. `today` is what retirements are compared with, by
    default the current day in UTC; `further` checks what this package cannot look into.

    Raises ConfigurationError; each problem reads `file:line: key.path: what is wrong`.
    """
    path = path.absolute()
    document = read_document(path)
    if not document.values:
        raise ConfigurationError(_say(document, document.problems, path) or [f"{path.name}: the file is empty"])
    environ = environment_with(document.values, environ)
    models, problems = read_model_list(document.values, environ)
    section, unset, findings = _read_section(document, environ)
    section, misplaced = straighten(section, ThriftgateConfig, SECTION)
    config, sound, mistakes = _validate(section) if section else (None, None, [])
    problems += misplaced
    mistakes, findings = _once(mistakes, unset, findings)
    problems += mistakes
    findings += (*check_names(document.values), *check_fallbacks(document.values, models))
    findings += (*check_aliases(document.values, models), *check_provider_names(document.values, models))
    findings += check_litellm(document.values, environ, path.parent)
    words = f"is taken as it stands: an environment variable is written {PREFIX}NAME"
    problems += [Problem(place, words) for place in misnamed_variables(document.values)]
    if sound is not None:
        names = frozenset(mapping(section.get("routes")))
        findings += check_routes(sound.routes, names=names, models=models, require_keys=require_keys)
        findings += check_limits(sound.limits, models, sound.identity)
        findings += (*check_files(sound, path.parent), *check_urls(sound))
        findings += (
            *check_private_models(sound, models),
            *check_guard_judge(sound, models),
            *check_safety(sound, models, document.values, environ, path.parent),
            *check_name_models(sound, path.parent),
        )
        findings += (
            *check_promises(sound, path.parent, models if require_keys else None),
            *check_tracing(sound, document.values, environ),
            *check_identity(sound, document.values, path.parent),
            *check_header_names(models),
            *further(sound, models, path.parent),
        )
        if require_keys:
            findings += check_retirement(models, today or datetime.now(UTC).date())
    problems += [finding.problem for finding in findings if not finding.is_warning]
    problems += document.problems
    if problems or config is None:
        raise ConfigurationError(_say(document, problems, path))
    return LoadedConfig(
        path=path,
        thriftgate=config,
        models=models,
        master_key=master_key_of(document.values, environ),
        values=document.values,
        warnings=tuple(_say(document, [finding.problem for finding in findings], path)),
    )


def load_section(path: Path, environ: Mapping[str, str]) -> ThriftgateConfig:
    """Only our own section of the file, for commands that need its stores and not its models.

    Raises ConfigurationError for mistakes in that section; a missing provider key or price is none.
    """
    path = path.absolute()
    document = read_document(path)
    section, unset, findings = _read_section(document, environment_with(document.values, environ))
    section, misplaced = straighten(section, ThriftgateConfig, SECTION)
    config, _, mistakes = _validate(section) if section else (None, None, [])
    mistakes, findings = _once(mistakes, unset, findings)
    problems = [*document.problems, *(finding.problem for finding in findings if not finding.is_warning)]
    problems += [*misplaced, *mistakes]
    if document.problems and not section:
        problems = list(document.problems)  # of a file that cannot be read nothing more is known
    if problems or config is None:
        raise ConfigurationError(_say(document, problems, path))
    return config


def from_section(section: Mapping[str, Any], environ: Mapping[str, str] = _NO_VARIABLES) -> ThriftgateConfig:
    """The model of `callback_settings.thriftgate` as LiteLLM hands it over.

    LiteLLM has resolved its variables, but for those that are items of a list: `environ` has them.
    Raises ConfigurationError; each problem reads `key.path: what is wrong`. What needs the rest of the file is
    not checked here: use `load` for that.
    """
    resolved, unset = resolve(section, environ, path=SECTION)
    config, _, mistakes = _validate(mapping(resolved))
    problems, findings = _once(mistakes, unset, map(_unset, unset))
    problems += [finding.problem for finding in findings if not finding.is_warning]
    if problems or config is None:
        raise ConfigurationError([f"{spell(problem.path)}: {problem.message}" for problem in problems])
    return config


def _read_section(
    document: Document, environ: Mapping[str, str]
) -> tuple[Mapping[str, Any], list[Unset], list[RouteFinding]]:
    """Our section with its variables resolved, the unset ones, and what can be said before values are looked at."""
    settings = mapping(document.values.get("callback_settings"))
    slipped = {name: settings[name] for name in settings if _is_slipped(name, settings)}
    findings = list(check_callback_settings(document.values, slipped))
    written = {**slipped, **mapping(settings.get("thriftgate"))}
    section, unset = resolve(written, environ, path=SECTION)
    findings += [_unset(missing) for missing in unset if not _is_shipped_unset(missing)]
    findings += _empty_sections(written)
    return mapping(section), unset, findings


def _is_slipped(name: str, settings: Mapping[str, Any]) -> bool:
    """Whether a key of `callback_settings` is meant as one of ours: callbacks of others may have the names of ours."""
    known = ThriftgateConfig.model_fields.get(name)
    ours = mapping(settings.get("thriftgate"))
    if known is None or name in ours:
        return False
    if not ours:
        return True
    value = mapping(settings[name])
    one, each = model_of(known.annotation), element_model(known.annotation)
    if one is not None:
        return not one.model_fields.keys().isdisjoint(value)
    if each is not None:
        return any(not each.model_fields.keys().isdisjoint(mapping(entry)) for entry in value.values())
    return not isinstance(settings[name], Mapping)


def _once(
    mistakes: Iterable[Problem], unset: Iterable[Unset], findings: Iterable[RouteFinding]
) -> tuple[list[Problem], list[RouteFinding]]:
    """Of a key with a variable that is not set, one thing: that nobody knows the key, else that it has no value."""
    named = {missing.path for missing in unset}
    unknown = {mistake.path for mistake in mistakes if mistake.message.startswith(UNKNOWN_KEY)} & named
    return (
        [mistake for mistake in mistakes if mistake.path not in named or mistake.path in unknown],
        [finding for finding in findings if finding.problem.path not in unknown],
    )


def _is_shipped_unset(missing: Unset) -> bool:
    """The shipped file names these variables, and says what holds when they are not set."""
    return missing.variable in _SHIPPED and missing.path[len(SECTION) :] in _SHIPPED.values()


def _unset(missing: Unset) -> RouteFinding:
    words = f"the environment variable {missing.variable} is not set"
    key = missing.path[len(SECTION) :]
    field_info = ThriftgateConfig.model_fields.get(str(key[-1])) if len(key) == 1 else None
    if key == _SCRAPERS_TOKEN or (field_info is not None and field_info.default is None):
        return RouteFinding(
            Problem(missing.path, f"{words}; thriftgate goes on as if this key were absent"), is_warning=True
        )
    return RouteFinding(Problem(missing.path, words))


def _empty_sections(section: Mapping[str, Any]) -> Iterable[RouteFinding]:
    """`cache:` with nothing after it means off, which its writer hardly meant."""
    for name, route in mapping(section.get("routes")).items():
        for key, value in mapping(route).items():
            known = RouteConfig.model_fields.get(key)
            if value is None and known is not None and known.default is None and model_of(known.annotation):
                words = f"is empty, which means off; `{key}: {{}}` turns it on with its defaults"
                yield RouteFinding(Problem((*SECTION, "routes", name, key), words), is_warning=True)


def _validate(section: Mapping[str, Any]) -> tuple[ThriftgateConfig | None, ThriftgateConfig | None, list[Problem]]:
    """The configuration, else what is sound of it, and every mistake.

    The sound part lets one bad key not hide what is wrong with the others; only the first is ever served.
    """
    try:
        config = ThriftgateConfig.model_validate(section)
    except ValidationError as error:
        return None, _sound_part(section, error), problems_of(error, ThriftgateConfig)
    return config, config, []


def _sound_part(section: Mapping[str, Any], error: ValidationError) -> ThriftgateConfig | None:
    """What is left when every wrong key is taken out; where a key is missing, its section goes."""
    remaining: Any = section
    for _ in range(_MOST_ROUNDS):
        wrong = [detail["loc"][:-1] if detail["type"] == "missing" else detail["loc"] for detail in mistakes_of(error)]
        remaining = _without(remaining, set(wrong))
        try:
            return ThriftgateConfig.model_validate(remaining)
        except ValidationError as next_error:
            error = next_error
    return None


def _without(values: Any, paths: set[KeyPath]) -> Any:
    if not paths:
        return values
    if isinstance(values, list):
        # What follows a wrong item goes too: a later one must not be reported under an earlier one's number.
        first = min((path[0] for path in paths if len(path) == 1 and isinstance(path[0], int)), default=None)
        entries = enumerate(cast("list[Any]", values)[:first])
        return [_without(item, _below(paths, index)) for index, item in entries]
    return {key: _without(value, _below(paths, key)) for key, value in mapping(values).items() if (key,) not in paths}


def _below(paths: set[KeyPath], key: str | int) -> set[KeyPath]:
    return {path[1:] for path in paths if path[:1] == (key,) and len(path) > 1}


def _say(document: Document, problems: Iterable[Problem], path: Path) -> list[str]:
    """Each problem with its place, in the order of the file, each once."""
    said: dict[str, tuple[str, int]] = {}
    for problem in problems:
        place = problem.place or document.place(problem.slip or problem.path) or (path.name, 0)
        where = f"{place[0]}:{place[1]}" if place[1] else place[0]
        words = ": ".join(part for part in (where, spell(problem.path), problem.message) if part)
        said.setdefault(words, (place[0], place[1]))
    return sorted(said, key=lambda words: (said[words][0] != path.name, said[words]))
