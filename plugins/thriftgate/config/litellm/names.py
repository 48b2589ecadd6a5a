"""What LiteLLM's settings are called, read from the sources of the installed package.

Importing LiteLLM takes ten seconds and a check takes one, so its files are read as text; a contract test compares what
is found with what LiteLLM itself says.

Failure behaviour: where a source is not there or has another shape, no name is known, and nothing is checked by it.
"""

import re
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path

_PARAMETER = re.compile(r"^        (\w+): ([^=\n]+)", re.MULTILINE)
_FIELD = re.compile(r"^    ([A-Za-z]\w*): ", re.MULTILINE)
_GLOBAL = re.compile(r"^([a-z]\w*)(?:: [^=\n]+)? = ", re.MULTILINE)
_IMPORTED = re.compile(r"^    ([a-z]\w*),$", re.MULTILINE)
_BRANCH = re.compile(r'^                elif key == "(\w+)"', re.MULTILINE)
_QUOTED = re.compile(r'"([\w-]+)"')
_READ = re.compile(r'general_settings\.get\(\s*"(\w+)"')
_OF_A_DEPLOYMENT = frozenset({"cooldown_time", "num_retries", "order", "weight"})
"""Read of a deployment by the router, and declared nowhere."""


@cache
def router_settings() -> Mapping[str, str]:
    """What `router_settings` may have, with the type that LiteLLM declares; LiteLLM ignores anything else there."""
    source = source_of("router.py")
    start = source.find("    def __init__(", max(source.find("\nclass Router:"), source.find("\nclass Router(")))
    signature = source[start : source.find(") ->", start)] if start > 0 else ""
    constants = source_of("constants.py")
    begin = constants.find("ROUTER_SETTINGS_MANAGED_OUTSIDE_CONFIG")
    elsewhere = set(_QUOTED.findall(constants[begin : constants.find(")", begin)])) if begin > 0 else set[str]()
    return {name: declared.strip() for name, declared in _PARAMETER.findall(signature) if name not in elsewhere}


@cache
def routing_strategies() -> frozenset[str]:
    """What `routing_strategy` may be."""
    source = source_of("types/litellm_params.py")
    start = source.find("\nRoutingStrategyName")
    return frozenset(_QUOTED.findall(source[start : source.find("]", start)])) if start > 0 else frozenset()


@cache
def secret_stores() -> frozenset[str]:
    """What `key_management_system` may be."""
    source = source_of("types/secret_managers/main.py")
    start = source.find("\nclass KeyManagementSystem(")
    return frozenset(_QUOTED.findall(source[start : source.find("\n\n", start)])) if start > 0 else frozenset()


@cache
def litellm_settings() -> frozenset[str]:
    """What `litellm_settings` may have: LiteLLM's module variables, and words that its proxy reads."""
    source = source_of("__init__.py")
    found = _GLOBAL.findall(source) + _IMPORTED.findall(source) + _BRANCH.findall(source_of("proxy/proxy_server.py"))
    return frozenset(found) | {"cache"} if found else frozenset()


@cache
def general_settings() -> frozenset[str]:
    """What `general_settings` may have."""
    found = _fields("proxy/_types.py", "ConfigGeneralSettings")
    return found | frozenset(_READ.findall(source_of("proxy/proxy_server.py"))) if found else found


@cache
def providers() -> frozenset[str]:
    """What may stand in front of a model's name."""
    source = source_of("types/utils.py")
    start = source.find("\nclass LlmProviders(")
    end = source.find("\n\n", source.find(' = "', start))
    return (
        frozenset(re.findall(r'^    \w+ = "([\w-]+)"', source[start:end], re.MULTILINE)) if start > 0 else frozenset()
    )


@cache
def deployment_settings() -> frozenset[str]:
    """What LiteLLM itself reads of `litellm_params`; anything else goes to the provider."""
    found = [
        name for file in ("types/router.py", "types/utils.py", "main.py") for name in _FIELD.findall(source_of(file))
    ]
    return frozenset(found) | _OF_A_DEPLOYMENT if found else frozenset()


@cache
def policy_settings(policy: str) -> frozenset[str]:
    """What `retry_policy` or `allowed_fails_policy` may have."""
    return _fields("types/router.py", "RetryPolicy" if policy == "retry_policy" else "AllowedFailsPolicy")


def _fields(file: str, name: str) -> frozenset[str]:
    source = source_of(file)
    start = source.find(f"\nclass {name}(")
    if start < 0:
        return frozenset()
    end = re.compile(r"^(?:class |@|[A-Za-z]\w* ?=|def )", re.MULTILINE).search(source, start + 2)
    return frozenset(_FIELD.findall(source[start : end.start() if end else None])) - {"model_config"}


@cache
def source_of(file: str) -> str:
    """The text of a file of the installed package; nothing where it is not there."""
    spec = find_spec("litellm")
    for folder in (spec.submodule_search_locations if spec else None) or ():
        try:
            return (Path(folder) / file).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            continue
    return ""
