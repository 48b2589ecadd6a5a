import re

import pytest

from thriftgate.demo.judge import Truth, check_facts
from thriftgate.demo.knowledge import Entry, EntryKind, Weakness, load_knowledge
from thriftgate.demo.models.matcher import normalize

KNOWLEDGE = load_knowledge()
ENTRIES = tuple(KNOWLEDGE.entries.values())
TOPICS = KNOWLEDGE.of_kind(EntryKind.TOPIC)
TRAPS = KNOWLEDGE.of_kind(EntryKind.TRAP)


def by_id(entry: Entry) -> str:
    return entry.id


def test_there_are_at_least_sixty_topics_in_every_area_of_a_support_desk():
    assert len(TOPICS) >= 60
    areas = {topic.area for topic in TOPICS}
    assert areas >= {"billing", "refunds", "shipping", "account", "security", "subscriptions", "integrations"}
    assert areas >= {"limits", "privacy", "scanner"}


def test_some_topics_are_easy_and_some_hard_in_every_way():
    counts = {weakness: sum(topic.weakness is weakness for topic in TOPICS) for weakness in Weakness}
    assert counts[Weakness.KNOWS] >= 30
    assert counts[Weakness.GUESSES] > counts[Weakness.HESITATES] > counts[Weakness.MISREMEMBERS] > 0


@pytest.mark.parametrize("topic", TOPICS, ids=by_id)
def test_a_topic_has_six_paraphrases_some_of_them_held_out(topic: Entry):
    assert len(topic.paraphrases) + len(topic.held_out) >= 6
    assert topic.held_out


@pytest.mark.parametrize("entry", ENTRIES, ids=by_id)
def test_an_answer_is_right_by_its_own_facts_and_a_wrong_one_is_not(entry: Entry):
    truth = Truth(entry.facts)
    assert check_facts(truth, entry.answer).missing == ()
    assert not check_facts(truth, entry.wrong).is_right


@pytest.mark.parametrize("topic", [topic for topic in TOPICS if topic.is_hard], ids=by_id)
def test_a_hesitant_answer_to_a_hard_question_is_not_right(topic: Entry):
    assert not check_facts(Truth(topic.facts), topic.hesitant).is_right


@pytest.mark.parametrize("trap", TRAPS, ids=by_id)
def test_a_trap_needs_another_answer_than_its_topic(trap: Entry):
    topic = KNOWLEDGE.entries[trap.topic]
    assert not check_facts(Truth(trap.facts), topic.answer).is_right
    assert not check_facts(Truth(topic.facts), trap.answer).is_right
    assert trap.twist in {"negation", "number", "entity", "role", "condition"}


@pytest.mark.parametrize("topic", TOPICS, ids=by_id)
def test_answers_are_two_to_five_sentences_long(topic: Entry):
    sentences = re.findall(r"[.!?](?:\s|$)", topic.answer)
    assert 1 <= len(sentences) <= 5
    assert 8 <= len(topic.answer.split()) <= 70


def test_no_wording_is_known_twice_and_no_held_out_wording_is_known():
    by_itself = [entry for entry in ENTRIES if entry.kind is not EntryKind.FOLLOW_UP]
    known = [normalize(wording) for entry in by_itself for wording in entry.wordings]
    held_out = [normalize(wording) for entry in by_itself for wording in entry.held_out]
    assert len(set(known)) == len(known)
    assert len(set(held_out)) == len(held_out)
    assert not set(known) & set(held_out)
