"""Whether a provider says that a conversation does not fit into its model's window.

Each has words of its own for it, which clients cannot be expected to know; LiteLLM knows a dozen of them. What is said
here is read for what is too long (a prompt, input, context) and by what measure, so that a wording nobody has written
down is understood too, and limits on something else (answers, rates, fields, images, tools) are not taken for it.

Failure behaviour: pure and total; linear in the length of what is said.
"""

import re

_LIMIT = r"(?:length|window|size|limit)"
_WINDOW = re.compile(
    # What has the fault in its name: context_length_exceeded, model_context_window_exceeded, "context overflow".
    rf"context(?:[ _-]?{_LIMIT})?[ _-](?:exceed|overflow)|exceed_context|prompt_tokens_exceeded"
    # Something beyond a measure of contexts.
    rf"|(?:exceed\w*|over|beyond|longer than|larger than|greater than|more than)\b[^.]{{0,60}}"
    rf"\b(?:context|prompt|sequence)[ _-]?{_LIMIT}"
    rf"|context[ _-]?{_LIMIT}\b[^.]{{0,30}}\bexceed"
    r"|reached (?:the )?context|overflows the context|context the overflows"
    rf"|max\w* (?:model |model's )?(?:context|prompt|input|sequence|model)[ _-]{_LIMIT}"
    r"|(?:configured|available) context size|context[ _]length (?:is|of) only"
)
"""Of a text in lower case: the window is named, so that whatever else is named is beside it."""
_CONVERSATION_LONG = re.compile(
    r"(?:prompts?|inputs?|messages|conversation|context|input texts?|prompt tokens|input tokens)[ _]"
    r"(?:is |are |was |were )?too[ _](?:long|large|big)\b"
    r"|(?:reduce|shorten) (?:the (?:length|size) of )?(?:the|your) (?:messages|prompt|input|conversation)"
    r"|(?:input|prompt) tokens exceeded|(?:input|prompt) (?:length|token count)\b.{0,60}\bexceed"
)
"""The conversation itself is called too long."""
_TOKENS = r"(?:tokens\b|token (?:count|length|limit|number))"
_BEYOND_A_NUMBER = re.compile(
    r"too (?:long|large|big) for (?:the |this |requested )?(?:model|context)"
    r"|too many (?:input |prompt |total )?tokens|(?:prompt|input)s? (?:has|have) too many"
    rf"|\b(?:prompt|input|inputs|request|messages?|total)\b[^.]{{0,40}}\b{_TOKENS}[^.]{{0,60}}\b"
    r"(?:exceed|(?:longer|larger|greater|more) than|only supports|must be (?:<|less|at most|no more))"
    r"|\btokens in (?:the |this |your )?(?:request|prompt|messages|input)\b[^.]{0,30}\b(?:exceed|(?:larger|more) than)"
    r"|(?:prompt|input)s?(?: length| size)?\b[^.]{0,20}\bexceed\w* (?:the |its )?(?:max|limit|allowed|model)"
    r"|exceed\w* (?:the )?(?:model'?s? )?(?:max\w* )?(?:input |prompt |total )?tokens? (?:limit|allowed)"
    r"|exceed\w* the max\w* number of (?:input |prompt )?tokens|max tokens of \d+ exceeded|token limit exceeded"
    r"|max\w* (?:model |model's )?(?:context|prompt|input|sequence|model)[ _-]tokens"
    r"|`inputs`[^.]{0,40}must (?:be|have)|range of input length|expected maxlength|total length too long"
)
"""Tokens or a length beyond a number, which may be those of something else."""
_RATE = re.compile(
    r"rate.?limit|per (?:min|sec|day|hour|month)|\b[tr]p[md]\b|throttl|too many requests|quota|please wait"
    r"|\b(?:billing|period|daily|weekly|monthly|your (?:current )?plan|credits)\b"
)
"""How much may be asked in a time."""
_OTHER_TOKENS = re.compile(r"\b(?:completion|output) tokens|budget_tokens|logit_bias|per image")
"""What of a request has tokens of its own; a window that is named speaks of all of them."""
_PLACE = (
    r"(?:messages|input|prompt|instructions|system)\b(?:[^'\s]{0,200}\b(?:content|text|input|output|arguments))?"
    r"(?:[\[.]\d{1,9}\]?)?"
)
"""Where OpenAI says that a text of the conversation stands."""
_TEXT = re.compile(rf"invalid '{_PLACE}': string too long|string too long in '{_PLACE}'")
_FIELD = re.compile(
    rf"(?:invalid|string too long in) '(?!{_PLACE}')[^']{{1,200}}'"
    r"|(?<![\w/])#/(?:(?!(?:prompt|messages|system|inputs?|inputtext|texts?)\b)[^\s:]{1,200}: "
    r"|[^\s:]{0,200}(?:tool|/name\b|/id\b))"
)
"""OpenAI's and Bedrock's ways to name a field that is no part of the conversation."""
_ROOM = re.compile(
    r"\bmax_?(?:new_?|completion_?|output_?)?tokens\b[^.+]{0,40}"
    r"\b(?:(?:too|is) (?:long|large|big|high)|(?:larger|greater|longer|higher|more) than|exceed|must be)"
)
"""A client asks for a longer answer than there can be: with a shorter conversation it would not be any other."""
_ITS_OWN = re.compile(r"\b(?:prompt|input|message)s\b|\b(?:prompt|input|conversation)\b|\b(?:prompt|input)_tokens\b")
"""A part of what was said besides."""
_NO_CONVERSATION = re.compile(r"\b(?:characters?|bytes|[kmg]b|images?|audio|videos?|files?|pages|items)\b")
_NO_PROMPT = re.compile(
    r"\b(?:images?|audio|videos?|files?|pages|items|tools?|tool(?:config|spec|use)|durations?|pixels|dimensions?|blocks)\b"
)
"""What a prompt has a number of; characters are what it is made of."""
_CONVERSATION = re.compile(r"prompt|context|token")


def is_too_long(said: str, code: str | None = None, *, is_servers_fault: bool = False) -> bool:
    """Whether a provider's words, or its short one for programs, say that a conversation has too many tokens.

    Words beside a status of a server's own fault have to name the window or the conversation: numbers are of anything.
    """
    if code is not None and any(said_so.search(code.lower()) for said_so in (_WINDOW, _CONVERSATION_LONG)):
        return True
    words = said.lower()
    if "context_length_exceeded" in words:
        return True
    if is_of_a_field(said):
        return False
    if _WINDOW.search(words) is not None or _TEXT.search(words) is not None:
        return _is_of_a_conversation(words)
    if _RATE.search(words) is not None:
        return False
    if _CONVERSATION_LONG.search(words) is not None:
        return _is_of_a_conversation(words)
    if is_servers_fault or _BEYOND_A_NUMBER.search(words) is None or _OTHER_TOKENS.search(words) is not None:
        return False
    return "token" in words or (_NO_PROMPT.search(words) is None and _is_of_a_conversation(words))


def _is_of_a_conversation(words: str) -> bool:
    return _CONVERSATION.search(words) is not None or _NO_CONVERSATION.search(words) is None


def is_of_a_field(said: str) -> bool:
    """Whether a provider names a field that is no part of the conversation."""
    words = said.lower()
    return _FIELD.search(words) is not None or (_ROOM.search(words) is not None and _ITS_OWN.search(words) is None)
