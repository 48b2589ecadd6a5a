"""The stage `prompt` of a route: from what a client sent to what the model is asked.

Failure behaviour: InvalidPromptError (400) for what the caller can put right. A prompt that is not in the
registry is a PromptMissingError (500): the configuration check keeps a gateway from starting like that.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from thriftgate.config.sections.prompts import RoutePromptConfig
from thriftgate.errors import GatewayError, InvalidPromptError
from thriftgate.ports import Clock, PromptSource
from thriftgate.prompts.experiments.assignment import assign, is_running
from thriftgate.prompts.experiments.tally import unit_of
from thriftgate.prompts.registry import Prompt
from thriftgate.prompts.templates.render import Rendered, converse, render, with_defaults
from thriftgate.prompts.versions import PromptVersion
from thriftgate.services.request.reading import view_of, with_body
from thriftgate.types import ChatRequest, PromptRef

Stops = Mapping[str, frozenset[str]]
"""Variants that guards have stopped, by `prompt/experiment`."""


class PromptMissingError(GatewayError):
    """A route names a prompt or label that the registry does not have."""


class PromptService:
    """Gives requests their route's prompt, in the variant that is the caller's."""

    def __init__(self, source: PromptSource, clock: Clock) -> None:
        self._source = source
        self._clock = clock
        self.stops: Stops = {}
        """Replaced whole by whoever watches the guards."""

    def apply(self, request: ChatRequest, route_prompt: RoutePromptConfig) -> tuple[ChatRequest, PromptRef]:
        """The request as the model gets it, and which prompt that is.

        The prompt's messages stand around the caller's; its parameters hold where the caller set none.

        Raises:
            InvalidPromptError: A variable is unknown, missing or unfit, a system message is not allowed, or
                `prompt_id` names another prompt or no version of it.
            PromptMissingError: The registry has no such prompt.
        """
        prompt = self._source.snapshot().prompts.get(route_prompt.name)
        if prompt is None:
            raise PromptMissingError(f"route '{request.route}': there is no prompt '{route_prompt.name}'")
        version, variant, experiment = self._choose(prompt, request, route_prompt)
        rendered = render(version, request.prompt_variables, also_known=prompt.variable_names)
        applied = _applied(request, rendered, route_prompt)
        ref = PromptRef(name=prompt.name, variant=variant, version=version.hash, experiment=experiment)
        return applied, ref

    def versions_of(self, name: str) -> frozenset[str]:
        """The content hash of every version that could be served now; empty when there is no such prompt."""
        prompt = self._source.snapshot().prompts.get(name)
        if prompt is None:
            return frozenset()
        return frozenset(version.hash for version in (*prompt.variants.values(), *prompt.versions.values()))

    def _choose(
        self, prompt: Prompt, request: ChatRequest, route_prompt: RoutePromptConfig
    ) -> tuple[PromptVersion, str, str | None]:
        """The version, what it is called in the ledger, and the experiment it belongs to."""
        if request.prompt_id:
            wanted = _wanted(prompt, request.prompt_id, route=request.route)
            if wanted is not None:
                return wanted, wanted.variant, None
        now = self._clock.time()
        for name, experiment in prompt.experiments.items() if route_prompt.experiments else ():
            if not is_running(experiment, now):
                continue
            stopped = self.stops.get(f"{prompt.name}/{name}", frozenset())
            unit_id = unit_of(experiment, request.caller, request.request_id)
            assignment = assign(experiment, unit_id, now, prompt=prompt.name, name=name, stopped=stopped)
            version = prompt.resolve(assignment.variant) if assignment.variant is not None else None
            if version is not None and assignment.variant is not None:
                return version, assignment.variant, name
        version = prompt.resolve(route_prompt.label)
        if version is None:
            raise PromptMissingError(
                f"route '{request.route}': prompt '{prompt.name}' has nothing labelled '{route_prompt.label}'"
            )
        return version, version.variant, None


def _applied(request: ChatRequest, rendered: Rendered, route_prompt: RoutePromptConfig) -> ChatRequest:
    """The request with the prompt around its conversation, in its own dialect."""
    # Refuses what the route takes from nobody, in every dialect alike.
    whole = converse(rendered, request.messages, client_system=route_prompt.client_system)
    params = with_defaults(request.params, rendered.params)
    if request.body is None:
        return replace(request, messages=whole, params=params)
    view = view_of(request)
    at, messages = rendered.conversation_at, rendered.messages
    body = view.with_prompt(messages[:at], messages[at:], keep_system=route_prompt.client_system != "replace")
    ours = {name: value for name, value in params.items() if name not in request.params}
    added = {name: value for name, value in _in_dialect(request.dialect, ours).items() if body.get(name) is None}
    return replace(with_body(request, {**body, **added}), added=request.added | frozenset(added))


_NAMES: Mapping[str, Mapping[str, str]] = {
    "chat": {},
    "messages": {"max_completion_tokens": "max_tokens", "stop": "stop_sequences"},
    "responses": {"max_tokens": "max_output_tokens", "max_completion_tokens": "max_output_tokens"},
}
"""What a prompt's parameters, written in OpenAI's chat names, are called in each dialect."""
_KNOWN: Mapping[str, frozenset[str]] = {
    "messages": frozenset({"max_tokens", "stop_sequences", "temperature", "top_p", "top_k"}),
    "responses": frozenset({"max_output_tokens", "temperature", "top_p"}),
}


def _in_dialect(dialect: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
    """A prompt's parameters by the dialect's names; those it has no name for stay out, as they are ours."""
    named = {_NAMES[dialect].get(name, name): value for name, value in params.items()}
    known = _KNOWN.get(dialect)
    return named if known is None else {name: value for name, value in named.items() if name in known}


def _wanted(prompt: Prompt, prompt_id: str, *, route: str) -> PromptVersion | None:
    """The version that a client asks for by `name/reference`; None for the name alone: what the route serves."""
    name, _, reference = prompt_id.partition("/")
    if name != prompt.name:
        raise InvalidPromptError(f"route '{route}' serves the prompt '{prompt.name}' and no other", param="prompt_id")
    if not reference:
        return None
    version = prompt.resolve(reference)
    if version is None:
        known = ", ".join(sorted({*prompt.labels, *prompt.variants, *prompt.versions}))
        raise InvalidPromptError(f"prompt '{prompt.name}' has no such version; it has {known}", param="prompt_id")
    return version
