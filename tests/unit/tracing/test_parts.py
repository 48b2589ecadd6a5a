"""Ids, contents and scores of traces."""

import json
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.trace_setup import ACCEPTED, AUDIT, COALESCED, EXACT_HIT, FAILED, NOW, SAID, SEMANTIC_HIT, TRACEPARENT

from thriftgate.tracing import attributes as names
from thriftgate.tracing.audits import spans_of_audit
from thriftgate.tracing.content import HIDDEN, ContentRule, mask_obvious
from thriftgate.tracing.identity import TraceParent, outgoing_traceparent, parse_traceparent, span_id_of, trace_id_of
from thriftgate.tracing.model import Score
from thriftgate.tracing.otlp import encode_spans
from thriftgate.tracing.scores import NAMES, scores_of, scores_of_audit
from thriftgate.tracing.spans import trace_spans
from thriftgate.types import Audit, AuditKind, Usage

hexes = st.text("0123456789abcdef", min_size=16, max_size=16).filter(lambda text: text != "0" * 16)


@given(trace=hexes, span=hexes, flags=st.integers(0, 255))
def test_a_valid_traceparent_is_read(trace: str, span: str, flags: int) -> None:
    parent = parse_traceparent(f"00-{trace * 2}-{span}-{flags:02x}")
    assert parent == TraceParent(trace * 2, span, is_sampled=bool(flags & 1))


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "garbage",
        "00-" + "0" * 32 + "-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        TRACEPARENT + "-more",
        TRACEPARENT[:-3],
    ],
)
def test_a_traceparent_that_is_none_is_ignored(header: str | None) -> None:
    assert parse_traceparent(header) is None
    assert trace_id_of("req", header) == trace_id_of("req")


def test_a_later_version_may_carry_more() -> None:
    assert parse_traceparent("01" + TRACEPARENT[2:] + "-more") is not None


counts = st.integers(0, 10**6)


@given(usage=st.builds(Usage, counts, counts, counts, counts, cache_write_tokens=counts, cache_write_1h_tokens=counts))
def test_the_parts_of_tokens_and_of_cost_add_up_to_the_whole(usage: Usage) -> None:
    *parts, total = json.loads(names.usage_details(usage)).values()
    assert sum(parts) == total == usage.total_tokens
    assert min(parts) >= 0
    cost = names.split_cost(usage, 0.5, names.TokenPrices(3e-6, 3e-7, 15e-6, 3.75e-6, 6e-6))
    assert sum(cost.values()) == pytest.approx(0.5 if usage.total_tokens else 0.0)
    assert set(cost) <= set(names.COST_PARTS)


def test_tokens_for_an_hour_are_counted_and_priced_apart_from_those_for_minutes() -> None:
    usage = Usage(1700, 10, cached_tokens=200, cache_write_tokens=1000, cache_write_1h_tokens=400)
    assert json.loads(names.usage_details(usage)) == {
        "input": 500, "input_cached_tokens": 200, "input_cache_creation": 600, "input_cache_creation_1h": 400,
        "output": 10, "output_reasoning_tokens": 0, "total": 1710,
    }  # fmt: skip
    prices = names.TokenPrices(3e-6, 3e-7, 15e-6, 3.75e-6, 6e-6)
    whole = 500 * 3e-6 + 200 * 3e-7 + 600 * 3.75e-6 + 400 * 6e-6 + 10 * 15e-6
    parts = names.split_cost(usage, whole, prices)
    assert parts["input_cache_creation"] == pytest.approx(600 * 3.75e-6)
    assert parts["input_cache_creation_1h"] == pytest.approx(400 * 6e-6)


@given(st.text())
def test_ids_are_what_otel_takes(request_id: str) -> None:
    assert re.fullmatch("[0-9a-f]{32}", trace_id_of(request_id))
    assert re.fullmatch("[0-9a-f]{16}", span_id_of(request_id, "call", 3))


def test_the_id_of_a_trace_is_the_one_that_langfuse_makes_of_a_seed() -> None:
    from langfuse import Langfuse

    assert trace_id_of("req-1") == Langfuse.create_trace_id(seed="req-1")


