"""Every metric of the gateway, with its labels, on one screen.

Labels are routes, models, and fixed words; never a user, a key, a team or anything a client wrote. Money is in US
dollars, durations are in seconds.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Kind = Literal["counter", "gauge", "histogram"]

PIPELINE = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)
"""Bounds of a stage: a cache answers in a millisecond, a model in a minute."""
ANSWERS = PIPELINE[3:]
"""Bounds of whole answers and of calls of models."""


@dataclass(frozen=True, slots=True)
class Family:
    """One metric: what it says, and which labels tell its series apart."""

    name: str
    kind: Kind
    says: str
    labels: tuple[str, ...] = ()
    bounds: tuple[float, ...] = ()
    """Of a histogram."""
    is_shared: bool = False
    """A gauge that all workers see alike: the highest counts, instead of their sum."""


REQUESTS = Family(
    "thriftgate_requests_total", "counter", "Requests to a route that have ended.",
    ("route", "decision", "tier", "status"),
)  # fmt: skip
COALESCED = Family(
    "thriftgate_coalesced_requests_total", "counter", "Requests that waited for the same answer as another one.",
    ("route",),
)  # fmt: skip
REQUEST_DURATION = Family(
    "thriftgate_request_duration_seconds", "histogram", "From a request's arrival at its route to its end.",
    ("route", "decision"), ANSWERS,
)  # fmt: skip
FIRST_TOKEN = Family(
    "thriftgate_time_to_first_token_seconds", "histogram", "From a streamed request's arrival to its first token.",
    ("route",), ANSWERS,
)  # fmt: skip
STAGE_DURATION = Family(
    "thriftgate_stage_duration_seconds", "histogram", "How long one stage of a route took.", ("route", "stage"),
    PIPELINE,
)  # fmt: skip
MODEL_CALLS = Family(
    "thriftgate_model_calls_total", "counter", "Calls of a model group on behalf of requests.",
    ("route", "model", "purpose", "status"),
)  # fmt: skip
CALL_DURATION = Family(
    "thriftgate_model_call_duration_seconds", "histogram", "How long a call of a model group took.", ("model",), ANSWERS
)
TOKENS = Family(
    "thriftgate_tokens_total", "counter",
    "Tokens of these calls. `cached` is a part of `prompt`, `reasoning` one of `completion`.",
    ("route", "model", "kind"),
)  # fmt: skip
COST = Family("thriftgate_cost_usd_total", "counter", "What the calls for requests cost.", ("route", "model"))
BASELINE_COST = Family(
    "thriftgate_baseline_cost_usd_total", "counter", "What the baseline model would have cost for the same requests.",
    ("route",),
)  # fmt: skip
SAVED = Family(
    "thriftgate_saved_usd", "gauge",
    "Baseline less cost, since the gateway started; falls when a request costs more than its baseline.", ("route",),
)  # fmt: skip
CHECKING_COST = Family(
    "thriftgate_checking_cost_usd_total", "counter",
    "What checks of requests (audits, verifications, guards) cost besides; saved less this is what was saved, net.",
    ("route", "kind"),
)  # fmt: skip
JUDGED = Family(
    "thriftgate_judged_answers_total", "counter",
    "Verdicts on answers: of answers that clients got (quality), of cheap ones that nobody got (rejected_was_good), of"
    " hits (quality_cache), and of users (feedback).",
    ("route", "about", "verdict"),
)  # fmt: skip
OUTPUTS = Family(
    "thriftgate_outputs_total", "counter",
    "Answers that had to have a shape, by what came of them: valid, repaired, unchecked, exempt, invalid (no tier's).",
    ("route", "outcome"),
)  # fmt: skip
OUTPUT_REASKS = Family(
    "thriftgate_output_reasks_total", "counter",
    "How often a tier was asked once more for an answer of the right shape.", ("route",),
)  # fmt: skip
GUARD_FINDINGS = Family(
    "thriftgate_guard_findings_total", "counter",
    "What guards found in requests and answers, by what followed: flag, confirm, strong, block, shadow, failed.",
    ("guard", "action"),
)  # fmt: skip
CACHE_ERROR = Family(
    "thriftgate_cache_error_ratio", "gauge",
    "Wrong cache hits among all answers of the last 7 days, by verified hits: estimate, its 95 % interval, and what"
    " was promised.",
    ("route", "bound"), is_shared=True,
)  # fmt: skip
CACHE_HIT_ERROR = Family(
    "thriftgate_cache_hit_error_ratio", "gauge",
    "Wrong ones among the semantic cache hits of the last 7 days, by verified hits: estimate, its 95 % interval, and"
    " what was promised.",
    ("route", "bound"), is_shared=True,
)  # fmt: skip
CACHE_WORST_TENANT = Family(
    "thriftgate_cache_worst_tenant_hit_error_ratio", "gauge",
    "The same of the tenant with the highest estimate among those with 30 verified hits or more; of many tenants one"
    " is high by chance, so hold the lower end against the promise.",
    ("route", "bound"), is_shared=True,
)  # fmt: skip
QUALITY_LOSS = Family(
    "thriftgate_quality_loss_ratio", "gauge",
    "Quality of models' answers lost against the strongest tier's, as the promise counts it (net of what got better, or"
    " what got worse alone), by audits of the last 7 days: estimate, its interval, what was promised, and where the"
    " judge tells better answers from worse ones both by name (net, got_worse).",
    ("route", "bound"), is_shared=True,
)  # fmt: skip
UNFAMILIAR = Family(
    "thriftgate_unfamiliar_ratio", "gauge",
    "Questions of the last 7 days that resemble none of the labelled ones: their share (estimate), the share that"
    " would be chance (expected), and 1 where it is more than chance (shifted).",
    ("route", "bound"), is_shared=True,
)  # fmt: skip
VERDICTS = Family(
    "thriftgate_verdicts", "gauge",
    "Verdicts behind these ratios: verified hits (cache), audited answers (cascade), users' feedback.",
    ("route", "kind"), is_shared=True,
)  # fmt: skip
WAITING = Family("thriftgate_queue_waiting", "gauge", "Work that waits behind the requests.", ("queue",))
DROPPED = Family(
    "thriftgate_dropped_total", "counter", "Work behind the requests that was given up because too much waited.",
    ("queue",),
)  # fmt: skip
TASK_FAILURES = Family(
    "thriftgate_background_failures_total", "counter", "Tasks behind the requests that failed.", ("task",)
)
COOLING_DOWN = Family(
    "thriftgate_deployment_cooling_down", "gauge",
    "1 while the breaker leaves a deployment out in at least one worker, else 0.", ("group", "deployment"),
    is_shared=True,
)  # fmt: skip
LIMIT_VERDICTS = Family(
    "thriftgate_limit_verdicts_total", "counter",
    "Requests by what limits said: granted, waited (and then granted), refused, would_refuse (in shadow), left; and"
    " which limit refused, for whom it is counted.",
    ("verdict", "limit", "per"),
)  # fmt: skip
LIMIT_WAIT = Family(
    "thriftgate_limit_wait_seconds", "histogram",
    "How long requests waited that were then served: for their turn in the fair queue, or, read and looked up, for a"
    " place among those whose models work.",
    ("awaited",), PIPELINE,
)  # fmt: skip
LIMIT_WAITING = Family(
    "thriftgate_limit_waiting", "gauge", "Requests to a route or model that wait in the fair queue.", ("model",)
)
LIMIT_RUNNING = Family("thriftgate_limit_running", "gauge", "Requests to a route or model that run.", ("model",))
LIMIT_PLACES = Family(
    "thriftgate_limit_places", "gauge", "How many may run at once, as found out so far; 0: as many as come.", ("model",)
)
LIMIT_LADDER = Family(
    "thriftgate_limit_ladder", "gauge", "Steps that a route has given up under load; the highest of all workers.",
    ("model",), is_shared=True,
)  # fmt: skip
LIMIT_STORE_AWAY = Family(
    "thriftgate_limit_store_away", "gauge", "1 while a worker cannot reach the store of limits, else 0.",
    is_shared=True,
)  # fmt: skip
CACHE_UNAVAILABLE = Family(
    "thriftgate_cache_unavailable_total", "counter", "Requests that went on because nobody answered their look-up.",
    ("route", "cause"),
)  # fmt: skip
STRANGERS = Family(
    "thriftgate_strangers_total", "counter", "Requests without a valid key; they leave no row and no trace."
)
WORKERS = Family("thriftgate_workers", "gauge", "Processes that serve.")
SCRAPE_PROBLEMS = Family(
    "thriftgate_metrics_problems_total", "counter", "Snapshots of metrics that could not be written or read."
)
BUILD = Family("thriftgate_build_info", "gauge", "Which thriftgate this is; always 1.", ("version",), is_shared=True)

FAMILIES: Mapping[str, Family] = {
    family.name: family
    for family in (
        REQUESTS, COALESCED, REQUEST_DURATION, FIRST_TOKEN, STAGE_DURATION, MODEL_CALLS, CALL_DURATION, TOKENS, COST,
        BASELINE_COST, SAVED, CHECKING_COST, JUDGED, GUARD_FINDINGS, OUTPUTS, OUTPUT_REASKS,
        CACHE_ERROR, CACHE_HIT_ERROR, CACHE_WORST_TENANT, QUALITY_LOSS, UNFAMILIAR, VERDICTS, WAITING, DROPPED,
        TASK_FAILURES, COOLING_DOWN,
        LIMIT_VERDICTS, LIMIT_WAIT, LIMIT_WAITING, LIMIT_RUNNING, LIMIT_PLACES, LIMIT_LADDER, LIMIT_STORE_AWAY,
        CACHE_UNAVAILABLE, STRANGERS, WORKERS, SCRAPE_PROBLEMS, BUILD,
    )
}  # fmt: skip
