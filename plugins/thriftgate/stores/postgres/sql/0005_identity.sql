-- Who may call. Of a key only the SHA-256 is kept. Nobody is ever deleted: the ledger and the budgets name them; what
-- must not be used any more is revoked or blocked.
CREATE TABLE teams (
    team_id    text PRIMARY KEY,
    alias      text,
    models     text[],
    endpoints  text[],
    tier       text,
    budgets    jsonb NOT NULL,
    blocked    boolean NOT NULL,
    metadata   jsonb NOT NULL,
    created_at double precision NOT NULL
);

CREATE TABLE users (
    user_id    text PRIMARY KEY,
    team_id    text REFERENCES teams,
    alias      text,
    models     text[],
    endpoints  text[],
    tier       text,
    budgets    jsonb NOT NULL,
    blocked    boolean NOT NULL,
    metadata   jsonb NOT NULL,
    created_at double precision NOT NULL
);

CREATE TABLE keys (
    key_id          text PRIMARY KEY,
    digest          bytea NOT NULL,
    user_id         text REFERENCES users,
    team_id         text REFERENCES teams,
    role            text NOT NULL,
    expires_at      double precision,
    revoked_at      double precision,
    previous_digest bytea,
    previous_until  double precision,
    alias           text,
    models          text[],
    endpoints       text[],
    tier            text,
    budgets         jsonb NOT NULL,
    blocked         boolean NOT NULL,
    metadata        jsonb NOT NULL,
    created_at      double precision NOT NULL
);

CREATE INDEX keys_by_team ON keys (team_id);
CREATE INDEX keys_by_user ON keys (user_id);