def test_what_we_hand_on_continues_below_our_root() -> None:
    assert outgoing_traceparent("req") == f"00-{trace_id_of('req')}-{span_id_of('req')}-01"
    assert outgoing_traceparent("req", TRACEPARENT) == f"{TRACEPARENT[:35]}-{span_id_of('req')}-01"
    assert outgoing_traceparent("req", TRACEPARENT[:-1] + "0").endswith("-00")


def test_nothing_that_was_said_is_shown_unless_it_is_turned_on() -> None:
    assert b"ada@example.com" not in encode_spans(trace_spans(SAID))
    assert b"ada@example.com" not in encode_spans(trace_spans(SAID, content=HIDDEN))
    assert b"ada@example.com" in encode_spans(trace_spans(SAID, content=ContentRule()))


def test_everything_that_is_shown_went_through_the_mask() -> None:
    rule = ContentRule(mask=lambda text: text.replace("ada@example.com", "<EMAIL>"))
    spans = trace_spans(SAID, content=rule)
    assert b"ada@example.com" not in encode_spans(spans)
    assert json.loads(str(spans[0].attributes[names.INPUT]))[0]["content"] == "my mail is <EMAIL>"
    assert spans[0].attributes[names.OUTPUT] == "noted, <EMAIL>"
    assert spans[-1].attributes[names.OUTPUT] == "<EMAIL>"


def test_a_mask_that_throws_hides_everything() -> None:
    def broken(text: str) -> str:
        raise ValueError(text)

    spans = trace_spans(SAID, content=ContentRule(mask=broken))
    assert b"ada@example.com" not in encode_spans(spans)
    assert spans[0].attributes[names.OUTPUT] == "[hidden: the mask failed]"


def test_a_text_is_masked_whole_before_it_is_cut() -> None:
    rule = ContentRule(mask=lambda text: text.replace("ada@example.com", "<EMAIL>"), max_chars=6)
    assert "ada" not in rule.text("ada@example.com")
    assert rule.text("abcdefgh") == "abcdef[… of 8 characters]"


def test_a_picture_is_named_and_not_sent() -> None:
    assert ContentRule().text("data:image/png;base64," + "A" * 100) == "[image/png of 122 characters]"


@given(share=st.floats(0, 1), seeds=st.lists(st.uuids().map(str), min_size=1, max_size=20))
def test_a_larger_share_shows_whatever_a_smaller_one_shows(share: float, seeds: list[str]) -> None:
    for seed in seeds:
        if ContentRule(share=share).shows(seed):
            assert ContentRule(share=min(1.0, share + 0.1)).shows(seed)
        assert ContentRule(share=1).shows(seed)
        assert not HIDDEN.shows(seed)


def test_a_sample_has_about_its_share() -> None:
    shown = sum(ContentRule(share=0.3).shows(f"req-{index}") for index in range(4000))
    assert 0.27 < shown / 4000 < 0.33


MONEY = ["saved_usd", "net_saved_usd", "decision"]
COSTS = ["audit_cost_usd", "net_saved_usd"]


def test_scores_of_a_request() -> None:
    scores = {score.name: score.value for score in scores_of(SEMANTIC_HIT)}
    assert scores == {
        "confidence": 0.99, "similarity": 0.97, "saved_usd": 0.02, "net_saved_usd": 0.02, "decision": "semantic_hit",
    }  # fmt: skip
    assert [score.name for score in scores_of(EXACT_HIT)] == ["confidence", *MONEY]
    assert [score.name for score in scores_of(COALESCED)] == ["confidence", *MONEY]
    assert [(score.name, score.value) for score in scores_of(FAILED)] == [("decision", "failed")]
    assert scores_of(SEMANTIC_HIT, environment="prod")[0].body() == {
        "id": scores_of(SEMANTIC_HIT)[0].score_id,
        "traceId": trace_id_of("req-3"),
        "name": "confidence",
        "value": 0.99,
        "dataType": "NUMERIC",
        "environment": "prod",
        "metadata": {
            "route": "support",
            "decision": "semantic_hit",
            "tier": "small",
            "prompt_version": "abc123",
        },
    }


def quality(audit: Audit) -> Score:
    """The one score of a verdict that is no money."""
    (score,) = [score for score in scores_of_audit(audit) if score.data_type == "BOOLEAN"]
    return score


def test_a_request_that_was_not_answered_is_taken_off_what_was_saved() -> None:
    (score,) = [one for one in scores_of(replace(FAILED, cost_usd=0.01)) if one.name == "saved_usd"]
    assert (score.name, score.value, score.metadata["status"]) == ("saved_usd", -0.01, "failed")


