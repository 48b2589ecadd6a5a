import json
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thriftgate.demo.knowledge import EntryKind, load_knowledge
from thriftgate.demo.tokens import content_text
from thriftgate.demo.workload import TOOLS, Case, CaseKind, make_days, make_workload

KNOWLEDGE = load_knowledge()
seeds = st.integers(0, 10**9)


def workload(seed: int, requests: int = 200) -> tuple[Case, ...]:
    return make_workload(KNOWLEDGE, seed=seed, requests=requests)


@given(seeds, st.integers(1, 150))
@settings(max_examples=40, deadline=None)
def test_a_workload_has_exactly_the_wanted_length_and_is_the_same_for_the_same_seed(seed: int, requests: int):
    cases = workload(seed, requests)
    assert len(cases) == requests
    assert cases == workload(seed, requests)
    assert len({case.id for case in cases}) == requests


@given(seeds)
@settings(max_examples=25, deadline=None)
def test_every_kind_is_there_and_most_are_plain_questions(seed: int):
    cases = workload(seed)
    kinds = Counter(case.kind for case in cases)
    assert set(kinds) == set(CaseKind)
    assert kinds[CaseKind.QUESTION] + kinds[CaseKind.PARAPHRASE] > 100
    assert any(case.is_hard for case in cases)
    assert any(not case.is_hard for case in cases)
    assert len({case.user for case in cases}) > 10
    assert len({case.team for case in cases}) == 3


@given(seeds)
@settings(max_examples=25, deadline=None)
def test_popular_questions_come_again_and_are_marked(seed: int):
    cases = workload(seed, 400)
    seen: set[str] = set()
    for case in cases:
        key = json.dumps([case.messages, case.tools])
        assert case.is_repeat == (key in seen)
        seen.add(key)
    assert 0.15 < sum(case.is_repeat for case in cases) / len(cases) < 0.7
    topics = Counter(case.entry_id for case in cases if case.kind is CaseKind.QUESTION)
    assert topics.most_common(1)[0][1] >= 5 * (sum(topics.values()) / len(KNOWLEDGE.of_kind(EntryKind.TOPIC)))


@given(seeds)
@settings(max_examples=25, deadline=None)
def test_a_tool_call_is_followed_by_its_result_for_the_same_user(seed: int):
    cases = workload(seed)
    for place, case in enumerate(cases[:-1]):
        if case.kind is not CaseKind.TOOL_CALL:
            continue
        result = cases[place + 1]
        assert result.kind is CaseKind.TOOL_RESULT
        assert (result.user, result.team) == (case.user, case.team)
        assert result.messages[0] == case.messages[0]
        (call,) = result.messages[1]["tool_calls"]
        assert call["function"]["name"] == case.truth.tool
        assert json.loads(call["function"]["arguments"]) == case.truth.arguments
        assert next(iter(case.truth.arguments.values())) in content_text(case.messages[0])
        assert case.tools == result.tools == TOOLS


@given(seeds)
@settings(max_examples=25, deadline=None)
def test_most_traps_come_after_the_question_they_resemble(seed: int):
    asked: set[str] = set()
    traps = late = 0
    for case in workload(seed, 400):
        topic = case.entry_id.partition("/")[0]
        if case.kind is CaseKind.TRAP:
            traps += 1
            late += topic in asked
        asked.add(topic)
    assert late / traps > 0.8


@given(seeds)
@settings(max_examples=25, deadline=None)
def test_follow_ups_bring_their_conversation_and_others_stand_alone(seed: int):
    for case in workload(seed):
        roles = [message["role"] for message in case.messages]
        if case.kind is CaseKind.FOLLOW_UP:
            assert roles == ["user", "assistant", "user"]
        elif case.kind is not CaseKind.TOOL_RESULT:
            assert roles == ["user"]
        assert case.truth.tool or case.truth.facts


def test_an_empty_workload_is_refused():
    with pytest.raises(ValueError, match="at least 1 request"):
        make_workload(KNOWLEDGE, seed=0, requests=0)


@given(days=st.integers(1, 6), requests=st.integers(6, 60))
@settings(max_examples=25, deadline=None)
def test_days_make_the_whole_and_each_is_its_seeds_own(days: int, requests: int) -> None:
    cases = make_days(KNOWLEDGE, seed=5, days=days, requests=requests)
    assert len(cases) == requests
    assert len({case.id for case in cases}) == requests
    for day in range(days):
        own = [case for case in cases if case.day == day + 1]
        alone = make_workload(KNOWLEDGE, seed=5 + day, requests=len(own))
        assert [case.messages for case in own] == [case.messages for case in alone]
        assert abs(len(own) - requests / days) < 1
