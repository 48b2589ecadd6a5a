"""What our recognizers find in a text, as (kind, cut out of the source); credentials also as they are written."""

from dataclasses import replace

from thriftgate.privacy.context import Context
from thriftgate.privacy.lookalikes import without_lookalikes
from thriftgate.privacy.recognizers import CERTAIN, own_recognizers
from thriftgate.privacy.spans import TextSpan, resolve_overlaps
from thriftgate.privacy.views import View, privacy_view

RECOGNIZERS = own_recognizers(phone_regions=("US", "GB", "DE", "FR", "ES", "IT", "NL", "PT"))


def found(text: str, label: str = "", min_score: float = 0.5) -> list[tuple[str, str]]:
    view = privacy_view(text)
    context = Context(view.text, label, view.widths(text))
    spans = [span for one in RECOGNIZERS for span in one.find(context) if span.score >= min_score]
    in_source = [_cut_out(view, span) for span in without_lookalikes(view.text, spans) if span.end > span.start]
    if view.text != text:
        secrets = [one for one in RECOGNIZERS if one.entity_type == "SECRET"]
        in_source += [span for one in secrets for span in one.find(Context(text, label)) if span.score >= min_score]
    resolved = resolve_overlaps(in_source, is_certain=CERTAIN)
    return [(span.entity_type, text[span.start : span.end]) for span in resolved]


def _cut_out(view: View, span: TextSpan) -> TextSpan:
    start, end = view.source(span.start, span.end)
    return replace(span, start=start, end=end)
