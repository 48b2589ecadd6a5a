"""Takes an answer back from where it is kept for others, once a guard has refused it to the client it was made for.

An answer is kept when it is there, and looked at when it goes out; of a stream either may come first.

Failure behaviour: none of its own; what takes an answer back waits in a line of its own (`cache/withdrawing`).
"""

from collections.abc import Callable

Withdraw = Callable[[], None]


class Retraction:
    """Of the answer to one request."""

    def __init__(self) -> None:
        self.is_refused = False
        """Nobody else shall get it."""
        self._kept: list[Withdraw] = []
        self._found: list[Withdraw] = []

    def kept(self, withdraw: Withdraw) -> None:
        """It is kept for others; `withdraw` forgets it, and is called at once where it was refused already."""
        if self.is_refused:
            withdraw()
        else:
            self._kept.append(withdraw)

    def found(self, withdraw: Withdraw) -> None:
        """It was kept before, by whoever asked first; `withdraw` forgets it."""
        self._found.append(withdraw)

    def refuse(self, *, for_all: bool) -> None:
        """A guard has refused it; again changes nothing.

        `for_all`: for what it says alone. Where what this asker said is the reason as well, others go on getting what
        was found: whoever could have it forgotten would make them pay.
        """
        self.is_refused = True
        kept, self._kept = self._kept, []
        if for_all:
            kept, self._found = [*kept, *self._found], []
        for withdraw in kept:
            withdraw()
