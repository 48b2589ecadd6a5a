"""What the books, traces and metrics call whom a client asks for, where its name for them is personal data.

A client may put an e-mail address or a name into `user` or into a session's id. Providers get a placeholder, which
stands for somebody else in each conversation; whoever counts by people needs one word for one person, and gets a
keyed hash.

Failure behaviour: pure but for what it remembers; a name that nobody has looked at yet is hashed.
"""

from collections import OrderedDict
from collections.abc import Callable

_REMEMBERED = 20_000


class ShownNames:
    """Which names are shown as they are; all of them until `hide_unless_known`."""

    def __init__(self) -> None:
        self._hashed: Callable[[str], str] | None = None
        self._known: OrderedDict[str, bool] = OrderedDict()
        """What was looked at, and whether it is personal."""

    def hide_unless_known(self, hashed: Callable[[str], str]) -> None:
        """From now on every name is shown by its hash, unless it was looked at and found to be nobody's."""
        self._hashed = hashed

    def note(self, name: str, *, is_personal: bool) -> None:
        """A name was looked at; what one policy found to be personal is so for all, or it would have two words."""
        self._known[name] = self._known.pop(name, False) or is_personal
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)

    def shown(self, name: str) -> str:
        """What it is called where people read."""
        return name if self._hashed is None or self._known.get(name) is False else self._hashed(name)


shown_names = ShownNames()
"""Of this process: one gateway serves in it."""
