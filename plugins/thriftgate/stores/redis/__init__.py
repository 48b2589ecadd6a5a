"""The ports in Redis 8: cache and coalescing, through RedisVL's indexes."""
