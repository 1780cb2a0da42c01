-- Before every command: the names of keys, the clock, and the one way in which a hold leaves the open state.
-- scripts.ts sets the limits before this: ended_kept_ms, max_ended, outcome_kept_ms.
--
-- KEYS[1]  the prefix, with a hash tag. Every key a command touches begins with it, so that all are in one slot; most
--          names depend on what the command finds, so they cannot be declared beforehand.
--
-- <prefix>:hold:<id>             hash   the hold; lives ended_kept_ms longer than it is open
--     state owner ('' when nobody waits) request requester digest quorum votes approvals openedAtMs expiresAtMs
--     scope grantKind grantDigest grantMs      what its approval leaves behind
--     also (digests, a blank between them) alsoMs      what it approves beside that, each once
--     vote:<n> (the verdict) vote:<n>:approver vote:<n>:reason vote:<n>:atMs; party:<issuer and subject> has voted
--     usedBy                                   the wait that has used it up
-- <prefix>:open                  zset   open holds by expiry
-- <prefix>:ended                 list   holds that have left the open state, the last one first
-- <prefix>:requester:<digest>    set    open holds of one requester
-- <prefix>:deferred:<requester digest>:<digest>   set   those that approve one action and that nobody waits for
-- <prefix>:owner:<owner>         set    open holds whose clients wait at one process
-- <prefix>:leases                zset   processes by the time at which they count as dead
-- <prefix>:grant:<id>            hash   a grant
-- <prefix>:grants:<digest>       zset   grants found by that digest, by expiry
-- <prefix>:decided:<owner>       channel: ids of holds of that process that have left the open state

local prefix = KEYS[1]
local time = redis.call('TIME')
local now_ms = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)

local open_key = prefix .. ':open'
local ended_key = prefix .. ':ended'
local leases_key = prefix .. ':leases'
local function hold_key(id) return prefix .. ':hold:' .. id end
local function requester_key(requester) return prefix .. ':requester:' .. requester end
local function deferred_key(requester, digest) return prefix .. ':deferred:' .. requester .. ':' .. digest end
local function owner_key(owner) return prefix .. ':owner:' .. owner end
local function grant_key(id) return prefix .. ':grant:' .. id end
local function grants_key(digest) return prefix .. ':grants:' .. digest end

-- The digests of what a hold approves beside its own action. None of a hold that an older gateway has opened.
local function also_of(id)
  local digests = {}
  for digest in string.gmatch(redis.call('HGET', hold_key(id), 'also') or '', '%S+') do digests[#digests + 1] = digest end
  return digests
end

-- Where a hold that nobody waits for is found by what it approves.
local function deferred_keys(id)
  local hold = redis.call('HMGET', hold_key(id), 'requester', 'digest')
  local keys = { deferred_key(hold[1], hold[2]) }
  for _, digest in ipairs(also_of(id)) do keys[#keys + 1] = deferred_key(hold[1], digest) end
  return keys
end

-- Makes a shared key live at least until then. (PEXPIREAT ... GT leaves a key without a TTL as it is.)
local function keep(key, until_ms)
  if redis.call('PEXPIRETIME', key) < until_ms then redis.call('PEXPIREAT', key, until_ms) end
end

local function lives(owner)
  local until_ms = redis.call('ZSCORE', leases_key, owner)
  return until_ms and tonumber(until_ms) > now_ms
end

local function tell(owner, id)
  if owner ~= '' then redis.call('PUBLISH', prefix .. ':decided:' .. owner, id) end
end

local function leave_open(id, state)
  local key = hold_key(id)
  redis.call('ZREM', open_key, id)
  local hold = redis.call('HMGET', key, 'requester', 'owner')
  local requester, owner = hold[1], hold[2]
  -- Evicted by a Redis that is short of memory: then there is nothing left to end.
  if not requester then return end
  redis.call('SREM', requester_key(requester), id)
  for _, found_by in ipairs(owner == '' and deferred_keys(id) or { owner_key(owner) }) do redis.call('SREM', found_by, id) end
  redis.call('HSET', key, 'state', state)
  redis.call('PEXPIREAT', key, now_ms + ended_kept_ms)
  redis.call('LPUSH', ended_key, id)
  keep(ended_key, now_ms + ended_kept_ms)
  while redis.call('LLEN', ended_key) > max_ended do
    redis.call('PEXPIRE', hold_key(redis.call('RPOP', ended_key)), outcome_kept_ms, 'LT')
  end
  tell(owner, id)
end

-- The state of a hold, false when there is none. Its own time counts, so that no loss of an index (a Redis that is short
-- of memory evicts keys) can keep it open.
local function state_of(id)
  local hold = redis.call('HMGET', hold_key(id), 'state', 'expiresAtMs')
  if hold[1] == 'open' and tonumber(hold[2]) <= now_ms then
    leave_open(id, 'expired')
    return 'expired'
  end
  return hold[1]
end

-- Ends a hold nobody waits for any more, and one that was approved for a client that has left before it took it up.
local function withdraw(id)
  local state, owner = state_of(id), redis.call('HGET', hold_key(id), 'owner')
  if state == 'open' then
    leave_open(id, 'withdrawn')
  elseif state == 'approved' and owner ~= '' then
    redis.call('HSET', hold_key(id), 'state', 'withdrawn')
    tell(owner, id)
  end
end

for _, id in ipairs(redis.call('ZRANGEBYSCORE', open_key, '-inf', now_ms)) do
  leave_open(id, 'expired')
end
