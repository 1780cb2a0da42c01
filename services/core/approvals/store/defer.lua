-- Turns an open hold into one that nobody waits for.
--
-- KEYS[1]  prefix
-- ARGV[1]  id
--
-- 1 when it is open, else 0

local id = ARGV[1]
if state_of(id) ~= 'open' then return 0 end
local hold = redis.call('HMGET', hold_key(id), 'owner', 'requester', 'digest', 'expiresAtMs')
local owner = hold[1]
if owner ~= '' then
  redis.call('HSET', hold_key(id), 'owner', '')
  redis.call('SREM', owner_key(owner), id)
  redis.call('SADD', deferred_key(hold[2], hold[3]), id)
  keep(deferred_key(hold[2], hold[3]), tonumber(hold[4]))
  tell(owner, id)
end
return 1
