-- Two embedders may make vectors of one length (MiniLM and E5: 384), and what one's similarities taught is wrong of the
-- other's: outcomes are told apart by the embedder's name. A gateway of before that still runs writes none; it has MiniLM.
ALTER TABLE cache_observations ADD COLUMN embedder text NOT NULL DEFAULT 'local';
UPDATE cache_observations SET embedder = 'fast' WHERE dimensions = 256;
CREATE INDEX cache_observations_by_embedder_name ON cache_observations (route, embedder, dimensions, observed_at, id);
DROP INDEX cache_observations_by_embedder;
