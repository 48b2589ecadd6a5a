"""What a call brings that nobody waits for any more is let go, whoever gave it up and when."""

import asyncio

from thriftgate.stores.availability import Availability
from thriftgate.stores.postgres.connection.waiting import ServerPatience


async def _lives() -> None: ...


def patience() -> ServerPatience:
    return ServerPatience(Availability("a server", _lives, lambda _: "time_out"))


async def test_who_is_cancelled_in_the_moment_of_the_answer_lets_it_go() -> None:
    answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    left: list[str] = []
    waiting = asyncio.create_task(patience().until_silent(answer, 60.0, let_go=left.append))
    for _ in range(5):
        await asyncio.sleep(0)
    answer.set_result("a connection")
    await asyncio.sleep(0)  # the call has its answer, and who waits for it does not know yet
    waiting.cancel()
    done = await asyncio.gather(waiting, return_exceptions=True)
    for _ in range(5):
        await asyncio.sleep(0)
    assert [*left, *(one for one in done if isinstance(one, str))] == ["a connection"]


async def test_what_cannot_be_cancelled_is_let_go_when_it_comes_too_late() -> None:
    come = asyncio.Event()
    left: list[str] = []

    async def stubborn() -> str:
        while not come.is_set():
            try:
                await come.wait()
            except asyncio.CancelledError:
                continue
        return "a connection"

    waiting = asyncio.create_task(patience().until_silent(stubborn(), 0.01, let_go=left.append))
    done = await asyncio.gather(waiting, return_exceptions=True)
    assert isinstance(done[0], TimeoutError)
    come.set()
    for _ in range(5):
        await asyncio.sleep(0)
    assert left == ["a connection"]


async def test_what_is_taken_is_not_let_go() -> None:
    left: list[str] = []
    answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    answer.set_result("a connection")
    assert await patience().until_silent(answer, 60.0, let_go=left.append) == "a connection"
    assert left == []
