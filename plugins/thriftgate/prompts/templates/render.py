"""Puts values into a prompt, and a prompt before a conversation.

Failure behaviour: raises InvalidPromptError (400) naming prompt, file, line and variable; never a value.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from thriftgate.errors import InvalidPromptError
from thriftgate.prompts.parse import SYSTEM_ROLES
from thriftgate.prompts.templates.sandbox import DEFAULT_LIMITS, Limits, Meter, TemplateRenderError
from thriftgate.prompts.templates.variables import bind
from thriftgate.prompts.versions import PromptVersion
from thriftgate.types import Message

ClientSystem = Literal["keep", "reject", "replace"]
"""What becomes of system messages that clients send: kept after ours, refused, or replaced by ours."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """A prompt with its values: messages, and parameters for the model."""

    messages: tuple[Message, ...]
    params: Mapping[str, Any]
    leading: int
    """How many system messages stand at the beginning; the caller's own follow them."""
    conversation_at: int
    """The caller's messages are put before the message of this index."""


def render(
    version: PromptVersion,
    variables: Mapping[str, Any],
    *,
    also_known: Collection[str] = (),
    limits: Limits = DEFAULT_LIMITS,
) -> Rendered:
    """The messages of `version` with `variables` put in.

    Args:
        version: What to render.
        variables: Values by name; each is data, whatever it looks like.
        also_known: Names that are accepted and not used: variables of the prompt's other variants.
        limits: Output and work that the whole prompt may use.

    Raises:
        InvalidPromptError: A variable is unknown, missing or unfit, or the text becomes too long.
    """
    values = bind(version.prompt, version.variables, variables, also_known=also_known)
    meter = Meter(limits)
    messages: list[Message] = []
    for message in version.messages:
        try:
            text = meter.render(message.template, message.source, values)
        except TemplateRenderError as error:
            raise InvalidPromptError(
                f"prompt '{version.prompt}' cannot be rendered: {error}", code="prompt_not_renderable"
            ) from None
        messages.append({"role": message.role, "content": text})
    return Rendered(tuple(messages), version.params, version.leading, version.conversation_at)


def converse(
    rendered: Rendered, conversation: Sequence[Message], *, client_system: ClientSystem
) -> tuple[Message, ...]:
    """The whole conversation: the prompt's messages, and the caller's in their place.

    Raises InvalidPromptError when the caller sent a system message that the route refuses, or when nobody
    says anything to the model.
    """
    theirs = list(conversation)
    is_system = [message.get("role") in SYSTEM_ROLES for message in theirs]
    if client_system == "reject" and any(is_system):
        raise InvalidPromptError(
            "this route has its own system message and takes none from callers",
            code="system_message_not_allowed",
            param=f"messages.{is_system.index(True)}.role",
        )
    if client_system == "replace":
        theirs = [message for message, system in zip(theirs, is_system, strict=True) if not system]
    # The caller's first system messages follow ours directly: some providers take them only at the beginning.
    first = next((i for i, message in enumerate(theirs) if message.get("role") not in SYSTEM_ROLES), len(theirs))
    ours, at = rendered.messages, rendered.conversation_at
    whole = (*ours[: rendered.leading], *theirs[:first], *ours[rendered.leading : at], *theirs[first:], *ours[at:])
    if all(message.get("role") in SYSTEM_ROLES for message in whole):
        raise InvalidPromptError("there is no message to answer: send `messages`", code="no_messages", param="messages")
    return whole


_ALIASES = ({"max_tokens", "max_completion_tokens"},)


def with_defaults(params: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """The caller's parameters, and the prompt's where the caller set none.

    `max_tokens` and `max_completion_tokens` say the same thing: setting one keeps the prompt from setting the other.
    """
    given = {name for name, value in params.items() if value is not None}
    for aliases in _ALIASES:
        if given & aliases:
            given |= aliases
    return {**params, **{name: value for name, value in defaults.items() if name not in given}}
