"""Which policy holds for which route or model.

Failure behaviour: pure; the configuration was checked before.
"""

from collections.abc import Iterable
from dataclasses import replace

from thriftgate.config.sections.privacy import PrivacyConfig
from thriftgate.privacy.policy import PrivacyPolicy, strictest

_NOTHING = PrivacyPolicy(actions={})
"""Nothing is looked for."""


class Policies:
    """The section's policy, with what a route or model does differently."""

    def __init__(self, config: PrivacyConfig) -> None:
        deny = tuple((kind, value) for kind, values in config.deny.items() for value in values)
        self._default = PrivacyPolicy(
            actions=dict(config.actions),
            thresholds=dict(config.thresholds),
            min_score=config.min_score,
            allow=frozenset(" ".join(value.split()).lower() for value in config.allow),
            deny=tuple((kind, value) for kind, value in deny if kind in config.actions),
            languages=_languages(config.languages),
        )
        self._by_model = {
            name: None
            if not one.protect
            else replace(
                self._default,
                actions={**self._default.actions, **one.entities},
                min_score=self._default.min_score if one.min_score is None else one.min_score,
                deny=tuple((kind, value) for kind, value in deny if kind in {**config.actions, **one.entities}),
                languages=_languages(config.languages if one.languages is None else one.languages),
            )
            for name, one in config.models.items()
        }
        self.private_models = frozenset(config.private_models)
        """What may see values whose action is `private`."""

    def policy_of(self, *models: str) -> PrivacyPolicy | None:
        """The policy for a request to these models, the strictest of theirs; None where nothing is looked for."""
        policies = {id(policy): policy for policy in map(self._of, models) if policy is not None}
        return strictest(list(policies.values())) if policies else None

    def may_be_sent(self, policy: PrivacyPolicy | None, model: str) -> bool:
        """Whether a request that went through `policy` may be sent to `model` as it is."""
        wanted = self._of(model)
        return wanted is None or (policy or _NOTHING).keeps(wanted)

    @property
    def differ(self) -> bool:
        """Whether what is looked for depends on the model; where it does not, a request may be sent to any."""
        return bool(self._by_model)

    def names(self, model: str) -> bool:
        """Whether the operator says something of this very name."""
        return model in self._by_model

    def _of(self, model: str) -> PrivacyPolicy | None:
        return self._by_model.get(model, self._default)

    @property
    def kinds(self) -> frozenset[str]:
        """Every kind that some policy looks for."""
        policies = [self._default, *(policy for policy in self._by_model.values() if policy)]
        return frozenset(kind for policy in policies for kind in policy.actions)


def _languages(written: Iterable[str] | None) -> frozenset[str] | None:
    return None if written is None else frozenset(written)
