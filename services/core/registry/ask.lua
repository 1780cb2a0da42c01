-- Puts a question to all other processes that live.
--
-- KEYS[1]  prefix
-- ARGV[1]  process that asks (JSON)   ARGV[2]  message
--
-- {process (JSON), receivers, ...}: with 0 receivers it does not listen, and will not answer

local time = redis.call('TIME')
local now_ms = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local asked = {}
for _, process in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1] .. ':processes', '(' .. now_ms, '+inf')) do
  if process ~= ARGV[1] then
    asked[#asked + 1] = process
    asked[#asked + 1] = redis.call('PUBLISH', KEYS[1] .. ':process:' .. cjson.decode(process).id, ARGV[2])
  end
end
return asked
