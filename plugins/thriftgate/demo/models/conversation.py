"""What a conversation asks in the end: the entry behind the last question, seen in the light of those before.

Failure behaviour: pure and total; None when the knowledge base has nothing on it.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from thriftgate.demo.knowledge import Entry, EntryKind, Knowledge
from thriftgate.demo.models.matcher import Matcher
from thriftgate.demo.tokens import IDENTIFIER, content_text

# Below this score a question is about something else. On wordings that the index has never seen the right entries
# score 0.3 and more, questions about other matters up to 0.2 (both asserted in test_demo_engine).
KNOWN_ABOVE = 0.25
_FOLLOW_UP_ABOVE = 0.2
# What leans on the conversation is a follow-up unless another topic is clearly closer.
_CLEARLY_CLOSER = 0.12
_ELLIPSIS = re.compile(
    r"^\W*(?:and|or|but|so|ok(?:ay)?|then|also|what about|how about|what if|even|same|why|since when)\b|"
    r"\b(?:that|this|those|these|them|they|it(?! possible)|then)\b",
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
            if before is not None and (continued := self._continue(before, last)):
                return continued
        return self.find(last)

    def _continue(self, before: Entry, question: str) -> Entry | None:
        """The entry of a question that leans on the one before it; None when it does not."""
        if before.tool and IDENTIFIER.search(question):
            return before
        owners = [entry.id for entry in self._knowledge.related(before.topic, EntryKind.FOLLOW_UP)]
        if not owners:
            return None
        best = self._follow_ups.rank(question, owners)[0]
        by_itself = self._matcher.find(question)
        needed = max(_FOLLOW_UP_ABOVE, by_itself.score - _CLEARLY_CLOSER if by_itself else 0.0)
        return self._knowledge.entries[best.owner] if best.score >= needed else None


def is_elliptical(question: str) -> bool:
    """Whether a question leans on what was said before: short, with an opening like "and" or a pronoun."""
    return len(question.split()) <= _LONGEST_ELLIPSIS and _ELLIPSIS.search(question) is not None
