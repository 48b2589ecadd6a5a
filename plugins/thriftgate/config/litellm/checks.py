"""Whether LiteLLM's own sections load thriftgate, once, and protect it with a key.

LiteLLM starts without a word where a guardrail is misspelt or a section is unknown; these checks say it first.

Failure behaviour: nothing here raises; what has an unexpected shape is LiteLLM's to refuse and is passed over.
"""

import ast
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import thriftgate
from thriftgate.config.checks.routes import RouteFinding
from thriftgate.config.document import value_at
from thriftgate.config.environment import resolve, variable_of
from thriftgate.config.litellm.kinds import check_kinds
from thriftgate.config.problems import SECTION, KeyPath, Problem
from thriftgate.forms import describe, did_you_mean
from thriftgate.wire.shapes import items, mapping

PLUGIN = "thriftgate.proxy.plugin"
HANDLER = f"{PLUGIN}.routes"
_SECTIONS = (
    "callback_settings", "credential_list", "environment_variables", "files_settings", "finetune_settings",
    "general_settings", "guardrails", "include", "litellm_settings", "mcp_servers", "model_list", "router_settings",
)  # fmt: skip
_CALLBACK_LISTS = ("callbacks", "success_callback", "failure_callback", "audit_log_callbacks")
_PUBLIC_KEY_DIGESTS = frozenset({"88dc28d0f030c55ed4ab77ed8faf098196cb1c05df778539800c9f1243fe6b4b"})
"""SHA-256 of the master keys that stand in LiteLLM's documentation; LiteLLM refuses to start with one."""
_REDIS_CACHES = ("redis", "redis-semantic")
_REDIS_PLACES = ("host", "url", "startup_nodes", "cluster_nodes", "sentinel_nodes")
_SHORT_KEY = 16
_MASTER_KEY = "LITELLM_MASTER_KEY"


@cache
def plugin_names() -> frozenset[str]:
    """What `thriftgate.proxy.plugin` defines, read from its source: importing it would import LiteLLM."""
    names = {HANDLER.rpartition(".")[2]}
    for folder in thriftgate.__path__:
        source = Path(folder, "proxy", "plugin.py")
        if source.is_file():
            names |= set(_defined(ast.parse(source.read_text(encoding="utf-8"))))
    return frozenset(names)


def _defined(module: ast.Module) -> Iterator[str]:
    """The instances and classes that LiteLLM may be given; functions and what is borrowed from elsewhere are not."""
    for statement in module.body:
        if isinstance(statement, ast.ClassDef):
            yield statement.name
        elif isinstance(statement, ast.Assign):
            targets = [node for target in statement.targets for node in ast.walk(target)]
            yield from (node.id for node in targets if isinstance(node, ast.Name))
        elif isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            yield statement.target.id
        elif isinstance(statement, ast.ImportFrom) and (statement.module or "").startswith("thriftgate.proxy"):
            yield from (alias.asname or alias.name for alias in statement.names)


def check_litellm(values: Mapping[str, Any], environ: Mapping[str, str], base: Path) -> Iterator[RouteFinding]:
    """Everything about LiteLLM's sections that decides whether thriftgate runs in this proxy."""
    yield from _check_sections(values)
    yield from _check_handler(values)
    yield from _check_native_cache(values, environ)
    yield from check_kinds(values, environ)
    for path, name in _references(values):
        yield from _check_reference(path, name)
    yield from _check_shadow(base)
    yield from _check_master_key(values, environ)


def _check_sections(values: Mapping[str, Any]) -> Iterator[RouteFinding]:
    for name in values:
        if name == "thriftgate":
            yield RouteFinding(Problem((name,), "stands in the wrong place: LiteLLM reads it under callback_settings"))
        elif name not in _SECTIONS and (suggestion := did_you_mean(name, _SECTIONS)):
            words = f"LiteLLM knows no such section and ignores it{suggestion}"
            # Where the section that is meant is there as well, the other one may be somebody's notes.
            is_there = any(section in values for section in _SECTIONS if f"'{section}'" in suggestion)
            yield RouteFinding(Problem((name,), words), is_warning=is_there)


def _check_handler(values: Mapping[str, Any]) -> Iterator[RouteFinding]:
    path: KeyPath = ("litellm_settings", "custom_provider_map")
    entries = [(index, mapping(entry)) for index, entry in enumerate(items(value_at(values, *path)))]
    ours = [(index, entry) for index, entry in entries if entry.get("provider") == "thriftgate"]
    if not ours:
        words = f"is missing: add [{{provider: thriftgate, custom_handler: {HANDLER}}}], else no route is served"
        yield RouteFinding(Problem(path, words))
    for index, entry in ours:
        handler = entry.get("custom_handler")
        if handler != HANDLER:
            yield RouteFinding(Problem((*path, index, "custom_handler"), f"must be {HANDLER}, not '{handler}'"))


