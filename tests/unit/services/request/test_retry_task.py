"""What waits in a queue is sent behind the requests, in order, however often the other side is away."""

import asyncio
import threading
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thriftgate.services.request.retry_task import RetryTask
from thriftgate.services.request.retrying import RetryQueue


class Receiver:
    """Takes batches; `outages` says of each try whether nobody is there."""

    def __init__(self, outages: Sequence[bool] = ()) -> None:
        self.outages = list(outages)
        self.pauses: list[float] = []
        self.got: list[int] = []
        self.queue = RetryQueue[int](max_items=100, batch_items=3)
        self.task = RetryTask("test", self.queue, self.send, pause=7.0, sleep=self.sleep)

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        await asyncio.sleep(0)

    async def send(self, batch: Sequence[int]) -> bool:
        await asyncio.sleep(0)
        if self.outages and self.outages.pop(0):
            self.queue.away()
            return False
        self.got += batch
        self.queue.taken()
        return True


@given(st.integers(0, 20), st.lists(st.booleans(), max_size=8))
def test_all_is_sent_once_and_in_order_with_a_pause_for_each_try_in_vain(items: int, outages: list[bool]) -> None:
    async def run() -> Receiver:
        receiver = Receiver(outages)
        for item in range(items):
            assert receiver.task.put(item) == 0
        await receiver.task.drain(60.0)
        return receiver

    receiver = asyncio.run(run())
    tried = len(outages) - len(receiver.outages)
    assert receiver.got == list(range(items))
    assert receiver.pauses == [7.0] * sum(outages[:tried])


def test_another_loop_than_the_one_that_put_an_item_can_send_it() -> None:
    receiver = Receiver()

    async def put() -> None:
        receiver.task.put(1)

    asyncio.run(put())
    asyncio.run(receiver.task.drain(60.0))
    assert receiver.got == [1]


async def test_patience_ends_and_keeps_what_nobody_took() -> None:
    receiver = Receiver([True] * 1_000_000)
    receiver.task.put(1)
    for _ in range(5):
        await asyncio.sleep(0)
    await receiver.task.drain(0.0)
    assert (receiver.got, receiver.queue.waiting) == ([], 1)


async def test_a_batch_whose_sending_failed_goes_first_when_the_next_item_comes() -> None:
    receiver, batches = Receiver(), list[list[int]]()

    async def send(batch: Sequence[int]) -> bool:
        batches.append(list(batch))
        if len(batches) == 1:
            raise LookupError
        receiver.queue.taken()
        return True

    task = RetryTask("test", receiver.queue, send, pause=1.0)
    task.put(1)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.put(2)
    await task.drain(60.0)
    assert batches == [[1], [1, 2]]


async def test_what_comes_while_it_drains_is_sent_once_and_by_one_sender() -> None:
    receiver, calls, go_on = Receiver(), list[list[int]](), asyncio.Event()

    async def send(batch: Sequence[int]) -> bool:
        calls.append(list(batch))
        await go_on.wait()
        receiver.queue.taken()
        return True

    task = RetryTask("test", receiver.queue, send, pause=1.0)
    task.put(1)
    await asyncio.sleep(0)
    draining = [asyncio.create_task(task.drain(60.0)) for _ in range(2)]
    await asyncio.sleep(0)
    task.put(2)
    for _ in range(5):
        await asyncio.sleep(0)
    assert calls == [[1]]
    go_on.set()
    await asyncio.gather(*draining)
    assert calls == [[1], [2]]
    assert (receiver.queue.sent, receiver.queue.waiting) == (2, 0)


async def test_draining_raises_what_sending_raises_and_keeps_the_batch() -> None:
    receiver = Receiver()

    async def send(batch: Sequence[int]) -> bool:
        await asyncio.sleep(0)
        raise LookupError

    task = RetryTask("test", receiver.queue, send, pause=1.0)
    task.put(1)
    with pytest.raises(LookupError):
        await task.drain(60.0)
    assert receiver.queue.waiting == 1


def test_another_loop_waits_for_the_sender_of_a_loop_that_runs_and_sends_nothing_twice() -> None:
    receiver, calls, loop = Receiver(), list[list[int]](), asyncio.new_event_loop()
    has_begun, go_on = threading.Event(), asyncio.Event()

    async def send(batch: Sequence[int]) -> bool:
        calls.append(list(batch))
        has_begun.set()
        await go_on.wait()
        receiver.queue.taken()
        return True

    task = RetryTask("test", receiver.queue, send, pause=1.0)
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    loop.call_soon_threadsafe(task.put, 1)
    assert has_begun.wait(60)

    async def drain() -> None:
        draining = asyncio.create_task(task.drain(60.0))
        for _ in range(5):
            await asyncio.sleep(0)
        assert calls == [[1]]
        loop.call_soon_threadsafe(go_on.set)
        await draining

    asyncio.run(drain())
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()
    assert (calls, receiver.queue.waiting) == ([[1]], 0)
