"""Who may share an answer with whom: everything about a request but its last question, as one hash.

Two requests look into each other's answers only when their scopes are equal. The scope therefore takes in
*everything* by default, and what does not matter is listed by name (`IMMATERIAL_PARAMS`): a parameter that
nobody here has heard of separates answers instead of mixing them.

Failure behaviour: pure. Raises TypeError when a parameter is no JSON value; the caller then goes on uncached.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

from thriftgate.caching.canonical import digest
from thriftgate.types import Caller, ChatRequest, Message, PromptRef

SCOPE_VERSION = 2
"""Raise it when the meaning of a scope changes: no entry made before will be found again."""

IMMATERIAL_PARAMS = frozenset(
    {
        # who asks and what for: the tenant is taken from the authenticated caller instead
        "user", "metadata", "safety_identifier", "litellm_metadata", "litellm_session_id", "litellm_trace_id",
        # how the answer travels and where it is filed
        "stream", "stream_options", "store", "service_tier", "prompt_cache_key", "prompt_cache_retention",
        # how patient we are
        "timeout", "request_timeout", "num_retries",
        # the client's wishes about this very cache: `eligibility` obeys them
        "cache",
    }
)  # fmt: skip
"""Parameters that change nothing in an answer. All others, known or not, belong to the scope."""

_LARGE = 100_000
_MANY_MESSAGES = 50
_WEIGHT_OF_PARTS = 25_000
"""What a message in parts counts for, in characters: there may be a picture in it."""
_SYSTEM_ROLES = frozenset({"system", "developer"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopeSettings:
    """How an operator wants answers shared; the fields of `CacheConfig` with the same names."""

    tenant: Literal["team", "key", "user"] = "team"
    share: Literal["tenant", "global"] = "tenant"
    history_turns: int | None = None
    """So many of the latest earlier turns must be equal; None: all of them. A turn is a question with its answer."""


@dataclass(frozen=True, slots=True)
class RequestIdentity:
    """What a client sent, as far as it can change an answer; worked out from the body in its own dialect."""

    frame: object
    """All but the question, a JSON value."""
    question: tuple[str, ...]
    """The texts of the question, one a part, exactly as they came."""


@dataclass(frozen=True, slots=True)
class CacheScope:
    """Where a request looks for answers, and what it looks for."""

    scope: str
    """64 hex digits: equal for exactly the requests that may share answers."""
    key: str
    """64 hex digits: the hash of the question character by character, for exact hits."""
    question: str
    """The last text of the last user message, to be embedded; empty when there is none."""
    asked: str
    """All texts of the last user message: what is looked at for times and accounts."""
    has_tenant: bool
    """False when nobody is known to have asked: the scope is then the request's own and matches no other."""
    tenant: float = 0.0
    """A whole number that stands for who shares the answers; 0 when nobody is known, or everybody does."""

    @property
    def flight_key(self) -> str:
        """Names this very question in this very scope, to coalesce concurrent misses."""
        return f"{self.scope}:{self.key}"


def scope_of(
    request: ChatRequest,
    *,
    settings: ScopeSettings,
    prompt: PromptRef | None,
    tiers: Sequence[str],
    embedder: str,
    identity: RequestIdentity | None = None,
) -> CacheScope:
    """Where `request` may look for answers.

    `tiers` names everything that decides which model answers, in order (the tier policy); `embedder` is the
    embedder's fingerprint. `identity` stands for the request's messages and parameters, which are only a view of
    what was sent in another dialect than chat completions. Raises TypeError when the request holds something that is
    no JSON value.
    """
    tenant = tenant_of(request.caller, settings)
    around = [
        tenant if tenant is not None else ["nobody", request.request_id],
        request.route,
        None if prompt is None else [prompt.name, prompt.variant, prompt.version],
        request.prompt_variables,
        list(tiers),
        embedder,
    ]
    if identity is not None:
        # The texts before the last one belong to the scope: no text can wander from one part to another.
        texts = identity.question
        last = next((place for place in reversed(range(len(texts))) if texts[place].strip()), len(texts) - 1)
        question = texts[last] if texts else ""
        others = [None if place == last else text for place, text in enumerate(texts)]
        scope = digest([SCOPE_VERSION, "identity", around, identity.frame, others])
        return CacheScope(scope, digest(question), question, "\n".join(texts), tenant is not None, _number_of(tenant))
    earlier, message, later = _split(request.messages)
    question, asked, shape = _question(message)
    scope = digest(
        [
            SCOPE_VERSION,
            tenant if tenant is not None else ["nobody", request.request_id],
            request.route,
            None if prompt is None else [prompt.name, prompt.variant, prompt.version],
            request.prompt_variables,
            _system(request.messages),
            _window(earlier, settings.history_turns),
            shape,
            later,
            {name: value for name, value in request.params.items() if _matters(name, value)},
            list(tiers),
            embedder,
        ]
    )
    return CacheScope(scope, digest(question), question, asked, tenant is not None, _number_of(tenant))


