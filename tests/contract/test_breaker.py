"""The breaker over LiteLLM's own router: what closes a deployment, and what opens a closed group again."""

import warnings
from collections.abc import Callable
from typing import Any, cast

import pytest
from tests.fakes import FakeClock

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # LiteLLM's own imports are not ours to mend
    import aiohttp
    import httpx
    import openai
    from litellm import exceptions
    from litellm.router import Router
    from litellm.types.router import RouterRateLimitError

    from thriftgate.proxy.errors import tier_failure
    from thriftgate.proxy.tiers.breaker import Breaker, own_failure

pytestmark = [pytest.mark.xdist_group("litellm"), pytest.mark.filterwarnings("ignore")]

GROUP = "strong"


class Setup:
    """A group of two deployments, and a breaker."""

    def __init__(self) -> None:
        models = [
            {
                "model_name": GROUP,
                "litellm_params": {"model": f"openai/{name}", "api_key": "none"},
                "model_info": {"id": name},
            }
            for name in ("primary", "backup")
        ]
        self.router = Router(model_list=models)
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


async def test_a_plain_model_that_others_closed_is_tried_again_for_its_next_caller() -> None:
    setup = Setup()
    setup.cool("primary", 429)
    setup.cool("backup", 429)
    asked: list[Any] = []

    async def theirs(**kwargs: Any) -> str:
        asked.append(kwargs.get("num_retries"))
        if len(await setup.cooling()) == 2:
            raise no_deployment_left()
        return "Fine."

    ours = setup.breaker.half_open(theirs)
    assert await ours(model=GROUP) == "Fine."
    assert asked == [None, 0]
    setup.cool("primary", 429)
    with pytest.raises(RouterRateLimitError):
        await ours(model=GROUP)


async def test_an_alias_of_a_closed_group_is_tried_again_too() -> None:
    setup = Setup()
    setup.router.model_group_alias = {"alias": GROUP}
    setup.cool("primary", 500)
    setup.cool("backup", 500)
    assert await setup.breaker.reopen("alias")


async def test_a_request_that_closed_a_group_itself_is_not_tried_again() -> None:
    setup = Setup()
    setup.cool("primary", 500)
    setup.cool("backup", 500)
    tries: list[int] = []

    async def theirs(**_: Any) -> str:
        tries.append(1)
        raise caused(no_deployment_left, exceptions.Timeout("late", "primary", "openai"))

    with pytest.raises(RouterRateLimitError):
        await setup.breaker.half_open(theirs)(model=GROUP)
    assert len(tries) == 1


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
    "said", ["prompt too long; exceeded max context length by 3 tokens", "too many tokens: size limit exceeded by 5"]
)
def test_too_long_is_known_in_the_words_of_ollama_and_cohere(said: str) -> None:
    failure = tier_failure("m", exceptions.BadRequestError(message=said, model="m", llm_provider="p"))
    assert failure.rejected
    assert failure.code == "context_length_exceeded"
    assert str(failure.cause).startswith("prompt is too long")
