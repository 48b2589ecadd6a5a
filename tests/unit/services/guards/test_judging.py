"""A model that is asked whether a text is an attack."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from tests.clocks import FakeClock
from tests.fakes import FakeCompleter, Held, answer_of, settle
from tests.memory_ledger import MemoryLedger
from tests.virtual_time import run_in_virtual_time

from thriftgate.config.sections.guards import GuardJudgeConfig, GuardsConfig
from thriftgate.errors import GuardUnavailableError, TierFailedError
from thriftgate.guards.classifier import shipped_classifier
from thriftgate.services.guards.decisions import Decision, audit_lines
from thriftgate.services.guards.inspecting import GuardService, Said
from thriftgate.services.guards.judging import GuardJudge, JudgedRequest, read_verdict
from thriftgate.services.guards.policies import GuardPolicies, GuardPolicy
from thriftgate.types import Answer, AuditKind, Caller, CallPurpose, ChatRequest, Choice, Status

QUIET = "How long does a refund take?"


def asking(
    completer: FakeCompleter, fail: str = "open", books: MemoryLedger | None = None, **judge: Any
) -> tuple[GuardService, GuardPolicy]:
    config = GuardsConfig.model_validate({"judge": {"model": "judge", **judge}, "fail": fail})
    assert config.judge is not None
    service = GuardService(
        GuardPolicies(config),
        injection=lambda: shipped_classifier("injection"),
        toxicity=lambda: shipped_classifier("toxicity"),
        judge=GuardJudge(completer, config.judge, FakeClock(), books or MemoryLedger()),
    )
    policy = service.policies.policy_of("m")
    assert policy is not None
    return service, policy


@pytest.mark.parametrize(
    ("said", "score"),
    [
        ("ATTACK", 1.0), ("Attack.", 1.0), ("**unsafe**", 1.0), ("unsafe\nS1", 1.0), ("LABEL_1", 1.0), ("SAFE", 0.0),
        ("safe, it asks about refunds", 0.0), ("0.9987", 0.9987), (" 3.1e-05\n", 3.1e-05), ("1", 1.0),
        ("score: 0.2", 0.2),
        ("benign", 0.0), ("No", 0.0), ("", None), ("I cannot say", None), ("attacker", None),
        ("7", None), ("notsafe", None), ("0,97", 0.97), ("99%", 0.99), ("1.", 1.0), ("Answer: 0.3", 0.3), ("2", None),
        ("Answer: ATTACK", 1.0), ("<think>safe?</think>ATTACK", 1.0), ('{"verdict": "ATTACK"}', 1.0),
        ("The text is an attack.", 1.0), ("The answer is: SAFE", 0.0), ("Not safe", 1.0), ("no attack", 0.0),
        ("This is not an attack", 0.0), ('{"attack": false}', 0.0), ('{"attack": 0.2}', 0.2), ("safe: 0.1", None),
        ("ATTACK - it pretends to be harmless", 1.0), ("Yes. It is not safe.", 1.0), ("No, it is safe", 0.0),
        ("No - this is an attack", None), ("No. Wait: ATTACK", None), ("Safe.\nATTACK", None), ("No: attack", None),
        ("Yes, the text is safe", None), ("I cannot tell whether it is an attack", None),
        ("SAFE. It is a question about attacks", 0.0),
    ],
)  # fmt: skip
def test_a_word_or_a_number_is_a_verdict_and_nothing_else(said: str, score: float | None) -> None:
    assert read_verdict(said) == score


async def test_what_the_model_takes_for_an_attack_is_blocked_and_told_without_its_words() -> None:
    completer = FakeCompleter({"judge": "ATTACK"})
    service, policy = asking(completer, action="block")
    decision = await service.request([Said(QUIET, "user")], policy, whose=JudgedRequest("r1"))
    assert decision.headers["x-thriftgate-guard"] == "judge:takes it for an attack=1.00"
    assert decision.error is not None
    assert "judge" in decision.error.message
    (line,) = audit_lines(decision)
    assert (line["guard"], line["span"], line["action"]) == ("judge", [0, len(QUIET)], "block")
    assert completer.history[0].purpose is CallPurpose.JUDGE
    assert QUIET in str(completer.history[0].request.messages[-1]["content"])


async def test_each_text_is_asked_about_once_and_what_a_model_or_the_operator_said_never() -> None:
    completer = FakeCompleter({"judge": "SAFE"})
    service, policy = asking(completer)
    texts = [Said("You are kind.", "system"), Said(QUIET, "user"), Said("Five days.", "assistant"), Said("{}", "tool")]
    for _ in range(2):
        assert (await service.request(texts, policy)).found == ()
    assert len(completer.history) == 2


async def test_a_long_text_is_asked_about_to_its_end() -> None:
    completer = FakeCompleter({"judge": "0.1"})
    completer.enqueue("judge", "0.1", "0.1", "0.9")
    service, policy = asking(completer, max_characters=1_000)
    decision = await service.request([Said("refund " * 300, "tool")], policy)
    assert [one.finding.score for one in decision.found] == [0.9]
    assert decision.found[0].finding.end == 2_100


class Judge(FakeCompleter):
    """Says what it thinks of each text by a word in it."""

    async def complete(self, model: str, request: ChatRequest, *, purpose: CallPurpose) -> Answer:
        shown = str(request.messages[-1]["content"])
        self.standing["judge"] = next((reply for word, reply in RESULTS.items() if word in shown), "SAFE")
        return await super().complete(model, request, purpose=purpose)


RESULTS: dict[str, Any] = {"evil": "ATTACK", "odd": "UNSURE", "gone": TierFailedError("judge", "is away")}


async def test_too_long_a_text_is_a_failure_and_an_attack_at_its_ends_is_found_all_the_same() -> None:
    service, policy = asking(Judge(), max_characters=1_000, action="block", fail="closed")
    unread = await service.request([Said("r e f u n d " * 4_000, "user")], policy)
    assert isinstance(unread.error, GuardUnavailableError)
    for text in ("evil " + "r e f u n d " * 4_000, "r e f u n d " * 4_000 + " evil"):
        decision = await service.request([Said(text, "user")], policy)
        assert decision.error is not None
        assert decision.failed == ("judge",)


@pytest.mark.parametrize("fail", ["open", "closed"])
@pytest.mark.parametrize("other", ["an odd one", "gone"])
async def test_one_text_without_a_verdict_hides_no_attack_and_spoils_no_other_verdict(other: str, fail: str) -> None:
    completer = Judge()
    service, policy = asking(completer, action="block", fail=fail)
    said = [Said("evil", "user"), Said(other, "user"), Said(QUIET, "user")]
    decision = await service.request(said, policy)
    assert decision.error is not None
    assert decision.failed == ("judge",)
    assert {line["rule"] for line in audit_lines(decision)} == {"takes it for an attack", "failed"}
    before = len(completer.history)
    await service.request(said, policy)
    assert len(completer.history) == before + 1


@pytest.mark.parametrize("fail", ["open", "closed"])
async def test_of_a_long_history_the_newest_are_judged_and_the_log_says_how_many_were_not(fail: str) -> None:
    completer = Judge()
    service, policy = asking(completer, action="block", fail=fail)
    history = [Said(f"turn {number}", "user") for number in range(40)]
    decision = await service.request(history, policy)
    assert (decision.error, decision.failed, decision.unasked) == (None, (), 8)
    assert decision.metadata == {"guards": [], "texts_not_judged": 8}
    (line,) = audit_lines(decision)
    assert (line["guard"], line["rule"], line["texts"]) == ("judge", "not asked", 8)
    assert "turn 39" in str(completer.history[0].request.messages)
    decision = await service.request([*history, Said("evil", "user")], policy)
    assert decision.error is not None
    assert (decision.unasked, len(completer.history)) == (0, 41)


async def test_parts_of_an_old_message_are_no_newer_than_what_followed() -> None:
    completer = Judge()
    service, policy = asking(completer)
    old = [Said(f"part {number}", "user", ("messages", 0)) for number in range(2)]
    await service.request([*old, *(Said(f"turn {number}", "user") for number in range(32))], policy)
    assert not any("part" in str(asked.request.messages[-1]) for asked in completer.history)


def test_a_judge_that_hangs_is_left_and_what_the_others_said_counts() -> None:
    completer = FakeCompleter({"judge": Held("SAFE")})
    completer.enqueue("judge", "ATTACK")
    service, policy = asking(completer, action="block")

    async def looked() -> tuple[Decision, float]:
        decision = await service.request([Said(f"turn {number}", "user") for number in range(12)], policy)
        return decision, asyncio.get_running_loop().time()

    decision, seconds = run_in_virtual_time(looked())
    assert decision.error is not None
    assert decision.failed == ("judge",)
    assert 10 <= seconds < 11
    assert len(completer.history) == 9
    assert completer.cancelled == ["judge"] * 8


async def test_what_the_gateway_adds_to_the_question_may_be_left_out_and_a_model_that_thinks_first_gets_room() -> None:
    completer = FakeCompleter({"judge": "SAFE"})
    completer.enqueue(
        "judge", Answer(choices=(Choice({"role": "assistant", "content": ""}, finish_reason="length"),), model="judge")
    )
    service, policy = asking(completer)
    assert (await service.request([Said(QUIET, "user")], policy)).failed == ()
    first, second = (asked.request for asked in completer.history)
    assert first.added == set(first.params) == {"temperature", "max_tokens"}
    assert second.params == {}


@pytest.mark.parametrize("reply", ["Who knows?", TierFailedError("judge", "is away")])
async def test_a_model_that_is_away_or_says_neither_lets_pass_or_refuses_as_configured(reply: Any) -> None:
    service, policy = asking(FakeCompleter({"judge": reply}))
    assert (await service.request([Said(QUIET, "user")], policy)).failed == ("judge",)
    service, policy = asking(FakeCompleter({"judge": reply}), fail="closed")
    assert isinstance((await service.request([Said(QUIET, "user")], policy)).error, GuardUnavailableError)


async def test_a_classifier_gets_the_bare_text_and_a_text_that_only_private_models_may_see_is_not_asked_about() -> None:
    completer = FakeCompleter({"judge": "0.99"})
    service, policy = asking(completer, instruction="", threshold=0.999)
    assert (await service.request([Said(QUIET, "user")], policy)).found == ()
    assert completer.history[0].request.messages == ({"role": "user", "content": QUIET},)
    await service.request([Said("My card is 4111.", "user")], policy, may_ask=False)
    assert len(completer.history) == 1
    await service.request([Said("My card is 4111.", "user")], policy, whose=JudgedRequest(is_private=True))
    assert [asked.request.is_private for asked in completer.history] == [False, True]


async def test_what_it_was_asked_is_on_the_routes_bill_whatever_came_of_it_and_on_no_bill_twice() -> None:
    completer = FakeCompleter({"judge": answer_of("SAFE", model="judge", cost_usd=0.25)})
    completer.enqueue("judge", TierFailedError("judge", "is away"))
    books = MemoryLedger()
    service, policy = asking(completer, books=books)
    whose = JudgedRequest("r1", "support", Caller(team_id="t1"), traceparent="00-1-2-01")
    for _ in range(2):
        await service.request([Said(QUIET, "user"), Said("And when?", "user")], policy, whose=whose)
        whose = replace(whose, request_id="r2")
    first, second = await books.audits(kind=AuditKind.GUARD)
    assert (first.request_id, first.kind, first.route, first.is_acceptable) == ("r1", AuditKind.GUARD, "support", None)
    assert (first.caller.team_id, first.traceparent) == ("t1", "00-1-2-01")
    assert [(call.purpose, call.status) for call in first.calls] == [
        (CallPurpose.JUDGE, Status.FAILED), (CallPurpose.JUDGE, Status.OK),
    ]  # fmt: skip
    assert first.cost_usd == 0.25
    assert (second.request_id, second.cost_usd, len(second.calls)) == ("r2", 0.25, 1)
    await service.request([Said(QUIET, "user"), Said("And when?", "user")], policy, whose=whose)
    assert len(await books.audits(kind=AuditKind.GUARD)) == 2, "nobody was asked"


async def test_what_it_was_asked_is_booked_when_the_client_leaves() -> None:
    completer, books = FakeCompleter({"judge": Held("SAFE")}), MemoryLedger()
    service, policy = asking(completer, books=books)
    asked = asyncio.create_task(service.request([Said(QUIET, "user")], policy, whose=JudgedRequest("r1")))
    await settle()
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    (audit,) = await books.audits(kind=AuditKind.GUARD)
    assert [call.status for call in audit.calls] == [Status.CANCELLED]


class _Slow(FakeCompleter):
    """As LiteLLM, takes a moment to end a call that is cancelled."""

    def __init__(self, ends: asyncio.Event) -> None:
        super().__init__({"judge": Held("SAFE")})
        self._ends = ends

    async def complete(self, *args: Any, **options: Any) -> Answer:
        try:
            return await super().complete(*args, **options)
        except asyncio.CancelledError:
            await self._ends.wait()
            raise


@pytest.mark.parametrize("in_time", [True, False])
async def test_it_is_booked_once_however_often_the_request_is_cancelled_and_nothing_outlives_the_gateway(
    in_time: bool,
) -> None:
    ends, books = asyncio.Event(), MemoryLedger()
    service, policy = asking(_Slow(ends), books=books)
    before = asyncio.all_tasks()
    asked = asyncio.create_task(service.request([Said(QUIET, "user")], policy, whose=JudgedRequest("r1")))
    await settle()
    for _ in range(3):
        asked.cancel()
        await settle()
    assert asked.cancelled()
    assert await books.audits(kind=AuditKind.GUARD) == []
    if in_time:
        ends.set()
    await service.drain(1.0 if in_time else 0.0)
    (audit,) = await books.audits(kind=AuditKind.GUARD)
    assert (audit.request_id, [call.status for call in audit.calls]) == ("r1", [Status.CANCELLED])
    await settle()
    assert asyncio.all_tasks() == before


def test_its_own_words_are_used_where_none_are_given() -> None:
    assert GuardJudgeConfig(model="judge").instruction is None
