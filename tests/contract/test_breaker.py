"""The breaker over LiteLLM's own router: what closes a deployment, and what opens a closed group again."""

import asyncio
import warnings
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest
from tests.fakes import FakeClock

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # LiteLLM's own imports are not ours to mend
    import aiohttp
    import httpx
    import litellm
    import openai
    from fastapi import HTTPException
    from litellm import exceptions
    from litellm.integrations.custom_logger import CustomLogger
    from litellm.router import Router
    from litellm.types.router import RouterRateLimitError

    from thriftgate.proxy.errors import tier_failure
    from thriftgate.proxy.tiers.breaker import Breaker, own_failure

# One loop: LiteLLM's worker for its events stays with the first.
pytestmark = [
    pytest.mark.xdist_group("litellm"),
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.asyncio(loop_scope="module"),
]

GROUP = "strong"


class Setup:
    """A group of two deployments, and a breaker."""

    def __init__(self, **settings: Any) -> None:
        models = [
            {
                "model_name": GROUP,
                "litellm_params": {"model": f"openai/{name}", "api_key": "none"},
                "model_info": {"id": name},
            }
            for name in ("primary", "backup")
        ]
        models.append({"model_name": "dear", "litellm_params": {"model": "openai/dear", "api_key": "none"}})
        self.router = Router(model_list=models, **settings)
        self.clock = FakeClock()
        self.breaker = Breaker(lambda: self.router, monotonic=self.clock.monotonic)

    def cool(self, deployment: str, status: int) -> None:
        self.router.cooldown_cache.add_deployment_to_cooldown(deployment, Exception("no"), status, 30.0)

    async def cooling(self) -> set[str]:
        return {state.deployment_id for state in await self.breaker.states() if state.is_cooling_down}

    def fail(self, deployment: str, error: Exception) -> None:
        self.breaker.note_failure({"exception": error, "litellm_params": {"model_info": {"id": deployment}}})


async def test_a_closed_group_gets_back_the_deployment_that_failed_first() -> None:
    setup = Setup()
    setup.cool("primary", 500)
    setup.cool("backup", 500)
    assert await setup.breaker.reopen(GROUP)
    assert await setup.cooling() == {"backup"}


async def test_a_closed_group_is_tried_once_a_second() -> None:
    setup = Setup()
    setup.cool("primary", 500)
    setup.cool("backup", 503)
    assert await setup.breaker.reopen(GROUP)
    setup.clock.advance(0.9)
    assert not await setup.breaker.reopen(GROUP)
    setup.clock.advance(0.2)
    assert await setup.breaker.reopen(GROUP)


@pytest.mark.parametrize("status", [401, 403, 429])
async def test_a_group_is_tried_again_whatever_closed_it(status: int) -> None:
    setup = Setup()
    setup.cool("primary", status)
    setup.cool("backup", status)
    assert await setup.breaker.reopen(GROUP)
    assert await setup.cooling() == {"backup"}


class Told(CustomLogger):
    """LiteLLM's events of calls, as they reach the breaker in the proxy; it takes one such object of a class."""

    def __init__(self) -> None:
        super().__init__()
        self.breaker: Breaker | None = None
        self.heard = asyncio.Queue[bool]()

    async def async_log_failure_event(self, kwargs: Any, response_obj: Any, start_time: Any, end_time: Any) -> None:
        assert self.breaker is not None
        self.breaker.note_failure(kwargs)
        await self.heard.put(False)

    async def async_log_success_event(self, kwargs: Any, response_obj: Any, start_time: Any, end_time: Any) -> None:
        assert self.breaker is not None
        self.breaker.note_success(kwargs)
        await self.heard.put(True)


class Callers:
    """Clients of a real router whose provider answers each as their own request has it."""

    def __init__(self, told: Told, **settings: Any) -> None:
        self.setup = Setup(num_retries=0, **settings)
        self.setup.breaker.install(self.setup.router)
        self.told = told
        told.breaker = self.setup.breaker

    async def ask(self, caller: str, *, error: Exception | None = None) -> str:
        """The model that answered, or the name of the error; once the breaker has heard of it."""
        said: Any = error or "Fine."
        metadata = {"user_api_key_hash": caller}
        try:
            answer: Any = await cast("Any", self.setup.router).acompletion(
                GROUP, messages=[{"role": "user", "content": "hi"}], mock_response=said, metadata=metadata
            )
        except RouterRateLimitError:
            return "closed"
        except Exception as refused:
            await asyncio.wait_for(self.told.heard.get(), 10)
            return type(refused).__name__
        await asyncio.wait_for(self.told.heard.get(), 10)
        return str(answer.model)


