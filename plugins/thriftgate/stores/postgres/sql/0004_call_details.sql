-- What a trace shows of a call beside its numbers, so that one sent again from here equals the one sent at the time.
-- Only known parameters with a number or a single word: nothing that anybody said.
ALTER TABLE calls
    ADD COLUMN min_logprob double precision,
    ADD COLUMN parameters  jsonb;