def _check_native_cache(values: Mapping[str, Any], environ: Mapping[str, str]) -> Iterator[RouteFinding]:
    """LiteLLM's cache answers before a route is asked, and does not keep tenants apart."""
    path: KeyPath = ("litellm_settings", "cache")
    if value_at(values, *path) is not True:
        return
    params = value_at(values, "litellm_settings", "cache_params")
    written = mapping(params)
    if written.get("type", "redis") in _REDIS_CACHES and not (
        any(written.get(name) for name in _REDIS_PLACES)
        or any(environ.get(f"REDIS_{name.upper()}") for name in _REDIS_PLACES)
    ):
        words = (
            "LiteLLM's own cache asks a Redis that is named nowhere (REDIS_HOST, cache_params.host), and does not start"
        )
        yield RouteFinding(Problem(path, f"{words}: leave it out; a route's `cache` section is the one to use"))
        return
    words = "LiteLLM's own cache answers across tenants, also for routes; a route's `cache` section does not"
    yield RouteFinding(Problem(path, words), is_warning=True)


def _references(values: Mapping[str, Any]) -> Iterator[tuple[KeyPath, str]]:
    for key in _CALLBACK_LISTS:
        for index, name in enumerate(items(value_at(values, "litellm_settings", key))):
            if isinstance(name, str):
                yield ("litellm_settings", key, index), name
    for index, guardrail in enumerate(items(values.get("guardrails"))):
        name = value_at(guardrail, "litellm_params", "guardrail")
        if isinstance(name, str):
            yield ("guardrails", index, "litellm_params", "guardrail"), name


def _check_reference(path: KeyPath, name: str) -> Iterator[RouteFinding]:
    if name.startswith("plugins."):
        words = f"name the installed package, '{name.removeprefix('plugins.')}': by a path LiteLLM would load it twice"
        yield RouteFinding(Problem(path, words))
    elif name.startswith("thriftgate."):
        module, _, attribute = name.rpartition(".")
        if module != PLUGIN:
            yield RouteFinding(Problem(path, f"thriftgate has no '{name}': what LiteLLM may load stands in {PLUGIN}"))
        elif attribute not in plugin_names():
            public = [known for known in plugin_names() if not known.startswith("_")]
            yield RouteFinding(Problem(path, f"{PLUGIN} has no '{attribute}'{did_you_mean(attribute, public)}"))


def _check_shadow(base: Path) -> Iterator[RouteFinding]:
    """LiteLLM looks for `thriftgate/…` beside the file first, and would run a second copy with a second state."""
    if (base / "thriftgate").is_dir():
        words = "a folder named 'thriftgate' stands next to this file; LiteLLM would run it in place of the package"
        yield RouteFinding(Problem((), f"{words}: move one of them"))


def master_key_of(values: Mapping[str, Any], environ: Mapping[str, str]) -> str | None:
    """The key that guards the proxy, from the file or from LITELLM_MASTER_KEY."""
    key = value_at(values, "general_settings", "master_key")
    found = resolve(key, environ)[0] if key is not None else environ.get(_MASTER_KEY)
    return str(found) if found else None


def _check_master_key(values: Mapping[str, Any], environ: Mapping[str, str]) -> Iterator[RouteFinding]:
    path: KeyPath = ("general_settings", "master_key")
    key = master_key_of(values, environ)
    if key is None:
        name = variable_of(value_at(values, *path)) or _MASTER_KEY
        if name == _MASTER_KEY:
            return  # as it is shipped: `thriftgate up` makes one
        words = f"is not set ({name} is empty): `thriftgate up` makes one; LiteLLM alone refuses to start without"
        yield RouteFinding(Problem(path, words), is_warning=True)
    elif hashlib.sha256(key.strip().encode()).hexdigest() in _PUBLIC_KEY_DIGESTS:
        words = "is the example from LiteLLM's documentation, which everybody knows; LiteLLM refuses to start with it"
        yield RouteFinding(Problem(path, words))
    elif len(key.strip()) < _SHORT_KEY:
        words = f"has only {len(key.strip())} characters and could be guessed; `openssl rand -hex 32` makes a good one"
        yield RouteFinding(Problem(path, words), is_warning=True)


def check_callback_settings(values: Mapping[str, Any], slipped: Iterable[str] = ()) -> Iterator[RouteFinding]:
    """Whether our section is there at all, or written with a slip; `slipped` are keys of ours that stand beside it."""
    settings = mapping(values.get("callback_settings"))
    written = settings.get("thriftgate")
    outside = [name for name in slipped if "thriftgate" in settings]
    if outside and not written:
        words = "is empty: what belongs to it stands one level too far left, indent the lines below it"
        yield RouteFinding(Problem(SECTION, words))
        return
    for name in outside:
        words = "stands one level too far left: indent it under 'thriftgate'"
        yield RouteFinding(Problem(("callback_settings", name), words))
    if "thriftgate" not in settings:
        if "thriftgate" in values:
            return  # it is named where it stands
        slip = next((name for name in settings if did_you_mean(name, ["thriftgate"])), None)
        words = "is missing: thriftgate has no route to serve" + (f" (is '{slip}' meant to be it?)" if slip else "")
        yield RouteFinding(Problem(SECTION, words, slip=("callback_settings", slip) if slip else None))
    elif not isinstance(written, Mapping) or not written:
        words = f"must be a section with `routes`, not {describe(written) if written else 'nothing'}"
        yield RouteFinding(Problem(SECTION, words))
