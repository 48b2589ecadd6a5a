"""What LiteLLM loads: `custom_handler: thriftgate.proxy.plugin.routes`.

Importing this module reads `callback_settings.thriftgate`, prepares the database and builds the gateway, once per
worker; LiteLLM imports it while the proxy starts, inside the app's lifespan, and `lifetime.py` ends it there.

Failure behaviour: a mistake in the configuration ends the process with exit code 2 and nothing but the problems
on its last lines. LiteLLM would swallow an exception here among hundreds of log lines, or go on without us.
"""

import asyncio
import gc
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn, cast

import litellm
from litellm.proxy import proxy_server
from litellm.router import Router

from thriftgate.config.litellm.model_list import ROUTE_PREFIX
from thriftgate.config.load import from_section
from thriftgate.errors import ConfigurationError, StoreUnavailableError
from thriftgate.identity.shown import shown_names
from thriftgate.proxy.api.identity_api import budgets_api, identity_api
from thriftgate.proxy.api.metrics import metrics_api
from thriftgate.proxy.api.operator_api import operator_api
from thriftgate.proxy.authentication import Authentication
from thriftgate.proxy.books.bills import all_charged
from thriftgate.proxy.books.budgets import BudgetHooks
from thriftgate.proxy.books.charging import charge_alike
from thriftgate.proxy.books.plain_models import PlainModelLog
from thriftgate.proxy.books.pricing import RouterSource
from thriftgate.proxy.books.refusals import let_refusals_stand
from thriftgate.proxy.books.strangers import Strangers
from thriftgate.proxy.compose.gateway import Gateway, assemble
from thriftgate.proxy.compose.guards import prompt_texts
from thriftgate.proxy.compose.limits import install_limits
from thriftgate.proxy.compose.page import open_overviews, open_page
from thriftgate.proxy.endpoints.bodies import BodyBounds
from thriftgate.proxy.endpoints.counting import explain_counts
from thriftgate.proxy.endpoints.describing import describe_routes
from thriftgate.proxy.endpoints.refusing import ErrorLayer
from thriftgate.proxy.endpoints.replies import name_half_characters
from thriftgate.proxy.endpoints.unclaimed import UnclaimedLayer
from thriftgate.proxy.guards.hooks import GuardHooks
from thriftgate.proxy.guards.layer import GuardLayer
from thriftgate.proxy.hooks import EdgeHooks
from thriftgate.proxy.interception import Interception
from thriftgate.proxy.lifetime import run_until_the_end
from thriftgate.proxy.memory import look_at_routes, note_what_is_absent, tidy_after_start
from thriftgate.proxy.page.operators import Operators
from thriftgate.proxy.privacy.copying import copy_by_structure
from thriftgate.proxy.privacy.counting import protect_counts
from thriftgate.proxy.privacy.falling_back import install_policy
from thriftgate.proxy.privacy.hooks import PrivacyHooks
from thriftgate.proxy.privacy.layer import PrivacyLayer
from thriftgate.proxy.provider import ThriftgateProvider
from thriftgate.proxy.tiers.attachments import blame_attachments
from thriftgate.proxy.tiers.deployments import DeploymentNames
from thriftgate.proxy.tiers.groups import ModelGroups
from thriftgate.proxy.tiers.quoting import Unquoted
from thriftgate.proxy.tiers.tokenizers import fetch_none
from thriftgate.stores.embedded.database import release_database
from thriftgate.stores.files.clock import SystemClock

CONFIG_VARIABLE = "THRIFTGATE_CONFIG"
"""Names the operator's file when LiteLLM was given a copy of it: relative paths are seen from there."""


def _base_dir() -> Path:
    path = os.environ.get(CONFIG_VARIABLE) or proxy_server.user_config_file_path
    return Path(path).absolute().parent if path else Path.cwd()


def _refuse(problems: object) -> NoReturn:
    print(f"\nthriftgate cannot start:\n{problems}\n", file=sys.stderr, flush=True)  # noqa: T201  the operator's last line
    os._exit(2)


