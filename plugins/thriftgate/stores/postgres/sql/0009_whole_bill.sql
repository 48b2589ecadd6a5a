-- What a trace shows of the whole bill: the parts of a call's cost, the calls that an audit made, when the request that
-- it judged was asked, and whom a client says it asks for, beside the owner of its key.
ALTER TABLE requests ADD COLUMN end_user_id text;
ALTER TABLE calls    ADD COLUMN cost_parts  jsonb;
ALTER TABLE audits
    ADD COLUMN asked_at double precision,
    ADD COLUMN calls    jsonb;
