"""What the gateway pays to check itself, as traces of their own."""

from dataclasses import replace

import pytest
from tests.trace_setup import AUDIT, TRACEPARENT, SeenSpan, decode

from thriftgate.tracing import attributes as names
from thriftgate.tracing.audits import spans_of_audit
from thriftgate.tracing.identity import trace_id_of
from thriftgate.tracing.otlp import encode_spans
from thriftgate.types import Audit, AuditKind


def seen(audit: Audit) -> list[SeenSpan]:
    return decode(encode_spans(spans_of_audit(audit, environment="test", release="1.2")))


def test_an_audit_is_a_trace_of_its_own_with_every_call_it_made() -> None:
    root, reference, judge = seen(AUDIT)
    assert [span.name for span in (root, reference, judge)] == ["audit: support", "audit: large", "judge: judge"]
    assert [span.kind for span in (root, reference, judge)] == ["evaluator", "generation", "generation"]
    assert reference.parent_id == judge.parent_id == root.span_id
    assert root.trace_id != trace_id_of("req-2")
    assert (root.started_at, root.ended_at) == (reference.started_at, judge.ended_at)


def test_an_audit_is_linked_to_its_request_and_tagged() -> None:
    for span in seen(replace(AUDIT, traceparent=TRACEPARENT)):
        assert span.attributes[names.TAGS] == ("acme", "audit")
        assert span.attributes[names.USER_ID] == "ada"
        assert span.attributes[names.TRACE_METADATA + "request_id"] == "req-2"
        assert names.SESSION_ID not in span.attributes
    root = seen(replace(AUDIT, traceparent=TRACEPARENT))[0]
    assert (root.about("request_id"), root.about("request_trace_id")) == ("req-2", TRACEPARENT[3:35])


@pytest.mark.parametrize("calls", [AUDIT.calls, AUDIT.calls[:1], ()], ids=("all", "some", "none"))
def test_the_observations_of_an_audit_cost_what_it_cost(calls: tuple[object, ...]) -> None:
    spans = seen(replace(AUDIT, calls=calls))
    totals = [span.parsed(names.COST)["total"] for span in spans if names.COST in span.attributes]
    assert sum(totals) == pytest.approx(AUDIT.cost_usd)


def test_what_cost_nothing_leaves_no_trace() -> None:
    assert spans_of_audit(replace(AUDIT, kind=AuditKind.FEEDBACK)) == ()
    assert spans_of_audit(replace(AUDIT, calls=(), cost_usd=0.0)) == ()


def test_audits_of_one_request_do_not_replace_each_other() -> None:
    audits = [replace(AUDIT, kind=kind, tier=tier) for kind in AuditKind for tier in ("a", "b")]
    ids = [spans[0].trace_id for audit in audits if (spans := spans_of_audit(audit))]
    assert len(set(ids)) == len(ids) == 8
    assert encode_spans(spans_of_audit(AUDIT)) == encode_spans(spans_of_audit(AUDIT))