@pytest.fixture(scope="module")
def told() -> Iterator[Told]:
    made = Told()
    litellm.callbacks.append(made)
    yield made
    litellm.callbacks.remove(made)


@pytest.fixture
def callers(told: Told) -> Callers:
    return Callers(told)


def wrong_key() -> Exception:
    return exceptions.AuthenticationError("no such key", "openai", "primary")


async def test_who_fails_all_the_time_keeps_nobody_else_out(callers: Callers) -> None:
    """It was served 0 of 16 times: each try of the closed group was taken by whoever had closed it."""
    served: list[str] = []
    for _ in range(16):
        for _ in range(5):
            await callers.ask("attacker", error=wrong_key())
            callers.setup.clock.advance(0.1)
        served.append(await callers.ask("victim"))
    assert set(served) <= {"primary", "backup"}, served


async def test_several_who_fail_keep_nobody_out_who_has_shown_that_it_is_their_own_doing(callers: Callers) -> None:
    served: list[str] = []
    for _ in range(16):
        for attacker in ("one", "two", "three"):
            for _ in range(3):
                await callers.ask(attacker, error=wrong_key())
        callers.setup.clock.advance(0.5)
        served.append(await callers.ask("victim"))
    assert "closed" not in served[1:], served


async def test_what_two_callers_have_failed_at_is_closed_to_everybody_but_a_try_a_second(callers: Callers) -> None:
    """So it is when a provider is down: not every key has to find that out."""
    broken = exceptions.RateLimitError("no", "openai", "primary")
    heard = [await callers.ask(f"caller {place}", error=broken) for place in range(30)]
    # Two at each deployment, and one try of those that have not failed there yet.
    assert set(heard[8:]) == {"closed"}, heard
    callers.setup.clock.advance(1.1)
    assert await callers.ask("anybody") in ("primary", "backup")


async def test_a_group_with_a_fallback_is_tried_before_that_is_asked(told: Told) -> None:
    callers = Callers(told, fallbacks=[{GROUP: ["dear"]}])
    for name in ("primary", "backup"):
        callers.setup.cool(name, 401)
    assert await callers.ask("victim") in ("primary", "backup")


@pytest.mark.parametrize("status", [401, 500])
async def test_every_endpoint_tries_again_what_others_have_closed(status: int) -> None:
    setup = Setup()
    setup.breaker.install(setup.router)
    for name in ("primary", "backup"):
        setup.cool(name, status)
    chosen: Any = await cast("Any", setup.router).async_get_available_deployment(GROUP, request_kwargs={})
    assert chosen["model_info"]["id"] == "primary"
    setup.cool("primary", status)
    with pytest.raises(RouterRateLimitError):
        await setup.router.async_get_available_deployment(GROUP, request_kwargs={})


async def test_an_alias_of_a_closed_group_is_tried_again_too() -> None:
    setup = Setup()
    setup.router.model_group_alias = {"alias": GROUP}
    setup.cool("primary", 500)
    setup.cool("backup", 500)
    assert await setup.breaker.reopen("alias")


async def test_a_request_that_closed_a_group_itself_is_not_tried_again() -> None:
    setup = Setup()
    setup.breaker.install(setup.router)
    setup.cool("primary", 500)
    setup.cool("backup", 500)
    try:
        raise exceptions.Timeout("late", "primary", "openai")
    except exceptions.Timeout:
        with pytest.raises(RouterRateLimitError):
            await setup.router.async_get_available_deployment(GROUP, request_kwargs={})
    assert await setup.cooling() == {"primary", "backup"}


def caused(make: Callable[[], Exception], cause: Exception) -> Exception:
    error = make()
    error.__cause__ = cause
    return error


def connection_error() -> Exception:
    return exceptions.APIConnectionError("it tripped", "openai", "primary")


def internal_error() -> Exception:
    return exceptions.InternalServerError("Connection error.", "openai", "primary")


@pytest.mark.parametrize("make", [connection_error, internal_error])
@pytest.mark.parametrize(
    "cause",
    [
        httpx.ConnectError("refused"),
        openai.APIConnectionError(request=cast("Any", httpx.Request("POST", "http://x"))),
        aiohttp.ClientConnectionError(),
        ConnectionResetError(),
    ],
    ids=lambda cause: type(cause).__name__,
)
async def test_a_deployment_that_cannot_be_reached_cools_down(make: Callable[[], Exception], cause: Exception) -> None:
    setup = Setup()
    setup.fail("primary", caused(make, cause))
    assert await setup.cooling() == {"primary"}


