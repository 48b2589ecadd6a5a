-- A similarity is only worth what its embedder's scale says: outcomes of one teach nothing about another. Embedders are
-- told apart by the length of their vectors, as the vectors themselves are; until now there was one, of 384 numbers.
ALTER TABLE cache_observations ADD COLUMN dimensions integer NOT NULL DEFAULT 384;

-- The newest of one embedder, though another has left more.
CREATE INDEX cache_observations_by_embedder ON cache_observations (route, dimensions, observed_at, id);
DROP INDEX cache_observations_by_route;
