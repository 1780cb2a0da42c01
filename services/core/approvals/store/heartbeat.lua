-- A sign of life of one process.
--
-- KEYS[1]  prefix
-- ARGV[1]  owner   ARGV[2]  leaseMs
--
-- {id, ...}: the open holds whose clients wait at it. Whatever else it waits for has been decided.

local until_ms = now_ms + tonumber(ARGV[2])
redis.call('ZREMRANGEBYSCORE', leases_key, '-inf', now_ms)
redis.call('ZADD', leases_key, until_ms, ARGV[1])
keep(leases_key, until_ms)
return redis.call('SMEMBERS', owner_key(ARGV[1]))
