"""Who is to blame for a request to a plain model that no provider saw."""

from thriftgate.errors import GatewayError, InvalidRequestError, PrivacyUnavailableError
from thriftgate.proxy.books.refusals import early_error
from thriftgate.proxy.tiers import breaker, provider_answer


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
