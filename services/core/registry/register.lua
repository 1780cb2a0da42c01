-- A sign of life of one gateway process.
--
-- KEYS[1]  prefix, with a hash tag
-- ARGV[1]  process (JSON with id and name)   ARGV[2]  leaseMs
--
-- {process (JSON), ...}: all that live
--
-- <prefix>:processes       zset   gateway processes by the time at which they count as gone
-- <prefix>:process:<id>    channel: questions for one process, and answers to its own
-- <prefix>:news            channel: what all are told

local time = redis.call('TIME')
local now_ms = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local key = KEYS[1] .. ':processes'
local until_ms = now_ms + tonumber(ARGV[2])
local own = cjson.decode(ARGV[1])

redis.call('ZREMRANGEBYSCORE', key, '-inf', now_ms)
redis.call('ZADD', key, until_ms, ARGV[1])
redis.call('PEXPIREAT', key, until_ms)
-- One that was killed and has been started again is not waited for under its former id. It is told from a namesake on another
-- machine by its channel, which nobody listens to any more.
for _, process in ipairs(redis.call('ZRANGE', key, 0, -1)) do
  local other = cjson.decode(process)
  if other.name == own.name and other.id ~= own.id then
    local channel = KEYS[1] .. ':process:' .. other.id
    if redis.call('PUBSUB', 'NUMSUB', channel)[2] == 0 then redis.call('ZREM', key, process) end
  end
end
return redis.call('ZRANGE', key, 0, -1)
