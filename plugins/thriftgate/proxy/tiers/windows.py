"""Whether a provider says that a conversation does not fit into its model's window.

Each has words of its own for it, which clients cannot be expected to know; LiteLLM knows a dozen of them. What is said
here is read for what is too long (a prompt, input, context) and by what measure, so that a wording nobody has written
down is understood too, and limits on something else (answers, rates, fields, files) are not taken for it.

Failure behaviour: pure and total; linear in the length of what is said.
"""

import re

_LIMIT = r"(?:length|window|size|limit)"
_LONG = re.compile(
    # What has the fault in its name: context_length_exceeded, model_context_window_exceeded, "context overflow".
    rf"context(?:[ _-]?{_LIMIT})?[ _-](?:exceed|overflow)|exceed_context|prompt_tokens_exceeded"
    # A prompt that is too long.
    r"|(?:prompts?|inputs?|messages|conversation|context|input texts?|prompt tokens|input tokens)[ _]"
    r"(?:is |are |was |were )?too[ _](?:long|large|big)\b"
    r"|too (?:long|large|big) for (?:the |this |requested )?(?:model|context)"
    r"|too many (?:input |prompt |total )?tokens|(?:prompt|input)s? (?:has|have) too many"
    r"|(?:reduce|shorten) (?:the (?:length|size) of )?(?:the|your) (?:messages|prompt|input|conversation)"
    # Something beyond a measure of contexts.
    rf"|(?:exceed\w*|over|beyond|longer than|larger than|greater than|more than)\b[^.]{{0,60}}"
    rf"\b(?:context|prompt|sequence)[ _-]?{_LIMIT}"
    rf"|context[ _-]?{_LIMIT}\b[^.]{{0,30}}\bexceed"
    r"|reached (?:the )?context|overflows the context|context the overflows"
    r"|max\w* (?:model |model's )?(?:context|prompt|input|sequence|model)[ _-](?:length|window|limit|size|tokens)"
    r"|(?:configured|available) context size|context[ _]length (?:is|of) only"
    # Tokens of the request beyond a number.
    r"|\b(?:prompt|input|inputs|request|messages?|total)\b[^.]{0,40}\btokens?\b[^.]{0,60}\b"
    r"(?:exceed|(?:longer|larger|greater|more) than|only supports|must be (?:<|less))"
    r"|(?:prompt|input)s?(?: length| size)?\b[^.]{0,20}\bexceed\w* (?:the |its )?(?:max|limit|allowed|model)"
    r"|exceed\w* (?:the )?(?:model'?s? )?(?:max\w* )?(?:input |prompt |total )?tokens? (?:limit|allowed)"
    r"|exceed\w* the max\w* number of (?:input |prompt )?tokens|max tokens of \d+ exceeded|token limit exceeded"
    r"|`inputs`[^.]{0,40}must (?:be|have)|range of input length|expected maxlength|total length too long"
)
"""Of a text in lower case."""
_OTHER = re.compile(
    r"rate.?limit|per (?:minute|second|day|hour)|\b[tr]p[md]\b|throttl|too many requests|quota|please wait"
    r"|(?:completion|output) tokens|per image"
)
"""What is too much of something else."""
_FIELD = re.compile(r"invalid '(?!messages|input\b|prompt\b|instructions)[^']{1,200}'")
"""OpenAI's way to name a field that is no part of the conversation."""
_NO_CONVERSATION = re.compile(r"\b(?:characters?|bytes|[kmg]b|pages|images?|files?|items)\b")
_CONVERSATION = re.compile(r"prompt|context|token")


def is_too_long(said: str, code: str | None = None) -> bool:
    """Whether a provider's words, or its short one for programs, say that a conversation has too many tokens."""
    if code is not None and _LONG.search(code.lower()):
        return True
    words = said.lower()
    if _LONG.search(words) is None or _OTHER.search(words) is not None or is_of_a_field(said):
        return "context_length_exceeded" in words
    return _CONVERSATION.search(words) is not None or _NO_CONVERSATION.search(words) is None


def is_of_a_field(said: str) -> bool:
    """Whether a provider names a field that is no part of the conversation."""
    return _FIELD.search(said.lower()) is not None
