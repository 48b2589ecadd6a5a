-- Identical misses that are being answered right now. Unlogged: after a crash nobody waits for them any more.
CREATE UNLOGGED TABLE flights (
    key         text PRIMARY KEY,
    owner       text NOT NULL,
    ends_at     timestamptz NOT NULL,   -- of the lease while under way, of the outcome once landed
    is_awaited  boolean NOT NULL DEFAULT false,
    outcome     json
) WITH (fillfactor = 70);

CREATE INDEX flights_by_end ON flights (ends_at);