def test_a_verdict_finds_its_trace_and_counts_once() -> None:
    score = quality(AUDIT)
    assert (score.name, score.value, score.data_type) == ("quality", 1.0, "BOOLEAN")
    assert score.trace_id == trace_id_of("req-2")
    other = quality(replace(AUDIT, is_acceptable=False, judged_at=AUDIT.judged_at + 1))
    assert (other.score_id, other.value) == (score.score_id, 0.0)
    assert quality(replace(AUDIT, traceparent=TRACEPARENT)).trace_id == TRACEPARENT[3:35]


def test_a_score_carries_the_time_of_its_request_whenever_it_is_sent_or_changed() -> None:
    assert {score.at for score in scores_of(SEMANTIC_HIT)} == {NOW}
    feedback = replace(AUDIT, kind=AuditKind.FEEDBACK, asked_at=NOW)
    later = replace(feedback, judged_at=NOW + 200_000, is_acceptable=False)
    assert (quality(feedback).at, quality(feedback).score_id) == (quality(later).at, quality(later).score_id)
    assert quality(replace(AUDIT, asked_at=None)).at == AUDIT.judged_at


def test_answers_that_users_got_and_those_that_nobody_got_are_scored_apart() -> None:
    assert quality(replace(AUDIT, details={"is_accepted": True})).name == "quality"
    assert quality(replace(AUDIT, details={"is_accepted": False})).name == "rejected_was_good"


@pytest.mark.parametrize(
    ("kind", "name"),
    [(AuditKind.CASCADE, "quality"), (AuditKind.CACHE, "quality_cache"), (AuditKind.FEEDBACK, "feedback")],
)
def test_every_kind_of_verdict_has_its_name(kind: AuditKind, name: str) -> None:
    assert quality(replace(AUDIT, kind=kind)).name == name


def test_what_an_audit_cost_is_a_number_of_its_own() -> None:
    (cost,) = [score for score in scores_of_audit(AUDIT) if score.name == "audit_cost_usd"]
    assert (cost.value, cost.data_type, cost.trace_id) == (0.02, "NUMERIC", trace_id_of("req-2"))
    assert cost.metadata["audit_trace_id"] == spans_of_audit(AUDIT)[0].trace_id


def test_a_judge_that_could_not_tell_says_what_it_cost_and_nothing_else() -> None:
    assert [score.name for score in scores_of_audit(replace(AUDIT, is_acceptable=None))] == COSTS
    neighbour = replace(AUDIT, kind=AuditKind.NEIGHBOUR, is_acceptable=True)
    assert [score.name for score in scores_of_audit(neighbour)] == COSTS


def test_scores_of_one_request_do_not_replace_each_other() -> None:
    verdicts = [scores_of_audit(replace(AUDIT, kind=kind, tier=tier)) for kind in AuditKind for tier in ("a", "b")]
    scores = [*scores_of(ACCEPTED), *(score for some in verdicts for score in some)]
    assert len({score.score_id for score in scores}) == len(scores)
    assert {score.name for score in scores} <= set(NAMES)


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("write to ada.b+c@mail.example.co.uk now", "write to <EMAIL> now"),
        ("my card is 4111 1111 1111 1111.", "my card is <NUMBER>."),
        ("call +49 (0)89 1234567", "call <NUMBER>"),
        ("key sk-abcdefghijklmnopqrstuvwx", "key <CREDENTIAL>"),
        ("Authorization: Bearer abc.def-ghi", "Authorization: <CREDENTIAL>"),
        ("DE89 3704 0044 0532 0130 00", "<IBAN>"),
        ("order 12345678 of 2026-01-31 costs 19.99", "order 12345678 of 2026-01-31 costs 19.99"),
    ],
)
def test_what_is_plainly_private_is_masked(text: str, masked: str) -> None:
    assert mask_obvious(text) == masked


@given(before=st.text(max_size=30), after=st.text(max_size=30), name=st.from_regex(r"[a-z]{1,10}", fullmatch=True))
def test_no_address_survives_wherever_it_stands(before: str, after: str, name: str) -> None:
    assert f"{name}@example.com" not in mask_obvious(f"{before}{name}@example.com{after}")
