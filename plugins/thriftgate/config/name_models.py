"""Where the operator's own models of names are, and what they say of themselves; nothing of theirs is imported.

Failure behaviour: what is not there is None, or a finding of `check`; a description that cannot be read says nothing.
"""

import json
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from thriftgate.config.checks.routes import RouteFinding
from thriftgate.config.problems import SECTION, Problem
from thriftgate.config.sections.root import ThriftgateConfig

_DESCRIPTION = "meta.json"
_PIPELINE = "config.cfg"


def find_spacy(name: str, base: Path) -> Path | None:
    """The folder of a spaCy pipeline: `name` is one, seen from `base`, or an installed package; None: neither."""
    if ((base / name) / _PIPELINE).is_file():
        return base / name
    spec = find_spec(name) if name.isidentifier() else None
    roots = [Path(root) for root in (spec.submodule_search_locations or ())] if spec else []
    # A package holds its pipeline in a folder that is called after its version.
    return next((found.parent for root in roots for found in sorted(root.glob(f"{name}-*/{_PIPELINE}"))), None)


def described(folder: Path, label: str) -> str:
    """Name, version and licence of a pipeline, and the recall of a label in its makers' own evaluation."""
    try:
        said: dict[str, Any] = json.loads((folder / _DESCRIPTION).read_text(encoding="utf-8"))
        recall = float(said["performance"]["ents_per_type"][label]["r"])
        measured = f"recall of names {recall:.2f} by its makers' own evaluation"
    except (OSError, ValueError, KeyError, TypeError):
        measured = "recall of names not stated by its makers"
        said = {}
    return f"{folder.name} ({said.get('license') or 'licence not stated'}): {measured}"


def check_name_models(config: ThriftgateConfig, base: Path) -> Iterator[RouteFinding]:
    """Models of names that the section `privacy` names are there."""
    for index, model in enumerate(config.privacy.name_models if config.privacy else ()):
        path = (*SECTION, "privacy", "name_models", index)
        if model.spacy is not None and find_spacy(model.spacy, base) is None:
            words = f"there is no package and no folder with a spaCy pipeline '{model.spacy}': pip install it"
            yield RouteFinding(Problem((*path, "spacy"), words))
        if model.recognizer is not None and find_spec(model.recognizer.partition(".")[0]) is None:
            words = f"there is no module '{model.recognizer.partition('.')[0]}' that Python can import"
            yield RouteFinding(Problem((*path, "recognizer"), words))
