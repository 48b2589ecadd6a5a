-- What stands for what in a conversation, sealed: the database never sees a value.
CREATE TABLE pseudonyms (
    conversation  text PRIMARY KEY,        -- a keyed hash
    version       integer NOT NULL,
    sealed        bytea NOT NULL,
    expires_at    timestamptz NOT NULL
);

CREATE INDEX pseudonyms_by_expiry ON pseudonyms (expires_at);
