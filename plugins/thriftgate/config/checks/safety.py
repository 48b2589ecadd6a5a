"""Whether what `privacy` and `guards` say of single models is about models that there are, and the audit log is a file.

A name that nobody has is no detail there: what was to be blocked for it would go out. The same of what an answer's
shape is not held to.

Failure behaviour: findings are values. Of the disk only folders are looked at.
"""

from collections.abc import Iterator
from pathlib import Path

from thriftgate.config.checks.routes import RouteFinding
from thriftgate.config.litellm.model_list import ModelList
from thriftgate.config.problems import SECTION, Problem
from thriftgate.config.sections.root import ThriftgateConfig
from thriftgate.forms import did_you_mean
from thriftgate.schemas import Schema, compile_schema


def check_safety(config: ThriftgateConfig, models: ModelList, base: Path) -> Iterator[RouteFinding]:
    """Models that are named there exist, by the names that clients call; the audit log is a file.

    A warning names patterns of a route's schema that no answer is held to.
    """
    for name, route in config.routes.items():
        given = route.output.json_schema if route.output is not None else None
        schema = compile_schema(given) if given is not None else None
        if isinstance(schema, Schema) and schema.ignored:
            words = f"the pattern at {', '.join(schema.ignored)} has no linear form (look-around, back references)"
            problem = Problem((*SECTION, "routes", name, "output", "json_schema"), f"{words}: it is not checked")
            yield RouteFinding(problem, is_warning=True)
    for section, named in (("privacy", config.privacy), ("guards", config.guards)):
        for name in named.models if named is not None else ():
            if models.find(name) is None:
                words = f"no entry of model_list is named so{did_you_mean(name, models.names)}"
                yield RouteFinding(Problem((*SECTION, section, "models", name), words))
    if config.guards is not None and config.guards.audit_log and (base / config.guards.audit_log).is_dir():
        yield RouteFinding(Problem((*SECTION, "guards", "audit_log"), "is a folder; it must be a file"))
