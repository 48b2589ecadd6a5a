-- Two embedders may make vectors of one length (MiniLM and E5: 384), and what one's similarities taught is wrong of the
-- other's: outcomes are told apart by the embedder's name. A gateway of before writes none, nor did it until now: its
-- embedder is the one that its length stands for, 256 `fast` and else `local`, which readers say (`cache/sql.py`).
ALTER TABLE cache_observations ADD COLUMN embedder text;
-- `cache_observations_by_embedder` stays: a gateway of before that still runs beside this one reads by it.
CREATE INDEX cache_observations_by_embedder_name ON cache_observations (
    route, COALESCE(embedder, CASE dimensions WHEN 256 THEN 'fast' ELSE 'local' END), dimensions, observed_at, id
);
