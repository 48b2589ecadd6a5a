"""What makes two requests the same: everything the client sent, but for a short list of what changes no answer.

The material is the body itself with the question's texts cut out of their places. It is injective: from the frame,
the places and the texts the body could be put together again, but for what is listed as immaterial. A field that
nobody here has heard of separates answers instead of mixing them.

Failure behaviour: pure; `pattern` raises ValueError for what is no pattern.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from thriftgate.wire.paths import Path, at, removed, replaced, spelled
from thriftgate.wire.request import RequestView
from thriftgate.wire.shapes import Body, items, mapping
from thriftgate.wire.turns import Dialect, Turn

_EVERY_DIALECT = frozenset(
    {
        "model",  # the route's name; the scope has the route itself, so that an alias is the same
        "stream", "stream_options",  # how the answer travels
        "user", "metadata", "safety_identifier",  # who asks; the tenant is the authenticated caller
        "service_tier", "prompt_cache_key", "prompt_cache_retention", "prompt_cache_options",  # price and speed
        # LiteLLM's own
        "litellm_metadata", "litellm_session_id", "litellm_trace_id", "litellm_call_id", "timeout", "request_timeout",
        "num_retries", "max_retries", "cache", "tags", "guardrails",
        "prompt_variables", "prompt_id",  # the scope has the prompt's version and its variables
    }
)  # fmt: skip
IMMATERIAL_FIELDS: Mapping[Dialect, frozenset[str]] = {
    Dialect.CHAT: _EVERY_DIALECT | {"store"},
    Dialect.MESSAGES: _EVERY_DIALECT,
    Dialect.RESPONSES: _EVERY_DIALECT | {"store"},
}
"""Top-level fields that change nothing in an answer. A field whose value is null counts as absent."""
MATERIAL_HEADERS = ("anthropic-beta", "anthropic-version", "openai-beta")
"""Headers that change how a body is understood."""
_MARKS = (
    "cache_control", "system[*].cache_control", "tools[*].cache_control", "messages[*].cache_control",
    "messages[*].content[*].cache_control", "messages[*].content[*].content[*].cache_control",
)  # fmt: skip
"""Only tells a provider what to keep; never looked for inside tool arguments or schemas, where it is content."""


class Uncacheable(StrEnum):
    """Why an answer to a request is no answer to another one, however equal."""

    PREVIOUS_RESPONSE = "refers to an earlier response"
    CONVERSATION = "belongs to a stored conversation"
    CONTAINER = "runs in a container"
    FILE = "names a file by its id"
    URL = "names content by its address"
    AUDIO = "refers to earlier audio"
    PROMPT_TEMPLATE = "uses a prompt stored at the provider"
    ITEM = "refers to a stored item"
    BACKGROUND = "is answered in the background"
    SERVER_TOOL = "lets the provider run tools"


_REASONS = {
    "previous_response": Uncacheable.PREVIOUS_RESPONSE, "conversation": Uncacheable.CONVERSATION,
    "container": Uncacheable.CONTAINER, "file": Uncacheable.FILE, "url": Uncacheable.URL, "audio": Uncacheable.AUDIO,
    "prompt_template": Uncacheable.PROMPT_TEMPLATE, "item": Uncacheable.ITEM, "background": Uncacheable.BACKGROUND,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Pattern:
    """A set of places: keys, `[3]`, `[*]` for each item of a list, `*` for each key."""

    steps: tuple[str | int, ...]
    line_prefix: str | None = None
    """Only lines of the text there that begin so are immaterial; None: the whole value is."""


def pattern(written: str) -> Pattern:
    """A pattern from an operator's words: `system[*].cache_control`, or `system[*].text ^ x-billing-header:`.

    What follows `^` is the beginning of lines that are left out of the text. Raises ValueError.
    """
    place, mark, prefix = written.partition("^")
    steps: list[str | int] = []
    for name in place.strip().split("."):
        key, *positions = name.replace("]", "").split("[")
        if not key or any(not (position == "*" or position.isdecimal()) for position in positions):
            raise ValueError(f"'{written}' is no place: write names and [*], as in system[*].cache_control")
        steps += [key, *("[*]" if position == "*" else int(position) for position in positions)]
    if mark and not prefix.strip():
        raise ValueError(f"'{written}': after ^ stands the beginning of the lines to leave out")
    return Pattern(tuple(steps), prefix.strip() if mark else None)


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityRules:
    """What an operator says about identity."""

    immaterial: tuple[Pattern, ...] = ()
    """Places that change no answer, besides those that we know."""
    urls_are_stable: bool = False
    """What an image's or document's address shows never changes, so that the address is its identity."""
    max_tokens_apart: bool = False
    """`max_tokens` is no part of the frame; whoever serves an answer compares it with `Identity.max_tokens`."""
    history_turns: int | None = None
    """So many of the latest earlier turns must be equal; None: all. A turn is a question with its answer."""


@dataclass(frozen=True, slots=True)
class BodyIdentity:
    """What a cache keys by. `frame` and `question` are JSON values, to be hashed by an injective encoding."""

    frame: Any
    """All but the question: equal frames may share answers to equal (or alike) questions."""
    question: tuple[str, ...]
    """The texts of the question, one a part, exactly as they came."""
    uncacheable: tuple[tuple[Uncacheable, str], ...]
    """Reasons not to cache at all, each with the path it stands at; empty when there is none."""
    max_tokens: int | None
    """The client's limit of the answer's length."""


def identity(view: RequestView, rules: IdentityRules | None = None) -> BodyIdentity:
    """What the request is, for a cache. The body must be within `bounded`."""
    rules = rules or IdentityRules()
    uncacheable = tuple(_uncacheable(view, rules))
    view, is_longer = _recent(view, rules.history_turns)
    body: Any = view.body
    questions = [part for part in view.question_parts if part.text_path is not None]
    places: dict[Path, str] = {part.text_path: "" for part in questions if part.text_path is not None}
    body = replaced(_without_immaterial(view, rules), places)
    frame = [
        view.dialect.value,
        body,
        [[*path] for path in places],
        "longer" if is_longer else "all",
        sorted([name, view.headers[name]] for name in MATERIAL_HEADERS if view.headers.get(name)),
    ]
    texts = tuple(part.text for part in questions)
    return BodyIdentity(frame, texts, uncacheable, view.max_tokens)


def _uncacheable(view: RequestView, rules: IdentityRules) -> Iterable[tuple[Uncacheable, str]]:
    for reference in view.state_references:
        reason = _REASONS.get(reference.kind)
        if reason is not None and not (reason is Uncacheable.URL and rules.urls_are_stable):
            yield reason, spelled(reference.path)
    for tool in view.tools:
        if tool.is_server:
            yield Uncacheable.SERVER_TOOL, spelled(tool.path)


def _recent(view: RequestView, turns: int | None) -> tuple[RequestView, bool]:
    """The request with only so many earlier turns, and whether any were left out."""
    question = view.question_turn
    if turns is None or question is None:
        return view, False
    spoken = [turn for turn in view.turns if turn.role != "system"]
    earlier = spoken[: spoken.index(question)]
    starts = [place for place, turn in enumerate(earlier) if turn.role == "user"]
    first = starts[-turns] if 0 < turns <= len(starts) else (0 if turns else len(earlier))
    gone: list[Turn] = earlier[:first]
    return (view.reread(view.without_turns(gone)), True) if gone else (view, False)


def _without_immaterial(view: RequestView, rules: IdentityRules) -> Body:
    listed = IMMATERIAL_FIELDS[view.dialect]
    if rules.max_tokens_apart:
        listed = listed | frozenset(view.max_tokens_names)
    body: Body = {name: value for name, value in view.body.items() if name not in listed and value is not None}
    gone: list[Path] = []
    lines: dict[Path, str] = {}
    for rule in (*(_DEFAULTS if view.dialect is not Dialect.RESPONSES else ()), *rules.immaterial):
        for path in places_of(body, rule.steps):
            if rule.line_prefix is None:
                gone.append(path)
            else:
                words: object = lines.get(path, at(body, path))
                if isinstance(words, str):
                    lines[path] = _without_lines(words, rule.line_prefix)
    return removed(replaced(body, lines), gone)


def places_of(body: object, steps: tuple[str | int, ...]) -> list[Path]:
    """The paths in the body that fit the steps."""
    found: list[tuple[Path, Any]] = [((), body)]
    for step in steps:
        found = [(((*path, key)), inner) for path, value in found for key, inner in _inner(value, step)]
    return [path for path, _ in found]


def _inner(value: Any, step: str | int) -> Iterable[tuple[str | int, Any]]:
    if isinstance(step, int):
        return [(step, items(value)[step])] if step < len(items(value)) else ()
    if step == "[*]":
        return enumerate(items(value))
    fields = mapping(value)
    if step == "*":
        return fields.items()
    return [(step, fields[step])] if step in fields else ()


def _without_lines(words: str, prefix: str) -> str:
    kept = [line for line in words.split("\n") if not line.lstrip().startswith(prefix)]
    return "\n".join(kept)


_DEFAULTS = tuple(pattern(mark) for mark in _MARKS)
