-- How a hold ended, for the client that waits for it. An approved one is used up by being told so, by one wait alone.
--
-- KEYS[1]  prefix
-- ARGV[1]  id   ARGV[2]  owner   ARGV[3]  the wait: a claim whose answer was lost may be repeated
--
-- {'pending', leftMs} | {'released', field, value, ...} | {'rejected', field, value, ...} with the fields of the hold
-- | {'deferred'} | {'expired'} | {'withdrawn'} | {'not-owner'}

local key = hold_key(ARGV[1])
local state = state_of(ARGV[1])
local hold = redis.call('HMGET', key, 'owner', 'expiresAtMs', 'usedBy')
local owner = hold[1]
-- Gone with a Redis that kept nothing, or evicted.
if not state then return { 'withdrawn' } end
if state == 'open' or state == 'approved' then
  if owner == '' then return { 'deferred' } end
  if owner ~= ARGV[2] then return { 'not-owner' } end
  if state == 'open' then return { 'pending', tonumber(hold[2]) - now_ms } end
  redis.call('HSET', key, 'state', 'used', 'usedBy', ARGV[3])
  return { 'released', unpack(redis.call('HGETALL', key)) }
end
if state == 'used' then
  if hold[3] == ARGV[3] then return { 'released', unpack(redis.call('HGETALL', key)) } end
  return { 'withdrawn' }
end
if state == 'rejected' then return { 'rejected', unpack(redis.call('HGETALL', key)) } end
return { state }
