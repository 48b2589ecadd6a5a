"""Work over a request, done where nobody else waits for it.

Most requests are looked at in microseconds, less than a thread costs. One of thousands of parts takes tenths of a
second, in which an event loop would answer nobody.

Failure behaviour: what the work raises is raised.
"""

import asyncio
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


async def beside_loop(work: Callable[[], T], *, is_heavy: bool) -> T:
    """What the work gives; it runs in a thread when the request that it looks through is a heavy one."""
    return await asyncio.to_thread(work) if is_heavy else work()
