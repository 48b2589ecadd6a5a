"""What the doctor says of privacy: who looks for what, and in which languages.

Failure behaviour: reads files and the configuration only; Presidio and the model are not loaded.
"""

from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

from thriftgate.config.name_models import described, find_spacy
from thriftgate.config.sections.privacy import NameModelConfig, PrivacyConfig
from thriftgate.errors import ConfigurationError
from thriftgate.privacy.kinds import NAME_RECALL, OWN_KINDS
from thriftgate.privacy.policy import Action
from thriftgate.stores.rampart.files import find_rampart


def describe_privacy(config: PrivacyConfig, base: Path) -> list[str]:
    """One sentence per recognizer that is on; `base` is the configuration's folder.

    Raises ConfigurationError when a model's files are missing.
    """
    kinds = {kind for kind, action in config.actions.items() if action is not Action.ALLOW}
    for model in config.models.values():
        kinds |= {kind for kind, action in model.entities.items() if action is not Action.ALLOW}
    custom = config.configured_kinds - set(OWN_KINDS)
    presidios = sorted(kinds - set(OWN_KINDS) - custom)
    words = [f"patterns and checksums, in any language: {', '.join(sorted(kinds & set(OWN_KINDS)))}"]
    if config.names:
        files = find_rampart()
        words.append(
            f"names and addresses by Rampart {files.weights_hash}; recall of rare names in support messages (120 a "
            "language, evals/privacy): "
            + ", ".join(f"{language} {recall:.2f}" for language, recall in NAME_RECALL.items())
        )
    words += [_model(one, base) for one in config.name_models]
    if not config.names and not config.name_models:
        words.append("names only after titles and introductions, and common given names: `privacy.names` is false")
    if config.languages is not None:
        words.append(f"people write in: {', '.join(config.languages)}")
    words += [
        f"people write in, at {name}: {', '.join(one.languages)}"
        for name, one in sorted(config.models.items())
        if one.languages is not None
    ]
    words.append(
        f"Presidio {metadata.version('presidio-analyzer')} in the process, its own recognizers for: "
        f"{', '.join(presidios) or 'none'}"
    )
    if custom:
        words.append(f"configured: {', '.join(sorted(custom))}")
    everywhere = _actions_in_words(config.actions)
    words.append(f"what happens: {everywhere}" if everywhere else "nothing happens to any kind")
    words += [
        f"what differs at {name}: {_actions_in_words(one.entities)}"
        for name, one in sorted(config.models.items())
        if one.protect and one.entities
    ]
    if config.private_models:
        words.append(f"`private` and `local` values are seen by {', '.join(config.private_models)} alone")
    unprotected = sorted(name for name, model in config.models.items() if not model.protect)
    if unprotected:
        words.append(f"nothing is looked for at: {', '.join(unprotected)}")
    return words


def _actions_in_words(actions: Mapping[str, Action]) -> str:
    """Each action with its kinds."""
    kinds = {action: sorted(kind for kind in actions if actions[kind] is action) for action in Action}
    return "; ".join(f"{action} {', '.join(listed)}" for action, listed in kinds.items() if listed)


def _model(model: NameModelConfig, base: Path) -> str:
    languages = ", ".join(model.languages)
    if model.spacy is None:
        return f"names by {model.recognizer}, for {languages}: its recall is not known here, measure it on your texts"
    folder = find_spacy(model.spacy, base)
    if folder is None:
        raise ConfigurationError([f"privacy.name_models: there is no spaCy pipeline '{model.spacy}'"])
    people = next((label for label, kind in model.labels.items() if kind == "PERSON"), "")
    return f"names by spaCy's {described(folder, people)}, for {languages}"