@pytest.mark.parametrize("cause", [TypeError("no such format"), ValueError("NaN"), KeyError("function")])
async def test_what_litellm_itself_tripped_over_cools_nobody_down(cause: Exception) -> None:
    setup = Setup()
    setup.fail("primary", caused(connection_error, cause))
    assert await setup.cooling() == set()


NO_RESPONSE = httpx.Response(422, request=httpx.Request("POST", "http://provider"))


def no_deployment_left() -> Exception:
    return RouterRateLimitError(GROUP, 30.0, False, ["primary", "backup"], ("primary", "backup"))


def test_a_request_that_closed_the_group_itself_hears_its_own_failure() -> None:
    failed = exceptions.Timeout("late", "primary", "openai")
    assert own_failure(caused(no_deployment_left, failed)) is failed
    assert tier_failure(GROUP, caused(no_deployment_left, failed)).cause == "timed out (408)"


def test_a_request_that_found_the_group_closed_hears_that_it_cools_down() -> None:
    closed: Any = no_deployment_left()
    assert own_failure(closed) is closed
    assert tier_failure(GROUP, closed).cause == "cools down after failures (503)"


@pytest.mark.parametrize(
    "error",
    [
        exceptions.BadRequestError("prompt too long; exceeded max context length by 3 tokens", "m", "p"),
        exceptions.APIError(
            413, "This model's maximum prompt length is 100 but the request contains 200 tokens.", "p", "m"
        ),
        exceptions.UnprocessableEntityError("`inputs` must have less than 10 tokens. Given: 15", "m", "p", NO_RESPONSE),
        exceptions.InternalServerError("input length exceeds maximum context length", "p", "m"),
        exceptions.APIConnectionError(
            "Input Tokens Exceeded: Number of input tokens exceeds maximum length.", "p", "m"
        ),
    ],
    ids=["400", "413", "422", "500", "no status"],
)
def test_too_long_is_a_400_whatever_its_provider_calls_it(error: Exception) -> None:
    failure = tier_failure("m", error)
    assert failure.rejected
    assert (failure.status_code, failure.code) == (400, "context_length_exceeded")
    assert str(failure.cause).startswith("prompt is too long")


@pytest.mark.parametrize(
    "said",
    [
        "Invalid 'tools[0].function.name': string too long. Expected a string with maximum length 64.",
        "#/toolConfig/tools/0/toolSpec/name: expected maxLength: 64, actual: 80, please reformat your input.",
    ],
)
def test_a_long_name_that_litellm_takes_for_a_long_conversation_is_none(said: str) -> None:
    failure = tier_failure("m", exceptions.ContextWindowExceededError(said, "m", "p"))
    assert failure.rejected
    assert failure.code is None
    assert failure.cause == said


@pytest.mark.parametrize("detail", [{"error": "you may not use this MCP server"}, "you may not use this MCP server"])
def test_what_litellm_itself_refuses_to_a_caller_is_no_failure_of_the_model(detail: Any) -> None:
    failure = tier_failure("m", HTTPException(403, detail))
    assert failure.rejected
    assert (failure.status_code, failure.cause) == (400, "you may not use this MCP server")


@pytest.mark.parametrize(
    ("status", "is_refusal"),
    [(400, True), (404, True), (422, True)] + [(status, False) for status in (401, 408, 429, 503)],
)
def test_what_another_moment_or_key_would_mend_is_no_refusal_of_the_request(status: int, is_refusal: bool) -> None:
    failure = tier_failure("m", HTTPException(status, {"error": "limit"}, headers={"retry-after": "30"}))
    assert failure.rejected is is_refusal
    assert failure.status_code == (400 if is_refusal else status)
    assert failure.retry_after == (None if is_refusal else 30)


def test_a_client_is_not_advised_to_change_the_gateways_settings() -> None:
    said = "It requires a message. Either provide one, or set `litellm.modify_params = True` // `litellm_settings::x`"
    assert tier_failure("m", exceptions.BadRequestError(said, "m", "p")).cause == "It requires a message."
    said = "It takes no n. If you want to drop this param, set `litellm.drop_params = True` or pass in `(.., x)`"
    assert tier_failure("m", exceptions.BadRequestError(said, "m", "p")).cause == "It takes no n."


@pytest.mark.parametrize(
    "said",
    [
        "Internal error: request token id is longer than expected",
        "worker crashed: a request of 300 tokens exceeded its slot",
    ],
)
def test_a_servers_own_failure_is_not_made_the_clients(said: str) -> None:
    failure = tier_failure("m", exceptions.InternalServerError(said, "p", "m"))
    assert not failure.rejected
    assert failure.status_code == 500
