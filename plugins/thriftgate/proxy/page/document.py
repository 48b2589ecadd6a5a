"""Puts the live page together from an overview and the worker's state.

Failure behaviour: pure; see `views.py`.
"""

from collections.abc import Sequence
from urllib.parse import urlencode

from thriftgate import wording
from thriftgate.proxy.page import rendering, views, views_keys, views_quality
from thriftgate.proxy.page.next_steps import next_steps
from thriftgate.proxy.page.state import State
from thriftgate.services.books.key_use import KeyUse
from thriftgate.services.books.overview import PERIODS, Overview
from thriftgate.stats.search import EVERYTHING, KINDS, Search
from thriftgate.types import RequestRecord

INTERVALS = ((0, "off", "no refresh"), (10, "10 s", "every 10 seconds"), (60, "1 min", "every minute"))
"""How often the page may load itself anew: seconds, short, and spoken. Off unless the operator chose otherwise."""


def refresh_of(chosen: str) -> int:
    """The seconds of the query's `refresh`, where it is one of those offered; else 0, which is off."""
    return next((seconds for seconds, _, _ in INTERVALS if str(seconds) == chosen), 0)


def page(
    overview: Overview,
    state: State,
    *,
    base: str,
    address: str,
    token: str,
    refresh: int,
    now: float,
    search: Search = EVERYTHING,
    found: Sequence[RequestRecord] | None = None,
    keys: Sequence[KeyUse] | None = None,
) -> str:
    """The whole page as HTML; `token` is that of the form to sign out, empty without a session.

    `found` is what was searched for, None where nothing was; `keys` is None where the gateway has none of its own.
    """
    total = overview.tallies.total
    saved, saved_share, saved_words = views.headline(overview)
    bar, shares = views.shares(total) if total is not None else ([], [])
    return rendering.render(
        "page.html",
        base,
        token=token,
        refresh=refresh,
        intervals=INTERVALS,
        periods=list(PERIODS.values()),
        period=overview.period,
        saved=saved,
        saved_share=saved_share,
        saved_words=saved_words,
        facts=views.facts(overview),
        drawing=views.drawing(overview),
        shares_bar=bar,
        shares=shares,
        spend=views.spend_tables(overview),
        quality=views_quality.route_cards(overview.standings),
        experiments=views_quality.experiment_cards(overview.experiments, now=now),
        keys=None if keys is None else views_keys.key_rows(keys, now=now),
        keys_note=views_keys.keys_note(keys or ()),
        deployments=views.deployment_rows(state, overview.deployments, now=now),
        queues=state.queues,
        load_steps=state.load_steps,
        is_calm=not any(queue.failed or queue.dropped or queue.trouble for queue in state.queues),
        steps=next_steps(overview, state, now=now),
        requests=views.request_rows(overview.recent if found is None else found, now=now, traces_at=state.traces_at),
        search=search,
        narrowed=urlencode(search.fields),
        is_search=found is not None,
        kinds=KINDS,
        latest=wording.ago(overview.recent[0].started_at, now) if overview.recent else "",
        example=_example(address, overview.standings[0].route if overview.standings else "support"),
        at=wording.moment(overview.until, seconds=True),
        machine_at=wording.machine_moment(overview.until),
        since_words=f"since {wording.moment(overview.since, seconds=True)}",
    )


def _example(address: str, route: str) -> str:
    return (
        f'curl {address.rstrip("/")}/v1/chat/completions -H "Authorization: Bearer $KEY" '
        f"-H 'Content-Type: application/json' "
        f'-d \'{{"model": "{route}", "messages": [{{"role": "user", "content": "Hello?"}}]}}\''
    )
