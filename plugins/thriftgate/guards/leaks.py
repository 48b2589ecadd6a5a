"""A system prompt that comes out in an answer: by the operator's canaries, and by runs of words they share.

Failure behaviour: pure and total; linear in both texts.
"""

import re
from collections.abc import Iterator, Sequence

from thriftgate.guards.findings import Finding
from thriftgate.guards.texts.readings import TextReading, literal_readings, plain_form

_WORD = re.compile(r"\w+")
RUN = 8
"""Words that must be the same in the same order to count; phrases of everyday politeness are shorter."""
OF_THE_REQUEST = "words of the system prompt"
"""The rule by which an answer is held beside the request's own system texts."""
_ENOUGH = 12
"""Words in shared runs from which the score is at least one half."""


class PromptLeak:
    """Looks for one request's system texts in what is answered."""

    def __init__(self, prompts: Sequence[str], canaries: Sequence[str] = ()) -> None:
        self._canaries = [form for canary in canaries if (form := plain_form(canary).casefold())]
        self._runs: set[tuple[str, ...]] = set()
        for prompt in prompts:
            words = [match[0] for match in _WORD.finditer(prompt.casefold())]
            self._runs.update(tuple(words[at : at + RUN]) for at in range(len(words) - RUN + 1))

    @property
    def is_idle(self) -> bool:
        """Nothing to look for."""
        return not (self._runs or self._canaries)

    def find(self, text: str) -> Iterator[Finding]:
        """A canary is certain; a run of 12 words scores one half, of 24 or more 1."""
        read = literal_readings(text)
        for reading in read if self._canaries else ():
            folded = reading.text.casefold()
            for canary in self._canaries:
                at = folded.find(canary)
                if at >= 0:
                    yield Finding("system_prompt", "canary", 1.0, *reading.source(at, at + len(canary)))
                    return
        runs = [found for one in read if self._runs and (found := self._shared(one)) is not None]
        if runs:
            yield max(runs, key=lambda one: one.score)

    def _shared(self, reading: TextReading) -> Finding | None:
        """The words of a reading that stand in a system text too, in the same order."""
        words = list(_WORD.finditer(reading.text.casefold()))
        first = last = -1
        shared = 0
        for at in range(len(words) - RUN + 1):
            if tuple(word[0] for word in words[at : at + RUN]) in self._runs:
                shared += 1
                first, last = (at if first < 0 else first), at + RUN - 1
        if not shared:
            return None
        score = min(1.0, (shared + RUN - 1) / (2 * _ENOUGH))
        place = reading.source(words[first].start(), words[last].end())
        return Finding("system_prompt", OF_THE_REQUEST, score, *place)