def _start() -> Gateway:
    section = cast("Mapping[str, Any]", litellm.callback_settings.get("thriftgate") or {})
    try:
        return assemble(from_section(section, os.environ), base_dir=_base_dir(), environ=os.environ)
    except ConfigurationError as error:
        _refuse(error)
    except StoreUnavailableError as error:
        _refuse(f"callback_settings.thriftgate.database_url: {error}")


async def _end() -> None:
    await gateway.aclose()
    if gateway.config.database_url is None:
        # uvicorn raises the signal once more at its end: what is registered with `atexit` does not run then.
        await asyncio.to_thread(release_database, _base_dir() / gateway.config.data_dir)


def _model_names() -> Mapping[str, str]:
    """What clients may send as `model` to reach a route, and the route."""
    router = proxy_server.llm_router
    if router is None:
        return {}
    entries = cast("Sequence[Mapping[str, Any]]", router.model_list)
    models = {str(entry["model_name"]): str(entry["litellm_params"]["model"]) for entry in entries}
    names = {name: model.removeprefix(ROUTE_PREFIX) for name, model in models.items() if model.startswith(ROUTE_PREFIX)}
    aliases = cast("Mapping[str, object]", router.model_group_alias or {})
    targets = dict(_alias_targets(aliases))
    aliased = {alias: names[group] for alias in targets if (group := _at_the_end(alias, targets)) in names}
    past = {name: route for name, route in _past_names(entries) if name not in models}
    return past | names | aliased


