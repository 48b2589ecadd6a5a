"""What the models of `model_list` are called: one name for a model, however it was asked and whatever became of it.

LiteLLM's own names differ: `openai/gpt-5` for a whole answer, `gpt-5` for a streamed one, `gpt-5` without its provider
in an error. The name here is the one that the operator wrote, `litellm_params.model`.

Failure behaviour: nothing is raised; a deployment or a group that is not known has the empty name.
"""

from collections.abc import Callable, Iterator

from litellm.router import Router


class DeploymentNames:
    """The names of a router's deployments."""

    def __init__(self, router: Callable[[], Router]) -> None:
        self._router = router
        self._known: dict[str, str] = {}
        """By a deployment's id, which changes with anything about it."""

    def name_of(self, deployment_id: str) -> str:
        """The model of the deployment with this id."""
        if deployment_id and deployment_id not in self._known:
            deployment = self._router().get_deployment(model_id=deployment_id)
            if deployment is None:
                return ""
            self._known[deployment_id] = deployment.litellm_params.model
        return self._known.get(deployment_id, "")

    def called(self, model: str) -> tuple[str, str]:
        """The group and the name of the first deployment whose model is called so, with or without its provider."""
        router = self._router()
        for one in router.get_model_ids():
            name, deployment = self.name_of(one), router.get_deployment(model_id=one)
            if deployment is not None and (name == model or name.endswith(f"/{model}")):
                return deployment.model_name, name
        return "", ""

    def first_of(self, group: str) -> str:
        """The model of a group's first deployment."""
        return next(self._of(group), "")

    def failed(self, group: str, error: BaseException) -> str:
        """The model that an error of LiteLLM's is about: one of the group's, or of a group it falls back to."""
        model: object = getattr(error, "model", None)
        if not isinstance(model, str) or not model:
            return self.first_of(group)
        names = [*self._of(group), *self._all()]
        return next((name for name in names if name == model or name.endswith(f"/{model}")), self.first_of(group))

    def _of(self, group: str) -> Iterator[str]:
        return (name for one in self._router().get_model_ids(model_name=group) if (name := self.name_of(one)))

    def _all(self) -> Iterator[str]:
        return (name for one in self._router().get_model_ids() if (name := self.name_of(one)))
