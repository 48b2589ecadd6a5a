"""The stage `prompt` of a route: from what a client sent to what the model is asked.

Failure behaviour: InvalidPromptError (400) for what the caller can put right. A prompt that is not in the
registry is a PromptMissingError (500): the configuration check keeps a gateway from starting like that.
"""

from collections.abc import Mapping
from dataclasses import replace

from thriftgate.config.prompts import RoutePromptConfig
from thriftgate.errors import GatewayError, InvalidPromptError
from thriftgate.ports import Clock, PromptSource
from thriftgate.prompts.assignment import assign, is_running
from thriftgate.prompts.registry import Prompt
from thriftgate.prompts.render import converse, render, with_defaults
from thriftgate.prompts.tally import unit_of
from thriftgate.prompts.versions import PromptVersion
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
        applied = replace(
            request,
            messages=converse(rendered, request.messages, client_system=route_prompt.client_system),
            params=with_defaults(request.params, rendered.params),
        )
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
