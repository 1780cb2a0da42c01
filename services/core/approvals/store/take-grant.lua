-- Takes an approval that is there already: one that lasts a while if there is one, else one that this use ends.
--
-- KEYS[1]  prefix
-- ARGV     digests: of the action, and of the rule where its approvals may cover it
--
-- {} | {field, value, ...} with the fields of the grant

local once, once_in
for _, digest in ipairs(ARGV) do
  local key = grants_key(digest)
  redis.call('ZREMRANGEBYSCORE', key, '-inf', now_ms)
  for _, id in ipairs(redis.call('ZRANGE', key, 0, -1)) do
    local kind = redis.call('HGET', grant_key(id), 'kind')
    if kind == 'window' then return redis.call('HGETALL', grant_key(id)) end
    if kind == 'exact' and not once then once, once_in = id, key end
  end
end
if not once then return {} end
local grant = redis.call('HGETALL', grant_key(once))
redis.call('ZREM', once_in, once)
redis.call('DEL', grant_key(once))
return grant