def _past_names(entries: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """LiteLLM takes a deployment's id, and what its provider calls it, for the name of a model group."""
    for entry in entries:
        model = str(entry["litellm_params"]["model"])
        if model.startswith(ROUTE_PREFIX):
            route = model.removeprefix(ROUTE_PREFIX)
            yield model, route
            yield str(entry.get("model_info", {}).get("id")), route


def _alias_targets(aliases: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """LiteLLM takes an alias as a name, or as an object with the name in `model`."""
    for alias, target in aliases.items():
        name = cast("Mapping[str, object]", target).get("model") if isinstance(target, Mapping) else target
        yield alias, str(name)


def _at_the_end(alias: str, targets: Mapping[str, str]) -> str:
    """What an alias, or the alias that it is an alias of, stands for in the end."""
    name, seen = alias, {alias}
    while (target := targets.get(name)) is not None and target not in seen:
        seen.add(target)
        name = target
    return name


def _router() -> Router | None:
    return proxy_server.llm_router


def _prompts_of(name: str) -> Iterator[str]:
    """The texts of a route's own prompt."""
    route = gateway.config.routes.get(name)
    prompt = route.prompt.name if route is not None and route.prompt is not None else None
    yield from prompt_texts(gateway.prompts.source.snapshot(), prompt)


def _tiers(model: str) -> Sequence[str]:
    """The tiers of what a client calls a route, the strongest last; none for anything else."""
    route = gateway.config.routes.get(_model_names().get(model, ""))
    return [tier.model for tier in route.cascade.tiers] if route is not None else ()


def _take_over() -> None:
    """LiteLLM may have made a new router."""
    interception.install(proxy_server.llm_router)
    install_policy(proxy_server.llm_router)


gateway = _start()
with suppress(RuntimeError):  # no running loop: somebody imports us outside a proxy
    asyncio.get_running_loop()
    gateway.start()
    run_until_the_end(proxy_server, _end, drain=gateway.config.drain, charged=all_charged)
routes = ThriftgateProvider()
authenticate = Authentication(lambda: gateway.identity.authenticator if gateway.identity else None)
interception = Interception(lambda: gateway.routes, breaker=gateway.breaker.install)
strangers = Strangers(count=gateway.counters.note_stranger)
strangers.install()
Unquoted().install()
let_refusals_stand()
explain_counts()
note_what_is_absent()
fetch_none()
name_half_characters()
# What a provider does not take it says; LiteLLM sent the first four of any number and said nothing.
litellm.disable_stop_sequence_limit = True
blame_attachments()
charge_alike()
copy_by_structure()
plain_models = PlainModelLog(DeploymentNames(RouterSource()), gateway.pricer, gateway.past_routes.submit)
edge = EdgeHooks(
    _model_names,
    on_failure=gateway.breaker.note_failure,
    on_success=gateway.breaker.note_success,
    fitting=gateway.translations.fitting,
    for_deployment=gateway.translations.for_deployment,
    record=gateway.recorder.submit,
    intercept=_take_over,
    strangers=strangers.note,
    failed_plain=plain_models.note_failure if gateway.config.ledger.plain_models else lambda _edge, _error: None,
)
describe_routes(Router, _tiers)
# The routes do not work without their hooks, so these do not depend on a second line of the configuration.
litellm.logging_callback_manager.add_litellm_callback(edge)
if gateway.config.ledger.plain_models:
    litellm.logging_callback_manager.add_litellm_callback(plain_models)
# Next to the endpoints: every other layer sees the errors that clients get.
proxy_server.app.router.middleware_stack = UnclaimedLayer(
    proxy_server.app.router.middleware_stack,
    _model_names,
    has_database=lambda: proxy_server.prisma_client is not None,
)
proxy_server.app.router.middleware_stack = ErrorLayer(proxy_server.app.router.middleware_stack)
# Before money is reserved: a request may wait here, or be refused.
if gateway.config.limits is not None and gateway.admission is not None:
    install_limits(proxy_server.app, gateway.config.limits, gateway.admission, _model_names)
if gateway.guards is not None:
    # Inside of privacy's layer: what guards look at has placeholders in it, and no values.
    stack = proxy_server.app.router.middleware_stack
    proxy_server.app.router.middleware_stack = GuardLayer(stack, gateway.guards.service, gateway.guards.note)
if gateway.privacy is not None:
    # Behind the hook that refuses what is malformed, in front of all that sends or keeps something.
    privacy = PrivacyHooks(
        gateway.privacy.service,
        gateway.privacy.policies,
        gateway.config.routes_with_private_tiers,
        ModelGroups(_router, gateway.config.privacy.models if gateway.config.privacy else ()),
    )
    litellm.logging_callback_manager.add_litellm_callback(privacy)
    protect_counts(privacy.protect_count)
    shown_names.hide_unless_known(gateway.privacy.service.hashed_name)
    proxy_server.app.router.middleware_stack = PrivacyLayer(proxy_server.app.router.middleware_stack)
# In front of the guards, which may ask a model about what is said: nobody is asked for a key that has spent its budget.
budgets = BudgetHooks(
    gateway.budgets,
    gateway.pricer,
    route_of=lambda model: _model_names().get(model),
    models_of=lambda name: [tier.model for tier in gateway.config.routes[name].cascade.tiers],
)
gateway.recorder.add(budgets.settle_record)
litellm.logging_callback_manager.add_litellm_callback(budgets)
if gateway.guards is not None:
    litellm.logging_callback_manager.add_litellm_callback(
        GuardHooks(
            gateway.guards.service,
            gateway.guards.note,
            _prompts_of,
            ModelGroups(_router, gateway.config.guards.models if gateway.config.guards else ()),
            gateway.config.privacy.private_models if gateway.config.privacy else (),
        )
    )
# In front of all of them: nobody walks a body that is too large or too deep.
proxy_server.app.router.middleware_stack = BodyBounds(proxy_server.app.router.middleware_stack)
overviews = open_overviews(lambda: gateway, base_dir=_base_dir())
proxy_server.app.include_router(operator_api(lambda: gateway, overviews))
proxy_server.app.include_router(
    identity_api(lambda: gateway.identity.administration if gateway.identity else None, SystemClock())
)
proxy_server.app.include_router(budgets_api(lambda: gateway.budgets))
proxy_server.app.include_router(open_page(lambda: gateway, overviews))
proxy_server.app.include_router(metrics_api(lambda: gateway.metrics, gateway.config.metrics, Operators().is_operator))


async def finish_start() -> None:
    """What there is to do before the first client is let in; without it the first ones wait for some of it."""
    await gateway.loaded()
    await look_at_routes(proxy_server.app.router)
    tidy_after_start()


# Also where LiteLLM's own command serves, which does not finish the start; ours puts off collecting until then.
if gc.isenabled():
    tidy_after_start()
