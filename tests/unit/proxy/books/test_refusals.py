"""Who is to blame for a request to a plain model that no provider saw, and by which id its costs are booked."""

import warnings
from copy import deepcopy
from typing import Any, cast

import pytest
from tests.clocks import FakeClock
from tests.fakes import FakeCompleter, answer_of
from tests.memory_ledger import MemoryLedger

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # LiteLLM's own imports are not ours to mend
    from thriftgate.proxy.books.plain_models import PlainModelLog
    from thriftgate.proxy.books.pricing import RouterPricer
    from thriftgate.proxy.books.refusals import early_error, edge_of
    from thriftgate.proxy.guards.hooks import GuardHooks, UserAPIKeyAuth
    from thriftgate.proxy.tiers import breaker, provider_answer
    from thriftgate.proxy.tiers.deployments import DeploymentNames
    from thriftgate.proxy.tiers.groups import ModelGroups

from thriftgate.config.sections.guards import GuardsConfig
from thriftgate.errors import GatewayError, InvalidRequestError, PrivacyUnavailableError
from thriftgate.guards.classifier import shipped_classifier
from thriftgate.services.guards.inspecting import GuardService
from thriftgate.services.guards.judging import GuardJudge
from thriftgate.services.guards.policies import GuardPolicies
from thriftgate.types import AuditKind, RequestRecord


def stumbled(error: BaseException, **sent: object) -> GatewayError | None:
    token = provider_answer.current.set(provider_answer.ProviderAnswer())
    try:
        return early_error({"proxy_server_request": {"body": sent}, "litellm_call_id": "1"}, error, is_route=False)
    finally:
        provider_answer.current.reset(token)


def test_what_litellm_tripped_over_is_the_clients_request() -> None:
    fault = stumbled(TypeError("no such field"), model="m", messages=[], client="x")
    assert isinstance(fault, InvalidRequestError)
    assert fault.param == "client"


def test_a_request_with_nothing_unusual_in_it_is_not_to_blame() -> None:
    said = {"role": "user", "content": "hi"}
    assert stumbled(TypeError("no such project"), model="m", messages=[said], temperature=0.2) is None
    parts = {"role": "user", "content": [{"type": "image_url"}]}
    assert isinstance(stumbled(TypeError("no such image"), model="m", messages=[parts]), InvalidRequestError)


def test_a_group_that_is_closed_is_not_the_clients_doing() -> None:
    closed = breaker.RouterRateLimitError(
        model="large", cooldown_time=5.0, enable_pre_call_checks=False, cooldown_list=["one"], model_ids=["one"]
    )
    assert isinstance(closed, ValueError)
    assert not isinstance(stumbled(closed), InvalidRequestError)
    assert not isinstance(stumbled(ValueError("There are no healthy deployments for this model.")), InvalidRequestError)


def test_an_analyzer_that_crashed_is_not_the_clients_doing() -> None:
    ours = PrivacyUnavailableError("the check for personal data is not available; nothing was sent")
    ours.__context__ = ValueError("choked")
    assert stumbled(ours) is None
    refused = RuntimeError("503")
    refused.__context__ = ours
    assert stumbled(refused) is None


ALICE = UserAPIKeyAuth(api_key="k1", user_id="alice", team_id="t1")


def judging() -> FakeCompleter:
    return FakeCompleter({"judge": answer_of("SAFE", model="judge", cost_usd=0.25)})


def judged_by(books: MemoryLedger, completer: FakeCompleter) -> GuardHooks:
    config = GuardsConfig.model_validate({"judge": {"model": "judge"}})
    assert config.judge is not None
    service = GuardService(
        GuardPolicies(config),
        injection=lambda: shipped_classifier("injection"),
        toxicity=lambda: shipped_classifier("toxicity"),
        judge=GuardJudge(completer, config.judge, FakeClock(), books),
    )

    def no_prompts(_: str) -> tuple[str, ...]:
        return ()

    def note(*_: object) -> None:
        """Nothing is kept of it."""

    return GuardHooks(service, note, prompts_of=no_prompts, groups=ModelGroups(lambda: None))


@pytest.mark.parametrize(
    ("call_type", "sent"),
    [
        ("acompletion", {"litellm_call_id": "mine", "proxy_server_request": {"headers": {"X-LiteLLM-Call-ID": "it"}}}),
        ("pass_through_endpoint", {"metadata": "theirs"}),
        ("pass_through_endpoint", {"litellm_call_id": "mine", "proxy_server_request": {"headers": {}}}),
    ],
)  # fmt: skip
async def test_whatever_id_a_client_sends_each_request_of_a_plain_model_pays_for_its_own_judge(
    call_type: str, sent: dict[str, Any]
) -> None:
    books, completer = MemoryLedger(), judging()
    hooks = judged_by(books, completer)
    for number in range(3):
        said = {"model": "gpt", "messages": [{"role": "user", "content": f"Question number {number}?"}]}
        await hooks.async_pre_call_hook(ALICE, None, {**said, **deepcopy(sent)}, call_type)
    audits = await books.audits(kind=AuditKind.GUARD)
    assert len(completer.history) >= 3, "of a pass-through, whose fields nobody knows, more texts are judged"
    assert sum(audit.cost_usd for audit in audits) == 0.25 * len(completer.history)
    assert len({audit.request_id for audit in audits} - {"", "mine"}) == 3
    assert {(audit.route, audit.caller.user_id, audit.caller.team_id) for audit in audits} == {("gpt", "alice", "t1")}


class NoDeployments:
    """Knows no deployment, and no price."""

    def name_of(self, _: str) -> str | None:
        return None

    def called(self, _: str) -> tuple[str, str]:
        return "", ""

    def cost_parts(self, *_: object, **__: object) -> None:
        return None


async def test_a_plain_models_row_has_the_id_under_which_its_guards_judge_is_booked_and_only_one_row_has() -> None:
    books, rows = MemoryLedger(), list[RequestRecord]()
    request = {"headers": {"x-litellm-call-id": "mine"}}
    said = {"model": "gpt", "messages": [{"role": "user", "content": "When?"}], "litellm_call_id": "mine"}
    data = {**said, "proxy_server_request": request}
    await judged_by(books, judging()).async_pre_call_hook(ALICE, None, data, "acompletion")
    (audit,) = await books.audits(kind=AuditKind.GUARD)
    assert edge_of(data, ALICE).request_id == audit.request_id, "also where it is refused, or fails"
    log = PlainModelLog(cast("DeploymentNames", NoDeployments()), cast("RouterPricer", NoDeployments()), rows.append)
    payload = {"model": "gpt", "model_group": "gpt", "startTime": 1.0, "endTime": 2.0, "response_cost": 0.5}
    kwargs = {"litellm_call_id": "mine", "litellm_params": {"proxy_server_request": request}}
    for _ in range(2):
        await log.async_log_success_event({**kwargs, "standard_logging_object": payload}, None, None, None)
    first, second = rows
    assert first.request_id == audit.request_id
    assert second.request_id not in ("mine", audit.request_id)
