"""Puts the gateway's own keys together: where they are, who tells them, and what keeps them fresh.

Failure behaviour: a file of keys that is broken at the start raises ConfigurationError.
"""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from thriftgate.config import IdentityConfig, ThriftgateConfig, TokenIssuerConfig
from thriftgate.identity.forms import KeyFile
from thriftgate.ports import Clock
from thriftgate.services.identity.administration import IdentityAdministration
from thriftgate.services.identity.alerts import Alerts
from thriftgate.services.identity.authentication import OUTAGE as KEYS_OUTAGE
from thriftgate.services.identity.authentication import Authenticator
from thriftgate.services.identity.budgets import BudgetService
from thriftgate.services.identity.tokens import TokenReader, TokenRules
from thriftgate.services.request.background import BackgroundTasks
from thriftgate.services.request.outages import Outages
from thriftgate.services.upkeep.jobs import Job, look_again
from thriftgate.stores.files.issuer_keys import FetchedIssuerKeys, KeptIssuerKeys
from thriftgate.stores.files.keys import WatchedKeyFile
from thriftgate.stores.postgres.budgets import PostgresBudgetStore
from thriftgate.stores.postgres.connection.database import Database
from thriftgate.stores.postgres.identity import PostgresIdentityStore
from thriftgate.stores.webhook import Webhook

_LOOK_EVERY = 0.5
"""Seconds between two looks at the file of keys: who is taken out of it is out within a second."""


@dataclass(frozen=True, slots=True)
class OpenIdentity:
    """The gateway's own keys, ready to be asked."""

    authenticator: Authenticator
    administration: IdentityAdministration
    jobs: Sequence[Job]


def open_identity(
    config: IdentityConfig,
    *,
    base_dir: Path,
    database: Database,
    clock: Clock,
    background: BackgroundTasks,
    outages: Outages,
) -> OpenIdentity:
    """Everything that `identity` turns on."""
    store = PostgresIdentityStore(database)
    jobs = [look_again("keys_look", KEYS_OUTAGE, outages, partial(store.find, ""))]
    file: Callable[[], KeyFile] = KeyFile
    if config.file is not None:
        watched = WatchedKeyFile(base_dir / config.file)
        jobs.append(Job("key_file", _LOOK_EVERY, watched.look))
        file = watched.current
    authenticator = Authenticator(
        store,
        clock,
        file=file,
        tokens=_tokens(config.jwt, base_dir, clock, background, jobs) if config.jwt else None,
        tiers=config.tier_records,
        default_tier=config.default_tier,
        outages=outages,
    )
    return OpenIdentity(authenticator, IdentityAdministration(store, clock, entropy=secrets.token_bytes), jobs)


def open_budgets(
    config: ThriftgateConfig, *, database: Database, clock: Clock, background: BackgroundTasks, outages: Outages
) -> BudgetService:
    """Budgets of keys, users, teams and routes."""
    webhook = config.budgets.webhook
    alerts = Alerts(Webhook(webhook).post if webhook else None, background)
    return BudgetService(
        PostgresBudgetStore(database),
        clock,
        routes={name: [form.budget() for form in forms] for name, forms in config.budgets.routes.items()},
        new_id=lambda: secrets.token_hex(16),
        tell=alerts.tell,
        outages=outages,
    )


def _tokens(
    config: TokenIssuerConfig, base_dir: Path, clock: Clock, background: BackgroundTasks, jobs: list[Job]
) -> TokenReader:
    rules = TokenRules(
        issuer=config.issuer,
        audience=config.audience,
        algorithms=config.algorithms,
        names=config.names,
        leeway=config.leeway,
    )
    if config.jwks_file is not None:
        return TokenReader(KeptIssuerKeys(base_dir / config.jwks_file), rules, on_unknown_key=_nothing)
    fetched = FetchedIssuerKeys(config.jwks_url or "", clock)

    def fetch_if_due() -> None:
        if fetched.is_due:
            background.start("issuer_keys", fetched.fetch())

    jobs.append(Job("issuer_keys", config.refresh_interval, fetched.fetch))
    return TokenReader(fetched, rules, on_unknown_key=fetch_if_due)


def _nothing() -> None:
    """A file's keys change with the next start."""
