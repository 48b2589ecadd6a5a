"""What the doctor says of privacy: who looks for what, and in which languages.

Failure behaviour: reads files and the configuration only; Presidio and the model are not loaded.
"""

from importlib import metadata

from thriftgate.config.privacy import PrivacyConfig
from thriftgate.privacy.kinds import NAME_LANGUAGES, OWN_KINDS
from thriftgate.privacy.policy import Action
from thriftgate.stores.rampart.files import find_rampart


def describe_privacy(config: PrivacyConfig) -> list[str]:
    """One sentence per recognizer that is on. Raises ConfigurationError when the model's files are missing."""
    kinds = {kind for kind, action in config.entities.items() if action is not Action.ALLOW}
    for model in config.models.values():
        kinds |= {kind for kind, action in model.entities.items() if action is not Action.ALLOW}
    custom = {one.entity for one in config.recognizers} | set(config.deny)
    presidios = sorted(kinds - set(OWN_KINDS) - custom)
    words = [f"patterns and checksums, in any language: {', '.join(sorted(kinds & set(OWN_KINDS)))}"]
    if config.names:
        files = find_rampart()
        words.append(
            f"names and addresses by Rampart {files.weights_hash}, measured in {', '.join(NAME_LANGUAGES)}: "
            "recall of names .92 on Presidio's set, less in other languages: see evals/privacy"
        )
    else:
        words.append("names only after titles and introductions: `privacy.names` is false")
    words.append(
        f"Presidio {metadata.version('presidio-analyzer')} in the process, its own recognizers for: "
        f"{', '.join(presidios) or 'none'}"
    )
    if custom:
        words.append(f"configured: {', '.join(sorted(custom))}")
    private = {kind for model in ("", *config.models) for kind in config.private_kinds(model)}
    if private:
        words.append(f"goes as it is, to {', '.join(config.private_models)} alone: {', '.join(sorted(private))}")
    unprotected = sorted(name for name, model in config.models.items() if not model.protect)
    if unprotected:
        words.append(f"nothing is looked for at: {', '.join(unprotected)}")
    return words
