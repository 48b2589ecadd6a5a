"""What a conversation asks in the end: the entry behind the last question, seen in the light of those before.

Failure behaviour: pure and total; None when the knowledge base has nothing on it.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from thriftgate.demo.knowledge import Entry, EntryKind, Knowledge
from thriftgate.demo.matcher import Matcher
from thriftgate.demo.tokens import content_text

# Below this cosine a question is about something else; measured in test_demo_engine on wordings that the index has
# never seen (the lowest right ones are at about 0.3) and on questions that have no answer.
KNOWN_ABOVE = 0.30
_FOLLOW_UP_ABOVE = 0.18
_ELLIPSIS = re.compile(
    r"\W*(?:and|or|but|so|ok(?:ay)?|then|also|what about|how about|what if|even|same|why|since when|"
    r"(?:does|is|are|do|can|will|which|who|how \w+) (?:\w+ ){0,2}(?:that|this|it|those|these|they|them))\b",
    re.IGNORECASE,
)
_LONGEST_ELLIPSIS = 12


class Comprehension:
    """Understands conversations by a knowledge base; built once, asked often."""

    def __init__(self, knowledge: Knowledge) -> None:
        self._knowledge = knowledge
        by_itself = [entry for entry in knowledge.entries.values() if entry.kind is not EntryKind.FOLLOW_UP]
        self._matcher = Matcher({entry.id: entry.wordings for entry in by_itself})
        follow_ups = knowledge.of_kind(EntryKind.FOLLOW_UP)
        self._follow_ups = Matcher({entry.id: entry.wordings for entry in follow_ups})

    def understand(self, messages: Sequence[Mapping[str, Any]]) -> Entry | None:
        """The entry that the last user message asks for."""
        questions = [content_text(message) for message in messages if message.get("role") == "user"]
        return self._understand(questions)

    def find(self, question: str) -> Entry | None:
        """The entry of a question that stands by itself."""
        match = self._matcher.find(question)
        return self._knowledge.entries[match.owner] if match and match.score >= KNOWN_ABOVE else None

    def _understand(self, questions: Sequence[str]) -> Entry | None:
        if not questions:
            return None
        last = questions[-1]
        if len(questions) > 1 and (is_elliptical(last) or self.find(last) is None):
            before = self._understand(questions[:-1])
            if before and (follow_up := self._find_follow_up(before.topic, last)):
                return follow_up
        return self.find(last)

    def _find_follow_up(self, topic: str, question: str) -> Entry | None:
        owners = [entry.id for entry in self._knowledge.related(topic, EntryKind.FOLLOW_UP)]
        if not owners:
            return None
        best = self._follow_ups.rank(question, owners)[0]
        return self._knowledge.entries[best.owner] if best.score >= _FOLLOW_UP_ABOVE else None


def is_elliptical(question: str) -> bool:
    """Whether a question leans on what was said before: short, and opening like "and", "what about" or "does that"."""
    return len(question.split()) <= _LONGEST_ELLIPSIS and _ELLIPSIS.match(question) is not None
