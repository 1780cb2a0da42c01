-- KEYS[1]  prefix
-- ARGV[1]  channel, behind the prefix   ARGV[2]  message
--
-- how many have received it

return redis.call('PUBLISH', KEYS[1] .. ARGV[1], ARGV[2])
