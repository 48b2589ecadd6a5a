-- The book of record: one row per client request, one per model call. Content columns stay NULL unless the
-- operator turned content capture on.
CREATE TABLE requests (
    request_id          text PRIMARY KEY,
    route               text NOT NULL,
    key_hash            text,
    key_alias           text,
    user_id             text,
    team_id             text,
    team_alias          text,
    session_id          text,
    tags                text[] NOT NULL,
    started_at          double precision NOT NULL,
    duration            double precision NOT NULL,
    time_to_first_token double precision,
    status              text NOT NULL,
    error               text,
    stream              boolean NOT NULL,
    decision            text NOT NULL,
    reason              text,
    tier                text,
    confidence          double precision,
    similarity          double precision,
    prompt_tokens       bigint NOT NULL,
    completion_tokens   bigint NOT NULL,
    cached_tokens       bigint NOT NULL,
    reasoning_tokens    bigint NOT NULL,
    is_estimated        boolean NOT NULL,
    cost_usd            double precision NOT NULL,
    baseline_cost_usd   double precision NOT NULL,
    signals             jsonb NOT NULL,
    stages              jsonb NOT NULL,
    prompt              jsonb,
    coalesced           boolean NOT NULL,
    cache_entry_id      text,
    traceparent         text,
    metadata            jsonb NOT NULL,
    input               json,
    output              text
);

CREATE INDEX requests_by_start ON requests (started_at, request_id);
CREATE INDEX requests_by_route ON requests (route, started_at, request_id);

CREATE TABLE calls (
    request_id          text NOT NULL REFERENCES requests ON DELETE CASCADE,
    position            integer NOT NULL,
    model               text NOT NULL,
    deployment          text NOT NULL,
    purpose             text NOT NULL,
    started_at          double precision NOT NULL,
    duration            double precision NOT NULL,
    time_to_first_token double precision,
    prompt_tokens       bigint NOT NULL,
    completion_tokens   bigint NOT NULL,
    cached_tokens       bigint NOT NULL,
    reasoning_tokens    bigint NOT NULL,
    is_estimated        boolean NOT NULL,
    cost_usd            double precision NOT NULL,
    status              text NOT NULL,
    error               text,
    confidence          double precision,
    mean_logprob        double precision,
    PRIMARY KEY (request_id, position)
);

-- No reference to requests: a verdict may be written before its request's batch is.
CREATE TABLE audits (
    request_id          text NOT NULL,
    kind                text NOT NULL,
    tier                text NOT NULL,  -- '' where there is none: NULLs would not be unique
    route               text NOT NULL,
    judged_at           double precision NOT NULL,
    is_acceptable       boolean,
    score               double precision,
    cost_usd            double precision NOT NULL,
    holdout             boolean NOT NULL,
    details             jsonb NOT NULL,
    PRIMARY KEY (request_id, kind, tier)
);

CREATE INDEX audits_by_time ON audits (judged_at, request_id);
CREATE INDEX audits_by_route ON audits (route, judged_at, request_id);
