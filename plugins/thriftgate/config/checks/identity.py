"""Whether LiteLLM asks us who calls, and whether what `identity` names is there.

Failure behaviour: nothing here raises; what cannot be read becomes a problem of the configuration.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from thriftgate.config.checks.routes import RouteFinding
from thriftgate.config.document import value_at
from thriftgate.config.problems import SECTION, KeyPath, Problem
from thriftgate.config.sections.root import ThriftgateConfig
from thriftgate.forms import did_you_mean

AUTHENTICATION = "thriftgate.proxy.plugin.authenticate"
"""What `general_settings.custom_auth` names for LiteLLM to ask us."""
CUSTOM_AUTH: KeyPath = ("general_settings", "custom_auth")
_IDENTITY: KeyPath = (*SECTION, "identity")


def check_identity(config: ThriftgateConfig, values: Mapping[str, Any], base: Path) -> Iterator[RouteFinding]:
    """Our section and LiteLLM's setting belong together; one without the other lets nobody in, or everybody out."""
    yield from _check_budgets(config)
    named = value_at(values, *CUSTOM_AUTH)
    if config.identity is None:
        if named == AUTHENTICATION and value_at(values, *_IDENTITY) is None:
            words = "asks thriftgate for keys, which are off: add `identity: {}` to callback_settings.thriftgate"
            yield RouteFinding(Problem(CUSTOM_AUTH, words))
        return
    # Where it is missing `thriftgate up` adds it, as it ships it: nothing to warn of.
    if named not in (None, AUTHENTICATION):
        words = f"LiteLLM would ask '{named}', and `identity` nobody: name {AUTHENTICATION}, or take `identity` out"
        yield RouteFinding(Problem(CUSTOM_AUTH, words))
    yield from _check_files(config, base)


def _check_budgets(config: ThriftgateConfig) -> Iterator[RouteFinding]:
    for name in config.budgets.routes:
        if name not in config.routes:
            words = f"there is no route '{name}'{did_you_mean(name, config.routes)}"
            yield RouteFinding(Problem((*SECTION, "budgets", "routes", name), words))


def _check_files(config: ThriftgateConfig, base: Path) -> Iterator[RouteFinding]:
    identity = config.identity
    if identity is None:
        return
    if identity.file is not None and not (base / identity.file).is_file():
        yield RouteFinding(Problem((*_IDENTITY, "file"), f"there is no file '{identity.file}'"))
    token_file = identity.jwt.jwks_file if identity.jwt else None
    if token_file is not None and not (base / token_file).is_file():
        yield RouteFinding(Problem((*_IDENTITY, "jwt", "jwks_file"), f"there is no file '{token_file}'"))
