-- Counts a vote of somebody who may vote on this hold (that depends on nothing that changes, and is found out before).
--
-- KEYS[1]  prefix
-- ARGV[1]  id       ARGV[2]  party (JSON)   ARGV[3]  verdict   ARGV[4]  reason
-- ARGV[5]  id for the grant, should there be one         ARGV[6...] ids for the grants of what it also approves
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
  local approvers = {}
  for i = 1, n do approvers[i] = redis.call('HGET', key, 'vote:' .. i .. ':approver') end
  local function grant(grant_id, scope, kind, digest, lasts_ms)
    local expires_at_ms = now_ms + tonumber(lasts_ms)
    redis.call('HSET', grant_key(grant_id),
      'id', grant_id, 'hold', id, 'scope', scope, 'digest', digest, 'kind', kind,
      -- Each is JSON already, so this is a JSON array.
      'approvers', '[' .. table.concat(approvers, ',') .. ']', 'expiresAtMs', expires_at_ms)
    redis.call('PEXPIREAT', grant_key(grant_id), expires_at_ms)
    redis.call('ZADD', grants_key(digest), expires_at_ms, grant_id)
    keep(grants_key(digest), expires_at_ms)
  end
  local terms = redis.call('HMGET', key, 'scope', 'grantDigest', 'grantMs', 'alsoMs')
  if owner == '' or hold[4] == 'window' then grant(ARGV[5], terms[1], hold[4], terms[2], terms[3]) end
  for i, digest in ipairs(also_of(id)) do
    if ARGV[5 + i] then grant(ARGV[5 + i], '{"kind":"exact"}', 'exact', digest, terms[4]) end
  end
  leave_open(id, 'approved')
end
return { 'counted', unpack(redis.call('HGETALL', key)) }
