-- Counts a vote of somebody who may vote on this hold (that depends on nothing that changes, and is found out before).
--
-- KEYS[1]  prefix
-- ARGV[1]  id       ARGV[2]  party (JSON)   ARGV[3]  verdict   ARGV[4]  reason
-- ARGV[5]  id for the grant, should there be one
--
-- {'refused', why} | {'counted', field, value, ...} with the fields of the hold

local id, party, verdict = ARGV[1], ARGV[2], ARGV[3]
local key = hold_key(id)
local state = state_of(id)
local hold = redis.call('HMGET', key, 'owner', 'quorum', 'votes', 'grantKind')
local owner, quorum = hold[1], tonumber(hold[2])
if not state then return { 'refused', 'unknown-hold' } end
if state == 'expired' then return { 'refused', 'expired' } end
if state ~= 'open' then return { 'refused', 'not-open' } end
if owner ~= '' and not lives(owner) then
  leave_open(id, 'withdrawn')
  return { 'refused', 'owner-gone' }
end
if redis.call('HSETNX', key, 'party:' .. party, 1) == 0 then return { 'refused', 'already-voted' } end

local n = tonumber(hold[3]) + 1
local vote = 'vote:' .. n
redis.call('HSET', key, 'votes', n,
  vote, verdict, vote .. ':approver', party, vote .. ':reason', ARGV[4], vote .. ':atMs', now_ms)
if verdict == 'reject' then
  leave_open(id, 'rejected')
elseif redis.call('HINCRBY', key, 'approvals', 1) >= quorum then
  if owner == '' or hold[4] == 'window' then
    local terms = redis.call('HMGET', key, 'scope', 'grantDigest', 'grantMs')
    local expires_at_ms = now_ms + tonumber(terms[3])
    local approvers = {}
    for i = 1, n do approvers[i] = redis.call('HGET', key, 'vote:' .. i .. ':approver') end
    redis.call('HSET', grant_key(ARGV[5]),
      'id', ARGV[5], 'hold', id, 'scope', terms[1], 'digest', terms[2], 'kind', hold[4],
      -- Each is JSON already, so this is a JSON array.
      'approvers', '[' .. table.concat(approvers, ',') .. ']', 'expiresAtMs', expires_at_ms)
    redis.call('PEXPIREAT', grant_key(ARGV[5]), expires_at_ms)
    redis.call('ZADD', grants_key(terms[2]), expires_at_ms, ARGV[5])
    keep(grants_key(terms[2]), expires_at_ms)
  end
  leave_open(id, 'approved')
end
return { 'counted', unpack(redis.call('HGETALL', key)) }
