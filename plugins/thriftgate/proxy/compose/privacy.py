"""Builds what protects requests from the section `privacy`.

Failure behaviour: missing model files and unknown kinds raise ConfigurationError at the start; everything slow is
loaded on the analyzer's own thread after the start, and until it is there requests wait for it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from thriftgate.config.privacy import PrivacyConfig
from thriftgate.privacy.kinds import OWN_KINDS
from thriftgate.privacy.recognizers import Recognizer, own_recognizers
from thriftgate.privacy.recognizers.patterns import PatternRecognizer
from thriftgate.services.privacy.policies import Policies
from thriftgate.services.privacy.protecting import PrivacyService
from thriftgate.stores.postgres.database import Database
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


def open_privacy(config: PrivacyConfig, database: Database, data_dir: Path) -> Privacy:
    """Build everything. Raises ConfigurationError."""
    policies = Policies(config)
    analyzer = PresidioAnalyzer(engine_loader(config, policies.kinds, data_dir), timeout=config.timeout)
    vault = PostgresVault(database, Sealer([config.key, *config.previous_keys]), keep=config.keep)
    service = PrivacyService(analyzer, vault, key=derived_key(config.key, "hash"))
    return Privacy(service=service, policies=policies, analyzer=analyzer, vault=vault)


def engine_loader(config: PrivacyConfig, kinds: frozenset[str], data_dir: Path) -> Callable[[], Engine]:
    """What loads the engine, on the thread that will use it."""
    files = find_rampart() if config.names else None
    recognizers: Sequence[Recognizer] = [
        *own_recognizers(phone_regions=config.phone_regions),
        *(PatternRecognizer(one.entity, one.patterns, one.words, one.score) for one in config.recognizers),
    ]
    custom = {one.entity for one in config.recognizers}
    presidios = sorted(kinds - set(OWN_KINDS) - custom - set(config.deny))

    def load() -> Engine:
        # Presidio takes seconds and a hundred megabytes: only here, never at a command's start.
        from thriftgate.stores.presidio.engine import PresidioEngine
        from thriftgate.stores.rampart.model import Rampart

        names = Rampart(files, data_dir / "models") if files else None
        return PresidioEngine([one for one in recognizers if one.entity_type in kinds], presidios, names).analyze

    return load
