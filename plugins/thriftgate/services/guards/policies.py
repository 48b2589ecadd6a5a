"""Which guards do what, for which route or model.

Failure behaviour: pure; the configuration was checked before.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from thriftgate.config.sections.guards import GuardsConfig
from thriftgate.guards.lists import DenyList
from thriftgate.services.guards.decisions import ORDER

_AGAINST_ATTACKS = {"user": "injection", "tool": "tools"}
"""By the place of a text."""


def looks_for_attacks(config: GuardsConfig) -> bool:
    """Whether for any route or model anything follows of an attack in a text."""
    actions = [config.injection.action, config.injection.tools]
    for one in config.models.values():
        if one.protect:
            actions += [action for guard, action in one.actions.items() if guard in _AGAINST_ATTACKS.values()]
    return any(action != "off" for action in actions)


@dataclass(frozen=True, slots=True)
class GuardPolicy:
    """What holds for one route or model."""

    config: GuardsConfig
    actions: Mapping[str, str]
    """By guard; of deny lists by `deny:NAME`."""
    shadow: bool

    def action(self, guard: str) -> str:
        """What a guard's finding leads to."""
        return self.actions.get(guard, "off")

    def looks_for_attacks(self, place: str) -> bool:
        """Whether anything follows of an attack in a text from there."""
        guard = _AGAINST_ATTACKS.get(place)
        return guard is not None and self.action(guard) != "off"

    @property
    def looks_at_answers(self) -> bool:
        """Any guard of answers is on."""
        return any(self.action(name) != "off" for name in self._outputs)

    @property
    def blocks_answers(self) -> bool:
        """Any guard of answers may stop one, so that streams are held a little."""
        return not self.shadow and any(self.action(name) == "block" for name in self._outputs)

    @property
    def _outputs(self) -> list[str]:
        lists = [f"deny:{one.name}" for one in self.config.deny if one.where != "input"]
        return ["toxicity", "system_prompt", "urls", "pii", *lists]


class GuardPolicies:
    """The section's policy, with what a route or model does differently."""

    def __init__(self, config: GuardsConfig) -> None:
        self.config = config
        self.lists = {one.name: DenyList(one.name, one.words, one.patterns) for one in config.deny}
        self._default = self._policy({}, config.shadow)
        self._by_model = {
            name: self._policy(dict(one.actions), config.shadow if one.shadow is None else one.shadow)
            if one.protect
            else None
            for name, one in config.models.items()
        }

    def policy_of(self, *models: str) -> GuardPolicy | None:
        """The policy for a request to these models, the strictest of theirs; None where nothing is looked at."""
        policies = {id(policy): policy for policy in (self._by_model.get(model, self._default) for model in models)}
        known = [policy for policy in policies.values() if policy is not None]
        if len(known) < 2:
            return next(iter(known), None)
        guards = {guard for one in known for guard in one.actions}
        actions = {guard: max((one.action(guard) for one in known), key=ORDER.index) for guard in guards}
        return GuardPolicy(self.config, actions, shadow=all(one.shadow for one in known))

    def _policy(self, other: Mapping[str, str], shadow: bool) -> GuardPolicy:
        config = self.config
        actions: dict[str, str] = {
            "size": config.size.action,
            "hidden": config.hidden.action,
            "injection": config.injection.action,
            "tools": config.injection.tools,
            "judge": config.judge.action if config.judge else "off",
            "toxicity": config.toxicity.action,
            "system_prompt": config.system_prompt.action,
            "urls": config.urls.action if config.urls else "off",
            "pii": config.pii.action if config.pii else "off",
        }
        actions |= {name: action for name, action in other.items() if name in actions}
        actions |= {f"deny:{one.name}": other.get("deny", one.action) for one in config.deny}
        return GuardPolicy(config, actions, shadow)
