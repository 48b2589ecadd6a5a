import pytest
from hypothesis import given
from hypothesis import strategies as st

from thriftgate.demo.judge import Truth, check_facts


@pytest.mark.parametrize(
    ("fact", "text"),
    [
        ("14 day", "within 14 days"),
        ("14 day", "a 14-day window"),
        ("14 day", "You have fourteen days."),
        ("3 time", "We retry it three times."),
        ("50000", "up to 50,000 rows"),
        ("7.50 | 7.5", "it costs $7.50"),
        ("25 percent", "25 % off"),
        ("25 percent", "25% off"),
        ("paypal & sepa", "SEPA or PayPal"),
        ("chain | shop", "only on Shop"),
        ("!refund", "no money comes back"),
        ("8:00 to 20:00", "from 8:00 to 20:00 CET"),
        ("10 日", "ラベルは10 日以内に"),
        ("7 años", "los últimos 7 años"),
        ("chain", '{"answer": "Only on Chain.", "confidence": 0.9}'),
        ("42", '{"items": [{"count": 42}]}'),
    ],
)
def test_a_fact_that_is_said_in_other_words_is_found(fact: str, text: str):
    assert check_facts(Truth((fact,)), text).is_right


@pytest.mark.parametrize(
    ("fact", "text"),
    [
        ("14 day", "within 114 days"),
        ("14 day", "within 140 days"),
        ("14 day", "14 business days"),
        ("5 minute", "15 minutes"),
        ("paypal & sepa", "only PayPal"),
        ("chain | shop", "on every plan"),
        ("!refund", "you get a refund"),
        ("12 mb", "up to 2 MB"),
        ("10 日", "20 日以内に"),
        ("chain", ""),
        ("chain", "{broken"),
    ],
)
def test_a_fact_that_is_not_said_is_missed(fact: str, text: str):
    judgement = check_facts(Truth((fact,)), text)
    assert not judgement.is_right
    assert judgement.missing == (fact,)


def test_every_missing_fact_is_named():
    assert check_facts(Truth(("14 day", "owner", "zip")), "The owner gets it.").missing == ("14 day", "zip")


def call(name: str, arguments: str) -> dict[str, object]:
    return {"function": {"name": name, "arguments": arguments}}


def test_a_tool_call_is_right_when_its_name_and_arguments_are():
    truth = Truth(tool="get_order_status", arguments={"order_id": "BB-1234"})
    assert check_facts(truth, "", [call("get_order_status", '{"order_id": "BB-1234", "extra": 1}')]).is_right
    assert check_facts(truth, "It is under Orders.", []).missing == ("tool",)
    assert check_facts(truth, "", [call("cancel_subscription", "{}")]).missing == ("tool",)
    assert check_facts(truth, "", [call("get_order_status", '{"order_id": "BB-9"}')]).missing == ("order_id",)
    assert check_facts(truth, "", [call("get_order_status", "{oops")]).missing == ("arguments",)
    assert check_facts(truth, "", [call("get_order_status", "[]")]).missing == ("arguments",)


def test_a_tool_call_is_no_answer_to_a_question():
    assert not check_facts(Truth(("owner",)), "the owner", [call("get_order_status", "{}")]).is_right


@given(st.text(), st.text(min_size=1))
def test_any_text_can_be_judged_by_any_fact(text: str, fact: str):
    assert check_facts(Truth((fact,)), text).missing in {(), (fact,)}


@given(st.integers(2, 10**6), st.integers(2, 10**6))
def test_a_number_is_only_found_as_itself(wanted: int, said: int):
    assert check_facts(Truth((f"{wanted} day",)), f"It takes {said:,} days.").is_right == (wanted == said)
