"""Which tiers of a plan may be asked at all: they may see the request, and would get all of it.

Failure behaviour: raises ContentBlockedError or InvalidRequestError when none is left.
"""

from collections.abc import Callable

from thriftgate.cascade.plan import Plan, without
from thriftgate.decisions import Reason
from thriftgate.errors import ContentBlockedError, InvalidRequestError
from thriftgate.services.route.parts import RouteParts
from thriftgate.types import ChatRequest
from thriftgate.wire.formats import is_of_format


def in_question(parts: RouteParts, request: ChatRequest, plan: Callable[[], Plan], *, keeps_shape: bool) -> Plan:
    """The plan without tiers that may not see the request or would not get all of it.

    `keeps_shape`: the gateway itself sees to an answer's shape, and asks a tier for it in words where it must.
    """
    planned = plan()
    models = [tier.model for tier in parts.config.cascade.tiers]
    barred = {model for model in models if request.is_private and model not in parts.private_models}
    lost: dict[str, list[str]] = {}
    for model in models:
        found = () if model in barred else parts.completer.lost(model, request)
        if paths := [path for path in found if not (keeps_shape and is_of_format(path))]:
            lost[model] = paths
    reason = Reason.PRIVATE if barred else Reason.TIER_CANNOT_CARRY
    left = without(planned, {*barred, *lost}, models, reason=reason)
    if left is None and not lost:
        raise ContentBlockedError(
            f"the request has personal data that only private models may see, and route '{request.route}' has none",
            code="personal_data_blocked",
        )
    if left is None:
        path = min(lost.values(), key=len)[0]
        raise InvalidRequestError(
            f"no tier of route '{request.route}' would get '{path}': their providers speak another API",
            code="unsupported_parameter",
            param=path,
        )
    return left
