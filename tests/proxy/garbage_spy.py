"""Tells what requests left in circles, which only the collector finds; copied beside the config.

SIGUSR1 clears what there is and lets garbage gather from then on; SIGUSR2 writes down what lies in circles.
"""

import gc
import json
import os
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from litellm.integrations.custom_logger import CustomLogger

_TOLD = Path(os.environ["THRIFTGATE_TEST_SPEND"]).with_name("garbage.json")


def _gather(number: int, frame: object) -> None:
    gc.collect()
    gc.disable()
    _TOLD.with_suffix(".gathering").touch()


def _tell(number: int, frame: object) -> None:
    gc.set_debug(gc.DEBUG_SAVEALL)
    gc.collect()
    gc.set_debug(0)
    found = [
        [f"{n} {name}" for name, n in sorted(Counter(map(_name, circle)).items())] for circle in _circles(gc.garbage)
    ]
    gc.garbage.clear()
    gc.enable()
    written = _TOLD.with_suffix(".new")
    written.write_text(json.dumps(found))
    written.replace(_TOLD)


def _name(thing: object) -> str:
    code = next(
        (c for a in ("__code__", "cr_code", "gi_code", "ag_code", "f_code") if (c := getattr(thing, a, None))), None
    )
    if code is not None:
        package = code.co_filename.rpartition("site-packages/")[2].rpartition("plugins/")[2]
        return f"{type(thing).__name__} {package}:{code.co_qualname}"
    return f"{type(thing).__module__}.{type(thing).__qualname__}"


def _circles(things: list[object]) -> list[list[object]]:
    """Whatever can be reached from itself, by Kosaraju (Sharir, 1981), without recursion."""
    at = {id(thing): thing for thing in things}
    forth = {here: [id(other) for other in gc.get_referents(thing) if id(other) in at] for here, thing in at.items()}
    back: dict[int, list[int]] = {here: [] for here in at}
    for here, others in forth.items():
        for other in others:
            back[other].append(here)
    seen: set[int] = set()
    order = [here for start in forth for here in _reached(forth, start, seen)]
    seen = set()
    groups = [list(_reached(back, start, seen)) for start in reversed(order)]
    return [
        [at[here] for here in group] for group in groups if len(group) > 1 or (group and group[0] in forth[group[0]])
    ]


def _reached(graph: dict[int, list[int]], start: int, seen: set[int]) -> Iterator[int]:
    """Whatever was not seen yet and can be reached, each after what it leads to."""
    if start in seen:
        return
    seen.add(start)
    way = [(start, iter(graph[start]))]
    while way:
        here, others = way[-1]
        following = next((other for other in others if other not in seen), None)
        if following is None:
            way.pop()
            yield here
        else:
            seen.add(following)
            way.append((following, iter(graph[following])))


_TOLD.with_suffix(".pid").write_text(str(os.getpid()))
signal.signal(signal.SIGUSR1, _gather)
signal.signal(signal.SIGUSR2, _tell)


class GarbageSpy(CustomLogger):
    """Nothing but a reason for LiteLLM to import this module."""


spy = GarbageSpy()
