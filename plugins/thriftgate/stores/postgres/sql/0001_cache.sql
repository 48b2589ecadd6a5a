-- Answers given before. What a user said is kept here as question and answer: without it nothing could be
-- served again, compared or exported. Both end with the entry (`expires_at`, purge, eviction).
CREATE TABLE cache_entries (
    id                bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    scope             text NOT NULL,
    key               text NOT NULL,
    entry_id          text NOT NULL,
    route             text NOT NULL,
    question          text NOT NULL,
    choices           json NOT NULL,    -- not jsonb: that refuses \u0000, and the answer must come back as it was
    model             text NOT NULL,
    usage             json NOT NULL,
    cost_usd          double precision NOT NULL,
    baseline_cost_usd double precision NOT NULL,
    created_at        double precision NOT NULL,
    expires_at        double precision NOT NULL,
    stale_at          double precision,
    tags              text[] NOT NULL,
    prompt_version    text NOT NULL,
    collection        text NOT NULL,
    hits              bigint NOT NULL,
    used_at           double precision NOT NULL,
    UNIQUE (scope, key)
) WITH (fillfactor = 80);               -- room for touch() to update a row where it stands (HOT)

CREATE INDEX cache_entries_by_entry ON cache_entries (entry_id);
CREATE INDEX cache_entries_by_route ON cache_entries (route);
CREATE INDEX cache_entries_by_expiry ON cache_entries (expires_at);

-- The vectors stand apart so that counting a hit never touches their index. The column has no dimension: each
-- embedder's length gets indexes of its own when it is first used (PostgresAnswerCache), and a scope, which names
-- the embedder, never mixes two.
--
-- The first 1,000 vectors of a scope (bucket NULL) are compared one by one, which is exact and takes about 2 ms;
-- those beyond go to one of 16 approximate indexes, chosen by the scope. One index for all scopes would have to walk
-- through everybody else's vectors to find eight of a small tenant's: five times slower, with a recall of 0.99
-- instead of 1 (evals/benchmarks/cache_recall.py).
CREATE TABLE cache_vectors (
    entry             bigint PRIMARY KEY REFERENCES cache_entries ON DELETE CASCADE,
    scope             text NOT NULL,
    bucket            smallint,
    expires_at        double precision NOT NULL,
    embedding         vector NOT NULL
);

CREATE INDEX cache_vectors_by_scope ON cache_vectors (scope, bucket);

-- Verified outcomes outlive their entry: they are what the decision boundary is learned from. No text in them.
CREATE TABLE cache_observations (
    id                bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    entry_id          text NOT NULL,
    scope             text NOT NULL,
    route             text NOT NULL,
    similarity        double precision NOT NULL,
    features          json NOT NULL,
    is_correct        boolean NOT NULL,
    observed_at       double precision NOT NULL,
    source            text NOT NULL
);

CREATE INDEX cache_observations_by_entry ON cache_observations (entry_id, scope, observed_at, id);
CREATE INDEX cache_observations_by_route ON cache_observations (route, observed_at, id);