def is_large(request: ChatRequest) -> bool:
    """Whether hashing the request takes longer than an event loop should wait: half a millisecond or so."""
    size = 0
    for message in request.messages:
        content = message.get("content")
        if isinstance(content, str):
            size += len(content)
        elif content is not None:
            size += _WEIGHT_OF_PARTS
        if size > _LARGE:
            return True
    return len(request.messages) > _MANY_MESSAGES


def tenant_of(caller: Caller, settings: ScopeSettings) -> Sequence[str] | None:
    """Who shares answers with whom; None when the caller is unknown, who then shares with nobody.

    A user is only a user within their team or key: `user_id` may be the client's own claim.
    """
    if settings.share == "global":
        return ["global"]
    home: list[str] = []
    if caller.team_id and settings.tenant != "key":
        home = ["team", caller.team_id]
    elif caller.key_hash:
        home = ["key", caller.key_hash]
    if not home:
        return None
    if settings.tenant == "user":
        # Without a user the key is the tenant: falling back to the team would share more than was asked for.
        # Both: one key may ask for many people.
        people = dict.fromkeys(one for one in (caller.user_id, caller.end_user_id) if one)
        if people:
            return [*home, "user", *people]
        return ["key", caller.key_hash] if caller.key_hash else None
    return home


def _number_of(tenant: Sequence[str] | None) -> float:
    """48 bits of the tenant's hash, which a float holds exactly: it stands beside measured features."""
    return 0.0 if tenant is None or list(tenant) == ["global"] else float(int(digest(tenant)[:12], 16))


def _matters(name: str, value: object) -> bool:
    return name not in IMMATERIAL_PARAMS and value is not None


def _system(messages: Sequence[Message]) -> list[object]:
    """The system messages: those that open the conversation, and the later ones by their distance from its end."""
    opening = 0
    while opening < len(messages) and messages[opening].get("role") in _SYSTEM_ROLES:
        opening += 1
    found: list[object] = [["opening", message] for message in messages[:opening]]
    found.extend(
        [len(messages) - index, message]
        for index, message in enumerate(messages)
        if index >= opening and message.get("role") in _SYSTEM_ROLES
    )
    return found


def _split(messages: Sequence[Message]) -> tuple[list[Message], Message | None, list[Message]]:
    """Before the last user message, that message, and what follows it; system messages left out."""
    spoken = [message for message in messages if message.get("role") not in _SYSTEM_ROLES]
    for index in range(len(spoken) - 1, -1, -1):
        if spoken[index].get("role") == "user":
            return spoken[:index], spoken[index], spoken[index + 1 :]
    return spoken, None, []


def _window(earlier: Sequence[Message], turns: int | None) -> object:
    """The earlier messages that must be equal, and whether the conversation goes further back."""
    if turns is None:
        return ["all", *earlier]
    starts = [index for index, message in enumerate(earlier) if message.get("role") == "user"]
    first = starts[-turns] if 0 < turns <= len(starts) else (0 if turns else len(earlier))
    return ["longer" if first > 0 else "all", *earlier[first:]]


def _question(message: Message | None) -> tuple[str, str, object]:
    """The last text of a user message, all its texts, and all the rest of it with that last text cut out.

    The other texts stay in their places among the parts: they belong to the scope, so that no text can wander from
    one part, or from one side of a picture, to the other.
    """
    if message is None:
        return "", "", None
    rest = {name: value for name, value in message.items() if name != "content"}
    content = message.get("content")
    if isinstance(content, str) or content is None:
        return content or "", content or "", [rest, [["asked", {"type": "text"}]]]
    parts = [_frame(part) for part in cast("Sequence[object]", content)]
    texts = [(place, text) for place, (text, _) in enumerate(parts) if text is not None]
    frames: list[object] = [["part", frame] if text is None else ["text", frame, text] for text, frame in parts]
    if not texts:
        return "", "", [rest, frames]
    place, question = next((one for one in reversed(texts) if one[1].strip()), texts[-1])
    frames[place] = ["asked", parts[place][1]]
    return question, "\n".join(text for _, text in texts), [rest, frames]


def _frame(part: object) -> tuple[str | None, object]:
    """The text of a part, if it is a text, and the part without it."""
    if not isinstance(part, Mapping):
        return None, part
    fields = cast("Mapping[str, Any]", part)
    if fields.get("type") == "text" and isinstance(fields.get("text"), str):
        # cache_control only tells a provider what to keep; it does not change an answer
        return fields["text"], {name: fields[name] for name in fields if name not in ("text", "cache_control")}
    return None, fields
