"""Takes an answer back from where it is kept for others, once a guard has refused it to the client it was made for.

An answer is kept when it is there, and looked at when it goes out; of a stream either may come first.

Failure behaviour: none of its own; what takes an answer back begins in the background, and may fail there.
"""

from collections.abc import Callable

Withdraw = Callable[[], None]


class Retraction:
    """Of the answer to one request."""

    def __init__(self) -> None:
        self.is_refused = False
        """Nobody else shall get it."""
        self._kept: list[Withdraw] = []

    def kept(self, withdraw: Withdraw) -> None:
        """It is kept for others; `withdraw` forgets it, and is called at once where it was refused already."""
        if self.is_refused:
            withdraw()
        else:
            self._kept.append(withdraw)

    def refuse(self) -> None:
        """A guard has refused it; again changes nothing."""
        self.is_refused = True
        kept, self._kept = self._kept, []
        for withdraw in kept:
            withdraw()
