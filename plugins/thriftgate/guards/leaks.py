"""A system prompt that comes out in an answer: by the operator's canaries, and by runs of words they share.

Failure behaviour: pure and total; linear in both texts.
"""

import re
from collections.abc import Iterator, Sequence

from thriftgate.guards.findings import Finding
from thriftgate.guards.texts.readings import TextReading, literal_readings, plain_form

_WORD = re.compile(r"\w+")
_NO_LETTER = re.compile(r"[\W_]+")
_LETTERS = 8
"""A canary of fewer letters and digits is not looked for where signs stand between them."""
RUN = 8
"""Words that must be the same in the same order to count; phrases of everyday politeness are shorter."""
OF_THE_REQUEST = "words of the system prompt"
"""The rule by which an answer is held beside all system texts of the request, which its client wrote too."""
OF_THE_ROUTE = "words of the route's prompt"
"""The rule where the operator's own texts are enough: no client has a say in these."""
_ENOUGH = 12
"""Words in shared runs from which the score is at least one half."""


_Runs = frozenset[tuple[str, ...]]


def _runs_of(texts: Sequence[str]) -> _Runs:
    """Every run of words in them."""
    found: set[tuple[str, ...]] = set()
    for text in texts:
        words = [match[0] for match in _WORD.finditer(text.casefold())]
        found.update(tuple(words[at : at + RUN]) for at in range(len(words) - RUN + 1))
    return frozenset(found)


class PromptLeak:
    """Looks for one request's system texts in what is answered."""

    def __init__(self, prompts: Sequence[str], canaries: Sequence[str] = (), *, own: Sequence[str] = ()) -> None:
        """`own` are the operator's texts, `prompts` those of the client."""
        self._canaries = [form for canary in canaries if (form := plain_form(canary).casefold())]
        self._spelled = [form for canary in self._canaries if len(form := _NO_LETTER.sub("", canary)) >= _LETTERS]
        self._own = _runs_of(own)
        self._runs = self._own | _runs_of(prompts)

    @property
    def is_idle(self) -> bool:
        """Nothing to look for."""
        return not (self._runs or self._canaries)

    def find(self, text: str) -> Iterator[Finding]:
        """A canary is certain; a run of 12 words scores one half, of 24 or more 1."""
        read = literal_readings(text)
        canary = next((found for one in read if (found := self._canary_in(one)) is not None), None)
        if canary is not None:
            yield canary
            return
        both = self._strongest(read, self._runs, OF_THE_REQUEST)
        own = self._strongest(read, self._own, OF_THE_ROUTE) if both is not None else None
        if own is not None:
            yield own
        if both is not None and (own is None or both.score > own.score):
            yield both

    def _canary_in(self, reading: TextReading) -> Finding | None:
        """A canary as it stands, or spelled with other signs between its letters and digits."""
        folded = reading.text.casefold()
        for canary in self._canaries:
            at = folded.find(canary)
            if at >= 0:
                return Finding("system_prompt", "canary", 1.0, *reading.source(at, at + len(canary)))
        letters = _NO_LETTER.sub("", folded) if self._spelled else ""
        for canary in self._spelled:
            at = letters.find(canary)
            if at >= 0:
                first, last = at, at + len(canary) - 1
                places = [place for place, sign in enumerate(folded) if not _NO_LETTER.match(sign)]
                return Finding("system_prompt", "canary", 1.0, *reading.source(places[first], places[last] + 1))
        return None

    def _strongest(self, read: Sequence[TextReading], runs: _Runs, rule: str) -> Finding | None:
        found = [one for each in read if runs and (one := self._shared(each, runs, rule)) is not None]
        return max(found, key=lambda one: one.score, default=None)

    def _shared(self, reading: TextReading, runs: _Runs, rule: str) -> Finding | None:
        """The words of a reading that stand in one of these texts too, in the same order."""
        words = list(_WORD.finditer(reading.text.casefold()))
        first = last = -1
        shared = 0
        for at in range(len(words) - RUN + 1):
            if tuple(word[0] for word in words[at : at + RUN]) in runs:
                shared += 1
                first, last = (at if first < 0 else first), at + RUN - 1
        if not shared:
            return None
        score = min(1.0, (shared + RUN - 1) / (2 * _ENOUGH))
        place = reading.source(words[first].start(), words[last].end())
        return Finding("system_prompt", rule, score, *place)
