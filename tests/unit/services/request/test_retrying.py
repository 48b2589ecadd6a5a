"""What waits is neither lost nor sent twice, whatever the other side does with it."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from thriftgate.services.request.retrying import RetryQueue

POISON = 13


def queue_of(items: Sequence[int], *, max_items: int = 100, batch_items: int = 8) -> RetryQueue[int]:
    queue = RetryQueue[int](max_items=max_items, batch_items=batch_items)
    for item in items:
        queue.put(item)
    return queue


def emptied(queue: RetryQueue[int], outages: Sequence[bool] = ()) -> list[int]:
    """What arrives at a server that takes no batch with a poisoned item in it, and is away at times."""
    arrived, away = list[int](), iter(outages)
    while batch := queue.take():
        if next(away, False):
            queue.away()
        elif POISON in batch:
            queue.refused()
        else:
            arrived += batch
            queue.taken()
    return arrived


@given(st.lists(st.integers(0, 20), max_size=60), st.lists(st.booleans(), max_size=20), st.integers(1, 9))
def test_every_item_arrives_once_and_in_order_and_only_what_is_at_fault_is_lost(
    items: list[int], outages: list[bool], batch: int
) -> None:
    queue = queue_of(items, batch_items=batch)
    assert emptied(queue, outages) == [item for item in items if item != POISON]
    assert (queue.rejected, queue.dropped, queue.waiting) == (items.count(POISON), 0, 0)


@given(st.lists(st.integers(0, 12), max_size=60), st.integers(1, 20))
def test_for_want_of_room_the_oldest_go_and_are_counted(items: list[int], room: int) -> None:
    queue = queue_of(items, max_items=room)
    assert emptied(queue) == items[-room:]
    assert queue.dropped == max(0, len(items) - room)


def test_what_comes_back_makes_no_room_for_itself() -> None:
    queue = queue_of([1, 2, 3], max_items=3)
    assert queue.take() == [1, 2, 3]
    queue.put(4)
    queue.away()
    assert queue.take() == [2, 3, 4]
    assert queue.dropped == 1


def test_some_of_a_batch_may_go_again() -> None:
    queue = queue_of([1, 2, 3, 4, 5], batch_items=4)
    batch = queue.take()
    queue.taken(rejected=1, again=batch[1:3])
    assert (queue.sent, queue.rejected) == (1, 1)
    assert queue.take() == [2, 3, 5]


def test_a_batch_whose_sender_was_stopped_is_taken_once_more() -> None:
    queue = queue_of([1, 2, 3], batch_items=2)
    assert queue.take() == [1, 2]
    assert queue.take() == [1, 2]
    assert queue.waiting == 3


@given(st.lists(st.integers(1, 9), max_size=40), st.integers(1, 30), st.integers(1, 12))
def test_neither_what_waits_nor_a_batch_has_more_bytes_than_it_may(sizes: list[int], most: int, batch: int) -> None:
    queue = RetryQueue[int](max_items=100, batch_items=50, max_bytes=most, batch_bytes=batch, size_of=lambda item: item)
    for size in sizes:
        queue.put(size)
        assert queue.waiting_bytes <= most
    while taken := queue.take():
        assert len(taken) == 1 or sum(taken) <= batch
        queue.taken()
    assert queue.waiting_bytes == 0
