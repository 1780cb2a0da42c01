-- A process ends.
--
-- KEYS[1]  prefix
-- ARGV[1]  process (JSON)

return redis.call('ZREM', KEYS[1] .. ':processes', ARGV[1])
