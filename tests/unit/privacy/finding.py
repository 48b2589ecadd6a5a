"""What our recognizers find in a text, as (kind, cut out of the source)."""

from thriftgate.privacy.context import Context
from thriftgate.privacy.lookalikes import without_lookalikes
from thriftgate.privacy.recognizers import CERTAIN, own_recognizers
from thriftgate.privacy.spans import resolve_overlaps
from thriftgate.privacy.views import privacy_view

RECOGNIZERS = own_recognizers(phone_regions=("US", "GB", "DE", "FR", "ES", "IT", "NL", "PT"))


def found(text: str, label: str = "", min_score: float = 0.5) -> list[tuple[str, str]]:
    view = privacy_view(text)
    context = Context(view.text, label)
    spans = [span for one in RECOGNIZERS for span in one.find(context) if span.score >= min_score]
    resolved = resolve_overlaps(without_lookalikes(view.text, spans), is_certain=CERTAIN)
    return [(span.entity_type, text[slice(*view.source(span.start, span.end))]) for span in resolved]
