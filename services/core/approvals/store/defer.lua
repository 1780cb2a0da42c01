-- Turns an open hold into one that nobody waits for.
--
-- KEYS[1]  prefix
-- ARGV[1]  id
--
-- 1 when it is open, else 0

local id = ARGV[1]
if state_of(id) ~= 'open' then return 0 end
local hold = redis.call('HMGET', hold_key(id), 'owner', 'expiresAtMs')
local owner = hold[1]
if owner ~= '' then
  redis.call('HSET', hold_key(id), 'owner', '')
  redis.call('SREM', owner_key(owner), id)
  for _, key in ipairs(deferred_keys(id)) do
    redis.call('SADD', key, id)
    keep(key, tonumber(hold[2]))
  end
  tell(owner, id)
end
return 1
