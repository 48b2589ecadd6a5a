"""The trace of a request, field by field."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.trace_setup import (
    ACCEPTED,
    CANCELLED,
    COALESCED,
    ESCALATED,
    EVERY_KIND,
    EXACT_HIT,
    FAILED,
    NOW,
    REFUSED,
    SECOND_SAMPLE,
    SEMANTIC_HIT,
    SMALL,
    TRACEPARENT,
    SeenSpan,
    decode,
)

from thriftgate.tracing import attributes as names
from thriftgate.tracing.identity import span_id_of, trace_id_of
from thriftgate.tracing.otlp import encode_spans
from thriftgate.tracing.spans import level_of, trace_spans
from thriftgate.types import RequestRecord, Stage, Status, TierCall


def seen(record: RequestRecord) -> list[SeenSpan]:
    spans = trace_spans(record, environment="test", release="1.2", prompt_number=lambda name, version: 7)
    return decode(encode_spans(spans, release="1.2"))


def test_an_escalated_stream_is_a_route_with_its_stages_and_both_generations() -> None:
    root, prompt, cascade, small, large = seen(ESCALATED)
    assert [span.name for span in (root, prompt, cascade, small, large)] == [
        "support", "prompt", "cascade", "rejected: small", "large",
    ]  # fmt: skip
    assert [span.kind for span in (root, prompt, cascade, small, large)] == [
        "chain", "span", "chain", "generation", "generation",
    ]  # fmt: skip
    assert root.parent_id == ""
    assert prompt.parent_id == cascade.parent_id == root.span_id
    assert small.parent_id == large.parent_id == cascade.span_id
    assert {span.trace_id for span in (root, prompt, cascade, small, large)} == {trace_id_of("req-1")}
    assert root.started_at == pytest.approx(NOW)
    assert root.ended_at == pytest.approx(NOW + 1.3)
    assert {span.status for span in (root, prompt, cascade, small, large)} == {"OK"}


def test_the_root_explains_the_decision() -> None:
    root = seen(ESCALATED)[0]
    told = {name: root.about(name) for name in ("decision", "reason", "tier", "stream", "confidence", "team", "status")}
    assert told == {
        "decision": "escalated",
        "reason": "below_threshold",
        "tier": "large",
        "stream": True,
        "confidence": 0.9,
        "team": "acme",
        "status": "ok",
    }
    assert root.about("saved_usd") == pytest.approx(-0.001)
    assert root.about("prompt_variant") == "concise"
    assert json.loads(root.about("signals")) == {"mean_logprob": -0.7}
    assert root.attributes[names.IS_ROOT] is True


def test_who_asked_is_on_every_span() -> None:
    for span in seen(ESCALATED):
        assert span.attributes[names.USER_ID] == "ada"
        assert span.attributes[names.SESSION_ID] == "s-1"
        assert span.attributes[names.TAGS] == ("acme",)
        assert span.attributes[names.TRACE_NAME] == "support"
        assert span.attributes[names.ENVIRONMENT] == "test"
        assert span.attributes[names.RELEASE] == "1.2"
        assert span.attributes[names.TRACE_METADATA + "decision"] == "escalated"


def test_a_generation_has_its_model_tokens_cost_parameters_and_prompt() -> None:
    *_, small, large = seen(ESCALATED)
    assert small.attributes[names.MODEL] == "openai/mini"
    assert small.parsed(names.USAGE) == {
        "input": 60, "input_cached_tokens": 40, "output": 15, "output_reasoning_tokens": 5, "total": 120,
    }  # fmt: skip
    assert small.parsed(names.COST) == {"total": 0.001}
    assert large.parsed(names.COST) == {"input": 0.012, "output": 0.008, "total": 0.02}
    assert small.parsed(names.PARAMETERS) == {"temperature": 0.2, "max_tokens": 50}
    # The answer that was given, and only that: a rejected one would count as an answer of the prompt's too.
    assert (large.attributes[names.PROMPT_NAME], large.attributes[names.PROMPT_VERSION]) == ("desk", 7)
    assert names.PROMPT_NAME not in small.attributes
    assert (small.about("mean_logprob"), small.about("min_logprob"), small.about("confidence")) == (-0.7, -3.5, 0.4)
    assert names.FIRST_TOKEN_AT not in small.attributes
    assert large.attributes[names.FIRST_TOKEN_AT] == "2023-11-14T22:13:20.600000Z"
    assert names.PARAMETERS not in large.attributes


def test_only_calls_name_a_model_or_cost_anything() -> None:
    for record in (SEMANTIC_HIT, EXACT_HIT, COALESCED, ACCEPTED, ESCALATED, FAILED):
        for span in seen(record):
            is_call = span.kind in ("generation", "embedding")
            assert (names.MODEL in span.attributes) == (names.COST in span.attributes) == is_call


def test_the_root_of_every_stream_has_its_time_to_first_token_hits_and_held_ones_included() -> None:
    for record in (ESCALATED, replace(SEMANTIC_HIT, stream=True, time_to_first_token=0.6)):
        assert seen(record)[0].attributes[names.FIRST_TOKEN_AT] == "2023-11-14T22:13:20.600000Z"
    assert names.FIRST_TOKEN_AT not in seen(ACCEPTED)[0].attributes


def test_a_hit_names_the_request_whose_answer_was_reused() -> None:
    root = seen(replace(EXACT_HIT, metadata={"reused_request_id": "req-2"}))[0]
    assert (root.about("reused_request_id"), root.about("reused_trace_id")) == ("req-2", trace_id_of("req-2"))
    assert seen(EXACT_HIT)[0].about("reused_trace_id") is None


def test_only_an_answer_that_nobody_got_is_called_rejected() -> None:
    assert [span.name for span in seen(ACCEPTED)][-1] == "small"
    assert [span.name for span in seen(FAILED)][-2:] == ["small", "large"]
    *_, draft, given = seen(ESCALATED)
    assert (draft.about("is_rejected"), given.about("is_rejected")) == (True, None)
    # One that was stopped while it was written, since it could not become what was asked for.
    cut, *others = ESCALATED.calls
    stopped = replace(ESCALATED, calls=(replace(cut, status=Status.CANCELLED), *others))
    assert [span.name for span in seen(stopped)][-2:] == ["rejected: small", "large"]
    left = replace(stopped, status=Status.CANCELLED)
    assert [span.name for span in seen(left)][-2] == "small"


def test_a_traces_version_is_the_prompts_so_that_whole_requests_are_compared() -> None:
    assert {span.attributes[names.VERSION] for span in seen(ESCALATED)} == {"concise abc123"}
    assert names.VERSION not in seen(REFUSED)[0].attributes


def test_whom_a_client_names_stands_beside_the_owner_of_its_key() -> None:
    root = seen(replace(ACCEPTED, caller=replace(ACCEPTED.caller, end_user_id="someone else")))[0]
    assert (root.attributes[names.USER_ID], root.about("end_user")) == ("ada", "someone else")


def test_a_cost_that_no_call_explains_is_still_in_the_trace() -> None:
    root = seen(replace(ACCEPTED, cost_usd=0.005))[0]
    assert root.parsed(names.COST) == {"total": pytest.approx(0.004)}


def test_failures_have_their_level_and_status() -> None:
    root, _, _, small, large = seen(FAILED)
    assert (root.status, root.level, root.attributes[names.STATUS_MESSAGE]) == (
        "ERROR", "ERROR", "AllTiersFailedError 502",
    )  # fmt: skip
    assert (small.level, small.attributes[names.STATUS_MESSAGE]) == ("ERROR", "TierFailedError 500")
    assert large.attributes[names.STATUS_MESSAGE] == "TierFailedError 503"


def test_a_client_that_left_is_a_warning_and_no_generation_is_lost() -> None:
    root, *_, small, large = seen(CANCELLED)
    assert (root.level, root.status) == ("WARNING", "UNSET")
    assert (small.level, large.level) == ("DEFAULT", "WARNING")
    assert large.parsed(names.COST)["total"] == 0.02


def test_a_refused_request_is_one_span_with_a_warning() -> None:
    (root,) = seen(REFUSED)
    assert (root.level, root.status, root.attributes[names.STATUS_MESSAGE]) == (
        "WARNING", "ERROR", "RateLimitError 429",
    )  # fmt: skip


def test_a_stage_that_was_cancelled_is_no_error_of_ours() -> None:
    stages = tuple(
        Stage(name="cascade", started_at=NOW, duration=1, attributes={"error": error})
        for error in ("CancelledError", "TierFailedError 500", "InvalidPromptError 400")
    )
    _, cancelled, failed, refused = seen(replace(ACCEPTED, stages=stages, calls=()))
    assert [span.level for span in (cancelled, failed, refused)] == ["WARNING", "ERROR", "WARNING"]


def test_the_callers_trace_goes_on() -> None:
    root, *_, first, second = seen(SECOND_SAMPLE)
    assert (root.trace_id, root.parent_id) == (TRACEPARENT[3:35], TRACEPARENT[36:52])
    assert root.span_id == span_id_of("req-10")
    assert [first.name, second.name] == ["small", "second_sample: small"]


def test_without_a_number_no_prompt_is_linked() -> None:
    spans = trace_spans(ESCALATED)
    assert not any(names.PROMPT_NAME in span.attributes for span in spans)


def test_a_key_is_never_in_a_trace() -> None:
    for record in EVERY_KIND:
        assert b"hash-of-a-key" not in encode_spans(trace_spans(record))


@pytest.mark.parametrize("record", EVERY_KIND, ids=lambda record: record.request_id)
def test_the_same_request_gives_the_same_bytes_and_ids_are_unique(record: RequestRecord) -> None:
    spans = trace_spans(record)
    assert encode_spans(spans) == encode_spans(trace_spans(record))
    assert len({span.span_id for span in spans}) == len(spans)
    known = {span.span_id for span in spans} | {TRACEPARENT[36:52], None}
    assert all(span.parent_id in known for span in spans)


@pytest.mark.parametrize("record", EVERY_KIND, ids=lambda record: record.request_id)
def test_the_observations_of_a_trace_cost_what_the_request_cost(record: RequestRecord) -> None:
    totals = [span.parsed(names.COST)["total"] for span in seen(record) if names.COST in span.attributes]
    paid = sum(call.cost_usd for call in record.calls)
    assert sum(totals) == pytest.approx(max(record.cost_usd, paid))


numbers = st.floats(allow_nan=True, allow_infinity=True)
texts = st.text(max_size=20)


@given(
    call=st.builds(
        replace,
        st.just(SMALL),
        model=texts,
        error=st.none() | texts,
        status=st.sampled_from(Status),
        cost_usd=numbers,
        confidence=st.none() | numbers,
        mean_logprob=st.none() | numbers,
        duration=st.floats(-1e6, 1e6),
        parameters=st.dictionaries(texts, numbers | texts | st.integers()),
    ),
    cost_usd=numbers,
    signals=st.dictionaries(texts, numbers, max_size=3),
    metadata=st.dictionaries(texts, st.integers() | texts | numbers, max_size=3),
)
def test_whatever_a_record_holds_it_becomes_a_trace(
    call: TierCall, cost_usd: float, signals: dict[str, float], metadata: dict[str, object]
) -> None:
    record = replace(ACCEPTED, calls=(call,), cost_usd=cost_usd, signals=signals, metadata=metadata)
    spans = decode(encode_spans(trace_spans(record)))
    assert len(spans) == 1 + len(record.stages) + 1
    assert all(span.ended_at >= span.started_at for span in spans)
    for span in spans:
        if names.COST in span.attributes:
            parsed = json.loads(span.attributes[names.COST], parse_constant=pytest.fail)
            assert all(value >= 0 for value in parsed.values())


@pytest.mark.parametrize(
    ("status", "error", "level"),
    [
        (Status.OK, None, "DEFAULT"),
        (Status.CANCELLED, "GeneratorExit", "WARNING"),
        (Status.FAILED, "InvalidRequestError 400", "WARNING"),
        (Status.FAILED, "AllTiersFailedError 502", "ERROR"),
        (Status.FAILED, "KeyError", "ERROR"),
        (Status.FAILED, None, "ERROR"),
    ],
)
def test_an_end_has_the_level_of_who_is_to_blame(status: Status, error: str | None, level: str) -> None:
    assert level_of(status, error) == level
