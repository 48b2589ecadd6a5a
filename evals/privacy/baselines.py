"""Who finds: the engine that serves, Presidio's own recognizers, LiteLLM's patterns. Each gives (start, end, kind)."""

import json
import re
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from thriftgate.config.privacy_policies import Policies
from thriftgate.config.sections.privacy import PrivacyConfig
from thriftgate.privacy.findings import Text, counted_by_kind, resolved
from thriftgate.privacy.json_text import JsonToken, looks_like_json, tokens
from thriftgate.privacy.masking import Recurrences, spoken_of_again
from thriftgate.privacy.spans import TextSpan
from thriftgate.proxy.compose.privacy import engine_loader

Finder = Callable[[str], Sequence[tuple[int, int, str]]]
_LITELLM_KINDS = frozenset(
    {"us_ssn", "email", "us_phone", "visa", "mastercard", "amex", "discover", "credit_card", "aws_access_key", "iban",
     "aws_secret_key", "github_token", "slack_token", "generic_api_key", "ipv4", "ipv6", "eu_iban_enhanced", "fr_phone"}
)  # fmt: skip


def ours_finder() -> Finder:
    """The default policy, with the model; JSON is read as the gateway reads it."""
    config = PrivacyConfig(key="evaluation-only-evaluation-only-evaluation")
    policies = Policies(config)
    engine = engine_loader(config, policies.kinds, Path(".thriftgate"))()
    policy = policies.policy_of("")
    assert policy is not None

    def found_in(text: Text) -> list[TextSpan]:
        return counted_by_kind(text.text, [span for found in engine(text) for span in found], policy)

    def find(text: str) -> list[tuple[int, int, str]]:
        """Found by what a text says, and again where it stands in another."""
        parts = list(tokens(text)) if looks_like_json(text) else []
        texts = [Text(part.text, part.label) for part in parts] or [Text(text, "")]
        found = [found_in(one) for one in texts]
        values = [
            (span.entity_type, one.text[span.start : span.end])
            for one, spans in zip(texts, found, strict=True)
            for span in spans
        ]
        again = Recurrences(spoken_of_again(values))
        whole = [resolved([*spans, *again.find(one.text)]) for one, spans in zip(texts, found, strict=True)]
        if not parts:
            return [(span.start, span.end, span.entity_type) for span in whole[0]]
        return [inside(text, part, span) for part, spans in zip(parts, whole, strict=True) for span in spans]

    def inside(text: str, part: JsonToken, span: TextSpan) -> tuple[int, int, str]:
        """What is found in a string of JSON text, placed in the text by what surrounds it there."""
        before, value = (json.dumps(one)[1:-1] for one in (part.text[: span.start], part.text[span.start : span.end]))
        first = part.start + text[part.start : part.end].startswith('"') + len(before)
        return first, first + len(value), span.entity_type

    return find


def presidio_finder() -> Finder:
    """Presidio's defaults for English, without a language model, from its own lowest useful score on."""
    import tldextract
    from presidio_analyzer import AnalyzerEngine, RecognizerRegistry

    from thriftgate.stores.presidio.blank_nlp import BlankNlpEngine

    # Presidio's recognizer of e-mail addresses would fetch a list of domains from the network.
    tldextract.tldextract.TLD_EXTRACTOR = tldextract.TLDExtract(suffix_list_urls=())
    registry = RecognizerRegistry(supported_languages=["en"])
    registry.load_predefined_recognizers(languages=["en"])
    kept: Any = registry
    kept.recognizers = [one for one in kept.recognizers if type(one).__name__ != "SpacyRecognizer"]
    engine = AnalyzerEngine(registry=registry, nlp_engine=BlankNlpEngine(["en"]), supported_languages=["en"])

    def find(text: str) -> list[tuple[int, int, str]]:
        results = engine.analyze(text, "en", score_threshold=0.35)
        return [(result.start, result.end, result.entity_type) for result in results]

    return find


def litellm_finder() -> Finder:
    """The patterns of LiteLLM's content filter for these kinds, read from its file."""
    spec = find_spec("litellm")
    assert spec is not None
    assert spec.origin is not None
    folder = Path(spec.origin).parent / "proxy" / "guardrails" / "guardrail_hooks" / "litellm_content_filter"
    listed: list[dict[str, str]] = json.loads((folder / "patterns.json").read_text(encoding="utf-8"))["patterns"]
    patterns = [(one["name"], re.compile(one["pattern"])) for one in listed if one["name"] in _LITELLM_KINDS]

    def find(text: str) -> list[tuple[int, int, str]]:
        return [(match.start(), match.end(), name) for name, pattern in patterns for match in pattern.finditer(text)]

    return find
