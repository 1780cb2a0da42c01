-- Holds as an approver is to see them: what a dead process was waiting for cannot be approved, so it shows as
-- withdrawn. It is not ended by that: a process that was cut off for a while may come back to it.
--
-- KEYS[1]  prefix
-- ARGV[n]  id
--
-- one {field, value, ...} for each id, empty where there is no such hold

local holds = {}
for n, id in ipairs(ARGV) do
  local state = state_of(id)
  local owner = redis.call('HGET', hold_key(id), 'owner')
  local fields = redis.call('HGETALL', hold_key(id))
  if (state == 'open' or state == 'approved') and owner ~= '' and not lives(owner) then
    fields[#fields + 1] = 'state'
    fields[#fields + 1] = 'withdrawn'
  end
  holds[n] = fields
end
return holds
