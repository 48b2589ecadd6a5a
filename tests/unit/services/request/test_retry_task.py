"""What waits in a queue is sent behind the requests, in order, however often the other side is away."""

import asyncio
from collections.abc import Sequence

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
