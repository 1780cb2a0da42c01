-- Ids of the open holds and of those that have ended, the last one first.
--
-- KEYS[1]  prefix
--
-- {{id, ...}, {id, ...}}

return { redis.call('ZRANGE', open_key, 0, -1), redis.call('LRANGE', ended_key, 0, -1) }
