"""Builds the guards from the section `guards`.

Failure behaviour: a file of known attacks that cannot be read, and a model of attacks whose files are not there or are
others than the classifier was trained by, raise ConfigurationError at the start. The model is loaded after it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from thriftgate.config import ThriftgateConfig
from thriftgate.config.sections.guards import GuardsConfig
from thriftgate.errors import ConfigurationError
from thriftgate.guards.classifier import shipped_classifier
from thriftgate.ports import AuditBook, Clock, Completer, Embedder, LoadedEmbedder, PrivacyAnalyzer
from thriftgate.prompts.registry import Registry
from thriftgate.services.guards.decisions import Decision, audit_lines
from thriftgate.services.guards.inspecting import GuardService
from thriftgate.services.guards.judging import GuardJudge
from thriftgate.services.guards.policies import GuardPolicies, looks_for_attacks
from thriftgate.services.guards.vectors import KnownAttacks
from thriftgate.services.telemetry import catalogue
from thriftgate.services.telemetry.metrics import Samples
from thriftgate.stores.files.audit_log import AuditLog

_MOST_KNOWN = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Guards:
    """What guards requests and answers."""

    service: GuardService
    model: LoadedEmbedder | None
    """The model of attacks."""
    log: AuditLog
    samples: Samples
    clock: Clock

    def note(self, decision: Decision, model: str, request_id: str) -> None:
        """Write down what was decided; nothing of what was said."""
        for one in decision.found:
            action = "shadow" if decision.shadow else one.action
            self.samples.add(catalogue.GUARD_FINDINGS, (one.finding.guard, action))
        for name in decision.failed:
            self.samples.add(catalogue.GUARD_FINDINGS, (name, "failed"))
        for line in audit_lines(decision, at=round(self.clock.time(), 3), request_id=request_id, model=model):
            self.log.write(line)


def needs_embedder(config: ThriftgateConfig) -> bool:
    """Whether the guards compare with known attacks."""
    guards = config.guards
    return guards is not None and guards.injection.known is not None and looks_for_attacks(guards)


def attack_model(config: GuardsConfig, data_dir: Path) -> LoadedEmbedder | None:
    """The model that stands beside words, to be loaded; None where nothing does, or nothing follows of attacks.

    Raises ConfigurationError.
    """
    if config.injection.model == "none" or not looks_for_attacks(config):
        return None
    # onnxruntime takes a while to import, which a gateway by words alone need not wait for.
    from thriftgate.stores.defender.model import Defender

    model, trained_by = Defender(data_dir), shipped_classifier("injection").vector
    if trained_by is None or trained_by.encoder != model.fingerprint:
        words = f"guards.injection.model: the classifier was trained by other weights than {model.fingerprint}"
        raise ConfigurationError([f"{words}: run `uv sync`, or set it to none"])
    return model


def open_guards(
    config: GuardsConfig,
    *,
    base_dir: Path,
    data_dir: Path,
    embedder: Embedder | None,
    analyzer: PrivacyAnalyzer | None,
    completer: Completer,
    audits: AuditBook,
    samples: Samples,
    clock: Clock,
) -> Guards:
    """Build everything. Raises ConfigurationError."""
    judge = GuardJudge(completer, config.judge, clock, audits) if config.judge is not None else None
    model = attack_model(config, data_dir)
    service = guard_service(config, base_dir=base_dir, model=model, embedder=embedder, analyzer=analyzer, judge=judge)
    log = AuditLog(base_dir / config.audit_log if config.audit_log else None)
    return Guards(service=service, model=model, log=log, samples=samples, clock=clock)


def guard_service(
    config: GuardsConfig,
    *,
    base_dir: Path,
    model: Embedder | None,
    embedder: Embedder | None,
    analyzer: PrivacyAnalyzer | None,
    judge: GuardJudge | None = None,
) -> GuardService:
    """The guards without their log."""
    known = _known(config, base_dir)
    return GuardService(
        GuardPolicies(config),
        injection=partial(shipped_classifier, "injection"),
        toxicity=partial(shipped_classifier, "toxicity"),
        model=model,
        analyzer=analyzer,
        known=KnownAttacks(embedder, known) if known and embedder is not None else None,
        judge=judge,
    )


def prompt_texts(registry: Registry, prompt: str | None) -> Iterable[str]:
    """The texts of a route's own prompt, in every version; what is filled in is left out."""
    found = registry.prompts.get(prompt) if prompt is not None else None
    if found is None:
        return
    for version in (*found.variants.values(), *found.versions.values()):
        for message in version.messages:
            yield message.source.text


def _known(config: GuardsConfig, base_dir: Path) -> list[str]:
    if config.injection.known is None:
        return []
    try:
        lines = (base_dir / config.injection.known).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError([f"guards.injection.known: cannot be read ({type(error).__name__})"]) from None
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")][:_MOST_KNOWN]
