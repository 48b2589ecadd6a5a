"""Builds what protects requests from the section `privacy`.

Failure behaviour: missing model files and unknown kinds raise ConfigurationError at the start; everything slow is
loaded on the analyzer's own thread after the start, and until it is there requests wait for it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from thriftgate.config.name_models import find_spacy
from thriftgate.config.privacy_policies import Policies
from thriftgate.config.sections.privacy import PrivacyConfig
from thriftgate.errors import ConfigurationError
from thriftgate.privacy.kinds import OWN_KINDS
from thriftgate.privacy.recognizers import Recognizer, own_recognizers
from thriftgate.privacy.recognizers.patterns import PatternRecognizer
from thriftgate.services.privacy.protecting import PrivacyService
from thriftgate.stores.kept_graphs import GraphBuilding
from thriftgate.stores.postgres.connection.database import Database
from thriftgate.stores.postgres.sealing import Sealer, derived_key
from thriftgate.stores.postgres.vault import PostgresVault
from thriftgate.stores.presidio.analyzer import PresidioAnalyzer
from thriftgate.stores.presidio.turns import Engine
from thriftgate.stores.rampart.files import find_rampart


@dataclass(frozen=True, slots=True, kw_only=True)
class Privacy:
    """What protects requests."""

    service: PrivacyService
    policies: Policies
    analyzer: PresidioAnalyzer
    vault: PostgresVault


def open_privacy(config: PrivacyConfig, database: Database, *, data_dir: Path, base_dir: Path) -> Privacy:
    """Build everything; `base_dir` is the folder of the configuration. Raises ConfigurationError."""
    policies = Policies(config)
    building = GraphBuilding()
    analyzer = PresidioAnalyzer(
        engine_loader(config, policies.kinds, data_dir, base_dir, building),
        timeout=config.timeout,
        stop_loading=building.stop,
    )
    vault = PostgresVault(database, Sealer([config.key, *config.previous_keys]), keep=config.keep)
    key, *earlier = (derived_key(one, "hash") for one in (config.key, *config.previous_keys))
    service = PrivacyService(analyzer, vault, key=key, earlier_keys=earlier)
    return Privacy(service=service, policies=policies, analyzer=analyzer, vault=vault)


def engine_loader(
    config: PrivacyConfig,
    kinds: frozenset[str],
    data_dir: Path,
    base_dir: Path = Path(),
    building: GraphBuilding | None = None,
) -> Callable[[], Engine]:
    """What loads the engine, on the thread that will use it. Raises ConfigurationError when a model is not there."""
    files = find_rampart() if config.names else None
    pipelines = [_pipeline(one.spacy, index, base_dir) for index, one in enumerate(config.name_models)]
    recognizers: Sequence[Recognizer] = [
        *own_recognizers(phone_regions=config.phone_regions),
        *(PatternRecognizer(one.entity, one.patterns, one.words, one.score) for one in config.recognizers),
    ]
    presidios = sorted(kinds - set(OWN_KINDS) - config.configured_kinds)

    def load() -> Engine:
        # Presidio takes seconds and a hundred megabytes: only here, never at a command's start.
        from thriftgate.stores.presidio.engine import PresidioEngine
        from thriftgate.stores.presidio.recognizers import (
            ForeignRecognizer,
            NameRecognizer,
            RampartRecognizer,
            SpacyRecognizer,
        )
        from thriftgate.stores.rampart.model import Rampart

        names: list[NameRecognizer] = []
        if files:
            names.append(RampartRecognizer(Rampart(files, data_dir / "models", building=building)))
        for one, folder in zip(config.name_models, pipelines, strict=True):
            if folder is not None:
                names.append(SpacyRecognizer(folder, one.labels, one.languages, score=one.score))
            elif one.recognizer is not None:
                names.append(ForeignRecognizer(one.recognizer, one.options, one.labels, one.languages))
        return PresidioEngine([one for one in recognizers if one.entity_type in kinds], presidios, names).steps

    return load


def _pipeline(name: str | None, index: int, base_dir: Path) -> Path | None:
    folder = find_spacy(name, base_dir) if name is not None else None
    if name is not None and folder is None:
        raise ConfigurationError([f"privacy.name_models[{index}].spacy: there is no spaCy pipeline '{name}'"])
    return folder
