"""What LiteLLM logs of a call past the routes becomes a record: whose it was, and LiteLLM's own checks apart."""

import warnings
from typing import Any, cast

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # LiteLLM's own imports are not ours to mend
    from litellm.proxy._types import UserAPIKeyAuth

    from thriftgate.proxy.books.plain_models import PlainModelLog
    from thriftgate.proxy.books.pricing import RouterPricer
    from thriftgate.proxy.tiers.deployments import DeploymentNames
    from thriftgate.types import RequestRecord


class Names:
    """Knows no deployment by id, and one by its model."""

    def name_of(self, deployment_id: str) -> str | None:
        return None

    def called(self, model: str) -> tuple[str, str]:
        return ("large", "openai/demo-large") if model == "demo-large" else ("", "")

    def cost_parts(self, *_: object, **__: object) -> None:
        return None


def record_of(metadata: dict[str, Any], *, group: str | None = "large", model: str = "demo-large") -> RequestRecord:
    log = PlainModelLog(cast("DeploymentNames", Names()), cast("RouterPricer", Names()), lambda _: None)
    payload: dict[str, Any] = {
        "model_group": group, "model": model, "startTime": 10.0, "endTime": 10.5, "response_cost": 0.001,
        "prompt_tokens": 14, "completion_tokens": 16, "metadata": metadata,
    }  # fmt: skip
    return log.record_of(payload, {})


def test_a_call_is_booked_to_its_team_under_its_models_name() -> None:
    record = record_of({"user_api_key_team_id": "acme", "user_api_key_team_alias": "Acme"})
    assert (record.route, record.reason, record.caller.team_id) == ("large", "plain_model", "acme")


def test_a_health_check_is_booked_apart_from_what_somebody_asked_for() -> None:
    own = UserAPIKeyAuth.get_litellm_internal_health_check_user_api_key_auth()
    metadata = {"user_api_key_team_id": own.team_id, "user_api_key_team_alias": own.team_alias}
    record = record_of(metadata, group=None)
    assert (record.route, record.reason) == ("health checks", "health_check")
    assert record.caller.team_alias == "health checks"
    assert (record.tier, record.cost_usd) == ("large", 0.001)
    # Under the names that a route's calls of the same deployment have.
    assert (record.calls[0].model, record.calls[0].deployment) == ("large", "openai/demo-large")
    assert record_of(metadata, group=None, model="gone").calls[0].deployment == "gone"
